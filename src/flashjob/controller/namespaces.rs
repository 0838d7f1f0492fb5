//! Labels of namespaces, by which classes choose them; and namespaces that are being deleted: nothing starts there, and what
//! their deletion takes away is not waited for.
//!
//! Rights that are bound in such a namespace go with it, and with them the watches of it. What is known of it is therefore
//! asked for object by object, until nothing is left: Pods and Services by a right that is bound to the whole cluster. Run by `controller`;
//! reads only.

use std::{collections::HashSet, sync::Arc, time::Duration};

use futures::StreamExt;
use k8s_openapi::api::core::v1::{Namespace, Pod, Secret, Service};
use kube::{Resource, ResourceExt, core::NamespaceResourceScope};
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;

use crate::cluster::{
    ApiError, ErrorKind, Reader, Scope,
    watch::{self, WatchEvent},
};
use crate::flashjob::act::context::Context;

/// How often what is left in such a namespace is asked for.
const LOOK: Duration = Duration::from_secs(3);
/// Longest wait for an answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Whether the right to read went with the namespace, whose deletion takes the rest.
pub(super) fn went_with_it(ctx: &Context, namespace: Option<&str>, error: &ApiError) -> bool {
    error.kind == ErrorKind::Forbidden && namespace.is_some_and(|name| ctx.cache().is_ending(name))
}

/// What was read, or nothing where the right to read it went with its namespace.
///
/// # Errors
/// Any other failure.
pub(super) fn unless_it_ends<T>(
    ctx: &Context,
    namespace: Option<&str>,
    read: Result<T, ApiError>,
) -> Result<Option<T>, ApiError> {
    match read {
        Err(error) if went_with_it(ctx, namespace, &error) => Ok(None),
        read => read.map(Some),
    }
}

/// Follows the labels of all namespaces and the end of those of a scope, until it is dropped. Says `Namespace` once they are
/// listed.
pub(crate) async fn follow(ctx: Arc<Context>, scope: Scope, listed_tx: mpsc::Sender<&'static str>) {
    let mut events = watch::namespaces(&ctx.read);
    let mut tick = tokio::time::interval(LOOK);
    let mut listing = HashSet::new();
    // Namespaces that are gone, while something of them is still known.
    let mut gone = HashSet::new();
    loop {
        tokio::select! {
            biased;
            Some(watched) = events.next() => match watched.event {
                WatchEvent::Restarted => listing.clear(),
                WatchEvent::Seen(namespace) => {
                    let name = namespace.name_any();
                    listing.insert(name.clone());
                    gone.remove(&name);
                    see(&ctx, &scope, &namespace);
                }
                WatchEvent::Deleted(namespace) => {
                    let name = namespace.name_any();
                    ctx.cache().namespaces.remove(&name);
                    gone.insert(name);
                }
                WatchEvent::Listed => {
                    let mut cache = ctx.cache();
                    cache.namespaces.retain(|name, _| listing.contains(name));
                    cache.namespaces_listed = true;
                    let unlisted = cache.terminating.iter().filter(|name| !listing.contains(*name));
                    gone.extend(unlisted.cloned());
                    drop(cache);
                    // The receiver is gone once everything was listed.
                    let _ = listed_tx.try_send("Namespace");
                }
                WatchEvent::NotInstalled => {}
                WatchEvent::Failed(error) => {
                    tracing::warn!(kind = "Namespace", error = %error, "watch failed, trying again");
                }
            },
            _ = tick.tick() => look_at_all(&ctx, &mut gone).await,
        }
    }
}

fn see(ctx: &Context, scope: &Scope, namespace: &Namespace) {
    let name = namespace.name_any();
    let ends = namespace.metadata.deletion_timestamp.is_some() && scope.contains(&name);
    let labels = namespace.metadata.labels.clone().unwrap_or_default();
    let mut cache = ctx.cache();
    let before = cache.namespaces.insert(name.clone(), labels.clone());
    if before.as_ref() != Some(&labels) {
        drop(cache);
        // What a class says of the namespace may be otherwise now.
        ctx.nudge_all();
        cache = ctx.cache();
    }
    if !ends {
        cache.terminating.remove(&name);
    } else if cache.terminating.insert(name.clone()) {
        tracing::info!(
            object.namespace = name,
            "namespace is being deleted: nothing starts in it"
        );
    }
}

async fn look_at_all(ctx: &Context, gone: &mut HashSet<String>) {
    let ending: Vec<String> = ctx.cache().terminating.iter().cloned().collect();
    for namespace in ending {
        look::<Pod>(ctx, "Pod", &namespace).await;
        look::<Service>(ctx, "Service", &namespace).await;
        look::<Secret>(ctx, "Secret", &namespace).await;
        let mut cache = ctx.cache();
        let known = |kind| !cache.ledger.uids(kind, Some(&namespace)).is_empty();
        let left = ["Pod", "Service", "Secret"].into_iter().any(known);
        if !left && gone.remove(&namespace) {
            cache.terminating.remove(&namespace);
        }
    }
}

/// Asks for every known object of a kind. What may not be asked for any more was bound to the namespace, as the right was:
/// the namespace's deletion takes it. Never a Pod or a Service: those are asked for by a right of the whole cluster, and held by
/// a finalizer of ours.
async fn look<K>(ctx: &Context, kind: &'static str, namespace: &str)
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + std::fmt::Debug
        + DeserializeOwned
        + 'static,
{
    let reader = Reader::new(ctx.read.clone(), TIMEOUT);
    let known = ctx.cache().ledger.uids(kind, Some(namespace));
    for (namespace, name, uid) in known {
        let left = match reader.get::<K>(&namespace, &name).await {
            Ok(found) => found.filter(|found| found.uid().as_deref() == Some(&uid)),
            Err(error) if error.kind == ErrorKind::Forbidden && kind == "Secret" => None,
            Err(error) => {
                tracing::warn!(kind, name, error = %error, "cannot see whether it is gone; its lock stays");
                continue;
            }
        };
        let concerns = match left {
            None => ctx.cache().ledger.see_gone(&uid),
            Some(found) => {
                let found: &dyn std::any::Any = &found;
                let mut cache = ctx.cache();
                match (found.downcast_ref(), found.downcast_ref()) {
                    (Some(pod), _) => cache.see_pod(pod),
                    (_, Some(service)) => cache.see_service(service),
                    (None, None) => None,
                }
            }
        };
        if let Some(key) = concerns {
            ctx.nudge(&key.job_uid);
        }
    }
}
