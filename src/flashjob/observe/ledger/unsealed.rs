//! Objects of the operator's form that bear no valid seal: somebody else wrote them, or the key was lost. Pure.
//!
//! They are nobody's attempt: they give no verdict and no address, hold no slot, and are never deleted. In the namespace of a job
//! that names their device they keep that device from being begun, as one of them may be a flash that this operator cannot prove
//! to be its own. Kept by the `ledger`, asked by `plan`.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::identifiers::{JobUid, Uuid};

/// Kinds that attempts are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ObjectKind {
    /// A release Secret.
    Secret,
    /// A Service.
    Service,
    /// A Pod.
    Pod,
}

impl ObjectKind {
    /// As the API names it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Secret => "Secret",
            Self::Service => "Service",
            Self::Pod => "Pod",
        }
    }
}

/// An object with the labels of an attempt and without a valid seal. Everything in it is what its author claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnsealedObject {
    /// Its kind.
    pub kind: ObjectKind,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// Its resource version.
    pub version: u64,
    /// uid of the job that its label names.
    pub job_uid: JobUid,
    /// UUID of the device that it names.
    pub uuid: Uuid,
    /// Normalised endpoint of the device, where it names one.
    pub endpoint: Option<String>,
    /// Of a release Secret: release and revision that its name says.
    pub release: Option<(String, u32)>,
    /// Whether something may be happening to the device: all but records that say it is over.
    pub locks: bool,
    /// Of a Pod: whether it has ended.
    pub ended: bool,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// Its finalizers.
    pub finalizers: Vec<String>,
}

impl UnsealedObject {
    /// What keeps a device from being begun, and what to do about it.
    #[must_use]
    pub fn advice(&self) -> String {
        let Self {
            kind,
            namespace,
            name,
            ..
        } = self;
        let kind = kind.as_str();
        // Not helm: it would run hooks and delete objects that somebody wrote into the record, with the rights of whoever follows this.
        let command = format!(
            "kubectl delete {} {name} -n {namespace}",
            kind.to_lowercase()
        );
        format!(
            "{kind} {name} names this device and bears no seal of this operator, which therefore cannot know whether the device \
             is being flashed; when you are sure that it is not: {command}"
        )
    }
}

/// See the module's documentation.
#[derive(Debug, Default)]
pub struct Unsealed {
    by_uid: BTreeMap<String, UnsealedObject>,
    /// uids by namespace and by the UUID or endpoint that they name.
    by_device: HashMap<(String, String), BTreeSet<String>>,
}

impl Unsealed {
    /// Takes an object in. Returns whether it was not known before.
    pub fn see(&mut self, object: UnsealedObject) -> bool {
        if self
            .by_uid
            .get(&object.uid)
            .is_some_and(|known| known.version >= object.version)
        {
            return false;
        }
        let is_new = self.forget(&object.uid).is_none();
        for device in devices(&object) {
            let uids = self.by_device.entry(device).or_default();
            uids.insert(object.uid.clone());
        }
        self.by_uid.insert(object.uid.clone(), object);
        is_new
    }

    /// The object of this uid is gone, or turned out to be sealed.
    pub fn forget(&mut self, uid: &str) -> Option<UnsealedObject> {
        let object = self.by_uid.remove(uid)?;
        for device in devices(&object) {
            if let Some(uids) = self.by_device.get_mut(&device) {
                uids.remove(uid);
                if uids.is_empty() {
                    self.by_device.remove(&device);
                }
            }
        }
        Some(object)
    }

    /// Every object.
    pub fn all(&self) -> impl Iterator<Item = &UnsealedObject> {
        self.by_uid.values()
    }

    /// What keeps a job of this namespace from beginning a device, if anything does. A Pod is named before a Service, and that
    /// before a record.
    #[must_use]
    pub fn at(
        &self,
        namespace: &str,
        uuid: &Uuid,
        endpoint: Option<&str>,
    ) -> Option<&UnsealedObject> {
        let of = |device: &str| {
            let key = (namespace.to_owned(), device.to_owned());
            self.by_device.get(&key).into_iter().flatten()
        };
        let uids = of(uuid.as_str()).chain(endpoint.into_iter().flat_map(of));
        let objects = uids.filter_map(|uid| self.by_uid.get(uid));
        objects
            .filter(|object| object.locks)
            .max_by_key(|object| (object.kind, std::cmp::Reverse(&object.name)))
    }

    /// Revisions of a release that bear no seal.
    pub fn of_release<'a>(
        &'a self,
        namespace: &str,
        release: &str,
    ) -> impl Iterator<Item = &'a UnsealedObject> {
        let uuid = release
            .strip_prefix(crate::names::RELEASE_PREFIX)
            .unwrap_or(release);
        let key = (namespace.to_owned(), uuid.to_owned());
        let uids = self.by_device.get(&key).into_iter().flatten();
        uids.filter_map(|uid| self.by_uid.get(uid))
            .filter(|object| object.release.is_some())
    }
}

fn devices(object: &UnsealedObject) -> impl Iterator<Item = (String, String)> {
    let endpoint = object.endpoint.as_deref();
    let named = [Some(object.uuid.as_str()), endpoint].into_iter().flatten();
    named.map(|device| (object.namespace.clone(), device.to_owned()))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn object(kind: ObjectKind, uid: &str) -> UnsealedObject {
        let release = ("flash-a".to_owned(), 3);
        UnsealedObject {
            kind,
            namespace: "lab".into(),
            name: format!("flash-a-{uid}"),
            uid: uid.into(),
            version: 1,
            job_uid: "job".into(),
            uuid: "a".into(),
            endpoint: Some("192.0.2.1:80".into()),
            release: Some(release).filter(|_| kind == ObjectKind::Secret),
            locks: true,
            ended: false,
            deleting: false,
            finalizers: Vec::new(),
        }
    }

    #[rstest]
    #[case::by_uuid("lab", "a", None, true)]
    #[case::by_endpoint("lab", "b", Some("192.0.2.1:80"), true)]
    #[case::another_device("lab", "b", Some("192.0.2.2:80"), false)]
    #[case::another_namespace("other", "a", Some("192.0.2.1:80"), false)]
    fn an_unsealed_object_keeps_the_device_that_it_names_in_its_own_namespace_alone(
        #[case] namespace: &str,
        #[case] uuid: &str,
        #[case] endpoint: Option<&str>,
        #[case] kept: bool,
    ) {
        let mut unsealed = Unsealed::default();
        assert!(unsealed.see(object(ObjectKind::Service, "s")));
        assert_eq!(
            unsealed.at(namespace, &uuid.into(), endpoint).is_some(),
            kept
        );
        unsealed.forget("s");
        assert_eq!(unsealed.at(namespace, &uuid.into(), endpoint), None);
        assert!(unsealed.by_device.is_empty());
    }

    #[test]
    fn a_device_that_two_objects_name_is_kept_until_both_are_gone() {
        let mut unsealed = Unsealed::default();
        unsealed.see(object(ObjectKind::Service, "s"));
        unsealed.see(object(ObjectKind::Pod, "p"));
        unsealed.forget("p");
        let kept = unsealed
            .at("lab", &"a".into(), None)
            .map(|object| object.kind);
        assert_eq!(kept, Some(ObjectKind::Service));
    }

    #[test]
    fn a_later_version_replaces_what_is_known_and_an_earlier_one_changes_nothing() {
        let mut unsealed = Unsealed::default();
        let later = UnsealedObject {
            version: 5,
            uuid: "b".into(),
            endpoint: None,
            ..object(ObjectKind::Pod, "p")
        };
        assert!(unsealed.see(object(ObjectKind::Pod, "p")));
        assert!(!unsealed.see(later.clone()), "it was known");
        assert!(!unsealed.see(object(ObjectKind::Pod, "p")), "it is older");
        let same = UnsealedObject {
            uuid: "c".into(),
            ..later.clone()
        };
        assert!(!unsealed.see(same), "it is the same version");
        assert_eq!(unsealed.at("lab", &"a".into(), Some("192.0.2.1:80")), None);
        assert_eq!(unsealed.at("lab", &"b".into(), None), Some(&later));
    }

    #[test]
    fn a_record_that_says_it_is_over_keeps_nothing_and_its_number_is_taken() {
        let mut unsealed = Unsealed::default();
        unsealed.see(UnsealedObject {
            locks: false,
            ..object(ObjectKind::Secret, "r")
        });
        assert_eq!(unsealed.at("lab", &"a".into(), None), None);
        unsealed.see(object(ObjectKind::Service, "s"));
        let revisions = unsealed.of_release("lab", "flash-a");
        let revisions: Vec<_> = revisions.map(|one| one.release.as_ref()).collect();
        assert_eq!(
            revisions,
            [Some(&("flash-a".to_owned(), 3))],
            "of records alone"
        );
        assert_eq!(unsealed.of_release("other", "flash-a").count(), 0);
    }

    #[test]
    fn a_pod_is_named_before_a_record_and_the_advice_says_what_removes_it() {
        let mut unsealed = Unsealed::default();
        unsealed.see(object(ObjectKind::Secret, "r"));
        let named = |unsealed: &Unsealed| unsealed.at("lab", &"a".into(), None).unwrap().advice();
        assert!(
            named(&unsealed).ends_with("kubectl delete secret flash-a-r -n lab"),
            "{}",
            named(&unsealed)
        );
        unsealed.see(object(ObjectKind::Pod, "p"));
        let advice = named(&unsealed);
        assert!(
            advice.starts_with("Pod flash-a-p names this device"),
            "{advice}"
        );
        assert!(
            advice.ends_with("kubectl delete pod flash-a-p -n lab"),
            "{advice}"
        );
    }
}
