//! Arguments of functions, and what is known of the names in them. Pure.

use gotmpl::parse::{CommandNode, Expr};

use crate::engine::describe::Described;

/// An argument, or the command that is piped into the place of one.
#[derive(Clone, Copy)]
pub(super) enum Argument<'t> {
    Expression(&'t Expr),
    Command(&'t CommandNode),
}

impl<'t> Argument<'t> {
    pub(super) fn described(self) -> &'t dyn Described {
        match self {
            Self::Expression(expression) => expression,
            Self::Command(command) => command,
        }
    }

    /// What is known of the name of a template.
    pub(super) fn name(&self) -> Name<'t> {
        if let Some(text) = self.text() {
            return Name::Constant(text);
        }
        let Self::Expression(Expr::Pipe(_, pipe)) = self else {
            return Name::Parts(Vec::new());
        };
        match &pipe.commands[..] {
            [command] => joined(&command.args),
            _ => Name::Parts(Vec::new()),
        }
    }

    /// The text of a constant.
    pub(super) fn text(&self) -> Option<&'t str> {
        match self {
            Self::Expression(Expr::String(_, text)) => Some(text),
            Self::Command(CommandNode { args, .. }) => match &args[..] {
                [Expr::String(_, text)] => Some(text),
                _ => None,
            },
            Self::Expression(_) => None,
        }
    }
}

/// What is known of the name of a template.
pub(super) enum Name<'t> {
    Constant(&'t str),
    /// It holds all of these.
    Parts(Vec<&'t str>),
    /// It is that of a file, which is given the root anyhow.
    File,
}

/// The name that `print` or `printf` makes.
fn joined(arguments: &[Expr]) -> Name<'_> {
    let Some((Expr::Identifier(_, function), arguments)) = arguments.split_first() else {
        return Name::Parts(Vec::new());
    };
    let names_file = |argument: &Expr| {
        let (Expr::Field(_, names) | Expr::Variable(_, _, names)) = argument else {
            return false;
        };
        matches!(&names[..], [template, base] if template == "Template" && base == "BasePath")
    };
    if arguments.iter().any(names_file) {
        return Name::File;
    }
    let texts = arguments.iter().filter_map(|argument| match argument {
        Expr::String(_, text) => Some(&**text),
        _ => None,
    });
    Name::Parts(match function.as_str() {
        "print" => texts.collect(),
        // What stands before the first directive.
        "printf" => texts
            .take(1)
            .filter_map(|format| format.split('%').next())
            .collect(),
        _ => Vec::new(),
    })
}
