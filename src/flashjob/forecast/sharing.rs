//! What limits of classes on devices in flight mean for a forecast: how many devices share what, and how many turns that takes. Pure.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    device::Footprint,
    flashclass::{Group, Limit},
    flashjob::plan::limits::capacity::Places,
};

/// A limit, and the devices of the job that it concerns.
#[derive(Serialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct LimitForecast {
    /// Class that says so.
    pub flash_class: String,
    /// What the devices share, such as `with GATEWAY=gw-a`.
    pub group: String,
    /// Most of them in flight, counted over all jobs.
    pub max: usize,
    /// Devices of the job that share it.
    pub devices: usize,
}

/// The groups in which more devices of the job are than may be in flight at once, fullest first.
pub(super) fn limited(limits: &[&Limit], devices: &[Footprint]) -> Vec<LimitForecast> {
    let mut found = Vec::new();
    for limit in limits {
        let mut groups: BTreeMap<Group, usize> = BTreeMap::new();
        for group in devices.iter().flat_map(|device| limit.groups(device)) {
            *groups.entry(group).or_default() += 1;
        }
        let over = groups.into_iter().filter(|(_, many)| *many > limit.max);
        found.extend(over.map(|(group, devices)| LimitForecast {
            flash_class: limit.class.clone(),
            group: group.to_string(),
            max: limit.max,
            devices,
        }));
    }
    found.sort_by_key(|limited| std::cmp::Reverse(limited.devices.div_ceil(limited.max)));
    found
}

/// How many turns the devices need, if as many as `in_flight` and the limits allow go at a time and all of a turn take as long.
pub(super) fn turns(limits: &[&Limit], devices: &[Footprint], in_flight: usize) -> usize {
    let in_flight = in_flight.max(1);
    if limits.is_empty() {
        return devices.len().div_ceil(in_flight);
    }
    let mut waiting: BTreeMap<Vec<Group>, (&Footprint, usize)> = BTreeMap::new();
    for device in devices {
        let groups = limits.iter().flat_map(|limit| limit.groups(device));
        waiting.entry(groups.collect()).or_insert((device, 0)).1 += 1;
    }
    let mut turns = 0;
    while !waiting.is_empty() {
        turns += 1;
        let (mut places, mut free) = (Places::new(limits.iter().copied(), []), in_flight);
        for (device, left) in waiting.values_mut() {
            while *left > 0 && free > 0 && places.full(device, None).is_none() {
                places.take(Some(device));
                *left -= 1;
                free -= 1;
            }
        }
        waiting.retain(|_, (_, left)| *left > 0);
    }
    turns
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::api::LimitBy;

    fn behind(gateway: &str) -> Footprint {
        let mut footprint = Footprint::default();
        footprint.add("", [], [("GATEWAY", gateway)]);
        footprint
    }

    fn limit(max: usize) -> Limit {
        Limit {
            class: "esp32".into(),
            by: LimitBy::Property,
            property: Some("GATEWAY".into()),
            max,
        }
    }

    #[rstest]
    #[case::no_limit(None, 100, 0, 10, 10)]
    #[case::one_gateway(Some(2), 100, 0, 10, 50)]
    #[case::two_gateways_at_the_same_time(Some(2), 50, 50, 10, 25)]
    #[case::the_slots_are_fewer(Some(20), 50, 50, 10, 10)]
    #[case::one_of_them_is_longer(Some(2), 4, 40, 10, 20)]
    #[case::nothing(Some(2), 0, 0, 10, 0)]
    #[case::no_slot_is_one(None, 3, 0, 0, 3)]
    fn devices_behind_a_gateway_take_turns(
        #[case] max: Option<usize>,
        #[case] of_a: usize,
        #[case] of_b: usize,
        #[case] in_flight: usize,
        #[case] needed: usize,
    ) {
        let limits: Vec<Limit> = max.into_iter().map(limit).collect();
        let limits: Vec<&Limit> = limits.iter().collect();
        let a = std::iter::repeat_n(behind("gw-a"), of_a);
        let devices: Vec<_> = a.chain(std::iter::repeat_n(behind("gw-b"), of_b)).collect();
        assert_eq!(turns(&limits, &devices, in_flight), needed);
    }

    #[test]
    fn only_groups_that_are_too_large_are_told_and_the_longest_first() {
        let mut devices = vec![behind("gw-a"); 3];
        devices.extend(vec![behind("gw-b"); 9]);
        devices.extend(vec![behind("gw-c"); 2]);
        let told = limited(&[&limit(2)], &devices);
        let told: Vec<_> = told
            .iter()
            .map(|one| (one.group.as_str(), one.devices))
            .collect();
        assert_eq!(told, [("with GATEWAY=gw-b", 9), ("with GATEWAY=gw-a", 3)]);
    }
}
