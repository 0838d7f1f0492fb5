//! What is left at the end.

use serde_json::Value;

use super::{
    super::ControlPlane,
    history::{LABEL_POOL, label},
};

/// The objects that are left, as the API server has them.
#[derive(Debug, Clone, Default)]
pub struct Leftovers {
    /// FlashJobs.
    pub jobs: Vec<Value>,
    /// Pods, Services and ControllerRevisions.
    pub objects: Vec<Value>,
    /// Secrets of type `helm.sh/release.v1`.
    pub records: Vec<Value>,
}

impl Leftovers {
    /// What is left in these namespaces.
    pub fn read(control_plane: &ControlPlane, namespaces: &[&str]) -> Self {
        let mut left = Self::default();
        let get = |namespace: &str, what: &[&str]| {
            let base = ["-n", namespace, "get", "-o", "json"];
            let text = control_plane.kubectl(&[&base, what].concat());
            let list: Value = serde_json::from_str(&text).unwrap();
            list["items"].as_array().cloned().unwrap_or_default()
        };
        for namespace in namespaces {
            let records = ["secrets", "--field-selector=type=helm.sh/release.v1"];
            left.jobs.extend(get(namespace, &["flashjobs"]));
            let objects = get(namespace, &["pods,services,controllerrevisions"]);
            left.objects
                .extend(objects.into_iter().filter(|object| !stays(object)));
            left.records.extend(get(namespace, &records));
        }
        left
    }
}

/// Whether an object is the Service of a pool that nobody leases.
pub(crate) fn stays(object: &Value) -> bool {
    let meta = &object["metadata"];
    let held = meta["finalizers"].as_array().into_iter().flatten();
    let mut held = held.filter(|finalizer| *finalizer == "flashjob.nbfc.io/tracking");
    label(object, LABEL_POOL).is_some() && held.next().is_none()
}
