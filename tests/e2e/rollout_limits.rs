//! What bounds starts over many jobs: limits of classes on what devices in flight share, and the emergency stop of classes.

use std::{
    path::Path,
    process::{Command, Output},
};

use jiff::SignedDuration;
use kube::config::Kubeconfig;
use serde_json::json;
use tempfile::NamedTempFile;

use testbed::{ControlPlane, Params, Space, audit::Audit, healthy, job::job, seconds};

/// Generous: the tests run beside each other on small machines.
const PATIENCE: u64 = 180;

fn params(configuration: &str, devices: usize, flash_seconds: f64) -> Params {
    Params {
        configuration: configuration.to_owned(),
        ..healthy(devices, flash_seconds)
    }
}

/// The most objects of a kind that were alive at the same time for these devices, of whatever job.
fn peak(space: &Space, resource: &str, uuids: &[String]) -> usize {
    let mut audit = space.control_plane.audit();
    let of_device = |name: &str| {
        uuids
            .iter()
            .any(|uuid| name.contains(&format!("flash-{uuid}")))
    };
    std::sync::Arc::make_mut(&mut audit.0).retain(|request| of_device(&request.name));
    audit.peak(resource, &space.name)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_of_two_classes_share_a_gateway_and_never_exceed_its_limit_whoever_leads() {
    let space = Space::new("limits").await;
    let shared = space.fleet(params("gw-a", 7, 2.0)).await;
    let other = space.fleet(params("gw-b", 3, 2.0)).await;
    let (gw_a, gw_b) = (shared.uuids(), other.uuids());
    let mut operator = space.operator(&[]);
    let [one, two] = ["one", "two"].map(|class| format!("{}-{class}", space.name));
    let limit = json!({"inFlightLimits": [{"by": "Configuration", "max": 2}]});
    space.put_class(&one, &limit);
    space.put_class(&two, &limit);
    // Nothing is read back: a record is then no longer there than its device is in flight.
    let spec = |class: &str| json!({"flashClassName": class, "parallelism": 7, "verification": {"mode": "None"}});
    let mixed = [&gw_a[..4], &gw_b].concat();
    space.apply(&job("one", &mixed, &spec(&one)).to_string());
    space.apply(&job("two", &gw_a[4..], &spec(&two)).to_string());
    // Whoever waits says for what, and the effective limits are shown.
    let waits = space
        .becomes(
            "two",
            "a device that waits for its gateway",
            PATIENCE,
            |job| {
                job.0["status"]["devices"]
                    .as_array()
                    .is_some_and(|devices| {
                        devices.iter().any(|device| device["reason"] == "GroupFull")
                    })
            },
        )
        .await;
    let devices = waits.0["status"]["devices"].as_array().unwrap();
    let device = devices
        .iter()
        .find(|device| device["reason"] == "GroupFull")
        .unwrap();
    let message = device["message"].as_str().unwrap();
    let words =
        format!("FlashClass {two} allows at most 2 devices in flight of Configuration gw-a");
    assert!(message.starts_with(&words), "{message}");
    assert_eq!(
        waits.0["status"]["effective"]["inFlightLimits"],
        json!([{"flashClass": two, "by": "Configuration", "max": 2}])
    );
    let explained = run(
        &space.control_plane.kubeconfig("admin"),
        &["explain", "two", "-n", &space.name],
    );
    let explained = String::from_utf8_lossy(&explained.stdout).into_owned();
    assert!(explained.contains("GroupFull"), "{explained}");
    // The next leader counts by what it lists.
    space.replace(&mut operator, &[]);
    for job in ["one", "two"] {
        let done = space.finished(job, PATIENCE).await;
        assert!(done.is("Complete"), "{:#}", done.0);
    }
    space.assert_flashed_each(&[&shared, &other], 1);
    for resource in ["pods", "services", "secrets"] {
        let peak = peak(&space, resource, &gw_a);
        assert_eq!(peak, 2, "{resource} of gw-a at once\n{}", space.dump());
    }
    let all = [gw_a, gw_b].concat();
    assert!(
        peak(&space, "secrets", &all) > 2,
        "gw-b was not held up by gw-a"
    );
}

fn run(kubeconfig: &Path, arguments: &[&str]) -> Output {
    Command::new(testbed::plugin())
        .env("KUBECONFIG", kubeconfig)
        .args(arguments)
        .output()
        .unwrap()
}

/// A kubeconfig of somebody who has no rights.
fn stranger(space: &Space) -> NamedTempFile {
    let mut kubeconfig = Kubeconfig::read_from(space.control_plane.kubeconfig("admin")).unwrap();
    for user in &mut kubeconfig.auth_infos {
        let user = user.auth_info.as_mut().unwrap();
        user.impersonate = Some(format!("system:serviceaccount:{}:stranger", space.name));
    }
    let file = NamedTempFile::new().unwrap();
    serde_json::to_writer(&file, &kubeconfig).unwrap();
    file
}

/// Exit code, and both outputs.
fn said(output: &Output) -> (Option<i32>, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code(),
        text(&output.stdout) + &text(&output.stderr),
    )
}

fn suspended(space: &Space, class: &str) -> String {
    space.kubectl(&["get", "flashclass", class, "-o", "jsonpath={.spec.suspend}"])
}

/// Pods that were asked for later than a second after the order to stop was carried out; and how many before it.
fn born_around_the_stop(audit: &Audit, namespace: &str) -> (usize, Vec<String>) {
    let stops = audit.0.iter().filter(|request| {
        request.resource == "flashclasses"
            && request.verb == "patch"
            && request.uri.contains("fieldManager=kubectl-flashjob-stop")
            && request.is_write()
            && request.code < 300
    });
    let stopped = stops.map(|request| request.answered).max().unwrap();
    let births = audit.0.iter().filter(|request| {
        request.namespace == namespace && request.resource == "pods" && request.is_birth()
    });
    let (before, after): (Vec<_>, Vec<_>) =
        births.partition(|birth| birth.received <= stopped + SignedDuration::from_secs(1));
    let late = after
        .iter()
        .map(|birth| format!("{} at {}", birth.name, birth.received));
    (before.len(), late.collect())
}

#[allow(
    clippy::too_many_lines,
    reason = "one emergency from its beginning to its end"
)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_emergency_stop_of_all_classes_starts_nothing_after_a_second_and_what_is_in_flight_ends()
{
    let disturbed = ControlPlane::disturb().await;
    let space = Space::on(disturbed.plane, "stop").await;
    // Long enough for the commands below: they speak of flashes under way.
    let fleet = space.fleet(params("gw-a", 16, 4.0)).await;
    let uuids = fleet.uuids();
    let _operator = space.operator(&[]);
    let own = format!("{}-own", space.name);
    space.put_class(&own, &json!({}));
    let admin = space.control_plane.kubeconfig("admin");
    let spec = json!({"flashClassName": own, "parallelism": 3});
    space.apply(&job("own", &uuids[..8], &spec).to_string());
    space.apply(&job("default", &uuids[8..], &json!({"parallelism": 3})).to_string());
    space
        .eventually("flashes of both jobs", seconds(PATIENCE), async || {
            let flashing = |name| space.job(name).count("inFlight") > 0;
            (flashing("own") && flashing("default") && !fleet.journal().is_empty()).then_some(())
        })
        .await;
    // Whoever may not, and a rehearsal, change nothing.
    let stranger = stranger(&space);
    let (code, words) = said(&run(stranger.path(), &["stop", "--all"]));
    assert!(code == Some(1) && words.contains("forbidden"), "{words}");
    let (code, words) = said(&run(&admin, &["stop", "--all", "--dry-run"]));
    assert_eq!(code, Some(0), "{words}");
    let said_dry =
        words.contains(&format!("flashclass/{own} suspended")) && words.contains("(dry run)");
    assert!(said_dry && suspended(&space, &own).is_empty(), "{words}");

    let (code, words) = said(&run(&admin, &["stop", "--all"]));
    assert_eq!(code, Some(0), "{words}");
    for class in [own.as_str(), "default"] {
        assert!(
            words.contains(&format!("flashclass/{class} suspended")),
            "{words}"
        );
        assert_eq!(suspended(&space, class), "true");
    }
    assert!(words.contains("in flight and end by themselves"), "{words}");
    for name in ["own", "default"] {
        space
            .becomes(name, "an end of what is in flight", PATIENCE, |job| {
                job.is("Suspended") && job.count("inFlight") == 0 && job.count("verifying") == 0
            })
            .await;
    }
    let audit = space.control_plane.audit();
    let (before, late) = born_around_the_stop(&audit, &space.name);
    assert!(
        late.is_empty(),
        "started after the stop: {late:?}\n{}",
        space.dump()
    );
    assert!(
        (1..16).contains(&before),
        "{before} of 16 devices had begun"
    );
    let (code, words) = said(&run(&admin, &["stop", "--class", &own]));
    assert!(
        code == Some(0) && words.contains("was suspended already; nothing of it is in flight"),
        "{words}"
    );
    let (code, words) = said(&run(&admin, &["stop", "--class", "no-such-class"]));
    assert!(
        code == Some(1) && words.contains("flashclass/no-such-class does not exist"),
        "{words}"
    );

    // What somebody else has suspended, too, stays so unless it is overruled.
    let kept = json!({"apiVersion": "application.flashjob.nbfc.io/v1alpha1", "kind": "FlashClass", "metadata": {"name": own},
        "spec": {"suspend": true}});
    let apply = ["apply", "--server-side", "--field-manager=keeper"];
    space.control_plane.feed(&apply, &kept.to_string()).unwrap();
    let (code, words) = said(&run(&admin, &["resume", "--all"]));
    assert!(
        code == Some(1)
            && words.contains("flashclass/default resumed")
            && words.contains(&format!("flashclass/{own} stays suspended by keeper")),
        "{words}"
    );
    assert!(
        suspended(&space, "default").is_empty(),
        "nothing is left of the stop"
    );
    let (code, words) = said(&run(&admin, &["resume", "--class", &own, "--force"]));
    assert!(
        code == Some(0) && words.contains("resumed, against keeper"),
        "{words}"
    );
    let (code, words) = said(&run(&admin, &["resume", "--all"]));
    assert!(
        code == Some(0) && words.contains("flashclass/default was not suspended"),
        "{words}"
    );
    for name in ["own", "default"] {
        let done = space.finished(name, PATIENCE).await;
        assert!(done.is("Complete"), "{:#}", done.0);
    }
    space.assert_flashed(&fleet, 1);
    space.kubectl(&["delete", "flashclass", &own]);
}
