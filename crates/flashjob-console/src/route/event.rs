//! FlashJobs as they change, as a stream of server-sent events that can be taken up again where it broke off.

use std::{convert::Infallible, time::Duration};

use axum::{
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode},
    response::{
        IntoResponse, Response, Sse,
        sse::{Event, KeepAlive},
    },
};
use futures::stream;
use serde::Deserialize;
use tokio::sync::mpsc;
use utoipa::IntoParams;

use super::{
    feed::{Feed, Start},
    place::{Namespaced, jobs},
};
use crate::{
    cluster::{Caller, Desk, Followed},
    problem::{Problem, Refusal},
};

/// After how much silence a comment says that the stream still stands.
const PING: Duration = Duration::from_secs(15);
/// Events that a slow reader may be behind; then the watch waits.
const BEHIND: usize = 16;
/// Header of a reader that takes a stream up again.
const LAST_EVENT_ID: &str = "last-event-id";

/// Which FlashJobs are followed.
#[derive(Deserialize, IntoParams, Clone, Debug, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Selectors {
    /// Labels that they have, as kubectl takes them.
    label_selector: Option<String>,
    /// Fields that they have, as kubectl takes them, such as `metadata.name=my-job`.
    field_selector: Option<String>,
}

/// Follow the FlashJobs of a namespace.
///
/// Server-sent events. `snapshot` has `items`, what there is, and `more`, whether another part follows; `added`, `modified` and
/// `deleted` have the FlashJob, without `metadata.managedFields`; `bookmark` has nothing but its id. The id is the resource version:
/// sent back as `Last-Event-ID`, it takes the stream up again. Where the API server does not know so old a version any more, a
/// `snapshot` takes the place of what was missed. `problem` says why the stream ends.
#[utoipa::path(
    get, path = "/api/v1/namespaces/{namespace}/events", tag = "Events", operation_id = "followFlashJobs",
    params(
        Namespaced, Selectors,
        ("Last-Event-ID" = Option<String>, Header, description = "Id of the last event that was read"),
    ),
    responses(
        (status = 200, description = "Events, until the reader closes the connection.", body = String, content_type = "text/event-stream"),
        Refusal,
    )
)]
pub async fn follow(
    caller: Caller,
    State(desk): State<Desk>,
    Path(Namespaced { namespace }): Path<Namespaced>,
    Query(selectors): Query<Selectors>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let last = last_event_id(&headers)?;
    let place = desk.streams.try_acquire_owned().map_err(|_| full())?;
    let followed = Followed {
        jobs: jobs(&namespace),
        labels: selectors.label_selector,
        fields: selectors.field_selector,
    };
    // What is refused at the start is an answer, and no event.
    let start = Start::of(&caller, &followed, last).await?;
    let (events, mut read) = mpsc::channel::<Event>(BEHIND);
    let feed = Feed::new(caller, followed, events);
    tokio::spawn(async move {
        feed.run(start).await;
        drop(place);
    });
    let events = stream::poll_fn(move |context| {
        let event = read.poll_recv(context);
        event.map(|event| event.map(Ok::<_, Infallible>))
    });
    let ping = KeepAlive::new().interval(PING).text("ping");
    Ok(Sse::new(events).keep_alive(ping).into_response())
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(header) = headers.get(LAST_EVENT_ID) else {
        return Ok(None);
    };
    let text = header.to_str().unwrap_or_default();
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        let words = "Last-Event-ID must be the id of an event of this stream, such as 1234";
        return Err(Problem::bad_request(words));
    }
    Ok(Some(text.to_owned()))
}

/// As many streams are open as may.
pub fn full() -> Problem {
    let words = "as many streams are open as the console serves: try again later";
    Problem {
        retry_after_seconds: Some(30),
        ..Problem::new(StatusCode::SERVICE_UNAVAILABLE, words)
    }
}
