//! Observation and plan become the status to store, and what follows when one status replaces another: events and metrics.
//!
//! Pure. What is stored is never lost: index sets grow within a round, and a status that today's types cannot hold keeps what it has.

mod conditions;
mod counts;
mod devices;
mod draining;
pub(crate) mod events;
mod firmware;
mod held;
pub(crate) mod metrics;
mod outcomes;
mod phase;
mod receipts;
pub(crate) mod rollout_events;
pub(crate) mod undecodable;

use std::io::{self, Write};

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde::Serialize;

use self::devices::{Ended, devices, named};
pub(crate) use self::firmware::{GOES_ON, say_firmware, say_unresolved, say_unverified};
pub use self::receipts::receipt_lines;
pub(crate) use self::receipts::{all_ended, ended, round_receipt, signed_receipts};
use super::plan::Plan;
use crate::api::{
    DevicePhase, DeviceStatus, Effective, FlashClassRef, FlashJobStatus, PreviousRound, Reason,
    Rerun, SelectionStatus,
};
use crate::flashjob::status::{
    conditions::{describe, trouble},
    counts::{Tally, stored_tally, tally_of, with_found, write_finals},
    outcomes::{Aftermath, aftermath},
};
use crate::{
    api::Refusal,
    flashjob::{
        observe::{Observed, selection::Selection, stored},
        plan::{
            attempt::adoption::completed,
            rollout::pace::{self, Pace},
        },
        spec::job::{Finals, Job},
    },
};

/// The status that opens a round: nothing of the round before is in it but its result.
#[must_use]
pub fn open_round(
    job: &Job,
    roster: &Selection,
    hash: &str,
    terms: (Effective, Option<FlashClassRef>),
    now: Timestamp,
) -> FlashJobStatus {
    let old = &job.status;
    let (effective, flash_class) = terms;
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
            ..SelectionStatus::default()
        }),
        // Whatever rerun the spec asks for: all devices of the round are flashed anyway.
        last_rerun_id: job
            .spec
            .as_ref()
            .ok()
            .and_then(|spec| spec.rerun.as_ref())
            .map(|rerun| rerun.id.clone())
            .or_else(|| old.last_rerun_id.clone()),
        effective: Some(effective),
        flash_class,
        conditions: old.conditions.clone(),
        ..FlashJobStatus::default()
    };
    // What the original operator finished is done: nothing else tells so, and none of it is flashed again.
    let finals = Finals {
        succeeded: completed(job, roster),
        ..Finals::default()
    };
    write_finals(&mut status, job, roster, &finals);
    let tally = Tally {
        selected: roster.devices().len(),
        succeeded: finals.succeeded.len(),
        ..Tally::default()
    };
    describe(&mut status, job, &tally, None, &Pace::default(), now);
    status
}

/// The status of a job whose devices cannot be selected: it fails once nothing is in flight.
#[must_use]
pub fn refuse(job: &Job, refusal: Refusal, now: Timestamp) -> FlashJobStatus {
    let mut status = job.status.clone();
    status.observed_generation = Some(job.generation);
    let pace = Pace::default();
    describe(
        &mut status,
        job,
        &stored_tally(job),
        Some(refusal),
        &pace,
        now,
    );
    status
}

/// The status in which the failed devices of the round begin again. The only write that takes an index out of a set.
#[must_use]
pub fn send_again(job: &Job, rerun: &Rerun, now: Timestamp) -> FlashJobStatus {
    let mut status = job.status.clone();
    status.observed_generation = Some(job.generation);
    status.last_rerun_id = Some(rerun.id.clone());
    status.failed_indexes = None;
    status.stop = None;
    let failed = |index: i64| usize::try_from(index).is_ok_and(|at| job.finals.failed.contains(at));
    status.devices.retain(|device| !failed(device.index));
    let tally = Tally {
        failed: 0,
        ..stored_tally(job)
    };
    describe(&mut status, job, &tally, None, &Pace::default(), now);
    status
}

/// The status as it should be stored now.
#[must_use]
pub fn compose(observed: &Observed<'_>, plan: &Plan, now: Timestamp) -> FlashJobStatus {
    let job = observed.job;
    let mut status = job.status.clone();
    status.observed_generation = Some(job.generation);
    status.effective = Some(observed.effective().clone());
    let mut trouble = trouble(observed);
    let mut pace = plan.pace.clone();
    let roster = observed.roster;
    let mut ended_by_now = None;
    let lost = trouble
        .as_ref()
        .is_some_and(|trouble| trouble.reason == Reason::SelectionLost)
        && roster.is_none_or(|roster| job.tampered.is_some() || roster.devices().is_empty());
    // Without the selection, indexes mean nothing: what is stored stays.
    let mut tally = if lost {
        stored_tally(job)
    } else {
        Tally::default()
    };
    // A round that cannot be replaced yet still takes in what its devices came to.
    let stored_round = status.round.as_ref().map(|round| round.number);
    if let Some(roster) = roster.filter(|roster| !lost && Some(roster.round) == stored_round) {
        let Aftermath { found, tracked } = aftermath(observed, plan, now);
        let finals = with_found(&job.finals, &found);
        tally = tally_of(observed, &finals, &plan.views, &tracked);
        write_finals(&mut status, job, roster, &finals);
        ended_by_now = Some((roster, finals.clone()));
        pace = pace::pace(observed, &finals, &observed.class_pace(), now);
        pace.crowd.clone_from(&plan.pace.crowd);
        status.step.clone_from(&pace.step);
        status.stop.clone_from(&pace.stop);
        // A round that has stopped comes to its end, whatever its class says of starting.
        let suspended = |trouble: &Refusal| trouble.reason == Reason::ClassSuspended;
        trouble = trouble.filter(|trouble| pace.stop.is_none() || !suspended(trouble));
        trouble = trouble.or_else(|| pace.refusal.clone());
        let ended = Ended {
            finals: &finals,
            found: &found,
            tracked,
            named: named(job, &status),
        };
        status.devices = devices(observed, roster, ended, plan, now);
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
    tally.cooling = plan.cooling;
    tally.missing = plan.missing.len();
    tally.left.clone_from(&observed.memory.left);
    status.next_time = plan.wake_at.map(Time);
    firmware::follow(&mut status, observed, now);
    describe(&mut status, job, &tally, trouble, &pace, now);
    if let Some((roster, finals)) = &ended_by_now {
        receipts::follow(&mut status, observed, roster, finals);
    }
    status
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
        .filter(|device| flashing.contains(&device.phase.as_str()) || stored::is_tracked(device));
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

/// A number of devices as the API shows it.
#[must_use]
pub fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Bytes of a value as JSON, counted without writing them anywhere: whole statuses, and hundreds of their entries, are measured
/// again and again. 0 for what cannot be JSON.
#[must_use]
pub fn json_size(value: &impl Serialize) -> usize {
    struct Counter(usize);

    impl Write for Counter {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    let mut counter = Counter(0);
    serde_json::to_writer(&mut counter, value).map_or(0, |()| counter.0)
}

#[cfg(test)]
mod phase_tests;
#[cfg(test)]
mod round_tests;
#[cfg(test)]
mod size_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod verdict_tests;
