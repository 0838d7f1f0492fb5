//! Devices that are missing, unusable or named twice, and addresses that no device can use.

use std::collections::HashMap;

use kube::api::{DeleteParams, ListParams};
use rstest::rstest;
use serde_json::{Value, json};

use super::{Stage, condition, device_of, says};
use testbed::{Outcome, Params, fleet::AddressKind};

#[tokio::test]
async fn a_uuid_without_an_instance_waits_a_bounded_time_while_the_others_go_on() {
    let stage = Stage::healthy("missing", 1, 0.5, &[]).await;
    let known = stage.fleet.uuids().remove(0);
    let unknown = "7e4a6e7b-bee6-4fac-bdea-43d671baaa15".to_owned();
    let uuids = [unknown.clone(), known.clone()];
    stage
        .flash(
            "job",
            &uuids,
            json!({"deviceDiscoveryTimeoutSeconds": 8, "parallelism": 1}),
        )
        .await;
    let waits = stage
        .stands("job", &unknown, "Pending", "DeviceNotFound")
        .await;
    says(&waits, &["no Akri Instance has uid", &unknown]);
    let status = stage.finished("job").await;
    let failed = device_of(&status, &unknown).unwrap();
    assert_eq!(failed["phase"], "Failed", "{failed}");
    says(&failed, &["for 8 s", "kubectl get instances"]);
    assert_eq!(
        device_of(&status, &known).unwrap()["reason"],
        "FirmwareSent"
    );
    assert_eq!(status["counts"]["succeeded"], 1);
    assert_eq!(condition(&status, "Failed")["reason"], "DevicesFailed");
    assert_eq!(stage.births("pods"), 1);
}

#[tokio::test]
async fn a_device_that_vanished_is_flashed_when_it_is_discovered_again_in_time() {
    let stage = Stage::healthy("reappears", 2, 4.0, &[]).await;
    let uuids = stage.fleet.uuids();
    let instances = stage.api("akri.sh/v0", "Instance");
    let listed = instances.list(&ListParams::default()).await.unwrap();
    let second = listed
        .items
        .iter()
        .find(|found| found.metadata.uid.as_ref() == Some(&uuids[1]));
    let second = second.unwrap();
    stage.flash("job", &uuids, json!({"parallelism": 1})).await;
    stage.flashing(&uuids[0]).await;
    let name = second.metadata.name.as_deref().unwrap();
    instances
        .delete(name, &DeleteParams::default())
        .await
        .unwrap();
    stage
        .stands("job", &uuids[1], "Pending", "DeviceNotFound")
        .await;
    let again = second.data["spec"]["brokerProperties"].clone();
    let uid = stage.instance("discovered-again", again).await;
    assert_ne!(uid, uuids[1]);
    let status = stage.finished("job").await;
    assert_eq!(status["counts"]["succeeded"], 2, "{status:#}");
}

#[tokio::test]
async fn an_instance_that_cannot_be_used_fails_with_the_name_of_its_property() {
    let stage = Stage::healthy("unusable", 1, 0.2, &[]).await;
    let good = stage.fleet.uuids().remove(0);
    let bad: [(&str, Value, &[&str]); 5] = [
        (
            "no-endpoint",
            json!({"DEVICE": "esp32s3"}),
            &["HOST_ENDPOINT"],
        ),
        (
            "no-device",
            json!({"HOST_ENDPOINT": "192.0.2.201"}),
            &["DEVICE"],
        ),
        ("no-properties", json!({}), &["HOST_ENDPOINT"]),
        (
            "name",
            json!({"HOST_ENDPOINT": "camera.local", "DEVICE": "esp32s3"}),
            &["HOST_ENDPOINT", "camera.local"],
        ),
        (
            "ipv6",
            json!({"HOST_ENDPOINT": "2001:db8::7", "DEVICE": "esp32s3"}),
            &["HOST_ENDPOINT", "2001:db8::7"],
        ),
    ];
    let mut uuids = Vec::new();
    for (name, properties, _) in &bad {
        uuids.push(stage.instance(name, properties.clone()).await);
    }
    uuids.push(good.clone());
    stage.flash("job", &uuids, Value::Null).await;
    let status = stage.finished("job").await;
    for (uuid, (name, _, words)) in uuids.iter().zip(&bad) {
        let device = device_of(&status, uuid).unwrap();
        assert_eq!(
            (&device["phase"], &device["reason"]),
            (&json!("Failed"), &json!("DeviceInvalid")),
            "{name}"
        );
        says(&device, words);
    }
    assert_eq!(status["counts"]["succeeded"], 1);
    assert_eq!(
        stage.births("pods"),
        1,
        "nothing is created for what cannot be flashed"
    );
}

#[tokio::test]
async fn a_device_is_flashed_once_however_often_and_under_whatever_uuid_it_is_named() {
    let stage = Stage::healthy("twice", 1, 2.0, &[]).await;
    let first = stage.fleet.uuids().remove(0);
    let endpoint = stage.fleet.devices().remove(0).endpoint;
    // Another node found the same device: the port of a bare address is 80.
    let second = stage
        .instance(
            "other-node",
            json!({"HOST_ENDPOINT": format!("{endpoint}:80"), "DEVICE": "esp32s3"}),
        )
        .await;
    let uuids = [first.clone(), first.clone(), second.clone(), first.clone()];
    stage.flash("job", &uuids, Value::Null).await;
    let busy = stage.stands("job", &second, "Pending", "DeviceBusy").await;
    says(&busy, &[&endpoint, &first]);
    let status = stage.finished("job").await;
    assert_eq!(status["counts"]["selected"], 2);
    let skipped = device_of(&status, &second).unwrap();
    assert_eq!(
        (&skipped["phase"], &skipped["reason"]),
        (&json!("Skipped"), &json!("DuplicateEndpoint"))
    );
    says(&skipped, &[&first]);
    assert_eq!(condition(&status, "Complete")["status"], "True");
    assert_eq!(stage.births("pods"), 1);
}

#[tokio::test]
async fn a_second_job_for_a_device_waits_for_the_first_and_says_who_holds_it() {
    let stage = Stage::healthy("shared", 1, 3.0, &[]).await;
    let uuids = stage.fleet.uuids();
    stage.flash("first", &uuids, Value::Null).await;
    stage.flashing(&uuids[0]).await;
    stage.flash("second", &uuids, Value::Null).await;
    let busy = stage
        .stands("second", &uuids[0], "Pending", "DeviceBusy")
        .await;
    says(
        &busy,
        &["held by FlashJob", &format!("{}/first", stage.space.name)],
    );
    assert_eq!(stage.finished("first").await["counts"]["succeeded"], 1);
    assert_eq!(stage.finished("second").await["counts"]["succeeded"], 1);
    let journal = stage.fleet.journal();
    assert_eq!(journal.len(), 2);
    assert!(
        journal.iter().all(|flash| !flash.overlapped),
        "{journal:#?}"
    );
    assert_eq!(stage.flashes(&uuids[0]), 2);
}

#[tokio::test]
async fn an_address_that_never_comes_is_given_up_without_an_attempt_and_holds_up_nobody() {
    let params = Params {
        devices: 4,
        flash_seconds: 0.2,
        no_address_share: 0.25,
        ..Params::default()
    };
    let arguments = ["--address-timeout-seconds=3", "--retry-base-seconds=2"];
    let stage = Stage::new("no-address", params, &arguments).await;
    let stuck = stage.fleet.devices();
    let stuck = &stuck
        .iter()
        .find(|device| device.outcome == Outcome::NoAddress)
        .unwrap()
        .uuid;
    stage
        .flash("job", &stage.fleet.uuids(), json!({"parallelism": 2}))
        .await;
    let waits = stage
        .stands("job", stuck, "AwaitingAddress", "AddressPending")
        .await;
    says(&waits, &["has no address yet"]);
    let backs_off = stage.stands("job", stuck, "Waiting", "BackOff").await;
    says(&backs_off, &["AddressPending", "after 3 s"]);
    // Another Service is tried, and the others are done meanwhile.
    stage
        .device("job", stuck, "second try", |device| {
            device["message"]
                .as_str()
                .is_some_and(|message| message.contains("try 2"))
        })
        .await;
    let status = stage.status("job").await;
    assert_eq!(status["counts"]["succeeded"], 3, "{status:#}");
    assert_eq!(status["counts"]["failed"], 0);
    assert_eq!(stage.flashes(stuck), 0);
    stage.delete("job").await;
    stage.nothing_left().await;
}

#[rstest]
#[case::host_name("host-name", AddressKind::Hostname, "balancer.example.com")]
#[case::ipv6("ipv6", AddressKind::Ipv6, "2001:db8::1")]
#[tokio::test]
async fn an_address_that_no_device_can_use_is_named_and_given_up(
    #[case] name: &str,
    #[case] address_kind: AddressKind,
    #[case] address: &str,
) {
    let params = Params {
        devices: 1,
        address_kind,
        ..Params::default()
    };
    let arguments = ["--address-timeout-seconds=3", "--retry-base-seconds=2"];
    let stage = Stage::new(name, params, &arguments).await;
    let uuids = stage.fleet.uuids();
    stage.flash("job", &uuids, Value::Null).await;
    let unusable = stage
        .device("job", &uuids[0], "unusable address", |device| {
            device["reason"] == "AddressUnusable"
        })
        .await;
    says(&unusable, &[address, "IPv4"]);
    stage.stands("job", &uuids[0], "Waiting", "BackOff").await;
    assert_eq!(stage.births("pods"), 0);
    stage.delete("job").await;
    stage.nothing_left().await;
}

#[tokio::test]
async fn jobs_of_any_name_that_the_api_server_accepts_are_carried_out() {
    let stage = Stage::healthy("names", 3, 0.2, &[]).await;
    let names = [
        "9-lives".to_owned(),
        format!("1{}", "a".repeat(252)),
        format!("{}.b", "x".repeat(62)),
    ];
    let uuids: HashMap<_, _> = names.iter().zip(stage.fleet.uuids()).collect();
    for (name, uuid) in &uuids {
        stage
            .flash(name, std::slice::from_ref(uuid), Value::Null)
            .await;
    }
    for name in &names {
        let status = stage.finished(name).await;
        assert_eq!(
            condition(&status, "Complete")["status"],
            "True",
            "{name}: {status:#}"
        );
        stage.delete(name).await;
    }
    stage.nothing_left().await;
}
