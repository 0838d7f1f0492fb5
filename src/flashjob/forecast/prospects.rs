//! What would become of each device, asked as the operator asks before it begins one. Pure.
//!
//! Called by `forecast`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::{Asked, Part, sight::lacks, steps::step_of};
use crate::{
    api::{Reason, SelectedDevice},
    device::{Device, Footprint},
    flash_pod::pool::Pool,
    flashjob::{
        blueprint::preflight::try_one,
        plan::admission::{Candidate, Verdictless, consider},
        verdict::Outcome,
    },
    identifiers::Uuid,
};

/// What would become of a device.
#[derive(Serialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is flashed.
    Flashed,
    /// It is flashed if it is discovered in time.
    Awaited,
    /// It needs no flash.
    Skipped,
    /// It fails before anything is created for it.
    Refused,
}

/// One device.
#[derive(Serialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Prospect {
    /// Place in the selection, from 0.
    pub index: usize,
    /// Number of its step, from 1.
    pub step: usize,
    /// The device as it would be selected.
    #[serde(flatten)]
    pub selected: SelectedDevice,
    /// What would become of it.
    pub fate: Fate,
    /// Why, in one word, where it is not simply flashed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Why, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// Asks about every device as the operator does before it begins one.
pub(super) fn prospects(asked: &Asked<'_>) -> Vec<Prospect> {
    let Some(roster) = asked.observed.roster else {
        return Vec::new();
    };
    let mut taken = BTreeMap::new();
    let mut prospects = Vec::with_capacity(roster.devices().len());
    for (index, selected) in roster.devices().iter().enumerate() {
        let candidate = Candidate {
            index,
            selected,
            slot: true,
            taken: &taken,
        };
        let considered = consider(
            asked.observed,
            roster,
            &candidate,
            asked.effective,
            asked.now,
        );
        let (fate, reason, message) = match considered {
            Ok(device) => {
                let tried = values_of(asked, &selected.uuid, &device);
                if tried.0 == Fate::Flashed {
                    taken.insert(device.endpoint.to_string(), selected.uuid.clone());
                }
                tried
            }
            Err(verdictless) => foretold(verdictless),
        };
        // Whether the class allows the namespace of the device is not known then.
        let unknown = lacks(asked.not_seen, &[Part::Namespaces]);
        let (fate, reason, message) = match reason {
            Some(Reason::DeviceNotAllowed) if unknown => (Fate::Flashed, None, None),
            _ => (fate, reason, message),
        };
        prospects.push(Prospect {
            index,
            step: step_of(asked.rungs, index),
            selected: selected.clone(),
            fate,
            reason: reason.map(|reason| reason.as_str().to_owned()),
            message: message.filter(|message| !message.is_empty()),
        });
    }
    prospects
}

type Foretold = (Fate, Option<Reason>, Option<String>);

/// What chart, schema and guard make of the device's values.
fn values_of(asked: &Asked<'_>, uuid: &Uuid, device: &Device) -> Foretold {
    let job = asked.observed.job;
    // What may be set, and what is, settings and classes say.
    if lacks(asked.not_seen, &[Part::Settings, Part::Classes]) {
        return (Fate::Flashed, None, None);
    }
    let Some(round) = job.status.round.as_ref() else {
        return (Fate::Flashed, None, None);
    };
    match try_one(asked.flash_pod, job, round, uuid, device) {
        Ok(_) => (Fate::Flashed, None, None),
        Err(refusal) => (Fate::Refused, Some(refusal.reason), Some(refusal.message)),
    }
}

/// The pool whose Services the devices lease, where the values of the first that is flashed name one.
pub(super) fn pool_of(asked: &Asked<'_>, prospects: &[Prospect]) -> Option<Pool> {
    if lacks(asked.not_seen, &[Part::Settings, Part::Classes]) {
        return None;
    }
    let mut flashed = prospects.iter().filter(|one| one.fate == Fate::Flashed);
    let uuid = &flashed.next()?.selected.uuid;
    let device = asked.observed.inventory.by_uuid(uuid)?.as_ref().ok()?;
    let job = asked.observed.job;
    let round = job.status.round.as_ref()?;
    try_one(asked.flash_pod, job, round, uuid, device).ok()?
}

fn foretold(verdictless: Verdictless) -> Foretold {
    match verdictless {
        Verdictless::Queued => (Fate::Flashed, None, None),
        Verdictless::Missing { view, .. } => (Fate::Awaited, Some(view.reason), Some(view.message)),
        // The first of two Instances of a device is flashed; the other is then found to be done.
        Verdictless::Waits { view, .. } => (
            Fate::Skipped,
            Some(Reason::DuplicateEndpoint),
            Some(view.message),
        ),
        Verdictless::Final {
            outcome,
            reason,
            message,
        } => {
            let fate = if outcome == Outcome::Skipped {
                Fate::Skipped
            } else {
                Fate::Refused
            };
            (fate, Some(reason), Some(message))
        }
    }
}

/// What those of the devices share that are flashed, or may be. Of one that is not discovered nothing is known.
pub(super) fn footprints(
    asked: &Asked<'_>,
    devices: &[Prospect],
    of: impl Fn(&Prospect) -> bool,
) -> Vec<Footprint> {
    let flashed = |device: &&Prospect| matches!(device.fate, Fate::Flashed | Fate::Awaited);
    let inventory = asked.observed.inventory;
    let footprint = |device: &Prospect| {
        let endpoint = device.selected.endpoint.as_deref();
        endpoint.map_or_else(Footprint::default, |endpoint| inventory.footprint(endpoint))
    };
    let devices = devices.iter().filter(flashed).filter(|device| of(device));
    devices.map(footprint).collect()
}
