//! What a stream of events is fed with: a snapshot, then what changes, and a snapshot again where changes were missed. Reads only.

use std::time::Duration;

use axum::{http::StatusCode, response::sse::Event};
use futures::StreamExt;
use kube::api::WatchEvent;
use serde_json::{Value, json};
use tokio::{
    sync::mpsc::Sender,
    time::{Instant, sleep},
};

use crate::{
    cluster::{Caller, Changes, Followed, Part, refused},
    problem::Problem,
};

/// Pause before a watch begins again where the one before ended at once; it doubles.
const PAUSE: Duration = Duration::from_secs(1);
/// Longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A watch that stood as long did not end at once.
const STOOD: Duration = Duration::from_secs(10);

/// How a stream begins.
pub enum Start {
    /// With what there is, of which this is the first part.
    Snapshot(Part),
    /// With what changed after this version.
    Changes(String, Changes),
}

/// The reader has gone, or has been told why the stream ends.
struct Over;

/// Feeds one stream.
pub struct Feed {
    caller: Caller,
    followed: Followed,
    events: Sender<Event>,
    pause: Duration,
}

impl Start {
    /// From the event with that id on, where there is one and it is still known.
    ///
    /// # Errors
    /// When the API server refuses.
    pub async fn of(
        caller: &Caller,
        followed: &Followed,
        last: Option<String>,
    ) -> Result<Self, Problem> {
        if let Some(version) = last {
            match caller.changes(followed, &version).await {
                Ok(changes) => return Ok(Self::Changes(version, changes)),
                Err(problem) if is_gone(&problem) => {}
                Err(problem) => return Err(problem),
            }
        }
        Ok(Self::Snapshot(caller.part(followed, None).await?))
    }
}

/// Whether the API server does not know so old a version any more.
fn is_gone(problem: &Problem) -> bool {
    problem.status == StatusCode::GONE
}

/// Whether it is of no use to ask again.
fn is_final(problem: &Problem) -> bool {
    let transient = [408, 429, 500, 502, 503, 504];
    !transient.contains(&problem.status)
}

impl Feed {
    /// One that sends there.
    #[must_use]
    pub fn new(caller: Caller, followed: Followed, events: Sender<Event>) -> Self {
        Self {
            caller,
            followed,
            events,
            pause: PAUSE,
        }
    }

    /// Sends until the reader has gone, or may no longer read.
    pub async fn run(mut self, start: Start) {
        let events = self.events.clone();
        tokio::select! {
            () = events.closed() => {}
            _ = self.feed(start) => {}
        }
    }

    async fn feed(&mut self, mut start: Start) -> Result<(), Over> {
        loop {
            let (mut version, mut changes) = match start {
                Start::Snapshot(part) => (self.snapshot(part).await?, None),
                Start::Changes(version, changes) => (version, Some(changes)),
            };
            loop {
                let began = Instant::now();
                let opened = match changes.take() {
                    Some(changes) => Ok(changes),
                    None => self.caller.changes(&self.followed, &version).await,
                };
                let ended = match opened {
                    Ok(changes) => self.pass_on(changes, &mut version).await?,
                    Err(problem) => Some(problem),
                };
                match ended {
                    Some(problem) if is_gone(&problem) => break,
                    Some(problem) if is_final(&problem) => return self.end(problem).await,
                    Some(_) | None => self.rest(began).await,
                }
            }
            start = Start::Snapshot(self.first_part().await?);
        }
    }

    /// Waits before the next watch, the longer the oftener one ended at once.
    async fn rest(&mut self, began: Instant) {
        if began.elapsed() >= STOOD {
            self.pause = PAUSE;
            return;
        }
        sleep(self.pause).await;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
    }

    async fn first_part(&mut self) -> Result<Part, Over> {
        loop {
            let began = Instant::now();
            match self.caller.part(&self.followed, None).await {
                Ok(part) => return Ok(part),
                Err(problem) if is_final(&problem) => {
                    self.end(problem).await?;
                    return Err(Over);
                }
                Err(_) => self.rest(began).await,
            }
        }
    }

    /// Sends what there is; the version from which on it changes. A list that changes too much while it is read begins anew.
    async fn snapshot(&mut self, mut part: Part) -> Result<String, Over> {
        loop {
            let more = part.next.is_some();
            let event = Event::default().event("snapshot");
            // Only the last part is a place from which the stream can be taken up again.
            let event = if more { event } else { event.id(&part.version) };
            self.send(event, &json!({"items": part.items, "more": more}))
                .await?;
            let Some(next) = part.next else {
                return Ok(part.version);
            };
            part = match self.caller.part(&self.followed, Some(next)).await {
                Ok(part) => part,
                Err(problem) if is_final(&problem) && !is_gone(&problem) => {
                    self.end(problem).await?;
                    return Err(Over);
                }
                Err(_) => self.first_part().await?,
            };
        }
    }

    /// Passes changes on until they end; why, where the API server says so.
    async fn pass_on(
        &mut self,
        mut changes: Changes,
        version: &mut String,
    ) -> Result<Option<Problem>, Over> {
        while let Some(change) = changes.next().await {
            let (name, object) = match change {
                Ok(WatchEvent::Added(job)) => ("added", job),
                Ok(WatchEvent::Modified(job)) => ("modified", job),
                Ok(WatchEvent::Deleted(job)) => ("deleted", job),
                Ok(WatchEvent::Bookmark(bookmark)) => {
                    version.clone_from(&bookmark.metadata.resource_version);
                    let event = Event::default().event("bookmark").id(&*version);
                    self.send(event, &json!({})).await?;
                    continue;
                }
                Ok(WatchEvent::Error(status)) => return Ok(Some(refused(&status))),
                Err(problem) => return Ok(Some(problem)),
            };
            if let Some(newest) = object["metadata"]["resourceVersion"].as_str() {
                newest.clone_into(version);
            }
            let event = Event::default().event(name).id(&*version);
            self.send(event, &object).await?;
        }
        Ok(None)
    }

    /// Says why the stream ends.
    async fn end(&mut self, problem: Problem) -> Result<(), Over> {
        let problem = serde_json::to_value(problem).unwrap_or_default();
        self.send(Event::default().event("problem"), &problem).await
    }

    async fn send(&mut self, event: Event, data: &Value) -> Result<(), Over> {
        let event = event.data(data.to_string());
        self.events.send(event).await.map_err(|_| Over)
    }
}

#[cfg(test)]
#[path = "feed_tests.rs"]
mod tests;
