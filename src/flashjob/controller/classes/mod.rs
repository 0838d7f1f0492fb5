//! The watch of classes, and the loop that writes the status of classes. Decides nothing.
//!
//! Run by the FlashJob controller for as long as this process leads. Whatever changes here concerns jobs: they are looked at again.

mod act;
pub(crate) mod observe;
pub(crate) mod plan;

use std::{collections::HashSet, sync::Arc, time::Duration};

use futures::StreamExt;
use k8s_openapi::{api::core::v1::ObjectReference, apimachinery::pkg::apis::meta::v1::Condition};
use kube::ResourceExt;
use tokio::{sync::mpsc, time::MissedTickBehavior};

use self::{act::write_status, observe::observe, plan::plan};
use crate::{
    api::{ConditionType, Reason, conditions},
    cluster::{
        clock::now,
        watch::{self, WatchEvent},
    },
    flashclass::{Class, StoredStatus},
    flashjob::Context,
    names::{GROUP, VERSION},
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
                    let mut cache = ctx.cache();
                    let class = ctx.checked(class);
                    cache.classes.see(class)
                }
                None => false,
            },
            WatchEvent::Deleted(guard) => {
                if let Some(uid) = guard.uid() {
                    ctx.cache().classes.see_gone(&uid);
                }
                true
            }
            WatchEvent::Listed => {
                let seen = listing.take().unwrap_or_default();
                let mut cache = ctx.cache();
                cache.classes.keep(|uid| seen.contains(uid));
                cache.classes.installed = true;
                let _ = listed_tx.try_send("FlashClass");
                true
            }
            WatchEvent::NotInstalled => {
                let mut cache = ctx.cache();
                let before = std::mem::take(&mut cache.classes);
                drop(cache);
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
        ctx.cache().news_of_classes = true;
        if news && listing.is_none() {
            ctx.class_changed.notify_one();
            ctx.nudge_all();
        }
    }
}

/// Writes what the classes have to say, whenever it is something new.
pub async fn statuses(ctx: Arc<Context>) {
    let mut tick = tokio::time::interval(STATUS);
    // After a write that took long, not once for every second that has passed.
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        // A class that is new does not wait for the next look.
        tokio::select! {
            biased;
            () = ctx.class_changed.notified() => {}
            _ = tick.tick() => {}
        }
        let flash_pod = ctx.flash_pod().ok();
        let granted = flash_pod.as_ref().map(|chart| &*chart.policy.extra_kinds);
        let classes = {
            let mut cache = ctx.cache();
            if !cache.take_news_of_classes() {
                continue;
            }
            observe(&cache, granted)
        };
        let refused = classes.iter().filter(|one| one.class.rules.is_err());
        ctx.metrics.refused_settings("flashclass", refused.count());
        let now = now();
        for observed in &classes {
            let (Some(stored), Some(status)) = (&observed.class.stored, plan(observed, now)) else {
                continue;
            };
            if let Err(error) = write_status(&ctx, &stored.metadata, &status).await {
                tracing::warn!(object.name = observed.class.name(), error = %error, "status of a FlashClass was not written, trying again");
                ctx.cache().news_of_classes = true;
            } else {
                tell(&ctx, &observed.class, stored);
            }
        }
    }
}

/// Says once, beside the conditions, that a class cannot be used, was suspended, or goes on.
fn tell(ctx: &Context, class: &Class, before: &StoredStatus) {
    let version = class.version.to_string();
    for (warning, reason, note) in news(class, before) {
        ctx.tell_administrators(reference(class), &version, (warning, reason), note);
    }
}

/// What the stored status does not say yet: whether it is a warning, the reason, and words.
fn news(class: &Class, before: &StoredStatus) -> Vec<(bool, Reason, String)> {
    let mut news = Vec::new();
    let conditions = &before.status.conditions;
    let told = |problem: &String| {
        let accepted = |known: &&Condition| known.type_ == ConditionType::Accepted.as_str();
        let known = conditions.iter().find(accepted);
        known.is_some_and(|known| known.message == *problem)
    };
    if let Some(problem) = class.rules.as_ref().err().filter(|problem| !told(problem)) {
        tracing::error!(
            object.name = class.name(),
            error = problem,
            "FlashClass cannot be used; nothing of its FlashJobs starts"
        );
        let note = format!("nothing of its FlashJobs starts: {problem}");
        news.push((true, Reason::FlashClassInvalid, note));
    }
    let was = conditions::holds(conditions, ConditionType::Suspended);
    match class.suspension() {
        Some(words) if !was => news.push((false, Reason::Suspended, words)),
        None if was => {
            let name = class.name();
            let note = format!("FlashClass {name} goes on: spec.suspend is not set any more");
            news.push((false, Reason::Resumed, note));
        }
        Some(_) | None => {}
    }
    news
}

fn reference(class: &Class) -> ObjectReference {
    ObjectReference {
        api_version: Some(format!("{GROUP}/{VERSION}")),
        kind: Some("FlashClass".into()),
        name: Some(class.name().to_owned()),
        uid: Some(class.reference.uid.clone()),
        ..ObjectReference::default()
    }
}
