//! A rollout is planned and created by the keyboard alone, by those who may create it; hostile names stay words.

use fantoccini::key::Key;
use serde_json::json;
use testbed::{Asking, Space, healthy};

use super::{access::assert_open_to_everybody, driver::Browser};
use crate::asked::{Console, Person};

/// What tries to be markup, to break out of an attribute, or to turn the text around.
const HOSTILE: [&str; 6] = [
    "<script>window.hit=1</script>",
    "\"><img src=x onerror=window.hit=2>",
    "' onfocus='window.hit=3' autofocus='",
    "<svg/onload=window.hit=4>",
    "javascript:window.hit=5//{{ 7*7 }}",
    "\u{202e}</td></table><iframe src=/>",
];

/// The page of a new rollout.
fn page(space: &Space) -> String {
    format!("/namespaces/{}/rollout", space.name)
}

/// Somebody with that role who may list devices, too.
fn reader<'a>(console: &'a Console, space: &Space, role: &str) -> Person<'a> {
    let asking = Asking::ordinary(space, role);
    asking.bind_as(
        &format!("{role}-reads"),
        "rolebinding",
        "--clusterrole=flashjob-user",
        &space.name,
    );
    Person::of(console, &asking)
}

/// Goes on by the key Tab until the focus is there.
async fn go_to(browser: &Browser, part: &str) {
    let there = format!("document.activeElement?.matches({})", json!(part));
    for _ in 0..80 {
        if browser.run(&format!("return Boolean({there});")).await == true {
            return;
        }
        browser.press(Key::Tab).await;
    }
    browser.until(&format!("focus on {part}"), &there).await;
}

/// Types, wherever the focus is.
async fn keys(browser: &Browser, text: &str) {
    for letter in text.chars() {
        browser.press_letter(letter).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_editor_plans_and_creates_a_rollout_by_the_keyboard_alone() {
    let space = Space::new("console-begins").await;
    let fleet = space.fleet(healthy(3, 0.5)).await;
    let console = Console::start(space.control_plane);
    let editor = reader(&console, &space, "flashjob-editor");
    let _operator = space.operator(&["--engine", "native"]);
    let browser = Browser::start(space.control_plane, &console).await;
    browser.sign_in(&editor).await;
    browser
        .open(&format!("/namespaces/{}/flashjobs", space.name))
        .await;
    go_to(&browser, "#new-rollout").await;
    browser.press(Key::Enter).await;
    browser.shows("main", "3 devices found").await;

    // The filter, then a device.
    go_to(&browser, "#f-device").await;
    keys(&browser, "esp32s3").await;
    browser.press(Key::Enter).await;
    browser
        .shows("main", "every device that the filter means")
        .await;
    go_to(&browser, ".tick").await;
    browser.press_letter(' ').await;
    browser.shows("#ticked", "1 ticked").await;
    let picked = browser
        .run("return document.querySelector('.tick:checked').value;")
        .await;
    let picked = picked.as_str().unwrap().to_owned();
    assert!(fleet.uuids().contains(&picked));

    go_to(&browser, "#name").await;
    keys(&browser, "begun").await;
    go_to(&browser, "#firmware").await;
    keys(&browser, "registry.example.com/esp32-fmnist:0.2.0").await;
    go_to(&browser, "#version").await;
    keys(&browser, "0.2.0").await;
    assert!(!browser.has("#create-yes").await, "a plan comes before");
    go_to(&browser, "#plan").await;
    browser.press(Key::Enter).await;
    browser.shows("#planned", "It takes at most").await;
    browser.shows("#plan-steps", "1 device, in 1 step").await;
    let focus = "document.activeElement?.id === 'plan-title'";
    browser.until("focus on the plan", focus).await;
    assert!(space.find_job("begun").is_none());
    browser.keep("rollout-plan").await;

    go_to(&browser, "#typed").await;
    keys(&browser, "3").await;
    browser.press(Key::Enter).await;
    browser.shows("#create-problem", "Type 1 to go on.").await;
    assert!(space.find_job("begun").is_none());
    go_to(&browser, "#typed").await;
    browser.press(Key::Backspace).await;
    keys(&browser, "1").await;
    browser.press(Key::Enter).await;
    browser.shows("h1", "begun").await;
    let spec = space.job("begun").0["spec"].clone();
    assert_eq!(spec["uuid"], json!([picked]), "{spec}");
    assert_eq!(spec["device"], "esp32s3");
    assert_eq!(spec["mismatchPolicy"], "Fail");
    assert_eq!(spec["steps"][0]["repeat"], true);
    let seen = space.finished("begun", 120).await;
    assert_eq!(seen.count("succeeded"), 1);
    browser.assert_no_complaints().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_viewer_plans_and_has_nothing_to_create_by_and_what_is_refused_is_said() {
    let space = Space::new("console-plans-only").await;
    let fleet = space.fleet(healthy(2, 0.5)).await;
    let console = Console::start(space.control_plane);
    let viewer = reader(&console, &space, "flashjob-viewer");
    let browser = Browser::start(space.control_plane, &console).await;
    browser.sign_in(&viewer).await;
    browser
        .open(&format!("/namespaces/{}/flashjobs", space.name))
        .await;
    assert!(!browser.has("#new-rollout").await);
    browser
        .open(&format!("{}?device=esp32s3", page(&space)))
        .await;
    browser
        .shows("#no-create", "You may not create FlashJobs")
        .await;
    browser.type_into("#name", "Not A Name").await;
    browser
        .type_into("#firmware", "registry.example.com/a:1")
        .await;
    browser.type_into("#version", "1").await;
    browser.click("#plan").await;
    browser.shows("#rollout-problem", "metadata.name").await;
    browser
        .run("document.getElementById('name').value = '';")
        .await;
    browser.type_into("#name", "a-name").await;
    browser.click("#plan").await;
    browser.shows("#planned", "2 devices, in 1 step").await;
    assert!(!browser.has("#create").await);
    // A step before the one that repeats, and one device of the two.
    browser.click("#step-more").await;
    let focus = "document.activeElement?.value === 'canary'";
    browser.until("focus on the new step", focus).await;
    assert!(!browser.has("#planned").await, "the plan is another one's");
    browser.click("#plan").await;
    browser
        .shows("#plan-steps", "Step 1 (canary): 1 device, 1 in all")
        .await;
    browser.shows("#plan-steps", "2 devices, in 2 steps").await;
    browser.click("#step-less").await;
    browser.type_into("#uuids", &fleet.uuids()[1]).await;
    browser.click("#plan").await;
    browser.shows("#plan-steps", "1 device, in 1 step").await;
    // A field that changes takes the plan away.
    browser.type_into("#version", "2").await;
    assert!(!browser.has("#planned").await);
    browser
        .run("document.querySelector('.step-devices').value = 'many';")
        .await;
    browser.click("#plan").await;
    browser.shows("#rollout-problem", "spec.steps").await;
    assert!(!browser.has("#planned").await);
    let complaints = browser.complaints().await;
    assert_eq!(complaints.len(), 2, "{complaints:#?}");
    let expected = complaints.iter().all(|words| words.contains("422"));
    assert!(expected, "{complaints:#?}");
    assert!(space.find_job("a-name").is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_names_of_devices_are_words_and_the_page_is_open_to_everybody() {
    let space = Space::new("console-hostile").await;
    let console = Console::start(space.control_plane);
    let editor = reader(&console, &space, "flashjob-editor");
    // Its chart brings the definition of Instances.
    space.control_plane.operator_kubeconfig();
    for (number, words) in HOSTILE.iter().enumerate() {
        let instance = json!({
            "apiVersion": "akri.sh/v0", "kind": "Instance", "metadata": {"name": format!("hostile-{number}")},
            "spec": {
                "configurationName": "hostile", "cdiName": format!("akri.sh/hostile={number}"), "capacity": 1, "nodes": [], "shared": true, "deviceUsage": {},
                "brokerProperties": {
                    "HOST_ENDPOINT": format!("192.0.2.{}", number + 10), "DEVICE": words, "APPLICATION_TYPE": words, "VERSION": words,
                },
            },
        });
        space.apply(&instance.to_string());
    }
    let browser = Browser::start(space.control_plane, &console).await;
    browser.sign_in(&editor).await;
    browser.open(&page(&space)).await;
    browser.shows("main", "6 devices found").await;
    for words in &HOSTILE[..5] {
        browser.shows("tbody", words).await;
    }
    browser.type_into("#name", "hostile").await;
    browser
        .type_into("#firmware", "registry.example.com/a:1")
        .await;
    browser.type_into("#version", "1").await;
    browser.click("#tick-all").await;
    browser.click("#plan").await;
    browser.shows("#planned", "6 devices, in 2 steps").await;
    let made = "return document.querySelectorAll('main img, main iframe, main svg, main script').length + (window.hit ?? 0);";
    assert_eq!(browser.run(made).await, 0);
    browser.assert_no_complaints().await;
    assert_open_to_everybody(&browser, "rollout").await;
    // Values in a link do not become markup, either.
    browser
        .open(&format!(
            "{}?device=%22%3E%3Cimg%20src%3Dx%20onerror%3Dwindow.hit%3D6%3E&property=x",
            page(&space)
        ))
        .await;
    browser.shows("main", "KEY=VALUE").await;
    assert_eq!(browser.run(made).await, 0);
    browser.assert_no_complaints().await;
}
