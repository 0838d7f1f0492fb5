//! What a leader does, from the moment when it has the Lease to the moment when it has given it up or lost it.

use std::{sync::Arc, time::Duration};

use tokio::sync::{
    mpsc::{self, UnboundedReceiver, UnboundedSender},
    watch as signal,
};

use super::{
    HELM_GRACE, RunError,
    fence::{self, FenceBroken},
    prepare::Prepared,
    seal_key::KeyStore,
    values::administrators_values,
};
use crate::{
    cluster::{Events, Leadership, Lost, Scope},
    flashjob::{
        self, Context, Engine, HelmCommand, Limits, Native, observe::bounds::Bounds,
        verdict::Markers,
    },
    http::Readiness,
    identifiers::JobUid,
    provenance::{Lookup, Registry},
    seal::Seals,
    settings::{FirmwareDigest, Settings},
};

/// How long running steps get to end when the process stops.
const DRAIN: Duration = Duration::from_secs(20);
/// How long a helm process may take to end when the lease is lost: the next leader may begin soon.
const LOST_HELM_GRACE: Duration = Duration::from_millis(500);

/// Leads until `stop` becomes true or leadership is lost.
pub(super) async fn lead(
    prepared: Prepared,
    mut leadership: Leadership,
    ready: &signal::Sender<Readiness>,
    mut stop: signal::Receiver<bool>,
) -> Result<(), RunError> {
    let metrics = prepared.metrics.clone();
    metrics.leading(true);
    let leader = leadership.identity().to_owned();
    let write = prepared.clients.write.clone();
    let (events, publisher) = Events::start(write, &leader, prepared.crash.clone());
    let proof = Box::pin(prove(&prepared, &leader));
    let ended = match while_held(&mut leadership, &mut stop, proof).await {
        Ok(Some(Ok(()))) => Box::pin(work(prepared, events, &mut leadership, &mut stop)).await,
        Ok(Some(Err(broken))) => {
            metrics.leading(false);
            ready.send_replace(Readiness::Waiting(broken.to_string()));
            events.publish(broken.fact(&prepared.namespace, leadership.lease_uid()));
            drop(events);
            // An event that is lost is not an error.
            let _ = tokio::time::timeout(prepared.settings.write_timeout(), publisher).await;
            Err(broken.into())
        }
        Ok(None) => Ok(()),
        Err(lost) => Err(RunError::Lost(lost)),
    };
    metrics.leading(false);
    if !matches!(ended, Err(RunError::Lost(_))) {
        give_up(leadership).await;
    }
    ended
}

/// Does the work, and keeps the Lease meanwhile. Absent where it was stopped before the work was done.
async fn while_held<T>(
    leadership: &mut Leadership,
    stop: &mut signal::Receiver<bool>,
    work: impl Future<Output = T>,
) -> Result<Option<T>, Lost> {
    tokio::select! {
        biased;
        lost = leadership.keep() => Err(lost),
        done = work => Ok(Some(done)),
        _ = stop.wait_for(|stop| *stop) => Ok(None),
    }
}

/// Proves that the API server fences others, where that is asked for.
async fn prove(prepared: &Prepared, leader: &str) -> Result<(), FenceBroken> {
    let settings = &prepared.settings;
    if !settings.fence {
        return Ok(());
    }
    let places = fence::places(&settings.watch_namespaces, &prepared.namespace);
    fence::prove(&prepared.writer, &places, leader).await
}

/// Carries out jobs. When it is stopped, what is under way is ended in good order, and the Lease is kept until it has.
async fn work(
    prepared: Prepared,
    events: Events,
    leadership: &mut Leadership,
    stop: &mut signal::Receiver<bool>,
) -> Result<(), RunError> {
    let (nudge_tx, nudge_rx) = mpsc::unbounded_channel();
    let store = KeyStore::new(&prepared);
    let keys = match while_held(leadership, stop, Box::pin(store.obtain())).await {
        Ok(Some(keys)) => keys,
        Ok(None) => return Ok(()),
        Err(lost) => return Err(RunError::Lost(lost)),
    };
    let leader = leadership.identity().to_owned();
    let seals = Arc::new(keys.seals());
    let ctx = Arc::new(context(&prepared, events, (leader, seals), nudge_tx));
    let metrics = prepared.metrics.clone();
    let engine = Arc::clone(&ctx.engine);
    let jobs = Box::pin(async {
        tokio::select! {
            biased;
            () = carry_out(Arc::clone(&ctx), prepared, nudge_rx) => {}
            () = store.changed(&keys) => {}
        }
    });
    // Jobs are carried out for ever: what ends them is another key.
    let done = while_held(leadership, stop, jobs).await;
    let rekeyed = matches!(done, Ok(Some(())));
    metrics.leading(false);
    let in_order = async {
        engine.stop(HELM_GRACE).await;
        ctx.drained(DRAIN).await;
    };
    let lost = match done {
        Ok(_) => tokio::select! {
            biased;
            lost = leadership.keep() => lost,
            () = in_order => return if rekeyed { Err(RunError::SealKeyChanged) } else { Ok(()) },
        },
        Err(lost) => lost,
    };
    engine.stop(LOST_HELM_GRACE).await;
    Err(RunError::Lost(lost))
}

/// Carries out jobs, for ever.
async fn carry_out(ctx: Arc<Context>, prepared: Prepared, nudge_rx: UnboundedReceiver<JobUid>) {
    let Prepared {
        settings,
        source,
        namespace,
        ..
    } = prepared;
    let values = administrators_values(Arc::clone(&ctx), source, namespace).await;
    let instances = Scope::of(&settings.akri_namespaces);
    tokio::select! {
        biased;
        () = flashjob::run(ctx, settings.scope(), instances, nudge_rx) => {}
        () = values => {}
    }
}

/// The engine of the settings.
fn engine(prepared: &Prepared) -> Arc<dyn Engine> {
    match &prepared.helm {
        Some(helm) => Arc::new(HelmCommand(Arc::new(helm.clone()))),
        None => Arc::new(Native),
    }
}

/// What passes and steps of this leader share.
fn context(
    prepared: &Prepared,
    events: Events,
    (leader, seals): (String, Arc<Seals>),
    nudge_tx: UnboundedSender<JobUid>,
) -> Context {
    let (read, writer) = (prepared.clients.read.clone(), prepared.writer.clone());
    let ctx = Context::new(
        (read, writer, prepared.crash.clone()),
        (prepared.metrics.clone(), events, leader),
        seals,
        limits(&prepared.settings, prepared.markers.clone()),
        engine(prepared),
        prepared.source.load(None).map(Arc::new),
        nudge_tx,
    )
    .asking(registry(prepared.settings.firmware_digest));
    {
        let mut cache = ctx.cache();
        cache.own_namespace.clone_from(&prepared.namespace);
        let own = prepared.clients.own_addresses.iter().copied();
        cache.inventory.refuse(own);
    }
    ctx
}

/// Who tells the digests of firmware.
fn registry(digest: FirmwareDigest) -> Option<Lookup> {
    if digest == FirmwareDigest::Never {
        return None;
    }
    let client = Registry::new().map_err(
        |error| tracing::error!(error = %error, "no registry is asked: rounds go on with tags"),
    );
    client.ok().map(Lookup::new)
}

/// Lets the next leader begin at once. Call it once no write is under way.
async fn give_up(leadership: Leadership) {
    if let Err(error) = leadership.release().await {
        tracing::warn!(error = %error, "the lease was not given up; it expires by itself");
    }
}

fn limits(settings: &Settings, markers: Markers) -> Limits {
    let seconds = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    Limits {
        max_in_flight: usize::try_from(settings.max_in_flight).unwrap_or(usize::MAX),
        bounds: Bounds {
            address_seconds: seconds(settings.address_timeout_seconds),
            start_seconds: seconds(settings.start_deadline_seconds),
            cool_down_seconds: seconds(settings.cool_down_seconds),
            lost_seconds: seconds(settings.lost_grace_seconds),
            retry_seconds: seconds(settings.retry_base_seconds),
            helm_seconds: seconds(
                (Duration::from_secs(settings.helm_timeout)
                    + HELM_GRACE
                    + settings.write_timeout())
                .as_secs()
                    + 1,
            ),
        },
        markers,
    }
}
