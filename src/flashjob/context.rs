//! What the passes and steps of the FlashJob controller share: clients, state, the flash chart, settings.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
    time::Duration,
};

use k8s_openapi::api::core::v1::ObjectReference;
use kube::{Client, Resource};
use tokio::sync::mpsc::UnboundedSender;

use super::{
    attempts::Bounds,
    blueprint::FlashPod,
    concern::{self, Sighting},
    conditions, gauge,
    job::Job,
    memory::Refusal,
    plan::World,
    rollout::events::{Told, told},
    state::State,
    status::count,
    verdict::Markers,
};
use crate::{
    api::{ConditionType, DevicePhase, DeviceStatus, FlashJobStatus, Reason},
    cluster::{Events, Fact, Writer},
    crash::Crash,
    release::engine::helm::Helm,
    telemetry::Metrics,
};

/// How often it is looked whether steps have ended, when the process stops.
const DRAIN_POLL: Duration = Duration::from_millis(50);

/// The settings that passes and steps need.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Slots of all jobs together.
    pub max_in_flight: usize,
    /// Bounds of waiting.
    pub bounds: Bounds,
    /// What the flash pod's log means.
    pub markers: Markers,
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
    /// The helm command, where it is the engine.
    pub helm: Option<Arc<Helm>>,
    /// Holder identity under which this process leads: every Pod that it creates bears it.
    pub leader: String,
    events: Events,
    state: Mutex<State>,
    flash_pod: RwLock<Result<Arc<FlashPod>, Refusal>>,
    nudge_tx: UnboundedSender<String>,
}

/// Whether a device that did not fail has something to say: its attempt failed and is tried again, or what was read back is not
/// what was expected.
fn is_news(before: &FlashJobStatus, device: &DeviceStatus) -> bool {
    let unexpected = [Reason::VersionMismatch, Reason::NotSeen]
        .iter()
        .any(|reason| device.reason.as_deref() == Some(reason.as_str()));
    let known = before
        .devices
        .iter()
        .find(|known| known.index == device.index);
    let failures = known.map_or(0, |known| known.earlier_failures.len());
    let retried =
        device.phase == DevicePhase::Waiting.as_str() && device.earlier_failures.len() > failures;
    let observed = device.phase == DevicePhase::Succeeded.as_str()
        && unexpected
        && known.is_none_or(|known| known.phase != device.phase);
    retried || observed
}

impl Context {
    /// Puts together what passes and steps share. `leader` is the Lease's holder identity, `nudge_tx` queues a pass of a job.
    #[must_use]
    pub fn new(
        (read, writer, crash): (Client, Writer, Crash),
        (metrics, events, leader): (Metrics, Events, String),
        limits: Limits,
        helm: Option<Arc<Helm>>,
        flash_pod: Result<Arc<FlashPod>, Refusal>,
        nudge_tx: UnboundedSender<String>,
    ) -> Self {
        let state = Mutex::new(State::default());
        metrics.expect_verdicts(
            DevicePhase::Failed.as_str(),
            gauge::FAILURES.map(Reason::as_str),
        );
        Self {
            writer,
            read,
            crash,
            metrics,
            limits,
            helm,
            leader,
            events,
            state,
            flash_pod: RwLock::new(flash_pod),
            nudge_tx,
        }
    }

    /// The state, locked. Never held across a wait.
    pub fn state(&self) -> MutexGuard<'_, State> {
        // A panic while it was held leaves a state that is rebuilt from events; stopping all jobs would be worse.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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
        let terms = self.state().terms(job);
        Ok(Arc::new(flash_pod.under(&terms)))
    }

    /// Replaces the flash chart; every job is looked at again.
    pub fn set_flash_pod(&self, flash_pod: Result<Arc<FlashPod>, Refusal>) {
        *self
            .flash_pod
            .write()
            .unwrap_or_else(PoisonError::into_inner) = flash_pod;
        self.state().news_of_classes = true;
        self.nudge_all();
    }

    /// Queues a pass of every job that a device concerns: its Instance came, went or changed.
    pub fn nudge_concerned(&self, seen: &Sighting) {
        let uids = concern::concerned(&self.state(), seen);
        for uid in &uids {
            self.nudge(uid);
        }
    }

    /// Queues a pass of every job that may wait for what another job holds; how many those are.
    pub fn nudge_contending(&self) -> usize {
        let uids = concern::contending(&self.state());
        for uid in &uids {
            self.nudge(uid);
        }
        uids.len()
    }

    /// Name of the engine in use.
    #[must_use]
    pub const fn engine(&self) -> &'static str {
        if self.helm.is_some() {
            "helm"
        } else {
            "native"
        }
    }

    /// What is true for all jobs; `flash_pod` is the chart of the job that is looked at.
    #[must_use]
    pub fn world(&self, state: &State, flash_pod: &Result<Arc<FlashPod>, Refusal>) -> World {
        let chart = flash_pod.as_ref().err().cloned();
        let fixed = flash_pod
            .as_ref()
            .is_ok_and(|flash_pod| flash_pod.has_fixed_address());
        let max_in_flight = if fixed { 1 } else { self.limits.max_in_flight };
        state.world(
            chart,
            max_in_flight,
            self.engine().to_owned(),
            self.limits.bounds,
        )
    }

    /// Queues a pass of the job with this uid.
    pub fn nudge(&self, job_uid: &str) {
        // The receiver is gone only when the process stops.
        let _ = self.nudge_tx.send(job_uid.to_owned());
    }

    /// Waits until no step is running, at most `limit`: the next leader trusts that no write is under way.
    pub async fn drained(&self, limit: Duration) {
        let mut waited = Duration::ZERO;
        while waited < limit && self.state().ledger.all().any(|(_, attempt)| attempt.step) {
            tokio::time::sleep(DRAIN_POLL).await;
            waited += DRAIN_POLL;
        }
    }

    /// Queues a pass of every job.
    pub fn nudge_all(&self) {
        let uids: Vec<String> = self.state().jobs().map(|job| job.uid.clone()).collect();
        for uid in uids {
            self.nudge(&uid);
        }
    }

    /// Selected devices of a job, for messages.
    #[must_use]
    pub fn selected(&self, job_uid: &str) -> i64 {
        self.state()
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
        let related = device.map(|uuid| ObjectReference {
            kind: Some("Instance".into()),
            uid: Some(uuid.to_owned()),
            name: Some(uuid.to_owned()),
            ..ObjectReference::default()
        });
        self.publish(job, related, (warning, reason), note);
    }

    /// Publishes an event about a part of a job, such as one of its rounds: events about several parts stay apart.
    pub fn event_of_part(&self, job: &Job, part: String, reason: Reason, note: String) {
        let related = ObjectReference {
            field_path: Some(part),
            ..job.object.object_ref(&())
        };
        self.publish(job, Some(related), (false, reason.as_str()), note);
    }

    fn publish(
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

    /// Publishes an event about the order and pace of a job. Those about several steps of it stay apart by their related object.
    fn tell(&self, job: &Job, told: Told) {
        let related = told.step.map(|step| ObjectReference {
            field_path: Some(format!("status.step{{{step}}}")),
            ..job.object.object_ref(&())
        });
        self.events.publish(Fact {
            about: job.object.object_ref(&()),
            related,
            warning: told.warning,
            reason: told.reason.as_str(),
            action: "Reconcile",
            note: told.note,
        });
    }

    /// Publishes what changed between two stored statuses.
    pub fn transitions(&self, job: &Job, now: &FlashJobStatus) {
        let before = &job.status;
        let failed = DevicePhase::Failed.as_str();
        let known = |index: i64| {
            before
                .devices
                .iter()
                .any(|device| device.index == index && device.phase == failed)
        };
        for device in now
            .devices
            .iter()
            .filter(|device| device.phase == failed && !known(device.index))
        {
            let known = device.reason.as_deref().and_then(Reason::parse);
            let reason = known.map_or("DeviceFailed", Reason::as_str);
            let message = device.message.clone().unwrap_or_default();
            let note = format!("device {} ({}): {message}", device.index, device.uuid);
            self.event(job, Some(&device.uuid), (true, reason), note);
        }
        for device in now.devices.iter().filter(|device| is_news(before, device)) {
            let known = Reason::ALL
                .iter()
                .find(|reason| Some(reason.as_str()) == device.reason.as_deref());
            let reason = known.map_or("DeviceChanged", |reason| reason.as_str());
            let message = device.message.clone().unwrap_or_default();
            let note = format!("device {} ({}): {message}", device.index, device.uuid);
            self.event(job, Some(&device.uuid), (true, reason), note);
        }
        let foreign = Reason::ForeignRevision.as_str();
        let is_foreign = |device: &&DeviceStatus| device.reason.as_deref() == Some(foreign);
        let said = |index: i64| {
            before
                .devices
                .iter()
                .any(|device| device.index == index && is_foreign(&device))
        };
        for device in now
            .devices
            .iter()
            .filter(is_foreign)
            .filter(|device| !said(device.index))
        {
            let note = device.message.clone().unwrap_or_default();
            self.event(job, Some(&device.uuid), (true, foreign), note);
        }
        for told in told(before, now) {
            self.tell(job, told);
        }
        for kind in [
            ConditionType::Complete,
            ConditionType::Failed,
            ConditionType::Stalled,
        ] {
            let begins = conditions::holds(&now.conditions, kind)
                && !conditions::holds(&before.conditions, kind);
            // A job that failed is stalled, too: said once.
            let said = kind == ConditionType::Stalled
                && conditions::holds(&now.conditions, ConditionType::Failed);
            if begins && !said {
                let message = now.message.clone().unwrap_or_default();
                let reason = now.reason.clone().unwrap_or_default();
                let warning = kind != ConditionType::Complete;
                self.event(
                    job,
                    None,
                    (warning, kind.as_str()),
                    format!("{reason}: {message}"),
                );
            }
        }
    }
}
