//! Watches of classes and namespaces, and the loop that writes the status of classes. Decides nothing.
//!
//! Run by the FlashJob controller for as long as this process leads. Whatever changes here concerns jobs: they are looked at again.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
    time::Duration,
};

use futures::StreamExt;
use k8s_openapi::api::core::v1::Namespace;
use kube::ResourceExt;
use tokio::sync::mpsc;

use super::{act::write_status, class::Class, observe::observe, plan::plan};
use crate::{
    cluster::{
        clock::now,
        watch::{self, WatchEvent},
    },
    flashjob::Context,
};

/// How often it is looked whether a class has something new to say.
const STATUS: Duration = Duration::from_secs(1);

/// Takes classes in. Says `FlashClass` once they are listed, or known not to exist.
pub async fn classes(ctx: Arc<Context>, listed_tx: mpsc::Sender<&'static str>) {
    let mut events = watch::flash_classes(&ctx.read);
    let mut listing: Option<HashSet<String>> = None;
    while let Some(watched) = events.next().await {
        let news = match watched.event {
            WatchEvent::Restarted => {
                listing = Some(HashSet::new());
                false
            }
            WatchEvent::Seen(guard) => match Class::parse(&guard) {
                Some(class) => {
                    if let Some(seen) = &mut listing {
                        seen.insert(class.reference.uid.clone());
                    }
                    ctx.state().classes.see(class)
                }
                None => false,
            },
            WatchEvent::Deleted(guard) => {
                if let Some(uid) = guard.uid() {
                    ctx.state().classes.see_gone(&uid);
                }
                true
            }
            WatchEvent::Listed => {
                let seen = listing.take().unwrap_or_default();
                let mut state = ctx.state();
                state.classes.keep(|uid| seen.contains(uid));
                state.classes.installed = true;
                let _ = listed_tx.try_send("FlashClass");
                true
            }
            WatchEvent::NotInstalled => {
                let mut state = ctx.state();
                let before = std::mem::take(&mut state.classes);
                drop(state);
                if before.installed || listed_tx.try_send("FlashClass").is_ok() {
                    tracing::error!(
                        "the API server does not know FlashClasses: install the CRDs of this version; nothing starts before"
                    );
                }
                before.installed
            }
            WatchEvent::Failed(error) => {
                tracing::warn!(kind = "FlashClass", error = %error, "watch failed, trying again");
                false
            }
        };
        if news && listing.is_none() {
            ctx.nudge_all();
        }
    }
}

/// Takes namespaces in: their labels, and whether they are being deleted. Says `Namespace` once they are listed.
pub async fn namespaces(ctx: Arc<Context>, listed_tx: mpsc::Sender<&'static str>) {
    let mut events = watch::namespaces(&ctx.read);
    let mut listing: Option<BTreeMap<String, Namespace>> = None;
    while let Some(watched) = events.next().await {
        let news = match watched.event {
            WatchEvent::Restarted => {
                listing = Some(BTreeMap::new());
                false
            }
            WatchEvent::Seen(namespace) => match &mut listing {
                Some(seen) => {
                    seen.insert(namespace.name_any(), namespace);
                    false
                }
                None => see(&ctx, namespace),
            },
            WatchEvent::Deleted(namespace) => {
                let name = namespace.name_any();
                let mut state = ctx.state();
                state.terminating.remove(&name);
                state.namespaces.remove(&name).is_some()
            }
            WatchEvent::Listed => {
                let seen = listing.take().unwrap_or_default();
                ctx.state()
                    .namespaces
                    .retain(|name, _| seen.contains_key(name));
                seen.into_values().for_each(|namespace| {
                    see(&ctx, namespace);
                });
                let _ = listed_tx.try_send("Namespace");
                true
            }
            WatchEvent::NotInstalled => false,
            WatchEvent::Failed(error) => {
                tracing::warn!(kind = "Namespace", error = %error, "watch failed, trying again");
                false
            }
        };
        if news {
            ctx.nudge_all();
        }
    }
}

/// Takes a namespace in; whether anything that matters changed.
fn see(ctx: &Context, namespace: Namespace) -> bool {
    let name = namespace.name_any();
    let terminating = namespace.metadata.deletion_timestamp.is_some();
    let labels = namespace.metadata.labels.unwrap_or_default();
    let mut state = ctx.state();
    if terminating {
        state.terminating.insert(name.clone());
    } else {
        state.terminating.remove(&name);
    }
    let before = state.namespaces.insert(name, labels.clone());
    before != Some(labels)
}

/// Writes what the classes have to say, whenever it is something new.
pub async fn statuses(ctx: Arc<Context>) {
    let mut tick = tokio::time::interval(STATUS);
    loop {
        tick.tick().await;
        let classes = {
            let mut state = ctx.state();
            if !state.take_news_of_classes() {
                continue;
            }
            observe(&state)
        };
        let now = now();
        for observed in &classes {
            let (Some(object), Some(status)) = (&observed.class.object, plan(observed, now)) else {
                continue;
            };
            if let Err(error) = write_status(&ctx, object, status).await {
                tracing::warn!(object.name = observed.class.name(), error = %error, "status of a FlashClass was not written, trying again");
                ctx.state().news_of_classes = true;
            }
        }
    }
}
