//! From the flash chart, a job and a device to one attempt: its frozen values and its objects, checked by schema and guard. Pure.
//!
//! Called by `act` before the first write of an attempt and again before its Pod, then from the stored record; by `trial` to
//! try a job's values before anything starts; and by `kubectl flashjob render`. The console reads recorded attempts by it.

mod blame;
mod contract;
mod facts;
mod load;
mod parts;
pub(crate) mod preflight;
mod recorded;
mod rendering;
mod words;

use std::sync::Arc;

use serde_json::Value;

use self::facts::{context, intent, owned};
pub use self::{
    facts::label_value,
    load::Settings,
    parts::Parts,
    recorded::{Between, RecordedValue, recorded},
};
use crate::{
    api::{Reason, Refusal, Round},
    device::{Device, Footprint},
    flash_pod::{
        device_values::{DeviceContext, DeviceValues},
        explain::{Explanation, explain},
        guard::Policy,
        intent::{Intent, release_name},
        layers::{Layers, LayersError, Merged, merge},
        pool::Pool,
    },
    flashclass::{Frozen, Terms},
    flashjob::{spec::job::Job, verdict::Markers},
    identifiers::Uuid,
};
use helm_chart::{
    Chart,
    engine::{Capabilities, Program},
    feature::Features,
    pointer::Pointer,
    schema::Schema,
};

/// Name of the file in the chart that makes values of a device.
pub const DEVICE_VALUES_FILE: &str = "device-values.yaml";

/// The flash chart, compiled, with the administrator's settings around it.
#[derive(Clone, Debug)]
pub struct FlashPod {
    /// The chart.
    pub chart: Arc<Chart>,
    /// Its templates; none where only helm can render them.
    pub program: Option<Arc<Program>>,
    /// What only helm can render, if anything.
    pub unsupported: Option<String>,
    /// What the chart uses that had to be allowed.
    pub used: Features,
    /// What charts may use.
    features: Features,
    device_values: Option<Arc<DeviceValues>>,
    operator: Option<Arc<DeviceValues>>,
    /// The class defaults of the round, where this is the chart of a job.
    class: Option<Arc<Frozen>>,
    schema: Option<Arc<Schema>>,
    /// What the guard lets through, without what is an attempt's own.
    pub policy: Policy,
    allowed: Vec<Pointer>,
    /// The setting that opens paths to jobs, for people.
    opens: String,
    /// What the flash image writes: no value may hold it.
    markers: Markers,
    /// What the cluster can do.
    pub capabilities: Arc<Capabilities>,
    /// Changes with every change of chart or settings.
    pub version: u64,
}

/// One attempt, ready to be recorded.
#[derive(Clone, Debug)]
pub struct Blueprint {
    /// Release name.
    pub release: String,
    /// The write-ahead intent.
    pub intent: Intent,
    /// All values and where they come from.
    pub merged: Merged,
    /// The pool of which the attempt leases a Service, where its values name one: the first, until one is chosen.
    pub pool: Option<Pool>,
}

impl FlashPod {
    /// The same chart as it is for the jobs of a class: its defaults are a layer of the values, its rules are the guard's.
    #[must_use]
    pub fn under(&self, terms: &Terms) -> Self {
        Self {
            class: terms.frozen.clone(),
            policy: terms.policy(&self.policy),
            allowed: terms.value_paths(&self.allowed),
            opens: terms.opens_values().unwrap_or_else(|| self.opens.clone()),
            markers: terms
                .verdict_markers()
                .map_or_else(|| self.markers.clone(), |words| self.markers.with(words)),
            version: terms.chart_version(self.version),
            ..self.clone()
        }
    }

    /// Makes the blueprint of one attempt at the device that the job named `uuid`.
    ///
    /// # Errors
    /// What in the job's or the administrator's values cannot be used.
    pub fn blueprint(
        &self,
        job: &Job,
        round: &Round,
        attempt: &AttemptOf<'_>,
    ) -> Result<Blueprint, Refusal> {
        let (release, mut intent) = self.named(job, round, attempt)?;
        let merged = self
            .layered(job, round, &intent, &release, merge)
            .map_err(|error| refused(&error))?;
        self.no_markers(&merged, attempt.device)?;
        if let Some(schema) = &self.schema {
            let checked = schema.validate(&merged.values);
            checked.map_err(|broken| {
                self.blame(&broken, &merged, attempt.device, |violation| {
                    self.layered(job, round, &intent, &release, |layers, context| {
                        blame::first_broken(layers, context, schema, violation)
                    })
                })
            })?;
        }
        let pool = Pool::of(&merged.values).map_err(|message| Refusal {
            reason: Reason::ValuesInvalid,
            message,
        })?;
        intent.pool_service = pool.as_ref().and_then(|pool| pool.services().next());
        Ok(Blueprint {
            release,
            intent,
            merged,
            pool,
        })
    }

    /// Each value of an attempt with the layer that set it, and what the job may not set.
    ///
    /// # Errors
    /// What in the administrator's values or in device-values cannot be used.
    pub fn explain(
        &self,
        job: &Job,
        round: &Round,
        attempt: &AttemptOf<'_>,
    ) -> Result<Explanation, Refusal> {
        let (release, intent) = self.named(job, round, attempt)?;
        self.layered(job, round, &intent, &release, explain)
            .map_err(|error| refused(&error))
    }

    /// Release name and intent of an attempt.
    fn named(
        &self,
        job: &Job,
        round: &Round,
        attempt: &AttemptOf<'_>,
    ) -> Result<(String, Intent), Refusal> {
        let release = release_name(attempt.uuid).map_err(|error| Refusal {
            reason: Reason::DeviceInvalid,
            message: format!("spec.uuid: {error}"),
        })?;
        let pinned = self
            .class
            .as_ref()
            .and_then(|class| class.stored.firmware.as_ref());
        let firmware = pinned.map(|pinned| pinned.reference.as_str());
        Ok((release, intent(job, round, firmware, attempt)))
    }

    /// Hands the layers of an attempt to what makes something of them.
    fn layered<T>(
        &self,
        job: &Job,
        round: &Round,
        intent: &Intent,
        release: &str,
        make: impl FnOnce(&Layers<'_>, &DeviceContext) -> T,
    ) -> T {
        let spec = job.spec.as_ref().ok();
        let job_values = spec
            .and_then(|spec| spec.values.as_ref())
            // A job whose values were not kept is refused before anything is made of it.
            .and_then(|values| values.tree().ok())
            .map(Value::Object);
        let layers = Layers {
            chart: &self.chart.values,
            operator: self.operator.as_deref(),
            class: self.class_values(),
            job: job_values.as_ref(),
            device: self.device_values.as_deref(),
            owned: &owned(job, self.flash_image(round), intent),
            allowed: &self.allowed,
            opens: &self.opens,
        };
        make(&layers, &context(intent, release))
    }

    /// The image that the round's flash Pods run, where it is not left to the values: pinned, or as the job names it.
    fn flash_image<'a>(&'a self, round: &'a Round) -> Option<&'a str> {
        let frozen = self.class.as_ref();
        let firmware = frozen.and_then(|frozen| frozen.stored.firmware.as_ref());
        let pinned = firmware.and_then(|firmware| firmware.flash_image.as_ref());
        let pinned = pinned.map(|image| image.reference.as_str());
        pinned.or(round.flashjob_pod_image.as_deref())
    }

    pub(crate) fn class_values(&self) -> Option<&DeviceValues> {
        let frozen = self.class.as_ref()?;
        frozen.values.as_ref().map(|(values, _)| values)
    }

    /// Whether Services get an address that is known beforehand, and so may share one: then one device is flashed at a time.
    #[must_use]
    pub fn has_fixed_address(&self) -> bool {
        let given = self
            .chart
            .values
            .get("externalIP")
            .and_then(Value::as_str)
            .is_some_and(|text| !text.is_empty());
        let sets = |values: &DeviceValues| {
            values
                .paths()
                .iter()
                .any(|path| path.to_string() == "/externalIP")
        };
        given || self.operator.as_deref().is_some_and(sets) || self.class_values().is_some_and(sets)
    }

    /// Whether the chart can be rendered in process.
    #[must_use]
    pub const fn native(&self) -> bool {
        self.program.is_some()
    }

    /// The chart as a release of this firmware version records it: its app version is the firmware's.
    #[must_use]
    pub fn chart_for(&self, version: &str) -> Chart {
        Chart {
            metadata: self.chart.metadata.with_app_version(version),
            ..(*self.chart).clone()
        }
    }
}

/// Which attempt at which device.
#[derive(Clone, Copy, Debug)]
pub struct AttemptOf<'a> {
    /// Index in the selection.
    pub index: usize,
    /// UUID as the job named it: it names the release.
    pub uuid: &'a Uuid,
    /// The device as it is now.
    pub device: &'a Device,
    /// What it shares with others, over all of its Instances; none where nobody counts.
    pub shared: Option<&'a Footprint>,
    /// Attempt at the device in this round, from 1.
    pub number: u32,
    /// Random text.
    pub nonce: &'a str,
}

fn refused(error: &LayersError) -> Refusal {
    let reason = match error {
        LayersError::Refused(refusals) => refusals
            .first()
            .map_or("ValuesInvalid", crate::flash_pod::layers::Refusal::reason),
        _ => "RenderFailed",
    };
    let reason = reason.parse().unwrap_or(Reason::ValuesInvalid);
    Refusal {
        reason,
        message: error.to_string(),
    }
}

#[cfg(test)]
mod tests;
