//! What the metrics say of the devices of one job: how many stand where, and which verdicts were stored. Pure.
//!
//! Called by a pass with what it composed anyway; costs as much as the job has devices that are not final.

use std::collections::{BTreeMap, HashSet};

use crate::api::{ConditionType, DevicePhase, FlashJobStatus, Reason};
use crate::{
    api::conditions,
    flashjob::{observe::stored, plan::DeviceView, spec::job::Finals, status::count},
};

/// Numbers of devices by phase and reason. The reason is empty where the status has no room for it.
pub type Shares = BTreeMap<(&'static str, &'static str), i64>;

/// Why a device may fail. Known beforehand, so that the first failure after a start is an increase of its counter.
pub const FAILURES: [Reason; 16] = [
    Reason::AttestationRefused,
    Reason::TransferFailed,
    Reason::FirmwareNotFound,
    Reason::ContactFailed,
    Reason::AgentFailed,
    Reason::FlashFailed,
    Reason::DeadlineExceeded,
    Reason::Evicted,
    Reason::Interrupted,
    Reason::NodeLost,
    Reason::VerdictUnknown,
    Reason::DeviceNotFound,
    Reason::DeviceInvalid,
    Reason::DeviceMismatch,
    Reason::VersionMismatch,
    Reason::NotSeen,
];

/// Where the devices of a job stand. A finished job has no share: what it came to is in its status and in the verdicts.
#[must_use]
pub fn shares(status: &FlashJobStatus, views: &[DeviceView]) -> Shares {
    let mut shares = Shares::new();
    if conditions::holds(&status.conditions, ConditionType::Finished) {
        return shares;
    }
    let Some(counts) = &status.counts else {
        return shares;
    };
    let finals = Finals::of(status);
    let mut seen = HashSet::new();
    for view in views {
        let live = view.index.filter(|index| !finals.contains(*index));
        if live.is_some_and(|index| seen.insert(index)) {
            let place = (view.phase.as_str(), view.reason.as_str());
            *shares.entry(place).or_default() += 1;
        }
    }
    // Of devices that are read back or tried again, only the status speaks.
    for device in status
        .devices
        .iter()
        .filter(|device| stored::is_tracked(device))
    {
        let live = stored::index_of(device).filter(|index| !finals.contains(*index));
        if live.is_some_and(|index| seen.insert(index)) {
            let verifying = device.is(DevicePhase::Verifying);
            let phase = if verifying {
                DevicePhase::Verifying
            } else {
                DevicePhase::Waiting
            };
            let reason = stored::reason(device).unwrap_or(Reason::BackOff);
            *shares.entry((phase.as_str(), reason.as_str())).or_default() += 1;
        }
    }
    let queued = (DevicePhase::Pending.as_str(), Reason::Queued.as_str());
    *shares.entry(queued).or_default() += counts.selected - count(finals.len()) - count(seen.len());
    add_finals(&mut shares, &Finals::default(), status);
    shares.retain(|_, number| *number > 0);
    shares
}

/// The verdicts that a stored status holds and the one before it did not.
#[must_use]
pub fn verdicts(before: &FlashJobStatus, now: &FlashJobStatus) -> Shares {
    let number = |status: &FlashJobStatus| status.round.as_ref().map(|round| round.number);
    let known = if number(before) == number(now) {
        Finals::of(before)
    } else {
        Finals::default()
    };
    let mut shares = Shares::new();
    add_finals(&mut shares, &known, now);
    shares.retain(|_, number| *number > 0);
    shares
}

/// Adds the devices that are final and were not, with their reasons as far as the status has them.
fn add_finals(shares: &mut Shares, known: &Finals, status: &FlashJobStatus) {
    let finals = Finals::of(status);
    let ends = [
        (DevicePhase::Succeeded, &finals.succeeded, &known.succeeded),
        (DevicePhase::Failed, &finals.failed, &known.failed),
        (DevicePhase::Skipped, &finals.skipped, &known.skipped),
    ];
    for (phase, now, before) in ends {
        let mut unlisted = count(now.len()) - count(before.len());
        for device in status.devices.iter().filter(|device| device.is(phase)) {
            let index = usize::try_from(device.index).ok();
            if index.is_some_and(|index| now.contains(index) && !before.contains(index)) {
                *shares
                    .entry((
                        phase.as_str(),
                        stored::reason(device).map_or("", Reason::as_str),
                    ))
                    .or_default() += 1;
                unlisted -= 1;
            }
        }
        *shares.entry((phase.as_str(), "")).or_default() += unlisted;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        api::DeviceStatus,
        flashjob::{
            fixtures::{Scene, at, found, uuid},
            verdict::Outcome,
        },
    };

    fn shares_of(scene: &Scene) -> Shares {
        shares(&scene.status(60), &scene.plan(60).views)
    }

    /// Three devices: one succeeded, one is missing, one has its turn.
    fn three() -> Scene {
        let mut scene = Scene::new(3);
        let sent = found(Some(0), Outcome::Succeeded, Reason::FirmwareSent);
        scene.memory.verdicts.insert("a0".into(), sent);
        scene.inventory.delete(&uuid(1));
        scene.memory.missing_since.insert(1, at(60));
        scene
    }

    #[test]
    fn every_device_of_a_job_is_in_exactly_one_place() {
        let expected = [
            (("Pending", "DeviceNotFound"), 1),
            (("Pending", "Queued"), 1),
            (("Succeeded", "FirmwareSent"), 1),
        ];
        assert_eq!(shares_of(&three()), Shares::from(expected));
    }

    #[test]
    fn a_reason_that_the_status_has_no_room_for_is_empty() {
        let mut scene = three();
        scene.stored(|status| {
            status.completed_indexes = Some("0".into());
            status.devices.clear();
        });
        scene.memory.verdicts.clear();
        assert_eq!(shares_of(&scene).get(&("Succeeded", "")), Some(&1));
    }

    #[test]
    fn a_finished_job_has_no_share() {
        let mut scene = Scene::new(1);
        let refused = found(Some(0), Outcome::Failed, Reason::AttestationRefused);
        scene.memory.verdicts.insert("a0".into(), refused);
        let status = scene.status(60);
        assert!(conditions::holds(
            &status.conditions,
            ConditionType::Finished
        ));
        assert!(shares_of(&scene).is_empty());
    }

    #[test]
    fn a_verdict_is_counted_once_when_it_is_first_stored() {
        let mut scene = three();
        let before = scene.status(0);
        let refused = found(Some(2), Outcome::Failed, Reason::AttestationRefused);
        scene.memory.verdicts.insert("a2".into(), refused);
        let after = scene.status(60);
        let first = Shares::from([(("Failed", "AttestationRefused"), 1)]);
        assert_eq!(verdicts(&before, &after), first);
        assert!(verdicts(&after, &after).is_empty());
    }

    #[test]
    fn the_verdicts_of_a_new_round_are_counted_anew() {
        let scene = three();
        let before = scene.status(60);
        let mut after = before.clone();
        if let Some(round) = &mut after.round {
            round.number += 1;
        }
        let sent = Shares::from([(("Succeeded", "FirmwareSent"), 1)]);
        assert_eq!(verdicts(&before, &after), sent);
    }
    #[test]
    fn devices_that_are_read_back_or_tried_again_have_a_place_of_their_own_until_they_are_final() {
        let mut scene = Scene::new(5);
        let entry = |index: usize, phase: DevicePhase, reason: Option<Reason>| DeviceStatus {
            index: count(index),
            uuid: uuid(index).to_string(),
            phase: phase.into(),
            reason: reason.map(Into::into),
            earlier_failures: vec![Reason::ContactFailed.into()],
            ..DeviceStatus::default()
        };
        scene.stored(|status| {
            status.completed_indexes = Some("4".into());
            status.devices = vec![
                entry(0, DevicePhase::Verifying, Some(Reason::Verifying)),
                entry(1, DevicePhase::Waiting, Some(Reason::ContactFailed)),
                entry(2, DevicePhase::Waiting, Some(Reason::ContactFailed)),
                entry(3, DevicePhase::Waiting, None),
                entry(4, DevicePhase::Waiting, Some(Reason::ContactFailed)),
            ];
        });
        let expected = Shares::from([
            (("Verifying", "Verifying"), 1),
            (("Waiting", "ContactFailed"), 2),
            (("Waiting", "BackOff"), 1),
            (("Succeeded", ""), 1),
        ]);
        assert_eq!(shares(&scene.job.status, &[]), expected);
    }
}
