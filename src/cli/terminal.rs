//! What is printed, and how a terminal is kept from acting on texts of others. Writes to standard output and standard error alone.

use std::{error::Error, io::Write, process::ExitCode};

use helm_chart::yaml;

use crate::display;

/// What a subcommand fails with; its chain is printed once.
pub type Failure = Box<dyn Error + Send + Sync>;

/// How something is printed.
#[derive(clap::ValueEnum, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Output {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
    /// The same as YAML.
    Yaml,
}

impl Output {
    /// The value, as text or as a document.
    ///
    /// # Errors
    /// When the value cannot be written as a document.
    pub fn show<T: serde::Serialize>(
        self,
        value: &T,
        text: impl Fn(&T) -> String,
    ) -> Result<String, Failure> {
        match self {
            Self::Text => Ok(text(value)),
            Self::Json => json(value),
            Self::Yaml => {
                let seen = |letter: char| letter == '\n' || !display::is_hidden(letter);
                match yaml::try_emit(&serde_json::to_value(value)?) {
                    Ok(document) if document.chars().all(seen) => Ok(document),
                    // JSON is YAML too, and can escape everything.
                    _ => json(value),
                }
            }
        }
    }
}

/// The value as JSON that a terminal can be shown.
///
/// # Errors
/// When the value cannot be written as a document.
pub fn json<T: serde::Serialize>(value: &T) -> Result<String, Failure> {
    let document = serde_json::to_string_pretty(value)?;
    Ok(format!("{}\n", display::json(&document)))
}

/// Prints to a person: whatever others wrote into it, a line is a line and a terminal is not told anything.
///
/// # Errors
/// When standard output cannot be written.
pub fn print(text: &str) -> Result<(), Failure> {
    write_out(&display::block(text))
}

/// Says on standard error what went wrong: one finding a line. What follows the first line is indented, so that nothing that others
/// wrote passes for words of the program.
pub fn complain(text: &str) {
    eprintln!("{}", findings(text));
}

fn findings(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let lines = lines.map(|line| display::line(line.trim_end(), display::LINE));
    lines.collect::<Vec<_>>().join("\n  ")
}

/// Writes a document to standard output as it is; a reader that has seen enough is not an error.
///
/// # Errors
/// When standard output cannot be written.
pub fn write_out(text: &str) -> Result<(), Failure> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// An error with its causes, each once.
#[must_use]
pub fn words(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        cause = error.source();
    }
    text
}

/// Prints an error with its causes, each once, as this program's.
pub(super) fn report(program: &str, error: &(dyn Error + 'static)) -> ExitCode {
    complain(&format!("{program}: {}", words(error)));
    ExitCode::FAILURE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_for_a_terminal_holds_nothing_that_a_terminal_acts_upon_and_means_the_same() {
        let value = serde_json::json!({"version": "1\u{9b}2J\u{1b}[2J\u{202e}"});
        let text = Output::Json.show(&value, |_| String::new()).unwrap();
        assert!(
            !text
                .chars()
                .any(|letter| letter != '\n' && display::is_hidden(letter)),
            "{text:?}"
        );
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&text).unwrap(),
            value
        );
    }

    #[rstest::rstest]
    #[case::json(Output::Json)]
    #[case::yaml(Output::Yaml)]
    fn a_document_for_a_terminal_means_the_same_in_either_form(#[case] output: Output) {
        for value in [
            serde_json::json!({"list": [1, "2", null], "text": "a\nb"}),
            serde_json::json!({"version": "1\u{9b}2J\u{202e}"}),
        ] {
            let text = output.show(&value, |_| String::new()).unwrap();
            assert!(
                text.chars()
                    .all(|letter| letter == '\n' || !display::is_hidden(letter)),
                "{text:?}"
            );
            assert_eq!(yaml::parse(&text).unwrap(), value, "{text}");
        }
    }

    #[test]
    fn findings_have_a_line_each_and_none_passes_for_the_first() {
        assert_eq!(
            findings("refused: a;\nflashjob-operator: b\u{1b}[2J\n\n"),
            "refused: a;\n  flashjob-operator: b\\u{1b}[2J"
        );
    }
}
