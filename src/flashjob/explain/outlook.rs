//! How long the flashes of a job go on: as long as those took that have ended. Pure.
//!
//! Called by `kubectl flashjob` and by the console.

use crate::{
    api::{DevicePhase, DeviceStatus, Phase},
    flashjob::spec::job::Job,
};

/// Seconds that the flashes left over take, going by those that have ended. None where nothing is under way, or nothing has ended
/// that it could be reckoned from. What a job waits for (soaks, approvals, windows) is not in it.
#[must_use]
pub fn seconds_left(job: &Job) -> Option<i64> {
    let status = &job.status;
    let running = status.phase.as_ref()? == &Phase::Running;
    let slots = status.effective.as_ref()?.parallelism.max(1);
    let counts = status.counts?;
    let left = counts.selected - counts.succeeded - counts.failed - counts.skipped;
    let taken: Vec<i64> = status.devices.iter().filter_map(taken).collect();
    let ended = i64::try_from(taken.len()).ok()?;
    if !running || left <= 0 || ended == 0 {
        return None;
    }
    let mean = taken.iter().sum::<i64>() / ended;
    let rounds = left.saturating_add(slots - 1) / slots;
    Some(mean.saturating_mul(rounds)).filter(|seconds| *seconds > 0)
}

/// Seconds that a flash took.
fn taken(device: &DeviceStatus) -> Option<i64> {
    let flashed = device.is(DevicePhase::Succeeded) || device.is(DevicePhase::Failed);
    let (start, end) = (
        device.start_time.as_ref()?,
        device.completion_time.as_ref()?,
    );
    let seconds = end.0.duration_since(start.0).as_secs();
    (flashed && seconds >= 0).then_some(seconds)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::api::{FlashJob, Guarded};

    /// 120 devices, three at a time: eight are final, and one of them took a minute.
    fn rollout() -> Job {
        let object = json!({
            "apiVersion": "application.flashjob.nbfc.io/v1alpha1", "kind": "FlashJob",
            "metadata": {"name": "thermo", "namespace": "demo", "uid": "u-1", "resourceVersion": "7", "generation": 1},
            "spec": {"uuid": ["a"], "firmware": "f:1", "version": "1"},
            "status": {
                "observedGeneration": 1, "phase": "Running", "effective": {"parallelism": 3},
                "selection": {"count": 120, "hash": "00"},
                "counts": {"selected": 120, "pending": 109, "inFlight": 3, "succeeded": 6, "failed": 2},
                "devices": [{
                    "index": 0, "uuid": "a", "phase": "Succeeded", "attempts": 1,
                    "startTime": "2026-11-30T00:00:00Z", "completionTime": "2026-11-30T00:01:00Z",
                }],
            },
        });
        let guard: Guarded<FlashJob> = serde_json::from_value(object).unwrap();
        Job::parse(&guard).unwrap()
    }

    #[test]
    fn what_is_left_takes_as_long_as_what_has_ended() {
        // 112 devices, three at a time, a minute each.
        assert_eq!(seconds_left(&rollout()), Some(38 * 60));
    }

    #[test]
    fn nothing_is_foretold_where_nothing_has_ended_or_nothing_runs() {
        let mut job = rollout();
        job.status
            .devices
            .retain(|device| device.completion_time.is_none());
        assert_eq!(seconds_left(&job), None);
        let mut job = rollout();
        job.status.phase = Some(Phase::InProgress.into());
        assert_eq!(seconds_left(&job), None);
    }
}
