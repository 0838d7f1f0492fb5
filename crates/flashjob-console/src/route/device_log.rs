//! The log of a device's flash: of its Pod while that is there, else the end that the job keeps. Reads only.

use std::{convert::Infallible, time::Duration};

use axum::{
    Json,
    extract::{Path, Query, State},
    response::{
        IntoResponse, Response, Sse,
        sse::{Event, KeepAlive},
    },
};
use flashjob_operator::{display, flashjob::explain::DeviceExplanation};
use futures::{Stream, StreamExt, stream};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::{sync::OwnedSemaphorePermit, time::sleep};
use utoipa::{IntoParams, ToSchema};

use super::{
    around::Around,
    device::{OfDevice, find},
    event::full,
    place::OfJob,
};
use crate::{
    cluster::{Caller, Desk, Lines, end_of},
    problem::{Problem, Refusal},
};

/// How long a log is followed at once: then the reader asks again, and the API server whether it may.
const TERM: Duration = Duration::from_mins(4);
/// After how much silence a comment says that the stream still stands.
const PING: Duration = Duration::from_secs(15);

/// How the log is read.
#[derive(Deserialize, IntoParams, Clone, Copy, Debug, Default)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct How {
    /// As server-sent events, from the last lines on: `log` has a text, and `end` says that nothing follows.
    #[serde(default)]
    follow: bool,
}

/// The log of a flash.
#[derive(Serialize, ToSchema, Clone, Debug, PartialEq, Eq)]
pub struct DeviceLog {
    /// Whether its Pod is there, so that more may follow.
    pub live: bool,
    /// The last lines; what cannot be seen is escaped.
    pub text: String,
}

/// Where a log comes from.
enum Source {
    /// The Pod.
    Pod(Lines),
    /// What the job keeps of it.
    Kept(String),
}

/// Read the log of a device's flash: the last lines, or with follow what is written meanwhile.
#[utoipa::path(
    get, path = "/api/v1/namespaces/{namespace}/flashjobs/{name}/devices/{device}/log", tag = "Devices", operation_id = "getDeviceLog",
    params(OfDevice, How),
    responses(
        (status = 200, description = "The last lines; with follow, events, for four minutes at most.", content(
            (DeviceLog = "application/json"),
            (String = "text/event-stream"),
        )),
        Refusal,
    )
)]
pub async fn log(
    caller: Caller,
    State(desk): State<Desk>,
    Path(path): Path<OfDevice>,
    Query(How { follow }): Query<How>,
) -> Result<Response, Problem> {
    let OfDevice {
        namespace,
        name,
        device,
    } = path;
    let place = OfJob { namespace, name };
    let around = Around::of(&caller, &place).await?;
    let told = find(&caller, &around, &device).await?;
    if !follow {
        let log = match source(&caller, &place, &told, false).await? {
            Source::Pod(lines) => DeviceLog {
                live: true,
                text: end_of(lines).await,
            },
            Source::Kept(text) => DeviceLog { live: false, text },
        };
        return Ok(Json(log).into_response());
    }
    let permit = desk.streams.try_acquire_owned().map_err(|_| full())?;
    let source = source(&caller, &place, &told, true).await?;
    let ping = KeepAlive::new().interval(PING).text("ping");
    let events = events(source, permit);
    Ok(Sse::new(events).keep_alive(ping).into_response())
}

/// Whether the Pod of a device's newest attempt may still write.
#[must_use]
pub fn is_live(told: &DeviceExplanation) -> bool {
    told.phase == "Flashing" && told.pod.is_some()
}

async fn source(
    caller: &Caller,
    place: &OfJob,
    told: &DeviceExplanation,
    follow: bool,
) -> Result<Source, Problem> {
    if let Some(pod) = told.pod.as_deref().filter(|_| is_live(told)) {
        let log = caller.log(place.namespace.as_str(), pod, follow).await?;
        return Ok(Source::Pod(log));
    }
    let tail = told.log_tail.as_deref().unwrap_or_default();
    Ok(Source::Kept(display::block(tail).into_owned()))
}

/// The log as events. The place for the stream is taken until the last of them.
fn events(
    source: Source,
    permit: OwnedSemaphorePermit,
) -> impl Stream<Item = Result<Event, Infallible>> {
    let pieces = match source {
        Source::Pod(lines) => lines,
        Source::Kept(text) => Box::pin(stream::iter([text])),
    };
    // As JSON: a text may have characters that end a line of an event.
    let event = |text: String| {
        Event::default()
            .event("log")
            .data(Value::String(text).to_string())
    };
    let end = stream::iter([Event::default().event("end").data("{}")]);
    let whole = pieces.map(event).chain(end);
    whole.take_until(Box::pin(sleep(TERM))).map(move |event| {
        let _ = &permit;
        Ok(event)
    })
}
