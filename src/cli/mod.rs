//! The command line: one file per subcommand. Prints, exits, and starts the rest; decides nothing.
//!
//! Exit codes: 0 done, 1 failed, 2 wrong usage; 3 of `plan`: something would be refused.

mod approve;
mod cleanup;
mod crds;
#[cfg(test)]
mod documents_tests;
mod explain;
mod job;
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
        Command::Plan(plan) => plan.run().await,
        Command::Explain(explain) => explain.run().await.map(|()| ExitCode::SUCCESS),
        Command::Approve(approve) => approve.run().await,
        Command::Stop(stop) => stop.run().await,
        Command::Resume(resume) => resume.run().await,
        Command::Cleanup(cleanup) => cleanup.run().await,
        Command::RotateSeal(rotate) => rotate.run().await.map(|()| ExitCode::SUCCESS),
        Command::Version(version) => version.run().await.map(|()| ExitCode::SUCCESS),
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
}

impl Output {
    /// The value, as text or as JSON.
    fn show<T: serde::Serialize>(
        self,
        value: &T,
        text: impl Fn(&T) -> String,
    ) -> Result<String, Failure> {
        match self {
            Self::Text => Ok(text(value)),
            Self::Json => {
                let document = serde_json::to_string_pretty(value)?;
                Ok(format!("{}\n", display::json(&document)))
            }
        }
    }
}

/// Prints to a person: whatever others wrote into it, a line is a line and a terminal is not told anything.
fn print(text: &str) -> Result<(), Failure> {
    write_out(&display::block(text))
}

/// Says on standard error what went wrong.
fn complain(text: &str) {
    eprintln!("{}", display::prose(text, display::LINE));
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

    #[test]
    fn every_subcommand_says_what_it_is_for() {
        for command in CommandLine::command().get_subcommands() {
            assert!(command.get_about().is_some(), "{}", command.get_name());
        }
    }
}
