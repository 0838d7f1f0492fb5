//! Nobody is kept out: axe finds nothing serious on any page, on narrow and on wide screens, in light and in dark.

use serde_json::{Value, json};
use testbed::{Params, Space, job::job};

use super::{driver::Browser, page};
use crate::asked::{Console, Person, editor_of_devices};

const AXE: &str = include_str!("axe/axe.min.js");
/// What is found, and how many rules were kept.
const ASK: &str = "
    const done = arguments[arguments.length - 1];
    axe.run().then(
        ({ violations, passes }) => done({ passes: passes.length, found: violations.map(({ id, impact, nodes }) =>
            ({ id, impact, nodes: nodes.map((node) => node.html) })) }),
        (error) => done(String(error)));";

/// Panics where axe finds something serious on the page as it is, on any screen, or where it is wider than the screen.
pub async fn assert_open_to_everybody(browser: &Browser, name: &str) {
    browser.run(AXE).await;
    for width in [360, 1280, 2560] {
        for dark in [false, true] {
            browser.on_a_screen(width, dark).await;
            let said = browser.run_async(ASK).await;
            assert!(said["passes"].as_u64() > Some(10), "{name}: {said:#}");
            let found = said["found"].as_array().expect("a list").iter();
            let serious = |one: &&Value| {
                ["serious", "critical"].contains(&one["impact"].as_str().unwrap_or_default())
            };
            let serious: Vec<_> = found.filter(serious).collect();
            assert!(
                serious.is_empty(),
                "{name} at {width}, dark: {dark}: {serious:#?}"
            );
            let wide = browser
                .run("return document.documentElement.scrollWidth;")
                .await;
            assert!(
                wide.as_u64() <= Some(width.into()),
                "{name} is {wide} wide at {width}"
            );
            let kind = if dark { "dark" } else { "light" };
            browser.keep(&format!("{name}-{width}-{kind}")).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn axe_finds_nothing_serious_on_narrow_and_wide_screens_in_light_and_dark() {
    let space = Space::new("console-open").await;
    let fleet = space
        .fleet(Params {
            devices: 3,
            flash_seconds: 0.5,
            exit1_share: 0.34,
            ..Params::default()
        })
        .await;
    let console = Console::start(space.control_plane);
    let person = Person::new(&console, &space, "flashjob-user");
    let asking = editor_of_devices(&space);
    let editor = Person::of(&console, &asking);
    let name = format!("changes-{}", space.name);
    let role = "--clusterrole=flashclass-admin";
    asking.bind_as(&name, "clusterrolebinding", role, "default");
    let windows = json!([{"days": ["Fri"], "start": "22:00", "durationSeconds": 14400}]);
    space.put_class(
        &space.name,
        &json!({"maxParallelism": 3, "windows": windows}),
    );
    let _operator = space.operator(&["--engine", "native"]);
    let steps = json!({"steps": [{"name": "canary", "devices": 1, "soakSeconds": 1, "maxFailedDevices": 1}], "maxFailedDevices": 3});
    space.apply(&job("rollout", &fleet.uuids(), &steps).to_string());
    let seen = space.finished("rollout", 120).await;
    let failed = seen.indexes("failedIndexes");
    let failed = failed.first().expect("a device that failed");
    let browser = Browser::start(space.control_plane, &console).await;
    browser.open("/").await;
    assert_open_to_everybody(&browser, "login").await;
    browser.sign_in(&person).await;
    assert_open_to_everybody(&browser, "home").await;
    browser
        .open(&format!("/namespaces/{}/flashjobs", space.name))
        .await;
    assert_open_to_everybody(&browser, "jobs").await;
    browser.sign_in(&editor).await;
    browser.open(&page(&space)).await;
    browser.shows("#stream", "Live").await;
    assert_open_to_everybody(&browser, "job").await;
    browser.click("#order-retry").await;
    assert_open_to_everybody(&browser, "question").await;
    browser
        .open(&format!("{}/devices/{failed}", page(&space)))
        .await;
    browser.shows("#log", "End of its log").await;
    assert_open_to_everybody(&browser, "device").await;
    browser
        .open(&format!("/namespaces/{}/approvals", space.name))
        .await;
    assert_open_to_everybody(&browser, "approvals").await;
    browser
        .open(&format!("/namespaces/{}/fleet", space.name))
        .await;
    browser
        .until("cells", "document.querySelector('#fleet-cells canvas')")
        .await;
    assert_open_to_everybody(&browser, "fleet").await;
    browser.open("/flashclasses").await;
    assert_open_to_everybody(&browser, "classes").await;
    browser
        .click(&format!("#class-{} button", space.name))
        .await;
    assert_open_to_everybody(&browser, "stop").await;
    space.kubectl(&["delete", "flashclass", &space.name]);
    browser.open("/approvals").await;
    assert_open_to_everybody(&browser, "approvals-refused").await;
    browser.open("/namespaces/default/flashjobs").await;
    assert_open_to_everybody(&browser, "refusal").await;
}
