//! The command line: what every subcommand is told, which one runs, and what the program ends with.

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use flashjob_operator::cli::terminal::{Failure, complain, words};

use crate::{
    cluster::{Connection, help},
    commands::{
        approve, cleanup, complete, completion, create, device, devices, doctor, explain, get,
        list, manual, plan, reference, releases, render, report, rerun, status, stop, suspend, ui,
        version,
    },
    show::ColorChoice,
};

/// The program as people call it.
pub const PROGRAM: &str = "kubectl flashjob";

/// See FlashJobs and steer them: which devices are flashed, which failed and why, and what comes next.
#[derive(Parser, Debug)]
#[command(
    name = "kubectl-flashjob",
    bin_name = PROGRAM,
    version,
    after_help = "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 a person is waited for, or would be, 124 the time is over.\n\n\
        Whatever is asked of the cluster is asked with the rights of the person that the kubeconfig names."
)]
pub struct CommandLine {
    #[command(subcommand)]
    command: Command,

    #[command(flatten)]
    common: Common,
}

/// What every subcommand is told.
#[derive(clap::Args, Clone, Debug)]
pub struct Common {
    #[command(flatten)]
    pub connection: Connection,

    /// Colours: auto has them on a terminal, unless NO_COLOR is set.
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "WHEN",
        default_value_t,
        help_heading = "Options of all commands"
    )]
    pub color: ColorChoice,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// List FlashJobs: where each stands, how far it is, and what failed.
    List(list::List),
    /// Show a FlashJob as a tree: its step, failures by reason, devices in flight with their Pods, and what comes next.
    Get(get::Get),
    /// Say in plain words what a FlashJob, or one of its devices, is doing, what it waits for and what comes next.
    Explain(explain::Explain),
    /// Wait until a FlashJob ends, with a line for each change; made for CI.
    Status(status::Status),
    /// Say what a FlashJob would do: devices in order, steps, what would be refused, and how badly and how long it can go.
    Plan(Box<plan::Plan>),
    /// Create a FlashJob: devices that are found by filters, in batches.
    Create(create::Create),
    /// Approve a step of a rollout that waits for somebody to look at it.
    Approve(approve::Approve),
    /// Decide against a step of a rollout: nothing new of the round starts.
    Deny(approve::Deny),
    /// Start nothing new of a FlashJob; what is in flight ends.
    Suspend(suspend::Suspend),
    /// Let a FlashJob go on that was suspended, or FlashClasses that `stop` suspended.
    Resume(suspend::Resume),
    /// Flash those devices of a FlashJob again that failed or never started.
    Retry(rerun::Retry),
    /// Flash all devices of a FlashJob again, in a new round.
    Rerun(rerun::Rerun),
    /// Suspend a FlashJob and say what is in flight, or end that, too.
    Abort(suspend::Abort),
    /// Suspend FlashClasses, all of them in an emergency: nothing new of their FlashJobs starts, and what is in flight ends.
    Stop(stop::Stop),
    /// Free what FlashJobs left behind when the operator is gone.
    Cleanup(cleanup::Cleanup),
    /// List devices: what each runs, which FlashJob is busy with it, and how its last flash ended.
    Devices(devices::Devices),
    /// Print the log of a device's flash.
    Logs(device::Logs),
    /// Show what FlashJobs and Helm's records tell of a device: verdicts and attempts.
    History(device::HistoryOf),
    /// List the Helm releases of devices: those in flight, and those that failed.
    Releases(releases::Releases),
    /// Render a chart as `helm template` does, or show what would be applied for one device.
    Render(Box<render::Render>),
    /// Look at all that a flash needs, and say of each thing whether it is in order and what to do.
    Doctor(doctor::Doctor),
    /// Write a zip for a bug report: objects, events, logs, versions and what the doctor says, without secrets.
    Report(report::Report),
    /// Serve the console on 127.0.0.1, as yourself: pages for a browser, and the REST API.
    Ui(ui::Ui),
    /// Print the versions of this program and of the cluster.
    Version(version::Version),
    /// Print a script by which a shell, or kubectl itself, completes this command line.
    Completion(completion::Completion),
    /// Print what may follow these words.
    #[command(name = "__complete", hide = true)]
    Complete(complete::Complete),
    /// Write pages for man into a directory.
    #[command(hide = true)]
    Manual(manual::Manual),
    /// Print this command line as Markdown.
    #[command(hide = true)]
    Reference,
}

/// What the program ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All was done.
    Done,
    /// Something failed, or the FlashJob did.
    Failed,
    /// The command line cannot be carried out.
    Usage,
    /// A person is waited for.
    Waits,
    /// The time is over.
    TimedOut,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Waits => 3,
            // As of timeout(1).
            Exit::TimedOut => 124,
        })
    }
}

/// The command line cannot be carried out, for this reason.
#[derive(thiserror::Error, Debug)]
#[error("{0}")]
pub struct Misused(pub String);

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    let line = CommandLine::parse();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return complain_of(&error.into()).into(),
    };
    let exit = runtime.block_on(dispatch(line));
    exit.unwrap_or_else(|error| complain_of(&error)).into()
}

async fn dispatch(line: CommandLine) -> Result<Exit, Failure> {
    let common = &line.common;
    match line.command {
        Command::List(list) => list.run(common).await,
        Command::Get(get) => get.run(common).await,
        Command::Explain(explain) => explain.run(common).await,
        Command::Status(status) => status.run(common).await,
        Command::Plan(plan) => Box::pin(plan.run(common)).await,
        Command::Create(create) => Box::pin(create.run(common)).await,
        Command::Approve(approve) => approve.run(common).await,
        Command::Deny(deny) => deny.run(common).await,
        Command::Suspend(suspend) => suspend.run(common).await,
        Command::Resume(resume) => resume.run(common).await,
        Command::Retry(retry) => retry.run(common).await,
        Command::Rerun(rerun) => rerun.run(common).await,
        Command::Abort(abort) => abort.run(common).await,
        Command::Stop(stop) => stop.run(common).await,
        Command::Cleanup(cleanup) => cleanup.run(common).await,
        Command::Devices(devices) => devices.run(common).await,
        Command::Logs(logs) => logs.run(common).await,
        Command::History(history) => history.run(common).await,
        Command::Releases(releases) => releases.run(common).await,
        Command::Render(render) => render.run(common),
        Command::Doctor(doctor) => doctor.run(common).await,
        Command::Report(report) => Box::pin(report.run(common)).await,
        Command::Ui(ui) => ui.run(common).await,
        Command::Version(version) => version.run(common).await,
        Command::Completion(completion) => completion.run(CommandLine::command()),
        Command::Complete(complete) => complete.run(CommandLine::command(), common).await,
        Command::Manual(manual) => manual.run(CommandLine::command()),
        Command::Reference => reference::run(CommandLine::command()),
    }
}

/// Says what went wrong, which right is missing where one is, and what to do.
fn complain_of(error: &Failure) -> Exit {
    let mut text = format!("{PROGRAM}: {}", words(error.as_ref()));
    if let Some(help) = help(error.as_ref()) {
        text = format!("{text}\n{help}");
    }
    complain(&text);
    if error.is::<Misused>() {
        Exit::Usage
    } else {
        Exit::Failed
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        CommandLine::command().debug_assert();
    }

    #[rstest]
    #[case::before_the_subcommand(&["-n", "lab", "list"])]
    #[case::after_it(&["list", "-n", "lab"])]
    fn the_options_of_kubectl_stand_anywhere(#[case] words: &[&str]) {
        let line = CommandLine::try_parse_from([&["kubectl-flashjob"], words].concat()).unwrap();
        assert_eq!(line.common.connection.namespace.as_deref(), Some("lab"));
    }

    #[test]
    fn every_option_of_kubectl_is_taken() {
        let words = "kubectl-flashjob list --kubeconfig f --context a --cluster b --user c --as d --as-group e --as-group f \
                     --token g --request-timeout 5s -n lab --color never";
        let parsed = CommandLine::try_parse_from(words.split_whitespace());
        assert!(parsed.is_ok(), "{}", parsed.unwrap_err());
    }

    #[test]
    fn a_group_is_impersonated_with_a_user_alone() {
        let words = ["kubectl-flashjob", "list", "--as-group", "flashers"];
        let refused = CommandLine::try_parse_from(words).unwrap_err().to_string();
        assert!(refused.contains("--as <USER>"), "{refused}");
    }

    #[test]
    fn usage_speaks_of_kubectl() {
        let refused = CommandLine::try_parse_from(["kubectl-flashjob", "get"]).unwrap_err();
        let text = refused.to_string();
        assert!(text.contains("Usage: kubectl flashjob get"), "{text}");
        assert_eq!(refused.exit_code(), 2);
    }

    #[test]
    fn every_subcommand_says_what_it_is_for_and_which_rights_it_needs() {
        for command in CommandLine::command().get_subcommands() {
            let help = command.get_after_help().map(ToString::to_string);
            let says = help.is_some_and(|help| help.contains("Rights: "));
            assert!(
                command.is_hide_set() || (says && command.get_about().is_some()),
                "{} does not",
                command.get_name()
            );
        }
    }
}
