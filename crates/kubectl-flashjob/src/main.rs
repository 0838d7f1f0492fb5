//! `kubectl flashjob`: shows FlashJobs and steers them, with the rights of the person who runs it.
//!
//! | room | for |
//! |---|---|
//! | `command_line` | the subcommands and the options that all of them have; exit codes |
//! | `commands` | one file a subcommand: asks, shows, writes; decides nothing |
//! | `cluster` | the only room that makes clients and sends requests |
//! | `order` | what a person may order of a job, and what is said of it; pure |
//! | `jsonpath` | templates of `-o jsonpath=` in kubectl's dialect; pure |
//! | `leftovers` | what FlashJobs left behind, and in which order it is freed; pure |
//! | `report` | what a report for a bug holds, redacted; pure |
//! | `view` | what is shown of a job: made of what the operator's library says; pure |
//! | `live` | a job on a terminal that is redrawn as the job changes; pure but for the terminal itself |
//! | `show` | lines, tables, colours and words for a terminal; pure |

mod cluster;
mod command_line;
mod commands;
#[cfg(test)]
mod documents_tests;
mod jsonpath;
mod leftovers;
mod live;
mod order;
mod report;
mod show;
mod view;

use std::process::ExitCode;

fn main() -> ExitCode {
    command_line::main()
}
