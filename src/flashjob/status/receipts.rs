//! Receipts of a round: what is said of each final device, and the root over all of them once the round has ended. Pure.
//!
//! What a root covers follows from what is stored of the round, so that every leader finds the same one.

use std::collections::HashMap;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::{
    devices::{annotate, entry_of_found},
    outcomes::aftermath,
};
use crate::{
    api::{DevicePhase, DeviceStatus, FlashJobStatus, Provenance, RoundReceipts, SelectedDevice},
    flashjob::{
        observe::{Observed, selection::Selection, stored},
        plan::Plan,
        spec::job::{Finals, Job},
    },
    provenance::{
        folded,
        receipts::{
            Details, FlashPredicate, FlashResult, FlashStatement, FlashedDevice, FlashedFirmware,
            JobReference, RoundPredicate, RoundStatement, Signer, tree,
        },
    },
};

/// Entries of the devices whose final verdicts are not stored yet, all of them: the status has room for some.
#[must_use]
pub(crate) fn ended(observed: &Observed<'_>, plan: &Plan, now: Timestamp) -> Vec<DeviceStatus> {
    let Some(roster) = observed.roster else {
        return Vec::new();
    };
    let found = aftermath(observed, plan, now).found;
    let entries = found
        .into_iter()
        .map(|found| entry_of_found(observed.job, found, plan, now));
    let mut entries: Vec<_> = entries.collect();
    annotate(
        entries.iter_mut(),
        observed.job,
        roster,
        observed.effective(),
    );
    entries
}

/// What is said of a device of the round that `status` is about; none where the device is not final, or the round has no digest.
#[must_use]
pub(crate) fn receipt(
    job: &Job,
    status: &FlashJobStatus,
    selected: &SelectedDevice,
    entry: &DeviceStatus,
) -> Option<FlashStatement> {
    let result = match entry.phase.known()? {
        DevicePhase::Succeeded => FlashResult::Succeeded,
        DevicePhase::Failed => FlashResult::Failed,
        DevicePhase::Skipped => FlashResult::Skipped,
        _ => return None,
    };
    let mut statement = leaf(job, status, (stored::index_of(entry)?, selected), result)?;
    let tail = entry.log_tail.as_ref();
    statement.predicate.details = Some(Details {
        reason: entry
            .reason
            .as_ref()
            .map(|reason| reason.as_str().to_owned()),
        attempts: entry.attempts,
        pod: entry.pod.clone(),
        flash_image: flash_image(status).map(str::to_owned),
        approvals: status
            .step
            .as_ref()
            .map(|step| step.approvals.clone())
            .unwrap_or_default(),
        to_version: entry.to_version.clone(),
        start_time: entry.start_time.clone(),
        completion_time: entry.completion_time.clone(),
        log_tail_sha256: tail.map(|tail| hex::encode(Sha256::digest(tail))),
    });
    Some(statement)
}

/// The receipts of these devices, one a line; none where there is none of a device, or it cannot be signed.
pub(crate) fn signed_receipts<'a>(
    job: &'a Job,
    status: &'a FlashJobStatus,
    (roster, ended): (&'a Selection, &'a [DeviceStatus]),
    key: &'a Signer,
) -> impl Iterator<Item = Option<String>> + 'a {
    ended.iter().map(move |entry| {
        let selected = roster.devices().get(stored::index_of(entry)?)?;
        let (line, _) = key.sign(&receipt(job, status, selected, entry)?).ok()?;
        Some(line)
    })
}

/// Signed receipts of all final devices of the round that `status` is about, and of the round itself, one a line; none where one of them
/// cannot be signed. Of devices that the status has no room for they say what the root covers.
#[must_use]
pub fn receipt_lines(
    job: &Job,
    status: &FlashJobStatus,
    roster: &Selection,
    key: &Signer,
) -> Option<(Vec<u8>, RoundStatement)> {
    let finals = Finals::of(status);
    let round = round_receipt(job, status, roster, &finals)?;
    let ended = all_ended(status, roster, &finals, Vec::new());
    let devices = signed_receipts(job, status, (roster, &ended), key);
    let last = key.sign(&round).ok().map(|(line, _)| line);
    // One buffer: of a large round the lines are the most that the operator holds at a time.
    let mut lines = Vec::new();
    for line in devices.chain([last]) {
        lines.extend_from_slice(line?.as_bytes());
        lines.push(b'\n');
    }
    Some((lines, round))
}

/// What flash Pods of the round run: pinned, or as job or class write it.
fn flash_image(status: &FlashJobStatus) -> Option<&str> {
    let provenance = status.provenance.as_ref();
    let pinned = provenance.and_then(|provenance| provenance.flash_image.as_ref());
    let effective = status.effective.as_ref();
    let written = effective.and_then(|effective| effective.flash_image.as_deref());
    pinned.map(|image| image.reference.as_str()).or(written)
}

/// What the leaf of a device says.
fn leaf(
    job: &Job,
    status: &FlashJobStatus,
    (index, selected): (usize, &SelectedDevice),
    result: FlashResult,
) -> Option<FlashStatement> {
    let provenance = status.provenance.as_ref()?;
    let round = status.round.as_ref()?;
    let predicate = FlashPredicate {
        job: reference(job),
        round: round.number,
        index,
        device: FlashedDevice {
            uuid: selected.uuid.to_string(),
            endpoint: selected.endpoint.clone(),
            device_type: selected.device_type.clone(),
            application: selected.application_type.clone(),
        },
        firmware: FlashedFirmware {
            reference: provenance.reference.clone(),
            version: round.version.clone(),
            from_version: selected.version.clone(),
        },
        result,
        details: None,
    };
    Some(FlashStatement::of(digest(provenance, selected), predicate))
}

/// The digest of the image for a device: of its platform where the index has one.
fn digest<'a>(provenance: &'a Provenance, selected: &SelectedDevice) -> &'a str {
    let kind = selected.device_type.as_deref().map(folded);
    let platform = kind.and_then(|kind| provenance.platforms.get(&kind));
    platform.unwrap_or(&provenance.digest)
}

fn reference(job: &Job) -> JobReference {
    JobReference {
        namespace: job.namespace.clone(),
        name: job.name.clone(),
        uid: job.uid.to_string(),
    }
}

/// Puts the root into the status of a round that has ended. What is stored stays, signature included, as long as the same devices
/// are final.
pub(super) fn follow(
    status: &mut FlashJobStatus,
    observed: &Observed<'_>,
    roster: &Selection,
    finals: &Finals,
) {
    let before = observed.job.status.provenance.as_ref();
    let before = before.and_then(|provenance| provenance.receipts.clone());
    let asked = observed.terms.receipt_key().is_some();
    let receipts = if status.completion_time.is_none() {
        None
    } else if before.is_some() && observed.job.finals == *finals {
        before
    } else if asked {
        let (count, merkle_root, _) = tree_of(observed.job, status, roster, finals);
        Some(RoundReceipts {
            count: super::count(count),
            merkle_root,
            ..RoundReceipts::default()
        })
    } else {
        None
    };
    if let Some(provenance) = &mut status.provenance {
        provenance.receipts = receipts;
    }
}

/// What is said of the round that `status` is about.
#[must_use]
pub(crate) fn round_receipt(
    job: &Job,
    status: &FlashJobStatus,
    roster: &Selection,
    finals: &Finals,
) -> Option<RoundStatement> {
    let (count, merkle_root, results) = tree_of(job, status, roster, finals);
    let provenance = status.provenance.as_ref()?;
    let predicate = RoundPredicate {
        job: reference(job),
        round: status.round.as_ref()?.number,
        count,
        merkle_root,
        results,
    };
    let (reference, digest) = (&provenance.reference, &provenance.digest);
    Some(RoundStatement::of_round(reference, digest, predicate))
}

/// Number of leaves, tree head, and the letters of the results.
fn tree_of(
    job: &Job,
    status: &FlashJobStatus,
    roster: &Selection,
    finals: &Finals,
) -> (usize, String, String) {
    let devices = roster.devices().iter().enumerate();
    let results: Vec<_> = devices
        .clone()
        .map(|(index, _)| result_of(finals, index))
        .collect();
    let letters = results.iter();
    let letters = letters.map(|result| result.map_or('-', FlashResult::letter));
    let mut count = 0;
    let leaves = devices
        .zip(&results)
        .filter_map(|(device, result)| Some(leaf(job, status, device, (*result)?)?.leaf()))
        .inspect(|_| count += 1);
    let root = tree::root(leaves);
    (count, root, letters.collect())
}

fn result_of(finals: &Finals, index: usize) -> Option<FlashResult> {
    // In a status that somebody edited a device may stand in two lists.
    if finals.failed.contains(index) {
        Some(FlashResult::Failed)
    } else if finals.succeeded.contains(index) {
        Some(FlashResult::Succeeded)
    } else {
        let skipped = finals.skipped.contains(index);
        skipped.then_some(FlashResult::Skipped)
    }
}

/// Entries of all final devices of a round: those that are about to be final, and of the others as far as the status still has them;
/// of what it has no room for it is said how it ended.
#[must_use]
pub(crate) fn all_ended(
    status: &FlashJobStatus,
    roster: &Selection,
    finals: &Finals,
    ended: Vec<DeviceStatus>,
) -> Vec<DeviceStatus> {
    let known = status.devices.iter().cloned().chain(ended);
    let mut known: HashMap<_, _> = known
        .map(|entry| (stored::index_of(&entry), entry))
        .collect();
    let devices = roster.devices().iter().enumerate();
    let entries = devices.filter_map(|(index, selected)| {
        let phase = match result_of(finals, index)? {
            FlashResult::Succeeded => DevicePhase::Succeeded,
            FlashResult::Failed => DevicePhase::Failed,
            FlashResult::Skipped => DevicePhase::Skipped,
        };
        let entry = known.remove(&Some(index)).filter(|entry| entry.is(phase));
        Some(entry.unwrap_or_else(|| DeviceStatus {
            index: super::count(index),
            uuid: selected.uuid.to_string(),
            phase: phase.into(),
            ..DeviceStatus::default()
        }))
    });
    entries.collect()
}

#[cfg(test)]
#[path = "receipts_tests.rs"]
mod tests;
