//! A whole rollout over many devices, some of which fail, with an operator that is killed in every step: it ends exactly as the
//! rules say. A short form runs with the other tests; `make rollout-proof DEVICES=500 RUNS=2` runs as much as is asked for.

mod expected;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};

use self::expected::{Rung, expected};
use testbed::{
    Fleet, Outcome, Params, Space, Supervised,
    audit::Audit,
    fleet::Report,
    history::{History, Moment},
    job::{Seen, job},
};

const OPERATOR: [&str; 4] = ["--engine", "native", "--cool-down-seconds", "2"];
/// Seconds that a run may take between two signs of progress: machines may be slow.
const PATIENCE: u64 = 900;

/// Devices in the order in which a job names them: one that is flashed well first, since a failed canary ends everything.
fn in_order(fleet: &Fleet) -> Vec<Report> {
    let mut devices = fleet.devices();
    let canary = devices
        .iter()
        .position(|device| device.outcome == Outcome::Sent);
    let canary = devices.remove(canary.unwrap());
    devices.insert(0, canary);
    devices
}

fn uuids(devices: &[Report]) -> Vec<String> {
    devices.iter().map(|device| device.uuid.clone()).collect()
}

fn parallelism(devices: usize) -> usize {
    (devices / 10).clamp(10, 40)
}

/// Eight of a hundred fail for good, in every way there is; two more fail once.
fn faulty(devices: usize, seed: u64) -> Params {
    // A small fleet has at least one of each, but for those that take long.
    #[allow(clippy::cast_precision_loss, reason = "a fleet is smaller than 2^52")]
    let one = 1.0 / devices as f64;
    let share = |share: f64| share.max(one);
    Params {
        devices,
        seed,
        flash_seconds: 3.0,
        reboot_seconds: 1.0,
        address_delay_seconds: 0.2,
        refused_share: share(0.02),
        transfer_failed_share: share(0.02),
        exit1_share: share(0.01),
        old_version_share: share(0.02),
        never_ends_share: 0.01,
        exit1_once_share: share(0.02),
        ..Params::default()
    }
}

fn random() -> (u64, StdRng) {
    let seed = std::env::var("FLASHJOB_TEST_SEED")
        .map_or_else(|_| rand::random(), |seed| seed.parse().unwrap());
    println!("who fails, and the moments of the kills: FLASHJOB_TEST_SEED={seed}");
    (seed, StdRng::seed_from_u64(seed))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollout_whose_operator_is_killed_in_every_step_ends_exactly_as_the_rules_say() {
    within_its_limits(30).await;
}

/// Run with: make rollout-proof DEVICES=500 RUNS=2.
#[ignore = "takes as long as it is asked to"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_many_devices_and_runs_as_are_asked_for() {
    let number = |name: &str, default| {
        std::env::var(name).map_or(default, |text| text.parse::<usize>().unwrap())
    };
    let (devices, runs) = (number("DEVICES", 500), number("RUNS", 2));
    for run in 1..=runs {
        println!("run {run} of {runs}: {devices} devices, limits hold");
        within_its_limits(devices).await;
        let fewer = (devices / 5).max(20);
        println!("run {run} of {runs}: {fewer} devices, more fail than the job allows");
        beyond_its_limit(fewer).await;
    }
}

/// The tightest limits that hold: as many failures as there will be, of the job and of each step.
async fn within_its_limits(count: usize) {
    let began = std::time::Instant::now();
    let (seed, mut random) = random();
    let space = Space::new(&format!("proof-{count}")).await;
    let fleet = space.fleet(faulty(count, seed)).await;
    let devices = in_order(&fleet);
    let slots = parallelism(count);
    let rungs = Rung::all(&devices);
    let steps: Vec<_> = rungs.iter().map(Rung::spec).collect();
    let failing = devices
        .iter()
        .filter(|device| expected(device.outcome).failed())
        .count();
    let spec = json!({
        "parallelism": slots, "steps": steps, "maxFailedDevices": failing, "backoffLimitPerDevice": 1,
        "activeDeadlineSecondsPerDevice": 45, "verification": {"mode": "Version", "timeoutSeconds": 30},
    });
    let history = History::of(&space, "proof");
    let mut operator = Supervised::start(&space, &OPERATOR).await;
    space.apply(&job("proof", &uuids(&devices), &spec).to_string());

    for rung in &rungs {
        kill_in(&space, &fleet, &mut operator, rung, &mut random).await;
        if rung.approval {
            approve(&space, &mut operator, rung).await;
        }
    }
    let finished = || Some(space.job("proof")).filter(|job| job.is("Finished"));
    let done = operator.until("end of the job", PATIENCE, finished).await;
    println!("the job ended after {:.0} s", began.elapsed().as_secs_f64());

    check_end(&done, &devices, &rungs);
    operator
        .until("only what failed", PATIENCE, || {
            only_failures_are_left(&space, &devices)
        })
        .await;
    let audit = space.control_plane.audit();
    check_flashes(&space, &audit, &fleet, &devices);
    check_order(&fleet, &rungs);
    check_peaks(&space, &audit, slots);
    let moments = history.moments();
    check_history(&moments, slots, failing, &rungs);
    check_births(&space, &audit, &devices, &moments);
    println!(
        "{count} devices: {} succeeded, {} failed, {} Pods, {} statuses, {:.0} s",
        done.count("succeeded"),
        done.count("failed"),
        fleet.journal().len(),
        moments.len(),
        began.elapsed().as_secs_f64()
    );
    space.delete_job("proof", 300).await;
    operator.terminate();
}

/// `kill -9` at a moment of the step that fate decides, while flashes of it are under way or due; once.
async fn kill_in(
    space: &Space,
    fleet: &Fleet,
    operator: &mut Supervised<'_>,
    rung: &Rung,
    random: &mut StdRng,
) {
    let own = rung.own.len();
    let wanted = random.random_range(1..=(own * 9 / 10).max(1));
    let begun = || {
        let journal = fleet.journal();
        let flashes = journal
            .iter()
            .map(|flash| flash.endpoint.as_str())
            .collect::<BTreeSet<_>>();
        let begun = rung
            .own
            .iter()
            .filter(|device| flashes.contains(device.endpoint.as_str()))
            .count();
        (begun >= wanted).then_some(())
    };
    operator.until("flashes of the step", PATIENCE, begun).await;
    tokio::time::sleep(std::time::Duration::from_millis(
        random.random_range(0..1500),
    ))
    .await;
    operator.kill();
    let job = space.job("proof");
    let (step, progress) = (&job.0["status"]["step"]["id"], &job.0["status"]["progress"]);
    println!(
        "killed in step {step} after {wanted} of its {own} devices began, progress {progress}"
    );
    assert_eq!(
        (step, job.is("Finished")),
        (&json!(rung.id()), false),
        "the kill has to be in the step; the seed is printed above"
    );
    operator.restart().await;
}

async fn approve(space: &Space, operator: &mut Supervised<'_>, rung: &Rung) {
    let waits = || {
        let job = space.job("proof");
        (job.0["status"]["reason"] == "AwaitingApproval").then_some(job)
    };
    let waiting = operator
        .until("a step that waits for approval", PATIENCE, waits)
        .await;
    assert_eq!(waiting.0["status"]["step"]["id"], rung.id());
    let patch = json!({"spec": {"approvedStep": rung.id()}}).to_string();
    space.kubectl(&["patch", "flashjob", "proof", "--type=merge", "-p", &patch]);
}

/// Counts, index sets, conditions, and what is said of each device that failed.
fn check_end(done: &Seen, devices: &[Report], rungs: &[Rung]) {
    let status = &done.0["status"];
    let fails = |device: &Report| expected(device.outcome).failed();
    let of = |failed: bool| -> BTreeSet<usize> {
        let all = devices.iter().enumerate();
        all.filter(|(_, device)| fails(device) == failed)
            .map(|(index, _)| index)
            .collect()
    };
    assert_eq!(done.indexes("completedIndexes"), of(false));
    assert_eq!(done.indexes("failedIndexes"), of(true));
    let count = |number: usize| i64::try_from(number).unwrap();
    let counts = [
        ("selected", count(devices.len())),
        ("succeeded", count(of(false).len())),
        ("failed", count(of(true).len())),
        ("pending", 0),
        ("inFlight", 0),
        ("verifying", 0),
        ("waiting", 0),
        ("skipped", 0),
    ];
    for (name, expected) in counts {
        assert_eq!(done.count(name), expected, "{name}: {:#}", status["counts"]);
    }
    let ended = if of(true).is_empty() {
        "Complete"
    } else {
        "Failed"
    };
    assert!(done.is(ended), "{:#}", status["conditions"]);
    assert!(status["stop"].is_null(), "no limit was exceeded");
    if ended == "Failed" {
        assert_eq!(status["reason"], "DevicesFailed", "{:#}", status["message"]);
    }
    let last = rungs.last().unwrap();
    assert_eq!(
        (
            &status["step"]["id"],
            &status["step"]["done"],
            &status["step"]["failed"]
        ),
        (
            &json!(last.id()),
            &json!(devices.len()),
            &json!(of(true).len())
        )
    );
    for device in devices.iter().filter(|device| fails(device)) {
        let (entry, expected) = (done.device(&device.uuid), expected(device.outcome));
        assert_eq!(
            (&entry["phase"], &entry["reason"], &entry["attempts"]),
            (
                &json!("Failed"),
                &json!(expected.reason),
                &json!(expected.attempts)
            ),
            "{device:?}: {entry:#}"
        );
    }
}

/// Releases of exactly the devices that failed, a revision for each of their attempts; no Pod and no Service.
fn only_failures_are_left(space: &Space, devices: &[Report]) -> Option<()> {
    let objects = ["get", "pods,services", "--ignore-not-found", "-o", "name"];
    if !space.kubectl(&objects).is_empty() {
        return None;
    }
    let text = space.kubectl(&["get", "secrets", "-l", "owner=helm", "-o", "json"]);
    let list: Value = serde_json::from_str(&text).unwrap();
    let mut found = BTreeSet::new();
    for secret in list["items"].as_array().unwrap() {
        let labels = &secret["metadata"]["labels"];
        let label = |key: &str| labels[key].as_str().unwrap_or_default().to_owned();
        found.insert((label("name"), label("version"), label("status")));
    }
    let mut wanted = BTreeSet::new();
    for device in devices {
        let expected = expected(device.outcome);
        for attempt in 1..=expected.attempts {
            if expected.failed() {
                let release = format!("flash-{}", device.uuid);
                wanted.insert((release, attempt.to_string(), "failed".to_owned()));
            }
        }
    }
    if found != wanted {
        return None;
    }
    let listed: BTreeSet<String> = space
        .releases()
        .iter()
        .map(|release| release["name"].as_str().unwrap().to_owned())
        .collect();
    let named = wanted.into_iter().map(|(release, _, _)| release).collect();
    (listed == named).then_some(())
}

/// Each device was flashed as often as its fate demands, each Pod was born once, no two flashes of a device overlapped.
fn check_flashes(space: &Space, audit: &Audit, fleet: &Fleet, devices: &[Report]) {
    let born_twice: Vec<_> = audit
        .pod_births(&space.name)
        .into_iter()
        .filter(|(_, births)| *births != 1)
        .collect();
    assert!(born_twice.is_empty(), "{born_twice:?}");
    let wanted: BTreeMap<String, usize> = devices
        .iter()
        .map(|device| (device.uuid.clone(), expected(device.outcome).attempts))
        .collect();
    assert_eq!(audit.flashes(&space.name), wanted);
    let journal = fleet.journal();
    assert_eq!(journal.len(), wanted.values().sum::<usize>());
    assert!(!journal.iter().any(|flash| flash.overlapped));
}

/// No device of a step was flashed before all devices of the steps before it had ended.
fn check_order(fleet: &Fleet, rungs: &[Rung]) {
    let journal = fleet.journal();
    let mut before: Option<Timestamp> = None;
    for rung in rungs {
        let own: BTreeSet<_> = rung
            .own
            .iter()
            .map(|device| device.endpoint.as_str())
            .collect();
        let flashes = journal
            .iter()
            .filter(|flash| own.contains(flash.endpoint.as_str()));
        let (starts, ends): (Vec<_>, Vec<_>) = flashes
            .map(|flash| (flash.start, flash.end.unwrap()))
            .unzip();
        let first = starts.into_iter().min().unwrap();
        assert!(
            before.is_none_or(|before| first >= before),
            "step {} began at {first}, the one before ended at {before:?}",
            rung.id()
        );
        before = ends.into_iter().max();
    }
}

fn check_peaks(space: &Space, audit: &Audit, slots: usize) {
    for kind in ["pods", "services"] {
        let peak = audit.peak(kind, &space.name);
        println!("at most {peak} {kind} at the same time, {slots} allowed");
        assert!(peak <= slots, "{peak} {kind} at the same time");
    }
}

/// In no status was a limit exceeded, and what was final stayed so; no step came before all devices of those before it were final.
fn check_history(moments: &[Moment], slots: usize, failing: usize, rungs: &[Rung]) {
    let bound = |number: usize| i64::try_from(number).unwrap();
    let mut ids: Vec<String> = Vec::new();
    let mut finals = [BTreeSet::new(), BTreeSet::new()];
    for Moment { job, .. } in moments {
        let status = &job.0["status"];
        if status["counts"].is_null() {
            continue;
        }
        assert!(job.count("inFlight") <= bound(slots), "{status:#}");
        assert!(job.count("failed") <= bound(failing), "{status:#}");
        assert!(status["stop"].is_null(), "{status:#}");
        assert!(!job.is("FailureTarget") || job.is("Finished"), "{status:#}");
        for (known, field) in finals.iter_mut().zip(["completedIndexes", "failedIndexes"]) {
            let now = job.indexes(field);
            assert!(known.is_subset(&now), "{field} shrank: {status:#}");
            *known = now;
        }
        let Some(id) = status["step"]["id"].as_str() else {
            continue;
        };
        let newest = ids.last().map_or("", String::as_str);
        assert!(newest <= id, "step {id} after {newest}");
        if newest < id {
            ids.push(id.to_owned());
            let before = rungs.iter().rfind(|rung| rung.id().as_str() < id);
            let due = (0..before.map_or(0, |rung| rung.end)).collect();
            let done = &finals[0] | &finals[1];
            assert!(done.is_superset(&due), "step {id} came early: {status:#}");
        }
    }
    let wanted: Vec<_> = rungs.iter().map(Rung::id).collect();
    assert_eq!(ids, wanted);
}

/// No Pod of a device was asked for after its end was seen in the status.
fn check_births(space: &Space, audit: &Audit, devices: &[Report], moments: &[Moment]) {
    let mut ended: BTreeMap<usize, Timestamp> = BTreeMap::new();
    for moment in moments {
        for field in ["completedIndexes", "failedIndexes"] {
            for index in moment.job.indexes(field) {
                ended.entry(index).or_insert(moment.at);
            }
        }
    }
    let by_uuid: BTreeMap<&str, usize> = devices
        .iter()
        .enumerate()
        .map(|(index, device)| (device.uuid.as_str(), index))
        .collect();
    for (pod, born) in audit.pod_birth_times(&space.name) {
        let index = by_uuid[&pod["flash-".len()..][..36]];
        let end = ended[&index];
        assert!(born < end, "{pod} was asked for at {born}, after {end}");
    }
}

/// More devices fail than the job allows: nothing starts any more, what is in flight ends, then the job has failed.
async fn beyond_its_limit(count: usize) {
    let (seed, _) = random();
    let space = Space::new(&format!("beyond-{count}")).await;
    let fleet = space
        .fleet(Params {
            refused_share: 0.15,
            exit1_share: 0.05,
            never_ends_share: 0.01,
            transfer_failed_share: 0.0,
            old_version_share: 0.0,
            exit1_once_share: 0.0,
            ..faulty(count.max(50), seed)
        })
        .await;
    // One that never ends by itself is in flight when the limit is exceeded.
    let mut devices = in_order(&fleet);
    devices[1..].sort_by_key(|device| device.outcome != Outcome::NeverEnds);
    let (slots, allowed) = (parallelism(devices.len()), devices.len() * 5 / 100);
    let spec = json!({
        "parallelism": slots, "maxFailedDevices": "5%", "activeDeadlineSecondsPerDevice": 90,
        "steps": [{"devices": 1, "maxFailedDevices": 0}, {"devices": "100%", "maxFailedDevices": "100%"}],
    });
    let history = History::of(&space, "beyond");
    let mut operator = Supervised::start(&space, &OPERATOR).await;
    space.apply(&job("beyond", &uuids(&devices), &spec).to_string());
    let stopping = || Some(space.job("beyond")).filter(|job| job.is("FailureTarget"));
    operator.until("the first move", PATIENCE, stopping).await;
    operator.kill();
    let first = space.job("beyond");
    assert!(!first.is("Failed") && first.count("inFlight") > 0);
    println!(
        "killed between the two moves, progress {}",
        first.0["status"]["progress"]
    );
    operator.restart().await;
    let finished = || Some(space.job("beyond")).filter(|job| job.is("Finished"));
    let done = operator.until("the second move", PATIENCE, finished).await;
    let status = &done.0["status"];
    assert!(done.is("Failed"), "{:#}", status["conditions"]);
    assert_eq!(status["reason"], "MaxFailedDevicesExceeded");

    // Exactly those that were started have ended, as their fate is.
    let begun: BTreeSet<_> = fleet
        .journal()
        .into_iter()
        .map(|flash| flash.endpoint)
        .collect();
    let of = |verdict: &str| -> BTreeSet<usize> {
        let all = devices.iter().enumerate();
        all.filter(|(_, device)| begun.contains(&device.endpoint))
            .filter(|(_, device)| device.verdict == Some(verdict))
            .map(|(index, _)| index)
            .collect()
    };
    assert_eq!(done.indexes("completedIndexes"), of("Succeeded"));
    assert_eq!(done.indexes("failedIndexes"), of("Failed"));
    let failed = of("Failed").len();
    assert!(allowed < failed && failed <= allowed + slots, "{failed}");
    let left = i64::try_from(devices.len() - begun.len()).unwrap();
    assert!(left > 0, "all devices were started");
    assert_eq!(done.count("pending"), left);
    let audit = space.control_plane.audit();
    let mut births = audit.flashes(&space.name);
    births.retain(|_, born| *born != 1);
    assert!(births.is_empty(), "{births:?}");
    check_peaks(&space, &audit, slots);
    let moments = history.moments();
    let stopped = moments
        .iter()
        .find(|moment| moment.job.is("FailureTarget"))
        .unwrap();
    let late: Vec<_> = audit
        .pod_birth_times(&space.name)
        .into_iter()
        .filter(|(_, born)| *born > stopped.at)
        .collect();
    assert!(late.is_empty(), "started after the stop: {late:?}");
    println!(
        "{} devices: {failed} failed, {allowed} were allowed, {left} never started",
        devices.len()
    );
    space.delete_job("beyond", 300).await;
    operator.terminate();
}
