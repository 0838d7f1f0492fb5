//! The page of a device in a browser: what became of it, and its Helm release as far as a person may read it.

use serde_json::json;
use testbed::{Asking, Params, Space, job::job};

use super::{driver::Browser, page};
use crate::asked::{Console, Person};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_release_of_a_device_is_shown_with_what_set_each_value_to_those_who_may_read_it() {
    let space = Space::new("console-release").await;
    let fleet = space
        .fleet(Params {
            devices: 1,
            flash_seconds: 0.5,
            exit1_share: 1.0,
            ..Params::default()
        })
        .await;
    let console = Console::start(space.control_plane);
    let user = Person::new(&console, &space, "flashjob-user");
    let asking = Asking::ordinary(&space, "flashjob-viewer");
    let role = [
        "create",
        "role",
        "secrets",
        "--verb=get,list",
        "--resource=secrets",
    ];
    space.kubectl(&role);
    asking.bind_as(
        "reads-secrets",
        "rolebinding",
        "--role=secrets",
        &space.name,
    );
    let revisions = "--clusterrole=flashjob-user";
    asking.bind_as("reads-more", "rolebinding", revisions, &space.name);
    let reader = Person::of(&console, &asking);
    let _operator = space.operator(&["--engine", "native"]);
    space.apply(&job("rollout", &fleet.uuids(), &json!({})).to_string());
    space.finished("rollout", 120).await;
    let path = format!("{}/devices/0", page(&space));
    let browser = Browser::start(space.control_plane, &console).await;
    browser.sign_in(&user).await;
    browser.open(&path).await;
    browser
        .shows("#part-attempts", "Selected for round 1")
        .await;
    browser.shows("#part-attempts", "Attempt 1 began").await;
    browser.shows("#part-attempts", "Failed: ").await;
    browser
        .shows("#part-release", "cannot list resource \"secrets\"")
        .await;
    assert!(!browser.has("#release-manifest").await);

    browser.sign_in(&reader).await;
    browser.open(&path).await;
    browser.shows("#part-release", "revision 1").await;
    browser.shows("#part-release", "failed").await;
    browser.click("#release-values summary").await;
    browser
        .shows("#release-values", "device-values.yaml of the flash chart")
        .await;
    browser
        .shows("#release-values", "the operator itself")
        .await;
    browser.shows("#release-values", "the flash chart").await;
    browser.click("#release-manifest summary").await;
    browser.shows("#release-manifest", "kind: Pod").await;
    browser.assert_no_complaints().await;
}
