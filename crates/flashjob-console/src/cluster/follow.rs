//! FlashJobs as they change: lists and watches with the caller's token. Reads only.

use std::{pin::Pin, time::Duration};

use futures::{Stream, StreamExt};
use http::StatusCode;
use kube::{
    Error,
    api::{ListParams, WatchEvent, WatchParams},
    core::{Request, Status},
};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::{
    Caller,
    caller::{not_reached, unbuilt},
};
use crate::{problem::Problem, server::PATIENCE};

/// Items of one page of a snapshot.
const PAGE: u32 = 100;
/// Seconds after which a watch ends, so that the next one asks the API server again whether the caller may.
const TERM: u32 = 240;

/// Changes, until the watch ends.
pub type Changes = Pin<Box<dyn Stream<Item = Result<WatchEvent<Value>, Problem>> + Send>>;

/// Which FlashJobs are followed.
#[derive(Clone, Debug)]
pub struct Followed {
    /// Requests about the FlashJobs of a namespace.
    pub jobs: Request,
    /// Labels that they have.
    pub labels: Option<String>,
    /// Fields that they have.
    pub fields: Option<String>,
}

/// A part of what there is.
#[derive(Clone, Debug)]
pub struct Part {
    /// The FlashJobs.
    pub items: Vec<Value>,
    /// Leads to the next part, if there is one.
    pub next: Option<String>,
    /// The version of the whole list: a watch goes on from there.
    pub version: String,
}

impl Caller {
    /// A part of what there is, from that token on.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn part(&self, followed: &Followed, next: Option<String>) -> Result<Part, Problem> {
        let parameters = ListParams {
            limit: Some(PAGE),
            continue_token: next,
            label_selector: followed.labels.clone(),
            field_selector: followed.fields.clone(),
            ..ListParams::default()
        };
        let asked = self.ask(followed.jobs.list(&parameters));
        let answer = timeout(PATIENCE, asked).await.map_err(|_| silent())??;
        let mut list = answer.object;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let next = text(&list["metadata"]["continue"]);
        let version = text(&list["metadata"]["resourceVersion"]);
        let Value::Array(mut items) = list["items"].take() else {
            let words = "the API server's list has no items";
            return Err(Problem::new(StatusCode::BAD_GATEWAY, words));
        };
        items.iter_mut().for_each(lighten);
        Ok(Part {
            items,
            next: (!next.is_empty()).then_some(next),
            version,
        })
    }

    /// What changes from this version on.
    ///
    /// # Errors
    /// When the API server refuses; 410 where it does not know so old a version any more.
    pub async fn changes(&self, followed: &Followed, version: &str) -> Result<Changes, Problem> {
        let parameters = WatchParams {
            label_selector: followed.labels.clone(),
            field_selector: followed.fields.clone(),
            timeout: Some(TERM),
            bookmarks: true,
            ..WatchParams::default()
        };
        self.stands()?;
        let request = followed.jobs.watch(&parameters, version);
        let request = request.map_err(|error| unbuilt(&error))?;
        let changes = self.client().request_events::<Value>(request);
        let changes = timeout(PATIENCE, changes).await.map_err(|_| silent())?;
        let changes = changes.map_err(|error| problem(&error))?;
        let changes = Box::pin(StreamExt::map(changes, lightened));
        // A connection that is dead without anybody having said so would never end.
        let end = Box::pin(sleep(Duration::from_secs(u64::from(TERM)) + PATIENCE));
        Ok(Box::pin(changes.take_until(end)))
    }
}

/// The API server says nothing.
pub(super) fn silent() -> Problem {
    let words = "the API server did not answer in time";
    Problem::new(StatusCode::GATEWAY_TIMEOUT, words)
}

/// A change without what is of no use to a reader.
fn lightened(change: Result<WatchEvent<Value>, Error>) -> Result<WatchEvent<Value>, Problem> {
    let mut change = change.map_err(|error| problem(&error))?;
    if let WatchEvent::Added(job) | WatchEvent::Modified(job) | WatchEvent::Deleted(job) =
        &mut change
    {
        lighten(job);
    }
    Ok(change)
}

/// Takes off what says who has set which field: it is as long as the rest, and changes with everything.
fn lighten(job: &mut Value) {
    if let Some(metadata) = job["metadata"].as_object_mut() {
        metadata.remove("managedFields");
    }
}

/// The problem that an error is.
pub(super) fn problem(error: &Error) -> Problem {
    match error {
        Error::Api(status) => refused(status),
        other => not_reached(other),
    }
}

/// The API server's refusal, as kube reads it.
#[must_use]
pub fn refused(status: &Status) -> Problem {
    let code = StatusCode::from_u16(status.code).unwrap_or(StatusCode::BAD_GATEWAY);
    let retry_after = status.details.as_ref();
    let status = json!({
        "message": status.message, "reason": status.reason,
        "details": {"retryAfterSeconds": retry_after.map(|details| details.retry_after_seconds)},
    });
    Problem::of_status(code, &status)
}
