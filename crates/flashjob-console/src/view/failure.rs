//! What failed of a job, by reason, with what helps. Pure.

use flashjob_operator::{
    api::DevicePhase,
    flashjob::explain::{self, Advice, Known},
};
use serde::Serialize;
use utoipa::ToSchema;

/// Most devices of a group that are named one by one.
const MOST: usize = 20;

/// The failures of a job.
#[derive(Serialize, ToSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Failures {
    /// How many devices have failed.
    pub failed: usize,
    /// Those that the status lists, by reason: what most of them failed for comes first.
    pub groups: Vec<FailureGroup>,
    /// How many failed that the status has no room for: why, their records tell.
    pub unlisted: usize,
}

/// Devices that failed for the same reason.
#[derive(Serialize, ToSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct FailureGroup {
    /// Why, in one word.
    pub reason: String,
    /// How many.
    pub devices: usize,
    /// The first of them by index, at most 20.
    pub indexes: Vec<i64>,
    /// What is said of the newest of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What a person can do.
    pub advice: Vec<Help>,
}

/// A command, and what it is for.
#[derive(Serialize, ToSchema, Clone, Debug, PartialEq, Eq)]
pub struct Help {
    /// What it is for.
    pub why: String,
    /// The command.
    pub command: String,
}

impl From<Advice> for Help {
    fn from(Advice { why, command }: Advice) -> Self {
        Self { why, command }
    }
}

/// What failed.
#[must_use]
pub fn failures(known: &Known<'_>) -> Failures {
    let mut groups: Vec<FailureGroup> = Vec::new();
    let mut listed = 0;
    // The newest come first.
    let devices = known.job.status.devices.iter();
    for device in devices.filter(|device| device.is(DevicePhase::Failed)) {
        listed += 1;
        let reason = device.reason.clone().unwrap_or_default().to_string();
        if let Some(group) = groups.iter_mut().find(|group| group.reason == reason) {
            group.devices += 1;
            group.indexes.push(device.index);
            continue;
        }
        let explanation = explain::device(known, &device.uuid.as_str().into(), None);
        groups.push(FailureGroup {
            reason,
            devices: 1,
            indexes: vec![device.index],
            message: device.message.clone(),
            advice: explanation.advice.into_iter().map(Help::from).collect(),
        });
    }
    for group in &mut groups {
        group.indexes.sort_unstable();
        group.indexes.truncate(MOST);
    }
    groups.sort_by(|a, b| (b.devices, &a.reason).cmp(&(a.devices, &b.reason)));
    let failed = known.job.finals.failed.len().max(listed);
    Failures {
        failed,
        groups,
        unlisted: failed - listed,
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::view::fixtures::{job, selection};

    #[test]
    fn failures_are_counted_by_reason_with_what_helps() {
        let (mut job, selection) = (job(), selection());
        let mut more = job.status.devices[1].clone();
        more.index = 5;
        more.uuid = "u-5".into();
        let mut other = more.clone();
        other.index = 7;
        other.uuid = "u-7".into();
        other.reason = Some(flashjob_operator::api::Reason::ImagePullFailed.into());
        job.finals.failed.insert(7);
        job.finals.failed.insert(8);
        job.status.devices.extend([other, more]);
        let known = Known {
            job: &job,
            selection: Some(&selection),
            class: None,
            watched: None,
            now: Timestamp::UNIX_EPOCH,
        };
        let failures = failures(&known);
        assert_eq!((failures.failed, failures.unlisted), (4, 1));
        let groups: Vec<_> = failures
            .groups
            .iter()
            .map(|group| {
                (
                    group.reason.as_str(),
                    group.devices,
                    group.indexes.as_slice(),
                )
            })
            .collect();
        assert_eq!(
            groups,
            [
                ("TransferFailed", 2, &[4, 5][..]),
                ("ImagePullFailed", 1, &[7])
            ]
        );
        assert!(!failures.groups[0].advice.is_empty(), "{failures:#?}");
    }
}
