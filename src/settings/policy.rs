//! What the guard lets through, from the settings and from what the administrator's values name. Pure.
//!
//! The administrator may use any Secret, service account or kind of volume by writing it into the chart's values or those
//! for all devices; a job may then use the same ones and no others. Called by the operator and by `kubectl flashjob render`.

use serde_json::Value;

use super::FlashPodSettings;
use crate::flash_pod::{
    guard::{ImagePattern, ImagePatternError, Kind, Policy},
    service_mode::dials_node,
};

/// A setting of the guard cannot be used.
#[derive(thiserror::Error, Debug, PartialEq, Eq)]
pub enum PolicyError {
    /// A pattern of images is none.
    #[error("--allowed-flash-images")]
    Image(#[source] ImagePatternError),
    /// A kind is not written with its version.
    #[error("--extra-kinds: {0:?} is not a kind: write group/version/Kind or v1/Kind")]
    Kind(String),
}

/// The policy that holds for every attempt, without what is an attempt's own. `administrators` are the values that only
/// administrators write: the chart's, and those for all devices.
///
/// # Errors
/// When a setting cannot be used.
pub fn policy<'a>(
    settings: &FlashPodSettings,
    administrators: impl IntoIterator<Item = &'a Value>,
) -> Result<Policy, PolicyError> {
    let images = settings
        .allowed_flash_images
        .iter()
        .map(|text| text.parse::<ImagePattern>());
    let kinds = settings.allowed_extra_kinds.iter().map(|name| kind(name));
    let accounts = settings.allowed_service_accounts.iter().cloned();
    let mut policy = Policy {
        extra_kinds: kinds.collect::<Result<_, _>>()?,
        service_accounts: ["default".to_owned()].into_iter().chain(accounts).collect(),
        secrets: settings.allowed_secret_names.clone(),
        images: images
            .collect::<Result<_, _>>()
            .map_err(PolicyError::Image)?,
        ..Policy::default()
    };
    for values in administrators {
        open_named(values, &mut policy);
    }
    Ok(policy)
}

fn kind(name: &str) -> Result<Kind, PolicyError> {
    let (api_version, kind) = name
        .rsplit_once('/')
        .ok_or_else(|| PolicyError::Kind(name.to_owned()))?;
    Ok(Kind {
        api_version: api_version.to_owned(),
        kind: kind.to_owned(),
    })
}

/// Opens what values that only administrators write name.
pub fn open_named(values: &Value, policy: &mut Policy) {
    policy.flash_port_on_node |= dials_node(values) == Some(true);
    named(values, "", policy);
}

/// Collects what values name. `key` is the key that holds `value`.
fn named(value: &Value, key: &str, policy: &mut Policy) {
    match value {
        Value::String(text) if !text.is_empty() && !text.contains("{{") => match key {
            "secretName" => policy.secrets.push(text.clone()),
            "serviceAccountName" => policy.service_accounts.push(text.clone()),
            _ => {}
        },
        Value::Array(items) => {
            for item in items {
                match key {
                    "imagePullSecrets" => policy.secrets.extend(name(item)),
                    "extraVolumes" | "volumes" => volume(item, policy),
                    "extraEnv" | "env" => policy.variables.extend(name(item)),
                    _ => {}
                }
                named(item, key, policy);
            }
        }
        Value::Object(map) => {
            for (key, value) in map {
                match key.as_str() {
                    "secretKeyRef" | "secretRef" | "secret" => policy.secrets.extend(name(value)),
                    "configMapKeyRef" | "configMapRef" | "configMap" => {
                        policy.config_maps.extend(name(value));
                    }
                    _ => {}
                }
                named(value, key, policy);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The name that a reference holds, or is.
fn name(reference: &Value) -> Option<String> {
    reference
        .as_str()
        .or_else(|| reference.get("name")?.as_str())
        .filter(|name| !name.contains("{{"))
        .map(str::to_owned)
}

/// The kind of a volume is its one key beside the name. Paths of the node are never opened this way.
fn volume(item: &Value, policy: &mut Policy) {
    let keys = item.as_object().into_iter().flat_map(|map| map.keys());
    let kinds = keys
        .filter(|key| !matches!(key.as_str(), "name" | "hostPath"))
        .cloned();
    policy.volume_kinds.extend(kinds);
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::json;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        settings: FlashPodSettings,
    }

    fn settings(arguments: &[&str]) -> FlashPodSettings {
        Line::parse_from([&["test"], arguments].concat()).settings
    }

    #[test]
    fn without_settings_only_the_default_account_and_no_secret_is_open() {
        let policy = policy(&settings(&[]), []).expect("a policy");
        assert_eq!(policy.service_accounts, ["default"]);
        assert!(
            policy.secrets.is_empty() && policy.volume_kinds.is_empty() && policy.host.is_empty()
        );
        assert!(policy.images[0].matches("registry.example/any:1"));
    }

    #[test]
    fn what_the_administrators_values_name_is_open() {
        let values = json!({
            "serviceAccountName": "flasher",
            "tls": {"secretName": "ota-tls"},
            "imagePullSecrets": [{"name": "pull"}],
            "extraVolumes": [
                {"name": "a", "persistentVolumeClaim": {"claimName": "c"}},
                {"name": "b", "hostPath": {"path": "/"}},
                {"name": "c", "projected": {"sources": [{"secret": {"name": "inner"}}, {"configMap": {"name": "map"}}]}},
            ],
            "env": [{"name": "NO_PROXY", "value": "192.0.2.0/24"}],
            "extraEnv": [{"name": "X", "valueFrom": {"secretKeyRef": {"name": "env", "key": "k"}}}],
            "registryCredentials": {"secretName": "{{ device.type }}"},
        });
        let mut policy = policy(&settings(&[]), [&values]).expect("a policy");
        policy.secrets.sort();
        assert_eq!(policy.secrets, ["env", "inner", "ota-tls", "pull"]);
        assert_eq!(policy.config_maps, ["map"]);
        assert_eq!(policy.variables, ["NO_PROXY", "X"]);
        assert_eq!(policy.service_accounts, ["default", "flasher"]);
        assert_eq!(policy.volume_kinds, ["persistentVolumeClaim", "projected"]);
    }

    #[test]
    fn devices_may_dial_the_node_where_an_administrators_values_say_so() {
        let mode = |mode: &str| json!({"service": {"mode": mode}});
        let opened = |values: &[&Value]| {
            let policy = policy(&settings(&[]), values.iter().copied()).expect("a policy");
            policy.flash_port_on_node
        };
        let (per_device, host_port) = (mode("PerDevice"), mode("HostPort"));
        assert!(!opened(&[&per_device]));
        assert!(opened(&[&per_device, &host_port]));
    }

    #[test]
    fn extra_kinds_are_named_with_their_version() {
        let settings = settings(&[
            "--extra-kinds",
            "networking.k8s.io/v1/NetworkPolicy,v1/ConfigMap",
        ]);
        let kinds = policy(&settings, []).expect("a policy").extra_kinds;
        assert_eq!(
            kinds[0],
            Kind {
                api_version: "networking.k8s.io/v1".into(),
                kind: "NetworkPolicy".into()
            }
        );
        assert_eq!(
            kinds[1],
            Kind {
                api_version: "v1".into(),
                kind: "ConfigMap".into()
            }
        );
    }
}
