//! Akri's part: the kind `Instance`, and the Instances of simulated devices.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api, Client, CustomResource,
    api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions},
    runtime::{conditions, wait::await_condition},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::{collections::BTreeMap, time::Duration};

use super::{Error, device::Device, params::Params, patience::answered};

/// A discovered device.
#[derive(CustomResource, Serialize, Deserialize, Clone, Debug)]
#[kube(
    group = "akri.sh",
    version = "v0",
    kind = "Instance",
    namespaced,
    schema = "disabled"
)]
#[serde(rename_all = "camelCase")]
pub struct InstanceSpec {
    /// Configuration that discovered it.
    pub configuration_name: String,
    /// Name towards container runtimes.
    pub cdi_name: String,
    /// Number of pods that may use it at once.
    pub capacity: i32,
    /// Whether several nodes see it.
    pub shared: bool,
    /// Nodes that see it.
    pub nodes: Vec<String>,
    /// Who uses it.
    pub device_usage: BTreeMap<String, String>,
    /// What the discovery read from the device.
    pub broker_properties: BTreeMap<String, String>,
}

/// Installs Akri's CRD where it is absent, and waits until it is served.
pub async fn install(client: &Client) -> Result<(), Error> {
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    let name = "instances.akri.sh";
    let crd = serde_json::from_value(json!({
        "metadata": {"name": name},
        "spec": {
            "group": "akri.sh",
            "scope": "Namespaced",
            "names": {
                "kind": "Instance", "listKind": "InstanceList", "plural": "instances", "singular": "instance",
                "shortNames": ["akrii"],
            },
            "versions": [{
                "name": "v0",
                "served": true,
                "storage": true,
                "schema": {"openAPIV3Schema": {
                    "type": "object",
                    "properties": {"spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}},
                }},
                "additionalPrinterColumns": [
                    {"name": "Config", "type": "string", "jsonPath": ".spec.configurationName"},
                    {"name": "Endpoint", "type": "string", "jsonPath": ".spec.brokerProperties.HOST_ENDPOINT"},
                    {"name": "Version", "type": "string", "jsonPath": ".spec.brokerProperties.VERSION"},
                ],
            }],
        },
    }))
    .expect("the literal above is a CRD");
    match api.create(&PostParams::default(), &crd).await {
        Err(kube::Error::Api(status)) if status.is_already_exists() => {}
        other => drop(other.map_err(Error::api("create CRD", name))?),
    }
    let served = await_condition(api, name, conditions::is_crd_established());
    tokio::time::timeout(Duration::from_secs(30), served)
        .await
        .map_err(|_| Error::Timeout("CRD instances.akri.sh to be served"))?
        .map_err(|source| Error::Wait {
            what: "CRD instances.akri.sh",
            source: Box::new(source),
        })?;
    Ok(())
}

/// What discovery reads from a device.
#[derive(Debug, Clone, Copy)]
pub struct Reading<'a> {
    /// `DEVICE`.
    pub device_type: &'a str,
    /// `VERSION`.
    pub version: &'a str,
}

/// Says in the Instance of that name that the device reports this version.
pub async fn update_version(
    client: &Client,
    namespace: &str,
    name: &str,
    version: &str,
) -> Result<(), Error> {
    let api: Api<Instance> = Api::namespaced(client.clone(), namespace);
    let patch = json!({"spec": {"brokerProperties": {"VERSION": version}}});
    match api
        .patch(name, &PatchParams::default(), &Patch::Merge(&patch))
        .await
    {
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        other => other.map(drop).map_err(Error::api("update Instance", name)),
    }
}

/// Writes the Instance of a device and returns it as stored, with its uid. One of that name is taken as it is.
pub async fn create(
    client: &Client,
    params: &Params,
    device: &Device,
    times: u32,
    Reading {
        device_type,
        version,
    }: Reading<'_>,
) -> Result<Instance, Error> {
    let api: Api<Instance> = Api::namespaced(client.clone(), &params.namespace);
    let name = device.instance_name(&params.configuration, times);
    let instance = Instance::new(
        &name,
        InstanceSpec {
            configuration_name: params.configuration.clone(),
            cdi_name: format!("akri.sh/{name}"),
            capacity: 2,
            shared: true,
            nodes: vec!["flash-node".into()],
            device_usage: BTreeMap::new(),
            broker_properties: [
                ("AKRI_HTTP", "http"),
                ("HOST_ENDPOINT", &device.endpoint),
                ("DEVICE", device_type),
                ("APPLICATION_TYPE", &params.application_type),
                ("VERSION", version),
            ]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into(),
        },
    );
    let parameters = PostParams::default();
    match answered(|| api.create(&parameters, &instance)).await {
        Err(kube::Error::Api(status)) if status.is_already_exists() => api.get(&name).await,
        other => other,
    }
    .map_err(Error::api("create Instance", &name))
}

/// Deletes the Instance of that uid; one that is gone already is fine.
pub async fn delete(client: &Client, namespace: &str, name: &str, uid: &str) -> Result<(), Error> {
    let api: Api<Instance> = Api::namespaced(client.clone(), namespace);
    let params = DeleteParams::default().preconditions(Preconditions {
        uid: Some(uid.into()),
        resource_version: None,
    });
    match answered(|| api.delete(name, &params)).await {
        Err(kube::Error::Api(status)) if status.is_not_found() || status.is_conflict() => Ok(()),
        other => other.map(drop).map_err(Error::api("delete Instance", name)),
    }
}
