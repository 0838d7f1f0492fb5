//! The watches of what attempts are made of: Secrets, Services, Pods. Feeds the state; decides nothing.
//!
//! Run by the controller, one watch a kind.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use futures::StreamExt;
use kube::{Resource, ResourceExt};
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;

use crate::{
    cluster::{
        ApiError, ErrorKind, Reader,
        watch::{Watch, WatchEvent},
    },
    flashjob::{context::Context, sight::AttemptKey, state::State},
};

/// How an object of a kind is taken into the state.
pub(super) type See<K> = fn(&mut State, &K) -> Option<AttemptKey>;

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
        let ends = |name: &String| ctx.state().is_ending(name);
        if error.kind == ErrorKind::Forbidden && part.as_ref().is_some_and(ends) {
            self.listed(part);
        }
    }
}

/// Takes the objects of a kind into the state. Says the kind once all of it is listed.
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
        + DeserializeOwned,
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
                let key = see(&mut ctx.state(), &object);
                nudge(&ctx, key.as_ref());
            }
            WatchEvent::Deleted(object) => {
                let key = object
                    .uid()
                    .and_then(|uid| ctx.state().ledger.see_gone(&uid));
                nudge(&ctx, key.as_ref());
            }
            WatchEvent::Listed => {
                let seen = listing.remove(&watched.part).unwrap_or_default();
                confirm_absent::<K>(&ctx, kind, watched.part.as_deref(), &seen).await;
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

/// What a new list does not hold may have been created since: only a 404, or another uid, frees a lock.
async fn confirm_absent<K>(ctx: &Context, kind: &str, part: Option<&str>, seen: &HashSet<String>)
where
    K: Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>
        + Clone
        + std::fmt::Debug
        + DeserializeOwned,
{
    let known = ctx.state().ledger.uids(kind, part);
    let reader = Reader::new(ctx.read.clone(), Duration::from_secs(10));
    for (namespace, name, uid) in known.into_iter().filter(|(_, _, uid)| !seen.contains(uid)) {
        match reader.get::<K>(&namespace, &name).await {
            Ok(Some(found)) if found.uid().as_deref() == Some(&uid) => {}
            Ok(_) => {
                let key = ctx.state().ledger.see_gone(&uid);
                nudge(ctx, key.as_ref());
            }
            Err(error) => {
                tracing::warn!(kind, name, error = %error, "cannot see whether it is gone; its lock stays");
            }
        }
    }
}
