//! Template text to syntax tree: `gotmpl`'s parser, and the rules of Go's parser that it does not enforce.
//!
//! Pure; called when a chart is compiled, and by `tpl` while one is rendered.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, OnceLock};

use gotmpl::parse::{ListNode, Parser};

use super::scan::{Normal, scan};
use super::structure;

/// A named template: a file's body, or the body of a `define` in it.
#[derive(Debug)]
pub struct Template {
    /// The name `include` and `template` know it by.
    pub name: String,
    /// The text it stands in.
    pub source: Arc<Source>,
    /// Its body.
    pub body: ListNode,
}

/// A parsed text, for positions.
#[derive(Debug)]
pub struct Source {
    /// Path with the chart's name in front, `gotpl` for text run by `tpl`.
    pub name: String,
    /// The text.
    pub text: String,
    normal: Normal,
    /// Where its lines begin.
    lines: OnceLock<Vec<usize>>,
}

impl Source {
    /// The text without its comments, but with the line breaks in them: lines stay where they are.
    pub(super) fn without_comments(&self) -> Cow<'_, str> {
        if self.normal.comments.is_empty() {
            return Cow::Borrowed(&self.text);
        }
        let mut kept = String::with_capacity(self.text.len());
        let mut from = 0;
        for (start, end) in &self.normal.comments {
            kept.push_str(&self.text[from..*start]);
            kept.extend(self.text[*start..*end].matches('\n'));
            from = *end;
        }
        Cow::Owned(kept + &self.text[from..])
    }

    /// Line from 1 and column from 0, both as Go counts them, of an offset in the syntax tree.
    #[must_use]
    pub fn line_column(&self, offset: usize) -> (usize, usize) {
        let offset = self.normal.original(offset).min(self.text.len());
        let lines = self.lines.get_or_init(|| {
            let ends = self.text.match_indices('\n').map(|(offset, _)| offset + 1);
            std::iter::once(0).chain(ends).collect()
        });
        let line = lines.partition_point(|start| *start <= offset);
        (line, offset - lines[line - 1])
    }
}

/// Line of an offset, from 1.
pub(super) fn line_at(text: &str, offset: usize) -> usize {
    1 + text[..offset.min(text.len())].matches('\n').count()
}

/// Why a text is not a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// Line, from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
}

/// Templates by name. Later ones replace earlier ones, unless they are blank, as in Go.
#[derive(Clone, Debug, Default)]
pub struct Templates(BTreeMap<String, Arc<Template>>);

impl Templates {
    /// The template of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<Template>> {
        self.0.get(name)
    }

    /// Adds what one text holds.
    pub fn add(&mut self, parsed: Vec<Arc<Template>>) {
        for template in parsed {
            if template.body.is_empty_tree() && self.0.contains_key(&template.name) {
                continue;
            }
            self.0.insert(template.name.clone(), template);
        }
    }
}

/// Parses a text: the templates defined in it, the text's own last.
///
/// # Errors
/// If it is not a Go template, with the line.
pub fn parse(name: &str, text: &str) -> Result<Vec<Arc<Template>>, SyntaxError> {
    let (normal, actions) = scan(text)?;
    structure::check(text, &actions)?;
    let parsed = Parser::with_name(Some(name), &normal.text, "{{", "}}").and_then(Parser::parse);
    let (body, defines) = parsed.map_err(|error| syntax(&error, text, &normal))?;
    let source = Arc::new(Source {
        name: name.to_owned(),
        text: text.to_owned(),
        normal,
        lines: OnceLock::new(),
    });
    let mut templates: Vec<Arc<Template>> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for define in defines {
        let name = define.name.to_string();
        let place = places.get(&name).copied();
        if place.is_some() && define.body.is_empty_tree() {
            continue;
        }
        if place.is_some_and(|place| !templates[place].body.is_empty_tree()) {
            let message = format!("template: multiple definition of template {name:?}");
            let (line, _) = source.line_column(define.pos.offset);
            return Err(SyntaxError { line, message });
        }
        let template = Arc::new(Template {
            name: name.clone(),
            source: Arc::clone(&source),
            body: define.body,
        });
        if let Some(place) = place {
            templates[place] = template;
        } else {
            places.insert(name, templates.len());
            templates.push(template);
        }
    }
    templates.push(Arc::new(Template {
        name: name.to_owned(),
        source,
        body,
    }));
    Ok(templates)
}

fn syntax(error: &gotmpl::TemplateError, text: &str, normal: &Normal) -> SyntaxError {
    use gotmpl::TemplateError as E;
    match error {
        E::Parse { line, message, .. } | E::Lex { line, message, .. } => {
            // The parser knows the line of the normalised text only.
            let start = normal
                .text
                .split_inclusive('\n')
                .take(line.saturating_sub(1))
                .map(str::len)
                .sum();
            let original = normal.original(start).min(text.len());
            let line = line_at(text, original);
            SyntaxError {
                line,
                message: message.clone(),
            }
        }
        other => SyntaxError {
            line: 0,
            message: other.to_string(),
        },
    }
}
