//! The main job: a FlashJob becomes releases, Pods, verdicts and a status, and leaves nothing behind.

use std::process::Command;

use rstest::rstest;
use serde_json::{Value, json};

use testbed::{
    Outcome, Params, Space,
    control_plane::run,
    job::{FIRMWARE, VERSION, job},
    seconds,
};

/// Events about a job: reason and how often, sorted.
fn events(space: &Space, name: &str) -> Vec<(String, i64)> {
    let list = space.kubectl(&["get", "events", "-o", "json"]);
    let list: Value = serde_json::from_str(&list).unwrap();
    let about = |event: &&Value| {
        event["involvedObject"]["kind"] == "FlashJob" && event["involvedObject"]["name"] == name
    };
    let mut events: Vec<_> = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(about)
        .map(|event| {
            let count = event["series"]["count"]
                .as_i64()
                .or(event["count"].as_i64());
            (
                event["reason"].as_str().unwrap().to_owned(),
                count.unwrap_or(1).max(1),
            )
        })
        .collect();
    events.sort();
    events
}

/// What `helm3 list` shows without `--all`.
fn listed_by_helm3(space: &Space) -> Vec<Value> {
    let mut command: Command = space.control_plane.command("helm3");
    let list = run(command.args(["-n", &space.name, "list", "-o", "json"]));
    serde_json::from_str(&list).unwrap()
}

#[rstest]
#[case::native("native")]
#[case::helm("helm")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twelve_devices_are_flashed_once_each_in_releases_that_helm_lists(#[case] engine: &str) {
    let space = Space::new(&format!("twelve-{engine}")).await;
    let fleet = space.healthy(12, 4.0).await;
    let mut operator = space.operator(&["--engine", engine]);
    space.apply(&job("twelve", &fleet.uuids(), &json!({"parallelism": 6})).to_string());

    // While devices are in flight, both Helms list their releases, whose app version is the firmware's.
    let shown = |releases: &[Value]| {
        releases.iter().any(|release| {
            let named = release["name"].as_str().unwrap().strip_prefix("flash-");
            let device = named.is_some_and(|uuid| fleet.uuids().iter().any(|known| known == uuid));
            device && release["app_version"] == VERSION && release["status"] == "deployed"
        })
    };
    space
        .eventually("releases in Helm 4", seconds(90), async || {
            shown(&space.releases()).then_some(())
        })
        .await;
    space
        .eventually("releases in Helm 3", seconds(60), async || {
            shown(&listed_by_helm3(&space)).then_some(())
        })
        .await;

    for condition in ["Finished", "Complete"] {
        let condition = format!("--for=condition={condition}");
        space.kubectl(&["wait", &condition, "flashjob/twelve", "--timeout=150s"]);
    }
    let done = space.job("twelve");
    let status = &done.0["status"];
    assert_eq!(
        (
            &status["phase"],
            &status["progress"],
            &status["completedIndexes"]
        ),
        (&json!("Completed"), &json!("12/12"), &json!("0-11"))
    );
    assert_eq!(status["completedUUIDs"], json!(fleet.uuids()));
    assert_eq!(status["effective"]["engine"], engine);
    assert_eq!(
        (
            done.count("selected"),
            done.count("succeeded"),
            done.count("inFlight")
        ),
        (12, 12, 0)
    );
    assert!(done.is("Ready") && !done.is("Failed"), "{status:#}");
    space.assert_flashed(&fleet, 1);
    let audit = space.control_plane.audit();
    assert!(audit.peak("pods", &space.name) <= 6);

    // It says what changed, when it changed.
    let expected = [("Complete".to_owned(), 1), ("RoundStarted".to_owned(), 1)];
    space
        .eventually("an event of each transition", seconds(30), async || {
            (events(&space, "twelve") == expected).then_some(())
        })
        .await;
    let written = audit.status_writes("flashjobs", &space.name, "twelve");
    let took = written[written.len() - 1]
        .duration_since(written[0])
        .as_secs_f64();
    println!("{engine}: {} status writes in {took:.1} s", written.len());
    #[allow(clippy::cast_precision_loss, reason = "a handful")]
    let (writes, limit) = (written.len() as f64, took + 3.0);
    assert!(writes <= limit, "{writes} status writes in {took} s");

    space
        .eventually("nothing left", seconds(60), async || {
            let kinds = ["get", "pods,services", "--ignore-not-found", "-o", "name"];
            let records = [
                "get",
                "secrets",
                "--field-selector=type=helm.sh/release.v1",
                "-o",
                "name",
            ];
            let left = [kinds.as_slice(), &records].map(|query| space.kubectl(query));
            (left.concat().is_empty() && space.releases().is_empty()).then_some(())
        })
        .await;
    space.delete_job("twelve", 60).await;
    let user = "system:serviceaccount:flashjob-system:flashjob-operator";
    let refused = space.control_plane.audit();
    let refused: Vec<_> = refused
        .forbidden(user)
        .into_iter()
        .filter(|request| request.namespace == space.name)
        .collect();
    assert!(refused.is_empty(), "{refused:#?}");
    assert!(operator.terminate(seconds(30)).success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_way_to_fail_has_its_reason_and_stays_listed_until_the_job_goes() {
    let space = Space::new("faults").await;
    let params = Params {
        devices: 10,
        flash_seconds: 0.5,
        refused_share: 0.2,
        transfer_failed_share: 0.2,
        exit1_share: 0.2,
        never_ends_share: 0.2,
        ..Params::default()
    };
    let fleet = space.fleet(params).await;
    let _operator = space.operator(&["--engine", "native", "--cool-down-seconds", "1"]);
    let spec = json!({"activeDeadlineSecondsPerDevice": 20});
    space.apply(&job("faults", &fleet.uuids(), &spec).to_string());
    let done = space.finished("faults", 120).await;
    space.assert_verdicts(&done, &fleet);
    space.assert_flashed(&fleet, 1);
    assert!(done.is("Failed") && !done.is("Complete"));
    assert_eq!(done.0["status"]["phase"], "Failed");
    assert_eq!((done.count("succeeded"), done.count("failed")), (2, 8));
    let mut expected = vec![("Failed".to_owned(), 1), ("RoundStarted".to_owned(), 1)];
    for device in fleet.devices() {
        let entry = done.device(&device.uuid);
        let (phase, reason, log) = match device.outcome {
            Outcome::Sent => ("Succeeded", "Verified", "Firmware sent to IoT"),
            Outcome::Refused => ("Failed", "AttestationRefused", "Not verified device"),
            Outcome::TransferFailed => ("Failed", "TransferFailed", "Could not apply OTA"),
            Outcome::Exit1 => ("Failed", "ContactFailed", "Error performing POST request"),
            Outcome::NeverEnds => (
                "Failed",
                "DeadlineExceeded",
                "Requesting OTA initialization",
            ),
            other => unreachable!("{other:?} has no share"),
        };
        assert_eq!(
            (&entry["phase"], &entry["reason"]),
            (&json!(phase), &json!(reason)),
            "{entry:#}"
        );
        assert!(
            entry["logTail"]
                .as_str()
                .is_some_and(|tail| tail.contains(log)),
            "{entry:#}"
        );
        if phase == "Failed" {
            expected.push((reason.to_owned(), 1));
        }
    }
    expected.sort();
    space
        .eventually("an event of each failed device", seconds(30), async || {
            (events(&space, "faults") == expected).then_some(())
        })
        .await;

    let release = space
        .eventually("failed releases alone", seconds(60), async || {
            let releases = space.releases();
            let all =
                releases.len() == 8 && releases.iter().all(|release| release["status"] == "failed");
            let gone = space
                .kubectl(&["get", "pods,services", "--ignore-not-found", "-o", "name"])
                .is_empty();
            (all && gone).then(|| releases[0]["name"].as_str().unwrap().to_owned())
        })
        .await;
    // A person may look at one, and take it away.
    let status: Value =
        serde_json::from_str(&space.helm(&["status", &release, "-o", "json"])).unwrap();
    let reason = done.device(release.strip_prefix("flash-").unwrap())["reason"]
        .as_str()
        .unwrap()
        .to_owned();
    let description = status["info"]["description"].as_str().unwrap();
    assert!(description.contains(&reason), "{description}");
    let notes = status["info"]["notes"].as_str().unwrap();
    let says = notes.contains(&reason) && notes.contains("kubectl flashjob explain -n");
    assert!(says && !notes.contains("kubectl logs"), "{notes}");
    space.helm(&["uninstall", &release]);
    space.delete_job("faults", 60).await;
    assert!(space.releases().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_firmware_opens_a_round_once_devices_in_flight_have_ended_and_a_finished_job_begins_anew()
 {
    let space = Space::new("rounds").await;
    let fleet = space.healthy(4, 4.0).await;
    let _operator = space.operator(&["--engine", "native"]);
    space.apply(&job("rounds", &fleet.uuids(), &json!({"parallelism": 2})).to_string());
    space
        .eventually("flashes of round 1", seconds(60), async || {
            (fleet.journal().len() == 2).then_some(())
        })
        .await;
    let change = |firmware: &str, version: &str| {
        let patch = json!({"spec": {"firmware": firmware, "version": version}}).to_string();
        space.kubectl(&["patch", "flashjob", "rounds", "--type=merge", "-p", &patch]);
    };
    change("registry.example.com/esp32-fmnist:0.3.0", "0.3.0");
    let second = space.finished("rounds", 120).await;
    assert_eq!(second.0["status"]["round"]["number"], 2);
    let previous = &second.0["status"]["previousRound"];
    assert_eq!(
        (
            &previous["number"],
            &previous["firmware"],
            &previous["version"]
        ),
        (&json!(1), &json!(FIRMWARE), &json!(VERSION))
    );
    assert_eq!(
        (second.count("selected"), second.count("succeeded")),
        (4, 4)
    );
    assert!(second.is("Complete"));
    // The two that were in flight ended under the old round, and all four were flashed in the new one.
    let journal = fleet.journal();
    let of = |firmware: &str| {
        journal
            .iter()
            .filter(|flash| flash.firmware == firmware && flash.outcome == Some(Outcome::Sent))
            .count()
    };
    assert_eq!(
        (of(FIRMWARE), of("registry.example.com/esp32-fmnist:0.3.0")),
        (2, 4),
        "{journal:#?}"
    );
    assert!(
        !journal.iter().any(|flash| flash.overlapped),
        "{journal:#?}"
    );

    // By now every device has another uid. It is known by its endpoint.
    space
        .eventually("the devices to be back", seconds(60), async || {
            fleet
                .devices()
                .iter()
                .all(|device| device.version == "0.3.0")
                .then_some(())
        })
        .await;
    change("registry.example.com/esp32-fmnist:0.4.0", "0.4.0");
    let third = space.finished("rounds", 120).await;
    assert_eq!(third.0["status"]["round"]["number"], 3);
    assert_eq!(third.0["status"]["previousRound"]["succeeded"], 4);
    assert_eq!(
        (third.count("selected"), third.count("succeeded")),
        (4, 4),
        "{:#}",
        third.0["status"]
    );
    assert_eq!(fleet.journal().len(), 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_time_to_live_of_zero_deletes_a_finished_job_at_once() {
    let space = Space::new("ttl").await;
    let fleet = space.healthy(2, 0.5).await;
    let _operator = space.operator(&["--engine", "native"]);
    space.apply(
        &job(
            "ttl",
            &fleet.uuids(),
            &json!({"ttlSecondsAfterFinished": 0}),
        )
        .to_string(),
    );
    space
        .eventually("end of the job", seconds(90), async || {
            let left =
                space.kubectl(&["get", "flashjob", "ttl", "--ignore-not-found", "-o", "name"]);
            left.is_empty().then_some(())
        })
        .await;
    space
        .eventually("nothing left", seconds(60), async || {
            space.left_behind().is_empty().then_some(())
        })
        .await;
    space.assert_flashed(&fleet, 1);
    assert!(
        fleet
            .journal()
            .iter()
            .all(|flash| flash.outcome == Some(Outcome::Sent))
    );
}
