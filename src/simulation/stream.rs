//! Watches: what changes, told in order, later, and not for ever.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::body::{Body, Bytes};
use futures::{StreamExt, stream};
use serde_json::{Value, json};
use tokio::{
    sync::{
        Notify,
        mpsc::{UnboundedSender, unbounded_channel},
    },
    time::{Instant, sleep, timeout_at},
};

use super::{
    api::{Asked, Change, refusal},
    process::Process,
    wire::Shared,
    world::World,
};

/// How often a watch is told the latest version, though nothing of its own changed.
const BOOKMARK: Duration = Duration::from_mins(1);

/// One watch.
struct Teller {
    world: Shared,
    process: Arc<Process>,
    asked: Asked,
    /// How many changes it has looked at.
    seen: usize,
    end: Instant,
    /// Watches opened before this many were cut are cut, too.
    cut: u64,
    line_tx: UnboundedSender<Bytes>,
}

/// Begins a watch.
pub fn open(world: &mut World, shared: &Shared, asked: &Asked, process: &Arc<Process>) -> Body {
    let number = |name: &str| asked.query.get(name)?.parse::<u64>().ok();
    let from = number("resourceVersion").unwrap_or_default();
    if from < world.api.forgotten {
        // As the API server has it: a watch that begins, and says no more than that.
        let words = format!("too old resource version: {from}");
        let event = json!({"type": "ERROR", "object": refusal(410, "Expired", &words)});
        return Body::from(line(&event));
    }
    let (line_tx, line_rx) = unbounded_channel();
    let teller = Teller {
        world: Arc::clone(shared),
        process: Arc::clone(process),
        asked: asked.clone(),
        seen: world
            .api
            .changes
            .partition_point(|change| change.version <= from),
        end: Instant::now() + Duration::from_secs(number("timeoutSeconds").unwrap_or(290)),
        cut: world.cuts[process.place],
        line_tx,
    };
    tokio::spawn(teller.tell());
    let lines = stream::unfold(line_rx, |mut line_rx| async move {
        let line = line_rx.recv().await?;
        Some((Ok::<_, Infallible>(line), line_rx))
    });
    Body::from_stream(lines.boxed())
}

/// An event on its line. The API server says first of which kind it is.
fn line(event: &Value) -> String {
    let (kind, object) = (&event["type"], &event["object"]);
    format!("{{\"type\":{kind},\"object\":{object}}}\n")
}

/// What comes next.
enum Next {
    Event(Value, Duration),
    Wait(Arc<Notify>),
    End,
}

impl Teller {
    async fn tell(mut self) {
        let mut bookmark = Instant::now() + BOOKMARK;
        loop {
            let next = self.next();
            let (event, delay) = match next {
                Next::End => return,
                Next::Event(event, delay) => (event, delay),
                Next::Wait(news) => {
                    let until = bookmark.min(self.end);
                    if timeout_at(until, news.notified()).await.is_ok() {
                        continue;
                    }
                    if Instant::now() >= self.end {
                        return;
                    }
                    bookmark = Instant::now() + BOOKMARK;
                    (self.bookmark(), Duration::ZERO)
                }
            };
            sleep(delay).await;
            let is_last = event["type"] == "ERROR";
            if self.line_tx.send(Bytes::from(line(&event))).is_err()
                || is_last
                || self.process.is_dead()
            {
                return;
            }
        }
    }

    fn next(&mut self) -> Next {
        let world = Arc::clone(&self.world);
        let mut world = world.lock().unwrap();
        let news = Arc::clone(&world.news);
        if self.process.is_dead() || self.line_tx.is_closed() {
            return Next::End;
        }
        if world.cuts[self.process.place] != self.cut {
            // The events in between are told by the watch that follows, unless they are forgotten by then.
            self.cut = world.cuts[self.process.place];
            if world.chance.one_in(2) {
                return Next::End;
            }
            let gone = refusal(410, "Expired", "too old resource version");
            return Next::Event(json!({"type": "ERROR", "object": gone}), Duration::ZERO);
        }
        while let Some(change) = world.api.changes.get(self.seen).cloned() {
            self.seen += 1;
            if let Some(event) = event_of(&self.asked, &change) {
                let delay = world.delay_of_event();
                return Next::Event(event, delay);
            }
        }
        Next::Wait(news)
    }

    fn bookmark(&self) -> Value {
        let version = self.world.lock().unwrap().api.version.to_string();
        json!({"type": "BOOKMARK", "object": {"kind": "Object", "apiVersion": "v1",
               "metadata": {"resourceVersion": version, "creationTimestamp": null}}})
    }
}

/// What a watch is told of a change: an object that it does not select any more is deleted, as far as it knows.
fn event_of(asked: &Asked, change: &Change) -> Option<Value> {
    let selected = |object: &Option<Arc<Value>>| {
        let object = object.as_ref();
        object.is_some_and(|object| asked.selects(&change.key, object))
    };
    let (was, is) = (selected(&change.before), selected(&change.after));
    let mut object = match (was, is) {
        (false, false) => return None,
        (_, true) => Value::clone(change.after.as_ref()?),
        (true, false) if change.after.is_some() => Value::clone(change.before.as_ref()?),
        (true, false) => Value::clone(&change.told),
    };
    object["metadata"]["resourceVersion"] = json!(change.version.to_string());
    let kind = match (was, is) {
        (true, true) => "MODIFIED",
        (false, true) => "ADDED",
        _ => "DELETED",
    };
    Some(json!({"type": kind, "object": object}))
}
