//! A job as a tree: what failed by reason, what is in flight, what waits, and what comes next. Pure.
//!
//! Made of what `explain` of the operator's library says: nothing is decided anew.

use std::collections::HashMap;

use flashjob_operator::{
    api::DeviceStatus,
    display,
    flashjob::explain::{self, DeviceLine, Explanation, Known},
};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Serialize, Serializer};

use super::Summary;

/// See the module's documentation.
#[derive(Serialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Tree {
    /// The job in short.
    #[serde(flatten)]
    pub job: Summary,
    /// What failed and is listed in the status, by reason.
    pub failures: Vec<Branch>,
    /// Devices that failed and that the status has no room for.
    pub failed_unlisted: i64,
    /// What is in flight or read back.
    pub in_flight: Vec<Leaf>,
    /// What waits before its next try, or for a reason of its own, by reason.
    pub waiting: Vec<Branch>,
    /// Devices that have not begun, by what they wait for.
    pub not_begun: Vec<NotBegun>,
    /// What comes next, soonest first.
    pub next: Vec<Next>,
    /// What a person can do.
    pub advice: Vec<Advice>,
}

/// Devices with the same reason.
#[derive(Serialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Branch {
    /// Why, in one word.
    pub reason: String,
    /// The devices.
    pub devices: Vec<Leaf>,
}

/// One device.
#[derive(Serialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Leaf {
    /// Place in the selection, from 0.
    pub index: i64,
    /// UUID as the job knows it.
    pub uuid: String,
    /// Its endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Where it stands.
    pub phase: String,
    /// Why, in one word.
    pub reason: String,
    /// Why, in words.
    pub message: String,
    /// Pod of its newest attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod: Option<String>,
    /// Attempts that began.
    pub attempts: i64,
    /// When its newest attempt began.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub started: Option<Moment>,
    /// When it goes on by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub until: Option<Moment>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub finished: Option<Moment>,
    #[serde(skip)]
    pub(super) since: Option<Timestamp>,
}

/// A time as documents have it. It becomes a text only where it is printed: a picture of thousands of devices shows a few.
#[derive(Clone, Copy, Debug)]
pub struct Moment(Timestamp);

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&display::time(self.0))
    }
}

/// Devices that have not begun.
#[derive(Serialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct NotBegun {
    /// What they wait for, in one word.
    pub reason: String,
    /// The same in words.
    pub message: String,
    /// How many there are.
    pub devices: usize,
    /// When it ends by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

/// Something that comes next.
#[derive(Serialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Next {
    /// When; absent where a person or another device is waited for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// What.
    pub what: String,
}

/// A command, and what it is for.
#[derive(Serialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Advice {
    /// What it is for.
    pub why: String,
    /// The command.
    pub command: String,
}

impl Tree {
    /// Of a job and what is known around it.
    pub fn of(known: &Known<'_>) -> Self {
        let Explanation {
            in_flight,
            waiting,
            not_begun,
            failed,
            next,
            advice,
            counts,
            message,
            ..
        } = explain::job(known);
        let listed = i64::try_from(failed.len()).unwrap_or(i64::MAX);
        let entries = known.job.status.devices.iter();
        let entries: HashMap<i64, &DeviceStatus> =
            entries.map(|entry| (entry.index, entry)).collect();
        let leaf = |device: DeviceLine| leaf(entries.get(&device.index).copied(), device);
        let time = |time: Option<Timestamp>| time.map(display::time);
        Self {
            job: Summary {
                message,
                ..Summary::of(known.job)
            },
            failures: branches(failed.into_iter().map(leaf)),
            failed_unlisted: (counts.failed - listed).max(0),
            in_flight: in_flight.into_iter().map(leaf).collect(),
            waiting: branches(waiting.into_iter().map(leaf)),
            not_begun: not_begun
                .into_iter()
                .map(|group| NotBegun {
                    reason: group.reason,
                    message: group.message,
                    devices: group.devices,
                    until: time(group.until),
                })
                .collect(),
            next: next
                .into_iter()
                .map(|next| Next {
                    at: time(next.at),
                    what: next.what,
                })
                .collect(),
            advice: advice
                .into_iter()
                .map(|advice| Advice {
                    why: advice.why,
                    command: advice.command,
                })
                .collect(),
        }
    }
}

fn leaf(entry: Option<&DeviceStatus>, device: DeviceLine) -> Leaf {
    Leaf {
        index: device.index,
        uuid: device.uuid,
        endpoint: device.endpoint,
        phase: device.phase,
        reason: device.reason,
        message: device.message,
        pod: entry.and_then(|entry| entry.pod.clone()),
        attempts: entry.map_or(0, |entry| entry.attempts),
        started: device.since.map(Moment),
        until: device.until.map(Moment),
        finished: device.ended.map(Moment),
        since: device.ended.or(device.since),
    }
}

/// Devices by reason, that of the most devices first.
fn branches(devices: impl Iterator<Item = Leaf>) -> Vec<Branch> {
    let mut branches: Vec<Branch> = Vec::new();
    for device in devices {
        match branches
            .iter_mut()
            .find(|branch| branch.reason == device.reason)
        {
            Some(branch) => branch.devices.push(device),
            None => branches.push(Branch {
                reason: device.reason.clone(),
                devices: vec![device],
            }),
        }
    }
    branches.sort_by_key(|branch| std::cmp::Reverse(branch.devices.len()));
    branches
}
