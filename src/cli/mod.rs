//! The command line: one file per subcommand. Prints, exits, and starts the rest; decides nothing.
//!
//! What people run at a terminal is in `kubectl flashjob`, which takes from here what both have in common. Exit codes: 0 done, 1 failed,
//! 2 wrong usage.

pub mod completion;
mod connection;
mod crds;
#[cfg(test)]
mod documents_tests;
pub mod fleet;
pub mod history;
pub mod input;
pub mod job;
pub mod object;
pub mod operator;
pub mod plan;
pub mod reference;
mod rotate_seal;
mod run;
pub mod terminal;
mod values_schema;
mod verify_receipt;
mod version;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use self::terminal::{Failure, print, report, write_out};

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
    /// Make a new key for the seals by which the operator knows its own objects; run by an administrator.
    RotateSeal(rotate_seal::RotateSeal),
    /// Check receipts of flashes: that they are signed, and that none of a round is missing.
    VerifyReceipt(verify_receipt::VerifyReceipt),
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

/// Name of the program.
const PROGRAM: &str = "flashjob-operator";

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    let line = CommandLine::parse();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return report(PROGRAM, &error),
    };
    match runtime.block_on(dispatch(line.command)) {
        Ok(code) => code,
        Err(error) => report(PROGRAM, error.as_ref()),
    }
}

async fn dispatch(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Run(settings) => Box::pin(run::run(*settings)).await,
        Command::Crds(crds) => crds.run().map(|()| ExitCode::SUCCESS),
        Command::RotateSeal(rotate) => rotate.run().await.map(|()| ExitCode::SUCCESS),
        Command::Version(version) => version.run().await.map(|()| ExitCode::SUCCESS),
        Command::VerifyReceipt(verify) => verify.run(),
        Command::Completion(completion) => completion.run().map(|()| ExitCode::SUCCESS),
        Command::ValuesSchema(schema) => schema.run().map(|()| ExitCode::SUCCESS),
        Command::Reference => {
            write_out(&reference::markdown(CommandLine::command())).map(|()| ExitCode::SUCCESS)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        CommandLine::command().debug_assert();
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
