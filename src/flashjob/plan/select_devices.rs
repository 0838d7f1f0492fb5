//! Which devices a job's spec names, and how its frozen selection follows the spec: devices join at the end, none leaves. Pure.
//!
//! The selector is carried out when a round begins and when it was edited, never because Akri's devices changed. Called by
//! `rounds`, which stores the outcome; `Job::wants` then says of every selected device whether the spec still names it.

use std::collections::{HashMap, HashSet};

use crate::{
    api::Refusal,
    flashjob::{
        observe::selection::Selection,
        spec::{
            intervals::Intervals,
            job::Job,
            selector::{fingerprint, wanted_selector},
        },
    },
    identifiers::Uuid,
};
use crate::{
    api::{NotSelectable, Reason, SelectedDevice, SelectionStatus, rule::MAX_DEVICES},
    device::{self, Inventory, Selector},
};

/// What a selection has to become.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Choice {
    /// Devices that join it, in order.
    pub more: Vec<SelectedDevice>,
    /// Indexes of the devices that the selector chose.
    pub chosen: Intervals,
    /// Instances that the selector means and that cannot be flashed. What is stored of them holds where it is not carried out.
    pub not_selectable: Option<NotSelectable>,
}

/// More devices than one job may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany {
    /// Devices that uuid and selector name together.
    pub devices: usize,
}

/// How the selection `roster` follows `uuids` and, where it is to be carried out, `selector`; `chosen` is what the selector
/// chose before. Listed devices come first, in the order of the list, then those that the selector means: a device that is
/// selected already, under this uid or at this endpoint, is not selected again. `recalled` knows devices of the round before.
///
/// # Errors
/// Where more devices are named than one job may have.
pub fn choose(
    roster: &Selection,
    recalled: Option<&Selection>,
    uuids: &[String],
    selector: Selecting<'_>,
    inventory: &Inventory,
) -> Result<Choice, TooMany> {
    let listed = device::select(&roster.missing(uuids), inventory);
    let mut more = match recalled {
        Some(before) => before.recall(listed),
        None => listed,
    };
    let (chosen, not_selectable) = match selector {
        Selecting::Keep(chosen, left_out) => (chosen.clone(), left_out.cloned()),
        Selecting::Anew(None) => (Intervals::default(), None),
        Selecting::Anew(Some(selector)) => (
            join(roster, &mut more, selector, inventory),
            device::not_selectable(selector, inventory),
        ),
    };
    let named: HashSet<&str> = uuids.iter().map(String::as_str).collect();
    let all = roster.devices().iter().chain(&more).enumerate();
    let devices = all
        .filter(|(index, device)| named.contains(device.uuid.as_str()) || chosen.contains(*index))
        .count();
    if devices > MAX_DEVICES {
        return Err(TooMany { devices });
    }
    Ok(Choice {
        more,
        chosen,
        not_selectable,
    })
}

/// Whether the selector is carried out.
#[derive(Clone, Copy, Debug)]
pub enum Selecting<'a> {
    /// What it chose holds, and what is known of Instances that it could not.
    Keep(&'a Intervals, Option<&'a NotSelectable>),
    /// It is carried out over the devices of now.
    Anew(Option<&'a Selector>),
}

/// Adds what the selector means now to `more`; returns the index of every device that it means.
fn join(
    roster: &Selection,
    more: &mut Vec<SelectedDevice>,
    selector: &Selector,
    inventory: &Inventory,
) -> Intervals {
    let first = roster.devices().len();
    let mut uuids: HashMap<Uuid, usize> = HashMap::new();
    let mut endpoints: HashMap<String, usize> = HashMap::new();
    for (place, device) in more.iter().enumerate() {
        uuids.insert(device.uuid.clone(), first + place);
        if let Some(endpoint) = &device.endpoint {
            endpoints.entry(endpoint.clone()).or_insert(first + place);
        }
    }
    let mut chosen = Intervals::default();
    for device in device::matching(selector, inventory) {
        let endpoint = device.endpoint.to_string();
        let known = roster
            .index_of(&device.uuid)
            .or_else(|| uuids.get(&device.uuid).copied())
            .or_else(|| roster.at_endpoint(&endpoint).next())
            .or_else(|| endpoints.get(&endpoint).copied());
        chosen.insert(known.unwrap_or(first + more.len()));
        if known.is_none() {
            more.push(device::freeze(&device.uuid, Some(device)));
        }
    }
    chosen
}

/// A selection as the status names it.
#[must_use]
pub fn selection_status(job: &Job, devices: &[SelectedDevice], choice: &Choice) -> SelectionStatus {
    SelectionStatus {
        count: i64::try_from(devices.len()).unwrap_or(i64::MAX),
        hash: device::hash(devices),
        time: job.status.selection.clone().and_then(|stored| stored.time),
        selector: wanted_selector(job).map(fingerprint),
        selector_indexes: (!choice.chosen.is_empty()).then(|| choice.chosen.to_string()),
        not_selectable: choice.not_selectable.clone(),
    }
}

/// Why nothing starts: the stored status says, of this very spec, that it names too many devices. It stays so until the spec is
/// edited, whatever becomes of the devices: a job that has failed does not come to life by itself.
#[must_use]
pub fn refusal(job: &Job) -> Option<Refusal> {
    let status = &job.status;
    let same =
        status.observed_generation == Some(job.generation) && status.is_for(Reason::TooManyDevices);
    same.then(|| Refusal {
        reason: Reason::TooManyDevices,
        message: status.message.clone().unwrap_or_default(),
    })
}

/// The refusal of a spec that names too many devices.
#[must_use]
pub fn refused(too_many: TooMany) -> Refusal {
    Refusal {
        reason: Reason::TooManyDevices,
        message: format!(
            "spec.uuid and spec.deviceSelector name {} devices, at most {MAX_DEVICES} are allowed; narrow the selector, or use \
             several jobs",
            too_many.devices
        ),
    }
}

#[cfg(test)]
#[path = "select_devices_tests.rs"]
mod tests;
