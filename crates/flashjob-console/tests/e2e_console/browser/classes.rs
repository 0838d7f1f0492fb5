//! The classes in a browser: limits in use, the week, and the stop switch for those who have the right. Approvals of namespaces that are named.

use fantoccini::key::Key;
use serde_json::json;
use testbed::{Asking, Params, Space, healthy, job::job};

use super::{driver::Browser, rollout};
use crate::asked::{Console, Person};

/// A person who may read all, and change classes.
fn administrator<'a>(console: &'a Console, space: &Space) -> Person<'a> {
    let asking = Asking::new(space);
    let name = format!("admin-{}", space.name);
    let role = "--clusterrole=flashclass-admin";
    asking.bind_as(&name, "clusterrolebinding", role, "default");
    Person::of(console, &asking)
}

fn suspended(space: &Space) -> String {
    let path = "jsonpath={.spec.suspend}";
    space.kubectl(&["get", "flashclass", &space.name, "-o", path])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_administrator_stops_a_class_by_typing_its_name_and_lets_it_go_on() {
    let space = Space::new("console-stops").await;
    let spec = json!({
        "maxParallelism": 3, "windows": [{"days": ["Fri"], "start": "22:00", "durationSeconds": 14400, "timeZone": "Europe/Athens"}],
    });
    let console = Console::start(space.control_plane);
    let administrator = administrator(&console, &space);
    space.put_class(&space.name, &spec);
    let browser = Browser::start(space.control_plane, &console).await;
    browser.sign_in(&administrator).await;
    browser.open("/flashclasses").await;
    let class = format!("#class-{}", space.name);
    let button = format!("{class} button");
    browser.shows(&class, "Not stopped").await;
    browser.shows(&class, "The week in Europe/Athens").await;
    let friday = format!(
        "document.querySelectorAll('{class} .week svg')[4].getAttribute('aria-label') === '22:00 to 24:00'"
    );
    browser.until("the window on Friday", &friday).await;
    browser.click(&button).await;
    browser
        .shows("#order", "Nothing new of any FlashJob of this class starts")
        .await;
    browser.type_into("#order-typed", "another").await;
    browser.click("#order-yes").await;
    let words = format!("Type {} to go on.", space.name);
    browser.shows("#order-problem", &words).await;
    assert_eq!(suspended(&space), "");
    browser.press(Key::Escape).await;
    browser.click(&button).await;
    browser.type_into("#order-typed", &space.name).await;
    browser.click("#order-yes").await;
    browser.shows("#said", "Done: suspended").await;
    // The page says so without being loaded again, and by whom.
    browser
        .shows(&class, "Stopped by system:serviceaccount")
        .await;
    assert_eq!(suspended(&space), "true");
    browser.shows(&button, "Let it go on").await;
    browser.click(&button).await;
    browser.type_into("#order-typed", &space.name).await;
    browser.click("#order-yes").await;
    browser.shows("#said", "Done: resumed").await;
    browser.shows(&class, "Not stopped").await;
    assert_eq!(suspended(&space), "");
    browser.assert_no_complaints().await;
    space.kubectl(&["delete", "flashclass", &space.name]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_in_use_of_a_class_is_shown_and_nobody_stops_it_without_the_right() {
    let space = Space::new("console-uses").await;
    let console = Console::start(space.control_plane);
    let reader = Person::of(&console, &Asking::new(&space));
    let limits = json!([{"by": "Configuration", "max": 7}]);
    let spec = json!({"maxParallelism": 3, "inFlightLimits": limits});
    space.put_class(&space.name, &spec);
    // Of its own: what is in use is counted over the devices of all tests.
    let params = Params {
        configuration: space.name.clone(),
        ..healthy(2, 60.0)
    };
    let fleet = space.fleet(params).await;
    let _operator = space.operator(&["--engine", "native"]);
    let more = json!({"flashClassName": space.name, "parallelism": 2});
    space.apply(&job("rollout", &fleet.uuids(), &more).to_string());
    space
        .becomes("rollout", "two devices in flight", 60, |seen| {
            seen.count("inFlight") == 2
        })
        .await;
    let browser = Browser::start(space.control_plane, &console).await;
    browser.sign_in(&reader).await;
    browser.open("/flashclasses").await;
    let class = format!("#class-{}", space.name);
    browser.shows(&class, "2 of 3").await;
    browser.shows(&class, "2 of 7").await;
    assert!(!browser.has(&format!("{class} button")).await);
    let said = reader
        .post(
            &format!("/api/v1/flashclasses/{}/actions/stop", space.name),
            &json!({}),
        )
        .await;
    assert_eq!(said.status, 403, "{:#}", said.body);
    assert_eq!(suspended(&space), "");
    browser.assert_no_complaints().await;
    space.kubectl(&["delete", "flashclass", &space.name]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_not_list_all_jobs_names_a_namespace_and_sees_what_waits_there() {
    let space = Space::new("console-named").await;
    let console = Console::start(space.control_plane);
    let approver = Person::new(&console, &space, "flashjob-approver");
    let _running = rollout(&space).await;
    let browser = Browser::start(space.control_plane, &console).await;
    browser.sign_in(&approver).await;
    browser.open("/approvals").await;
    browser.shows("main", "cannot list resource").await;
    browser
        .shows("main", "name those whose FlashJobs you may list")
        .await;
    browser
        .type_into("#namespace", &format!("{} default", space.name))
        .await;
    browser.press(Key::Enter).await;
    browser.shows("#live-approvals", "rollout").await;
    // The page also names the namespaces that were refused.
    browser.shows("main", "in the namespace \"default\"").await;
    browser.click("#live-approvals a").await;
    browser.shows(".reached", "Waits for approval").await;
}
