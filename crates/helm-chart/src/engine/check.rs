//! What is checked before anything runs: every function is known, every variable declared; `root` follows the root context. Pure.

mod argument;
mod calls;
mod root;
mod visit;

use std::sync::Arc;

use gotmpl::parse::{BranchNode, Expr, ListNode, Node, PipeNode};

use super::describe::Described;
use super::error::NO_MISTAKE;
use super::functions::{self, Refused};
use super::source::{Source, Template};
use crate::feature::Feature;

pub(super) use root::shown;
pub(super) use visit::{Place, commands};

/// Functions of the evaluator itself.
const JUNCTIONS: [&str; 2] = ["and", "or"];

/// What was found in a text: the line, what it is, and what has to be allowed for it, if that is what it takes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Finding {
    pub(super) line: usize,
    pub(super) what: String,
    pub(super) feature: Option<Feature>,
    /// Whether it is a function that this engine does not have.
    pub(super) is_unsupported_function: bool,
}

impl Finding {
    /// Something that no feature allows.
    pub(super) fn new(line: usize, what: String) -> Self {
        Self {
            line,
            what,
            feature: None,
            is_unsupported_function: false,
        }
    }

    /// What it is, for a sentence that says later whose limit it is.
    pub(super) fn without_blame(&self) -> String {
        let what = self.what.strip_suffix(NO_MISTAKE);
        let what = what.map_or(&*self.what, |what| what.trim_end_matches("; "));
        what.to_owned()
    }
}

/// What was found in the templates of one text.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// What this engine does not render.
    pub(super) problems: Vec<Finding>,
    /// Calls of `tpl`: this engine checks the text that they run, helm does not.
    pub(super) dynamic: Vec<Finding>,
}

/// Looks through the templates of one text.
pub(super) fn check(templates: &[Arc<Template>]) -> Findings {
    let mut findings = Findings::default();
    for template in templates {
        let mut checker = Checker {
            source: &template.source,
            variables: vec!["$"],
            findings: &mut findings,
        };
        checker.list(&template.body);
    }
    findings.problems.sort();
    findings.problems.dedup();
    findings
}

/// A call of `tpl`.
pub(super) fn runs_text(line: usize) -> Finding {
    let what =
        "function \"tpl\" runs text that is not checked where only helm can render the chart";
    Finding {
        feature: Some(Feature::Tpl),
        ..Finding::new(line, what.to_owned())
    }
}

/// A function that this engine does not have.
pub(super) fn unsupported(line: usize, name: &str, refused: Refused) -> Finding {
    let Refused { why, feature } = refused;
    let what = match feature {
        Some(_) => format!("function {name:?} is not supported: {why}"),
        None => format!("function {name:?} is not supported: {why}; {NO_MISTAKE}"),
    };
    Finding {
        feature,
        is_unsupported_function: true,
        ..Finding::new(line, what)
    }
}

struct Checker<'t, 'f> {
    source: &'t Source,
    variables: Vec<&'t str>,
    findings: &'f mut Findings,
}

impl<'t> Checker<'t, '_> {
    fn list(&mut self, list: &'t ListNode) {
        for node in &list.nodes {
            match node {
                Node::Text(_) | Node::Break(_) | Node::Continue(_) => {}
                Node::Action(action) => self.pipe(&action.pipe),
                Node::If(branch) | Node::With(branch) | Node::Range(branch) => self.branch(branch),
                Node::Template(call) => {
                    if let Some(pipe) = &call.pipe {
                        self.pipe(pipe);
                    }
                }
                Node::List(list) => self.list(list),
                Node::Define(define) => self.list(&define.body),
            }
        }
    }

    fn branch(&mut self, branch: &'t BranchNode) {
        let mark = self.variables.len();
        self.pipe(&branch.pipe);
        self.list(&branch.body);
        if let Some(alternative) = &branch.else_body {
            self.list(alternative);
        }
        self.variables.truncate(mark);
    }

    fn pipe(&mut self, pipe: &'t PipeNode) {
        // Go's parser knows a name from its declaration on, the declared value included.
        self.variables
            .extend(pipe.decl.iter().map(gotmpl::parse::SmolStr::as_str));
        for (stage, command) in pipe.commands.iter().enumerate() {
            if let (
                1..,
                Some(
                    first @ (Expr::Bool(..)
                    | Expr::Dot(_)
                    | Expr::Nil(_)
                    | Expr::Number(..)
                    | Expr::String(..)),
                ),
            ) = (stage, command.args.first())
            {
                self.problem(
                    first,
                    format!("non executable command in pipeline stage {}", stage + 1),
                );
            }
            for argument in &command.args {
                self.expression(argument);
            }
        }
    }

    fn expression(&mut self, expression: &'t Expr) {
        match expression {
            Expr::Identifier(_, name) => self.function(expression, name),
            Expr::Variable(_, name, _) if !self.variables.contains(&name.as_str()) => {
                self.problem(expression, format!("undefined variable {name:?}"));
            }
            Expr::Pipe(_, pipe) => self.pipe(pipe),
            Expr::Chain(_, inner, _) => self.expression(inner),
            _ => {}
        }
    }

    fn function(&mut self, node: &Expr, name: &str) {
        if name == "tpl" {
            self.findings.dynamic.push(runs_text(self.line(node)));
        }
        if JUNCTIONS.contains(&name) || functions::lookup(name).is_some() {
            return;
        }
        match functions::refused(name) {
            Some(refused) => {
                let finding = unsupported(self.line(node), name, refused);
                self.findings.problems.push(finding);
            }
            None => self.problem(node, format!("function {name:?} not defined")),
        }
    }

    fn problem(&mut self, node: &Expr, what: String) {
        let finding = Finding::new(self.line(node), what);
        self.findings.problems.push(finding);
    }

    fn line(&self, node: &Expr) -> usize {
        self.source.line_column(node.offset()).0
    }
}
