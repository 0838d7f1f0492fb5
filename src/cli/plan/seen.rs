//! What a person may see of a cluster, and of what a job with this name has been there before. Reads only: what may not be read is
//! noted, and the rest is looked at all the same.

use std::{collections::BTreeSet, net::Ipv4Addr};

use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, core::DeserializeGuard};

use super::super::job::slices;
use crate::{
    api::{FlashClass, FlashJob, Guarded, Instance, NamespaceRule, NamespacesFrom},
    cluster::{ApiError, ErrorKind, Reader, Scope},
    device::{self, Inventory},
    flashclass::{Class, Classes, Namespaces},
    flashjob::{
        forecast::{NotSeen, Part},
        observe::selection::Selection,
        spec::job::Job,
    },
};

/// Reads, and notes what may not be read.
pub(super) struct Seeing<'a> {
    /// Reads as the person.
    pub reader: &'a Reader,
    /// Namespace of the job.
    pub namespace: &'a str,
    /// What may not be read.
    pub not_seen: Vec<NotSeen>,
    /// Whether a class chooses by their labels the namespaces of jobs, and those of devices.
    by_labels: (bool, bool),
}

/// Akri's devices.
pub(super) struct Devices {
    /// Those that were seen.
    pub inventory: Inventory,
    /// Akri's Instance kind exists.
    pub akri_installed: bool,
}

impl<'a> Seeing<'a> {
    /// For a job of this namespace; nothing was looked at yet.
    pub fn of(reader: &'a Reader, namespace: &'a str) -> Self {
        Self {
            reader,
            namespace,
            not_seen: Vec::new(),
            by_labels: (false, false),
        }
    }

    /// Notes a part that could not be seen.
    pub fn miss(&mut self, part: Part, message: String) {
        self.not_seen.push(NotSeen { part, message });
    }

    /// Akri's devices in the namespaces that the operator looks at: of a person without rights to all of them, those of the namespaces
    /// that can be read.
    ///
    /// # Errors
    /// When the cluster does not answer.
    pub async fn devices(
        &mut self,
        scope: &Scope,
        own: Vec<Ipv4Addr>,
    ) -> Result<Devices, ApiError> {
        let mut listed = Vec::new();
        let mut forbidden = BTreeSet::new();
        let mut parts = scope.parts();
        while let Some(namespace) = parts.pop() {
            let within = namespace.clone().map_or(Scope::All, of_one);
            match self
                .reader
                .list::<DeserializeGuard<Instance>>(&within, "")
                .await
            {
                Ok(some) => listed.extend(some),
                Err(error) if error.is_not_found() => {
                    let inventory = Inventory::of(&[], own);
                    return Ok(Devices {
                        inventory,
                        akri_installed: false,
                    });
                }
                Err(error) if error.kind == ErrorKind::Forbidden => {
                    if let Some(namespace) = namespace {
                        forbidden.insert(namespace);
                        continue;
                    }
                    let own = self.namespace.to_owned();
                    let words = "you may not list instances.akri.sh in the whole cluster: of the devices, only those of namespace";
                    self.miss(Part::Instances, format!("{words} {own} are looked at"));
                    parts.push(Some(own));
                }
                Err(error) => return Err(error),
            }
        }
        for namespace in forbidden {
            let message = format!(
                "you may not list instances.akri.sh in namespace {namespace}: its devices are not known"
            );
            self.miss(Part::Instances, message);
        }
        Ok(Devices {
            inventory: Inventory::of(&listed, own),
            akri_installed: true,
        })
    }

    /// Every class; of a person who may not list them, the one that the job names.
    ///
    /// # Errors
    /// When the cluster does not answer.
    pub async fn classes(&mut self, job: &Job) -> Result<Classes, ApiError> {
        let mut classes = Classes::default();
        let listed = match self.reader.list_all::<Guarded<FlashClass>>().await {
            Err(error) if error.is_not_found() => return Ok(classes),
            Err(error) if error.kind == ErrorKind::Forbidden => {
                let named = job.spec.as_ref().ok();
                let named = named.and_then(|spec| spec.flash_class_name.as_deref());
                let one = match named {
                    Some(name) => self.class(name).await,
                    None => None,
                };
                if one.is_none() {
                    let message = "you may not list flashclasses: what a class allows, forbids and sets is not known";
                    self.miss(Part::Classes, message.to_owned());
                }
                one.into_iter().collect()
            }
            other => other?,
        };
        classes.installed = true;
        let by_labels = |rule: &Option<NamespaceRule>| {
            rule.as_ref()
                .is_some_and(|rule| rule.from == NamespacesFrom::Selector)
        };
        for class in listed.iter().filter_map(Class::parse) {
            self.by_labels.0 |= by_labels(&class.spec.allowed_job_namespaces);
            self.by_labels.1 |= by_labels(&class.spec.device_namespaces);
            classes.see(class);
        }
        Ok(classes)
    }

    async fn class(&self, name: &str) -> Option<Guarded<FlashClass>> {
        let api: Api<Guarded<FlashClass>> = Api::all(self.reader.client().clone());
        api.get_opt(name).await.ok().flatten()
    }

    /// Labels of all namespaces, for classes choose namespaces by them; of a person who may not list them, those of the job's own.
    ///
    /// # Errors
    /// When the cluster does not answer.
    pub async fn namespaces(&mut self) -> Result<Namespaces, ApiError> {
        let listed = match self.reader.list_all::<Namespace>().await {
            Err(error) if error.kind == ErrorKind::Forbidden => {
                let api: Api<Namespace> = Api::all(self.reader.client().clone());
                let own = api.get_opt(self.namespace).await.ok().flatten();
                let (jobs, devices) = self.by_labels;
                if devices || (jobs && own.is_none()) {
                    let message = "you may not list namespaces: whether a class that chooses them by labels means those of the job and of \
                                   its devices is not known";
                    self.miss(Part::Namespaces, message.to_owned());
                }
                own.into_iter().collect()
            }
            other => other?,
        };
        let labels = |namespace: Namespace| {
            let name = namespace.metadata.name?;
            Some((name, namespace.metadata.labels.unwrap_or_default()))
        };
        Ok(listed.into_iter().filter_map(labels).collect())
    }

    /// The job of that name as it is stored, with the devices that its round froze.
    ///
    /// # Errors
    /// When the cluster does not answer.
    pub async fn stored(
        &mut self,
        job: &Job,
    ) -> Result<Option<(Job, Option<Selection>)>, ApiError> {
        let place = format!("{}/{}", job.namespace, job.name);
        let found = self
            .reader
            .get::<Guarded<FlashJob>>(&job.namespace, &job.name);
        let found = match found.await {
            Err(error) if error.kind == ErrorKind::Forbidden => {
                let message = format!(
                    "you may not get FlashJob {place}: whether it has run already is not known"
                );
                self.miss(Part::Stored, message);
                None
            }
            other => other?,
        };
        let Some(stored) = found.as_ref().and_then(Job::parse) else {
            return Ok(None);
        };
        let Some(round) = stored.status.round.as_ref().map(|round| round.number) else {
            return Ok(Some((stored, None)));
        };
        let slices = match slices(self.reader, &stored).await {
            Err(error) if error.kind == ErrorKind::Forbidden => {
                let message = format!(
                    "you may not list controllerrevisions in namespace {}: a device of the round before that has another uid since is \
                     not recognised",
                    stored.namespace
                );
                self.miss(Part::Stored, message);
                return Ok(Some((stored, None)));
            }
            other => other?,
        };
        let devices = device::gather(slices, round).unwrap_or_default();
        let named = Selection::named_by(&stored.status, round, devices);
        // Not those of a slice that somebody altered; which of them bear a seal only the operator can tell.
        let hash = device::hash(named.devices());
        let known = stored.status.selection.as_ref();
        if known.is_some_and(|known| known.hash != hash) {
            let message = format!(
                "the devices of round {round} of FlashJob {place} are not stored whole: one that has another uid since is not recognised"
            );
            self.miss(Part::Stored, message);
            return Ok(Some((stored, None)));
        }
        Ok(Some((stored, Some(named))))
    }
}

fn of_one(namespace: String) -> Scope {
    Scope::Namespaces([namespace].into())
}
