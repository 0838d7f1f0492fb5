//! The stage itself: what the other tests take for granted about the control plane and the devices.

use std::time::Instant;

use testbed::{Outcome, Params, Space, seconds};

/// A flash as the operator would start it, without the operator.
fn flash(name: &str, endpoint: &str, deadline: u32) -> String {
    format!(
        r#"{}
---
apiVersion: v1
kind: Service
metadata: {{name: "{name}"}}
spec:
  selector: {{flash: "{name}"}}
  ports: [{{port: 4433}}]
"#,
        unreachable_flash(name, endpoint, deadline)
    )
}

/// One that nothing leads to.
fn unreachable_flash(name: &str, endpoint: &str, deadline: u32) -> String {
    format!(
        r#"
apiVersion: v1
kind: Pod
metadata: {{name: {name}, labels: {{flash: "{name}"}}}}
spec:
  activeDeadlineSeconds: {deadline}
  restartPolicy: Never
  containers:
  - name: flash-container
    image: flash
    env: [{{name: FIRMWARE, value: f}}, {{name: HOST_ENDPOINT, value: "{endpoint}"}}, {{name: VERSION, value: 9.9.9}}]
"#
    )
}

#[tokio::test]
async fn pods_end_as_their_device_decides() {
    let space = Space::new("outcomes").await;
    let params = Params {
        devices: 5,
        flash_seconds: 0.3,
        refused_share: 0.2,
        transfer_failed_share: 0.2,
        exit1_share: 0.2,
        never_ends_share: 0.2,
        ..Params::default()
    };
    let fleet = space.fleet(params).await;
    for (index, device) in fleet.devices().iter().enumerate() {
        space.apply(&flash(&format!("flash-{index}"), &device.endpoint, 6));
    }
    for (index, device) in fleet.devices().iter().enumerate() {
        let (phase, code, marker) = match device.outcome {
            Outcome::Sent => ("Succeeded", "0", "Firmware sent to IoT"),
            Outcome::Refused => ("Succeeded", "0", "Not verified device"),
            Outcome::TransferFailed => ("Succeeded", "0", "Could not apply OTA"),
            Outcome::Exit1 => ("Failed", "1", "Error performing POST request"),
            Outcome::NeverEnds => ("Failed", "2", "Requesting OTA initialization"),
            other => unreachable!("{other:?} has no share"),
        };
        let pod = format!("flash-{index}");
        let status = "{.status.phase} {.status.reason} {.status.containerStatuses[0].state.terminated.exitCode}";
        let ended = space
            .eventually(
                &format!("end of {pod} ({:?})", device.outcome),
                seconds(20),
                async || {
                    let status =
                        space.kubectl(&["get", "pod", &pod, "-o", &format!("jsonpath={status}")]);
                    (!status.starts_with("Pending") && !status.starts_with("Running"))
                        .then_some(status)
                },
            )
            .await;
        let reason = if device.outcome == Outcome::NeverEnds {
            "DeadlineExceeded"
        } else {
            ""
        };
        assert_eq!(
            ended,
            format!("{phase} {reason} {code}"),
            "{:?}",
            device.outcome
        );
        let log = space.kubectl(&["logs", &pod]);
        assert!(log.contains(marker), "{:?}: {log}", device.outcome);
    }
    assert_eq!(fleet.journal().len(), 5);
}

#[tokio::test]
async fn a_device_dials_in_by_a_service_and_is_cut_off_when_that_goes() {
    let space = Space::new("reach").await;
    let fleet = space.healthy(2, 60.0).await;
    let [cut_off, unreached] = &fleet.devices()[..] else {
        panic!("two devices were asked for")
    };
    space.apply(&flash("cut-off", &cut_off.endpoint, 60));
    space.apply(&unreachable_flash("unreached", &unreached.endpoint, 4));
    let status = |pod: &str| {
        let status = "-o=jsonpath={.status.phase} {.status.reason}";
        space.kubectl(&["get", "pod", pod, status])
    };
    let becomes = async |pod: &str, wanted: &str| {
        space
            .eventually(&format!("{wanted} of {pod}"), seconds(120), async || {
                (status(pod) == wanted).then_some(())
            })
            .await;
    };
    becomes("cut-off", "Running ").await;
    space.kubectl(&["delete", "service", "cut-off"]);
    becomes("cut-off", "Succeeded ").await;
    let log = space.kubectl(&["logs", "cut-off"]);
    assert!(log.contains("Failed to read from client"), "{log}");
    becomes("unreached", "Failed DeadlineExceeded").await;
    let outcomes = fleet.journal().into_iter().map(|flash| flash.outcome);
    let sent = outcomes.filter(|outcome| *outcome == Some(Outcome::Sent));
    assert_eq!(sent.count(), 0);
}

#[tokio::test]
async fn at_its_deadline_a_pod_ends_at_once_or_has_its_grace_where_the_image_finishes_transfers() {
    let ends = async |name: &str, finishes_transfers: bool, flash_seconds: f64| {
        let space = Space::new(name).await;
        let params = Params {
            devices: 1,
            flash_seconds,
            finishes_transfers,
            ..Params::default()
        };
        let fleet = space.fleet(params).await;
        let pod = flash("flash", &fleet.devices()[0].endpoint, 4).replace(
            "restartPolicy",
            "terminationGracePeriodSeconds: 4\n  restartPolicy",
        );
        space.apply(&pod);
        let columns = "-o=jsonpath={.status.phase} {.status.reason} {.status.containerStatuses[0].state.terminated.exitCode}";
        let end = space.eventually("end of the Pod", seconds(30), async || {
            let end = space.kubectl(&["get", "pod", "flash", columns]);
            end.starts_with("Failed").then_some(end)
        });
        let (end, log) = (end.await, space.kubectl(&["logs", "flash"]));
        (end, log.contains("Firmware sent to IoT"))
    };
    let failed = |code| format!("Failed DeadlineExceeded {code}");
    let (at_once, in_grace, cut_off) = tokio::join!(
        ends("ends", false, 6.0),
        ends("finishes", true, 6.0),
        ends("too-slow", true, 60.0),
    );
    assert_eq!(at_once, (failed(2), false));
    assert_eq!(in_grace, (failed(0), true));
    assert_eq!(cut_off, (failed(137), false));
}

#[tokio::test]
async fn a_flashed_device_comes_back_as_another_instance_with_the_new_version() {
    let space = Space::new("reboot").await;
    let params = Params {
        devices: 1,
        flash_seconds: 0.1,
        reboot_seconds: 0.5,
        ..Params::default()
    };
    let fleet = space.fleet(params).await;
    let [before] = &fleet.devices()[..] else {
        panic!("one device was asked for")
    };
    space.apply(&flash("flash", &before.endpoint, 30));
    let columns = "-o=jsonpath={.items[*].metadata.uid} {.items[*].spec.brokerProperties.HOST_ENDPOINT} {.items[*].spec.brokerProperties.VERSION}";
    let after = space
        .eventually("device with the new version", seconds(20), async || {
            let instances = space.kubectl(&["get", "instances", columns]);
            instances.ends_with(" 9.9.9").then_some(instances)
        })
        .await;
    assert!(
        after.contains(&before.endpoint) && !after.contains(&before.uuid),
        "{after}, before: {before:?}"
    );
}

#[tokio::test]
async fn a_service_gets_its_address_after_the_delay_and_waits_while_the_pool_is_empty() {
    let space = Space::new("addresses").await;
    let delay = 1.0;
    let params = Params {
        devices: 0,
        address_delay_seconds: delay,
        addresses: 1,
        ..Params::default()
    };
    let _fleet = space.fleet(params).await;
    let service = |name| {
        format!(
            "{{apiVersion: v1, kind: Service, metadata: {{name: {name}}}, spec: {{type: LoadBalancer, ports: [{{port: 4433}}]}}}}"
        )
    };
    let address = |name| {
        space.kubectl(&[
            "get",
            "service",
            name,
            "-o=jsonpath={.status.loadBalancer.ingress[0].ip}",
        ])
    };
    let asked = Instant::now();
    space.apply(&service("first"));
    let first = async || Some(address("first")).filter(|address| !address.is_empty());
    assert_eq!(
        space
            .eventually("address of the first", seconds(20), first)
            .await,
        "192.0.2.1"
    );
    assert!(asked.elapsed().as_secs_f64() >= delay);
    space.apply(&service("second"));
    tokio::time::sleep(seconds(2)).await;
    assert_eq!(address("second"), "", "the only address is taken");
    space.kubectl(&["delete", "service", "first"]);
    let second = async || Some(address("second")).filter(|address| !address.is_empty());
    assert_eq!(
        space
            .eventually("address of the second", seconds(20), second)
            .await,
        "192.0.2.1"
    );
}

#[tokio::test]
async fn a_deleted_pod_that_is_held_by_a_finalizer_shows_how_it_ended() {
    let space = Space::new("held").await;
    let pod = flash("held", "198.51.100.250", 60).replace(
        "{name: held,",
        "{name: held, finalizers: [flashjob.test/held],",
    );
    space.apply(&pod);
    let phase = || space.kubectl(&["get", "pod", "held", "-o=jsonpath={.status.phase}"]);
    space
        .eventually("running pod", seconds(20), async || {
            (phase() == "Running").then_some(())
        })
        .await;
    space.kubectl(&["delete", "pod", "held", "--grace-period=1", "--wait=false"]);
    space
        .eventually("end of the pod", seconds(20), async || {
            (phase() == "Failed").then_some(())
        })
        .await;
    tokio::time::sleep(seconds(1)).await;
    assert_eq!(phase(), "Failed", "the finalizer keeps it");
    space.kubectl(&[
        "patch",
        "pod",
        "held",
        "--type=merge",
        "-p",
        r#"{"metadata":{"finalizers":null}}"#,
    ]);
    space
        .eventually("pod gone", seconds(20), async || {
            space
                .try_kubectl(&["get", "pod", "held"])
                .is_err()
                .then_some(())
        })
        .await;
}

#[tokio::test]
async fn the_audit_log_counts_births_by_create_and_by_apply_but_not_dry_runs() {
    let space = Space::new("audit").await;
    let pods = [
        "flash-7e4a6e7b-bee6-4fac-bdea-43d671baaa15-a",
        "flash-7e4a6e7b-bee6-4fac-bdea-43d671baaa15-b",
    ];
    space.apply(&flash(pods[0], "198.51.100.251", 60));
    space.apply(&flash(pods[0], "198.51.100.251", 60));
    let create = ["-n", &space.name, "create"];
    space
        .control_plane
        .feed(&create, &flash(pods[1], "198.51.100.251", 60))
        .unwrap();
    let dry = [&create[..], &["--dry-run=server"]].concat();
    space
        .control_plane
        .feed(&dry, &flash("dry", "198.51.100.251", 60))
        .unwrap();
    let audit = space.control_plane.audit();
    assert_eq!(
        audit.pod_births(&space.name),
        [(pods[0].into(), 1), (pods[1].into(), 1)].into()
    );
    assert_eq!(
        audit.flashes(&space.name),
        [("7e4a6e7b-bee6-4fac-bdea-43d671baaa15".into(), 2)].into()
    );
    let writes = audit.writes("admin", &space.name);
    assert_eq!(writes[&("create".into(), "pods".into())], 1);
}
