//! A `FlashClass` parsed at the border, and all of them by name. Pure; fed from watch events.

use std::{cmp::Reverse, collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;

use super::rules::Rules;
use crate::{
    api::{FlashClass, FlashClassRef, FlashClassSpec, FlashClassStatus, Guarded},
    display,
    flash_pod::device_values::DeviceValues,
    names::{ANNOTATION_DEFAULT_CLASS, ANNOTATION_SUSPENDED_BY},
};

/// Longest name of a user that is shown, in bytes.
const MAX_USER: usize = 128;

/// See the module's documentation.
#[derive(Clone, Debug)]
pub struct Class {
    /// Name, uid and generation.
    pub reference: FlashClassRef,
    /// Resource version, comparable within the kind.
    pub version: u64,
    /// When it was created.
    pub created: Timestamp,
    /// Whether it is marked as the class of jobs that name none.
    pub is_default: bool,
    /// Who ordered its suspension, by what the order says; only of one by `kubectl flashjob stop` it is known.
    suspended_by: Option<String>,
    /// The spec; empty where it cannot be read.
    pub spec: FlashClassSpec,
    /// The spec made ready to be asked, or why it cannot be used.
    pub rules: Result<Arc<Rules>, String>,
    /// The same before the flash chart was asked about its values.
    compiled: Result<Arc<Rules>, String>,
    /// Where its status goes, and what it is. None where it cannot be read.
    pub stored: Option<StoredStatus>,
}

/// The status of an object, and the metadata of that object.
#[derive(Clone, Debug)]
pub struct StoredStatus {
    /// As it was read.
    pub metadata: ObjectMeta,
    /// As it was read.
    pub status: FlashClassStatus,
}

impl Class {
    /// Parses what was read. None where the API server left out what it always sets.
    #[must_use]
    pub fn parse(guard: &Guarded<FlashClass>) -> Option<Self> {
        let (metadata, object) = (guard.meta(), guard.0.as_ref());
        let spec = object.map_or_else(|_| FlashClassSpec::default(), |object| object.spec.clone());
        let name = metadata.name.clone()?;
        let rules = object
            .map_err(|unreadable| format!("the FlashClass cannot be read: {}", unreadable.error))
            .and_then(|object| Rules::compile(&name, &object.spec).map(Arc::new));
        let annotations = metadata.annotations.as_ref();
        Some(Self {
            reference: FlashClassRef {
                name,
                uid: metadata.uid.clone()?,
                generation: metadata.generation.unwrap_or_default(),
                hash: String::new(),
            },
            version: metadata.resource_version.as_deref()?.parse().ok()?,
            created: metadata
                .creation_timestamp
                .as_ref()
                .map_or(Timestamp::UNIX_EPOCH, |time| time.0),
            is_default: annotations
                .and_then(|annotations| annotations.get(ANNOTATION_DEFAULT_CLASS))
                .is_some_and(|value| value == "true"),
            suspended_by: annotations
                .and_then(|annotations| annotations.get(ANNOTATION_SUSPENDED_BY))
                .map(|by| display::line(by, MAX_USER).into_owned()),
            spec,
            compiled: rules.clone(),
            rules,
            stored: object.ok().map(|object| StoredStatus {
                metadata: metadata.clone(),
                status: object.status.clone().unwrap_or_default(),
            }),
        })
    }

    /// Takes in what the flash chart makes of its values: a class whose values the chart refuses cannot be used. `ask` says what
    /// is wrong with values, each with its path.
    #[must_use]
    pub fn checked(mut self, ask: impl Fn(&DeviceValues) -> Option<String>) -> Self {
        self.rules = self.compiled.clone().and_then(|rules| {
            let fault = rules.values.as_deref().and_then(ask);
            fault.map_or(Ok(rules), |fault| {
                Err(format!("spec.defaults.values: {fault}"))
            })
        });
        self
    }

    /// That it is suspended, by whom, and what ends that; none where it is not.
    #[must_use]
    pub fn suspension(&self) -> Option<String> {
        let name = self.name();
        let by = self.suspended_by.as_ref();
        let by = by.map_or_else(String::new, |user| format!(" by {user}"));
        (self.spec.suspend == Some(true)).then(|| {
            format!(
                "FlashClass {name} is suspended{by}: nothing new starts; let it go on with: \
                 kubectl flashjob resume --class {name}"
            )
        })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.reference.name
    }
}

/// Every class, and whether the cluster has the kind at all.
#[derive(Clone, Debug, Default)]
pub struct Classes {
    /// The cluster has the kind.
    pub installed: bool,
    by_name: BTreeMap<String, Arc<Class>>,
}

impl Classes {
    /// Takes a class in. Returns whether it says anything new to jobs: its status does not.
    pub fn see(&mut self, class: Class) -> bool {
        let known = self.by_name.get(class.name());
        if known.is_some_and(|known| known.version >= class.version) {
            return false;
        }
        let says = |class: &Class| (class.reference.clone(), class.is_default);
        let news = known.is_none_or(|known| says(known) != says(&class));
        self.by_name
            .insert(class.name().to_owned(), Arc::new(class));
        news
    }

    /// The flash chart or the values below those of the classes changed: asks about each class anew.
    pub fn check(&mut self, ask: impl Fn(&DeviceValues) -> Option<String>) {
        for class in self.by_name.values_mut() {
            *class = Arc::new((**class).clone().checked(&ask));
        }
    }

    /// The class of this uid is gone.
    pub fn see_gone(&mut self, uid: &str) {
        self.by_name.retain(|_, class| class.reference.uid != uid);
    }

    /// Only classes of these uids exist.
    pub fn keep(&mut self, exists: impl Fn(&str) -> bool) {
        self.by_name.retain(|_, class| exists(&class.reference.uid));
    }

    /// The class of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<Class>> {
        self.by_name.get(name)
    }

    /// All of them, by name.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Class>> {
        self.by_name.values()
    }

    /// The class of jobs that name none: of those that are marked so the newest, of equally old ones the first by name.
    #[must_use]
    pub fn default_one(&self) -> Option<&Arc<Class>> {
        let marked = self.by_name.values().filter(|class| class.is_default);
        marked.max_by_key(|class| (class.created, Reverse(class.name())))
    }
}
