//! The devices of a job by their place in its selection, those included that its status has no room for. Pure.

use flashjob_operator::{
    api::{DevicePhase, DeviceStatus, SelectedDevice},
    display,
    flashjob::spec::job::Job,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde::Serialize;
use utoipa::ToSchema;

/// Most devices that are counted where a status says how many there are.
const MOST: usize = 10_000;

/// One device of a job.
#[derive(Serialize, ToSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct DeviceEntry {
    /// Place in the selection, from 0.
    pub index: usize,
    /// UUID as the job names it; absent where neither the status nor the selection could be read for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uuid: Option<String>,
    /// Where it listens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Its type when it was selected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// Pending, Reserved, AwaitingAddress, Flashing, Verifying, Waiting, Succeeded, Failed or Skipped.
    pub phase: String,
    /// Why, in one word, as far as the status has room for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Why, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Attempts that began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts: Option<i64>,
    /// Pod of the newest attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod: Option<String>,
    /// Version before the flash.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_version: Option<String>,
    /// Version read back after the flash.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_version: Option<String>,
    /// When the newest attempt began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time: Option<String>,
    /// When it goes on without anybody acting.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_time: Option<String>,
    /// When the verdict was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completion_time: Option<String>,
}

/// A part of a job's devices.
#[derive(Serialize, ToSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct DevicePage {
    /// How many devices the job has.
    pub selected: usize,
    /// How many of them are meant.
    pub matching: usize,
    /// Those of this page, by index.
    pub items: Vec<DeviceEntry>,
    /// `from` of the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<usize>,
    /// What could not be read, if anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unseen: Option<String>,
}

/// Which devices are meant.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// In this phase.
    pub phase: Option<String>,
    /// For this reason.
    pub reason: Option<String>,
    /// With this text in UUID, endpoint, type or message, whatever its letters' size.
    pub text: Option<String>,
    /// From this index on.
    pub from: usize,
    /// At most as many.
    pub limit: usize,
}

impl DeviceEntry {
    /// What the status has of a device, and the selection.
    fn listed(index: usize, status: &DeviceStatus, selected: Option<&SelectedDevice>) -> Self {
        let time = |time: &Option<Time>| time.as_ref().map(|time| display::time(time.0));
        let endpoint = selected.and_then(|device| device.endpoint.clone());
        Self {
            index,
            uuid: Some(status.uuid.clone()),
            endpoint: status.host_endpoint.clone().or(endpoint),
            device: selected.and_then(|device| device.device_type.clone()),
            phase: status.phase.to_string(),
            reason: status.reason.as_ref().map(ToString::to_string),
            message: status.message.clone(),
            attempts: Some(status.attempts),
            pod: status.pod.clone(),
            from_version: status.from_version.clone(),
            to_version: status.to_version.clone(),
            start_time: time(&status.start_time),
            next_time: time(&status.next_time),
            completion_time: time(&status.completion_time),
        }
    }

    /// A device of which the status has the verdict at most.
    fn unlisted(index: usize, job: &Job, selected: Option<&SelectedDevice>) -> Self {
        let finals = &job.finals;
        let phase = if finals.succeeded.contains(index) {
            DevicePhase::Succeeded
        } else if finals.failed.contains(index) {
            DevicePhase::Failed
        } else if finals.skipped.contains(index) {
            DevicePhase::Skipped
        } else {
            DevicePhase::Pending
        };
        Self {
            index,
            uuid: selected.map(|device| device.uuid.to_string()),
            endpoint: selected.and_then(|device| device.endpoint.clone()),
            device: selected.and_then(|device| device.device_type.clone()),
            phase: phase.as_str().to_owned(),
            ..Self::default()
        }
    }

    fn is_meant(&self, wanted: &Wanted) -> bool {
        let same = |wanted: &Option<String>, has: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| has == Some(wanted))
        };
        let texts = [&self.uuid, &self.endpoint, &self.device, &self.message];
        let found = |text: &String| {
            let text = text.to_lowercase();
            let mut texts = texts.into_iter().flatten();
            texts.any(|one| one.to_lowercase().contains(&text))
        };
        same(&wanted.phase, Some(&self.phase))
            && same(&wanted.reason, self.reason.as_deref())
            && wanted.text.as_ref().is_none_or(found)
    }
}

/// Every device of a job, by index.
#[must_use]
pub fn entries(job: &Job, selection: Option<&[SelectedDevice]>) -> Vec<DeviceEntry> {
    let status = &job.status;
    let stored = status.selection.as_ref().map_or(0, |stored| stored.count);
    let count = selection.map_or_else(|| usize::try_from(stored).unwrap_or(0), <[_]>::len);
    let count = count.min(MOST);
    let mut listed: Vec<Option<&DeviceStatus>> = vec![None; count];
    for device in &status.devices {
        let place = usize::try_from(device.index).ok();
        if let Some(place) = place.and_then(|index| listed.get_mut(index)) {
            *place = Some(device);
        }
    }
    let devices = listed.into_iter().enumerate();
    devices
        .map(|(index, status)| {
            let selected = selection.and_then(|selection| selection.get(index));
            match status {
                Some(status) => DeviceEntry::listed(index, status, selected),
                None => DeviceEntry::unlisted(index, job, selected),
            }
        })
        .collect()
}

/// The part that is wanted.
#[must_use]
pub fn page(entries: Vec<DeviceEntry>, wanted: &Wanted) -> DevicePage {
    let selected = entries.len();
    let mut matching: Vec<_> = entries
        .into_iter()
        .filter(|entry| entry.is_meant(wanted))
        .collect();
    let all = matching.len();
    let first = matching.partition_point(|entry| entry.index < wanted.from);
    matching.drain(..first);
    let next = matching.get(wanted.limit).map(|entry| entry.index);
    matching.truncate(wanted.limit);
    DevicePage {
        selected,
        matching: all,
        items: matching,
        next,
        unseen: None,
    }
}

#[cfg(test)]
#[path = "device_tests.rs"]
mod tests;
