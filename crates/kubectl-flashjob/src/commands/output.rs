//! The forms in which something is printed.

use flashjob_operator::{
    cli::terminal::{self, Failure, write_out},
    names,
};
use serde::Serialize;

/// How something is printed.
#[derive(clap::ValueEnum, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Output {
    /// For people.
    #[default]
    Text,
    /// For people, with more in it.
    Wide,
    /// For programs.
    Json,
    /// The same as YAML.
    Yaml,
    /// Names alone, as kubectl takes them.
    Name,
}

impl Output {
    /// Prints a document, or the names of what is in it. Returns whether it did: where it did not, people are to be shown something.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub fn print<'a, T: Serialize>(
        self,
        document: &T,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Result<bool, Failure> {
        let text = match self {
            Self::Text | Self::Wide => return Ok(false),
            Self::Json => terminal::Output::Json.show(document, |_| String::new())?,
            Self::Yaml => terminal::Output::Yaml.show(document, |_| String::new())?,
            Self::Name => names
                .into_iter()
                .flat_map(|name| ["flashjob.", names::GROUP, "/", name, "\n"])
                .collect(),
        };
        write_out(&text).map(|()| true)
    }
}
