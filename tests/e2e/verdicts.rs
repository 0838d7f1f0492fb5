//! The main job: a `FlashJob` flashes its devices, once each, with the rights that the operator's chart gives.

use rstest::rstest;

use crate::support::{Fleet, Params, Space, seconds};

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
            "activeDeadlineSecondsPerDevice": 10,
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
            let left = space.kubectl(&[
                "get",
                "pods,services,secrets,controllerrevisions",
                "-o",
                "name",
            ]);
            left.is_empty().then_some(())
        })
        .await;
}
