//! The commands of a template, one after the other. Pure.

use gotmpl::parse::{CommandNode, Expr, ListNode, Node, PipeNode};

/// A command, and where it stands.
#[derive(Clone, Copy)]
pub(in crate::engine) struct Place<'t> {
    pub(in crate::engine) command: &'t CommandNode,
    /// Whether the value of another one is piped into it.
    pub(in crate::engine) is_piped: bool,
    /// Whether its value is printed as it is.
    pub(in crate::engine) is_printed: bool,
}

/// Hands over every command, those in parentheses included.
pub(in crate::engine) fn commands<'t>(list: &'t ListNode, each: &mut impl FnMut(Place<'t>)) {
    for node in &list.nodes {
        match node {
            Node::Text(_) | Node::Break(_) | Node::Continue(_) => {}
            Node::Action(action) => pipe(&action.pipe, action.pipe.decl.is_empty(), each),
            Node::If(branch) | Node::With(branch) | Node::Range(branch) => {
                pipe(&branch.pipe, false, each);
                commands(&branch.body, each);
                if let Some(alternative) = &branch.else_body {
                    commands(alternative, each);
                }
            }
            Node::Template(call) => {
                if let Some(given) = &call.pipe {
                    pipe(given, false, each);
                }
            }
            Node::List(list) => commands(list, each),
            Node::Define(define) => commands(&define.body, each),
        }
    }
}

fn pipe<'t>(node: &'t PipeNode, printed: bool, each: &mut impl FnMut(Place<'t>)) {
    for (index, command) in node.commands.iter().enumerate() {
        each(Place {
            command,
            is_piped: index > 0,
            is_printed: printed && node.commands.len() == 1,
        });
        for argument in &command.args {
            inside(argument, each);
        }
    }
}

fn inside<'t>(expression: &'t Expr, each: &mut impl FnMut(Place<'t>)) {
    match expression {
        Expr::Pipe(_, node) => pipe(node, false, each),
        Expr::Chain(_, inner, _) => inside(inner, each),
        _ => {}
    }
}
