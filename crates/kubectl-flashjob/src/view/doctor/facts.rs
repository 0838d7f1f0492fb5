//! What `doctor` knows of a cluster: each thing as it was read, or why it was not. Pure; filled by `cluster`.

use std::collections::BTreeMap;

use flashjob_operator::{
    cluster::{ApiError, ClusterVersion},
    flashclass::Classes,
};
use helm_chart::yaml;
use jiff::Timestamp;
use k8s_openapi::{
    api::{
        apps::v1::Deployment,
        coordination::v1::Lease,
        core::v1::{Pod, Service},
    },
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use serde_json::Value;

/// What was read, or why it was not.
pub type Answer<T> = Result<T, ApiError>;

/// See the module's documentation.
pub struct Facts {
    /// Namespace of FlashJobs that is meant.
    pub namespace: String,
    /// Namespace of the operator.
    pub operator_namespace: String,
    /// Version of the API server, and the kinds that it serves.
    pub server: Answer<ClusterVersion>,
    /// The definitions of FlashJobs and of FlashClasses.
    pub definitions: [Answer<Option<CustomResourceDefinition>>; 2],
    /// Every class.
    pub classes: Answer<Classes>,
    /// Akri's devices in the namespace.
    pub devices: Answer<Devices>,
    /// Services of the cluster, else of the namespace.
    pub services: Answer<Vec<Service>>,
    /// Whether the API server would take another Service of type LoadBalancer from the person.
    pub balanced: Answer<()>,
    /// Pods of the namespace.
    pub pods: Answer<Vec<Pod>>,
    /// Labels of the namespace.
    pub labels: Answer<BTreeMap<String, String>>,
    /// The Service of that name that the flash image looks for.
    pub attestation: Answer<Option<Service>>,
    /// The operator's Deployment.
    pub deployment: Answer<Option<Deployment>>,
    /// Chart values for all devices; none where the operator is told of none, or is not known.
    pub values: Option<Answer<Option<Values>>>,
    /// The Secrets that those values name, and whether the namespace has each.
    pub secrets: Vec<(String, Answer<bool>)>,
    /// The Lease of the operators.
    pub lease: Answer<Option<Lease>>,
    /// What the person may do.
    pub rights: Vec<(Asked, Answer<bool>)>,
    /// The API server's time, and that of this computer when it was told.
    pub times: (Answer<Option<Timestamp>>, Timestamp),
}

/// Akri's devices in a namespace.
#[derive(Clone, Debug, Default)]
pub struct Devices {
    /// How many there are.
    pub count: usize,
    /// Those that cannot be flashed: the Instance, and why.
    pub unfit: Vec<(String, String)>,
}

/// Chart values that the administrator set for all devices.
#[derive(Clone, Debug)]
pub struct Values {
    /// Namespace and name of their ConfigMap.
    pub place: String,
    /// The values, or why they cannot be read.
    pub values: Result<Value, String>,
}

impl Values {
    /// Reads them as the operator does.
    pub fn of(place: String, text: &str) -> Self {
        let values = yaml::parse(text).map_err(|error| error.in_text(text));
        Self { place, values }
    }
}

/// A right that `doctor` asks the API server about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// What it is good for.
    pub purpose: Purpose,
    /// Its verb.
    pub verb: &'static str,
    /// Its API group.
    pub group: &'static str,
    /// Its resource.
    pub resource: &'static str,
    /// Its subresource; empty for none.
    pub subresource: &'static str,
}

/// What rights are good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// FlashJobs are seen.
    See,
    /// FlashJobs are created and steered.
    Steer,
    /// Steps of rollouts are approved.
    Approve,
    /// Devices are seen.
    Devices,
    /// Logs of flashes are read.
    Logs,
}

impl Purpose {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::See,
        Self::Steer,
        Self::Approve,
        Self::Devices,
        Self::Logs,
    ];

    /// In words.
    pub const fn words(self) -> &'static str {
        match self {
            Self::See => "see FlashJobs",
            Self::Steer => "create and steer FlashJobs",
            Self::Approve => "approve steps of FlashJobs",
            Self::Devices => "see devices",
            Self::Logs => "read the logs of flashes",
        }
    }

    /// The ClusterRole of the operator's chart that gives the rights.
    pub const fn role(self) -> &'static str {
        match self {
            Self::See => "flashjob-viewer",
            Self::Steer => "flashjob-editor",
            Self::Approve => "flashjob-approver",
            Self::Devices | Self::Logs => "flashjob-user",
        }
    }
}
