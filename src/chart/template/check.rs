//! What is checked before anything runs: every function is known, every variable declared. Pure.

use std::sync::Arc;

use gotmpl::parse::{BranchNode, Expr, ListNode, Node, PipeNode};

use super::describe::Described;
use super::functions;
use super::source::Template;

/// Functions of the evaluator itself.
const JUNCTIONS: [&str; 2] = ["and", "or"];

/// Problems of the templates of one text: line and what is wrong.
pub(super) fn check(templates: &[Arc<Template>]) -> Vec<(usize, String)> {
    let mut problems = Vec::new();
    for template in templates {
        let mut checker = Checker {
            variables: vec!["$"],
            problems: Vec::new(),
        };
        checker.list(&template.body);
        problems.extend(
            checker
                .problems
                .into_iter()
                .map(|(offset, what)| (template.source.line_column(offset).0, what)),
        );
    }
    problems.sort();
    problems.dedup();
    problems
}

struct Checker<'t> {
    variables: Vec<&'t str>,
    problems: Vec<(usize, String)>,
}

impl<'t> Checker<'t> {
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
        if JUNCTIONS.contains(&name) || functions::lookup(name).is_some() {
            return;
        }
        match functions::refused(name) {
            Some(reason) => self.problem(
                node,
                format!("function {name:?} is not supported: {reason}"),
            ),
            None => self.problem(node, format!("function {name:?} not defined")),
        }
    }

    fn problem(&mut self, node: &Expr, what: String) {
        self.problems.push((node.offset(), what));
    }
}
