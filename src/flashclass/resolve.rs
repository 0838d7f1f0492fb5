//! Which classes hold for a job, and whether they let it in. Pure; called by `terms`.
//!
//! The class that the spec names, else the one that is marked as the default. Within a round the class that it began with
//! stays; where the spec names another one meanwhile, the rules of both hold, so that no edit of a job loosens anything.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use kube::core::SelectorExt;

use super::{
    class::{Class, Classes},
    rules::NamespacePick,
};
use crate::{
    api::{FlashClassRef, FlashJobSpec, Reason, Refusal},
    names::ANNOTATION_DEFAULT_CLASS,
};

/// Labels of namespaces, by name.
pub type Namespaces = BTreeMap<String, BTreeMap<String, String>>;

/// What of a job decides about its class.
#[derive(Clone, Copy, Debug)]
pub struct Asks<'a> {
    /// Namespace of the job.
    pub namespace: &'a str,
    /// Its spec.
    pub spec: &'a FlashJobSpec,
    /// The class of the round, where the spec still asks for this round.
    pub stamped: Option<&'a FlashClassRef>,
}

/// What is known of the cluster.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Every class.
    pub classes: &'a Classes,
    /// Labels of all namespaces.
    pub namespaces: &'a Namespaces,
    /// The operator's own namespace.
    pub own_namespace: &'a str,
}

/// The classes that hold, as far as they were found, and why nothing may start.
#[derive(Clone, Debug, Default)]
pub(super) struct Resolved {
    /// The class of the round first.
    pub classes: Vec<Arc<Class>>,
    pub refusal: Option<Refusal>,
}

/// Name of the class that a job belongs to: that of its round, else the one that it names, else the default one.
#[must_use]
pub fn named_class<'a>(asks: &Asks<'a>, classes: &'a Classes) -> Option<&'a str> {
    let stamped = asks.stamped.map(|stamp| stamp.name.as_str());
    stamped
        .or(asks.spec.flash_class_name.as_deref())
        .or_else(|| classes.default_one().map(|class| class.name()))
}

/// Finds the classes of a job.
pub(super) fn resolve(asks: &Asks<'_>, facts: &Facts<'_>) -> Resolved {
    if !facts.classes.installed {
        return refused(
            Reason::FlashClassNotFound,
            "the cluster has no kind flashclasses.application.flashjob.nbfc.io: install the CRDs of this version with: \
             flashjob-operator crds | kubectl apply --server-side -f -; the job goes on when the kind appears"
                .into(),
        );
    }
    let Some(first) = named_class(asks, facts.classes) else {
        let message = format!(
            "spec.flashClassName is not set and no FlashClass is marked as the default one; set it, or mark one with: \
             kubectl annotate flashclass NAME {ANNOTATION_DEFAULT_CLASS}=true"
        );
        return refused(Reason::FlashClassNotFound, message);
    };
    let also = asks.spec.flash_class_name.as_deref();
    let mut resolved = Resolved::default();
    for name in [Some(first), also.filter(|name| *name != first)]
        .into_iter()
        .flatten()
    {
        match admitted(name, asks, facts) {
            Ok(class) => resolved.classes.push(class),
            Err(refusal) => {
                resolved.refusal.get_or_insert(refusal);
            }
        }
    }
    resolved
}

fn refused(reason: Reason, message: String) -> Resolved {
    Resolved {
        classes: Vec::new(),
        refusal: Some(Refusal { reason, message }),
    }
}

/// The class of this name, if it can be used by jobs of this namespace.
fn admitted(name: &str, asks: &Asks<'_>, facts: &Facts<'_>) -> Result<Arc<Class>, Refusal> {
    let Some(class) = facts.classes.get(name) else {
        return Err(Refusal {
            reason: Reason::FlashClassNotFound,
            message: format!(
                "FlashClass {name} does not exist; list those that do with: kubectl get flashclasses"
            ),
        });
    };
    let rules = class.rules.as_ref().map_err(|error| Refusal {
        reason: Reason::FlashClassInvalid,
        message: format!(
            "FlashClass {name} cannot be used: {error}; an administrator can fix it with: kubectl edit flashclass {name}"
        ),
    })?;
    let admits = picks(
        &rules.job_namespaces,
        asks.namespace,
        facts.own_namespace,
        facts.namespaces,
    );
    if admits {
        Ok(Arc::clone(class))
    } else {
        Err(Refusal {
            reason: Reason::NamespaceNotAllowed,
            message: format!(
                "FlashClass {name} does not admit FlashJobs of namespace {}: spec.allowedJobNamespaces of the class; \
                 name another class in spec.flashClassName, see: kubectl get flashclasses",
                asks.namespace
            ),
        })
    }
}

/// Whether a namespace is among those that are meant; `same` is the one that Same means.
pub(super) fn picks(
    pick: &NamespacePick,
    namespace: &str,
    same: &str,
    namespaces: &Namespaces,
) -> bool {
    match pick {
        NamespacePick::All => true,
        NamespacePick::Same => namespace == same,
        // A namespace that is not known has no labels that could match by being there.
        NamespacePick::Matching(selector) => namespaces
            .get(namespace)
            .is_some_and(|labels| selector.matches(labels)),
    }
}

/// The namespaces that are meant; none where all are.
pub(super) fn picked(
    pick: &NamespacePick,
    same: &str,
    namespaces: &Namespaces,
) -> Option<BTreeSet<String>> {
    match pick {
        NamespacePick::All => None,
        NamespacePick::Same => Some([same.to_owned()].into()),
        NamespacePick::Matching(selector) => {
            let matching = namespaces
                .iter()
                .filter(|(_, labels)| selector.matches(labels));
            Some(matching.map(|(name, _)| name.clone()).collect())
        }
    }
}
