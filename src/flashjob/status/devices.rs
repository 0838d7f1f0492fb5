//! The entries of `status.devices`: in flight, waiting, ended, as many as fit into their share of the object. Pure.
//!
//! Called by `compose`.

use std::collections::HashSet;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::{count, json_size};
use crate::flashjob::{spec::bounded_text, status::counts::is_in_flight};
use crate::{
    api::{DevicePhase, DeviceStatus, Effective, FlashJobStatus, MismatchPolicy},
    device::mismatch_selected,
    flash_pod::intent::release_name,
    flashjob::{
        observe::{Observed, memory::Found, selection::Selection, stored},
        plan::{DeviceView, Plan, attempt::adoption::pod_name},
        spec::job::{Finals, Job},
        verdict::Outcome,
    },
};

/// Most bytes of `devices[]` as JSON.
const MAX_DEVICES_BYTES: usize = 128 * 1024;
/// Most bytes of the whole object, where only entries of devices that are final could make it larger: the names of thousands of
/// devices leave little room, and each status write carries all of them.
const MAX_OBJECT_BYTES: usize = 400 * 1024;
/// Bytes of metadata, conditions and words.
const MAX_REST_BYTES: usize = 12 * 1024;
/// Most bytes of the entries of devices that wait for a reason of their own.
const MAX_WAITING_BYTES: usize = 48 * 1024;

/// Devices of which an attempt ended.
pub(super) struct Ended<'a> {
    /// Indexes of those that are final.
    pub(super) finals: &'a Finals,
    /// Final verdicts that are not stored yet.
    pub(super) found: &'a [&'a Found],
    /// Entries of those that are read back or tried again.
    pub(super) tracked: Vec<DeviceStatus>,
    /// Bytes that the names of devices take elsewhere in the object.
    pub(super) named: usize,
}

/// Bytes that the names of devices take in the spec, and in the status beside its entries.
pub(super) fn named(job: &Job, status: &FlashJobStatus) -> usize {
    // Quotes and a comma.
    let bytes = |names: &[String]| names.iter().map(|name| name.len() + 3).sum::<usize>();
    let listed = job.spec.as_ref().map_or(0, |spec| bytes(&spec.uuid));
    let sets = [
        &status.completed_indexes,
        &status.failed_indexes,
        &status.skipped_indexes,
    ];
    let sets = sets.into_iter().flatten().map(String::len).sum::<usize>();
    listed + bytes(&status.completed_uuids) + sets
}

/// In flight, read back or tried again, all of them; then those that wait for a reason, the newest failures and successes, as
/// many as fit beside them.
pub(super) fn devices(
    observed: &Observed<'_>,
    roster: &Selection,
    ended: Ended<'_>,
    plan: &Plan,
    now: Timestamp,
) -> Vec<DeviceStatus> {
    let job = observed.job;
    let Ended {
        finals,
        found,
        mut tracked,
        named,
    } = ended;
    let known: HashSet<Option<usize>> = tracked.iter().map(stored::index_of).collect();
    let open = |index: Option<usize>| {
        index.is_some_and(|index| !finals.contains(index)) && !known.contains(&index)
    };
    let live: Vec<(bool, DeviceStatus)> = plan
        .views
        .iter()
        .filter(|view| open(view.index))
        .map(|view| (is_in_flight(view.phase), entry_of_view(job, view, plan)))
        .collect();
    let (mut in_flight, mut waiting): (Vec<_>, Vec<_>) =
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
            !device.is(DevicePhase::Failed),
            std::cmp::Reverse(device.completion_time.as_ref().map(|time| time.0)),
        )
    });
    // Before room is given out: what is added takes room, too.
    annotate(
        ended
            .iter_mut()
            .chain(in_flight.iter_mut().map(|(_, device)| device))
            .chain(tracked.iter_mut()),
        job,
        roster,
        observed.effective(),
    );
    let live = in_flight.iter_mut().chain(&mut waiting);
    let live = live.map(|(_, device)| device);
    let all = live.chain(&mut tracked).chain(&mut ended);
    all.for_each(bounded_text::bound);
    let mut room = MAX_DEVICES_BYTES;
    let mut list = Vec::new();
    let in_flight = in_flight.into_iter().map(|(_, device)| device);
    keep(&mut list, in_flight.chain(tracked), &mut room);
    let mut waiting_room = MAX_WAITING_BYTES.min(room);
    let before = waiting_room;
    take_while_room(
        &mut list,
        waiting.into_iter().map(|(_, device)| device),
        &mut waiting_room,
    );
    room -= before - waiting_room;
    let taken = named + MAX_REST_BYTES + (MAX_DEVICES_BYTES - room);
    room = room.min(MAX_OBJECT_BYTES.saturating_sub(taken));
    take_while_room(&mut list, ended, &mut room);
    list
}

/// What the frozen selection says of devices that were begun: the version they had, and what the job expects otherwise.
pub(super) fn annotate<'a>(
    devices: impl Iterator<Item = &'a mut DeviceStatus>,
    job: &Job,
    roster: &Selection,
    effective: &Effective,
) {
    let Ok(spec) = &job.spec else { return };
    let warns = effective.mismatch_policy == MismatchPolicy::Warn;
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

/// Takes in all of these: nothing else knows how far their devices have come. Where there is no room, without their words.
fn keep(list: &mut Vec<DeviceStatus>, from: impl Iterator<Item = DeviceStatus>, room: &mut usize) {
    for mut device in from {
        if size(&device) > *room {
            device.message = None;
            device.log_tail = None;
        }
        *room = room.saturating_sub(size(&device));
        list.push(device);
    }
}

fn take_while_room(
    list: &mut Vec<DeviceStatus>,
    from: impl IntoIterator<Item = DeviceStatus>,
    room: &mut usize,
) {
    let mut full = false;
    for mut device in from {
        // Once the room is used up only what is tracked goes in, however large: nothing else is measured.
        let fits = (!full).then(|| size(&device)).filter(|bytes| bytes <= room);
        full |= fits.is_none();
        if full {
            if !stored::is_tracked(&device) {
                continue;
            }
            device.message = None;
            device.log_tail = None;
        }
        *room = room.saturating_sub(fits.unwrap_or_else(|| size(&device)));
        list.push(device);
    }
}

/// Bytes of an entry as JSON, with its comma.
fn size(device: &DeviceStatus) -> usize {
    json_size(device) + 1
}

pub(super) fn entry_of_view(job: &Job, view: &DeviceView, plan: &Plan) -> DeviceStatus {
    let stored = view.index.and_then(|index| stored::entry(job, index));
    let earlier_failures = stored.map_or_else(Vec::new, |device| device.earlier_failures.clone());
    let from_version = view.index.and_then(|index| plan.from_versions.get(&index));
    // Of one that is tried again this would be read as when its next attempt is due.
    let missing = view.index.filter(|_| earlier_failures.is_empty());
    let fails_at = missing.and_then(|index| plan.missing.get(&index));
    DeviceStatus {
        index: view.index.map_or(-1, count),
        uuid: view.uuid.to_string(),
        host_endpoint: view.endpoint.clone(),
        release: view.since.and_then(|_| release_of(job, view)),
        pod: view.pod.clone(),
        phase: view.phase.into(),
        reason: Some(view.reason.into()),
        message: Some(view.message.clone()).filter(|message| !message.is_empty()),
        attempts: count(earlier_failures.len()) + i64::from(view.since.is_some()),
        earlier_failures,
        from_version: from_version
            .cloned()
            .or_else(|| stored.and_then(|device| device.from_version.clone())),
        to_version: None,
        start_time: view.since.map(Time),
        next_time: fails_at.copied().map(Time),
        completion_time: None,
        log_tail: None,
    }
}

/// Name of the device's release. What the original operator began has none.
fn release_of(job: &Job, view: &DeviceView) -> Option<String> {
    let original = view.pod.as_deref() == Some(&pod_name(&job.name, &view.uuid));
    (!original).then(|| release_name(&view.uuid).ok()).flatten()
}

pub(super) fn entry_of_found(
    job: &Job,
    found: &Found,
    plan: &Plan,
    now: Timestamp,
) -> DeviceStatus {
    let known = known(job, found, plan);
    let phase = match found.verdict.outcome {
        Outcome::Succeeded => DevicePhase::Succeeded,
        Outcome::Skipped => DevicePhase::Skipped,
        Outcome::Failed | Outcome::Unknown => DevicePhase::Failed,
    };
    let concluded = plan
        .concluded
        .iter()
        .find(|concluded| concluded.found.index == found.index);
    let message = with_history(&found.verdict.message, &known);
    DeviceStatus {
        index: found.index.map_or(-1, count),
        uuid: found.uuid.to_string(),
        phase: phase.into(),
        reason: Some(found.verdict.reason.into()),
        message: Some(message).filter(|message| !message.is_empty()),
        to_version: concluded.and_then(|concluded| concluded.version.clone()),
        next_time: None,
        completion_time: Some(Time(found.at.min(now))),
        log_tail: Some(found.verdict.log_tail.clone()).filter(|tail| !tail.is_empty()),
        ..known
    }
}

/// What is known of a device for which a verdict was found.
pub(super) fn known(job: &Job, found: &Found, plan: &Plan) -> DeviceStatus {
    // A flash may end before any status showed it: then the plan alone knows its endpoint and times.
    let view = plan
        .views
        .iter()
        .find(|view| view.index.is_some() && view.index == found.index);
    let stored = found.index.and_then(|index| stored::entry(job, index));
    view.map(|view| entry_of_view(job, view, plan))
        .or_else(|| stored.cloned())
        .unwrap_or_default()
}

/// A message, and why the attempts before failed.
fn with_history(message: &str, device: &DeviceStatus) -> String {
    let words = stored::failures_of(device);
    if words.is_empty() {
        return message.to_owned();
    }
    match message {
        "" => format!("failed before: {words}"),
        _ => format!("{message}; failed before: {words}"),
    }
}

#[cfg(test)]
#[path = "devices_tests.rs"]
mod tests;
