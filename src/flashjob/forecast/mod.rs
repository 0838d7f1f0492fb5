//! What a FlashJob would do if it were created now: its devices in order, its steps, what would be refused and why, what can go
//! wrong at most and how long it can take. Pure.
//!
//! Devices are asked about exactly as the operator asks before it begins one, with nobody else on the cluster. Called by
//! `kubectl flashjob plan`; `text` prints it.

pub mod bounds;
mod brief;
mod duration;
mod failures;
mod firmware;
mod imagined;
mod prospects;
mod rungs;
mod sharing;
mod sight;
mod steps;
mod text;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use self::{
    bounds::Times,
    duration::duration,
    failures::failures,
    prospects::{footprints, pool_of, prospects},
    sharing::limited,
    sight::unchecked_signatures,
    steps::steps,
};
use super::blueprint::FlashPod;
use crate::{
    api::Refusal,
    flashjob::{
        observe::{Observed, firmware::Question},
        plan::{firmware::question, rollout::hold::Hold},
    },
};
use crate::{
    api::{Effective, NotSelectable, VerificationMode},
    flashclass::Limit,
};

pub use self::{
    brief::brief,
    duration::Duration,
    failures::Failures,
    firmware::{FirmwareForecast, firmware},
    imagined::{Cluster, imagine},
    prospects::{Fate, Prospect},
    sharing::LimitForecast,
    sight::{Answer, NotSeen, Part},
    steps::StepForecast,
    text::{duration_words, text},
};

/// See the module's documentation.
#[derive(Serialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Forecast {
    /// Name of the job.
    pub job: String,
    /// Its namespace.
    pub namespace: String,
    /// When this was said.
    #[schemars(with = "String")]
    pub time: Timestamp,
    /// Firmware.
    pub firmware: String,
    /// Its version.
    pub version: String,
    /// The image that its registry serves, where the registry was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<FirmwareForecast>,
    /// What the operator would ask about the firmware.
    #[serde(skip)]
    pub question: Option<Question>,
    /// A job of this name exists: this is what a new round of it would do.
    pub exists: bool,
    /// Round of that job, if it has this very firmware: applying the file opens no other one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current_round: Option<i64>,
    /// Classes whose rules hold.
    pub classes: Vec<String>,
    /// What could not be seen, and is not told.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_seen: Vec<NotSeen>,
    /// Why nothing of the job would start, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal: Option<Refused>,
    /// Until when nothing starts, if nothing does now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waits: Option<Refused>,
    /// Instances that `spec.deviceSelector` means and that cannot be flashed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_selectable: Option<NotSelectable>,
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
#[derive(Serialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
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
    /// What could not be seen.
    pub not_seen: &'a [NotSeen],
    /// Why nothing of the job would start, if so.
    pub refusal: Option<&'a Refusal>,
    /// Until when nothing starts, if nothing does now.
    pub waits: Option<&'a Hold>,
    /// Instances that the selector means and that cannot be flashed.
    pub not_selectable: Option<&'a NotSelectable>,
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
    let in_flight = in_flight(asked, &devices);
    let times = Times {
        deadline: asked.effective.active_deadline_seconds_per_device,
        retries: asked.effective.backoff_limit_per_device,
        verification: if asked.effective.verification == VerificationMode::None {
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
        image: None,
        question: question(job, asked.observed.terms),
        exists: false,
        current_round: None,
        classes: asked.classes.to_vec(),
        not_seen: asked
            .not_seen
            .iter()
            .cloned()
            .chain(unchecked_signatures(asked.observed.terms))
            .collect(),
        refusal: asked.refusal.map(Refused::of),
        waits: asked.waits.map(|hold| Refused {
            reason: hold.reason.as_str().to_owned(),
            message: hold.message.clone(),
        }),
        not_selectable: asked.not_selectable.cloned(),
        effective: asked.effective.clone(),
        limits: limited(&limits(asked), &footprints(asked, &devices, |_| true)),
        failures: failures(asked, &steps, &devices, in_flight),
        duration: duration(asked, &times, (&steps, &devices), in_flight),
        steps,
        devices,
    }
}

/// How many devices are in flight at most: by the job, the operator, and the pool whose Services they lease.
fn in_flight(asked: &Asked<'_>, devices: &[Prospect]) -> usize {
    let parallelism = usize::try_from(asked.effective.parallelism).unwrap_or(1);
    let slots = parallelism.min(asked.observed.world.max_in_flight);
    let services = pool_of(asked, devices).map_or(usize::MAX, |pool| pool.size());
    slots.min(services).max(1)
}

fn limits<'a>(asked: &Asked<'a>) -> Vec<&'a Limit> {
    asked.observed.terms.in_flight_limits().collect()
}

#[cfg(test)]
mod imagined_tests;
#[cfg(test)]
mod tests;
