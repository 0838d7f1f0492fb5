//! One device of a job in plain words, listed in the status or not. Pure.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    Advice, Known, advice,
    waits::{Waits, group_of, job_waits, no_selection, wait_of_all},
};
use crate::{
    api::{DevicePhase, DeviceStatus, Reason, SelectedDevice},
    flash_pod::intent::release_name,
    flashjob::plan::attempt::adoption,
    identifiers::Uuid,
};

/// What is known of the device now, from its Akri Instance.
#[derive(Serialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Present {
    /// Namespace and name of the Instance.
    pub instance: String,
    /// Its uid, which is another one after every discovery.
    pub uuid: String,
    /// Version that it reports.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// See the module's documentation.
#[derive(Serialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct DeviceExplanation {
    /// Name of the job.
    pub job: String,
    /// Its namespace.
    pub namespace: String,
    /// When this was said.
    #[schemars(with = "String")]
    pub time: Timestamp,
    /// Place in the selection, from 0; none where the device is not selected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<usize>,
    /// UUID as the job named it.
    pub uuid: String,
    /// As it was when it was selected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selected: Option<SelectedDevice>,
    /// As it is now; none where no Instance stands for it, or Instances cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub present: Option<Present>,
    /// Where it stands.
    pub phase: String,
    /// Why, in one word.
    pub reason: String,
    /// Why, in words.
    pub message: String,
    /// Attempts that began; none where the status has no room for the device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts: Option<i64>,
    /// Helm release.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release: Option<String>,
    /// Pod of the newest attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod: Option<String>,
    /// Version before the flash.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_version: Option<String>,
    /// Version read back after the flash.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_version: Option<String>,
    /// When the newest attempt began.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub start_time: Option<Timestamp>,
    /// When it goes on by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub next_time: Option<Timestamp>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub completion_time: Option<Timestamp>,
    /// End of the flash pod's log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_tail: Option<String>,
    /// What a person can do.
    pub advice: Vec<Advice>,
}

/// Explains the device that the job knows by this UUID, or, where `present` is given, the one at its endpoint.
#[must_use]
pub fn device(known: &Known<'_>, uuid: &Uuid, present: Option<&Present>) -> DeviceExplanation {
    let status = &known.job.status;
    let selection = known.selection.unwrap_or_default();
    let index = selection.iter().position(|selected| selected.uuid == *uuid);
    let entry = status.devices.iter().find(|device| match index {
        Some(index) => usize::try_from(device.index) == Ok(index),
        None => device.uuid == uuid.as_str(),
    });
    let index = index.or_else(|| usize::try_from(entry?.index).ok());
    let stands = entry.map_or_else(|| unlisted(known, index, uuid), listed);
    let pod = entry.and_then(|device| device.pod.clone());
    let original = pod.as_deref() == Some(&adoption::pod_name(&known.job.name, uuid));
    // The release of a device that failed stays; that of any other without an entry is gone, or was never there.
    let begun = entry.is_some_and(|device| device.attempts > 0)
        || index.is_some_and(|index| known.job.finals.failed.contains(index));
    let release = entry
        .and_then(|device| device.release.clone())
        .or_else(|| release_name(uuid).ok().filter(|_| begun && !original));
    let time = |pick: fn(&DeviceStatus) -> &Option<_>| {
        let time: Option<&k8s_openapi::apimachinery::pkg::apis::meta::v1::Time> =
            entry.and_then(|device| pick(device).as_ref());
        time.map(|time| time.0)
    };
    let mut explanation = DeviceExplanation {
        job: known.job.name.clone(),
        namespace: known.job.namespace.clone(),
        time: known.now,
        index,
        uuid: uuid.to_string(),
        selected: index.and_then(|index| selection.get(index).cloned()),
        present: present.cloned(),
        phase: stands.phase,
        reason: stands.reason,
        message: stands.message,
        attempts: entry.map(|device| device.attempts),
        release,
        pod,
        from_version: entry.and_then(|device| device.from_version.clone()),
        to_version: entry.and_then(|device| device.to_version.clone()),
        start_time: time(|device| &device.start_time),
        next_time: time(|device| &device.next_time).or(stands.until),
        completion_time: time(|device| &device.completion_time),
        log_tail: entry.and_then(|device| device.log_tail.clone()),
        advice: Vec::new(),
    };
    explanation.advice = advice::of_device(known, &explanation);
    explanation
}

impl DeviceExplanation {
    /// The same where not all Instances can be read, for this reason: a UUID that the job does not know may be the one that a device of it
    /// has now.
    #[must_use]
    pub fn without_instances(mut self, why: &str) -> Self {
        if self.index.is_none() && self.reason == Reason::NotRequested.as_str() {
            self.reason = "Unknown".into();
            self.message = format!(
                "FlashJob {} names no device with this UUID; whether a device of it has this uid now is not known: {why}",
                self.job
            );
        }
        self
    }
}

struct Stands {
    phase: String,
    reason: String,
    message: String,
    until: Option<Timestamp>,
}

fn listed(device: &DeviceStatus) -> Stands {
    let message = device.message.clone();
    let words = || match device.phase.known() {
        Some(DevicePhase::Flashing) => "the flash is under way".to_owned(),
        _ => String::new(),
    };
    Stands {
        phase: device.phase.to_string(),
        reason: device.reason.clone().unwrap_or_default().to_string(),
        message: message.unwrap_or_else(words),
        until: None,
    }
}

/// A device without an entry: what is stored of all devices says where it stands.
fn unlisted(known: &Known<'_>, index: Option<usize>, uuid: &Uuid) -> Stands {
    let finals = &known.job.finals;
    let named = known
        .job
        .spec
        .as_ref()
        .is_ok_and(|spec| spec.uuid.iter().any(|one| one == uuid.as_str()));
    let shown =
        "only the newest results are shown one by one; the events and the operator's log know more";
    let (phase, reason, message) = match index {
        Some(index) if finals.succeeded.contains(index) => (
            DevicePhase::Succeeded,
            Reason::FirmwareSent,
            format!("it succeeded in this round; {shown}"),
        ),
        Some(index) if finals.failed.contains(index) => (
            DevicePhase::Failed,
            Reason::FlashFailed,
            format!("it failed in this round; {shown}"),
        ),
        Some(index) if finals.skipped.contains(index) => (
            DevicePhase::Skipped,
            Reason::NotRequested,
            format!("it was skipped in this round; {shown}"),
        ),
        Some(index) => {
            let waits = Waits::of(known);
            let wait = waits.at(index, uuid);
            return Stands {
                phase: DevicePhase::Pending.as_str().to_owned(),
                reason: wait.reason.clone(),
                message: wait.message.clone(),
                until: wait.until,
            };
        }
        None if named && known.selection.is_none() => {
            // In which step it is only the selection tells.
            let steps = known.job.status.step.is_some();
            let wait = if steps && !job_waits(known.job.status.reason.as_ref()) {
                group_of("Unknown", no_selection(&known.job.namespace))
            } else {
                wait_of_all(known)
            };
            return Stands {
                phase: DevicePhase::Pending.as_str().to_owned(),
                reason: wait.reason,
                message: wait.message,
                until: wait.until,
            };
        }
        None if named => (
            DevicePhase::Pending,
            Reason::Queued,
            "spec.uuid names it, and it joins the selection with the operator's next look".into(),
        ),
        None => {
            return Stands {
                phase: "Unknown".into(),
                reason: Reason::NotRequested.as_str().into(),
                message: format!(
                    "FlashJob {} has no device with this UUID: it is neither selected nor named",
                    known.job.name
                ),
                until: None,
            };
        }
    };
    Stands {
        phase: phase.as_str().to_owned(),
        reason: reason.as_str().to_owned(),
        message,
        until: None,
    }
}
