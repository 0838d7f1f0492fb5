//! From the flash chart, a job and a device to one attempt: its frozen values and its objects, checked by schema and guard. Pure.
//!
//! Called by `act` before the first write of an attempt and again before its Pod, then from the stored record; by `observe` to
//! try a job's values before anything starts; and by the `render` subcommand.

use std::sync::Arc;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{job::Job, memory::Refusal};
use crate::{
    api::{Reason, Round},
    chart::{
        Chart,
        device_values::{DeviceContext, DeviceFacts, DeviceValues, JobFacts, ReleaseFacts},
        explain::{Explanation, explain},
        guard::{self, Policy, Stage},
        layers::{Layers, LayersError, Merged, merge},
        pointer::Pointer,
        schema::Schema,
        template::{Capabilities, Document, Limits, Program, Release, Rendered},
        values::coalesce,
    },
    device::Device,
    names::{
        ANNOTATION_ENDPOINT, ANNOTATION_JOB, ANNOTATION_RELEASE_NAME, ANNOTATION_RELEASE_NAMESPACE,
        GROUP, LABEL_JOB_UID, LABEL_MANAGED_BY, LABEL_ROUND, MANAGED_BY_HELM, TRACKING_FINALIZER,
        VERSION,
    },
    release::{FrozenDevice, InstanceRef, Intent, JobRef, Record, attempt_id, release_name},
};

/// Name of the file in the chart that makes values of a device.
pub const DEVICE_VALUES_FILE: &str = "device-values.yaml";
/// Annotation of objects that helm runs at a point of a release's life and does not keep in it.
const HOOK: &str = "helm.sh/hook";
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
        let invalid = |message: String| Refusal {
            reason: Reason::ChartInvalid,
            message,
        };
        let device_values = chart
            .files
            .iter()
            .find(|file| file.name == DEVICE_VALUES_FILE);
        let device_values = device_values
            .map(|file| {
                DeviceValues::compile(&String::from_utf8_lossy(&file.data), DEVICE_VALUES_FILE)
            })
            .transpose()
            .map_err(|error| invalid(error.to_string()))?;
        let operator = settings.operator_values.as_ref();
        let operator = operator
            .map(|(text, source)| DeviceValues::compile(text, source))
            .transpose()
            .map_err(|error| invalid(error.to_string()))?;
        let schema = chart
            .schema
            .as_deref()
            .map(Schema::compile)
            .transpose()
            .map_err(|error| invalid(error.to_string()))?;
        let allowed: Result<Vec<Pointer>, _> = settings
            .allowed_value_paths
            .iter()
            .map(|path| path.parse())
            .collect();
        let allowed =
            allowed.map_err(|error| invalid(format!("--allowed-value-paths: {error}")))?;
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
    pub fn blueprint(
        &self,
        job: &Job,
        round: &Round,
        attempt: &AttemptOf<'_>,
    ) -> Result<Blueprint, Refusal> {
        let (release, intent) = named(job, round, attempt)?;
        let merged = self
            .layered(job, round, &intent, &release, merge)
            .map_err(|error| refused(&error))?;
        if let Some(schema) = &self.schema {
            schema.validate(&merged.values).map_err(|error| Refusal {
                reason: Reason::ValuesInvalid,
                message: format!("values.schema.json: {error}"),
            })?;
        }
        Ok(Blueprint {
            release,
            intent,
            merged,
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
        let (release, intent) = named(job, round, attempt)?;
        self.layered(job, round, &intent, &release, explain)
            .map_err(|error| refused(&error))
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
            .map(|values| json!(values));
        let layers = Layers {
            chart: &self.chart.values,
            operator: self.operator.as_ref(),
            class: None,
            job: job_values.as_ref(),
            device: self.device_values.as_ref(),
            owned: &owned(job, round, intent),
            allowed: &self.allowed,
        };
        make(&layers, &context(intent, release))
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
        given || self.operator.as_ref().is_some_and(sets)
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

    /// Renders the objects of an attempt with the current chart, and asks the guard.
    ///
    /// # Errors
    /// What in a template failed, or what the guard refuses.
    pub fn objects(
        &self,
        intent: &Intent,
        release: &str,
        revision: u32,
        overrides: &Value,
        address: Option<&str>,
    ) -> Result<Rendered, Refusal> {
        let program = self.program.as_ref().ok_or_else(|| Refusal {
            reason: Reason::ChartInvalid,
            message: self.unsupported.clone().unwrap_or_default(),
        })?;
        let program = program.with_app_version(&intent.version);
        self.render(
            &program,
            &self.chart,
            &Rendering {
                intent,
                release,
                revision,
                overrides,
                address,
            },
        )
    }

    /// Renders the objects of a recorded attempt from its record alone, whatever the current chart is, and asks the guard.
    ///
    /// # Errors
    /// As [`FlashPod::objects`], or that the recorded chart cannot be rendered in process.
    pub fn stored_objects(
        &self,
        record: &Record,
        intent: &Intent,
        address: Option<&str>,
    ) -> Result<Rendered, Refusal> {
        self.rendered(
            &record.chart,
            (intent, &record.name, record.version),
            &record.config,
            address,
        )
    }

    /// Renders the objects of a revision of a release with this chart, the current one or a recorded one, and asks the guard.
    ///
    /// # Errors
    /// As [`FlashPod::stored_objects`].
    pub fn rendered(
        &self,
        chart: &Chart,
        (intent, release, revision): (&Intent, &str, u32),
        overrides: &Value,
        address: Option<&str>,
    ) -> Result<Rendered, Refusal> {
        let rendering = Rendering {
            intent,
            release,
            revision,
            overrides,
            address,
        };
        if self.is_current(chart)
            && let Some(program) = &self.program
        {
            return self.render(
                &program.with_app_version(&intent.version),
                chart,
                &rendering,
            );
        }
        let program = Program::compile(chart).map_err(|error| Refusal {
            reason: Reason::ChartInvalid,
            message: format!("the recorded chart: {error}"),
        })?;
        self.render(&program, chart, &rendering)
    }

    fn render(
        &self,
        program: &Program,
        chart: &Chart,
        of: &Rendering<'_>,
    ) -> Result<Rendered, Refusal> {
        let mut user = of.overrides.as_object().cloned().unwrap_or_default();
        if let Some(address) = of.address {
            user.insert("externalIP".into(), Value::String(address.to_owned()));
        }
        let defaults = chart.values.as_object().cloned().unwrap_or_default();
        let values = Value::Object(coalesce(&defaults, user));
        let release = Release {
            name: of.release.to_owned(),
            namespace: of.intent.job.namespace.clone(),
            revision: of.revision,
            is_install: of.revision == 1,
            is_upgrade: of.revision != 1,
        };
        let rendered = program
            .render(&values, &release, &self.capabilities, &Limits::default())
            .map_err(|error| Refusal {
                reason: Reason::RenderFailed,
                message: error.to_string(),
            })?;
        self.guard(
            &rendered.documents,
            of.intent,
            of.release,
            of.address.is_some(),
        )?;
        Ok(rendered)
    }

    /// Asks the guard about rendered objects; `complete` when the address is known.
    ///
    /// # Errors
    /// What it refuses.
    pub fn guard(
        &self,
        documents: &[Document],
        intent: &Intent,
        release: &str,
        complete: bool,
    ) -> Result<(), Refusal> {
        let refused = |message: String| Refusal {
            reason: Reason::GuardRefused,
            message,
        };
        let hook = |object: &Value| {
            object["kind"] == "Pod" && object["metadata"]["annotations"].get(HOOK).is_some()
        };
        if let Some(pod) = documents.iter().find(|document| hook(&document.object)) {
            return Err(refused(format!(
                "{}: the Pod is a hook: helm would not keep it in the release",
                pod.source
            )));
        }
        let objects: Vec<guard::Subject<'_>> = documents.iter().map(Into::into).collect();
        let stage = if complete {
            Stage::Complete
        } else {
            Stage::BeforeAddress
        };
        guard::check(&objects, stage, &self.policy_of(intent, release))
            .map_err(|error| refused(error.to_string()))
    }

    /// Whether this chart, the current one or a recorded one, can be rendered in process.
    #[must_use]
    pub fn renders(&self, chart: &Chart) -> bool {
        if self.is_current(chart) {
            self.native()
        } else {
            Program::compile(chart).is_ok()
        }
    }

    fn is_current(&self, chart: &Chart) -> bool {
        chart.templates == self.chart.templates && chart.files == self.chart.files
    }

    /// What the guard lets through for one attempt.
    fn policy_of(&self, intent: &Intent, release: &str) -> Policy {
        Policy {
            namespace: intent.job.namespace.clone(),
            release: release.to_owned(),
            attempt: intent.attempt_id.clone(),
            endpoint: Some(intent.device.endpoint.clone()),
            labels: [
                (LABEL_JOB_UID.to_owned(), intent.job.uid.clone()),
                (LABEL_ROUND.to_owned(), intent.round.to_string()),
            ]
            .into(),
            owner: Some(guard::Owner {
                api_version: format!("{GROUP}/{VERSION}"),
                kind: "FlashJob".into(),
                name: intent.job.name.clone(),
                uid: intent.job.uid.clone(),
            }),
            finalizers: vec![TRACKING_FINALIZER.to_owned()],
            ..self.policy.clone()
        }
    }
}

/// Release name and intent of an attempt.
fn named(job: &Job, round: &Round, attempt: &AttemptOf<'_>) -> Result<(String, Intent), Refusal> {
    let release = release_name(attempt.uuid).map_err(|error| Refusal {
        reason: Reason::DeviceInvalid,
        message: format!("spec.uuid: {error}"),
    })?;
    Ok((release, intent(job, round, attempt)))
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

/// How the objects of an attempt are rendered.
struct Rendering<'a> {
    intent: &'a Intent,
    release: &'a str,
    revision: u32,
    overrides: &'a Value,
    /// The Service's address; none leaves the value as it is.
    address: Option<&'a str>,
}

/// The objects of a rendering, as they are applied: Helm's ownership metadata is on them, as Helm would put it there.
#[derive(Clone, Debug)]
pub struct Parts {
    /// The Pod, if it was rendered.
    pub pod: Option<Value>,
    /// Everything else, in install order.
    pub others: Vec<Value>,
    /// The manifest of everything else.
    pub manifest_without_pod: String,
}

impl Parts {
    /// Takes a rendering apart.
    #[must_use]
    pub fn of(rendered: &Rendered, release: &str, namespace: &str) -> Self {
        let is_pod = |object: &Value| object["kind"] == "Pod" && object["apiVersion"] == "v1";
        let mut parts = Self {
            pod: None,
            others: Vec::new(),
            manifest_without_pod: String::new(),
        };
        for document in &rendered.documents {
            let owned = owned_by_release(&document.object, release, namespace);
            if is_pod(&document.object) {
                parts.pod = Some(owned);
                continue;
            }
            parts.others.push(owned);
            let text = document.text.trim_end();
            parts.manifest_without_pod.extend([
                "---\n# Source: ",
                document.source.as_str(),
                "\n",
                text,
                "\n",
            ]);
        }
        parts
    }
}

/// An object with the metadata by which Helm knows its own.
fn owned_by_release(object: &Value, release: &str, namespace: &str) -> Value {
    let mut object = object.clone();
    let metadata = &mut object["metadata"];
    metadata["namespace"] = json!(namespace);
    metadata["labels"][LABEL_MANAGED_BY] = json!(MANAGED_BY_HELM);
    metadata["annotations"][ANNOTATION_RELEASE_NAME] = json!(release);
    metadata["annotations"][ANNOTATION_RELEASE_NAMESPACE] = json!(namespace);
    object
}

fn refused(error: &LayersError) -> Refusal {
    let reason = match error {
        LayersError::Refused(refusals) => refusals
            .first()
            .map_or("ValuesInvalid", crate::chart::layers::Refusal::reason),
        _ => "RenderFailed",
    };
    let reason = Reason::ALL
        .iter()
        .copied()
        .find(|known| known.as_str() == reason)
        .unwrap_or(Reason::ValuesInvalid);
    Refusal {
        reason,
        message: error.to_string(),
    }
}

fn intent(job: &Job, round: &Round, attempt: &AttemptOf<'_>) -> Intent {
    let number = u32::try_from(round.number).unwrap_or(u32::MAX);
    let device = attempt.device;
    Intent {
        job: JobRef {
            name: job.name.clone(),
            namespace: job.namespace.clone(),
            uid: job.uid.clone(),
        },
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
            instance: InstanceRef {
                name: device.name.clone(),
                namespace: device.namespace.clone(),
            },
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
        release: ReleaseFacts {
            name: release.to_owned(),
            attempt: intent.attempt_id.clone(),
        },
    }
}

/// What the operator itself sets, over everything else.
fn owned(job: &Job, round: &Round, intent: &Intent) -> Value {
    let effective = job.effective("");
    let endpoint = intent.device.endpoint.parse::<crate::device::Endpoint>();
    let endpoint = endpoint.map_or_else(
        |_| intent.device.endpoint.clone(),
        |endpoint| endpoint.to_string(),
    );
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
    let hash = hex::encode(Sha256::digest(name.as_bytes()));
    let head = name
        .get(..MAX_LABEL - 9)
        .unwrap_or(name)
        .trim_end_matches(['.', '-', '_']);
    format!("{head}-{}", &hash[..8])
}

#[cfg(test)]
#[path = "blueprint_tests.rs"]
mod tests;
