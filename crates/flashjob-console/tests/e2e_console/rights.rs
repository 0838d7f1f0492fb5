//! Each verb, as RBAC allows it to each person; and who nobody knows.

use axum::{body::Body, http::StatusCode};
use serde_json::json;
use testbed::{Asking, ControlPlane, Space, job::job};

use super::asked::{Console, Person, jobs};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_person_may_what_rbac_says_and_nothing_else() {
    let space = Space::new("console-rights").await;
    let other = Space::new("console-others").await;
    let console = Console::start(space.control_plane);
    let person = |role| Person::new(&console, &space, role);
    let [viewer, editor, approver] =
        ["flashjob-viewer", "flashjob-editor", "flashjob-approver"].map(person);
    let people = [&viewer, &editor, &approver];
    let jobs_path = jobs(&space);
    let path = |name: &str| format!("{jobs_path}/{name}");
    let new = |name: &str| job(name, &[], &json!({}));

    // The expected answers stand in the order of the people.
    for (number, (person, expected)) in people.iter().zip([403, 201, 403]).enumerate() {
        let said = person.post(&jobs_path, &new(&format!("of-{number}"))).await;
        assert_eq!(said.status, expected, "{number}: {:#}", said.body);
        if expected == 403 {
            assert_eq!(said.body["reason"], "Forbidden");
            assert!(said.detail().contains("cannot create resource"), "{said:?}");
        }
    }
    let created = editor
        .post(&jobs_path, &new("a"))
        .await
        .is(StatusCode::CREATED);
    assert_eq!(created.headers["location"], path("a"));
    for person in people {
        let listed = person.get(&jobs_path).await.is(StatusCode::OK);
        assert_eq!(listed.body["items"].as_array().unwrap().len(), 2);
        let seen = person.get(&path("a")).await.is(StatusCode::OK);
        assert_eq!(seen.body["metadata"]["name"], "a");
        assert_eq!(seen.tag(), created.tag());
        person.get(&jobs(&other)).await.is(StatusCode::FORBIDDEN);
        person.get(&path("nobody")).await.is(StatusCode::NOT_FOUND);
    }
    for (person, expected) in people.iter().zip([403, 200, 403]) {
        let mut object = viewer.get(&path("a")).await.body;
        object["spec"]["version"] = json!("2");
        let said = person.send("PUT", &path("a"), &object, &[]).await;
        assert_eq!(said.status, expected, "{:#}", said.body);
    }
    for (person, expected) in people.iter().zip([403, 200, 200]) {
        let merge = json!({"metadata": {"annotations": {"note": "seen"}}});
        let said = person.send("PATCH", &path("a"), &merge, &[]).await;
        assert_eq!(said.status, expected, "{:#}", said.body);
    }
    for (person, expected) in people.iter().zip([403, 200, 403]) {
        let said = person.delete(&path("a")).await;
        assert_eq!(said.status, expected, "{:#}", said.body);
    }
    assert!(space.find_job("a").is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn devices_and_classes_are_shown_to_whom_the_api_server_shows_them() {
    let space = Space::new("console-around").await;
    let fleet = space.healthy(2, 0.5).await;
    let console = Console::start(space.control_plane);
    let viewer = Person::new(&console, &space, "flashjob-viewer");
    let administrator = Person::of(&console, &Asking::new(&space));
    let instances = format!("/api/v1/namespaces/{}/instances", space.name);
    viewer.get(&instances).await.is(StatusCode::FORBIDDEN);
    viewer
        .get("/api/v1/flashclasses")
        .await
        .is(StatusCode::FORBIDDEN);
    let shown = administrator.get(&instances).await.is(StatusCode::OK);
    let shown = shown.body["items"].as_array().unwrap().iter();
    let mut shown: Vec<_> = shown
        .map(|instance| instance["metadata"]["uid"].as_str().unwrap().to_owned())
        .collect();
    let mut expected = fleet.uuids();
    shown.sort();
    expected.sort();
    assert_eq!(shown, expected);
    space.put_class("console-class", &json!({"maxParallelism": 3}));
    let class = administrator
        .get("/api/v1/flashclasses/console-class")
        .await;
    assert_eq!(class.is(StatusCode::OK).body["spec"]["maxParallelism"], 3);
    let classes = administrator.get("/api/v1/flashclasses?limit=500").await;
    let classes = classes.is(StatusCode::OK).body["items"].clone();
    let mut names = classes.as_array().unwrap().iter();
    assert!(names.any(|class| class["metadata"]["name"] == "console-class"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_the_api_server_does_not_know_gets_nothing_though_the_console_has_an_administrators_kubeconfig()
 {
    let plane = ControlPlane::shared();
    let console = Console::start(plane);
    let path = "/api/v1/namespaces/default/flashjobs";
    let stranger = Person {
        console: &console,
        token: "eyJhbGciOiJub25lIn0.e30.".into(),
    };
    let said = stranger.get(path).await.is(StatusCode::UNAUTHORIZED);
    assert_eq!(said.body["reason"], "Unauthorized");
    assert!(said.headers.contains_key("www-authenticate"));
    let request = axum::http::Request::get(path);
    let said = console.ask(request.body(Body::empty()).unwrap()).await;
    let said = said.is(StatusCode::UNAUTHORIZED);
    assert!(said.headers.contains_key("www-authenticate"));
    // Whoever asks cannot pass for somebody else by headers of the API server.
    let request = stranger
        .request("GET", path)
        .header("impersonate-user", "admin")
        .header("impersonate-group", "system:masters");
    let said = console.ask(request.body(Body::empty()).unwrap()).await;
    said.is(StatusCode::UNAUTHORIZED);
}
