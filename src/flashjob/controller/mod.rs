//! Watches and wiring of the FlashJob controller, for as long as this process leads. Decides nothing.
//!
//! Every watch feeds the cache and queues a pass of the jobs concerned. A pass runs once at a time for one job.

pub(crate) mod classes;
mod namespaces;
mod objects;
pub(crate) mod orphans;
mod prepare;
mod queue;
mod reconcile;
pub(crate) mod remember;
mod takeover;
mod unlabelled;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use futures::StreamExt;
use k8s_openapi::api::core::v1::{Pod, Secret, Service};
use kube::{Resource, core::DeserializeGuard};
use tokio::{sync::mpsc, task::JoinSet};

use self::objects::{Parts, objects};
use super::act::repair::{See, attend};
use crate::flashjob::{
    act::context::Context, controller::queue::passes, observe::cache::Cache,
    plan::triggers::Sighting, spec::job::Job,
};
use crate::{
    api::{FlashJob, Guarded, Instance},
    cluster::{
        Scope,
        clock::now,
        watch::{self, Watch, WatchEvent},
    },
    device::Inventory,
    identifiers::{JobUid, Uuid},
    seam,
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
    nudge_rx: mpsc::UnboundedReceiver<JobUid>,
) {
    let (listed_tx, mut listed_rx) = mpsc::channel::<&'static str>(64);
    let client = &ctx.read;
    let mut tasks = JoinSet::new();
    tasks.spawn(seam::within(jobs(
        Arc::clone(&ctx),
        watch::flash_jobs(client, &Scope::of(&[])),
        scope.clone(),
        listed_tx.clone(),
    )));
    tasks.spawn(seam::within(namespaces::follow(
        Arc::clone(&ctx),
        scope.clone(),
        listed_tx.clone(),
    )));
    let secrets = watch::secrets(client, &scope);
    tasks.spawn(seam::within(objects(
        Arc::clone(&ctx),
        secrets,
        "Secret",
        Cache::see_secret as See<Secret>,
        listed_tx.clone(),
    )));
    let pods = watch::pods(client, &scope);
    tasks.spawn(seam::within(objects(
        Arc::clone(&ctx),
        pods,
        "Pod",
        Cache::see_pod as See<Pod>,
        listed_tx.clone(),
    )));
    let services = watch::services(client, &scope);
    tasks.spawn(seam::within(objects(
        Arc::clone(&ctx),
        services,
        "Service",
        Cache::see_service as See<Service>,
        listed_tx.clone(),
    )));
    let akri = watch::instances(client, &instance_scope);
    tasks.spawn(seam::within(instances(
        Arc::clone(&ctx),
        akri,
        listed_tx.clone(),
    )));
    tasks.spawn(seam::within(classes::classes(Arc::clone(&ctx), listed_tx)));
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
    unlabelled::find(&ctx, &scope).await;
    takeover::find(&ctx, &scope).await;
    ctx.cache().listed = true;
    attend(&ctx);
    let (jobs, slots) = {
        let cache = ctx.cache();
        (cache.jobs().count(), cache.ledger.slots())
    };
    tracing::info!(jobs, slots, "the cache was built from lists");
    tasks.spawn(seam::within(sweeps(Arc::clone(&ctx))));
    tasks.spawn(seam::within(classes::statuses(Arc::clone(&ctx))));
    tasks.spawn(seam::within(passes(ctx, nudge_rx)));
    // Watches and passes never end by themselves; dropping the set ends them.
    while tasks.join_next().await.is_some() {}
}

async fn jobs(
    ctx: Arc<Context>,
    mut events: Watch<Guarded<FlashJob>>,
    scope: Scope,
    listed_tx: mpsc::Sender<&'static str>,
) {
    let mut listing: Option<HashSet<JobUid>> = None;
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
                if ctx.cache().see_job(job) {
                    ctx.nudge(&uid);
                }
            }
            WatchEvent::Deleted(guard) => {
                let uid = guard.meta().uid.as_deref().map(JobUid::from);
                gone(&ctx, uid.as_ref());
            }
            WatchEvent::Listed => {
                let seen = listing.take().unwrap_or_default();
                let known: Vec<JobUid> = ctx.cache().jobs().map(|job| job.uid.clone()).collect();
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

fn gone(ctx: &Context, uid: Option<&JobUid>) {
    if let Some(uid) = uid {
        ctx.cache().see_job_gone(uid);
        ctx.metrics.forget_devices(uid);
    }
}

async fn instances(
    ctx: Arc<Context>,
    mut events: Watch<DeserializeGuard<Instance>>,
    listed_tx: mpsc::Sender<&'static str>,
) {
    let mut listing: HashMap<Option<String>, HashSet<Uuid>> = HashMap::new();
    let mut known_in: HashMap<Option<String>, HashSet<Uuid>> = HashMap::new();
    let mut parts = Parts::new("Instance", listed_tx);
    while let Some(watched) = events.next().await {
        let mut changed = None;
        match watched.event {
            WatchEvent::Restarted => drop(listing.insert(watched.part, HashSet::new())),
            WatchEvent::Seen(guard) => {
                let Some(uid) = guard.meta().uid.as_deref().map(Uuid::from) else {
                    continue;
                };
                let listed = listing.get_mut(&watched.part);
                let is_news = listed.map(|seen| seen.insert(uid.clone())).is_none();
                changed = Some(change(&ctx, &uid, |inventory| {
                    if is_news {
                        inventory.note_appeared(&uid, now());
                    }
                    inventory.see(&guard);
                }));
                known_in.entry(watched.part).or_default().insert(uid);
            }
            WatchEvent::Deleted(guard) => {
                let Some(uid) = guard.meta().uid.as_deref().map(Uuid::from) else {
                    continue;
                };
                known_in.entry(watched.part).or_default().remove(&uid);
                changed = Some(change(&ctx, &uid, |inventory| inventory.delete(&uid)));
            }
            WatchEvent::Listed => {
                let seen = listing.remove(&watched.part).unwrap_or_default();
                let part = watched.part.clone();
                let known = known_in.insert(part, seen.clone()).unwrap_or_default();
                let mut cache = ctx.cache();
                known
                    .difference(&seen)
                    .for_each(|uid| cache.inventory.delete(uid));
                cache.akri_installed = true;
                drop(cache);
                parts.listed(watched.part);
            }
            WatchEvent::NotInstalled => {
                ctx.cache().akri_installed = false;
                parts.listed(watched.part);
            }
            WatchEvent::Failed(error) => {
                ctx.metrics.watch_failed("Instance");
                tracing::warn!(kind = "Instance", error = %error, "watch failed, trying again");
                parts.failed(&ctx, watched.part, &error);
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
fn change(ctx: &Context, uid: &Uuid, change: impl FnOnce(&mut Inventory)) -> Sighting {
    let mut cache = ctx.cache();
    let endpoint = |inventory: &Inventory| {
        let device = inventory.by_uuid(uid)?.as_ref().ok()?;
        Some(device.endpoint.to_string())
    };
    let before = endpoint(&cache.inventory);
    change(&mut cache.inventory);
    let after = endpoint(&cache.inventory);
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
        orphans::sweep(&ctx);
    }
}
