//! Kubernetes events: what happened to a job, for `kubectl describe`. Published in the background; a lost event is not an error.

use k8s_openapi::api::core::v1::ObjectReference;
use kube::{
    Client,
    runtime::events::{Event, EventType, Recorder, Reporter},
};
use tokio::{sync::mpsc, task::JoinHandle};
use tracing::debug;

use crate::{
    crash::{Crash, Write},
    display, names, seam,
};

/// Events that may wait to be published; more are dropped.
const WAITING: usize = 512;
/// Longest name of the reporting instance, in bytes.
const INSTANCE_LIMIT: usize = 128;

/// One event about a job.
#[derive(Debug, Clone, PartialEq)]
pub struct Fact {
    /// The object it is about, usually the `FlashJob`.
    pub about: ObjectReference,
    /// A second object, usually the Pod. The recorder joins events that differ in nothing but their note, and keeps
    /// the first note: events about several devices of one job need this to stay apart.
    pub related: Option<ObjectReference>,
    /// Whether somebody should look at it.
    pub warning: bool,
    /// One word from the closed set of reasons.
    pub reason: &'static str,
    /// What the operator did or tried, one word.
    pub action: &'static str,
    /// What happened, in words.
    pub note: String,
}

/// Where events are handed in.
#[derive(Clone, Debug)]
pub struct Events {
    fact_tx: mpsc::Sender<Fact>,
}

impl Events {
    /// Starts the task that publishes; it ends when the last `Events` is dropped.
    #[must_use]
    pub fn start(client: Client, instance: &str, crash: Crash) -> (Self, JoinHandle<()>) {
        let recorder = Recorder::new(
            client,
            Reporter {
                controller: names::FIELD_MANAGER.to_owned(),
                instance: Some(display::line(instance, INSTANCE_LIMIT).into_owned()),
            },
        );
        let (fact_tx, mut fact_rx) = mpsc::channel::<Fact>(WAITING);
        let task = seam::spawn(async move {
            while let Some(fact) = fact_rx.recv().await {
                let published = publish(&recorder, fact);
                // A failure was said already, and an event that is lost is not an error.
                let _ = crash.around(Write::Event, published).await;
            }
        });
        (Self { fact_tx }, task)
    }

    /// Hands an event in. Never waits and never fails: where too many wait, it is dropped.
    pub fn publish(&self, fact: Fact) {
        if let Err(error) = self.fact_tx.try_send(fact) {
            debug!(%error, "an event was dropped");
        }
    }
}

/// Whether it was published; a failure is logged.
async fn publish(recorder: &Recorder, fact: Fact) -> Result<(), ()> {
    let event = Event {
        type_: if fact.warning {
            EventType::Warning
        } else {
            EventType::Normal
        },
        reason: fact.reason.to_owned(),
        note: Some(display::prose(&fact.note, display::MESSAGE).into_owned()),
        action: fact.action.to_owned(),
        secondary: fact.related,
    };
    let published = tokio::time::timeout(
        std::time::Duration::from_secs(5),
        recorder.publish(&event, &fact.about),
    );
    match published.await {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(error)) => debug!(%error, reason = event.reason, "an event was not published"),
        Err(_) => debug!(reason = event.reason, "an event was not published in time"),
    }
    Err(())
}
