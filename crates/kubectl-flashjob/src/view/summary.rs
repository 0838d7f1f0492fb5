//! A job in a row of a list. Pure.

use flashjob_operator::{
    api::{Counts, Phase, StepStatus, Word},
    display,
    flashjob::{explain::seconds_left, spec::job::Job},
};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Standing, standing};
use crate::show::{
    Line, Tone, age,
    icon::{self, Icon},
    progress::bar,
    table::lines,
};

/// Columns of a bar in a list.
const BAR: usize = 10;

/// A FlashJob in short.
#[derive(Serialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Name.
    pub name: String,
    /// Namespace.
    pub namespace: String,
    /// `InProgress`, `Running`, `Completed` or `Failed`; absent before the operator has looked at the job.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// Why, in one word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Why, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The spec was changed, and the operator has not looked at it since.
    pub outdated: bool,
    /// Nothing goes on until a person acts.
    pub waits_for_a_person: bool,
    /// It is being deleted.
    pub deleting: bool,
    /// Devices by state.
    pub counts: Counts,
    /// Firmware that the job asks for.
    pub firmware: String,
    /// Version of it.
    pub version: String,
    /// Class that the round began with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flash_class: Option<String>,
    /// Number of the round.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub round: Option<i64>,
    /// Step that the round has reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<StepStatus>,
    /// When the job was created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// When the first round began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started: Option<String>,
    /// When it finished.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished: Option<String>,
    /// Seconds that the flashes left over take, going by those that have ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds_left: Option<i64>,
    #[serde(skip)]
    pub(super) created_at: Option<Timestamp>,
}

impl Summary {
    /// Of a job as it is stored.
    pub fn of(job: &Job) -> Self {
        let status = &job.status;
        let spec = job.spec.as_ref().ok();
        let created = job.object.metadata.creation_timestamp.as_ref();
        let time = |time: Option<Timestamp>| time.map(display::time);
        Self {
            name: job.name.clone(),
            namespace: job.namespace.clone(),
            phase: status.phase.as_ref().map(Word::to_string),
            reason: status.reason.as_ref().map(Word::to_string),
            message: status.message.clone().filter(|words| !words.is_empty()),
            outdated: status.observed_generation != Some(job.generation),
            waits_for_a_person: standing(job) == Standing::Waits,
            deleting: job.deleting,
            counts: status.counts.unwrap_or_default(),
            firmware: spec.map(|spec| spec.firmware.clone()).unwrap_or_default(),
            version: spec.map(|spec| spec.version.clone()).unwrap_or_default(),
            flash_class: status.flash_class.as_ref().map(|class| class.name.clone()),
            round: status.round.as_ref().map(|round| round.number),
            step: status.step.clone(),
            created: time(created.map(|time| time.0)),
            started: time(status.start_time.as_ref().map(|time| time.0)),
            finished: time(status.completion_time.as_ref().map(|time| time.0)),
            seconds_left: seconds_left(job),
            created_at: created.map(|time| time.0),
        }
    }

    /// Devices that are final.
    pub fn done(&self) -> i64 {
        self.counts.succeeded + self.counts.failed + self.counts.skipped
    }

    /// Where it stands, as a sign.
    pub fn icon(&self) -> Icon {
        let is = |phase: Phase| self.phase.as_deref() == Some(phase.as_str());
        if self.waits_for_a_person {
            icon::HELD
        } else if self.outdated {
            icon::PATIENT
        } else if is(Phase::Completed) {
            icon::GOOD
        } else if is(Phase::Failed) {
            icon::BAD
        } else if is(Phase::Running) {
            icon::BUSY
        } else {
            icon::PATIENT
        }
    }

    /// Where it stands, in one word: the reason, where it says more than the phase.
    pub fn state(&self) -> &str {
        if self.deleting {
            return "Deleting";
        }
        let phase = self.phase.as_deref().unwrap_or("New");
        let reason = self.reason.as_deref().filter(|reason| !reason.is_empty());
        let plain = ["Completed", "Running"].contains(&phase);
        reason.filter(|_| !plain).unwrap_or(phase)
    }

    /// How old the job is.
    pub fn age(&self, now: Timestamp) -> String {
        self.created_at
            .map_or_else(String::new, |created| age::of(created, now))
    }

    fn row(&self, with_namespace: bool, wide: bool, now: Timestamp) -> Vec<Line> {
        let plain = |text: &str| Line::of(Tone::Plain, text);
        let Icon { sign, tone } = self.icon();
        let (done, all) = (self.done(), self.counts.selected);
        let failed = match self.counts.failed {
            0 => plain("0"),
            failed => Line::of(Tone::Bad, &failed.to_string()),
        };
        let mut row = Vec::new();
        if with_namespace {
            row.push(plain(&self.namespace));
        }
        let progress =
            Line::of(tone, &bar(done, all, BAR)).and(Tone::Plain, &format!(" {done}/{all}"));
        row.extend([
            plain(&self.name),
            Line::of(tone, &format!("{sign} {}", self.state())),
            progress,
            failed,
            plain(&self.version),
            plain(&self.age(now)),
        ]);
        if wide {
            let class = self.flash_class.as_deref().unwrap_or_default();
            let round = self.round.map(|round| round.to_string());
            row.extend([
                plain(&round.unwrap_or_default()),
                plain(class),
                plain(&self.firmware),
            ]);
        }
        row
    }
}

/// A list of jobs.
pub fn table(jobs: &[Summary], with_namespace: bool, wide: bool, now: Timestamp) -> Vec<Line> {
    let mut titles = vec!["NAME", "STATE", "PROGRESS", "FAILED", "VERSION", "AGE"];
    if with_namespace {
        titles.insert(0, "NAMESPACE");
    }
    if wide {
        titles.extend(["ROUND", "CLASS", "FIRMWARE"]);
    }
    let rows = jobs.iter().map(|job| job.row(with_namespace, wide, now));
    lines(&titles, rows.collect())
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use serde_json::json;

    use super::*;
    use crate::view::fixtures::{at, condition, job, rollout};

    fn text(lines: &[Line]) -> String {
        lines.iter().map(|line| line.text() + "\n").collect()
    }

    fn several() -> Vec<Summary> {
        let spec = json!({"uuid": ["a"], "firmware": "registry.example.com/esp32:1.2.0", "version": "1.2.0"});
        let status = |phase: &str, reason: &str, kind: &str, counts: serde_json::Value| {
            json!({
                "observedGeneration": 1, "phase": phase, "reason": reason, "conditions": [condition(kind)], "counts": counts,
            })
        };
        let failed = json!({"selected": 10, "succeeded": 8, "failed": 2});
        let complete = json!({"selected": 10, "succeeded": 9, "skipped": 1});
        let waits = json!({"selected": 10, "succeeded": 1, "pending": 9});
        let of = |kind: &serde_json::Value| Summary::of(&job(&spec, kind));
        vec![
            Summary::of(&rollout()),
            of(&json!({})),
            of(&status("Failed", "DevicesFailed", "Failed", failed)),
            of(&status("Completed", "AllSucceeded", "Complete", complete)),
            of(&status("InProgress", "Suspended", "Suspended", waits)),
        ]
    }

    #[test]
    fn a_list_says_of_each_job_where_it_stands_within_80_columns() {
        let lines = table(&several(), false, false, at(720));
        assert!(lines.iter().all(|line| line.width() <= 80));
        assert_snapshot!(text(&lines));
    }

    #[test]
    fn a_wide_list_of_all_namespaces_says_more() {
        assert_snapshot!(text(&table(&several(), true, true, at(720))));
    }

    #[test]
    fn the_document_of_a_job_has_times_as_objects_have_them() {
        let document = serde_json::to_value(Summary::of(&rollout())).unwrap();
        assert_eq!(document["created"], "2026-11-30T00:53:20Z");
        assert_eq!(document["counts"]["inFlight"], 3);
        assert_eq!(document["secondsLeft"], 38 * 60);
        assert_eq!(document["waitsForAPerson"], false);
    }
}
