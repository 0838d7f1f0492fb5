//! What the spec of a FlashJob asked for and what its status said, write by write.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::Value;

use super::{history::Moment, write::Write};

/// One entry of `status.devices`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Uid that the job named.
    pub uuid: String,
    /// Pod of the newest attempt; empty where there is none.
    pub pod: String,
    /// Phase.
    pub phase: String,
    /// Why, in one word.
    pub reason: String,
}

/// A FlashJob as a write left it.
#[derive(Debug, Clone)]
pub struct Stored {
    /// When.
    pub moment: Moment,
    /// `spec.parallelism`, else what the status says holds, else the default.
    pub parallelism: Option<u64>,
    /// Number of the round; 0 before the first.
    pub round: i64,
    /// Firmware and version of the round.
    pub firmware: (String, String),
    /// Id of the newest rerun.
    pub rerun: String,
    /// Indexes that succeeded.
    pub completed: BTreeSet<u64>,
    /// Indexes that failed.
    pub failed: BTreeSet<u64>,
    /// Entries of devices.
    pub entries: Vec<Entry>,
}

/// A FlashJob.
#[derive(Debug, Clone, Default)]
pub struct Job {
    /// `namespace/name`.
    pub shown: String,
    /// Namespace.
    pub namespace: String,
    /// What was stored, in order.
    pub stored: Vec<Stored>,
}

impl Job {
    /// Takes in a write.
    pub fn see(&mut self, write: &Write) {
        if write.moment.version.is_none() {
            return;
        }
        self.namespace.clone_from(&write.namespace);
        self.shown = format!("FlashJob {}/{}", write.namespace, write.name);
        self.stored
            .push(stored(&write.object, write.moment.clone()));
    }

    /// Takes in the object as it is at the end: the answer to the write that made it so may have been lost.
    pub fn see_last(&mut self, object: &Value, now: Timestamp) {
        let version = object.pointer("/metadata/resourceVersion");
        let moment = Moment {
            version: version.and_then(|text| text.as_str()?.parse().ok()),
            received: now,
            answered: now,
            audit_id: "none: the object as it is at the end".to_owned(),
        };
        self.stored.push(stored(object, moment));
        self.sort();
    }

    /// Puts what was stored in order; a write that changed nothing made no version of its own.
    pub fn sort(&mut self) {
        self.stored.sort_by_key(|stored| stored.moment.version);
        self.stored.dedup_by_key(|stored| stored.moment.version);
    }
}

fn stored(object: &Value, moment: Moment) -> Stored {
    let status = &object["status"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let effective = status["effective"]["parallelism"].as_u64();
    let entries = status["devices"].as_array().into_iter().flatten();
    let entries = entries.map(|entry| Entry {
        uuid: text(&entry["uuid"]),
        pod: text(&entry["pod"]),
        phase: text(&entry["phase"]),
        reason: text(&entry["reason"]),
    });
    Stored {
        moment,
        parallelism: object["spec"]["parallelism"].as_u64().or(effective),
        round: status["round"]["number"].as_i64().unwrap_or(0),
        firmware: (
            text(&status["round"]["firmware"]),
            text(&status["round"]["version"]),
        ),
        rerun: text(&status["lastRerunID"]),
        completed: indexes(&status["completedIndexes"]),
        failed: indexes(&status["failedIndexes"]),
        entries: entries.collect(),
    }
}

/// `0-3,7`.
pub fn indexes(value: &Value) -> BTreeSet<u64> {
    let ranges = value
        .as_str()
        .unwrap_or_default()
        .split(',')
        .filter(|range| !range.is_empty());
    ranges
        .flat_map(|range| {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            first.parse::<u64>().unwrap()..=last.parse().unwrap()
        })
        .collect()
}
