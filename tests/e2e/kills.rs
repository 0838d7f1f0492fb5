//! `kill -9` at any moment changes no verdict and flashes no device twice.

use rand::{Rng, SeedableRng, rngs::StdRng};
use rstest::rstest;
use serde_json::json;

use testbed::{Params, Space, Supervised, auditor::Auditor, job::job};

/// What a run of kills is like.
struct Run {
    engine: &'static str,
    devices: usize,
    parallelism: usize,
    kills: usize,
}

/// One run at a time: two of them are more than a small machine can do.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

#[rstest]
#[case::native(Run { engine: "native", devices: 200, parallelism: 40, kills: 10 })]
#[case::helm(Run { engine: "helm", devices: 40, parallelism: 10, kills: 4 })]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_that_is_killed_again_and_again_flashes_every_device_once_and_judges_it_right(
    #[case] run: Run,
) {
    let _turn = TURN.lock().await;
    let seed: u64 = std::env::var("FLASHJOB_TEST_SEED")
        .map_or_else(|_| rand::random(), |seed| seed.parse().unwrap());
    println!("moments of the kills: FLASHJOB_TEST_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let space = Space::new(&format!("kills-{}", run.engine)).await;
    let auditor = Auditor::of(&space);
    let fleet = space
        .fleet(Params {
            devices: run.devices,
            flash_seconds: 2.0,
            address_delay_seconds: 0.2,
            refused_share: 0.05,
            transfer_failed_share: 0.025,
            exit1_share: 0.025,
            ..Params::default()
        })
        .await;
    // A record that a killed helm left is taken over only after helm's time-out.
    let arguments = [
        "--engine",
        run.engine,
        "--cool-down-seconds",
        "2",
        "--helm-timeout-seconds",
        "10",
    ];
    let mut operator = Supervised::start(&space, &arguments).await;
    let spec = json!({"parallelism": run.parallelism, "activeDeadlineSecondsPerDevice": 120});
    space.apply(&job("killed", &fleet.uuids(), &spec).to_string());

    let mut unfinished = 0;
    for kill in 0..run.kills {
        // A moment of its own in each part of the run, told by how many flashes began; then some time that fate decides.
        let part = run.devices * 9 / 10 / run.kills;
        let begun = kill * part + random.random_range(0..part);
        let progress = || (fleet.journal().len() >= begun).then_some(());
        operator.until("progress", 180, progress).await;
        tokio::time::sleep(std::time::Duration::from_millis(
            random.random_range(0..1500),
        ))
        .await;
        operator.kill();
        let progress = space.job("killed").0["status"]["progress"]
            .as_str()
            .unwrap_or("-")
            .to_owned();
        println!(
            "kill {kill}: {} flashes begun, progress {progress}",
            fleet.journal().len()
        );
        unfinished += usize::from(!space.job("killed").is("Finished"));
        operator.restart().await;
    }
    let finished = || Some(space.job("killed")).filter(|job| job.is("Finished"));
    let job = operator.until("end of the job", 180, finished).await;
    assert_eq!(
        unfinished, run.kills,
        "kills before the end; the seed is printed above"
    );

    space.assert_verdicts(&job, &fleet);
    space.assert_flashed(&fleet, 1);
    let cut_off = space.control_plane.audit().cut_off_deletes(&space.name);
    println!("{cut_off} deletes were cut off by kills");

    // What failed stays listed; nothing else stays.
    let expected = fleet
        .devices()
        .iter()
        .filter(|device| device.verdict == Some("Failed"))
        .count();
    let cleaned = || {
        let kinds = ["get", "pods,services", "--ignore-not-found", "-o", "name"];
        let releases = space.releases();
        let failed = releases
            .iter()
            .filter(|release| release["status"] == "failed")
            .count();
        (space.kubectl(&kinds).is_empty() && releases.len() == expected && failed == expected)
            .then_some(())
    };
    operator.until("only failed records", 180, cleaned).await;
    println!("{}", auditor.assert());
    space.delete_job("killed", 60).await;
    space.assert_flashed(&fleet, 1);
    operator.terminate();
}
