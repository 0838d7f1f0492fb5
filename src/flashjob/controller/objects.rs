//! The watches of what attempts are made of: Secrets, Services, Pods. Feeds the cache; decides nothing.
//!
//! Run by the controller, one watch a kind.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use futures::StreamExt;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{Resource, ResourceExt};
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;

use super::namespaces::{unless_it_ends, went_with_it};
use crate::{
    cluster::{
        ApiError,
        watch::{Watch, WatchEvent},
    },
    flashjob::{
        act::{
            self,
            context::Context,
            repair::{See, ask_for, attend},
        },
        observe::objects::AttemptKey,
    },
    identifiers::JobUid,
    seam::{self, Bug, planted},
};

/// Says once of each part of a source that everything of it is known.
pub(super) struct Parts {
    kind: &'static str,
    told: HashSet<Option<String>>,
    listed_tx: mpsc::Sender<&'static str>,
}

impl Parts {
    pub(super) fn new(kind: &'static str, listed_tx: mpsc::Sender<&'static str>) -> Self {
        Self {
            kind,
            told: HashSet::new(),
            listed_tx,
        }
    }

    pub(super) fn listed(&mut self, part: Option<String>) {
        if self.told.insert(part) {
            // The receiver is gone once everything was listed.
            let _ = self.listed_tx.try_send(self.kind);
        }
    }

    /// A part that may not be listed, because the rights were bound in a namespace that is gone or on its way, is not waited
    /// for: nothing starts in it.
    pub(super) fn failed(&mut self, ctx: &Context, part: Option<String>, error: &ApiError) {
        if went_with_it(ctx, part.as_deref(), error) {
            self.listed(part);
        }
    }
}

/// Takes the objects of a kind into the cache. Says the kind once all of it is listed.
pub(super) async fn objects<K>(
    ctx: Arc<Context>,
    mut events: Watch<K>,
    kind: &'static str,
    see: See<K>,
    listed_tx: mpsc::Sender<&'static str>,
) where
    K: Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>
        + Clone
        + std::fmt::Debug
        + DeserializeOwned
        + 'static,
{
    let mut listing: HashMap<Option<String>, HashSet<String>> = HashMap::new();
    let mut parts = Parts::new(kind, listed_tx);
    while let Some(watched) = events.next().await {
        match watched.event {
            WatchEvent::Restarted => drop(listing.insert(watched.part, HashSet::new())),
            WatchEvent::Seen(object) => {
                if let (Some(seen), Some(uid)) = (listing.get_mut(&watched.part), object.uid()) {
                    seen.insert(uid);
                }
                let key = see(&mut ctx.cache(), &object);
                nudge(&ctx, key.as_ref());
                attend(&ctx);
            }
            WatchEvent::Deleted(_) if planted(Bug::DeletionsUntold) => {}
            WatchEvent::Deleted(object) => deleted(&ctx, see, &object),
            WatchEvent::Listed => {
                let seen = listing.remove(&watched.part).unwrap_or_default();
                confirm_absent::<K>(&ctx, (kind, see), watched.part.as_deref(), &seen).await;
                parts.listed(watched.part);
            }
            WatchEvent::NotInstalled => {
                tracing::error!(kind, "the API server does not know this kind");
            }
            WatchEvent::Failed(error) => {
                ctx.metrics.watch_failed(kind);
                tracing::warn!(kind, error = %error, "watch failed, trying again");
                parts.failed(&ctx, watched.part, &error);
            }
        }
    }
}

fn nudge(ctx: &Context, key: Option<&AttemptKey>) {
    if let Some(key) = key {
        ctx.nudge(&key.job_uid);
    }
}

/// An object is gone or not ours: its attempt's job looks again. Where it is of no attempt, any job of the namespace may have waited for
/// it.
fn nudge_about(ctx: &Context, namespace: &str, key: Option<&AttemptKey>) {
    if key.is_some() {
        nudge(ctx, key);
        return;
    }
    let uids: Vec<JobUid> = {
        let cache = ctx.cache();
        let jobs = cache.jobs().filter(|job| job.namespace == namespace);
        jobs.map(|job| job.uid.clone()).collect()
    };
    for uid in uids {
        ctx.nudge(&uid);
    }
}

/// An object left the watch. Unless the event shows that it is gone, one of ours may only have lost the label that it is watched by,
/// though somebody deletes it, too: then the API server is asked.
fn deleted<K>(ctx: &Arc<Context>, see: See<K>, object: &K)
where
    K: Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>
        + Clone
        + std::fmt::Debug
        + DeserializeOwned
        + 'static,
{
    let Some(uid) = object.uid() else { return };
    let is_ours = ctx.cache().ledger.identity_of(&uid).is_some();
    if !is_ours || is_gone(object.meta()) {
        let key = ctx.cache().ledger.see_gone(&uid);
        nudge_about(ctx, &object.namespace().unwrap_or_default(), key.as_ref());
        return;
    }
    let at = (
        object.namespace().unwrap_or_default(),
        object.name_any(),
        uid,
    );
    confirm_in_the_end(Arc::clone(ctx), see, at);
}

/// Asks for an object of ours, as [`confirm`] does, until the API server answers.
fn confirm_in_the_end<K>(ctx: Arc<Context>, see: See<K>, at: (String, String, String))
where
    K: Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>
        + Clone
        + std::fmt::Debug
        + DeserializeOwned
        + 'static,
{
    seam::spawn(async move {
        let unanswered = "cannot see whether an object is gone, asking again";
        act::ask_on(unanswered, || confirm::<K>(&ctx, see, &at)).await;
    });
}

/// Whether nothing keeps an object that is being deleted: such an object does not outlive the write that made it so. The event of a
/// lost label shows the object as it was before.
fn is_gone(meta: &ObjectMeta) -> bool {
    let kept = meta.finalizers.as_ref().is_some_and(|all| !all.is_empty())
        || meta.deletion_grace_period_seconds.unwrap_or(0) > 0;
    meta.deletion_timestamp.is_some() && (!kept || planted(Bug::DeletingIsGone))
}

/// Asks whether an object of ours still exists: if so it is taken in as it is now, else it is gone.
async fn confirm<K>(
    ctx: &Arc<Context>,
    see: See<K>,
    (namespace, name, uid): &(String, String, String),
) -> Result<(), ApiError>
where
    K: Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>
        + Clone
        + std::fmt::Debug
        + DeserializeOwned,
{
    let asked = ask_for(ctx, see, (namespace, name, uid)).await;
    // Where the right to ask went with the namespace, everything in it goes, too.
    let answer = unless_it_ends(ctx, Some(namespace), asked)?;
    let key = answer.unwrap_or_else(|| ctx.cache().ledger.see_gone(uid));
    nudge_about(ctx, namespace, key.as_ref());
    attend(ctx);
    Ok(())
}

/// What a new list does not hold may have been created since: only a 404, or another uid, frees a lock. Until there is an answer, the
/// lock stays.
async fn confirm_absent<K>(
    ctx: &Arc<Context>,
    (kind, see): (&'static str, See<K>),
    part: Option<&str>,
    seen: &HashSet<String>,
) where
    K: Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>
        + Clone
        + std::fmt::Debug
        + DeserializeOwned
        + 'static,
{
    let known = ctx.cache().ledger.uids(kind, part);
    for at in known.into_iter().filter(|(_, _, uid)| !seen.contains(uid)) {
        if let Err(error) = confirm::<K>(ctx, see, &at).await {
            tracing::warn!(kind, name = at.1, error = %error, "cannot see whether it is gone; its lock stays");
            confirm_in_the_end(Arc::clone(ctx), see, at);
        }
    }
}
