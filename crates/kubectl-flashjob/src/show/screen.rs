//! Where text goes: how wide it may be and whether it has colours. Asks the terminal.

use std::io::{ErrorKind, IsTerminal, Write as _};

use flashjob_operator::cli::terminal::{Failure, write_out};

use super::{ColorChoice, Line};

/// Columns of what is not a terminal: nothing is cut.
const ENDLESS: usize = usize::MAX;

/// See the module's documentation.
#[derive(Clone, Copy, Debug)]
pub struct Screen {
    /// Columns of a line.
    pub columns: usize,
    /// Whether they have colours.
    pub colored: bool,
}

impl Screen {
    /// Standard output.
    pub fn of(choice: ColorChoice) -> Self {
        let stdout = std::io::stdout();
        let terminal = stdout.is_terminal();
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let size = terminal_size::terminal_size_of(&stdout).filter(|_| terminal);
        Self {
            columns: size.map_or(ENDLESS, |(width, _)| usize::from(width.0).max(20)),
            colored: choice.holds(terminal, no_color),
        }
    }

    /// Prints lines, each cut to the screen.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub fn print(self, lines: impl IntoIterator<Item = Line>) -> Result<(), Failure> {
        write_out(&self.text(lines))
    }

    /// Prints lines of what goes on and on. Returns whether anybody still reads them.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub fn append(self, lines: impl IntoIterator<Item = Line>) -> Result<bool, Failure> {
        match std::io::stdout().write_all(self.text(lines).as_bytes()) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
            written => Ok(written.map(|()| true)?),
        }
    }

    fn text(self, lines: impl IntoIterator<Item = Line>) -> String {
        let mut text = String::new();
        for line in lines {
            let line = line.fit(self.columns);
            if self.colored {
                text.push_str(line.colored().trim_end());
            } else {
                text.push_str(&line.text());
            }
            text.push('\n');
        }
        text
    }
}
