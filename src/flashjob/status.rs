//! The status of a FlashJob, composed from what is stored, what was found since, and the plan. Pure.

use std::collections::HashSet;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::{
    conditions,
    job::{Finals, Job},
    memory::{Found, Refusal},
    plan::{DeviceView, Observed, Plan},
    roster::Roster,
    verdict::Outcome,
};
use crate::{
    api::{
        ConditionType, Counts, DevicePhase, DeviceStatus, FlashJobStatus, MismatchPolicy, Phase,
        PreviousRound, Reason, SelectionStatus,
    },
    device::mismatch_selected,
    release::release_name,
};

/// Most bytes of `devices[]` as JSON.
const MAX_DEVICES_BYTES: usize = 128 * 1024;
/// Most bytes of the entries of devices that wait for a reason of their own.
const MAX_WAITING_BYTES: usize = 48 * 1024;

/// The status that opens a round: nothing of the round before is in it but its result.
#[must_use]
pub fn open_round(
    job: &Job,
    roster: &Roster,
    hash: &str,
    engine: &str,
    now: Timestamp,
) -> FlashJobStatus {
    let old = &job.status;
    let previous_round = old.round.as_ref().map(|round| PreviousRound {
        number: round.number,
        firmware: round.firmware.clone(),
        version: round.version.clone(),
        succeeded: count(job.finals.succeeded.len()),
        failed: count(job.finals.failed.len()),
        completion_time: Some(old.completion_time.clone().unwrap_or(Time(now))),
    });
    let mut status = FlashJobStatus {
        observed_generation: Some(job.generation),
        start_time: Some(old.start_time.clone().unwrap_or(Time(now))),
        round: job.wanted_round(roster.round),
        previous_round,
        selection: Some(SelectionStatus {
            count: count(roster.devices().len()),
            hash: hash.to_owned(),
            time: Some(Time(now)),
        }),
        effective: Some(job.effective(engine)),
        conditions: old.conditions.clone(),
        ..FlashJobStatus::default()
    };
    let tally = Tally {
        selected: roster.devices().len(),
        ..Tally::default()
    };
    describe(&mut status, job, &tally, None, now);
    status
}

/// How many devices stand where.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Tally {
    selected: usize,
    in_flight: usize,
    waiting: usize,
    succeeded: usize,
    failed: usize,
    skipped: usize,
}

impl Tally {
    const fn finals(&self) -> usize {
        self.succeeded + self.failed + self.skipped
    }

    const fn pending(&self) -> usize {
        self.selected
            .saturating_sub(self.finals() + self.in_flight + self.waiting)
    }
}

/// The status as it should be stored now.
#[must_use]
pub fn compose(observed: &Observed<'_>, plan: &Plan, now: Timestamp) -> FlashJobStatus {
    let job = observed.job;
    let mut status = job.status.clone();
    status.observed_generation = Some(job.generation);
    status.effective = Some(job.effective(&observed.world.engine));
    let current = job.round_is_current() || job.spec.is_err() || job.deleting;
    let trouble = trouble(observed);
    let lost = trouble
        .as_ref()
        .is_some_and(|trouble| trouble.reason == Reason::SelectionLost);
    // Without the selection, indexes mean nothing: what is stored stays.
    let mut tally = if lost {
        stored_tally(job)
    } else {
        Tally::default()
    };
    if let Some(roster) = observed
        .roster
        .filter(|_| current && !lost && status.round.is_some())
    {
        let found = found(observed, plan);
        let finals = with_found(&job.finals, &found);
        tally = tally_of(job, roster, &finals, &plan.views);
        write_finals(&mut status, job, roster, &finals);
        status.devices = devices(job, roster, &finals, &found, plan, now);
        let begun = status
            .devices
            .iter()
            .filter(|device| device.start_time.is_some() && device.host_endpoint.is_some());
        if let Some(newest) =
            begun.max_by_key(|device| (device.start_time.as_ref().map(|time| time.0), device.index))
        {
            status.host_endpoint.clone_from(&newest.host_endpoint);
        }
    }
    status.next_time = plan.wake_at.map(Time);
    describe(&mut status, job, &tally, trouble, now);
    status
}

fn stored_tally(job: &Job) -> Tally {
    let selected = job
        .status
        .counts
        .map_or(0, |counts| usize::try_from(counts.selected).unwrap_or(0));
    Tally {
        selected: selected.max(job.finals.len()),
        succeeded: job.finals.succeeded.len(),
        failed: job.finals.failed.len(),
        skipped: job.finals.skipped.len(),
        ..Tally::default()
    }
}

/// What keeps only what cannot be found again: for an API server that refuses the whole status for its size.
#[must_use]
pub fn minimal(status: &FlashJobStatus) -> FlashJobStatus {
    let flashing = [
        DevicePhase::Flashing.as_str(),
        DevicePhase::Verifying.as_str(),
        DevicePhase::Waiting.as_str(),
    ];
    let keep = status
        .devices
        .iter()
        .filter(|device| flashing.contains(&device.phase.as_str()));
    let devices = keep
        .map(|device| DeviceStatus {
            message: None,
            log_tail: None,
            ..device.clone()
        })
        .collect();
    FlashJobStatus {
        devices,
        completed_uuids: Vec::new(),
        ..status.clone()
    }
}

/// Verdicts that are not stored yet, oldest first, one an index.
fn found<'a>(observed: &'a Observed<'_>, plan: &'a Plan) -> Vec<&'a Found> {
    let known = observed
        .memory
        .verdicts
        .values()
        .chain(observed.memory.refused.values());
    let mut found: Vec<&Found> = known
        .chain(plan.refuse.iter().map(|(_, found)| found))
        .collect();
    found.retain(|found| {
        found
            .index
            .is_some_and(|index| !observed.job.finals.contains(index))
    });
    found.sort_by_key(|found| (found.at, found.index));
    let mut seen = HashSet::new();
    found.retain(|found| seen.insert(found.index));
    found
}

fn with_found(stored: &Finals, found: &[&Found]) -> Finals {
    let mut finals = stored.clone();
    for found in found {
        let Some(index) = found.index else { continue };
        match found.verdict.outcome {
            Outcome::Succeeded => finals.succeeded.insert(index),
            Outcome::Skipped => finals.skipped.insert(index),
            Outcome::Failed | Outcome::Unknown => finals.failed.insert(index),
        };
    }
    finals
}

fn tally_of(job: &Job, roster: &Roster, finals: &Finals, views: &[DeviceView]) -> Tally {
    let named: Option<HashSet<&str>> = job
        .spec
        .as_ref()
        .ok()
        .map(|spec| spec.uuid.iter().map(String::as_str).collect());
    let live = |view: &&DeviceView| view.index.is_some_and(|index| !finals.contains(index));
    let indexes = |stands: fn(DevicePhase) -> bool| -> HashSet<Option<usize>> {
        views
            .iter()
            .filter(live)
            .filter(|view| stands(view.phase))
            .map(|view| view.index)
            .collect()
    };
    let in_flight = indexes(is_in_flight);
    let mut waiting = indexes(|phase| phase == DevicePhase::Waiting);
    waiting.retain(|index| !in_flight.contains(index));
    let begun = |index| in_flight.contains(&Some(index)) || waiting.contains(&Some(index));
    let selected = roster
        .devices()
        .iter()
        .enumerate()
        .filter(|(index, device)| {
            named
                .as_ref()
                .is_none_or(|named| named.contains(device.uuid.as_str()))
                || finals.contains(*index)
                || begun(*index)
        });
    Tally {
        selected: selected.count(),
        in_flight: in_flight.len(),
        waiting: waiting.len(),
        succeeded: finals.succeeded.len(),
        failed: finals.failed.len(),
        skipped: finals.skipped.len(),
    }
}

const fn is_in_flight(phase: DevicePhase) -> bool {
    matches!(
        phase,
        DevicePhase::Reserved | DevicePhase::AwaitingAddress | DevicePhase::Flashing
    )
}

fn write_finals(status: &mut FlashJobStatus, job: &Job, roster: &Roster, finals: &Finals) {
    let text = |set: &super::index_set::IndexSet| (!set.is_empty()).then(|| set.to_string());
    status.completed_indexes = text(&finals.succeeded);
    status.failed_indexes = text(&finals.failed);
    status.skipped_indexes = text(&finals.skipped);
    let named: HashSet<&str> = job
        .spec
        .iter()
        .flat_map(|spec| spec.uuid.iter().map(String::as_str))
        .collect();
    let done = |index: &usize| finals.succeeded.contains(*index) || finals.skipped.contains(*index);
    let uuids = (0..roster.devices().len())
        .filter(done)
        .map(|index| &roster.devices()[index].uuid);
    status.completed_uuids = uuids
        .filter(|uuid| named.contains(uuid.as_str()))
        .cloned()
        .collect();
}

/// In flight, waiting for a reason, then the newest failures and successes; as many as fit.
fn devices(
    job: &Job,
    roster: &Roster,
    finals: &Finals,
    found: &[&Found],
    plan: &Plan,
    now: Timestamp,
) -> Vec<DeviceStatus> {
    let live: Vec<(bool, DeviceStatus)> = plan
        .views
        .iter()
        .filter(|view| view.index.is_some_and(|index| !finals.contains(index)))
        .map(|view| (is_in_flight(view.phase), entry_of_view(job, view)))
        .collect();
    let (mut in_flight, waiting): (Vec<_>, Vec<_>) =
        live.into_iter().partition(|(in_flight, _)| *in_flight);
    let mut ended: Vec<DeviceStatus> = found
        .iter()
        .map(|found| entry_of_found(job, found, plan, now))
        .collect();
    let known: HashSet<i64> = ended.iter().map(|device| device.index).collect();
    let is_final = |device: &&DeviceStatus| {
        usize::try_from(device.index).is_ok_and(|index| finals.contains(index))
    };
    ended.extend(
        job.status
            .devices
            .iter()
            .filter(is_final)
            .filter(|device| !known.contains(&device.index))
            .cloned(),
    );
    ended.sort_by_key(|device| {
        (
            device.phase != DevicePhase::Failed.as_str(),
            std::cmp::Reverse(device.completion_time.as_ref().map(|time| time.0)),
        )
    });
    // Before room is given out: what is added takes room, too.
    annotate(
        ended
            .iter_mut()
            .chain(in_flight.iter_mut().map(|(_, device)| device)),
        job,
        roster,
    );
    let mut room = MAX_DEVICES_BYTES;
    let mut list = Vec::new();
    take_while_room(
        &mut list,
        in_flight.into_iter().map(|(_, device)| device),
        &mut room,
    );
    let mut waiting_room = MAX_WAITING_BYTES.min(room);
    let before = waiting_room;
    take_while_room(
        &mut list,
        waiting.into_iter().map(|(_, device)| device),
        &mut waiting_room,
    );
    room -= before - waiting_room;
    take_while_room(&mut list, ended, &mut room);
    list
}

/// What the frozen selection says of devices that were begun: the version they had, and what the job expects otherwise.
fn annotate<'a>(devices: impl Iterator<Item = &'a mut DeviceStatus>, job: &Job, roster: &Roster) {
    let Ok(spec) = &job.spec else { return };
    let warns = spec.mismatch_policy.unwrap_or_default() == MismatchPolicy::Warn;
    for device in devices.filter(|device| device.attempts > 0) {
        let selected = usize::try_from(device.index)
            .ok()
            .and_then(|index| roster.devices().get(index));
        let Some(selected) = selected else { continue };
        if device.from_version.is_none() {
            device.from_version.clone_from(&selected.version);
        }
        let Some(difference) = mismatch_selected(spec, selected).filter(|_| warns) else {
            continue;
        };
        let message = device.message.take().unwrap_or_default();
        let said = message.contains(&difference);
        device.message = Some(match (said, message.is_empty()) {
            (true, _) => message,
            (false, true) => difference,
            (false, false) => format!("{message}; {difference}"),
        });
    }
}

fn take_while_room(
    list: &mut Vec<DeviceStatus>,
    from: impl IntoIterator<Item = DeviceStatus>,
    room: &mut usize,
) {
    for device in from {
        let size = serde_json::to_vec(&device).map_or(0, |bytes| bytes.len() + 1);
        if size > *room {
            return;
        }
        *room -= size;
        list.push(device);
    }
}

fn stored_entry(job: &Job, index: usize) -> Option<&DeviceStatus> {
    job.status
        .devices
        .iter()
        .find(|device| usize::try_from(device.index) == Ok(index))
}

fn entry_of_view(job: &Job, view: &DeviceView) -> DeviceStatus {
    let stored = view.index.and_then(|index| stored_entry(job, index));
    DeviceStatus {
        index: view.index.map_or(-1, count),
        uuid: view.uuid.clone(),
        host_endpoint: view.endpoint.clone(),
        release: view.since.and_then(|_| release_name(&view.uuid).ok()),
        pod: view.pod.clone(),
        phase: view.phase.as_str().to_owned(),
        reason: Some(view.reason.as_str().to_owned()),
        message: Some(view.message.clone()).filter(|message| !message.is_empty()),
        attempts: i64::from(view.since.is_some()),
        from_version: stored.and_then(|device| device.from_version.clone()),
        to_version: None,
        start_time: view.since.map(Time),
        next_time: None,
        completion_time: None,
        log_tail: None,
    }
}

fn entry_of_found(job: &Job, found: &Found, plan: &Plan, now: Timestamp) -> DeviceStatus {
    // A flash may end before any status showed it: then the plan alone knows its endpoint and times.
    let view = plan
        .views
        .iter()
        .find(|view| view.index.is_some() && view.index == found.index);
    let stored = found
        .index
        .and_then(|index| stored_entry(job, index))
        .cloned();
    let known = view
        .map(|view| entry_of_view(job, view))
        .or(stored)
        .unwrap_or_default();
    let phase = match found.verdict.outcome {
        Outcome::Succeeded => DevicePhase::Succeeded,
        Outcome::Skipped => DevicePhase::Skipped,
        Outcome::Failed | Outcome::Unknown => DevicePhase::Failed,
    };
    DeviceStatus {
        index: found.index.map_or(-1, count),
        uuid: found.uuid.clone(),
        phase: phase.as_str().to_owned(),
        reason: Some(found.verdict.reason.as_str().to_owned()),
        message: Some(found.verdict.message.clone()).filter(|message| !message.is_empty()),
        completion_time: Some(Time(found.at.min(now))),
        log_tail: Some(found.verdict.log_tail.clone()).filter(|tail| !tail.is_empty()),
        ..known
    }
}

/// What keeps the whole job from going on.
fn trouble(observed: &Observed<'_>) -> Option<Refusal> {
    let refusal = |reason, message: String| Some(Refusal { reason, message });
    if let Err(error) = &observed.job.spec {
        let message = format!(
            "spec cannot be read: {error}; edit it with: kubectl edit flashjob {}",
            observed.job.name
        );
        return refusal(Reason::InvalidSpec, message);
    }
    if let Some(message) = &observed.job.invalid {
        return refusal(Reason::InvalidSpec, message.clone());
    }
    if let Some((_, _, Some(refused))) = &observed.memory.refusal {
        return Some(refused.clone());
    }
    if let Some(chart) = &observed.world.chart {
        return Some(chart.clone());
    }
    if !observed.world.akri_installed {
        let message = "the cluster has no kind instances.akri.sh: install Akri; the job begins when it appears";
        return refusal(Reason::AkriNotInstalled, message.to_owned());
    }
    if observed.memory.too_large {
        return refusal(
            Reason::StatusTooLarge,
            "the status does not fit into the object: use fewer devices a job".into(),
        );
    }
    None
}

/// Counts, phase, conditions and words, from the tally.
fn describe(
    status: &mut FlashJobStatus,
    job: &Job,
    tally: &Tally,
    trouble: Option<Refusal>,
    now: Timestamp,
) {
    status.counts = Some(Counts {
        selected: count(tally.selected),
        pending: count(tally.pending()),
        in_flight: count(tally.in_flight),
        verifying: 0,
        waiting: count(tally.waiting),
        succeeded: count(tally.succeeded),
        failed: count(tally.failed),
        skipped: count(tally.skipped),
    });
    status.progress = Some(format!("{}/{}", tally.finals(), tally.selected));
    let verdict = judge(job, status, tally, trouble);
    status.reason = Some(verdict.reason.as_str().to_owned());
    status.message = Some(verdict.message.clone());
    let phase = match verdict.end {
        Some(End::Complete) => Phase::Completed,
        Some(End::Failed) => Phase::Failed,
        None if tally.in_flight > 0 => Phase::Running,
        None => Phase::InProgress,
    };
    status.phase = Some(phase.as_str().to_owned());
    status.completion_time = match (&verdict.end, status.completion_time.take()) {
        (None, _) => None,
        (Some(_), Some(time)) => Some(time),
        (Some(_), None) => Some(Time(now)),
    };
    set_conditions(status, job, &verdict, now);
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Complete,
    Failed,
}

struct JobVerdict {
    end: Option<End>,
    accepted: bool,
    stalled: bool,
    reason: Reason,
    message: String,
}

fn judge(
    job: &Job,
    status: &FlashJobStatus,
    tally: &Tally,
    trouble: Option<Refusal>,
) -> JobVerdict {
    let going = JobVerdict {
        end: None,
        accepted: true,
        stalled: false,
        reason: Reason::InProgress,
        message: String::new(),
    };
    let finished = job.round_is_current() && tally.selected > 0 && tally.finals() >= tally.selected;
    // What has ended stays ended, whatever becomes of chart, values or Akri later.
    if let Some(Refusal { reason, message }) =
        trouble.filter(|trouble| !finished || trouble.reason == Reason::InvalidSpec)
    {
        let waits = matches!(
            reason,
            Reason::AkriNotInstalled
                | Reason::ChartInvalid
                | Reason::SelectionLost
                | Reason::StatusTooLarge
        );
        let end = (!waits && tally.in_flight == 0).then_some(End::Failed);
        return JobVerdict {
            end,
            accepted: waits,
            stalled: waits,
            reason,
            message,
        };
    }
    let done = format!(
        "{} of {} succeeded",
        tally.succeeded + tally.skipped,
        tally.selected
    );
    if status.round.is_none() || !job.round_is_current() {
        let none_named = job.spec.as_ref().is_ok_and(|spec| spec.uuid.is_empty());
        if none_named {
            let message = "spec.uuid names no device".to_owned();
            return JobVerdict {
                end: Some(End::Failed),
                reason: Reason::NoDevicesSelected,
                message,
                ..going
            };
        }
        return JobVerdict {
            message: "the devices are being selected".into(),
            ..going
        };
    }
    if tally.selected == 0 {
        let message = "spec.uuid names no device".to_owned();
        return JobVerdict {
            end: Some(End::Failed),
            reason: Reason::NoDevicesSelected,
            message,
            ..going
        };
    }
    if tally.finals() < tally.selected {
        let message = format!(
            "{done}; {} in flight, {} pending, {} waiting, {} failed",
            tally.in_flight,
            tally.pending(),
            tally.waiting,
            tally.failed
        );
        return JobVerdict { message, ..going };
    }
    if tally.failed > 0 {
        let message = format!(
            "{done}, {} failed; see: kubectl get flashjob {} -n {} -o yaml",
            tally.failed, job.name, job.namespace
        );
        return JobVerdict {
            end: Some(End::Failed),
            reason: Reason::DevicesFailed,
            message,
            ..going
        };
    }
    JobVerdict {
        end: Some(End::Complete),
        reason: Reason::AllSucceeded,
        message: done,
        ..going
    }
}

fn set_conditions(status: &mut FlashJobStatus, job: &Job, verdict: &JobVerdict, now: Timestamp) {
    let complete = verdict.end == Some(End::Complete);
    let failed = verdict.end == Some(End::Failed);
    let words = || (verdict.reason, verdict.message.clone());
    let accepted = if verdict.accepted {
        (Reason::SpecAccepted, String::new())
    } else {
        words()
    };
    let draining = if job.deleting {
        (Reason::Deleting, drain_message(status))
    } else {
        (Reason::NotRequested, String::new())
    };
    let stalled = if verdict.stalled {
        words()
    } else {
        (Reason::Healthy, String::new())
    };
    let open = || (Reason::NotFinished, String::new());
    let set = [
        (ConditionType::Accepted, verdict.accepted, accepted),
        (ConditionType::Ready, complete, words()),
        (
            ConditionType::Suspended,
            false,
            (Reason::NotRequested, String::new()),
        ),
        (ConditionType::Draining, job.deleting, draining),
        (
            ConditionType::FailureTarget,
            failed,
            if failed {
                words()
            } else {
                (Reason::Healthy, String::new())
            },
        ),
        (
            ConditionType::Complete,
            complete,
            if complete { words() } else { open() },
        ),
        (
            ConditionType::Failed,
            failed,
            if failed { words() } else { open() },
        ),
        (
            ConditionType::Finished,
            verdict.end.is_some(),
            if verdict.end.is_some() {
                words()
            } else {
                open()
            },
        ),
        (ConditionType::Stalled, verdict.stalled, stalled),
    ];
    for (kind, holds, (reason, message)) in set {
        conditions::set(
            &mut status.conditions,
            kind,
            holds,
            reason,
            message,
            job.generation,
            now,
        );
    }
}

fn drain_message(status: &FlashJobStatus) -> String {
    let in_flight = status.counts.map_or(0, |counts| counts.in_flight);
    let deadline = status
        .effective
        .as_ref()
        .map_or(0, |effective| effective.active_deadline_seconds_per_device);
    format!(
        "{in_flight} devices in flight, at most {} min",
        (deadline + 59) / 60
    )
}

/// A number of devices as the API shows it.
#[must_use]
pub fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
#[path = "status_tests.rs"]
mod tests;
