//! Services that stay, of which a device leases one for its flash: `service.mode: Pool` of the chart's values. Pure.
//!
//! To give and to take an address is most of what a Service costs a cluster. The Services of a pool keep theirs: for each flash the operator
//! writes what a Service selects and whom it admits, before the Pod exists. Only as long as it is leased is a Service held by a finalizer:
//! nothing keeps a namespace that is deleted, or one whose operator is gone. They are the operator's own, not of a release, for a release
//! that is uninstalled takes its objects with it; so the chart renders none. Which one an attempt has is in its intent, sealed and recorded
//! before the Service is touched.

use std::net::Ipv4Addr;

use serde_json::{Map, Value, json};

use super::{intent::Intent, service_mode::FLASH_PORT};
use crate::names::{
    ANNOTATION_ENDPOINT, ANNOTATION_JOB, LABEL_APP, LABEL_ATTEMPT, LABEL_JOB_UID, LABEL_POOL,
    LABEL_ROUND, LABEL_UUID, RELEASE_PREFIX, TRACKING_FINALIZER,
};

/// Most Services of a pool.
const MAX_SIZE: u64 = 1_000;

/// A pool of one namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    /// Its name, of which those of its Services are made.
    name: String,
    /// How many Services it may have.
    size: usize,
}

impl Pool {
    /// The pool that all values of a device name; none where its mode is another.
    ///
    /// # Errors
    /// What of the values does not go with a pool, with its path.
    pub fn of(values: &Value) -> Result<Option<Self>, String> {
        let at = |path: &str| values.pointer(path).unwrap_or(&Value::Null);
        if at("/service/mode") != "Pool" {
            return Ok(None);
        }
        if at("/service/restrictToDevice") != true {
            return Err(
                "service.restrictToDevice has to be true with service.mode Pool: the next device has the same address"
                    .to_owned(),
            );
        }
        if at("/service/type") != "LoadBalancer" {
            return Err("service.type has to be LoadBalancer with service.mode Pool".to_owned());
        }
        for path in ["externalIP", "service.loadBalancerIP"] {
            let value = at(&format!("/{}", path.replace('.', "/")));
            if value.as_str().is_some_and(|text| !text.is_empty()) {
                return Err(format!(
                    "{path} has to be empty with service.mode Pool: each Service of the pool has an address of its own"
                ));
            }
        }
        let size = at("/service/pool/size").as_u64();
        let size = size.filter(|size| (1..=MAX_SIZE).contains(size));
        let size = size.and_then(|size| usize::try_from(size).ok());
        let name = at("/service/pool/name")
            .as_str()
            .filter(|name| is_name(name));
        match (name, size) {
            (Some(name), Some(size)) => Ok(Some(Self {
                name: name.to_owned(),
                size,
            })),
            (None, _) => Err(
                "service.pool.name has to be a name of at most 40 characters of [a-z0-9-]"
                    .to_owned(),
            ),
            (_, None) => Err(format!(
                "service.pool.size has to be a whole number from 1 to {MAX_SIZE}"
            )),
        }
    }

    /// Names of its Services.
    pub fn services(&self) -> impl Iterator<Item = String> + '_ {
        (0..self.size).map(|number| format!("{RELEASE_PREFIX}{}-{number}", self.name))
    }

    /// How many Services it may have.
    #[must_use]
    pub const fn size(&self) -> usize {
        self.size
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

fn is_name(name: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=40).contains(&name.len())
        && name.bytes().all(is_inner)
        && !name.starts_with('-')
        && !name.ends_with('-')
}

/// The Service of a pool as the attempt of this intent leases it: it leads to the attempt's Pod and admits its device alone. `values` are
/// all values of the attempt.
///
/// # Errors
/// Where the device dials in from cannot be told.
pub fn leased(values: &Value, intent: &Intent, service: &str) -> Result<Value, String> {
    let pool = Pool::of(values)?;
    let pool = pool.ok_or("service.mode is not Pool, and the attempt has a Service of a pool")?;
    let text = |path: &str| {
        let text = values.pointer(path).and_then(Value::as_str);
        text.filter(|text| !text.is_empty())
    };
    let address = text("/device/address").unwrap_or(&intent.device.address);
    let address: Ipv4Addr = address.parse().map_err(|_| {
        format!(
            "device.address: {address:?} is not an IPv4 address: the Service admits only the device"
        )
    })?;
    let mut labels = texts(values, "/service/labels");
    let app = text("/operator/app").unwrap_or(&intent.job.name);
    labels.extend(own([
        (LABEL_APP, app),
        (LABEL_UUID, intent.device.uuid.as_str()),
        (LABEL_JOB_UID, intent.job.uid.as_str()),
        (LABEL_ATTEMPT, intent.attempt_id.as_str()),
        (LABEL_ROUND, &intent.round.to_string()),
        (LABEL_POOL, pool.name()),
        ("app.kubernetes.io/component", "flash"),
        ("app.kubernetes.io/part-of", "flashjob"),
        ("app.kubernetes.io/managed-by", "flashjob-operator"),
    ]));
    let mut annotations = texts(values, "/service/annotations");
    let endpoint = values
        .pointer("/operator/annotations")
        .and_then(|own| own.get(ANNOTATION_ENDPOINT)?.as_str());
    annotations.extend(own([
        (
            ANNOTATION_ENDPOINT,
            endpoint.unwrap_or(&intent.device.endpoint),
        ),
        (ANNOTATION_JOB, &intent.job.name),
    ]));
    let mut spec = json!({
        "type": "LoadBalancer",
        "allocateLoadBalancerNodePorts": values.pointer("/service/allocateLoadBalancerNodePorts").is_some_and(|yes| yes == true),
        "externalTrafficPolicy": text("/service/externalTrafficPolicy").unwrap_or("Cluster"),
        "ipFamilyPolicy": "SingleStack",
        "ipFamilies": ["IPv4"],
        "loadBalancerSourceRanges": [format!("{address}/32")],
        "selector": { LABEL_JOB_UID: intent.job.uid, LABEL_ATTEMPT: intent.attempt_id },
        "ports": [{"name": "flash", "port": FLASH_PORT, "targetPort": FLASH_PORT, "protocol": "TCP"}],
    });
    if let Some(class) = text("/service/loadBalancerClass") {
        spec["loadBalancerClass"] = json!(class);
    }
    Ok(json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {
            "name": service, "namespace": intent.job.namespace, "labels": labels, "annotations": annotations,
            "finalizers": [TRACKING_FINALIZER],
        },
        "spec": spec,
    }))
}

fn own<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Map<String, Value> {
    let pairs = pairs.into_iter();
    pairs
        .map(|(key, text)| (key.to_owned(), json!(text)))
        .collect()
}

fn texts(values: &Value, path: &str) -> Map<String, Value> {
    let map = values.pointer(path).and_then(Value::as_object);
    let texts = map
        .into_iter()
        .flatten()
        .filter(|(_, value)| value.is_string());
    texts
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

#[cfg(test)]
#[path = "pool_tests.rs"]
mod tests;
