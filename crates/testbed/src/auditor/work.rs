//! What the operator made: the program itself, or helm with its rights.

use serde_json::Value;

use super::{
    history::{LABEL_JOB_UID, Moment, label},
    write::Write,
};

/// An object that the operator brought into the world, or asked for with an unclear outcome.
#[derive(Debug, Clone)]
pub struct Work {
    /// Plural of the kind.
    pub resource: String,
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// The object; nothing where the log holds no bodies, as of Secrets.
    pub object: Value,
    /// When.
    pub moment: Moment,
}

impl Work {
    /// The object of a write.
    pub fn of(write: &Write) -> Self {
        Self {
            resource: write.resource.clone(),
            namespace: write.namespace.clone(),
            name: write.name.clone(),
            object: write.object.clone(),
            moment: write.moment.clone(),
        }
    }

    /// Resource, namespace and name.
    pub fn shown(&self) -> String {
        format!("{} {}/{}", self.resource, self.namespace, self.name)
    }

    /// Uid of the FlashJob that its label names.
    pub fn job(&self) -> Option<String> {
        label(&self.object, LABEL_JOB_UID)
    }

    /// Uid of the device whose release it records: the name of a record is `sh.helm.release.v1.flash-UUID.vREVISION`.
    pub fn device_of_record(&self) -> Option<&str> {
        let release = self.name.strip_prefix("sh.helm.release.v1.flash-")?;
        release.rsplit_once(".v").map(|(uuid, _)| uuid)
    }
}
