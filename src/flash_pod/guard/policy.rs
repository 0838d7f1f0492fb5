//! What one attempt's objects must and may hold: the attempt's own names, and what the administrator allows.

use std::collections::{BTreeMap, BTreeSet};

use super::image::ImagePattern;

/// What the objects of one attempt must and may hold. Whatever is not said here or listed in this room is refused.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// Namespace of the job.
    pub namespace: String,
    /// Name of the release, in which the name of each object begins.
    pub release: String,
    /// Id of the attempt, in which the name of each object ends.
    pub attempt: String,
    /// Where the device listens: the one variable that contains `HOST_ENDPOINT` must say this. None leaves its value open.
    pub endpoint: Option<String>,
    /// Labels that each object must bear beside the attempt's, with these values.
    pub labels: BTreeMap<String, String>,
    /// The owner of each object. None: an object may have none.
    pub owner: Option<Owner>,
    /// Finalizers that a Pod must bear; no others, and none on other objects.
    pub finalizers: Vec<String>,
    /// Kinds that the administrator adds to Pod and Service. What they hold is not read, only their metadata.
    pub extra_kinds: Vec<Kind>,
    /// Service accounts that a Pod may use, `default` included.
    pub service_accounts: Vec<String>,
    /// Secrets that a Pod may mount, pull images with or read variables from.
    pub secrets: Vec<String>,
    /// Config maps that a Pod may mount or read variables from.
    pub config_maps: Vec<String>,
    /// Variables that steer loader, shell, proxies or trust and that containers may have all the same.
    pub variables: Vec<String>,
    /// Further kinds of volumes, such as `persistentVolumeClaim`. Not `hostPath`: that is [`HostAccess::Paths`].
    pub volume_kinds: Vec<String>,
    /// Images that containers may run.
    pub images: Vec<ImagePattern>,
    /// Further lists of patterns: of each, one has to match.
    pub further_images: Vec<Vec<ImagePattern>>,
    /// Whether the flash's own port may be one of the node, too.
    pub flash_port_on_node: bool,
    /// What of the node a Pod may reach, beyond Pod Security *baseline*.
    pub host: BTreeSet<HostAccess>,
}

/// A kind of object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kind {
    /// Such as `networking.k8s.io/v1`.
    pub api_version: String,
    /// Such as `NetworkPolicy`.
    pub kind: String,
}

/// The owner that each object names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Its API version.
    pub api_version: String,
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
}

/// A part of the node that Pod Security *baseline* keeps from Pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HostAccess {
    /// `hostNetwork` and host ports.
    Network,
    /// `hostPID` and `hostIPC`.
    Processes,
    /// `hostPath` volumes.
    Paths,
    /// Privileged containers, any capability, profile, sysctl and `SELinux` option.
    Kernel,
}

impl Policy {
    pub(super) fn has_kind(&self, api_version: &str, kind: &str) -> bool {
        self.extra_kinds
            .iter()
            .any(|extra| extra.api_version == api_version && extra.kind == kind)
    }

    pub(super) fn allows(&self, access: HostAccess) -> bool {
        self.host.contains(&access)
    }
}
