//! Which device a person means: by the UUID that a job or an Instance has for it, or by its endpoint. Pure.

use crate::{
    api::{DevicePhase, DeviceStatus},
    device::{Endpoint, Inventory},
    flashjob::spec::job::Job,
};

/// A device, whatever uid its Instance had when somebody wrote of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// As the person named it.
    pub named: String,
    /// Its endpoint, where it is known.
    pub endpoint: Option<String>,
}

impl Place {
    /// The device that is meant by a UUID or an endpoint.
    #[must_use]
    pub fn of(named: &str, jobs: &[Job], inventory: &Inventory) -> Self {
        let by_itself = named.parse::<Endpoint>().ok();
        let by_instance = || Some(inventory.by_uuid(&named.into())?.as_ref().ok()?.endpoint);
        let endpoint = by_itself.or_else(by_instance);
        let endpoint = endpoint.map(|endpoint| endpoint.to_string());
        let by_job = || {
            let mut entries = jobs.iter().flat_map(|job| &job.status.devices);
            let entry = entries.find(|entry| entry.uuid == named)?;
            entry.host_endpoint.as_deref().map(normal)
        };
        Self {
            named: named.to_owned(),
            endpoint: endpoint.or_else(by_job),
        }
    }

    /// Whether it is the device with this UUID and at this endpoint.
    #[must_use]
    pub fn is(&self, uuid: &str, endpoint: Option<&str>) -> bool {
        let same = |known: &String| endpoint.is_some_and(|endpoint| normal(endpoint) == *known);
        uuid == self.named || self.endpoint.as_ref().is_some_and(same)
    }

    /// What jobs say of it: what is under way, then what ended, newest first.
    #[must_use]
    pub fn entries<'a>(&self, jobs: &'a [Job]) -> Vec<(&'a Job, &'a DeviceStatus)> {
        let entries = jobs
            .iter()
            .flat_map(|job| job.status.devices.iter().map(move |entry| (job, entry)));
        let mut entries: Vec<_> = entries
            .filter(|(_, entry)| self.is(&entry.uuid, entry.host_endpoint.as_deref()))
            .collect();
        entries.sort_by_key(|(_, entry)| {
            let ended = entry.completion_time.as_ref().map(|time| time.0);
            std::cmp::Reverse((is_busy(entry), ended))
        });
        entries
    }
}

/// Whether an attempt is under way, or its end is awaited.
#[must_use]
pub fn is_busy(entry: &DeviceStatus) -> bool {
    let busy = [
        DevicePhase::Reserved,
        DevicePhase::AwaitingAddress,
        DevicePhase::Flashing,
        DevicePhase::Verifying,
    ];
    busy.iter().any(|phase| entry.is(*phase))
}

/// An endpoint as it is compared: with its port.
#[must_use]
pub fn normal(endpoint: &str) -> String {
    let parsed = endpoint.parse::<Endpoint>();
    parsed.map_or_else(|_| endpoint.to_owned(), |endpoint| endpoint.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::steer::fixtures::{at, job};

    /// A job with these entries: index, phase and, of one that ended, the second of its end.
    fn rollout(entries: &[(usize, &str, Option<i64>)]) -> Job {
        let entry = |(index, phase, ended): &(usize, &str, Option<i64>)| {
            json!({
                "index": index, "uuid": format!("u-{index}"), "hostEndpoint": format!("192.0.2.{}", index + 1), "phase": phase,
                "reason": "InProgress", "completionTime": ended.map(|second| at(second).to_string()),
            })
        };
        let spec = json!({"uuid": ["u-8"], "firmware": "f:1", "version": "1"});
        let entries: Vec<_> = entries.iter().map(entry).collect();
        job(&spec, &json!({ "devices": entries }))
    }

    #[test]
    fn a_device_is_found_by_the_uuid_of_the_job_and_by_its_endpoint() {
        let jobs = [rollout(&[(6, "Failed", Some(560)), (8, "Flashing", None)])];
        for named in ["u-8", "192.0.2.9", "192.0.2.9:80"] {
            let place = Place::of(named, &jobs, &Inventory::default());
            let entries = place.entries(&jobs);
            assert_eq!(entries.len(), 1, "{named}");
            assert_eq!(entries[0].1.index, 8, "{named}");
        }
        let stranger = Place::of("192.0.2.99", &jobs, &Inventory::default());
        assert!(stranger.entries(&jobs).is_empty());
    }

    #[test]
    fn what_is_under_way_comes_before_what_ended() {
        let mut ended = rollout(&[(8, "Failed", Some(560))]);
        ended.name = "earlier".into();
        let jobs = [ended, rollout(&[(8, "Flashing", None)])];
        let place = Place::of("192.0.2.9", &jobs, &Inventory::default());
        let names = place.entries(&jobs);
        let names: Vec<_> = names.iter().map(|(job, _)| job.name.as_str()).collect();
        assert_eq!(names, ["thermo", "earlier"]);
    }
}
