//! What a person asks the command line about a job: it answers from what is stored, and writes nothing.

use serde_json::{Value, json};

use testbed::{Asking, Outcome, Params, Space, job::job, seconds};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn explain_says_what_is_in_flight_what_waits_and_what_failed_and_writes_nothing() {
    let space = Space::new("explain").await;
    let fleet = space
        .fleet(Params {
            devices: 4,
            flash_seconds: 12.0,
            exit1_share: 0.25,
            ..Params::default()
        })
        .await;
    let asking = Asking::new(&space);
    let _operator = space.operator(&["--engine", "native"]);
    let missing = "00000000-0000-4000-8000-00000000abcd";
    let devices = fleet.devices();
    let failing = devices
        .iter()
        .find(|device| device.outcome == Outcome::Exit1)
        .unwrap();
    let mut uuids: Vec<String> = fleet.uuids();
    uuids.sort_by_key(|uuid| *uuid != failing.uuid);
    uuids.push(missing.into());
    let spec = json!({"parallelism": 2, "deviceDiscoveryTimeoutSeconds": 600});
    space.apply(&job("asked", &uuids, &spec).to_string());
    space
        .eventually("two flashes", seconds(60), async || {
            // The status follows the Pods by a second or so, and it is the status that is explained.
            let job = space.job("asked");
            let devices = job.0["status"]["devices"].as_array();
            let flashing = devices.into_iter().flatten();
            let flashing = flashing.filter(|device| {
                (&device["phase"], &device["reason"]) == (&json!("Flashing"), &json!("Flashing"))
            });
            (fleet.journal().len() == 2 && flashing.count() == 2).then_some(())
        })
        .await;

    let said = asking.json(&["explain", "asked"]);
    assert_eq!(said["phase"], "Running", "{said:#}");
    assert_eq!(said["inFlight"].as_array().unwrap().len(), 2, "{said:#}");
    assert_eq!(said["waiting"][0]["reason"], "DeviceNotFound", "{said:#}");
    assert_eq!(
        (
            &said["notBegun"][0]["reason"],
            &said["notBegun"][0]["devices"]
        ),
        (&json!("SlotsFull"), &json!(2)),
        "{said:#}"
    );
    let text = asking.text(&["explain", "asked"]);
    for part in [
        "In flight",
        "SlotsFull: 2 of 2 slots",
        "kubectl get instances.akri.sh",
    ] {
        assert!(text.contains(part), "{part} in\n{text}");
    }

    // One device: in flight, of no entry, and none of the job's.
    let text = asking.text(&["explain", "asked", &uuids[0]]);
    let hint = format!("helm history flash-{} -n {}", uuids[0], space.name);
    assert!(
        text.contains(": Flashing (Flashing)") && text.contains(&hint),
        "{text}"
    );
    let queued = asking.json(&["explain", "asked", &uuids[3]]);
    assert_eq!(
        (&queued["phase"], &queued["reason"]),
        (&json!("Pending"), &json!("SlotsFull"))
    );
    assert!(
        asking
            .text(&["explain", "asked", "other"])
            .contains("Unknown (NotRequested)")
    );
    let complaint = asking.ask(&["explain", "nothing"]).unwrap_err();
    assert!(complaint.contains("has no FlashJob nothing"), "{complaint}");

    // When the device that was missing is named no more, the job ends; then it says how to go on.
    let named = json!({"spec": {"uuid": uuids[..4]}}).to_string();
    space.kubectl(&["patch", "flashjob", "asked", "--type=merge", "-p", &named]);
    space.finished("asked", 120).await;
    let text = asking.text(&["explain", "asked"]);
    for part in [
        "Failed (DevicesFailed)",
        "ContactFailed",
        "kubectl flashjob retry asked -n",
        &format!("explain asked {}", failing.uuid),
    ] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    let device = asking.json(&["explain", "asked", &failing.uuid]);
    assert_eq!(device["reason"], "ContactFailed", "{device:#}");
    asking.assert_wrote_nothing();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plan_foretells_order_refusals_and_bounds_by_its_exit_code_too_and_writes_nothing() {
    let space = Space::new("plan").await;
    let fleet = space
        .fleet(Params {
            devices: 3,
            ..Params::default()
        })
        .await;
    let asking = Asking::new(&space);
    let mut uuids = fleet.uuids();
    uuids.reverse();
    uuids.push("00000000-0000-4000-8000-00000000abcd".into());
    let spec = json!({"parallelism": 1, "values": {"resources": {"limits": {"memory": "1Gi"}}}});
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), job("future", &uuids, &spec).to_string()).unwrap();
    let path = file.path().to_str().unwrap();

    let (foretold, code) = asking.plan(&["-f", path]);
    assert_eq!(code, 3, "{foretold:#}");
    let devices = foretold["devices"].as_array().unwrap();
    let order: Vec<_> = devices.iter().map(|device| &device["uuid"]).collect();
    assert_eq!(json!(order), json!(uuids), "{foretold:#}");
    let reasons: Vec<_> = devices.iter().map(|device| &device["reason"]).collect();
    let refused = json!("ValueNotAllowed");
    assert_eq!(
        reasons,
        [&refused, &refused, &refused, &json!("DeviceNotFound")],
        "{foretold:#}"
    );

    // What the administrator opens is not refused.
    let open = ["-f", path, "--allowed-value-paths", "/resources"];
    let (foretold, code) = asking.plan(&open);
    assert_eq!(code, 3, "a device is not discovered: {foretold:#}");
    let fates: Vec<_> = foretold["devices"]
        .as_array()
        .unwrap()
        .iter()
        .map(|device| device["fate"].as_str().unwrap())
        .collect();
    assert_eq!(
        fates,
        ["Flashed", "Flashed", "Flashed", "Awaited"],
        "{foretold:#}"
    );
    let job_of = |uuids: &[String], more: &Value| {
        std::fs::write(file.path(), job("future", uuids, more).to_string()).unwrap();
    };
    job_of(&uuids[..3], &json!({}));
    assert_eq!(asking.plan(&["-f", path]).1, 0);
    let text = asking.text(&["plan", "-f", path]);
    for part in ["3 devices", "Devices, in order", "It takes at most"] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    // What the live job would be told with these numbers, and what the API server would say of such a file.
    let steps = json!({"steps": [{"devices": 1}, {"devices": "10%"}]});
    job_of(&uuids, &steps);
    let refusal = &asking.plan(&open).0["refusal"];
    assert_eq!(refusal["reason"], "InvalidSpec");
    let words = "spec.steps[1].devices: 10% of 4 selected devices, which is 1, does not go beyond the 1 of the step before";
    let message = refusal["message"].as_str().unwrap();
    assert!(message.starts_with(words), "{message}");
    let odd = json!({"version": 0.2, "steps": [{"devices": 1.5}], "paralelism": 3});
    job_of(&uuids, &odd);
    let (complaint, code) = asking.plan(&open);
    let complaint = complaint.as_str().unwrap();
    assert_eq!(code, 3, "{complaint}");
    for words in [
        "the FlashJob is invalid:",
        "* spec.version: Invalid value: 0.2: must be a string, not a number with a fraction",
        "* spec.steps[0].devices: Invalid value: 1.5: must be an integer or a percentage such as \"10%\"",
        "* spec.paralelism: unknown field",
    ] {
        assert!(complaint.contains(words), "{complaint}");
    }
    let (complaint, code) = asking.plan(&["-f", "/nonexistent"]);
    assert_eq!(code, 1, "{complaint}");
    assert!(
        complaint.as_str().unwrap().contains("/nonexistent"),
        "{complaint}"
    );
    // Without a cluster the file is checked all the same.
    let nowhere = Asking {
        space: &space,
        account: String::new(),
        kubeconfig: "/nonexistent".into(),
        credential: String::new(),
    };
    assert_eq!(nowhere.plan(&["-f", path]).1, 3);
    job_of(&uuids, &json!({}));
    let (complaint, code) = nowhere.plan(&["-f", path]);
    assert_eq!(code, 1, "{complaint}");
    let words = "is valid by itself. Not checked, for that needs a cluster";
    assert!(complaint.as_str().unwrap().contains(words), "{complaint}");
    assert_eq!(space.kubectl(&["get", "flashjobs", "-o", "name"]), "");
    asking.assert_wrote_nothing();
}
