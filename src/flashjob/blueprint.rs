//! From the flash chart, a job and a device to one attempt: its frozen values and its objects, checked by schema and guard. Pure.
//!
//! Called by `act` before the first write of an attempt and again before its Pod, then from the stored record; by `observe` to
//! try a job's values before anything starts; and by the `render` subcommand.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{job::Job, memory::Refusal};
use crate::{
    api::{FlashJobSpec, Reason, Round},
    chart::{
        Chart,
        device_values::{DeviceContext, DeviceFacts, DeviceValues, JobFacts, ReleaseFacts},
        guard::{self, Policy},
        layers::{Layers, LayersError, Merged, merge},
        pointer::Pointer,
        schema::Schema,
        template::{Capabilities, Limits, Program, Release, Rendered},
        values::coalesce,
    },
    device::Device,
    names::{ANNOTATION_ENDPOINT, ANNOTATION_JOB, GROUP, LABEL_JOB_UID, LABEL_ROUND, TRACKING_FINALIZER, VERSION},
    release::{FrozenDevice, InstanceRef, Intent, JobRef, attempt_id, release_name},
};

/// Name of the file in the chart that makes values of a device.
pub const DEVICE_VALUES_FILE: &str = "device-values.yaml";
/// Longest label value.
const MAX_LABEL: usize = 63;

/// The flash chart, compiled, with the administrator's settings around it.
#[derive(Debug)]
pub struct FlashPod {
    /// The chart.
    pub chart: Arc<Chart>,
    /// Its templates; none where only helm can render them.
    pub program: Option<Program>,
    /// What only helm can render, if anything.
    pub unsupported: Option<String>,
    device_values: Option<DeviceValues>,
    operator: Option<DeviceValues>,
    schema: Option<Schema>,
    /// What the guard lets through, without what is an attempt's own.
    pub policy: Policy,
    allowed: Vec<Pointer>,
    /// What the cluster can do.
    pub capabilities: Capabilities,
    /// Changes with every change of chart or settings.
    pub version: u64,
}

/// The administrator's settings around the chart.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Chart values for all devices, as YAML, and the name of their source.
    pub operator_values: Option<(String, String)>,
    /// Paths that a job may set.
    pub allowed_value_paths: Vec<String>,
    /// What the guard lets through.
    pub policy: Policy,
    /// What the cluster can do.
    pub capabilities: Capabilities,
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
}

impl FlashPod {
    /// Compiles a chart. `version` has to differ from that of every other chart or settings of this process.
    ///
    /// # Errors
    /// What in the chart or the settings cannot be used: file, key and why.
    pub fn load(chart: Chart, settings: &Settings, version: u64) -> Result<Self, Refusal> {
        let invalid = |message: String| Refusal { reason: Reason::ChartInvalid, message };
        let device_values = chart.files.iter().find(|file| file.name == DEVICE_VALUES_FILE);
        let device_values = device_values
            .map(|file| DeviceValues::compile(&String::from_utf8_lossy(&file.data), DEVICE_VALUES_FILE))
            .transpose()
            .map_err(|error| invalid(error.to_string()))?;
        let operator = settings.operator_values.as_ref();
        let operator = operator
            .map(|(text, source)| DeviceValues::compile(text, source))
            .transpose()
            .map_err(|error| invalid(error.to_string()))?;
        let schema = chart.schema.as_deref().map(Schema::compile).transpose().map_err(|error| invalid(error.to_string()))?;
        let allowed: Result<Vec<Pointer>, _> = settings.allowed_value_paths.iter().map(|path| path.parse()).collect();
        let allowed = allowed.map_err(|error| invalid(format!("--allowed-value-paths: {error}")))?;
        let compiled = Program::compile(&chart);
        let unsupported = compiled.as_ref().err().map(ToString::to_string);
        Ok(Self {
            chart: Arc::new(chart),
            program: compiled.ok(),
            unsupported,
            device_values,
            operator,
            schema,
            policy: settings.policy.clone(),
            allowed,
            capabilities: settings.capabilities.clone(),
            version,
        })
    }

    /// Makes the blueprint of one attempt at the device that the job named `uuid`.
    ///
    /// # Errors
    /// What in the job's or the administrator's values cannot be used.
    pub fn blueprint(&self, job: &Job, round: &Round, attempt: &AttemptOf<'_>) -> Result<Blueprint, Refusal> {
        let release = release_name(attempt.uuid).map_err(|error| Refusal {
            reason: Reason::DeviceInvalid,
            message: format!("spec.uuid: {error}"),
        })?;
        let intent = intent(job, round, attempt);
        let context = context(&intent, &release);
        let owned = owned(job, round, &intent);
        let empty = FlashJobSpec::default();
        let spec = job.spec.as_ref().unwrap_or(&empty);
        let job_values = spec.values.as_ref().map(|values| json!(values));
        let layers = Layers {
            chart: &self.chart.values,
            operator: self.operator.as_ref(),
            class: None,
            job: job_values.as_ref(),
            device: self.device_values.as_ref(),
            owned: &owned,
            allowed: &self.allowed,
        };
        let merged = merge(&layers, &context).map_err(|error| refused(&error))?;
        if let Some(schema) = &self.schema {
            schema.validate(&merged.values).map_err(|error| Refusal {
                reason: Reason::ValuesInvalid,
                message: format!("values.schema.json: {error}"),
            })?;
        }
        Ok(Blueprint { release, intent, merged })
    }

    /// What the guard lets through for one attempt.
    #[must_use]
    pub fn policy_of(&self, intent: &Intent, release: &str) -> Policy {
        self.policy.of_attempt(guard::Attempt {
            namespace: intent.job.namespace.clone(),
            release: release.to_owned(),
            id: intent.attempt_id.clone(),
            job_name: intent.job.name.clone(),
            job_uid: intent.job.uid.clone(),
            round: intent.round.to_string(),
        })
    }
}

/// Which attempt at which device.
#[derive(Clone, Copy, Debug)]
pub struct AttemptOf<'a> {
    /// Index in the selection.
    pub index: usize,
    /// UUID as the job named it: it names the release.
    pub uuid: &'a str,
    /// The device as it is now.
    pub device: &'a Device,
    /// Attempt at the device in this round, from 1.
    pub number: u32,
    /// Random text.
    pub nonce: &'a str,
}

/// Renders the objects of an attempt: without the Pod where `address` is empty, as long as the chart waits for it.
///
/// # Errors
/// What in a template failed, or what the guard refuses.
pub fn objects(
    program: &Program,
    chart: &Chart,
    overrides: &Value,
    of: &Rendering<'_>,
) -> Result<Rendered, Refusal> {
    let mut user = overrides.as_object().cloned().unwrap_or_default();
    if let Some(address) = of.address {
        user.insert("externalIP".into(), Value::String(address.to_owned()));
    }
    let defaults = chart.values.as_object().cloned().unwrap_or_default();
    let values = Value::Object(coalesce(&defaults, user));
    let release = Release {
        name: of.release.to_owned(),
        namespace: of.policy.namespace().to_owned(),
        revision: of.revision,
        is_install: of.revision == 1,
        is_upgrade: of.revision != 1,
    };
    let rendered = program.render(&values, &release, of.capabilities, &Limits::default()).map_err(|error| Refusal {
        reason: Reason::RenderFailed,
        message: error.to_string(),
    })?;
    let objects: Vec<(&str, &Value)> =
        rendered.documents.iter().map(|document| (document.source.as_str(), &document.object)).collect();
    guard::check(&objects, of.policy).map_err(|violations| Refusal {
        reason: Reason::GuardRefused,
        message: violations.iter().take(5).map(ToString::to_string).collect::<Vec<_>>().join("; "),
    })?;
    Ok(rendered)
}

/// How objects are rendered.
#[derive(Clone, Copy, Debug)]
pub struct Rendering<'a> {
    /// Release name.
    pub release: &'a str,
    /// Revision, from 1.
    pub revision: u32,
    /// The Service's address; none leaves the value as it is.
    pub address: Option<&'a str>,
    /// What is let through.
    pub policy: &'a Policy,
    /// What the cluster can do.
    pub capabilities: &'a Capabilities,
}

fn refused(error: &LayersError) -> Refusal {
    let reason = match error {
        LayersError::Refused(refusals) => refusals.first().map_or("ValuesInvalid", crate::chart::layers::Refusal::reason),
        _ => "RenderFailed",
    };
    let reason = Reason::ALL.iter().copied().find(|known| known.as_str() == reason).unwrap_or(Reason::ValuesInvalid);
    Refusal { reason, message: error.to_string() }
}

fn intent(job: &Job, round: &Round, attempt: &AttemptOf<'_>) -> Intent {
    let number = u32::try_from(round.number).unwrap_or(u32::MAX);
    let device = attempt.device;
    Intent {
        job: JobRef { name: job.name.clone(), namespace: job.namespace.clone(), uid: job.uid.clone() },
        round: number,
        attempt: attempt.number,
        nonce: attempt.nonce.to_owned(),
        attempt_id: attempt_id(&job.uid, number, attempt.number, attempt.nonce),
        index: u32::try_from(attempt.index).unwrap_or(u32::MAX),
        firmware: round.firmware.clone(),
        version: round.version.clone(),
        device: FrozenDevice {
            uuid: attempt.uuid.to_owned(),
            endpoint: device.host_endpoint.clone(),
            address: device.endpoint.address().to_string(),
            device_type: device.device_type.clone(),
            application_type: device.application_type.clone().unwrap_or_default(),
            version: device.version.clone().unwrap_or_default(),
            instance: InstanceRef { name: device.name.clone(), namespace: device.namespace.clone() },
            configuration: device.configuration.clone().unwrap_or_default(),
            nodes: device.nodes.clone(),
            properties: device.properties.clone(),
        },
    }
}

fn context(intent: &Intent, release: &str) -> DeviceContext {
    let device = &intent.device;
    DeviceContext {
        device: DeviceFacts {
            uuid: device.uuid.clone(),
            endpoint: device.endpoint.clone(),
            address: device.address.clone(),
            kind: device.device_type.clone(),
            application_type: device.application_type.clone(),
            version: device.version.clone(),
            nodes: device.nodes.clone(),
            configuration: device.configuration.clone(),
            properties: device.properties.clone(),
        },
        job: JobFacts {
            name: intent.job.name.clone(),
            namespace: intent.job.namespace.clone(),
            uid: intent.job.uid.clone(),
            firmware: intent.firmware.clone(),
            version: intent.version.clone(),
        },
        release: ReleaseFacts { name: release.to_owned(), attempt: intent.attempt_id.clone() },
    }
}

/// What the operator itself sets, over everything else.
fn owned(job: &Job, round: &Round, intent: &Intent) -> Value {
    let effective = job.effective("");
    let endpoint = intent.device.endpoint.parse::<crate::device::Endpoint>();
    let endpoint = endpoint.map_or_else(|_| intent.device.endpoint.clone(), |endpoint| endpoint.to_string());
    let mut owned = json!({
        "operator": {
            "attempt": intent.attempt_id,
            "app": label_value(&job.name),
            "ownerReferences": [{
                "apiVersion": format!("{GROUP}/{VERSION}"), "kind": "FlashJob", "name": job.name, "uid": job.uid,
                "controller": true, "blockOwnerDeletion": false,
            }],
            "finalizers": [TRACKING_FINALIZER],
            "labels": { LABEL_JOB_UID: job.uid, LABEL_ROUND: intent.round.to_string() },
            "annotations": { ANNOTATION_ENDPOINT: endpoint, ANNOTATION_JOB: job.name },
        },
        "activeDeadlineSeconds": effective.active_deadline_seconds_per_device,
    });
    if let Some(image) = &round.flashjob_pod_image {
        owned["image"] = json!({ "reference": image });
    }
    owned
}

/// A name as a label value: as it is, or shortened with a hash where it is too long.
#[must_use]
pub fn label_value(name: &str) -> String {
    if name.len() <= MAX_LABEL {
        return name.to_owned();
    }
    use sha2::{Digest, Sha256};
    let hash = hex::encode(Sha256::digest(name.as_bytes()));
    let head = name.get(..MAX_LABEL - 9).unwrap_or(name).trim_end_matches(['.', '-', '_']);
    format!("{head}-{}", &hash[..8])
}

