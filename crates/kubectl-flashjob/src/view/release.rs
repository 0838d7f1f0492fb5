//! Helm releases joined with devices and jobs, and the history of a device. Pure.

use std::collections::BTreeMap;

use flashjob_operator::{
    api::DeviceStatus,
    display,
    flash_pod::intent::{Stored, is_foreign},
    flashjob::spec::job::Job,
};
use helm_release::Key;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use crate::show::{Line, Tone, age, table::lines};

/// One revision of a release: an attempt at a device.
#[derive(Serialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct ReleaseRow {
    /// Name of the release.
    pub release: String,
    /// Namespace of the release.
    pub namespace: String,
    /// Revision, from 1.
    pub revision: u32,
    /// State, in Helm's words.
    pub status: String,
    /// UUID of the device as the job knew it.
    pub uuid: String,
    /// Endpoint of the device.
    pub endpoint: String,
    /// Type of the device.
    pub device: String,
    /// The job.
    pub job: String,
    /// Its round.
    pub round: u32,
    /// Attempt at the device in that round.
    pub attempt: u32,
    /// Version before the flash.
    pub from_version: String,
    /// Version of the firmware.
    pub version: String,
    /// When anybody last wrote the record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated: Option<String>,
    /// One line for people.
    pub description: String,
    /// Somebody else than the operator wrote this revision.
    pub foreign: bool,
    #[serde(skip)]
    updated_at: Option<Timestamp>,
}

impl ReleaseRow {
    /// Of a record; none where it is not one of the operator's.
    pub fn of(stored: &Stored) -> Option<Self> {
        let record = &stored.record;
        let intent = record.attachment.as_ref()?;
        let updated = record.info.last_deployed.or(stored.modified_at);
        Some(Self {
            release: record.name.clone(),
            namespace: record.namespace.clone(),
            revision: record.version,
            status: record.info.status.as_str().to_owned(),
            uuid: intent.device.uuid.clone(),
            endpoint: intent.device.endpoint.clone(),
            device: intent.device.device_type.clone(),
            job: intent.job.name.clone(),
            round: intent.round,
            attempt: intent.attempt,
            from_version: intent.device.version.clone(),
            version: intent.version.clone(),
            updated: updated.map(display::time),
            description: record.info.description.clone(),
            foreign: is_foreign(stored),
            updated_at: updated,
        })
    }

    /// The Secret that holds this revision, as kubectl takes it.
    pub fn secret(&self) -> String {
        let key = Key {
            release: self.release.clone(),
            revision: self.revision,
        };
        format!("secret/{key}")
    }

    fn status(&self) -> Line {
        let tone = match self.status.as_str() {
            "deployed" => Tone::Busy,
            "failed" => Tone::Bad,
            _ => Tone::Faint,
        };
        let foreign = if self.foreign { " (foreign)" } else { "" };
        Line::of(tone, &format!("{}{foreign}", self.status))
    }

    fn age(&self, now: Timestamp) -> Line {
        let age = self.updated_at.map(|updated| age::of(updated, now));
        Line::of(Tone::Plain, &age.unwrap_or_default())
    }
}

/// The newest revision of each release, by name.
pub fn newest(all: Vec<ReleaseRow>) -> Vec<ReleaseRow> {
    let mut newest: BTreeMap<String, ReleaseRow> = BTreeMap::new();
    for row in all {
        match newest.get(&row.release) {
            Some(known) if known.revision >= row.revision => {}
            _ => drop(newest.insert(row.release.clone(), row)),
        }
    }
    newest.into_values().collect()
}

/// The table of releases.
pub fn table(releases: &[ReleaseRow], wide: bool, now: Timestamp) -> Vec<Line> {
    let mut titles = vec!["ENDPOINT", "STATUS", "JOB", "VERSION", "UPDATED"];
    if wide {
        titles.extend(["RELEASE", "REVISION"]);
    }
    titles.push("DESCRIPTION");
    let plain = |text: &str| Line::of(Tone::Plain, text);
    let rows = releases.iter().map(|row| {
        let mut cells = vec![
            plain(&row.endpoint),
            row.status(),
            plain(&row.job),
            plain(&row.version),
            row.age(now),
        ];
        if wide {
            cells.extend([plain(&row.release), plain(&row.revision.to_string())]);
        }
        cells.push(plain(&row.description));
        cells
    });
    lines(&titles, rows.collect())
}

/// What is known of what was done to a device.
#[derive(Serialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct History {
    /// The device as the person named it.
    pub device: String,
    /// Its endpoint, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// What FlashJobs say of it: what is under way, then what ended, newest first.
    pub verdicts: Vec<Verdict>,
    /// Attempts that a Helm release still tells of, newest first. The release of a device that succeeded is gone.
    pub attempts: Vec<ReleaseRow>,
    /// What the person may not read.
    pub not_seen: Vec<String>,
}

/// What a FlashJob says of a device.
#[derive(Serialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// Name of the job.
    pub job: String,
    /// Its namespace.
    pub namespace: String,
    /// Its round.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub round: Option<i64>,
    /// Version that it brings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Where the device stands.
    pub phase: String,
    /// Why, in one word.
    pub reason: String,
    /// Why, in words.
    pub message: String,
    /// Attempts that began.
    pub attempts: i64,
    /// Why earlier attempts failed, oldest first.
    pub earlier_failures: Vec<String>,
    /// When the newest attempt ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished: Option<String>,
    #[serde(skip)]
    finished_at: Option<Timestamp>,
}

impl Verdict {
    /// Of an entry of a job's status.
    pub fn of(job: &Job, entry: &DeviceStatus) -> Self {
        let round = job.status.round.as_ref();
        let finished = entry.completion_time.as_ref().map(|time| time.0);
        Self {
            job: job.name.clone(),
            namespace: job.namespace.clone(),
            round: round.map(|round| round.number),
            version: round.map(|round| round.version.clone()),
            phase: entry.phase.to_string(),
            reason: entry.reason.clone().unwrap_or_default().to_string(),
            message: entry.message.clone().unwrap_or_default(),
            attempts: entry.attempts,
            earlier_failures: entry
                .earlier_failures
                .iter()
                .map(ToString::to_string)
                .collect(),
            finished: finished.map(display::time),
            finished_at: finished,
        }
    }
}

/// The lines of a history.
pub fn history(of: &History, now: Timestamp) -> Vec<Line> {
    let plain = |text: &str| Line::of(Tone::Plain, text);
    let endpoint = of
        .endpoint
        .as_ref()
        .map(|endpoint| format!(" at {endpoint}"));
    let title = format!("Device {}{}", of.device, endpoint.unwrap_or_default());
    let mut all = vec![Line::of(Tone::Strong, &title), Line::default()];
    if of.verdicts.is_empty() {
        all.push(plain("No FlashJob has an entry for it."));
    } else {
        let titles = [
            "JOB", "ROUND", "VERSION", "PHASE", "REASON", "ATTEMPTS", "ENDED",
        ];
        let rows = of.verdicts.iter().map(|verdict| {
            let round = verdict.round.map(|round| round.to_string());
            let ended = verdict
                .finished_at
                .map(|ended| age::of(ended, now) + " ago");
            vec![
                plain(&verdict.job),
                plain(&round.unwrap_or_default()),
                plain(verdict.version.as_deref().unwrap_or_default()),
                plain(&verdict.phase),
                plain(&verdict.reason),
                plain(&verdict.attempts.to_string()),
                plain(&ended.unwrap_or_else(|| "-".to_owned())),
            ]
        });
        all.extend(lines(&titles, rows.collect()));
    }
    if !of.attempts.is_empty() {
        all.push(Line::default());
        let titles = [
            "REVISION",
            "STATUS",
            "JOB",
            "ROUND.ATTEMPT",
            "VERSION",
            "UPDATED",
            "DESCRIPTION",
        ];
        let rows = of.attempts.iter().map(|row| {
            vec![
                plain(&row.revision.to_string()),
                row.status(),
                plain(&row.job),
                plain(&format!("{}.{}", row.round, row.attempt)),
                plain(&row.version),
                row.age(now),
                plain(&row.description),
            ]
        });
        all.extend(lines(&titles, rows.collect()));
    }
    for words in &of.not_seen {
        all.push(Line::of(Tone::Patient, &format!("Not seen: {words}")));
    }
    all
}

#[cfg(test)]
#[path = "release_tests.rs"]
mod tests;
