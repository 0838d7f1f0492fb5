//! Devices joined with the jobs that flash them, and the filters by which people mean some: for the plugin and the console. Pure.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use kube::core::DeserializeGuard;
use schemars::JsonSchema;
use serde::Serialize;

use super::history::{is_busy, normal};
use crate::{
    api::{DeviceSelector, DeviceStatus, Instance, PropertyOperator, PropertyRequirement},
    device::{Device, Endpoint, Inventory, Selector, owned},
    display,
    flashjob::spec::job::Job,
};

/// Which devices a person means.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Their type, the property DEVICE.
    pub device: Option<String>,
    /// What they run, the property APPLICATION_TYPE.
    pub application: Option<String>,
    /// Akri Configurations that found them.
    pub configurations: Vec<String>,
    /// Other properties, with their values.
    pub properties: Vec<(String, String)>,
    /// A range of versions that they report.
    pub version: Option<String>,
}

impl Filter {
    /// The same as a job's selector has it; none where the filter says nothing.
    #[must_use]
    pub fn selector(&self) -> Option<DeviceSelector> {
        let mut exact: BTreeMap<String, String> = self.properties.iter().cloned().collect();
        let named = [
            ("DEVICE", &self.device),
            ("APPLICATION_TYPE", &self.application),
        ];
        for (property, value) in named {
            if let Some(value) = value {
                exact.insert(property.to_owned(), value.clone());
            }
        }
        let version = self.version.as_ref().map(|range| PropertyRequirement {
            property: "VERSION".to_owned(),
            operator: PropertyOperator::VersionIn,
            values: vec![range.clone()],
        });
        let selector = DeviceSelector {
            configurations: self.configurations.clone(),
            match_properties: exact,
            match_expressions: version.into_iter().collect(),
            ..DeviceSelector::default()
        };
        (selector != DeviceSelector::default()).then_some(selector)
    }
}

/// One device.
#[derive(Serialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct DeviceRow {
    /// uid of its Instance: the UUID that a FlashJob names.
    pub uuid: String,
    /// Name of its Instance.
    pub instance: String,
    /// Namespace of its Instance.
    pub namespace: String,
    /// Akri Configuration that found it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub configuration: Option<String>,
    /// Where it listens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Its type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// What it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub application: Option<String>,
    /// Version that it reports.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Nodes that see it.
    pub nodes: Vec<String>,
    /// Why it cannot be flashed, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// The job that is busy with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub busy: Option<JobOfDevice>,
    /// The job that flashed it last, as far as a status still says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<JobOfDevice>,
}

/// What a job has to do with a device.
#[derive(Serialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct JobOfDevice {
    /// Name of the job.
    pub job: String,
    /// Its namespace.
    pub namespace: String,
    /// UUID as the job knows the device.
    pub uuid: String,
    /// Where the device stands.
    pub phase: String,
    /// Why, in one word.
    pub reason: String,
    /// Version that the job brings.
    pub version: String,
    /// Pod of the newest attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod: Option<String>,
    /// When the newest attempt began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started: Option<String>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished: Option<String>,
    /// The same, to compare it.
    #[serde(skip)]
    pub finished_at: Option<Timestamp>,
}

impl JobOfDevice {
    fn of(job: &Job, entry: &DeviceStatus) -> Self {
        let time = |time: Option<Timestamp>| time.map(display::time);
        let started = entry.start_time.as_ref().map(|time| time.0);
        let finished = entry.completion_time.as_ref().map(|time| time.0);
        let round = job.status.round.as_ref();
        Self {
            job: job.name.clone(),
            namespace: job.namespace.clone(),
            uuid: entry.uuid.clone(),
            phase: entry.phase.to_string(),
            reason: entry.reason.clone().unwrap_or_default().to_string(),
            version: round.map(|round| round.version.clone()).unwrap_or_default(),
            pod: entry.pod.clone(),
            started: time(started),
            finished: time(finished),
            finished_at: finished,
        }
    }
}

/// The devices that are meant, by endpoint: all, or those that the selector and the UUIDs mean. A device is known by its endpoint:
/// after a flash its Instance has another uid.
#[must_use]
pub fn rows(
    (instances, inventory): (&[DeserializeGuard<Instance>], &Inventory),
    jobs: &[Job],
    selector: Option<&Selector>,
    uuids: &[String],
) -> Vec<DeviceRow> {
    let mut busy: HashMap<String, JobOfDevice> = HashMap::new();
    let mut last: HashMap<String, JobOfDevice> = HashMap::new();
    for job in jobs {
        for entry in &job.status.devices {
            let Some(endpoint) = entry.host_endpoint.as_deref().map(normal) else {
                continue;
            };
            let of_job = JobOfDevice::of(job, entry);
            if is_busy(entry) {
                busy.insert(endpoint, of_job);
            } else if of_job.finished_at.is_some() {
                let known = last.get(&endpoint);
                if known.is_none_or(|known| known.finished_at < of_job.finished_at) {
                    last.insert(endpoint, of_job);
                }
            }
        }
    }
    let mut rows: Vec<(Option<Endpoint>, DeviceRow)> = Vec::new();
    for guard in instances {
        let uid = match &guard.0 {
            Ok(instance) => instance.metadata.uid.as_deref(),
            Err(invalid) => invalid.metadata.uid.as_deref(),
        };
        let Some(uid) = uid.filter(|uid| uuids.is_empty() || uuids.iter().any(|one| one == uid))
        else {
            continue;
        };
        match inventory.by_uuid(&uid.into()) {
            Some(Ok(device)) if selector.is_none_or(|selector| selector.selects(device)) => {
                let endpoint = device.endpoint.to_string();
                let mut row = usable(device);
                row.busy = busy.get(&endpoint).cloned();
                row.last = last.get(&endpoint).cloned();
                rows.push((Some(device.endpoint), row));
            }
            // What a selector means of an Instance that cannot be read is not known.
            Some(Err(error)) if selector.is_none() => {
                rows.push((None, unusable(guard, uid, &error.to_string())));
            }
            Some(_) | None => {}
        }
    }
    // By address and port as numbers; what has none comes last.
    rows.sort_by(|(one, a), (other, b)| {
        let place = |endpoint: &Option<Endpoint>| (endpoint.is_none(), *endpoint);
        (place(one), &a.uuid).cmp(&(place(other), &b.uuid))
    });
    rows.into_iter().map(|(_, row)| row).collect()
}

fn usable(device: &Device) -> DeviceRow {
    DeviceRow {
        uuid: device.uuid.to_string(),
        instance: device.name.to_string(),
        namespace: device.namespace.to_string(),
        configuration: owned(device.configuration.as_ref()),
        endpoint: Some(device.host_endpoint.to_string()),
        device: Some(device.device_type.to_string()),
        application: owned(device.application_type.as_ref()),
        version: owned(device.version.as_ref()),
        nodes: device.nodes.iter().map(ToString::to_string).collect(),
        problem: None,
        busy: None,
        last: None,
    }
}

fn unusable(guard: &DeserializeGuard<Instance>, uid: &str, problem: &str) -> DeviceRow {
    let (metadata, spec) = match &guard.0 {
        Ok(instance) => (&instance.metadata, Some(&instance.spec)),
        Err(invalid) => (&invalid.metadata, None),
    };
    DeviceRow {
        uuid: uid.to_owned(),
        instance: metadata.name.clone().unwrap_or_default(),
        namespace: metadata.namespace.clone().unwrap_or_default(),
        configuration: spec.and_then(|spec| spec.configuration_name.clone()),
        endpoint: None,
        device: None,
        application: None,
        version: None,
        nodes: spec.map(|spec| spec.nodes.clone()).unwrap_or_default(),
        problem: Some(problem.to_owned()),
        busy: None,
        last: None,
    }
}
