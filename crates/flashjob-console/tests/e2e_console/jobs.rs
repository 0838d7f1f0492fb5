//! FlashJobs are written: what is refused, what is only tried, and what somebody else has changed meanwhile.

use axum::http::StatusCode;
use serde_json::{Value, json};
use testbed::{Space, job::job};

use super::asked::{Console, Person, jobs};

const JSON_PATCH: (&str, &str) = ("content-type", "application/json-patch+json");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_demands_a_version_is_refused_once_there_is_another() {
    let space = Space::new("console-tags").await;
    let console = Console::start(space.control_plane);
    let editor = Person::new(&console, &space, "flashjob-editor");
    let path = format!("{}/a", jobs(&space));
    let created = editor.post(&jobs(&space), &job("a", &[], &json!({}))).await;
    let old = created.is(StatusCode::CREATED);
    let tag = old.tag();
    let demand = ("if-match", tag.as_str());

    let merge = json!({"spec": {"parallelism": 2}});
    let patched = editor.send("PATCH", &path, &merge, &[demand]).await;
    let patched = patched.is(StatusCode::OK);
    assert_eq!(patched.body["spec"]["parallelism"], 2);
    assert_ne!(patched.tag(), tag);

    let failed = StatusCode::PRECONDITION_FAILED;
    let said = editor
        .send("PATCH", &path, &merge, &[demand])
        .await
        .is(failed);
    assert_eq!(said.body["reason"], "Conflict");
    let operations = json!([{"op": "add", "path": "/spec/parallelism", "value": 9}]);
    let headers = [JSON_PATCH, demand];
    let said = editor.send("PATCH", &path, &operations, &headers).await;
    said.is(failed);
    let mut object = patched.body.clone();
    object["spec"]["parallelism"] = json!(9);
    editor
        .send("PUT", &path, &object, &[demand])
        .await
        .is(failed);
    let request = editor.request("DELETE", &path).header("if-match", &tag);
    let said = console.ask(request.body(axum::body::Body::empty()).unwrap());
    said.await.is(failed);
    assert_eq!(space.job("a").0["spec"]["parallelism"], 2);

    let now = patched.tag();
    let demand = ("if-match", now.as_str());
    let headers = [JSON_PATCH, demand];
    let said = editor.send("PATCH", &path, &operations, &headers).await;
    let now = said.is(StatusCode::OK).tag();
    let demand = ("if-match", now.as_str());
    object["spec"]["parallelism"] = json!(4);
    let said = editor.send("PUT", &path, &object, &[demand]).await;
    let now = said.is(StatusCode::OK).tag();
    assert_eq!(space.job("a").0["spec"]["parallelism"], 4);
    // Without the header it is a conflict, as the API server calls it.
    let said = editor.send("PUT", &path, &object, &[]).await;
    said.is(StatusCode::CONFLICT);
    let request = editor.request("DELETE", &path).header("if-match", now);
    let said = console.ask(request.body(axum::body::Body::empty()).unwrap());
    said.await.is(StatusCode::OK);
    assert!(space.find_job("a").is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_checks_everything_and_changes_nothing() {
    let space = Space::new("console-dry").await;
    let console = Console::start(space.control_plane);
    let editor = Person::new(&console, &space, "flashjob-editor");
    let list = jobs(&space);
    let dry = |path: &str| format!("{path}?dryRun=All");
    let said = editor.post(&dry(&list), &job("a", &[], &json!({}))).await;
    said.is(StatusCode::CREATED);
    assert!(space.find_job("a").is_none());
    let bad = job("a", &[], &json!({"parallelism": 0}));
    let said = editor.post(&dry(&list), &bad).await;
    let said = said.is(StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(said.body["causes"][0]["field"], "spec.parallelism");

    let created = editor.post(&list, &job("a", &[], &json!({}))).await;
    let created = created.is(StatusCode::CREATED);
    let path = format!("{list}/a");
    let merge = json!({"spec": {"parallelism": 2}});
    let said = editor.send("PATCH", &dry(&path), &merge, &[]).await;
    assert_eq!(said.is(StatusCode::OK).body["spec"]["parallelism"], 2);
    let mut object = created.body.clone();
    object["spec"]["parallelism"] = json!(3);
    let said = editor.send("PUT", &dry(&path), &object, &[]).await;
    assert_eq!(said.is(StatusCode::OK).body["spec"]["parallelism"], 3);
    editor.delete(&dry(&path)).await.is(StatusCode::OK);
    assert_eq!(editor.get(&path).await.tag(), created.tag());
    let said = editor.delete(&format!("{path}?dryRun=Some")).await;
    said.is(StatusCode::BAD_REQUEST);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_field_that_there_is_not_is_refused_with_its_path() {
    let space = Space::new("console-strict").await;
    let console = Console::start(space.control_plane);
    let editor = Person::new(&console, &space, "flashjob-editor");
    let list = jobs(&space);
    let wrong = job("a", &[], &json!({"steps": [{"devices": 1, "soak": 5}]}));
    let said = editor.post(&list, &wrong).await.is(StatusCode::BAD_REQUEST);
    let cause = &said.body["causes"][0];
    assert_eq!(cause["field"], "spec.steps[0].soak", "{said:?}");
    assert_eq!(cause["reason"], "FieldValueUnknown");
    assert!(space.find_job("a").is_none());

    let created = editor.post(&list, &job("a", &[], &json!({}))).await;
    let mut object = created.is(StatusCode::CREATED).body;
    let path = format!("{list}/a");
    let merge = json!({"spec": {"paralelism": 5}});
    let operations = json!([{"op": "add", "path": "/spec/paralelism", "value": 5}]);
    object["spec"]["paralelism"] = json!(5);
    for (method, body, headers) in [
        ("PATCH", &merge, &[][..]),
        ("PATCH", &operations, &[JSON_PATCH]),
        ("PUT", &object, &[]),
    ] {
        let said = editor.send(method, &path, body, headers).await;
        // Of a patch the API server says the same with another status.
        assert!([400, 422].contains(&said.status), "{said:?}");
        assert_eq!(
            said.body["causes"][0]["field"], "spec.paralelism",
            "{said:?}"
        );
    }
    let plain = ("content-type", "text/plain");
    for method in ["PATCH", "PUT"] {
        let said = editor.send(method, &path, &merge, &[plain]).await;
        said.is(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_come_page_by_page_and_bear_the_field_manager_of_the_console() {
    let space = Space::new("console-pages").await;
    let console = Console::start(space.control_plane);
    let editor = Person::new(&console, &space, "flashjob-editor");
    let list = jobs(&space);
    for name in ["a", "b", "c"] {
        let said = editor.post(&list, &job(name, &[], &json!({}))).await;
        let said = said.is(StatusCode::CREATED);
        assert_eq!(
            said.body["metadata"]["managedFields"][0]["manager"],
            "flashjob-console"
        );
    }
    let mut names = Vec::new();
    let mut next = String::new();
    loop {
        let page = editor.get(&format!("{list}?limit=2&continue={next}")).await;
        let page = page.is(StatusCode::OK).body;
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 2);
        names.extend(items.iter().map(|job| job["metadata"]["name"].clone()));
        match page["metadata"]["continue"].as_str() {
            Some(token) if !token.is_empty() => token.clone_into(&mut next),
            _ => break,
        }
    }
    assert_eq!(names, ["a", "b", "c"]);
    let found = editor
        .get(&format!("{list}?fieldSelector=metadata.name%3Db"))
        .await;
    assert_eq!(found.body["items"].as_array().unwrap().len(), 1);
    let said = editor
        .get(&format!("{list}?limit=2&continue=nonsense"))
        .await;
    said.is(StatusCode::BAD_REQUEST);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_hostile_stays_text_within_json() {
    const MARKUP: &str = "</script><script>alert(1)</script>\u{202e}\u{1b}[2J";
    let space = Space::new("console-hostile").await;
    let console = Console::start(space.control_plane);
    let editor = Person::new(&console, &space, "flashjob-editor");
    let list = jobs(&space);
    let mut hostile = job("a", &[], &json!({}));
    hostile["metadata"]["annotations"] = json!({"note": MARKUP});
    let said = editor.post(&list, &hostile).await.is(StatusCode::CREATED);
    assert_eq!(said.body["metadata"]["annotations"]["note"], MARKUP);
    hostile["metadata"]["name"] = json!(MARKUP);
    let refused = editor.post(&list, &hostile).await;
    let refused = refused.is(StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.detail().contains("alert(1)"), "{refused:?}");
    for said in [said, refused] {
        let kind = said.headers["content-type"].to_str().unwrap();
        assert!(kind.ends_with("json"), "{kind}");
        assert_eq!(said.headers["x-content-type-options"], "nosniff");
    }
    for name in [
        "%3Cscript%3E",
        "..%2f..%2f..%2fsecrets",
        "%2e%2e",
        "a%3Fwatch=1",
        "a%00",
    ] {
        let said = editor.get(&format!("{list}/{name}")).await;
        let said = said.is(StatusCode::BAD_REQUEST);
        assert!(said.detail().contains("a name has only"), "{said:?}");
    }
    let large = job("a", &["x".repeat(1 << 20)], &Value::Null);
    let said = editor.post(&list, &large).await;
    said.is(StatusCode::PAYLOAD_TOO_LARGE);
}
