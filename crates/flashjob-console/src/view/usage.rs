//! How much of the limits of a class is in use, counted over the FlashJobs of the whole cluster. Pure.

use std::collections::BTreeMap;

use flashjob_operator::{
    api::{DevicePhase, FlashClass, LimitBy},
    device::{Endpoint, Footprint, Inventory},
    display,
    flashjob::spec::job::Job,
};
use serde::Serialize;

/// Most values of a limit, those with the most in flight, and most jobs.
const MOST: usize = 5;
/// Phases in which a device counts.
const IN_FLIGHT: [DevicePhase; 3] = [
    DevicePhase::Reserved,
    DevicePhase::AwaitingAddress,
    DevicePhase::Flashing,
];

/// A limit, and how much of it is in use.
#[derive(Serialize, Clone, Debug, PartialEq, Eq)]
pub struct Usage {
    /// What is counted.
    pub what: String,
    /// Devices in flight.
    pub used: i64,
    /// Most of them.
    pub max: i64,
}

/// What is in use, most of it first within each limit.
#[must_use]
pub fn usage(class: &FlashClass, jobs: &[Job], inventory: Option<&Inventory>) -> Vec<Usage> {
    let mut told = Vec::new();
    if let Some(max) = class.spec.max_parallelism {
        told.extend(of_jobs(class, jobs, max.into()));
    }
    let Some(inventory) = inventory else {
        return told;
    };
    let footprints: Vec<Footprint> = endpoints(jobs)
        .map(|endpoint| inventory.footprint(&endpoint))
        .collect();
    for limit in &class.spec.in_flight_limits {
        let property = limit.property.as_deref().unwrap_or_default();
        let mut counts: BTreeMap<&str, i64> = BTreeMap::new();
        for footprint in &footprints {
            let values = match limit.by {
                LimitBy::Configuration => Some(&footprint.configurations),
                LimitBy::Node => Some(&footprint.nodes),
                LimitBy::Property => footprint.properties.get(property),
            };
            for value in values.into_iter().flatten() {
                *counts.entry(value).or_default() += 1;
            }
        }
        let name = match limit.by {
            LimitBy::Configuration => "Configuration".to_owned(),
            LimitBy::Node => "Node".to_owned(),
            LimitBy::Property => display::prose(property, display::NAME).into_owned(),
        };
        let counts = counts.into_iter().map(|(value, used)| {
            let value = display::prose(value, display::NAME);
            (format!("{name} {value}"), used)
        });
        told.extend(most(counts.collect(), limit.max.into()));
    }
    told
}

/// The jobs of a class with devices in flight.
fn of_jobs(class: &FlashClass, jobs: &[Job], max: i64) -> Vec<Usage> {
    let name = class.metadata.name.as_deref();
    let is_of_it = |job: &&Job| {
        let stamped = job.status.flash_class.as_ref();
        stamped.map(|class| class.name.as_str()) == name
    };
    let jobs = jobs.iter().filter(is_of_it);
    let counts = jobs.map(|job| {
        let used = job.status.counts.map_or(0, |counts| counts.in_flight);
        (format!("Job {}/{}", job.namespace, job.name), used)
    });
    most(counts.filter(|(_, used)| *used > 0).collect(), max)
}

fn most(mut counts: Vec<(String, i64)>, max: i64) -> Vec<Usage> {
    counts.sort_by(|(a, more), (b, less)| (less, a).cmp(&(more, b)));
    let counts = counts.into_iter().take(MOST);
    counts
        .map(|(what, used)| Usage { what, used, max })
        .collect()
}

/// Where the devices in flight listen, as the inventory knows it.
fn endpoints(jobs: &[Job]) -> impl Iterator<Item = String> {
    let devices = jobs.iter().flat_map(|job| &job.status.devices);
    let busy = devices.filter(|device| IN_FLIGHT.iter().any(|phase| device.is(*phase)));
    busy.filter_map(|device| {
        let endpoint: Endpoint = device.host_endpoint.as_deref()?.parse().ok()?;
        Some(endpoint.to_string())
    })
}

#[cfg(test)]
mod tests {
    use kube::core::DeserializeGuard;
    use serde_json::json;

    use super::*;
    use crate::view::fixtures::job_of;

    #[test]
    fn what_is_in_flight_is_counted_for_each_value_over_all_jobs() {
        let device = |index: i64, phase: &str| json!({"index": index, "uuid": "u", "phase": phase, "attempts": 1, "hostEndpoint": format!("192.0.2.{index}")});
        let status = json!({
            "flashClass": {"name": "esp32", "uid": "c", "generation": 1}, "counts": {"selected": 4, "inFlight": 3},
            "devices": [device(1, "Flashing"), device(2, "Reserved"), device(3, "AwaitingAddress"), device(4, "Succeeded")],
        });
        let instance = |index: i64, gateway: &str| {
            let guard: DeserializeGuard<_> = serde_json::from_value(json!({
                "apiVersion": "akri.sh/v0", "kind": "Instance", "metadata": {"name": format!("i-{index}"), "namespace": "demo", "uid": format!("u-{index}")},
                "spec": {"brokerProperties": {"HOST_ENDPOINT": format!("192.0.2.{index}"), "DEVICE": "esp32", "GATEWAY": gateway}},
            }))
            .unwrap();
            guard
        };
        let instances = [
            instance(1, "east"),
            instance(2, "west"),
            instance(3, "west"),
            instance(4, "west"),
        ];
        let inventory = Inventory::of(&instances, []);
        let class: FlashClass = serde_json::from_value(json!({
            "metadata": {"name": "esp32"},
            "spec": {"maxParallelism": 5, "inFlightLimits": [{"by": "Property", "property": "GATEWAY", "max": 2}]},
        }))
        .unwrap();
        let jobs = [job_of(&json!({}), &status)];
        let told = usage(&class, &jobs, Some(&inventory));
        let told: Vec<_> = told
            .iter()
            .map(|use_| (use_.what.as_str(), use_.used, use_.max))
            .collect();
        assert_eq!(
            told,
            [
                ("Job demo/thermo", 3, 5),
                ("GATEWAY west", 2, 2),
                ("GATEWAY east", 1, 2)
            ]
        );
        // Without Instances it is not known what devices share.
        assert_eq!(usage(&class, &jobs, None).len(), 1);
    }
}
