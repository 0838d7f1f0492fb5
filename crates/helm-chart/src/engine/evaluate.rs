//! Templates within templates, and the bounds of a rendering.
//!
//! Pure; called by `Program::render` for files and by the functions `include` and `tpl`.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use super::blocks::Execution;
use super::check;
use super::error::{Bound, NO_MISTAKE, RenderError};
use super::functions::{FunctionError, Pattern};
use super::source::{self, Template, Templates};
use super::value::Value;
use super::{ELEMENT, Limits};
use crate::text::shorten;

/// Outcome of an evaluation step. The error is boxed because it is large and rare.
pub(super) type Outcome<T> = Result<T, Box<RenderError>>;

/// Bytes of a text that are parsed for the price of a step.
const BYTES_PARSED: usize = 4;
/// Longest text that an error quotes.
const MAX_QUOTED: usize = 1_000;
/// Helm's own bound on a template that includes itself.
const SAME_INCLUDE: usize = 1000;

/// What one rendering shares: templates in scope, output, and how much was used of each bound.
pub struct State {
    limits: Limits,
    /// Templates of the chart, and above them those defined by the `tpl` texts being run.
    scopes: Vec<Arc<Templates>>,
    out: String,
    includes: HashMap<String, usize>,
    depth: usize,
    nesting: usize,
    steps: u64,
    size: usize,
    began: Instant,
    /// Steps at which the time is looked at next.
    look_at: u64,
    /// Regular expressions that were compiled, by their text and whether their groups capture.
    patterns: HashMap<(Rc<str>, bool), Rc<Pattern>>,
}

/// Steps between two looks at the time.
const STEPS_OF_LOOK: u64 = 4096;
/// Compiled expressions that are kept.
const MAX_PATTERNS: usize = 16;

impl State {
    /// A rendering of these templates.
    pub(super) fn new(templates: Arc<Templates>, limits: Limits) -> Self {
        let includes = HashMap::new();
        Self {
            limits,
            scopes: vec![templates],
            out: String::new(),
            includes,
            depth: 0,
            nesting: 0,
            steps: 0,
            size: 0,
            began: Instant::now(),
            look_at: STEPS_OF_LOOK,
            patterns: HashMap::new(),
        }
    }

    /// What was charged so far: steps, and bytes.
    #[cfg(test)]
    pub(super) fn charged(&self) -> (u64, usize) {
        (self.steps, self.size)
    }

    /// A compiled expression that was used before.
    pub(super) fn pattern(&self, text: &Rc<str>, captures: bool) -> Option<Rc<Pattern>> {
        self.patterns
            .get(&(Rc::clone(text), captures))
            .map(Rc::clone)
    }

    pub(super) fn keep_pattern(&mut self, text: Rc<str>, captures: bool, pattern: Rc<Pattern>) {
        if self.patterns.len() >= MAX_PATTERNS {
            self.patterns.clear();
        }
        self.patterns.insert((text, captures), pattern);
    }

    /// Runs a named template; its text. `None` if there is none of that name.
    pub(super) fn run(&mut self, name: &str, data: &Value) -> Option<Outcome<String>> {
        let template = self.find(name)?;
        Some(self.capture(&template, data))
    }

    pub(super) fn find(&self, name: &str) -> Option<Arc<Template>> {
        self.scopes
            .iter()
            .rev()
            .find_map(|scope| scope.get(name))
            .map(Arc::clone)
    }

    fn capture(&mut self, template: &Template, data: &Value) -> Outcome<String> {
        let outer = std::mem::take(&mut self.out);
        let outcome = self.execute(template, data);
        let text = std::mem::replace(&mut self.out, outer);
        outcome.map(|()| text)
    }

    pub(super) fn execute(&mut self, template: &Template, data: &Value) -> Outcome<()> {
        self.depth += 1;
        if self.depth > self.limits.depth {
            return Err(Box::new(RenderError::bound(Bound::Depth)));
        }
        let mut execution = Execution {
            state: self,
            template,
            variables: vec![("$", data.clone())],
        };
        let outcome = execution.list(&template.body, data);
        self.depth -= 1;
        outcome.map(|_| ())
    }

    /// `include`
    pub(super) fn include(&mut self, name: &str, data: &Value) -> Result<String, FunctionError> {
        let Some(template) = self.find(name) else {
            let message =
                format!("template: no template {name:?} associated with template \"gotpl\"");
            return Err(FunctionError::new(message));
        };
        let count = self.includes.entry(name.to_owned()).or_insert(0);
        if *count > SAME_INCLUDE {
            let message = format!(
                "rendering template has a nested reference name: {name}: unable to execute template"
            );
            return Err(FunctionError::new(message));
        }
        *count += 1;
        let outcome = self.capture(&template, data);
        if let Some(count) = self.includes.get_mut(name) {
            *count -= 1;
        }
        outcome.map_err(FunctionError::Render)
    }

    /// `tpl`: what the text defines is known while it runs, and forgotten after.
    pub(super) fn tpl(&mut self, text: &str, data: &Value) -> Result<String, FunctionError> {
        // A tree of what is parsed, and the parsing.
        self.charge(text.len().saturating_mul(ELEMENT))
            .and_then(|()| self.spend(text.len() / BYTES_PARSED))
            .map_err(FunctionError::Render)?;
        let parsed = source::parse("gotpl", text);
        let problem = match &parsed {
            Ok(templates) => check::check(templates)
                .problems
                .into_iter()
                .next()
                .map(|problem| {
                    let is_ours = problem.is_unsupported_function;
                    (problem.line, problem.without_blame(), is_ours)
                }),
            Err(error) => match error.message.strip_suffix(NO_MISTAKE) {
                Some(what) => Some((error.line, what.trim_end_matches("; ").to_owned(), true)),
                None => Some((error.line, error.message.clone(), false)),
            },
        };
        if let Some((line, message, is_ours)) = problem {
            let text = shorten(text, MAX_QUOTED);
            let what = format!("cannot parse template {text:?}: template: gotpl:{line}: {message}");
            return Err(if is_ours {
                FunctionError::limit(&what)
            } else {
                FunctionError::new(what)
            });
        }
        let templates = parsed.unwrap_or_default();
        let Some(main) = templates.last().map(Arc::clone) else {
            return Ok(String::new());
        };
        let mut scope = Templates::default();
        // A blank definition does not replace one of an outer scope either.
        scope.add(
            templates
                .into_iter()
                .filter(|template| {
                    !template.body.is_empty_tree() || self.find(&template.name).is_none()
                })
                .collect(),
        );
        self.scopes.push(Arc::new(scope));
        let outcome = self.capture(&main, data);
        self.scopes.pop();
        Ok(outcome
            .map_err(FunctionError::Render)?
            .replace("<no value>", ""))
    }

    /// Accounts for bytes or elements about to be produced.
    pub(super) fn charge(&mut self, size: usize) -> Outcome<()> {
        self.size = self.size.saturating_add(size);
        if self.size > self.limits.size {
            Err(Box::new(RenderError::bound(Bound::Size)))
        } else {
            Ok(())
        }
    }

    pub(super) fn write(&mut self, text: &str) -> Outcome<()> {
        self.charge(text.len())?;
        self.out.push_str(text);
        Ok(())
    }

    pub(super) fn step(&mut self) -> Outcome<()> {
        self.spend(1)
    }

    pub(super) fn spend(&mut self, steps: usize) -> Outcome<()> {
        self.steps = self.steps.saturating_add(steps as u64);
        if self.steps > self.limits.steps {
            return Err(Box::new(RenderError::bound(Bound::Steps)));
        }
        if self.steps >= self.look_at {
            self.look_at = self.steps + STEPS_OF_LOOK;
            return self.look();
        }
        Ok(())
    }

    /// Looks at the time.
    pub(super) fn look(&self) -> Outcome<()> {
        if self.began.elapsed() > self.limits.time {
            Err(Box::new(RenderError::bound(Bound::Time)))
        } else {
            Ok(())
        }
    }

    pub(super) fn enter(&mut self) -> Outcome<()> {
        self.nesting += 1;
        if self.nesting > self.limits.nesting {
            Err(Box::new(RenderError::bound(Bound::Nesting)))
        } else {
            Ok(())
        }
    }

    pub(super) fn leave(&mut self) {
        self.nesting -= 1;
    }
}
