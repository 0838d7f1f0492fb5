//! What a FlashJob would do if it were created now: its devices in order, its steps, what would be refused and why, what can go
//! wrong at most and how long it can take. Pure.
//!
//! Devices are asked about exactly as the operator asks before it begins one, with nobody else on the cluster. Called by the
//! `plan` subcommand; `text` prints it.

pub mod bounds;
mod duration;
mod imagined;
mod rungs;
mod sharing;
mod text;

use jiff::Timestamp;
use serde::Serialize;

use self::{
    bounds::{Stage, Times, longest_turns, most_failures},
    duration::duration,
    sharing::{limited, turns},
};
use super::{
    blueprint::FlashPod,
    memory::Refusal,
    pending::{Candidate, Verdictless, consider},
    plan::Observed,
    trial::try_one,
    verdict::Outcome,
};
use crate::{
    api::{Effective, Reason, SelectedDevice},
    device::{Device, Footprint},
    flashclass::Limit,
};

pub use self::{
    duration::Duration,
    imagined::{Cluster, imagine},
    sharing::LimitForecast,
    text::text,
};

/// See the module's documentation.
#[derive(Serialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Forecast {
    /// Name of the job.
    pub job: String,
    /// Its namespace.
    pub namespace: String,
    /// When this was said.
    pub time: Timestamp,
    /// Firmware.
    pub firmware: String,
    /// Its version.
    pub version: String,
    /// A job of this name exists: this is what a new round of it would do.
    pub exists: bool,
    /// Classes whose rules hold.
    pub classes: Vec<String>,
    /// Why nothing of the job would start, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal: Option<Refused>,
    /// What holds after defaults and ceilings.
    pub effective: Effective,
    /// Limits of the classes on what devices in flight share, where more devices share it than may be in flight.
    pub limits: Vec<LimitForecast>,
    /// The steps; what follows the last one is the rest.
    pub steps: Vec<StepForecast>,
    /// The devices, in the order in which they begin.
    pub devices: Vec<Prospect>,
    /// What can fail.
    pub failures: Failures,
    /// How long it takes.
    pub duration: Duration,
}

/// Why something is refused.
#[derive(Serialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Refused {
    /// In one word.
    pub reason: String,
    /// In words.
    pub message: String,
}

impl Refused {
    fn of(refusal: &Refusal) -> Self {
        Self {
            reason: refusal.reason.as_str().to_owned(),
            message: refusal.message.clone(),
        }
    }
}

/// One step.
#[derive(Serialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct StepForecast {
    /// Number, from 1.
    pub number: usize,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its own devices.
    pub devices: usize,
    /// These and those of the steps before.
    pub total: usize,
    /// Devices of it that may fail; none where only the job's own limit counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_failed_devices: Option<usize>,
    /// Devices of it that would fail before anything is created for them.
    pub foreseen: usize,
    /// Seconds that it is watched after its last device.
    pub soak_seconds: i64,
    /// Somebody has to approve it.
    pub require_approval: bool,
    /// Seconds that its devices take at most.
    pub seconds_at_most: i64,
}

/// What would become of a device.
#[derive(Serialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is flashed.
    Flashed,
    /// It is flashed if it is discovered in time.
    Awaited,
    /// It needs no flash.
    Skipped,
    /// It fails before anything is created for it.
    Refused,
}

/// One device.
#[derive(Serialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Prospect {
    /// Place in the selection, from 0.
    pub index: usize,
    /// Number of its step, from 1.
    pub step: usize,
    /// The device as it would be selected.
    #[serde(flatten)]
    pub selected: SelectedDevice,
    /// What would become of it.
    pub fate: Fate,
    /// Why, in one word, where it is not simply flashed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Why, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// What can fail.
#[derive(Serialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Failures {
    /// Devices that may fail of all; none where nothing limits them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_failed_devices: Option<usize>,
    /// The most devices that can fail before the job stops, those in flight at that moment included.
    pub at_most: usize,
    /// Devices that would fail before anything is created for them.
    pub foreseen: usize,
    /// What stops the job by that alone, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stops_at: Option<String>,
}

/// A step as it is laid over the selected devices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rung {
    /// Its name.
    pub name: Option<String>,
    /// Place after its last device.
    pub end: usize,
    /// Devices of it that may fail; none where only the job's own limit counts.
    pub limit: Option<usize>,
    /// Seconds that it is watched.
    pub soak_seconds: i64,
    /// Somebody has to approve it.
    pub approval: bool,
}

/// Everything that a forecast is made from.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The job in its first round, and the cluster around it with nothing in flight.
    pub observed: &'a Observed<'a>,
    /// The flash chart.
    pub flash_pod: &'a FlashPod,
    /// Classes whose rules hold.
    pub classes: &'a [String],
    /// Why nothing of the job would start, if so.
    pub refusal: Option<&'a Refusal>,
    /// The steps, the rest after the last one included.
    pub rungs: &'a [Rung],
    /// Devices that may fail of all.
    pub limit: Option<usize>,
    /// What holds after defaults and ceilings.
    pub effective: &'a Effective,
    /// The current time.
    pub now: Timestamp,
}

/// Makes the forecast.
#[must_use]
pub fn forecast(asked: &Asked<'_>) -> Forecast {
    let job = asked.observed.job;
    let devices = prospects(asked);
    let in_flight = in_flight(asked);
    let times = Times {
        deadline: asked.effective.active_deadline_seconds_per_device,
        retries: asked.effective.backoff_limit_per_device,
        verification: if asked.effective.verification == "None" {
            0
        } else {
            asked.effective.verification_timeout_seconds
        },
        cool_down: asked.observed.world.bounds.cool_down_seconds,
    };
    let steps = steps(asked, &devices, &times, in_flight);
    let spec = job.spec.as_ref().ok();
    Forecast {
        job: job.name.clone(),
        namespace: job.namespace.clone(),
        time: asked.now,
        firmware: spec.map(|spec| spec.firmware.clone()).unwrap_or_default(),
        version: spec.map(|spec| spec.version.clone()).unwrap_or_default(),
        exists: false,
        classes: asked.classes.to_vec(),
        refusal: asked.refusal.map(Refused::of),
        effective: asked.effective.clone(),
        limits: limited(&limits(asked), &footprints(asked, &devices, |_| true)),
        failures: failures(asked, &steps, &devices, in_flight),
        duration: duration(asked, &times, (&steps, &devices), in_flight),
        steps,
        devices,
    }
}

fn in_flight(asked: &Asked<'_>) -> usize {
    let parallelism = usize::try_from(asked.effective.parallelism).unwrap_or(1);
    parallelism.min(asked.observed.world.max_in_flight).max(1)
}

/// Asks about every device as the operator does before it begins one.
fn prospects(asked: &Asked<'_>) -> Vec<Prospect> {
    let Some(roster) = asked.observed.roster else {
        return Vec::new();
    };
    let mut taken = std::collections::BTreeMap::new();
    let mut prospects = Vec::with_capacity(roster.devices().len());
    for (index, selected) in roster.devices().iter().enumerate() {
        let candidate = Candidate {
            index,
            selected,
            slot: true,
            taken: &taken,
        };
        let considered = consider(
            asked.observed,
            roster,
            &candidate,
            asked.effective,
            asked.now,
        );
        let (fate, reason, message) = match considered {
            Ok(device) => {
                let tried = values_of(asked, &selected.uuid, &device);
                if tried.0 == Fate::Flashed {
                    taken.insert(device.endpoint.to_string(), selected.uuid.clone());
                }
                tried
            }
            Err(verdictless) => foretold(verdictless),
        };
        prospects.push(Prospect {
            index,
            step: step_of(asked.rungs, index),
            selected: selected.clone(),
            fate,
            reason: reason.map(|reason| reason.as_str().to_owned()),
            message: message.filter(|message| !message.is_empty()),
        });
    }
    prospects
}

type Foretold = (Fate, Option<Reason>, Option<String>);

/// What chart, schema and guard make of the device's values.
fn values_of(asked: &Asked<'_>, uuid: &str, device: &Device) -> Foretold {
    let job = asked.observed.job;
    let Some(round) = job.status.round.as_ref() else {
        return (Fate::Flashed, None, None);
    };
    match try_one(asked.flash_pod, job, round, uuid, device) {
        Ok(()) => (Fate::Flashed, None, None),
        Err(refusal) => (Fate::Refused, Some(refusal.reason), Some(refusal.message)),
    }
}

fn foretold(verdictless: Verdictless) -> Foretold {
    match verdictless {
        Verdictless::Queued => (Fate::Flashed, None, None),
        Verdictless::Missing { view, .. } => (Fate::Awaited, Some(view.reason), Some(view.message)),
        // The first of two Instances of a device is flashed; the other is then found to be done.
        Verdictless::Waits { view, .. } => (
            Fate::Skipped,
            Some(Reason::DuplicateEndpoint),
            Some(view.message),
        ),
        Verdictless::Final {
            outcome,
            reason,
            message,
        } => {
            let fate = if outcome == Outcome::Skipped {
                Fate::Skipped
            } else {
                Fate::Refused
            };
            (fate, Some(reason), Some(message))
        }
    }
}

fn limits<'a>(asked: &Asked<'a>) -> Vec<&'a Limit> {
    asked.observed.terms.in_flight_limits().collect()
}

/// What those of the devices share that are flashed, or may be. Of one that is not discovered nothing is known.
fn footprints(
    asked: &Asked<'_>,
    devices: &[Prospect],
    of: impl Fn(&Prospect) -> bool,
) -> Vec<Footprint> {
    let flashed = |device: &&Prospect| matches!(device.fate, Fate::Flashed | Fate::Awaited);
    let inventory = asked.observed.inventory;
    let footprint = |device: &Prospect| {
        let endpoint = device.selected.endpoint.as_deref();
        endpoint.map_or_else(Footprint::default, |endpoint| inventory.footprint(endpoint))
    };
    let devices = devices.iter().filter(flashed).filter(|device| of(device));
    devices.map(footprint).collect()
}

fn step_of(rungs: &[Rung], index: usize) -> usize {
    let before = rungs.iter().take_while(|rung| rung.end <= index).count();
    (before + 1).min(rungs.len().max(1))
}

fn steps(
    asked: &Asked<'_>,
    devices: &[Prospect],
    times: &Times,
    in_flight: usize,
) -> Vec<StepForecast> {
    let mut from = 0;
    let rungs = asked.rungs.iter().enumerate().map(|(place, rung)| {
        let number = place + 1;
        let own = rung.end.saturating_sub(from);
        from = from.max(rung.end);
        let of_step = |fate: Fate| {
            let mut count = 0;
            for device in devices {
                count += usize::from(device.step == number && device.fate == fate);
            }
            count
        };
        let own_devices = footprints(asked, devices, |device| device.step == number);
        let turns = turns(&limits(asked), &own_devices, in_flight);
        let discovery = if of_step(Fate::Awaited) > 0 {
            asked.effective.device_discovery_timeout_seconds
        } else {
            0
        };
        StepForecast {
            number,
            name: rung.name.clone(),
            devices: own,
            total: rung.end,
            max_failed_devices: rung.limit,
            foreseen: of_step(Fate::Refused),
            soak_seconds: rung.soak_seconds,
            require_approval: rung.approval,
            seconds_at_most: longest_turns(turns, times).saturating_add(discovery),
        }
    });
    rungs.collect()
}

fn failures(
    asked: &Asked<'_>,
    steps: &[StepForecast],
    devices: &[Prospect],
    in_flight: usize,
) -> Failures {
    let stages: Vec<Stage> = steps
        .iter()
        .map(|step| Stage {
            devices: step.devices,
            limit: step.max_failed_devices,
            soak_seconds: step.soak_seconds,
        })
        .collect();
    let of = |fate: Fate| devices.iter().filter(|device| device.fate == fate).count();
    let foreseen = of(Fate::Refused);
    let able = devices.len() - of(Fate::Skipped);
    Failures {
        max_failed_devices: asked.limit,
        at_most: most_failures(&stages, asked.limit, in_flight).min(able),
        foreseen,
        stops_at: stops_at(asked, steps),
    }
}

/// Where the failures that are foreseen stop the job.
fn stops_at(asked: &Asked<'_>, steps: &[StepForecast]) -> Option<String> {
    let mut before = 0;
    for step in steps {
        before += step.foreseen;
        if step
            .max_failed_devices
            .is_some_and(|limit| step.foreseen > limit)
        {
            let name = step.name.as_ref().map(|name| format!(" ({name})"));
            return Some(format!("step {}{}", step.number, name.unwrap_or_default()));
        }
        if asked.limit.is_some_and(|limit| before > limit) {
            return Some("spec.maxFailedDevices".into());
        }
    }
    None
}

#[cfg(test)]
#[path = "forecast_tests.rs"]
mod tests;
