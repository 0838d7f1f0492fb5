//! `kubectl flashjob reference`: the command line and the documents as Markdown, for `docs/kubectl-flashjob.md`. Touches no cluster.

use std::fmt::Write as _;

use clap::Command;
use flashjob_operator::{
    cli::{
        history::{History, ReleaseRow},
        reference::markdown,
        terminal::{Failure, write_out},
    },
    flashjob::{
        explain::{DeviceExplanation, Explanation},
        forecast::Forecast,
    },
};

use super::{explain, plan, status, version::Versions};
use crate::{
    command_line::Exit,
    view::{Summary, Tree, device::DeviceRow, doctor::Finding, document_fields},
};

/// Prints the page.
///
/// # Errors
/// When standard output cannot be written.
pub fn run(command: Command) -> Result<Exit, Failure> {
    write_out(&page(command))?;
    Ok(Exit::Done)
}

fn page(command: Command) -> String {
    let documents = [
        (
            "FlashJobSummaryList",
            "list",
            "items, each",
            document_fields::<Summary>(),
        ),
        ("FlashJobTree", "get", "fields", document_fields::<Tree>()),
        (
            status::KIND,
            "status",
            "fields",
            document_fields::<Summary>(),
        ),
        (
            explain::OF_JOB,
            "explain JOB",
            "fields",
            document_fields::<Explanation>(),
        ),
        (
            explain::OF_DEVICE,
            "explain JOB UUID",
            "fields",
            document_fields::<DeviceExplanation>(),
        ),
        (
            plan::KIND,
            "plan -f FILE",
            "fields",
            document_fields::<Forecast>(),
        ),
        (
            "DeviceList",
            "devices",
            "items, each",
            document_fields::<DeviceRow>(),
        ),
        (
            "DeviceHistory",
            "history",
            "fields",
            document_fields::<History>(),
        ),
        (
            "ReleaseList",
            "releases",
            "items, each",
            document_fields::<ReleaseRow>(),
        ),
        (
            "FindingList",
            "doctor",
            "items, each",
            document_fields::<Finding>(),
        ),
        (
            "Version",
            "version",
            "fields",
            document_fields::<Versions>(),
        ),
    ];
    let help = command.clone().term_width(100).render_long_help();
    let help: Vec<_> = help
        .to_string()
        .lines()
        .map(|line| line.trim_end().to_owned())
        .collect();
    // What every subcommand is told is described once.
    let own = command.mut_args(|argument| {
        let common = argument.is_global_set();
        argument.hide(common)
    });
    let help = format!(
        "# kubectl flashjob\n\n```text\n{}\n```",
        help.join("\n").trim_end()
    );
    let mut page = markdown(own).replacen("# Command line", &help, 1);
    page.push_str(
        "\n## Documents\n\nWhat `-o json` and `-o yaml` print, and what the templates of `-o jsonpath=` are filled from, has `apiVersion: cli.flashjob.nbfc.io/v1alpha1` and a `kind`. A field \
         that is there stays and keeps its meaning; new ones may come.\n",
    );
    for (kind, of, what, fields) in documents {
        // Writing to a string does not fail.
        let _ = write!(
            page,
            "\n### {kind}\n\nOf `kubectl flashjob {of} -o json`; {what}:\n\n{fields}"
        );
    }
    page
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::command_line::CommandLine;

    #[test]
    fn the_page_names_every_subcommand_and_every_field() {
        let page = page(CommandLine::command());
        for words in [
            "\n## kubectl flashjob status\n",
            "### FlashJobTree",
            "| `waitsForAPerson` | boolean |",
            "| `failures[].devices[].endpoint` | string |",
        ] {
            assert!(page.contains(words), "{words} in\n{page}");
        }
        assert!(!page.contains("__complete"));
        assert_eq!(page.matches("--as-group").count(), 1);
    }
}
