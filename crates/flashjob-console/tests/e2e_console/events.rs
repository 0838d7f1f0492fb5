//! FlashJobs are followed, and a stream is taken up again.

use axum::{
    body::{Body, BodyDataStream},
    http::StatusCode,
};
use futures::StreamExt;
use serde_json::{Value, json};
use testbed::{Space, job::job, seconds};

use super::asked::{Console, Person, jobs};

/// A stream that is read event by event.
struct Events {
    body: BodyDataStream,
    text: String,
}

/// One event.
#[derive(Debug)]
struct Event {
    name: String,
    id: String,
    data: Value,
}

impl Events {
    async fn open(person: &Person<'_>, path: &str, last: Option<&str>) -> Self {
        let mut request = person.request("GET", path);
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let request = request.body(Body::empty()).expect("a request");
        let answer = person.console.send(request).await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        Self {
            body: answer.into_body().into_data_stream(),
            text: String::new(),
        }
    }

    /// The next event that is no bookmark.
    async fn next(&mut self) -> Event {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| {
                    let mut lines = event.lines();
                    let line = lines.find_map(|line| line.strip_prefix(name));
                    line.unwrap_or_default().to_owned()
                };
                let data = serde_json::from_str(&field("data: ")).unwrap_or(Value::Null);
                let (name, id) = (field("event: "), field("id: "));
                let rest = rest.to_owned();
                self.text = rest;
                if !name.is_empty() && name != "bookmark" {
                    return Event { name, id, data };
                }
                continue;
            }
            let chunk = tokio::time::timeout(seconds(60), self.body.next()).await;
            let chunk = chunk.expect("an event in time").expect("no end");
            let chunk = chunk.expect("a whole answer");
            self.text
                .push_str(std::str::from_utf8(&chunk).expect("text"));
        }
    }

    async fn is(&mut self, name: &str, job: &str) -> String {
        let event = self.next().await;
        assert_eq!(event.name, name, "{event:?}");
        assert_eq!(event.data["metadata"]["name"], job, "{event:?}");
        assert_eq!(event.data["metadata"]["resourceVersion"], *event.id);
        event.id
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_shows_what_changes_and_is_taken_up_again_where_it_broke_off() {
    const MARKUP: &str = "</script>\n\nevent: deleted\ndata: {}\r\n\r\n";
    let space = Space::new("console-events").await;
    let console = Console::start(space.control_plane);
    let editor = Person::new(&console, &space, "flashjob-editor");
    let viewer = Person::new(&console, &space, "flashjob-viewer");
    let events = format!("/api/v1/namespaces/{}/events", space.name);
    let new = |name: &str| job(name, &[], &json!({}));
    let list = jobs(&space);
    editor.post(&list, &new("a")).await.is(StatusCode::CREATED);

    let mut stream = Events::open(&viewer, &events, None).await;
    let first = stream.next().await;
    assert_eq!(
        (first.name.as_str(), first.data["more"].as_bool()),
        ("snapshot", Some(false))
    );
    assert_eq!(first.data["items"][0]["metadata"]["name"], "a");
    let mut hostile = new("b");
    hostile["metadata"]["annotations"] = json!({"note": MARKUP});
    editor.post(&list, &hostile).await.is(StatusCode::CREATED);
    let added = stream.next().await;
    assert_eq!(added.name, "added", "{added:?}");
    assert_eq!(added.data["metadata"]["annotations"]["note"], MARKUP);
    assert!(added.data["metadata"]["managedFields"].is_null());
    let patch = json!({"spec": {"parallelism": 2}});
    let said = editor
        .send("PATCH", &format!("{list}/a"), &patch, &[])
        .await;
    said.is(StatusCode::OK);
    stream.is("modified", "a").await;
    editor.delete(&format!("{list}/b")).await.is(StatusCode::OK);
    stream.is("deleted", "b").await;
    drop(stream);

    // From the event that was read last, and from one that nobody knows any more.
    let mut again = Events::open(&viewer, &events, Some(&added.id)).await;
    again.is("modified", "a").await;
    again.is("deleted", "b").await;
    let mut late = Events::open(&viewer, &events, Some("1")).await;
    let first = late.next().await;
    assert_eq!(first.name, "snapshot", "{first:?}");
    assert_eq!(first.data["items"].as_array().map(Vec::len), Some(1));
    let one = format!("{events}?fieldSelector=metadata.name%3Dc");
    let mut one = Events::open(&viewer, &one, None).await;
    assert_eq!(one.next().await.data["items"], json!([]));
    editor.post(&list, &new("d")).await.is(StatusCode::CREATED);
    editor.post(&list, &new("c")).await.is(StatusCode::CREATED);
    one.is("added", "c").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_not_follow_is_refused_before_any_event() {
    let space = Space::new("console-unheard").await;
    let console = Console::start(space.control_plane);
    let viewer = Person::new(&console, &space, "flashjob-viewer");
    let others = viewer.get("/api/v1/namespaces/default/events").await;
    others.is(StatusCode::FORBIDDEN);
    let stranger = Person {
        console: &console,
        token: "nonsense".into(),
    };
    let path = format!("/api/v1/namespaces/{}/events", space.name);
    stranger.get(&path).await.is(StatusCode::UNAUTHORIZED);
    let request = viewer.request("GET", &path).header("last-event-id", "x");
    let said = console.ask(request.body(Body::empty()).unwrap()).await;
    said.is(StatusCode::BAD_REQUEST);
}
