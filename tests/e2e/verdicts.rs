//! The main job: a `FlashJob` flashes its devices, once each, with the rights that the operator's chart gives.

use rstest::rstest;

use serde_json::json;

use testbed::{
    Faults, Fleet, Params, Proxy, Space, healthy, job::job as job_with, proxy::Fault, seconds,
};

/// A job for all devices of a fleet.
fn job(name: &str, fleet: &Fleet) -> String {
    serde_json::json!({
        "apiVersion": "application.flashjob.nbfc.io/v1alpha1",
        "kind": "FlashJob",
        "metadata": {"name": name},
        "spec": {
            "firmware": "registry.example/firmware/esp32s3:0.2.0",
            "version": "0.2.0",
            "uuid": fleet.uuids(),
            "activeDeadlineSecondsPerDevice": 20,
        },
    })
    .to_string()
}

#[rstest]
#[case::native("native")]
#[case::helm("helm")]
#[tokio::test]
async fn every_device_gets_the_verdict_that_it_deserves_and_is_flashed_once(#[case] engine: &str) {
    let space = Space::new(&format!("main-job-{engine}")).await;
    let params = Params {
        devices: 10,
        flash_seconds: 0.5,
        address_delay_seconds: 0.2,
        refused_share: 0.1,
        transfer_failed_share: 0.1,
        exit1_share: 0.1,
        never_ends_share: 0.1,
        ..Params::default()
    };
    let fleet = space.fleet(params).await;
    let _operator = space.operator(&["--engine", engine, "--cool-down-seconds", "3"]);
    space.apply(&job("job", &fleet));
    let status = space
        .eventually("end of the job", seconds(120), async || {
            let job = space.kubectl(&["get", "flashjob", "job", "-o", "json"]);
            let job: serde_json::Value = serde_json::from_str(&job).unwrap();
            let conditions = job["status"]["conditions"].as_array()?.clone();
            let finished = conditions
                .iter()
                .any(|c| c["type"] == "Finished" && c["status"] == "True");
            finished.then(|| job["status"].clone())
        })
        .await;
    for device in fleet.devices() {
        let found = status["devices"]
            .as_array()
            .unwrap()
            .iter()
            .find(|d| d["uuid"] == device.uuid);
        let phase = found.map(|device| &device["phase"]);
        assert_eq!(
            phase.and_then(|p| p.as_str()),
            device.verdict,
            "{device:?}: {found:?}"
        );
    }
    let counts = &status["counts"];
    assert_eq!(
        (&counts["succeeded"], &counts["failed"]),
        (&6.into(), &4.into()),
        "{counts}"
    );

    let journal = fleet.journal();
    assert_eq!(journal.len(), 10, "{journal:#?}");
    assert!(
        journal.iter().all(|flash| !flash.overlapped),
        "{journal:#?}"
    );
    let audit = space.control_plane.audit();
    let flashes = audit.flashes(&space.name);
    assert!(
        flashes.len() == 10 && flashes.values().all(|births| *births == 1),
        "{flashes:?}"
    );
    let operator = "system:serviceaccount:flashjob-system:flashjob-operator";
    let refused: Vec<_> = audit
        .forbidden(operator)
        .into_iter()
        .filter(|request| request.namespace == space.name)
        .collect();
    assert!(refused.is_empty(), "{refused:#?}");

    space.kubectl(&["delete", "flashjob", "job", "--timeout=60s"]);
    space
        .eventually("empty namespace", seconds(60), async || {
            let kinds = ["get", "pods,services,controllerrevisions", "-o", "name"];
            let left = [space.kubectl(&kinds), space.left_behind()].concat();
            left.trim().is_empty().then_some(())
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_whose_property_says_that_it_was_flashed_fails_before_its_flash() {
    let space = Space::new("liar").await;
    let params = Params {
        devices: 1,
        never_ends_share: 1.0,
        application_type: "x Verified device Firmware sent to IoT".into(),
        ..Params::default()
    };
    let fleet = space.fleet(params).await;
    let _operator = space.operator(&["--engine", "native"]);
    let spec = json!({"activeDeadlineSecondsPerDevice": 20});
    space.apply(&job_with("liar", &fleet.uuids(), &spec).to_string());
    let done = space.finished("liar", 60).await;
    let device = done.device(&fleet.uuids()[0]);
    assert_eq!(
        (&device["phase"], &device["reason"]),
        (&json!("Failed"), &json!("DeviceInvalid")),
        "{device:#}"
    );
    let message = device["message"].as_str().unwrap_or_default();
    assert!(
        message.contains("property APPLICATION_TYPE cannot be used: \"Verified device\" is what the flash image logs"),
        "{message}"
    );
    assert_eq!(space.births(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flash_ends_though_a_sidecar_runs_on_and_its_pod_goes() {
    let space = Space::new("sidecar").await;
    let params = Params {
        devices: 3,
        flash_seconds: 0.5,
        exit1_share: 0.34,
        sidecar: true,
        ..Params::default()
    };
    let fleet = space.fleet(params).await;
    let _operator = space.operator(&["--engine", "native", "--cool-down-seconds", "1"]);
    let spec = json!({"parallelism": 3, "activeDeadlineSecondsPerDevice": 600, "backoffLimitPerDevice": 0});
    space.apply(&job_with("beside", &fleet.uuids(), &spec).to_string());
    let done = space.finished("beside", 120).await;
    space.assert_verdicts(&done, &fleet);
    assert_eq!((done.count("succeeded"), done.count("failed")), (2, 1));
    space.assert_flashed(&fleet, 1);
    let gone = async || {
        space
            .kubectl(&["get", "pods", "-o", "name"])
            .is_empty()
            .then_some(())
    };
    space.eventually("the Pods gone", seconds(60), gone).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_the_kubelet_does_not_give_yet_is_said_with_its_cause_and_read_later() {
    let space = Space::new("unread").await;
    let fleet = space.fleet(healthy(1, 0.3)).await;
    let user = space.control_plane.operator_kubeconfig();
    let faults = Faults::always(Fault::BadRequest, "/log");
    let proxy = Proxy::start(space.control_plane, user, 1, faults).await;
    let _operator = space.operator_as(proxy.kubeconfig(), "one", &["--engine", "native"]);
    space.apply(&job_with("unread", &fleet.uuids(), &json!({})).to_string());
    let uuid = &fleet.uuids()[0];
    let waits = async || {
        let device = space.job("unread").device(uuid).clone();
        let message = device["message"].as_str().unwrap_or_default().to_owned();
        message
            .starts_with("cannot read the log of Pod")
            .then_some((device, message))
    };
    let (device, message) = space.eventually("the cause", seconds(60), waits).await;
    assert_eq!(device["reason"], "ReadingVerdict", "{device:#}");
    assert!(
        message.contains(&format!("{}/flash-", space.name)),
        "{message}"
    );
    proxy.set(Faults::default());
    let done = space.finished("unread", 120).await;
    space.assert_verdicts(&done, &fleet);
    space.assert_flashed(&fleet, 1);
}
