//! The command line: one file per subcommand. Prints, exits, and starts the rest; decides nothing.
//!
//! Exit codes: 0 done, 1 failed, 2 wrong usage; 3 of `plan`: something would be refused, or wait for somebody.

mod approve;
mod cleanup;
mod completion;
mod connection;
mod crds;
#[cfg(test)]
mod documents_tests;
mod explain;
mod input;
mod job;
mod operator;
mod plan;
mod reference;
mod render;
mod rotate_seal;
mod run;
mod stop;
mod values_schema;
mod version;

use std::{error::Error, io::Write, process::ExitCode};

use clap::{Parser, Subcommand};

use crate::display;
use helm_chart::yaml;

/// Flashes firmware to fleets of devices, one Helm release per device.
#[derive(Parser, Debug)]
#[command(name = "flashjob-operator", version, propagate_version = true)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Run the operator.
    #[command(
        after_help = "Rights: those that the operator's chart gives to its ServiceAccount, and no others."
    )]
    Run(Box<crate::settings::Settings>),
    /// Print the CRDs, or write them to a directory.
    Crds(crds::Crds),
    /// Render a chart as `helm template` does, or show what would be applied for one device.
    Render(Box<render::Render>),
    /// Say what a FlashJob would do: devices in order, steps, what would be refused, and how badly and how long it can go.
    Plan(Box<plan::Plan>),
    /// Say in plain words what a FlashJob, or one of its devices, is doing, what it waits for and what comes next.
    Explain(explain::Explain),
    /// Approve a step of a rollout that waits for somebody to look at it; run by a person, with that person's rights.
    Approve(approve::Approve),
    /// Suspend classes, all of them in an emergency: nothing new of their FlashJobs starts, and what is in flight ends.
    Stop(stop::Stop),
    /// Let classes go on that `stop` suspended.
    Resume(stop::Resume),
    /// Free what FlashJobs left behind when the operator is gone; run by a person, with that person's rights.
    Cleanup(cleanup::Cleanup),
    /// Make a new key for the seals by which the operator knows its own objects; run by an administrator.
    RotateSeal(rotate_seal::RotateSeal),
    /// Print a script by which a shell completes this command line.
    Completion(completion::Completion),
    /// Print the versions of the operator, its flash chart, helm and the cluster.
    Version(version::Version),
    /// Print this command line as Markdown.
    #[command(hide = true)]
    Reference,
    /// Print the schema of the operator chart's values, with what is generated in it made anew.
    #[command(hide = true)]
    ValuesSchema(values_schema::ValuesSchema),
}

/// What a subcommand fails with; its chain is printed once.
type Failure = Box<dyn Error + Send + Sync>;

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    let line = CommandLine::parse();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return report(&error),
    };
    match runtime.block_on(dispatch(line.command)) {
        Ok(code) => code,
        Err(error) => report(error.as_ref()),
    }
}

async fn dispatch(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Run(settings) => Box::pin(run::run(*settings)).await,
        Command::Crds(crds) => crds.run().map(|()| ExitCode::SUCCESS),
        Command::Render(render) => render.run().map(|()| ExitCode::SUCCESS),
        Command::Plan(plan) => Box::pin(plan.run()).await,
        Command::Explain(explain) => explain.run().await.map(|()| ExitCode::SUCCESS),
        Command::Approve(approve) => approve.run().await,
        Command::Stop(stop) => stop.run().await,
        Command::Resume(resume) => resume.run().await,
        Command::Cleanup(cleanup) => cleanup.run().await,
        Command::RotateSeal(rotate) => rotate.run().await.map(|()| ExitCode::SUCCESS),
        Command::Version(version) => version.run().await.map(|()| ExitCode::SUCCESS),
        Command::Completion(completion) => completion.run().map(|()| ExitCode::SUCCESS),
        Command::ValuesSchema(schema) => schema.run().map(|()| ExitCode::SUCCESS),
        Command::Reference => write_out(&reference::markdown()).map(|()| ExitCode::SUCCESS),
    }
}

/// How something is printed.
#[derive(clap::ValueEnum, Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Output {
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
    fn show<T: serde::Serialize>(
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

fn json<T: serde::Serialize>(value: &T) -> Result<String, Failure> {
    let document = serde_json::to_string_pretty(value)?;
    Ok(format!("{}\n", display::json(&document)))
}

/// Prints to a person: whatever others wrote into it, a line is a line and a terminal is not told anything.
fn print(text: &str) -> Result<(), Failure> {
    write_out(&display::block(text))
}

/// Says on standard error what went wrong: one finding a line. What follows the first line is indented, so that nothing that others
/// wrote passes for words of the program.
fn complain(text: &str) {
    eprintln!("{}", findings(text));
}

fn findings(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let lines = lines.map(|line| display::line(line.trim_end(), display::LINE));
    lines.collect::<Vec<_>>().join("\n  ")
}

/// Writes a document to standard output as it is; a reader that has seen enough is not an error.
fn write_out(text: &str) -> Result<(), Failure> {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Prints an error with its causes, each once.
fn report(error: &(dyn Error + 'static)) -> ExitCode {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        cause = error.source();
    }
    complain(&format!("flashjob-operator: {text}"));
    ExitCode::FAILURE
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        CommandLine::command().debug_assert();
    }

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

    #[test]
    fn every_subcommand_states_the_rights_that_it_needs() {
        for command in CommandLine::command().get_subcommands() {
            let help = command.get_after_help().map(ToString::to_string);
            let says = help.is_some_and(|help| help.contains("Rights: "));
            assert!(
                command.is_hide_set() || says,
                "{} does not",
                command.get_name()
            );
        }
    }

    #[test]
    fn whatever_talks_to_a_cluster_is_told_which_one() {
        for command in CommandLine::command().get_subcommands() {
            let help = command.get_after_help().map(ToString::to_string);
            let alone = help.is_some_and(|help| help.contains("asks no cluster"));
            for name in ["kubeconfig", "context"] {
                let known = command.get_arguments().any(|one| one.get_id() == name);
                let wanted = !alone && !command.is_hide_set() && command.get_name() != "run";
                assert!(known || !wanted, "{} --{name}", command.get_name());
            }
        }
    }

    #[test]
    fn every_subcommand_says_what_it_is_for() {
        for command in CommandLine::command().get_subcommands() {
            assert!(command.get_about().is_some(), "{}", command.get_name());
        }
    }
}
