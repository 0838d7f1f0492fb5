//! One device of a job in plain words, listed in the status or not. Pure.

use std::collections::HashSet;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Advice, Group, Known, advice};
use crate::{
    api::{DevicePhase, DeviceStatus, Reason, SelectedDevice, StepState, StepStatus, Word},
    flash_pod::intent::release_name,
    flashjob::{
        plan::{attempt::adoption, rollout::steps::title},
        spec::step_state::state_of,
    },
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
pub fn device(known: &Known<'_>, uuid: &str, present: Option<&Present>) -> DeviceExplanation {
    let status = &known.job.status;
    let selection = known.selection.unwrap_or_default();
    let index = selection.iter().position(|selected| selected.uuid == uuid);
    let entry = status.devices.iter().find(|device| match index {
        Some(index) => usize::try_from(device.index) == Ok(index),
        None => device.uuid == uuid,
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
        uuid: uuid.to_owned(),
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
fn unlisted(known: &Known<'_>, index: Option<usize>, uuid: &str) -> Stands {
    let finals = &known.job.finals;
    let named = known
        .job
        .spec
        .as_ref()
        .is_ok_and(|spec| spec.uuid.iter().any(|one| one == uuid));
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

/// What devices wait for that have not begun and have no reason of their own. Made once for all of them: there may be thousands.
pub(super) struct Waits<'a> {
    /// UUIDs that the job asks for, where it names them.
    named: Option<HashSet<&'a str>>,
    dropped: Group,
    /// Those behind so many devices.
    later: Option<(i64, Group)>,
    all: Group,
}

impl<'a> Waits<'a> {
    /// Of a job.
    pub(super) fn of(known: &Known<'a>) -> Self {
        let job = known.job;
        let names = job.spec.as_ref().ok();
        let names = names.filter(|spec| spec.device_selector.is_none());
        let step = job.status.step.as_ref();
        let step = step.filter(|_| !job_waits(job.status.reason.as_ref()));
        let dropped = "it was selected, and the job does not ask for it any more";
        Self {
            named: names.map(|spec| spec.uuid.iter().map(String::as_str).collect()),
            dropped: group(Reason::NotRequested, dropped.into()),
            later: step.map(|step| (step.devices, after_step(step, &job.name, &job.namespace))),
            all: wait_of_all(known),
        }
    }

    /// What the device at this place waits for.
    pub(super) fn at(&self, index: usize, uuid: &str) -> &Group {
        let named = self.named.as_ref();
        if named.is_some_and(|named| !named.contains(uuid)) {
            return &self.dropped;
        }
        let behind = |end: i64| i64::try_from(index).is_ok_and(|index| index >= end);
        let later = self.later.as_ref().filter(|(end, _)| behind(*end));
        later.map_or(&self.all, |(_, group)| group)
    }
}

fn no_selection(namespace: &str) -> String {
    format!(
        "what it waits for is not known: the frozen selection cannot be read; you may not list ControllerRevisions in namespace \
         {namespace}, or one of them is gone"
    )
}

/// Devices that have not begun, by the counts alone: those of later steps, and the rest.
pub(super) fn waits_by_count(known: &Known<'_>, devices: usize) -> Vec<Group> {
    let job = known.job;
    let status = &job.status;
    let later = status
        .step
        .as_ref()
        .filter(|_| !job.deleting && !job_waits(status.reason.as_ref()));
    let beyond = later.map_or(0, |step| {
        let selected = status.counts.map_or(0, |counts| counts.selected);
        let listed = status
            .devices
            .iter()
            .filter(|device| device.index >= step.devices);
        let unlisted = usize::try_from(selected - step.devices).unwrap_or(0);
        unlisted.saturating_sub(listed.count()).min(devices)
    });
    let within = Group {
        devices: devices - beyond,
        ..wait_of_all(known)
    };
    let after = later.map(|step| Group {
        devices: beyond,
        ..after_step(step, &job.name, &job.namespace)
    });
    let groups = std::iter::once(within).chain(after);
    groups.filter(|group| group.devices > 0).collect()
}

fn after_step(step: &StepStatus, job: &str, namespace: &str) -> Group {
    let title = title(step);
    match state_of(step) {
        StepState::Soaking => {
            let words = format!("step {title} is being watched before the next one begins");
            let until = step.ends_at.as_ref().map(|time| time.0);
            Group {
                until,
                ..group(Reason::StepSoaking, words)
            }
        }
        StepState::AwaitingApproval => group(
            Reason::AwaitingApproval,
            format!(
                "step {title} waits for somebody to approve it: kubectl flashjob approve {job} -n {namespace}"
            ),
        ),
        StepState::Running => group(
            Reason::StepNotReached,
            format!(
                "step {title} comes first: {} of its {} devices are final",
                step.done, step.devices
            ),
        ),
    }
}

/// Whether the whole job waits for something, going by its reason.
fn job_waits(reason: Option<&Word<Reason>>) -> bool {
    let going = [
        Reason::InProgress,
        Reason::SlotsFull,
        Reason::Queued,
        Reason::GroupFull,
        Reason::StepNotReached,
        Reason::StepSoaking,
        Reason::AwaitingApproval,
    ];
    reason.is_some_and(|reason| !going.iter().any(|one| reason == one))
}

/// Why a job has no status yet.
pub(super) fn unseen(known: &Known<'_>) -> String {
    let namespace = &known.job.namespace;
    match known.watched {
        Some(true) => "the operator has not looked at the job yet".into(),
        Some(false) => format!(
            "the operator does not look at namespace {namespace}: an administrator can add it to watchNamespaces of the operator's \
             chart"
        ),
        None => format!(
            "the operator has not looked at the job yet; it never does if namespace {namespace} is not among those that it watches"
        ),
    }
}

/// What every device waits for that has not begun: the job's own reason, or a slot.
pub(super) fn wait_of_all(known: &Known<'_>) -> Group {
    let status = &known.job.status;
    if known.job.deleting {
        let words = "the job is being deleted; nothing new starts";
        return group(Reason::Deleting, words.into());
    }
    if known.job.is_unseen() {
        return group(Reason::Queued, unseen(known));
    }
    if job_waits(status.reason.as_ref()) {
        // Of any other reason the time is only that of the operator's next look.
        let by_time = [Reason::NotBefore, Reason::WindowClosed];
        let ends = by_time.iter().any(|reason| status.is_for(*reason));
        return Group {
            reason: status.reason.clone().unwrap_or_default().to_string(),
            message: status.message.clone().unwrap_or_default(),
            devices: 1,
            until: status
                .next_time
                .as_ref()
                .filter(|_| ends)
                .map(|time| time.0),
        };
    }
    let crowded = [Reason::GroupFull, Reason::SlotsFull].into_iter();
    let mut crowded = crowded.filter(|reason| status.is_for(*reason));
    if let Some(reason) = crowded.next() {
        return group(reason, status.message.clone().unwrap_or_default());
    }
    let slots = status
        .effective
        .as_ref()
        .map_or(0, |effective| effective.parallelism);
    let used = status.counts.map_or(0, |counts| counts.in_flight);
    if slots > 0 && used >= slots {
        return group(
            Reason::SlotsFull,
            format!(
                "{used} of {slots} slots are in use (parallelism); its turn comes when a flash ends"
            ),
        );
    }
    group(
        Reason::Queued,
        "its turn has not come; other jobs may use the slots of the operator (--max-in-flight)"
            .into(),
    )
}

fn group(reason: Reason, message: String) -> Group {
    group_of(reason.as_str(), message)
}

fn group_of(reason: &str, message: String) -> Group {
    Group {
        reason: reason.to_owned(),
        message,
        devices: 1,
        until: None,
    }
}
