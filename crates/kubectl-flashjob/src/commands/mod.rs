//! The subcommands, one file each.

pub mod complete;
pub mod completion;
pub mod get;
pub mod list;
mod output;
pub mod reference;
pub mod status;
pub mod version;

use flashjob_operator::flashjob::spec::job::Job;

/// The subcommand that helps a job that waits for a person.
const fn next_for_a_person(_job: &Job) -> &'static str {
    "get"
}
