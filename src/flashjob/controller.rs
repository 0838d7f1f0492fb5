//! Watches and wiring of the FlashJob controller, for as long as this process leads. Decides nothing.
//!
//! Every watch feeds the state and queues a pass of the jobs concerned. A pass runs once at a time for one job.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use futures::StreamExt;
use k8s_openapi::api::core::v1::{Pod, Secret, Service};
use kube::{Resource, ResourceExt, core::DeserializeGuard};
use serde::de::DeserializeOwned;
use tokio::{sync::mpsc, task::JoinSet};

use super::{
    concern::Sighting, context::Context, job::Job, namespaces, passes::passes, sight::AttemptKey,
    state::State, sweep, takeover,
};
use crate::{
    api::{FlashJob, Instance},
    cluster::{
        Reader, Scope,
        watch::{self, Watch, WatchEvent},
    },
    device::Inventory,
    flashclass,
};

/// How long the watches get to list everything before it is said that they are slow.
const SLOW_START: Duration = Duration::from_secs(15);
/// How often jobs of which only attempts are left are looked for, beside every change of a job.
const SWEEP: Duration = Duration::from_secs(5);

/// Lists everything, then makes passes until it is dropped.
pub async fn run(
    ctx: Arc<Context>,
    scope: Scope,
    instance_scope: Scope,
    nudge_rx: mpsc::UnboundedReceiver<String>,
) {
    let (listed_tx, mut listed_rx) = mpsc::channel::<&'static str>(64);
    let client = &ctx.read;
    let mut tasks = JoinSet::new();
    tasks.spawn(jobs(
        Arc::clone(&ctx),
        watch::flash_jobs(client, &Scope::of(&[])),
        scope.clone(),
        listed_tx.clone(),
    ));
    tasks.spawn(namespaces::follow(
        Arc::clone(&ctx),
        scope.clone(),
        listed_tx.clone(),
    ));
    let secrets = watch::secrets(client, &scope);
    tasks.spawn(objects(
        Arc::clone(&ctx),
        secrets,
        "Secret",
        State::see_secret as See<Secret>,
        listed_tx.clone(),
    ));
    let pods = watch::pods(client, &scope);
    tasks.spawn(objects(
        Arc::clone(&ctx),
        pods,
        "Pod",
        State::see_pod as See<Pod>,
        listed_tx.clone(),
    ));
    let services = watch::services(client, &scope);
    tasks.spawn(objects(
        Arc::clone(&ctx),
        services,
        "Service",
        State::see_service as See<Service>,
        listed_tx.clone(),
    ));
    let akri = watch::instances(client, &instance_scope);
    tasks.spawn(instances(Arc::clone(&ctx), akri, listed_tx.clone()));
    tasks.spawn(flashclass::controller::classes(Arc::clone(&ctx), listed_tx));
    // Every part of every source has to be listed, or known not to exist, before the first decision.
    let parts = scope.parts().len();
    let mut missing: HashMap<&'static str, usize> = [
        ("FlashJob", 1),
        ("FlashClass", 1),
        ("Namespace", 1),
        ("Secret", parts),
        ("Pod", parts),
        ("Service", parts),
    ]
    .into();
    missing.insert("Instance", instance_scope.parts().len());
    while missing.values().any(|parts| *parts > 0) {
        match tokio::time::timeout(SLOW_START, listed_rx.recv()).await {
            Ok(Some(kind)) => drop(
                missing
                    .entry(kind)
                    .and_modify(|parts| *parts = parts.saturating_sub(1)),
            ),
            Ok(None) => return,
            Err(_) => tracing::warn!(
                ?missing,
                "still listing what exists; is every right granted?"
            ),
        }
    }
    takeover::find(&ctx, &scope).await;
    let (jobs, slots) = {
        let state = ctx.state();
        (state.jobs().count(), state.ledger.slots())
    };
    tracing::info!(jobs, slots, "state was built from lists");
    tasks.spawn(sweeps(Arc::clone(&ctx)));
    tasks.spawn(flashclass::controller::statuses(Arc::clone(&ctx)));
    tasks.spawn(passes(ctx, nudge_rx));
    // Watches and passes never end by themselves; dropping the set ends them.
    while tasks.join_next().await.is_some() {}
}

/// How an object of a kind is taken into the state.
type See<K> = fn(&mut State, &K) -> Option<AttemptKey>;

async fn objects<K>(
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
                // The receiver is gone once everything was listed.
                let _ = listed_tx.try_send(kind);
            }
            WatchEvent::NotInstalled => {
                tracing::error!(kind, "the API server does not know this kind");
            }
            WatchEvent::Failed(error) => {
                ctx.metrics.watch_failed(kind);
                tracing::warn!(kind, error = %error, "watch failed, trying again");
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

async fn jobs(
    ctx: Arc<Context>,
    mut events: Watch<DeserializeGuard<FlashJob>>,
    scope: Scope,
    listed_tx: mpsc::Sender<&'static str>,
) {
    let mut listing: Option<HashSet<String>> = None;
    while let Some(watched) = events.next().await {
        match watched.event {
            WatchEvent::Restarted => listing = Some(HashSet::new()),
            WatchEvent::Seen(guard) => {
                let Some(job) = Job::parse(&guard).filter(|job| scope.contains(&job.namespace))
                else {
                    continue;
                };
                if let Some(seen) = &mut listing {
                    seen.insert(job.uid.clone());
                }
                let uid = job.uid.clone();
                if ctx.state().see_job(job) {
                    ctx.nudge(&uid);
                }
            }
            WatchEvent::Deleted(guard) => gone(&ctx, guard.meta().uid.as_deref()),
            WatchEvent::Listed => {
                let seen = listing.take().unwrap_or_default();
                let known: Vec<String> = ctx.state().jobs().map(|job| job.uid.clone()).collect();
                for uid in known.iter().filter(|uid| !seen.contains(*uid)) {
                    gone(&ctx, Some(uid));
                }
                let _ = listed_tx.try_send("FlashJob");
            }
            WatchEvent::NotInstalled => tracing::error!(
                "the API server does not know FlashJobs: install the CRDs of the chart"
            ),
            WatchEvent::Failed(error) => {
                ctx.metrics.watch_failed("FlashJob");
                tracing::warn!(kind = "FlashJob", error = %error, "watch failed, trying again");
            }
        }
    }
}

fn gone(ctx: &Context, uid: Option<&str>) {
    if let Some(uid) = uid {
        ctx.state().see_job_gone(uid);
        ctx.metrics.forget_devices(uid);
    }
}

async fn instances(
    ctx: Arc<Context>,
    mut events: Watch<DeserializeGuard<Instance>>,
    listed_tx: mpsc::Sender<&'static str>,
) {
    let mut listing: HashMap<Option<String>, HashSet<String>> = HashMap::new();
    let mut parts: HashMap<Option<String>, HashSet<String>> = HashMap::new();
    while let Some(watched) = events.next().await {
        let mut changed = None;
        match watched.event {
            WatchEvent::Restarted => drop(listing.insert(watched.part, HashSet::new())),
            WatchEvent::Seen(guard) => {
                let Ok(instance) = &guard.0 else { continue };
                let Some(uid) = instance.uid() else { continue };
                listing
                    .get_mut(&watched.part)
                    .map(|seen| seen.insert(uid.clone()));
                changed = Some(change(&ctx, &uid, |inventory| inventory.apply(instance)));
                parts.entry(watched.part).or_default().insert(uid);
            }
            WatchEvent::Deleted(guard) => {
                let Some(uid) = guard.meta().uid.clone() else {
                    continue;
                };
                parts.entry(watched.part).or_default().remove(&uid);
                changed = Some(change(&ctx, &uid, |inventory| inventory.delete(&uid)));
            }
            WatchEvent::Listed => {
                let seen = listing.remove(&watched.part).unwrap_or_default();
                let known = parts.insert(watched.part, seen.clone()).unwrap_or_default();
                let mut state = ctx.state();
                known
                    .difference(&seen)
                    .for_each(|uid| state.inventory.delete(uid));
                state.akri_installed = true;
                let _ = listed_tx.try_send("Instance");
            }
            WatchEvent::NotInstalled => {
                ctx.state().akri_installed = false;
                let _ = listed_tx.try_send("Instance");
            }
            WatchEvent::Failed(error) => {
                ctx.metrics.watch_failed("Instance");
                tracing::warn!(kind = "Instance", error = %error, "watch failed, trying again");
            }
        }
        match changed.filter(|_| listing.is_empty()) {
            Some(seen) => ctx.nudge_concerned(&seen),
            None if listing.is_empty() => ctx.nudge_all(),
            None => {}
        }
    }
}

/// Changes the inventory; where the device of this uid was and is.
fn change(ctx: &Context, uid: &str, change: impl FnOnce(&mut Inventory)) -> Sighting {
    let mut state = ctx.state();
    let endpoint = |inventory: &Inventory| {
        let device = inventory.by_uuid(uid)?.as_ref().ok()?;
        Some(device.endpoint.to_string())
    };
    let before = endpoint(&state.inventory);
    change(&mut state.inventory);
    let after = endpoint(&state.inventory);
    Sighting {
        uid: uid.to_owned(),
        endpoints: before.into_iter().chain(after).collect(),
    }
}

/// Attempts whose job is gone.
async fn sweeps(ctx: Arc<Context>) {
    let mut tick = tokio::time::interval(SWEEP);
    loop {
        tick.tick().await;
        sweep::sweep(&ctx);
    }
}
