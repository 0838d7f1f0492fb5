//! How many devices of a job stand where, from the stored results, the verdicts found since, and the plan. Pure.
//!
//! Called by `compose`.

use std::collections::HashSet;

use crate::{
    api::{DevicePhase, DeviceStatus, FlashJobStatus},
    flashjob::{
        observe::{Observed, memory::Found, selection::Selection, stored},
        plan::{Cooling, DeviceView, Plan},
        spec::{
            intervals::Intervals,
            job::{Finals, Job},
            tampered,
        },
    },
    identifiers::{AttemptId, Uuid},
};

/// How many devices stand where.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Tally {
    pub(super) selected: usize,
    pub(super) in_flight: usize,
    pub(super) verifying: usize,
    pub(super) waiting: usize,
    pub(super) succeeded: usize,
    pub(super) failed: usize,
    pub(super) skipped: usize,
    /// Pending devices that Akri has not discovered.
    pub(super) missing: usize,
    /// Ended devices whose address is kept for now.
    pub(super) cooling: Option<Cooling>,
    /// What keeps a job that is being deleted, as `Kind name`.
    pub(super) left: Vec<String>,
}

impl Tally {
    pub(super) const fn finals(&self) -> usize {
        self.succeeded + self.failed + self.skipped
    }

    /// Devices that have begun and are not final.
    pub(super) const fn under_way(&self) -> usize {
        self.in_flight + self.verifying + self.waiting
    }

    pub(super) const fn pending(&self) -> usize {
        self.selected
            .saturating_sub(self.finals() + self.under_way())
    }
}

pub(super) fn stored_tally(job: &Job) -> Tally {
    let counts = job.status.counts.unwrap_or_default();
    let stored = |number: i64| usize::try_from(number).unwrap_or(0);
    Tally {
        // In a status that somebody edited a device may stand in two lists.
        selected: stored(counts.selected)
            .max(job.finals.len().min(tampered::selected(&job.status))),
        in_flight: stored(counts.in_flight),
        verifying: stored(counts.verifying),
        waiting: stored(counts.waiting),
        succeeded: job.finals.succeeded.len(),
        failed: job.finals.failed.len(),
        skipped: job.finals.skipped.len(),
        missing: 0,
        cooling: None,
        left: Vec::new(),
    }
}

/// Verdicts that are not stored yet, oldest first, one an index; with the id of the attempt that it is of, where it is of one.
pub(super) fn found<'a>(
    observed: &'a Observed<'_>,
    plan: &'a Plan,
) -> Vec<(Option<&'a AttemptId>, &'a Found)> {
    let job = observed.job;
    // What is stored of an attempt whose device is not final is not found again.
    let told = |(id, found): &(&AttemptId, &Found)| {
        found
            .index
            .is_some_and(|index| stored::stage(job, index, id).is_some())
    };
    let verdicts = observed.memory.verdicts.iter().filter(|found| !told(found));
    let without = observed.memory.refused.values();
    let without = without
        .chain(plan.refuse.iter().map(|(_, found)| found))
        .chain(plan.concluded.iter().map(|concluded| &concluded.found));
    let mut found: Vec<(Option<&AttemptId>, &Found)> = verdicts
        .map(|(id, found)| (Some(id), found))
        .chain(without.map(|found| (None, found)))
        .collect();
    found.retain(|(_, found)| {
        found
            .index
            .is_some_and(|index| !observed.job.finals.contains(index))
    });
    found.sort_by_key(|(_, found)| (found.at, found.index));
    let mut seen = HashSet::new();
    found.retain(|(_, found)| seen.insert(found.index));
    found
}

pub(super) fn with_found(stored: &Finals, found: &[&Found]) -> Finals {
    let mut finals = stored.clone();
    for found in found {
        let Some(index) = found.index else { continue };
        finals.add(index, found.verdict.outcome);
    }
    finals
}

pub(super) fn tally_of(
    observed: &Observed<'_>,
    finals: &Finals,
    views: &[DeviceView],
    tracked: &[DeviceStatus],
) -> Tally {
    let known: HashSet<Option<usize>> = tracked.iter().map(stored::index_of).collect();
    let live = |view: &&DeviceView| {
        let open = view.index.is_some_and(|index| !finals.contains(index));
        open && !known.contains(&view.index)
    };
    let verifying = tracked
        .iter()
        .filter(|device| device.is(DevicePhase::Verifying))
        .count();
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
    let begun = in_flight.iter().chain(&waiting).chain(&known);
    let begun: Intervals = begun.flatten().copied().collect();
    let counted = observed.wanted().union(&finals.all()).union(&begun);
    let devices = observed.roster.map_or(0, |roster| roster.devices().len());
    Tally {
        selected: counted.count_below(devices),
        in_flight: in_flight.len(),
        verifying,
        waiting: waiting.len() + tracked.len() - verifying,
        succeeded: finals.succeeded.len(),
        failed: finals.failed.len(),
        skipped: finals.skipped.len(),
        missing: 0,
        cooling: None,
        left: Vec::new(),
    }
}

pub(super) const fn is_in_flight(phase: DevicePhase) -> bool {
    matches!(
        phase,
        DevicePhase::Reserved | DevicePhase::AwaitingAddress | DevicePhase::Flashing
    )
}

pub(super) fn write_finals(
    status: &mut FlashJobStatus,
    job: &Job,
    roster: &Selection,
    finals: &Finals,
) {
    let text = |set: &Intervals| (!set.is_empty()).then(|| set.to_string());
    status.completed_indexes = text(&finals.succeeded);
    status.failed_indexes = text(&finals.failed);
    status.skipped_indexes = text(&finals.skipped);
    let done = finals.succeeded.union(&finals.skipped);
    let listed = job.listed.iter();
    let listed = listed.filter_map(|uuid| roster.index_of(uuid));
    let listed: Intervals = listed.filter(|index| done.contains(*index)).collect();
    let uuids = listed.iter().map(|index| &roster.devices()[index].uuid);
    status.completed_uuids = uuids.map(Uuid::to_string).collect();
}
