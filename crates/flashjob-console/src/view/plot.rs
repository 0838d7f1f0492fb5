//! A job's progress over time, as the lines of a plot: how many of its devices were done, and how many had failed. Pure.

use std::fmt::Write as _;

use flashjob_operator::{api::DevicePhase, display, flashjob::spec::job::Job};
use jiff::Timestamp;
use serde::Serialize;

/// Width and height of the plot, in its own units.
const WIDTH: f64 = 1000.0;
const HEIGHT: f64 = 100.0;

/// The plot. Lines are paths of SVG in a box of 1000 by 100.
#[derive(Serialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Plot {
    /// When the round began.
    pub from: String,
    /// When the job finished, or now.
    pub to: String,
    /// Whether the job has finished.
    pub ended: bool,
    /// Devices of the job: the top.
    pub selected: i64,
    /// Devices that were done.
    pub done: String,
    /// Devices that had failed; empty where none has.
    pub failed: String,
    /// Devices that were done before the first time that the status still has.
    pub untimed: i64,
}

/// The axes: what a moment and a number of devices are in the plot.
struct Axes {
    from: Timestamp,
    seconds: f64,
    selected: f64,
}

impl Axes {
    #[expect(
        clippy::cast_precision_loss,
        reason = "counts of devices and of seconds are small"
    )]
    fn new(from: Timestamp, to: Timestamp, selected: i64) -> Self {
        Self {
            from,
            seconds: (to.as_second() - from.as_second()).max(1) as f64,
            selected: selected.max(1) as f64,
        }
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "counts of devices and of seconds are small"
    )]
    fn x(&self, at: Timestamp) -> f64 {
        let seconds = (at.as_second() - self.from.as_second()) as f64;
        (seconds / self.seconds).clamp(0.0, 1.0) * WIDTH
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "counts of devices and of seconds are small"
    )]
    fn y(&self, devices: i64) -> f64 {
        HEIGHT - (devices as f64 / self.selected).clamp(0.0, 1.0) * HEIGHT
    }

    /// A line that climbs by one device at each of these times. What came before the first of them is a straight line: nobody knows
    /// when it was.
    fn line(&self, before: i64, times: &[Timestamp]) -> String {
        let mut path = format!("M0 {HEIGHT}");
        let first = times.first().map_or(WIDTH, |at| self.x(*at));
        if before > 0 {
            let _ = write!(path, "L{first:.1} {:.1}", self.y(before));
        }
        let mut devices = before;
        let mut at = None;
        for time in times {
            devices += 1;
            let x = format!("{:.1}", self.x(*time));
            if at.as_ref() != Some(&x) {
                let _ = write!(path, "H{x}");
            }
            let _ = write!(path, "V{:.1}", self.y(devices));
            at = Some(x);
        }
        let _ = write!(path, "H{WIDTH}");
        path
    }
}

/// The plot of a job; none before its round has begun, or where nothing is done yet.
#[must_use]
pub fn plot(job: &Job, now: Timestamp) -> Option<Plot> {
    let status = &job.status;
    let selection = status.selection.as_ref()?;
    let began = selection.time.as_ref().or(status.start_time.as_ref());
    let from = began.map(|time| time.0)?;
    let to = job.finished_at().unwrap_or(now).max(from);
    let counts = status.counts.unwrap_or_default();
    let done = counts.succeeded + counts.failed + counts.skipped;
    if done == 0 {
        return None;
    }
    let times = |phases: &[DevicePhase]| {
        let devices = status.devices.iter();
        let devices = devices.filter(|device| phases.iter().any(|phase| device.is(*phase)));
        let mut times: Vec<_> = devices
            .filter_map(|device| Some(device.completion_time.as_ref()?.0))
            .collect();
        times.sort_unstable();
        times
    };
    let all = times(&[
        DevicePhase::Succeeded,
        DevicePhase::Failed,
        DevicePhase::Skipped,
    ]);
    let bad = times(&[DevicePhase::Failed]);
    let axes = Axes::new(from, to, counts.selected);
    let before = |whole: i64, known: &[Timestamp]| {
        let known = i64::try_from(known.len()).unwrap_or(i64::MAX);
        (whole - known).max(0)
    };
    let untimed = before(done, &all);
    let failed = if counts.failed == 0 {
        String::new()
    } else {
        axes.line(before(counts.failed, &bad), &bad)
    };
    Some(Plot {
        from: display::time(from),
        to: display::time(to),
        ended: job.finished_at().is_some(),
        selected: counts.selected,
        done: axes.line(untimed, &all),
        failed,
        untimed,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::view::fixtures::job_of;

    fn device(index: i64, phase: &str, ended: &str) -> Value {
        json!({"index": index, "uuid": format!("u-{index}"), "phase": phase, "attempts": 1, "completionTime": ended})
    }

    fn of(counts: &Value, devices: &[Value]) -> Option<Plot> {
        let selection = json!({"count": 4, "hash": "00", "time": "2026-11-30T00:00:00Z"});
        let status = json!({"selection": selection, "counts": counts, "devices": devices});
        let now = "2026-11-30T00:01:40Z".parse().unwrap();
        plot(&job_of(&json!({}), &status), now)
    }

    #[test]
    fn the_line_climbs_at_each_time_at_which_a_device_was_done() {
        let plot = of(
            &json!({"selected": 4, "succeeded": 1, "failed": 1, "pending": 2}),
            &[
                device(1, "Failed", "2026-11-30T00:00:50Z"),
                device(0, "Succeeded", "2026-11-30T00:00:10Z"),
            ],
        );
        let plot = plot.unwrap();
        assert_eq!(plot.done, "M0 100H100.0V75.0H500.0V50.0H1000");
        assert_eq!(plot.failed, "M0 100H500.0V75.0H1000");
        assert_eq!((plot.selected, plot.untimed), (4, 0));
        assert_eq!(plot.to, "2026-11-30T00:01:40Z");
    }

    #[test]
    fn devices_of_which_the_status_has_no_time_any_more_come_before_the_others() {
        let plot = of(
            &json!({"selected": 4, "succeeded": 3, "pending": 1}),
            &[device(0, "Succeeded", "2026-11-30T00:00:50Z")],
        );
        let plot = plot.unwrap();
        assert_eq!(plot.untimed, 2);
        assert_eq!(plot.done, "M0 100L500.0 50.0H500.0V25.0H1000");
        assert_eq!(plot.failed, "");
    }

    #[test]
    fn a_job_of_which_nothing_is_done_has_no_plot() {
        assert_eq!(of(&json!({"selected": 4, "pending": 4}), &[]), None);
        assert_eq!(
            plot(&job_of(&json!({}), &json!({})), Timestamp::UNIX_EPOCH),
            None
        );
    }
}
