//! Syntax nodes as Go prints them in error messages, and where they are. Pure.

use std::fmt::Write as _;

use gotmpl::parse::{CommandNode, Expr, Node, Number, PipeNode, SmolStr};

use super::number;

/// A node that an error can point at.
pub(super) trait Described {
    /// Byte offset that Go counts the column from.
    fn offset(&self) -> usize;
    /// The expression.
    fn describe(&self) -> String;
}

impl Described for Expr {
    fn offset(&self) -> usize {
        match self {
            // Go notes a chain at its second element.
            Self::Field(pos, names) if names.len() > 1 => pos.offset + 1 + names[0].len(),
            Self::Variable(pos, name, names) if !names.is_empty() => pos.offset + name.len(),
            Self::Pipe(_, pipe) => pipe.pos.offset,
            other => other.pos().offset,
        }
    }

    fn describe(&self) -> String {
        match self {
            Self::Dot(_) => ".".to_owned(),
            Self::Field(_, names) => dotted(names),
            Self::Variable(_, name, names) => format!("{name}{}", dotted(names)),
            Self::Identifier(_, name) => name.to_string(),
            Self::String(_, text) => number::quote(text, false),
            Self::Number(_, Number::Int(value)) => value.to_string(),
            Self::Number(_, Number::Uint(value)) => value.to_string(),
            Self::Number(_, Number::Float(value)) => number::float(*value),
            Self::Bool(_, value) => value.to_string(),
            Self::Nil(_) => "nil".to_owned(),
            Self::Pipe(_, pipe) => format!("({})", pipe.describe()),
            Self::Chain(_, inner, names) => format!("{}{}", inner.describe(), dotted(names)),
        }
    }
}

fn dotted(names: &[SmolStr]) -> String {
    names.iter().fold(String::new(), |mut text, name| {
        let _ = write!(text, ".{name}");
        text
    })
}

impl Described for CommandNode {
    fn offset(&self) -> usize {
        self.pos.offset
    }

    fn describe(&self) -> String {
        self.args
            .iter()
            .map(Described::describe)
            .collect::<Vec<_>>()
            .join(" ")
    }
}

impl Described for PipeNode {
    fn offset(&self) -> usize {
        self.pos.offset
    }

    fn describe(&self) -> String {
        let commands = self
            .commands
            .iter()
            .map(Described::describe)
            .collect::<Vec<_>>()
            .join(" | ");
        if self.decl.is_empty() {
            return commands;
        }
        let names = self
            .decl
            .iter()
            .map(SmolStr::as_str)
            .collect::<Vec<_>>()
            .join(", ");
        format!(
            "{names} {} {commands}",
            if self.is_assign { "=" } else { ":=" }
        )
    }
}

impl Described for Node {
    fn offset(&self) -> usize {
        match self {
            Self::List(node) => node.pos.offset,
            Self::Text(node) => node.pos.offset,
            Self::Action(node) => node.pos.offset,
            Self::If(node) | Self::Range(node) | Self::With(node) => node.pos.offset,
            Self::Template(node) => node.pos.offset,
            Self::Define(node) => node.pos.offset,
            Self::Break(pos) | Self::Continue(pos) => pos.offset,
        }
    }

    fn describe(&self) -> String {
        match self {
            Self::Action(node) => format!("{{{{{}}}}}", node.pipe.describe()),
            Self::Template(node) => match &node.pipe {
                Some(pipe) => format!(
                    "{{{{template {} {}}}}}",
                    number::quote(&node.name, false),
                    pipe.describe()
                ),
                None => format!("{{{{template {}}}}}", number::quote(&node.name, false)),
            },
            Self::If(node) => format!("{{{{if {}}}}}", node.pipe.describe()),
            Self::Range(node) => format!("{{{{range {}}}}}", node.pipe.describe()),
            Self::With(node) => format!("{{{{with {}}}}}", node.pipe.describe()),
            Self::Define(node) => format!("{{{{define {}}}}}", number::quote(&node.name, false)),
            Self::Break(_) => "{{break}}".to_owned(),
            Self::Continue(_) => "{{continue}}".to_owned(),
            Self::List(_) | Self::Text(_) => "text".to_owned(),
        }
    }
}
