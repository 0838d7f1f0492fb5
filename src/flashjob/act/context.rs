//! What the passes and actions of the FlashJob controller share: clients, state, the flash chart, settings.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
    time::Duration,
};

use k8s_openapi::api::core::v1::ObjectReference;
use kube::{Client, Resource};
use tokio::sync::{Notify, mpsc::UnboundedSender};

use super::{engine::Engine, workshop::Workshop};
use crate::{
    api::Refusal,
    flashclass::OperatorDefaults,
    flashjob::{
        blueprint::FlashPod,
        observe::{
            World,
            bounds::Bounds,
            cache::Cache,
            waits::{Moment, Now},
        },
        plan::triggers::{self, Sighting},
        spec::job::Job,
        status::{
            count,
            events::{About, news},
            metrics,
        },
        verdict::Markers,
    },
    identifiers::JobUid,
};
use crate::{
    api::{DevicePhase, FlashJobStatus, Reason},
    cluster::{Events, Fact, Writer, clock},
    crash::Crash,
    flashclass::Class,
    provenance::Lookup,
    seal::Seals,
    telemetry::Metrics,
};

/// How often it is looked whether actions have ended, when the process stops.
const DRAIN_POLL: Duration = Duration::from_millis(50);

/// The settings that passes and actions need.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Slots of all jobs together.
    pub max_in_flight: usize,
    /// Bounds of waiting.
    pub bounds: Bounds,
    /// What the flash pod's log means.
    pub markers: Markers,
}

/// What both clocks show.
#[must_use]
pub fn both_clocks() -> Now {
    Now {
        wall: clock::now(),
        steady: Moment::new(clock::boot_time()),
    }
}

/// See the module's documentation.
pub struct Context {
    /// Writes.
    pub writer: Writer,
    /// Reads.
    pub read: Client,
    /// Where to abort, in tests.
    pub crash: Crash,
    /// Metrics.
    pub metrics: Metrics,
    /// Settings.
    pub limits: Limits,
    /// How releases get into the cluster.
    pub engine: Arc<dyn Engine>,
    /// Seals what is written.
    pub seals: Arc<Seals>,
    /// Holder identity under which this process leads: every Pod that it creates bears it.
    pub leader: String,
    /// Knows the digests of firmware; none where no registry is asked.
    pub registry: Option<Lookup>,
    /// Where charts are rendered.
    pub workshop: Workshop,
    /// Wakes what writes the statuses of classes: one of them is new.
    pub class_changed: Notify,
    events: Events,
    cache: Mutex<Cache>,
    flash_pod: RwLock<Result<Arc<FlashPod>, Refusal>>,
    nudge_tx: UnboundedSender<JobUid>,
}

impl Context {
    /// Puts together what passes and actions share. `leader` is the Lease's holder identity, `nudge_tx` queues a pass of a job.
    #[must_use]
    pub fn new(
        (read, writer, crash): (Client, Writer, Crash),
        (metrics, events, leader): (Metrics, Events, String),
        seals: Arc<Seals>,
        limits: Limits,
        engine: Arc<dyn Engine>,
        flash_pod: Result<Arc<FlashPod>, Refusal>,
        nudge_tx: UnboundedSender<JobUid>,
    ) -> Self {
        let mut cache = Cache::default();
        cache.seals = Some(Arc::clone(&seals));
        let cache = Mutex::new(cache);
        metrics.expect_verdicts(
            DevicePhase::Failed.as_str(),
            metrics::FAILURES.map(Reason::as_str),
        );
        Self {
            writer,
            read,
            crash,
            metrics,
            limits,
            engine,
            seals,
            leader,
            registry: None,
            class_changed: Notify::new(),
            workshop: Workshop::default(),
            events,
            cache,
            flash_pod: RwLock::new(flash_pod),
            nudge_tx,
        }
    }

    /// The same, which asks registries before rounds begin.
    #[must_use]
    pub fn asking(mut self, registry: Option<Lookup>) -> Self {
        self.registry = registry;
        self
    }

    /// The cache, locked. Never held across a wait.
    pub fn cache(&self) -> MutexGuard<'_, Cache> {
        // A panic while it was held leaves a cache that is rebuilt from events; stopping all jobs would be worse.
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The flash chart, or why it cannot be used.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub fn flash_pod(&self) -> Result<Arc<FlashPod>, Refusal> {
        self.flash_pod
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The flash chart as it is for this job: under its classes, with the defaults of its round.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub fn flash_pod_of(&self, job: &Job) -> Result<Arc<FlashPod>, Refusal> {
        let flash_pod = self.flash_pod()?;
        let terms = self.cache().terms(job);
        Ok(Arc::new(flash_pod.under(&terms)))
    }

    /// Replaces the flash chart; every class is checked against it, and every job is looked at again.
    pub fn set_flash_pod(&self, flash_pod: Result<Arc<FlashPod>, Refusal>) {
        let chart = flash_pod.as_ref().ok().cloned();
        *self
            .flash_pod
            .write()
            .unwrap_or_else(PoisonError::into_inner) = flash_pod;
        {
            let mut cache = self.cache();
            cache.news_of_classes = true;
            cache
                .classes
                .check(|values| chart.as_ref()?.class_fault(values));
        }
        self.class_changed.notify_one();
        self.nudge_all();
    }

    /// A class as the flash chart sees it. Call it with the cache locked, or a chart that is replaced meanwhile does not see it.
    #[must_use]
    pub fn checked(&self, class: Class) -> Class {
        let chart = self.flash_pod().ok();
        class.checked(|values| chart.as_ref()?.class_fault(values))
    }

    /// Queues a pass of every job that a device concerns: its Instance came, went or changed.
    pub fn nudge_concerned(&self, seen: &Sighting) {
        let uids = triggers::concerned(&self.cache(), seen);
        for uid in &uids {
            self.nudge(uid);
        }
    }

    /// Queues a pass of every job that may wait for what another job holds; how many those are.
    pub fn nudge_contending(&self) -> usize {
        let uids = triggers::contending(&self.cache());
        for uid in &uids {
            self.nudge(uid);
        }
        uids.len()
    }

    /// Name of the engine in use.
    #[must_use]
    pub fn engine(&self) -> &'static str {
        self.engine.name().as_str()
    }

    /// What holds of jobs of this chart where neither they nor their classes say it.
    #[must_use]
    pub fn operator_defaults(&self, flash_pod: Option<&FlashPod>) -> OperatorDefaults {
        OperatorDefaults {
            engine: self.engine.name().into(),
            chart_allow: flash_pod.map_or_else(Vec::new, |flash_pod| flash_pod.used.names()),
            address_timeout_seconds: self.limits.bounds.address_seconds,
        }
    }

    /// What is true for all jobs; `flash_pod` is the chart of the job that is looked at.
    #[must_use]
    pub fn world(&self, cache: &Cache, flash_pod: &Result<Arc<FlashPod>, Refusal>) -> World {
        let chart = flash_pod.as_ref().err().cloned();
        let fixed = flash_pod
            .as_ref()
            .is_ok_and(|flash_pod| flash_pod.has_fixed_address());
        let max_in_flight = if fixed { 1 } else { self.limits.max_in_flight };
        cache.world(
            chart,
            max_in_flight,
            self.operator_defaults(flash_pod.as_deref().ok()),
            self.limits.bounds,
            both_clocks().steady,
        )
    }

    /// Queues a pass of the job with this uid.
    pub fn nudge(&self, job_uid: &JobUid) {
        // The receiver is gone only when the process stops.
        let _ = self.nudge_tx.send(job_uid.clone());
    }

    /// Waits until no action is running and no write of a pass that was dropped can be carried out any more, at most `limit`: the
    /// next leader trusts that no write is under way.
    pub async fn drained(&self, limit: Duration) {
        let mut waited = Duration::ZERO;
        let acting = || self.cache().ledger.all().any(|(_, attempt)| attempt.acting);
        while waited < limit && (acting() || self.writer.is_under_way()) {
            tokio::time::sleep(DRAIN_POLL).await;
            waited += DRAIN_POLL;
        }
    }

    /// Queues a pass of every job.
    pub fn nudge_all(&self) {
        let uids: Vec<JobUid> = self.cache().jobs().map(|job| job.uid.clone()).collect();
        for uid in uids {
            self.nudge(&uid);
        }
    }

    /// Selected devices of a job, for messages.
    #[must_use]
    pub fn selected(&self, job_uid: &JobUid) -> i64 {
        self.cache()
            .rosters
            .get(job_uid)
            .map_or(0, |roster| count(roster.devices().len()))
    }

    /// Publishes an event about a job, and a device of it where one is named; never fails and never waits.
    pub fn event(
        &self,
        job: &Job,
        device: Option<&str>,
        (warning, reason): (bool, &'static str),
        note: String,
    ) {
        let related = device.map(instance);
        self.publish(job, related, (warning, reason), note);
    }

    /// Publishes an event about a part of a job, such as one of its rounds: events about several parts stay apart.
    pub fn event_of_part(&self, job: &Job, part: String, reason: Reason, note: String) {
        self.publish(
            job,
            Some(part_of(job, part)),
            (false, reason.as_str()),
            note,
        );
    }

    /// Publishes an event about a job and something else: events about several of those stay apart.
    pub fn publish(
        &self,
        job: &Job,
        related: Option<ObjectReference>,
        (warning, reason): (bool, &'static str),
        note: String,
    ) {
        self.events.publish(Fact {
            about: job.object.object_ref(&()),
            related,
            warning,
            reason,
            action: "Reconcile",
            note,
        });
    }

    /// Publishes an event about an object that administrators keep: a class, or the values for all devices. `version` is that of
    /// the object: events about several changes stay apart by it.
    pub fn tell_administrators(
        &self,
        about: ObjectReference,
        version: &str,
        (warning, reason): (bool, Reason),
        note: String,
    ) {
        let related = ObjectReference {
            field_path: Some(format!("metadata{{{version}}}")),
            ..about.clone()
        };
        self.events.publish(Fact {
            about,
            related: Some(related),
            warning,
            reason: reason.as_str(),
            action: "Load",
            note,
        });
    }

    /// Publishes what changed between two stored statuses.
    pub fn transitions(&self, job: &Job, now: &FlashJobStatus) {
        for news in news(&job.status, now) {
            let related = match news.about {
                About::Job => None,
                About::Device(uuid) => Some(instance(&uuid)),
                About::Step(id) => Some(part_of(job, format!("status.step{{{id}}}"))),
            };
            self.publish(job, related, (news.warning, news.reason), news.note);
        }
    }
}

/// The Instance of a device, as far as it is known by its UUID.
fn instance(uuid: &str) -> ObjectReference {
    ObjectReference {
        kind: Some("Instance".into()),
        uid: Some(uuid.to_owned()),
        name: Some(uuid.to_owned()),
        ..ObjectReference::default()
    }
}

/// A part of a job: events about several parts stay apart by it.
fn part_of(job: &Job, part: String) -> ObjectReference {
    ObjectReference {
        field_path: Some(part),
        ..job.object.object_ref(&())
    }
}
