//! What of a stored status nobody but another writer can have written. Pure; called where a FlashJob is parsed.
//!
//! A user who may write `flashjobs/status` may write anything that the schema admits. What is read back decides which devices are
//! flashed, so a status that cannot be the operator's is neither acted upon nor replaced; the rest is bounded and said anew.

use crate::flashjob::spec::{bounded_text, intervals::Intervals};
use crate::{
    api::{
        DeviceStatus, FlashJobStatus, Provenance, Word,
        rule::{MAX_DEVICE_ENTRIES, MAX_PLATFORMS},
    },
    display,
};

/// Highest number of a round: it stands in a record as one of 32 bits.
const MAX_ROUND: i64 = i32::MAX as i64;
/// Most devices that a selection may come to hold: those of edited specs stay in it.
const MAX_SELECTED: i64 = 1_000_000;
/// Most conditions: the operator's, and some of others.
const MAX_CONDITIONS: usize = 32;
/// Most people whose approvals of a step are kept: a class asks for two at most.
pub const MAX_APPROVALS: usize = 8;
/// Most examples of Instances that were not selected.
const MAX_EXAMPLES: usize = 5;
/// Longest reference of an image with its digest, in bytes.
const MAX_REFERENCE: usize = 1_024;
/// Longest name or word, in bytes.
const MAX_NAME: usize = 253;

/// Bounds the texts and numbers of a status that was read. Returns what in it the operator cannot have written, if anything.
pub fn take_in(status: &mut FlashJobStatus) -> Option<String> {
    let found = find(status);
    bound(status);
    found
}

/// Place after the last index that the selection has.
pub fn selected(status: &FlashJobStatus) -> usize {
    let count = status.selection.as_ref().map_or(0, |stored| stored.count);
    usize::try_from(count.min(MAX_SELECTED)).unwrap_or(0)
}

fn find(status: &FlashJobStatus) -> Option<String> {
    // Before the first round nothing is read back.
    let round = status.round.as_ref()?;
    if !(1..=MAX_ROUND).contains(&round.number) {
        let number = round.number;
        return Some(format!(
            "status.round.number is {number}: rounds are numbered from 1 to {MAX_ROUND}"
        ));
    }
    let count = status.selection.as_ref().map_or(0, |stored| stored.count);
    if !(0..=MAX_SELECTED).contains(&count) {
        return Some(format!(
            "status.selection.count is {count}: no selection has more than {MAX_SELECTED} devices"
        ));
    }
    of_sets(status).or_else(|| of_devices(&status.devices, selected(status)))
}

/// Sets that name devices which are not selected, or the same ones twice.
fn of_sets(status: &FlashJobStatus) -> Option<String> {
    let selected = selected(status);
    let chosen = status
        .selection
        .as_ref()
        .and_then(|stored| stored.selector_indexes.as_ref());
    let sets = [
        ("completedIndexes", status.completed_indexes.as_ref()),
        ("failedIndexes", status.failed_indexes.as_ref()),
        ("skippedIndexes", status.skipped_indexes.as_ref()),
        ("selection.selectorIndexes", chosen),
    ];
    let mut known: Vec<(&str, Intervals)> = Vec::new();
    for (field, text) in sets {
        let text = text.map_or("", String::as_str);
        match Intervals::parse(text, selected) {
            Ok(set) => known.push((field, set)),
            Err(error) => {
                return Some(format!(
                    "status.{field}: {error} (devices of the selection: {selected})"
                ));
            }
        }
    }
    // What the selector chose is not a result.
    known.pop();
    for (place, (field, set)) in known.iter().enumerate() {
        let mut others = known[..place].iter();
        if let Some((other, _)) = others.find(|(_, other)| other.meets(set)) {
            return Some(format!(
                "status.{other} and status.{field} name the same device: it cannot have ended both ways"
            ));
        }
    }
    None
}

fn of_devices(devices: &[DeviceStatus], selected: usize) -> Option<String> {
    if devices.len() > MAX_DEVICE_ENTRIES {
        return Some(format!(
            "status.devices has {} entries, at most {MAX_DEVICE_ENTRIES} are written",
            devices.len()
        ));
    }
    let is_selected = |index: i64| usize::try_from(index).is_ok_and(|index| index < selected);
    let mut places = devices.iter().enumerate();
    let (place, device) = places.find(|(_, device)| !is_selected(device.index))?;
    Some(format!(
        "status.devices[{place}].index is {}, and the selection has {selected} devices",
        device.index
    ))
}

/// Bounds what is said again, and what is counted with.
fn bound(status: &mut FlashJobStatus) {
    let phase = status.phase.as_mut().and_then(Word::unknown_mut);
    let reason = status.reason.as_mut().and_then(Word::unknown_mut);
    let texts = [
        phase,
        reason,
        status.progress.as_mut(),
        status.host_endpoint.as_mut(),
    ];
    for text in texts.into_iter().flatten() {
        display::shorten(text, MAX_NAME);
    }
    let stop = status.stop.as_mut().map(|stop| &mut stop.message);
    for text in status.message.iter_mut().chain(stop) {
        display::shorten(text, display::MESSAGE);
    }
    if let Some(step) = &mut status.step {
        step.approvals.truncate(MAX_APPROVALS);
    }
    status.conditions.truncate(MAX_CONDITIONS);
    for condition in &mut status.conditions {
        display::shorten(&mut condition.message, display::MESSAGE);
        display::shorten(&mut condition.reason, MAX_NAME);
    }
    let selection = status.selection.as_mut();
    if let Some(left_out) = selection.and_then(|selection| selection.not_selectable.as_mut()) {
        left_out.count = left_out.count.clamp(0, MAX_SELECTED);
        left_out.examples.truncate(MAX_EXAMPLES);
        for example in &mut left_out.examples {
            display::shorten(example, display::PHRASE);
        }
    }
    status.devices.truncate(MAX_DEVICE_ENTRIES);
    status.devices.iter_mut().for_each(bounded_text::bound);
    if let Some(counts) = &mut status.counts {
        let numbers = [
            &mut counts.selected,
            &mut counts.pending,
            &mut counts.in_flight,
            &mut counts.verifying,
            &mut counts.waiting,
            &mut counts.succeeded,
            &mut counts.failed,
            &mut counts.skipped,
        ];
        for number in numbers {
            *number = (*number).clamp(0, MAX_SELECTED);
        }
    }
    if let Some(provenance) = &mut status.provenance {
        let Provenance {
            reference,
            digest,
            short_digest,
            platforms,
            ..
        } = provenance;
        display::shorten(reference, MAX_REFERENCE);
        display::shorten(digest, MAX_NAME);
        display::shorten(short_digest, MAX_NAME);
        // The operator writes the frozen ones again.
        platforms.retain(|kind, digest| kind.len() <= MAX_NAME && digest.len() <= MAX_NAME);
        while platforms.len() > MAX_PLATFORMS {
            platforms.pop_last();
        }
    }
    if let Some(effective) = &mut status.effective {
        let numbers = [
            &mut effective.parallelism,
            &mut effective.active_deadline_seconds_per_device,
            &mut effective.device_discovery_timeout_seconds,
            &mut effective.backoff_limit_per_device,
            &mut effective.verification_timeout_seconds,
            &mut effective.address_timeout_seconds,
        ];
        for number in numbers {
            *number = (*number).clamp(0, i64::from(i32::MAX));
        }
    }
}

#[cfg(test)]
#[path = "tampered_tests.rs"]
mod tests;
