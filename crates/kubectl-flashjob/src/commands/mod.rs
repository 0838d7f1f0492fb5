//! The subcommands, one file each.

pub mod approve;
pub mod cleanup;
pub mod complete;
pub mod completion;
pub mod create;
pub mod device;
pub mod devices;
pub mod doctor;
pub mod explain;
mod filters;
pub mod get;
pub mod list;
pub mod manual;
mod output;
pub mod plan;
pub mod reference;
pub mod releases;
pub mod render;
pub mod report;
pub mod rerun;
pub mod status;
mod steered;
pub mod stop;
pub mod suspend;
pub mod ui;
pub mod version;
mod watch;

use flashjob_operator::{
    api::{ConditionType, Reason, conditions::holds},
    flashjob::spec::job::Job,
};

/// The subcommand that helps a job that waits for a person.
fn next_for_a_person(job: &Job) -> &'static str {
    let status = &job.status;
    if status.is_for(Reason::AwaitingApproval) {
        "approve"
    } else if holds(&status.conditions, ConditionType::Suspended) && job.suspended() {
        "resume"
    } else {
        "get"
    }
}
