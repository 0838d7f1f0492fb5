//! What is said of the devices of a job, to people who may read more or less around it.

use axum::{
    body::{Body, to_bytes},
    http::StatusCode,
};
use futures::StreamExt;
use serde_json::json;
use testbed::{Asking, Params, Space, healthy, job::job};

use super::asked::{Console, Person, jobs};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn devices_are_found_by_what_they_are_and_failures_come_with_advice() {
    let space = Space::new("console-devices").await;
    let fleet = space
        .fleet(Params {
            devices: 4,
            flash_seconds: 0.5,
            exit1_share: 0.25,
            ..Params::default()
        })
        .await;
    let console = Console::start(space.control_plane);
    let viewer = Person::new(&console, &space, "flashjob-viewer");
    let user = Person::of(&console, &Asking::ordinary(&space, "flashjob-user"));
    let _operator = space.operator(&["--engine", "native"]);
    let place = format!("{}/lamps", jobs(&space));
    let uuids = fleet.uuids();
    space.apply(&job("lamps", &uuids, &json!({})).to_string());
    space.finished("lamps", 120).await;

    let ask = async |path: &str| {
        user.get(&format!("{place}{path}"))
            .await
            .is(StatusCode::OK)
            .body
    };
    let all = ask("/devices").await;
    assert_eq!((&all["selected"], &all["matching"]), (&json!(4), &json!(4)));
    let items = all["items"].as_array().unwrap();
    let named = items.iter().map(|item| item["uuid"].as_str().unwrap());
    assert_eq!(named.collect::<Vec<_>>(), uuids);
    assert!(
        items.iter().all(|item| item["device"] == "esp32s3"),
        "{all}"
    );
    let first = ask("/devices?limit=3").await;
    assert_eq!(first["next"], 3);
    let last = ask("/devices?limit=3&from=3").await;
    assert_eq!(last["items"][0]["index"], 3);
    assert!(last["next"].is_null());

    let failed = ask("/devices?phase=Failed").await;
    assert_eq!(failed["matching"], 1, "{failed}");
    let failed = &failed["items"][0];
    let reason = failed["reason"].as_str().unwrap();
    let same = ask(&format!("/devices?reason={reason}")).await;
    assert_eq!(same["items"][0], *failed);
    let endpoint = failed["endpoint"].as_str().unwrap();
    let same = ask(&format!("/devices?q={endpoint}")).await;
    assert!(same["items"].as_array().unwrap().contains(failed), "{same}");

    // By its index and by its UUID it is the same device, with the end of its log.
    let (index, uuid) = (&failed["index"], failed["uuid"].as_str().unwrap());
    let by_index = ask(&format!("/devices/{index}")).await;
    let by_uuid = ask(&format!("/devices/{uuid}")).await;
    for said in [&by_index, &by_uuid] {
        assert_eq!(said["phase"], "Failed", "{said}");
        assert_eq!(said["index"], *index);
        assert!(said["logTail"].is_string(), "{said}");
        assert!(said["present"]["instance"].is_string(), "{said}");
    }
    for nobody in ["4", "7e4a6e7b-bee6-4fac-bdea-43d671baaa15", "%3Cscript%3E"] {
        let said = user.get(&format!("{place}/devices/{nobody}")).await;
        said.is(StatusCode::NOT_FOUND);
    }
    let log = ask(&format!("/devices/{index}/log")).await;
    assert_eq!(log["live"], false);
    assert_eq!(log["text"], by_index["logTail"]);
    assert_eq!(ask("/steps").await, json!({"of": 0, "items": []}));
    let failures = ask("/failures").await;
    assert_eq!(failures["failed"], 1);
    assert_eq!(failures["groups"][0]["reason"], reason);
    assert_eq!(failures["groups"][0]["indexes"], json!([index]));
    let words = ask("/explain").await;
    assert_eq!(words["reason"], "DevicesFailed", "{words}");
    let retry = format!("kubectl flashjob retry lamps -n {}", space.name);
    let advice = words["advice"].as_array().unwrap();
    assert!(
        advice.iter().any(|advice| advice["command"] == retry),
        "{words}"
    );

    // Who may not read the selection is told so.
    let less = viewer.get(&format!("{place}/devices")).await;
    let less = less.is(StatusCode::OK).body;
    assert_eq!(less["selected"], 4);
    let unseen = less["unseen"].as_str().unwrap();
    assert!(unseen.contains("list controllerrevisions"), "{unseen}");
    viewer
        .get(&format!("{place}/explain"))
        .await
        .is(StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_job_that_nobody_looks_at_it_is_said_that_it_waits() {
    let space = Space::new("console-unseen").await;
    let console = Console::start(space.control_plane);
    let editor = Person::new(&console, &space, "flashjob-editor");
    let place = format!("{}/a", jobs(&space));
    let said = editor.post(&jobs(&space), &job("a", &[], &json!({}))).await;
    said.is(StatusCode::CREATED);
    let said = editor
        .get(&format!("{place}/explain"))
        .await
        .is(StatusCode::OK);
    assert_eq!(said.body["outdated"], true);
    assert!(said.body["message"].is_string(), "{said:?}");
    let said = editor
        .get(&format!("{place}/devices"))
        .await
        .is(StatusCode::OK);
    assert_eq!(
        said.body,
        json!({"selected": 0, "matching": 0, "items": []})
    );
    let said = editor
        .get(&format!("{place}/failures"))
        .await
        .is(StatusCode::OK);
    assert_eq!(said.body["failed"], 0);
    for page in ["explain", "devices", "devices/0", "failures"] {
        let path = format!("{}/nobody/{page}", jobs(&space));
        editor.get(&path).await.is(StatusCode::NOT_FOUND);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_is_followed_by_whom_the_api_server_lets_read_it_and_ends_with_what_is_kept() {
    let space = Space::new("console-logs").await;
    let fleet = space.fleet(healthy(1, 6.0)).await;
    let console = Console::start(space.control_plane);
    let viewer = Person::new(&console, &space, "flashjob-viewer");
    let user = Person::of(&console, &Asking::ordinary(&space, "flashjob-user"));
    let _operator = space.operator(&["--engine", "native"]);
    let uuids = fleet.uuids();
    space.apply(&job("lamps", &uuids, &json!({})).to_string());
    let flashes = |seen: &testbed::job::Seen| seen.device(&uuids[0])["phase"] == "Flashing";
    space.becomes("lamps", "a flash", 60, flashes).await;
    let log = format!("{}/lamps/devices/0/log", jobs(&space));
    let said = viewer.get(&log).await.is(StatusCode::FORBIDDEN);
    assert!(said.detail().contains("pods/log"), "{said:?}");
    let said = user.get(&log).await.is(StatusCode::OK);
    assert_eq!(said.body["live"], true, "{said:?}");
    let follow = async || {
        let request = user.request("GET", &format!("{log}?follow=true"));
        let answer = console.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        answer.into_body()
    };
    let mut events = follow().await.into_data_stream();
    let first = events.next().await.unwrap().unwrap();
    assert!(first.starts_with(b"event: log\ndata: \""), "{first:?}");
    drop(events);
    space.finished("lamps", 60).await;
    // The Pod is gone: what the job keeps of its log is all that follows.
    let events = to_bytes(follow().await, usize::MAX).await.unwrap();
    let events = String::from_utf8(events.to_vec()).unwrap();
    assert!(events.starts_with("event: log\ndata: \""), "{events}");
    assert!(events.ends_with("event: end\ndata: {}\n\n"), "{events}");
}
