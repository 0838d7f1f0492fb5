//! What became of a device in a round, moment by moment: selected, each attempt, its Pod, its end. Pure.

use flashjob_operator::{
    api::DeviceStatus,
    display,
    flashjob::{explain::DeviceExplanation, spec::job::Job},
};
use jiff::Timestamp;
use serde::Serialize;

use super::PodFacts;

/// Something that happened to a device, or that is to happen.
#[derive(Serialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// When, where that is known.
    pub at: Option<String>,
    /// Whether it is still to come.
    pub ahead: bool,
    /// Class of the style sheet.
    pub tone: &'static str,
    /// What, in words.
    pub what: String,
}

impl Moment {
    fn new(at: Option<Timestamp>, tone: &'static str, what: String) -> Self {
        Self {
            at: at.map(display::time),
            ahead: false,
            tone,
            what,
        }
    }
}

/// What became of the device, oldest first. `tone` is how it stands now.
#[must_use]
pub fn timeline(
    job: &Job,
    told: &DeviceExplanation,
    pod: Option<&PodFacts>,
    tone: &'static str,
) -> Vec<Moment> {
    let selection = job.status.selection.as_ref();
    let selected = selection.and_then(|selection| Some(selection.time.as_ref()?.0));
    let round = job.status.round.as_ref().map_or(0, |round| round.number);
    let mut moments = vec![Moment::new(
        selected,
        "patient",
        format!("Selected for round {round}"),
    )];
    let is_it = |device: &&DeviceStatus| usize::try_from(device.index).ok() == told.index;
    let Some(device) = job.status.devices.iter().find(is_it) else {
        return moments;
    };
    let mut number = 0;
    for reason in &device.earlier_failures {
        number += 1;
        let what = format!("Attempt {number} failed: {reason}");
        moments.push(Moment::new(None, "bad", what));
    }
    if device.attempts > number {
        number += 1;
        let what = format!("Attempt {number} began");
        moments.push(Moment::new(told.start_time, "busy", what));
        if let Some(pod) = pod.filter(|pod| pod.started.is_some()) {
            let node = pod.node.as_deref().unwrap_or("a node");
            let what = format!("Pod {} began on {node}", pod.name);
            moments.push(Moment {
                at: pod.started.clone(),
                ..Moment::new(None, "busy", what)
            });
        }
        let what = match told.reason.as_str() {
            "" => told.phase.clone(),
            reason => format!("{}: {reason}", told.phase),
        };
        moments.push(Moment::new(told.completion_time, tone, what));
    }
    if told.next_time.is_some() {
        moments.push(Moment {
            ahead: true,
            ..Moment::new(told.next_time, "held", "It goes on by itself".to_owned())
        });
    }
    moments
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::view::fixtures::job_of;
    use flashjob_operator::flashjob::explain::{self, Known};

    #[test]
    fn a_device_is_told_from_its_selection_to_what_comes_next() {
        let device = json!({
            "index": 0, "uuid": "u-0", "phase": "Waiting", "reason": "TransferFailed", "attempts": 2, "earlierFailures": ["ImagePullFailed"],
            "startTime": "2026-11-30T00:00:10Z", "nextTime": "2026-11-30T00:01:00Z",
        });
        let status = json!({
            "round": {"number": 2, "firmware": "f:1", "version": "1"}, "devices": [device],
            "selection": {"count": 1, "hash": "00", "time": "2026-11-30T00:00:00Z"},
        });
        let job = job_of(&json!({}), &status);
        let known = Known {
            job: &job,
            selection: None,
            class: None,
            watched: None,
            now: Timestamp::UNIX_EPOCH,
        };
        let told = explain::device(&known, &"u-0".into(), None);
        let pod = PodFacts {
            name: "flash-u-0".into(),
            started: Some("2026-11-30T00:00:20Z".into()),
            node: Some("node-a".into()),
            ..PodFacts::default()
        };
        let moments = timeline(&job, &told, Some(&pod), "held");
        let said: Vec<_> = moments
            .iter()
            .map(|moment| {
                (
                    moment.at.as_deref().unwrap_or_default(),
                    moment.what.as_str(),
                    moment.ahead,
                )
            })
            .collect();
        assert_eq!(
            said,
            [
                ("2026-11-30T00:00:00Z", "Selected for round 2", false),
                ("", "Attempt 1 failed: ImagePullFailed", false),
                ("2026-11-30T00:00:10Z", "Attempt 2 began", false),
                (
                    "2026-11-30T00:00:20Z",
                    "Pod flash-u-0 began on node-a",
                    false
                ),
                ("", "Waiting: TransferFailed", false),
                ("2026-11-30T00:01:00Z", "It goes on by itself", true),
            ]
        );
    }
}
