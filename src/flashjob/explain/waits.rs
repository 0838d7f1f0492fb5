//! What devices wait for that have not begun, in plain words: the job's own reason, a step, or a slot. Pure.

use std::collections::HashSet;

use super::{Group, Known};
use crate::{
    api::{Reason, StepState, StepStatus, Word},
    flashjob::{plan::rollout::steps::title, spec::step_state::state_of},
    identifiers::Uuid,
};

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
    pub(super) fn at(&self, index: usize, uuid: &Uuid) -> &Group {
        let named = self.named.as_ref();
        if named.is_some_and(|named| !named.contains(uuid.as_str())) {
            return &self.dropped;
        }
        let behind = |end: i64| i64::try_from(index).is_ok_and(|index| index >= end);
        let later = self.later.as_ref().filter(|(end, _)| behind(*end));
        later.map_or(&self.all, |(_, group)| group)
    }
}

pub(super) fn no_selection(namespace: &str) -> String {
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
pub(super) fn job_waits(reason: Option<&Word<Reason>>) -> bool {
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
    let crowded = [Reason::GroupFull, Reason::SlotsFull, Reason::AddressInUse].into_iter();
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
        "its turn has not come; other flashes may use the slots of the operator (--max-in-flight) or the Services of its pool (service.pool.size)"
            .into(),
    )
}

fn group(reason: Reason, message: String) -> Group {
    group_of(reason.as_str(), message)
}

pub(super) fn group_of(reason: &str, message: String) -> Group {
    Group {
        reason: reason.to_owned(),
        message,
        devices: 1,
        until: None,
    }
}
