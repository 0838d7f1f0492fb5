//! What would be applied for one device of a FlashJob: the same steps as the operator's, without a cluster.

use std::path::{Path, PathBuf};

use flashjob_operator::{
    api::{FlashJob, Guarded, Instance, Refusal, crd::Kind},
    cli::{
        input,
        object::{self, PARTS, Unusable, complete, is_kind, unknown_keys},
        plan::{Values, flash_pod},
        terminal::{Failure, complain},
    },
    device::Device,
    flash_pod::service_mode::trial_address,
    flashjob::{
        blueprint::{AttemptOf, FlashPod},
        spec::job::Job,
    },
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Render, class, values};

impl Render {
    /// The objects of the device's first attempt, or its values explained.
    pub(super) fn render_device(
        &self,
        namespace: &str,
        job: &Path,
        instance: &Path,
    ) -> Result<String, Failure> {
        let job: Guarded<FlashJob> = checked(Kind::FlashJob, namespace, job)?;
        let job = Job::parse(&job).ok_or("the FlashJob lacks metadata.name")?;
        if let Err(error) = &job.spec {
            return Err(format!("the FlashJob cannot be used: {error}").into());
        }
        if let Some(invalid) = &job.invalid {
            return Err(format!("the FlashJob cannot be used: {invalid}").into());
        }
        let file = input::name(instance);
        let document = input::document(instance)?;
        is_kind("Instance", INSTANCE_VERSION, &document)
            .map_err(|error| format!("{file}: {error}"))?;
        for field in unknown_to_akri(&document) {
            complain(&format!(
                "warning: {file}: {field}: unknown field, which is ignored"
            ));
        }
        let instance: Instance = read(namespace, instance)?;
        let device = Device::parse(&instance)
            .map_err(|error| format!("the Instance cannot be used: {error}"))?;
        let flash_pod = match &self.flash_class {
            Some(class) => {
                let flash_pod = self.flash_pod()?;
                let terms = class::terms(class, &job, &device, &flash_pod)?;
                flash_pod.under(&terms)
            }
            None => self.flash_pod()?,
        };
        let round = job
            .wanted_round(1)
            .ok_or("the FlashJob names no firmware and version")?;
        let uuid = device.uuid.clone();
        let attempt = AttemptOf {
            index: 0,
            uuid: &uuid,
            device: &device,
            shared: None,
            number: 1,
            nonce: "render",
        };
        if self.explain_values {
            return Ok(flash_pod
                .explain(&job, &round, &attempt)
                .map_err(|refusal| refused(&refusal))?
                .to_string());
        }
        let blueprint = flash_pod
            .blueprint(&job, &round, &attempt)
            .map_err(|refusal| refused(&refusal))?;
        let overrides = &blueprint.merged.overrides;
        let trial = || trial_address(overrides, &flash_pod.chart.values).to_owned();
        let given = self.address.map(|address| address.to_string());
        let address = given.unwrap_or_else(trial);
        let rendered = flash_pod
            .objects(
                &blueprint.intent,
                &blueprint.release,
                1,
                overrides,
                Some(&address),
            )
            .map_err(|refusal| refused(&refusal))?;
        Ok(format!("{}\n", rendered.manifest.trim()))
    }

    fn flash_pod(&self) -> Result<FlashPod, Failure> {
        flash_pod(
            &self.settings,
            values_of(&self.values)?,
            self.capabilities()?,
        )
    }
}

/// Values files as one; none where there is no file.
///
/// # Errors
/// When one cannot be used.
pub fn values_of(files: &[PathBuf]) -> Result<Values, Failure> {
    let source: Vec<_> = files.iter().map(|path| input::name(path)).collect();
    // Of one file the text, with the places in it.
    let merged = values::merged(files)?;
    let text = match files {
        [] => return Ok(None),
        [one] => input::text(one)?,
        _ => serde_json::to_string(&merged)?,
    };
    Ok(Some((text, source.join(", "))))
}

pub(super) fn refused(refusal: &Refusal) -> String {
    format!("{}: {}", refusal.reason, refusal.message)
}

/// An object of a file, with what only the API server sets filled in; in that namespace where the file names none.
///
/// # Errors
/// When the file cannot be read or holds no such object.
fn read<K: DeserializeOwned>(namespace: &str, path: &Path) -> Result<K, Failure> {
    let mut value = input::document(path)?;
    complete(namespace, &mut value)
        .map_err(|error| error.to_string())
        .and_then(|()| serde_json::from_value(value).map_err(|error| error.to_string()))
        .map_err(|error| format!("{}: {error}", input::name(path)).into())
}

/// Group and version of Akri's Instances.
const INSTANCE_VERSION: &str = "akri.sh/v0";
/// What the spec of an Instance consists of, as Akri 0.13 has it.
const INSTANCE_SPEC: [&str; 7] = [
    "brokerProperties",
    "capacity",
    "cdiName",
    "configurationName",
    "deviceUsage",
    "nodes",
    "shared",
];

/// Fields of an Instance that Akri's definition does not have: misspelt, or of another release of Akri.
fn unknown_to_akri(instance: &Value) -> Vec<String> {
    let whole = unknown_keys(instance, &PARTS).cloned();
    let spec = unknown_keys(&instance["spec"], &INSTANCE_SPEC);
    whole.chain(spec.map(|key| format!("spec.{key}"))).collect()
}

/// A spec that the API server would refuse.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct InvalidSpec(String);

/// A FlashJob or FlashClass of a file, checked as the API server would check it.
///
/// # Errors
/// When the file cannot be read or holds no such object, or everything that is wrong with its spec.
pub fn checked<K: DeserializeOwned>(
    kind: Kind,
    namespace: &str,
    path: &Path,
) -> Result<K, Failure> {
    let file = input::name(path);
    let checked = object::checked(kind, namespace, input::document(path)?);
    checked.map_err(|unusable| {
        let words = format!("{file}: {unusable}");
        match unusable {
            Unusable::Invalid { .. } => InvalidSpec(words).into(),
            Unusable::NotIt(_) => words.into(),
        }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::unknown_to_akri;

    #[test]
    fn a_misspelt_field_of_an_instance_is_named_with_its_place() {
        let instance = json!({
            "apiVersion": "akri.sh/v0", "kind": "Instance", "metadata": {"name": "lamp", "labels": {"anything": "goes"}},
            "spec": {"configurationName": "lamps", "brokerPropertys": {}, "nodes": [], "cdiName": "akri.sh/lamps=1", "capacity": 1,
                     "shared": true, "deviceUsage": {}, "brokerProperties": {"ANYTHING": "goes"}},
            "specs": {},
        });
        assert_eq!(
            unknown_to_akri(&instance),
            ["specs", "spec.brokerPropertys"]
        );
        assert!(unknown_to_akri(&json!({"spec": {"nodes": ["a"]}})).is_empty());
    }
}
