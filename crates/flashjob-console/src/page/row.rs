//! A job in a row of a list. Pure.

use flashjob_operator::{api::Phase, flashjob::spec::job::Job};
use serde::Serialize;
use serde_json::Value;

use crate::route::flashjob;

/// A FlashJob in short.
#[derive(Serialize, Clone, Debug, PartialEq, Eq)]
pub struct JobRow {
    name: String,
    tone: &'static str,
    phase: String,
    reason: String,
    message: String,
    done: usize,
    selected: i64,
    failed: i64,
    version: String,
}

impl JobRow {
    /// Of a job as it is stored.
    pub fn of(object: &Value) -> Option<Self> {
        let job = flashjob(object.clone())?;
        let status = &job.status;
        let word = |word: Option<String>| word.unwrap_or_default();
        let counts = status.counts.unwrap_or_default();
        let version = job.spec.as_ref().map(|spec| spec.version.clone());
        Some(Self {
            tone: tone(&job),
            phase: status
                .phase
                .as_ref()
                .map_or_else(|| "New".to_owned(), ToString::to_string),
            reason: word(status.reason.as_ref().map(ToString::to_string)),
            message: word(status.message.clone()),
            done: job.finals.len(),
            selected: counts.selected,
            failed: counts.failed,
            version: version.unwrap_or_default(),
            name: job.name,
        })
    }
}

/// How a job stands, as the name of a class of the style sheet: never a word that somebody else wrote.
pub fn tone(job: &Job) -> &'static str {
    let is = |phase: Phase| job.status.phase.as_ref().is_some_and(|word| *word == phase);
    if is(Phase::Completed) {
        "good"
    } else if is(Phase::Failed) {
        "bad"
    } else if is(Phase::Running) {
        "busy"
    } else {
        "patient"
    }
}
