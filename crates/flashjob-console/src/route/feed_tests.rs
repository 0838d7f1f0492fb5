use std::sync::{Arc, Mutex};

use axum::{
    Router,
    body::Body,
    http::{Request, Response},
};
use futures::stream;
use tower::ServiceExt;

use super::*;
use crate::{
    cluster::{Desk, Door},
    server::console,
};

/// What the API server answers, request by request, and what it was asked.
#[derive(Clone)]
struct Play {
    answers: Arc<Mutex<Vec<(u16, String)>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Play {
    fn new(mut answers: Vec<(u16, String)>) -> Self {
        answers.reverse();
        Self {
            answers: Arc::new(Mutex::new(answers)),
            asked: Arc::default(),
        }
    }

    /// The console before this API server.
    fn console(&self) -> Router {
        let play = self.clone();
        console(Desk::new(Door::played(move |request| {
            assert_eq!(request.headers()["authorization"], "Bearer t");
            let query = request.uri().query().unwrap_or_default().to_owned();
            play.asked.lock().unwrap().push(query);
            let answer = play.answers.lock().unwrap().pop();
            let Some((code, body)) = answer else {
                // A watch that goes on, and on which nothing happens.
                return Response::new(Body::from_stream(stream::pending::<
                    Result<String, std::io::Error>,
                >()));
            };
            let answer = Response::builder().status(code);
            answer.body(Body::from(body)).unwrap()
        })))
    }

    /// What of those requests was watched from which version.
    fn versions(&self) -> Vec<Option<String>> {
        let version = |query: &String| {
            let mut parts = query.split('&');
            let version = parts.find_map(|part| part.strip_prefix("resourceVersion="));
            version.map(str::to_owned)
        };
        self.asked.lock().unwrap().iter().map(version).collect()
    }
}

fn job(name: &str, version: &str) -> Value {
    json!({
        "kind": "FlashJob", "metadata": {"name": name, "resourceVersion": version, "managedFields": [{"manager": "x"}]},
    })
}

fn list(items: &[Value], version: &str, next: &str) -> (u16, String) {
    let list = json!({"kind": "FlashJobList", "metadata": {"resourceVersion": version, "continue": next}, "items": items});
    (200, list.to_string())
}

fn watch(changes: &[(&str, Value)]) -> (u16, String) {
    let line =
        |(kind, object): &(&str, Value)| format!("{}\n", json!({"type": kind, "object": object}));
    (200, changes.iter().map(line).collect())
}

fn status(code: u16, reason: &str) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": "no"})
}

/// Opens the stream; its status, and its first bytes: until it ends, or has that many events.
async fn read(console: Router, last: Option<&str>, events: usize) -> (u16, String) {
    let mut request =
        Request::get("/api/v1/namespaces/demo/events").header("authorization", "Bearer t");
    if let Some(last) = last {
        request = request.header("last-event-id", last);
    }
    let answer = console.oneshot(request.body(Body::empty()).unwrap()).await;
    let answer = answer.unwrap();
    let status = answer.status().as_u16();
    let mut body = answer.into_body().into_data_stream();
    let mut text = String::new();
    while text.matches("\n\n").count() < events
        && let Some(chunk) = body.next().await
    {
        text.push_str(std::str::from_utf8(&chunk.unwrap()).unwrap());
    }
    (status, text)
}

/// Names and ids of the events of a stream.
fn names(text: &str) -> Vec<String> {
    let events = text.split("\n\n").filter(|event| event.contains("event: "));
    let field = |event: &str, field: &str| {
        let line = event.lines().find_map(|line| line.strip_prefix(field));
        line.map(str::to_owned)
    };
    events
        .map(|event| {
            let name = field(event, "event: ").unwrap();
            let id = field(event, "id: ").unwrap_or_else(|| "-".to_owned());
            format!("{name} {id}")
        })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_stream_begins_with_what_there_is_and_goes_on_with_what_changes() {
    let bookmark = json!({
        "kind": "FlashJob", "apiVersion": "application.flashjob.nbfc.io/v1alpha1", "metadata": {"resourceVersion": "9"},
    });
    let play = Play::new(vec![
        list(&[job("a", "1")], "5", "more"),
        list(&[job("b", "2")], "5", ""),
        watch(&[("ADDED", job("c", "6")), ("MODIFIED", job("a", "7"))]),
        watch(&[("DELETED", job("c", "8")), ("BOOKMARK", bookmark)]),
    ]);
    let (code, text) = read(play.console(), None, 6).await;
    assert_eq!(code, 200);
    let expected = [
        "snapshot -",
        "snapshot 5",
        "added 6",
        "modified 7",
        "deleted 8",
        "bookmark 9",
    ];
    assert_eq!(names(&text), expected);
    assert!(!text.contains("managedFields"), "{text}");
    let versions: Vec<_> = play.versions().into_iter().flatten().collect();
    assert_eq!(versions[..2], ["5", "7"]);
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_taken_up_again_after_the_event_that_was_read_last() {
    let play = Play::new(vec![watch(&[("MODIFIED", job("a", "7"))])]);
    let (_, text) = read(play.console(), Some("6"), 1).await;
    assert_eq!(names(&text), ["modified 7"]);
    assert_eq!(play.versions()[0].as_deref(), Some("6"));
}

#[tokio::test(start_paused = true)]
async fn what_was_missed_is_made_good_by_a_snapshot() {
    for gone in [
        (410, status(410, "Expired").to_string()),
        watch(&[("ERROR", status(410, "Expired"))]),
    ] {
        let play = Play::new(vec![gone, list(&[], "20", "")]);
        let (_, text) = read(play.console(), Some("6"), 1).await;
        assert_eq!(names(&text), ["snapshot 20"]);
    }
}

#[tokio::test(start_paused = true)]
async fn who_may_not_read_any_more_is_told_so_and_the_stream_ends() {
    let play = Play::new(vec![
        list(&[], "5", ""),
        watch(&[("ADDED", job("a", "6"))]),
        (503, status(503, "ServiceUnavailable").to_string()),
        (401, status(401, "Unauthorized").to_string()),
    ]);
    let (_, text) = read(play.console(), None, usize::MAX).await;
    assert_eq!(names(&text), ["snapshot 5", "added 6", "problem -"]);
    assert!(text.contains("\"status\":401"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_at_the_start_is_an_answer() {
    let play = Play::new(vec![(403, status(403, "Forbidden").to_string())]);
    let (code, text) = read(play.console(), None, usize::MAX).await;
    assert_eq!(code, 403, "{text}");
    let (code, text) = read(Play::new(Vec::new()).console(), Some("x"), usize::MAX).await;
    assert_eq!(code, 400, "{text}");
}

#[tokio::test(start_paused = true)]
async fn silence_is_broken_by_a_comment_each_15_seconds() {
    let play = Play::new(vec![list(&[], "5", "")]);
    let began = Instant::now();
    let (_, text) = read(play.console(), None, 3).await;
    assert_eq!(text.matches(": ping\n\n").count(), 2, "{text}");
    assert_eq!(began.elapsed().as_secs(), 30);
}

#[tokio::test(start_paused = true)]
async fn a_watch_on_which_the_api_server_is_silent_for_too_long_is_begun_anew() {
    let play = Play::new(vec![list(&[], "5", "")]);
    // One event, and more pings than a watch has time for.
    let (_, text) = read(play.console(), None, 1 + 20).await;
    assert_eq!(names(&text), ["snapshot 5"]);
    let versions: Vec<_> = play.versions().into_iter().flatten().collect();
    assert_eq!(versions, ["5", "5"]);
}
