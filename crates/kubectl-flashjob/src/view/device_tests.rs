//! Devices as they are listed.

use flashjob_operator::{
    api::{DeviceSelector, Instance},
    device::{Inventory, Selector},
};
use insta::assert_snapshot;
use kube::core::DeserializeGuard;
use serde_json::{Value, json};

use super::*;
use crate::{
    show::Line,
    view::fixtures::{at, rollout},
};

fn instance(uid: &str, properties: &Value) -> DeserializeGuard<Instance> {
    serde_json::from_value(json!({
        "apiVersion": "akri.sh/v0", "kind": "Instance",
        "metadata": {"name": format!("esp32-{uid}"), "namespace": "demo", "uid": uid},
        "spec": {"configurationName": "esp32", "nodes": ["node-a"], "brokerProperties": properties},
    }))
    .unwrap()
}

fn device(uid: &str, endpoint: &str, version: &str) -> DeserializeGuard<Instance> {
    let properties = json!({
        "HOST_ENDPOINT": endpoint, "DEVICE": "esp32s3", "APPLICATION_TYPE": "thermo", "VERSION": version,
    });
    instance(uid, &properties)
}

fn fleet() -> Vec<DeserializeGuard<Instance>> {
    vec![
        // Another uid than the job knows: it was flashed since.
        device("again", "192.0.2.6:80", "1.2.0"),
        device("busy", "192.0.2.9", "1.1.0"),
        device("failed", "192.0.2.7:80", "1.1.0"),
        device("idle", "192.0.2.200:80", "1.0.0\u{1b}[2J"),
        instance("broken", &json!({"DEVICE": "esp32s3"})),
    ]
}

fn listed(selector: Option<&Value>, uuids: &[&str]) -> Vec<DeviceRow> {
    let instances = fleet();
    let inventory = Inventory::of(&instances, []);
    let selector = selector.map(|selector| {
        let selector: DeviceSelector = serde_json::from_value(selector.clone()).unwrap();
        Selector::parse(&selector).unwrap()
    });
    let uuids: Vec<String> = uuids.iter().map(|uuid| (*uuid).to_owned()).collect();
    rows(
        (&instances, &inventory),
        &[rollout()],
        selector.as_ref(),
        &uuids,
    )
}

fn text(lines: &[Line]) -> String {
    lines.iter().map(|line| line.text() + "\n").collect()
}

#[test]
fn devices_are_joined_with_jobs_by_endpoint_and_sorted_by_it() {
    assert_snapshot!(text(&table(&listed(None, &[]), false, at(720))));
}

#[test]
fn a_wide_list_has_uuids_and_where_devices_were_found() {
    assert_snapshot!(text(&table(&listed(None, &[]), true, at(720))));
}

#[test]
fn filters_are_those_of_a_job_s_selector() {
    let uuids =
        |rows: Vec<DeviceRow>| -> Vec<String> { rows.into_iter().map(|row| row.uuid).collect() };
    let old = json!({"matchExpressions": [{"property": "VERSION", "operator": "VersionIn", "values": ["<1.2.0"]}]});
    assert_eq!(uuids(listed(Some(&old), &[])), ["failed", "busy"]);
    assert_eq!(uuids(listed(None, &["idle", "broken"])), ["idle", "broken"]);
}

#[test]
fn a_document_names_the_job_and_the_pod() {
    let rows = listed(None, &["busy"]);
    let document = serde_json::to_value(&rows[0]).unwrap();
    assert_eq!(document["busy"]["job"], "thermo");
    assert_eq!(document["busy"]["version"], "1.2.0");
    let pod = document["busy"]["pod"].as_str().unwrap();
    assert!(pod.starts_with("flash-"), "{document:#}");
}

#[test]
fn only_what_changed_is_told_and_what_is_gone() {
    let before = listed(None, &[]);
    let mut table = Table::of(false);
    table.begin(&before, at(720));
    assert_eq!(table.more(&before, &before, at(900)), []);
    let mut now = before.clone();
    // A reboot gives an Instance another uid and another version: the device is the same.
    let again = now.iter().position(|row| row.uuid == "idle").unwrap();
    now[again].uuid = "rebooted".into();
    now[again].version = Some("1.1.0".into());
    now.retain(|row| row.uuid != "failed");
    // What is not shown is no change.
    now[0].nodes.push("another".into());
    let told = table.more(&before, &now, at(720));
    let told: Vec<String> = told.iter().map(Line::text).collect();
    assert_eq!(told.len(), 2, "{told:#?}");
    assert!(told[0].starts_with("192.0.2.200:80 ") && told[0].contains(" 1.1.0 "));
    assert!(told[1].starts_with("192.0.2.7:80 ") && told[1].contains("✖ is not there"));
}
