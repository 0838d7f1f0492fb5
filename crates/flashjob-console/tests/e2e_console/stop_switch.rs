//! The stop switch of a class over the API, by the rules of `kubectl flashjob stop` and `resume --class`.

use axum::http::StatusCode;
use serde_json::json;
use testbed::{Asking, Space};

use super::asked::{Console, Person};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_class_is_stopped_and_goes_on_unless_somebody_else_has_stopped_it_too() {
    let space = Space::new("console-switch").await;
    let console = Console::start(space.control_plane);
    let asking = Asking::new(&space);
    let name = format!("switches-{}", space.name);
    let role = "--clusterrole=flashclass-admin";
    asking.bind_as(&name, "clusterrolebinding", role, "default");
    let administrator = Person::of(&console, &asking);
    space.put_class(&space.name, &json!({"maxParallelism": 3}));
    let class = format!("/api/v1/flashclasses/{}", space.name);
    let action = |name: &str| format!("{class}/actions/{name}");
    let suspended = async || {
        let said = administrator.get(&class).await.is(StatusCode::OK);
        said.body["spec"]["suspend"].clone()
    };

    let dry = format!("{}?dryRun=All", action("stop"));
    let said = administrator.post(&dry, &json!({})).await;
    assert_eq!(said.is(StatusCode::OK).body["message"], "suspended");
    assert!(suspended().await.is_null());
    let said = administrator.post(&action("stop"), &json!({})).await;
    let said = said.is(StatusCode::OK).body;
    assert_eq!(said["message"], "suspended");
    assert_eq!(said["class"]["spec"]["suspend"], true);
    assert_eq!(suspended().await, true);

    // The plugin takes back what the console has set: both are the same switch.
    asking.text(&["resume", "--class", &space.name]);
    assert!(suspended().await.is_null());

    let patch = "{\"spec\":{\"suspend\":true}}";
    space.kubectl(&[
        "patch",
        "flashclass",
        &space.name,
        "--type=merge",
        "-p",
        patch,
    ]);
    let said = administrator.post(&action("resume"), &json!({})).await;
    let said = said.is(StatusCode::CONFLICT);
    assert!(
        said.detail().contains("stays suspended by"),
        "{}",
        said.detail()
    );
    let force = json!({"force": true});
    let said = administrator.post(&action("resume"), &force).await;
    let words = said.is(StatusCode::OK).body["message"].clone();
    let words = words.as_str().expect("words");
    assert!(words.starts_with("resumed, against "), "{words}");
    assert_eq!(suspended().await, false);

    let unknown = administrator
        .post(&action("stop"), &json!({"force": true}))
        .await;
    unknown.is(StatusCode::UNPROCESSABLE_ENTITY);
    let nobody = "/api/v1/flashclasses/there-is-none/actions/stop";
    let said = administrator.post(nobody, &json!({})).await;
    said.is(StatusCode::NOT_FOUND);
    space.kubectl(&["delete", "flashclass", &space.name]);
}
