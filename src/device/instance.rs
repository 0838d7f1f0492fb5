//! A device as an Akri Instance describes it, parsed once at the border. Pure; called by the inventory.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use thiserror::Error;

use super::{
    bounds::{self, TooLarge},
    endpoint::{Endpoint, EndpointError},
    texts::{Properties, Texts},
};
use crate::identifiers::Uuid;
use crate::{api::Instance, display};

/// Property: where the device listens. The only stable name of a device.
const HOST_ENDPOINT: &str = "HOST_ENDPOINT";
/// Property: type of the device.
const DEVICE: &str = "DEVICE";
/// Property: what the device runs.
const APPLICATION_TYPE: &str = "APPLICATION_TYPE";
/// Property: version that the device runs.
const VERSION: &str = "VERSION";

/// One device that can be flashed.
#[derive(Clone, Debug, PartialEq)]
pub struct Device {
    /// uid of its Instance: the UUID that users name.
    pub uuid: Uuid,
    /// Name of its Instance.
    pub name: Arc<str>,
    /// Namespace of its Instance.
    pub namespace: Arc<str>,
    /// Akri Configuration that found it.
    pub configuration: Option<Arc<str>>,
    /// Where it listens.
    pub endpoint: Endpoint,
    /// Where it listens, as Akri wrote it.
    pub host_endpoint: Arc<str>,
    /// `DEVICE`.
    pub device_type: Arc<str>,
    /// `APPLICATION_TYPE`.
    pub application_type: Option<Arc<str>>,
    /// `VERSION`.
    pub version: Option<Arc<str>>,
    /// Nodes that see it.
    pub nodes: Arc<[Arc<str>]>,
    /// All of its broker properties.
    pub properties: Properties,
    /// When its Instance was created.
    pub created: Option<Timestamp>,
    /// Whether its Instance is being deleted.
    pub deleting: bool,
}

/// Why an Instance is not a device that can be flashed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DeviceError {
    /// The Instance was not read from an API server.
    #[error("Instance {instance} has no uid; read it from the API server")]
    NoUid {
        /// Namespace and name.
        instance: String,
    },
    /// It says more than a device may.
    #[error(
        "Instance {instance}: {source}; let Akri's discovery handler or spec.brokerProperties of its Configuration say less"
    )]
    TooLarge {
        /// Namespace and name.
        instance: String,
        /// What is too large, and how large it may be.
        source: TooLarge,
    },
    /// A property is absent or empty.
    #[error(
        "Instance {instance} has no property {property}; let Akri's discovery handler or spec.brokerProperties of its \
         Configuration set it"
    )]
    MissingProperty {
        /// Namespace and name.
        instance: String,
        /// The property.
        property: &'static str,
    },
    /// Something in it has another type than Akri gives it.
    #[error(
        "Instance {instance} cannot be read: {problem}; correct it, or let Akri discover the device again"
    )]
    Unreadable {
        /// Namespace and name.
        instance: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The endpoint cannot be used.
    #[error(
        "Instance {instance}: property HOST_ENDPOINT cannot be used: {source}; let the discovery handler report IPv4 or IPv4:port"
    )]
    UnusableEndpoint {
        /// Namespace and name.
        instance: String,
        /// What is wrong with it.
        source: EndpointError,
    },
}

impl DeviceError {
    pub(super) fn unreadable(metadata: &ObjectMeta, problem: &str) -> Self {
        Self::Unreadable {
            instance: shown(metadata),
            problem: display::prose(problem, display::PHRASE).into_owned(),
        }
    }

    pub(super) fn of_the_cluster(device: &Device) -> Self {
        Self::UnusableEndpoint {
            instance: format!("{}/{}", device.namespace, device.name),
            source: EndpointError::NotADevice {
                address: device.endpoint.address(),
                kind: "an address of the cluster itself",
            },
        }
    }
}

/// Namespace and name.
fn shown(metadata: &ObjectMeta) -> String {
    let part = |text: &Option<String>| text.clone().unwrap_or_default();
    format!("{}/{}", part(&metadata.namespace), part(&metadata.name))
}

impl Device {
    /// Parses an Instance. Empty properties count as absent.
    ///
    /// # Errors
    /// Where it says more than a device may, or a property that every flash needs is absent or cannot be used.
    pub fn parse(instance: &Instance) -> Result<Self, DeviceError> {
        let meta = &instance.metadata;
        let name = meta.name.clone().unwrap_or_default();
        let namespace = meta.namespace.clone().unwrap_or_default();
        let shown = shown(meta);
        bounds::check(instance).map_err(|source| DeviceError::TooLarge {
            instance: shown.clone(),
            source,
        })?;
        let properties = Properties::from(&instance.spec.broker_properties);
        let required = |property| {
            known(&properties, property).ok_or_else(|| DeviceError::MissingProperty {
                instance: shown.clone(),
                property,
            })
        };
        let host_endpoint = required(HOST_ENDPOINT)?;
        let endpoint = host_endpoint
            .parse()
            .map_err(|source| DeviceError::UnusableEndpoint {
                instance: shown.clone(),
                source,
            })?;
        let uuid = meta.uid.clone().filter(|uid| !uid.is_empty());
        Ok(Self {
            uuid: uuid
                .ok_or_else(|| DeviceError::NoUid {
                    instance: shown.clone(),
                })?
                .into(),
            configuration: instance
                .spec
                .configuration_name
                .as_deref()
                .filter(|name| !name.is_empty())
                .map(Arc::from),
            endpoint,
            host_endpoint,
            device_type: required(DEVICE)?,
            application_type: known(&properties, APPLICATION_TYPE),
            version: known(&properties, VERSION),
            nodes: instance
                .spec
                .nodes
                .iter()
                .map(|node| node.as_str().into())
                .collect(),
            properties,
            created: meta.creation_timestamp.as_ref().map(|time| time.0),
            deleting: meta.deletion_timestamp.is_some(),
            name: name.into(),
            namespace: namespace.into(),
        })
    }

    /// The value of one of its broker properties, if it has it.
    #[must_use]
    pub fn property(&self, property: &str) -> Option<&str> {
        self.properties.get(property).map(AsRef::as_ref)
    }

    /// The same device, its texts shared with those of others.
    pub(super) fn shared(self, texts: &mut Texts) -> Self {
        let share = |text: &Option<Arc<str>>, texts: &mut Texts| {
            text.as_ref().map(|text| texts.share(text))
        };
        Self {
            namespace: texts.share(&self.namespace),
            configuration: share(&self.configuration, texts),
            device_type: texts.share(&self.device_type),
            application_type: share(&self.application_type, texts),
            version: share(&self.version, texts),
            nodes: self.nodes.iter().map(|node| texts.share(node)).collect(),
            properties: self.properties.shared(HOST_ENDPOINT, texts),
            ..self
        }
    }
}

fn known(properties: &Properties, property: &str) -> Option<Arc<str>> {
    properties
        .get(property)
        .filter(|value| !value.trim().is_empty())
        .cloned()
}
