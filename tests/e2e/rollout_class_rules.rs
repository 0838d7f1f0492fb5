//! What a FlashClass puts on jobs whatever they say, and what it opens to them: one class and one job for each rule.

use serde_json::{Value, json};

use testbed::{
    Fleet, Params, Space, healthy,
    job::{Seen, job},
};

/// Seconds; generous, since the tests run beside each other on small machines.
const PATIENCE: u64 = 150;

/// Makes a class of these rules, and a job of it for these devices.
fn begin(space: &Space, name: &str, rules: &Value, uuids: &[String], more: &Value) {
    let class = format!("{}-{name}", space.name);
    space.put_class(&class, rules);
    let mut spec = more.clone();
    spec["flashClassName"] = json!(class);
    space.apply(&job(name, uuids, &spec).to_string());
}

/// Outcome, reason and message of the only device of a job that has finished.
async fn only_device(space: &Space, name: &str, uuid: &str) -> (String, String, String) {
    let done = space.finished(name, PATIENCE).await;
    let device = done.device(uuid);
    let text = |field: &str| device[field].as_str().unwrap_or_default().to_owned();
    (text("phase"), text("reason"), text("message"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_class_demands_of_devices_keeps_them_from_being_flashed_whatever_the_job_says() {
    let space = Space::new("class-demands").await;
    let fleet = space.fleet(healthy(3, 0.2)).await;
    let uuids = fleet.uuids();
    let _operator = space.operator(&[]);
    let nowhere = json!({"from": "Selector", "selector": {"matchLabels": {"nobody": "has-it"}}});
    let cases = [
        (
            "skip",
            json!({"requireSkip": true}),
            json!({"version": "0.1.0", "alreadyAtVersion": "Flash"}),
            ("Skipped", "AlreadyAtVersion"),
        ),
        (
            "policy",
            json!({"minMismatchPolicy": "Fail"}),
            json!({"device": "another", "mismatchPolicy": "Ignore"}),
            ("Failed", "DeviceMismatch"),
        ),
        (
            "namespaces",
            json!({"deviceNamespaces": nowhere}),
            json!({}),
            ("Failed", "DeviceNotAllowed"),
        ),
    ];
    for ((name, rules, more, _), uuid) in cases.iter().zip(&uuids) {
        begin(&space, name, rules, std::slice::from_ref(uuid), more);
    }
    for ((name, .., (phase, reason)), uuid) in cases.iter().zip(&uuids) {
        let device = only_device(&space, name, uuid).await;
        assert_eq!((&*device.0, &*device.1), (*phase, *reason), "{device:?}");
    }
    assert_eq!(space.births(), 0);
    assert!(space.releases().is_empty());
    let effective =
        |name: &str, field: &str| space.job(name).0["status"]["effective"][field].clone();
    assert_eq!(effective("skip", "alreadyAtVersion"), "Skip");
    assert_eq!(effective("policy", "mismatchPolicy"), "Fail");
}

/// Whether no device began before the first one had ended.
fn began_alone(fleet: &Fleet, first: &str) -> bool {
    let journal = fleet.journal();
    let of_first = journal.iter().find(|flash| flash.pod.contains(first));
    let end = of_first.and_then(|flash| flash.end);
    let mut others = journal.iter().filter(|flash| !flash.pod.contains(first));
    end.is_some_and(|end| others.all(|flash| flash.start >= end))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_class_bounds_the_first_step_of_a_job_without_steps_and_says_how_its_log_is_read() {
    let space = Space::new("class-first").await;
    let fleet = space.fleet(healthy(4, 1.0)).await;
    let other = space.fleet(healthy(1, 0.2)).await;
    let _operator = space.operator(&[]);
    let more = json!({"parallelism": 4});
    let first = json!({"maxFirstStepDevices": 1});
    begin(&space, "first", &first, &fleet.uuids(), &more);
    // The words of another flash image: by the operator's own this device has succeeded.
    let markers = json!({"sent": ["never said"], "transferFailed": ["Firmware sent to IoT"]});
    let (rules, uuids) = (json!({"verdictMarkers": markers}), other.uuids());
    begin(&space, "words", &rules, &uuids, &json!({}));

    let done: Seen = space.finished("first", PATIENCE).await;
    assert!(done.is("Complete"), "{:#}", done.0["status"]);
    assert!(
        began_alone(&fleet, &fleet.uuids()[0]),
        "{:#?}",
        fleet.journal()
    );
    let device = only_device(&space, "words", &uuids[0]).await;
    assert_eq!(
        (&*device.0, &*device.1),
        ("Failed", "TransferFailed"),
        "{device:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_flash_pod_may_use_is_what_the_class_lists_and_nothing_else() {
    let space = Space::new("class-workload").await;
    let fleet = space.fleet(healthy(6, 0.2)).await;
    let uuids = fleet.uuids();
    space.kubectl(&["create", "serviceaccount", "flasher"]);
    let _operator = space.operator(&[]);
    let volume = |source: Value| {
        let mut volume = json!({"name": "extra"});
        for (kind, source) in source.as_object().unwrap() {
            volume[kind] = source.clone();
        }
        json!({"extraVolumes": [volume]})
    };
    let cases = [
        (
            "account",
            json!({"serviceAccounts": ["flasher"]}),
            json!({"serviceAccountName": "flasher"}),
            "flasher",
        ),
        (
            "secret",
            json!({"secretNames": ["keys"]}),
            volume(json!({"secret": {"secretName": "keys"}})),
            "keys",
        ),
        (
            "volume",
            json!({"volumeTypes": ["csi"]}),
            volume(json!({"csi": {"driver": "csi.example.com"}})),
            "csi",
        ),
    ];
    let open = json!(["/serviceAccountName", "/extraVolumes"]);
    for (index, (name, workload, values, _)) in cases.iter().enumerate() {
        let more = json!({"values": values});
        let listed = json!({"allowedValuePaths": open, "workload": workload});
        begin(&space, name, &listed, &uuids[index..=index], &more);
        let closed = json!({"allowedValuePaths": open});
        let refused = format!("no-{name}");
        begin(
            &space,
            &refused,
            &closed,
            &uuids[index + 3..=index + 3],
            &more,
        );
    }
    for (index, (name, _, _, what)) in cases.iter().enumerate() {
        let device = only_device(&space, name, &uuids[index]).await;
        assert_eq!(device.0, "Succeeded", "{name}: {device:?}");
        let refused = space.waits_for(&format!("no-{name}"), "GuardRefused").await;
        let message = refused.0["status"]["message"].as_str().unwrap_or_default();
        assert!(message.contains(what), "{name}: {message}");
    }
    assert_eq!(space.births(), cases.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_without_an_address_is_given_up_as_soon_as_its_class_says() {
    let space = Space::new("class-address").await;
    let params = Params {
        no_address_share: 1.0,
        ..healthy(1, 0.2)
    };
    let uuids = space.fleet(params).await.uuids();
    let _operator = space.operator(&[]);
    let rules = json!({"defaults": {"addressTimeoutSeconds": 2}});
    begin(&space, "address", &rules, &uuids, &json!({}));
    // On a busy machine another try may be given up for another reason.
    let backs_off = |job: &Seen| {
        let device = job.device(&uuids[0]);
        device["reason"] == "BackOff" && device["message"].to_string().contains("after 2 s")
    };
    let what = "a device that backs off after 2 s without an address";
    let seen = space.becomes("address", what, PATIENCE, backs_off).await;
    assert_eq!(seen.0["status"]["effective"]["addressTimeoutSeconds"], 2);
    assert_eq!(space.births(), 0);
}
