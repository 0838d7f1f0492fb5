//! Devices that have not begun and have no entry of their own, by what they wait for. Pure.
//!
//! Called by `explain`.

use std::collections::HashSet;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Known, finished_at, waits};
use crate::api::DevicePhase;

/// Devices that wait for the same.
#[derive(Serialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Group {
    /// Why, in one word.
    pub reason: String,
    /// Why, in words.
    pub message: String,
    /// How many.
    pub devices: usize,
    /// When it ends by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub until: Option<Timestamp>,
}

/// The devices that are not begun and have no entry, by what they wait for.
pub(super) fn not_begun(known: &Known<'_>) -> Vec<Group> {
    if finished_at(known.job).is_some() {
        return Vec::new();
    }
    let Some(selection) = known.selection else {
        return whole(known);
    };
    let listed: HashSet<i64> = known
        .job
        .status
        .devices
        .iter()
        .map(|device| device.index)
        .collect();
    let waits = waits::Waits::of(known);
    let mut groups: Vec<Group> = Vec::new();
    for (index, selected) in selection.iter().enumerate() {
        let entry = i64::try_from(index).is_ok_and(|index| listed.contains(&index));
        if entry || known.job.finals.contains(index) {
            continue;
        }
        let wait = waits.at(index, &selected.uuid);
        match groups.iter_mut().find(|group| group.reason == wait.reason) {
            Some(group) => group.devices += 1,
            None => groups.push(wait.clone()),
        }
    }
    groups
}

/// Without the selection, the counts say how many.
fn whole(known: &Known<'_>) -> Vec<Group> {
    let counts = known.job.status.counts.unwrap_or_default();
    let listed = known.job.status.devices.iter();
    let pending = listed.filter(|device| device.is(DevicePhase::Pending));
    let devices = usize::try_from(counts.pending).unwrap_or(0);
    let devices = devices.saturating_sub(pending.count());
    if devices == 0 {
        return Vec::new();
    }
    waits::waits_by_count(known, devices)
}
