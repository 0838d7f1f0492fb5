//! The devices of a namespace as cells: what is drawn, what a filter does, and that hostile names stay words.

use serde_json::{Value, json};
use testbed::{Space, healthy, job::job};

use super::{driver::Browser, says};
use crate::asked::{Console, Person};

const MARKUP: &str = "<script>alert(1)</script>\"><img src=x onerror=alert(2)>";
/// Canvases on which at least one point is not empty.
const DRAWN: &str = "[...document.querySelectorAll('#fleet-cells canvas')].filter((canvas) =>
    canvas.width && canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some((part) => part)).length";

fn instance(number: usize, kind: &str, version: &str) -> Value {
    json!({
        "apiVersion": "akri.sh/v0", "kind": "Instance", "metadata": {"name": format!("device-{number:02}")},
        "spec": {
            "configurationName": "lamps", "shared": false, "nodes": ["node-a"], "capacity": 1, "deviceUsage": {},
            "cdiName": format!("akri.sh/lamps={number}"),
            "brokerProperties": {"HOST_ENDPOINT": format!("192.0.2.{number}"), "DEVICE": kind, "VERSION": version},
        },
    })
}

/// Twenty lamps and two devices whose names are markup; one lamp failed in a job.
async fn devices(space: &Space) {
    // It brings the definition of Instances.
    let _none = space.fleet(healthy(0, 1.0)).await;
    let lamps =
        (1..=20).map(|number| instance(number, "lamp", if number < 5 { "v2" } else { "v1" }));
    let hostile = (21..=22).map(|number| instance(number, MARKUP, MARKUP));
    let all: Vec<_> = lamps.chain(hostile).collect();
    space.apply(&json!({"apiVersion": "v1", "kind": "List", "items": all}).to_string());
    space.apply(&job("rollout", &[], &json!({})).to_string());
    let device = |index: usize, phase: &str| {
        json!({
            "index": index, "uuid": format!("u-{index}"), "hostEndpoint": format!("192.0.2.{}", index + 1), "phase": phase,
            "reason": "TransferFailed", "message": "no", "attempts": 1,
        })
    };
    says(
        space,
        "rollout",
        &json!({
            "observedGeneration": 1, "phase": "Running", "reason": "InProgress", "round": {"number": 1, "firmware": "f:1", "version": "v2"},
            "selection": {"count": 2, "hash": "00"}, "counts": {"selected": 2, "failed": 1, "inFlight": 1},
            "devices": [device(0, "Failed"), device(1, "Flashing")],
        }),
    );
}

/// A browser with the page of these devices open, as a person with that role sees it.
async fn opened(space: &Space, console: &Console, role: &str, query: &str) -> Browser {
    let person = Person::new(console, space, role);
    devices(space).await;
    let browser = Browser::start(space.control_plane, console).await;
    // The page draws only what is on the screen.
    browser.on_a_screen(1280, false).await;
    browser.sign_in(&person).await;
    let page = format!("/namespaces/{}/fleet{query}", space.name);
    browser.open(&page).await;
    browser
}

/// Moves the pointer to the first cell of the first canvas, or clicks there.
fn to_the_first_cell(event: &str) -> String {
    format!(
        "const canvas = document.querySelector('#fleet-cells canvas'); const place = canvas.getBoundingClientRect();
         canvas.dispatchEvent(new PointerEvent('{event}', {{ bubbles: true, clientX: place.left + 5, clientY: place.top + 5 }}));"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fleet_is_drawn_as_cells_and_the_cells_and_the_table_follow_a_filter_as_it_is_typed() {
    let space = Space::new("console-fleet").await;
    let console = Console::start(space.control_plane);
    let browser = opened(&space, &console, "flashjob-user", "").await;
    browser.shows("#stream", "Live").await;
    browser.shows("#fleet-count", "22 of 22 devices").await;
    browser.shows("#live-fleet", "1 Failed").await;
    browser.shows("#live-fleet", "20 NotSelected").await;
    browser.shows("#live-versions", "v2").await;
    browser.until("cells", &format!("{DRAWN} === 2")).await;
    let label = "document.querySelector('#fleet-cells canvas').getAttribute('aria-label')";
    let label = browser.run(&format!("return {label};")).await;
    assert_eq!(label, "lamp: 18 NotSelected, 1 Failed, 1 Flashing");
    browser.run("window.kept = true;").await;

    browser.type_into("#q", "lamp v2").await;
    browser
        .until(
            "filtered cells",
            "document.getElementById('fleet-cells').dataset.devices === '4'",
        )
        .await;
    let rows = "document.querySelectorAll('#live-devices tbody tr').length";
    browser
        .until("filtered table", &format!("{rows} === 4"))
        .await;
    assert_eq!(browser.run("return window.kept;").await, true);
    let filter = "return new URL(location.href).searchParams.get('q');";
    assert_eq!(browser.run(filter).await, "lamp v2");
    let rollout = "return document.getElementById('fleet-rollout').value;";
    assert_eq!(browser.run(rollout).await, "lamp v2");

    // What changes while the page is open changes the cells, too.
    says(
        &space,
        "rollout",
        &json!({"failedIndexes": "0-1", "devices": null, "counts": {"selected": 2, "failed": 2}}),
    );
    browser.shows("#live-fleet", "4 NotSelected").await;
    browser
        .until(
            "cells that changed",
            "document.querySelector('#fleet-cells canvas').getAttribute('aria-label') === 'lamp: 4 NotSelected'",
        )
        .await;
    browser.assert_no_complaints().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cell_says_which_device_it_is_and_leads_to_it_and_hostile_names_stay_words() {
    let space = Space::new("console-cells").await;
    let console = Console::start(space.control_plane);
    let browser = opened(&space, &console, "flashjob-user", "").await;
    browser.until("cells", &format!("{DRAWN} === 2")).await;
    browser.shows("#fleet-cells", MARKUP).await;
    browser.shows("#live-versions", MARKUP).await;
    browser.shows("#live-devices", MARKUP).await;
    let label = "document.querySelectorAll('#fleet-cells canvas')[1].getAttribute('aria-label')";
    let label = browser.run(&format!("return {label};")).await;
    assert_eq!(label, format!("{MARKUP}: 2 NotSelected"));
    let made =
        "return document.querySelectorAll('img, script:not([src=\"/assets/page.js\"])').length;";
    assert_eq!(browser.run(made).await, 0);
    browser.run(&to_the_first_cell("pointermove")).await;
    let words = "device-01, lamp, 192.0.2.1, version v2, Failed, job rollout";
    browser.shows("#fleet-cell", words).await;
    browser.run(&to_the_first_cell("click")).await;
    browser.shows("#live-device", "TransferFailed").await;
    browser.assert_no_complaints().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_not_list_instances_sees_the_devices_of_the_jobs_and_is_told_so() {
    let space = Space::new("console-few").await;
    let console = Console::start(space.control_plane);
    let browser = opened(&space, &console, "flashjob-viewer", "?q=failed").await;
    browser.shows("#fleet-count", "1 of 2 devices").await;
    let words = "Only devices that FlashJobs have selected are shown";
    browser.shows("#live-fleet", words).await;
    browser
        .shows("#live-fleet", "cannot list resource \"instances\"")
        .await;
    browser.assert_no_complaints().await;
}
