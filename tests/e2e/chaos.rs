//! Long runs in which operators, and helm alone, are killed at random moments: `make chaos`. The auditor judges each wave.
//!
//! A wave is a namespace with one job of each kind on devices with faults; it ends when all jobs have, and everything about it
//! follows from its seed but the moments at which the machine gets around to things.

use std::{
    fmt,
    str::FromStr,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};

use crate::{
    crash_points::arguments,
    helm_engine::upgrades,
    support::{
        Fleet, Params, Space, Supervised,
        auditor::{Auditor, Report},
        job::job,
        seconds,
    },
};

/// Devices in flight at the same time, over all jobs of a wave.
const MAX_IN_FLIGHT: &str = "24";

/// How much chaos is asked for.
struct Asked {
    engine: &'static str,
    kills: usize,
    seconds: u64,
    seed: u64,
}

fn given<T: FromStr<Err: fmt::Debug>>(name: &str) -> Option<T> {
    let text = std::env::var(name).ok().filter(|text| !text.is_empty())?;
    Some(
        text.parse()
            .unwrap_or_else(|error| panic!("{name}={text}: {error:?}")),
    )
}

/// What came of it.
#[derive(Default)]
struct Tally {
    operators: usize,
    helms: usize,
    waves: usize,
    report: Report,
}

impl Tally {
    fn kills(&self) -> usize {
        self.operators + self.helms
    }

    fn row(&self, name: &str) -> String {
        let Report {
            flashes,
            verdicts,
            violations,
            ..
        } = &self.report;
        format!(
            "{name:<16}{:>8}{flashes:>10}{:>16}{:>12}{verdicts:>10}{:>12}",
            self.waves,
            self.operators,
            self.helms,
            violations.len()
        )
    }

    fn head() -> String {
        format!(
            "{:<16}{:>8}{:>10}{:>16}{:>12}{:>10}{:>12}",
            "", "waves", "flashes", "operator kills", "helm kills", "verdicts", "violations"
        )
    }
}

/// The fleets of a wave and the jobs on them: one of each kind.
async fn kinds(
    space: &Space,
    random: &mut StdRng,
    engine: &str,
) -> Vec<(&'static str, Fleet, Value)> {
    // helm is ten times as slow.
    let devices = if engine == "helm" { 4..8 } else { 12..30 };
    let mut params = |more: &dyn Fn(Params) -> Params| {
        more(Params {
            devices: random.random_range(devices.clone()),
            flash_seconds: random.random_range(0.2..2.5),
            address_delay_seconds: random.random_range(0.0..0.5),
            seed: random.random(),
            ..Params::default()
        })
    };
    let faults = |params| Params {
        refused_share: 0.1,
        transfer_failed_share: 0.1,
        exit1_share: 0.1,
        ..params
    };
    let plain = params(&faults);
    let steps = params(&faults);
    let retries = params(&|params| Params {
        healed_after: Some(1),
        transfer_failed_share: 0.2,
        exit1_share: 0.2,
        ..params
    });
    let versions = params(&|params| Params {
        old_version_share: 0.1,
        lagging_version_share: 0.2,
        version_lag_seconds: 3.0,
        ..params
    });
    let specs = [
        ("plain", plain, json!({"parallelism": 8})),
        (
            "steps",
            steps,
            json!({"parallelism": 6, "steps": [
                {"name": "canary", "devices": 1, "soakSeconds": 1, "maxFailedDevices": 100},
                {"name": "half", "devices": "50%", "maxFailedDevices": 100},
            ]}),
        ),
        (
            "retries",
            retries,
            json!({"parallelism": 8, "backoffLimitPerDevice": 2}),
        ),
        (
            "version",
            versions,
            json!({"parallelism": 8, "verification": {"mode": "Version", "timeoutSeconds": 20}}),
        ),
    ];
    let mut kinds = Vec::new();
    for (name, params, spec) in specs {
        kinds.push((name, space.fleet(params).await, spec));
    }
    kinds
}

/// One wave. Kills until all jobs have finished, or there were this many kills; then lets the rest be done.
async fn wave(asked: &Asked, seed: u64, most: usize) -> Tally {
    let mut random = StdRng::seed_from_u64(seed);
    let space = Space::new(&format!("chaos-{}", asked.engine)).await;
    let auditor = Auditor::of(&space).max_in_flight(MAX_IN_FLIGHT.parse().unwrap());
    let mut arguments = arguments(asked.engine, None);
    arguments.extend(["--max-in-flight", MAX_IN_FLIGHT]);
    let kinds = kinds(&space, &mut random, asked.engine).await;
    let mut operator = Supervised::start(&space, &arguments).await;
    for (name, fleet, spec) in &kinds {
        space.apply(&job(name, &fleet.uuids(), spec).to_string());
    }
    let names: Vec<_> = kinds.iter().map(|(name, ..)| *name).collect();
    let mut tally = Tally {
        waves: 1,
        ..Tally::default()
    };
    let mut edit = random.random_bool(0.5).then(|| random.random_range(1..6));
    while tally.kills() < most && !all_finished(&space, &names) {
        tokio::time::sleep(Duration::from_millis(random.random_range(100..4000))).await;
        if edit.is_some_and(|after| tally.kills() >= after) {
            // In mid-flight: what runs is followed to its end, and then begins anew.
            edit = None;
            let patch = json!({"spec": {"firmware": "registry.example.com/esp32-fmnist:0.3.0", "version": "0.3.0"}}).to_string();
            space.kubectl(&["patch", "flashjob", "plain", "--type=merge", "-p", &patch]);
        }
        let helm = Some(upgrades(operator.pid())).filter(|_| random.random_bool(0.6));
        if let Some(pid) = helm.and_then(|pids| pids.first().copied()) {
            tally.helms += usize::from(kill(Pid::from_raw(pid), Signal::SIGKILL).is_ok());
        } else {
            operator.kill();
            tally.operators += 1;
            operator.restart().await;
        }
    }
    end(&space, &mut operator, &names).await;
    tally.report = auditor.report();
    for name in names {
        space.kubectl(&["delete", "flashjob", name, "--wait=false"]);
    }
    let gone = || space.left_behind().is_empty().then_some(());
    operator.until("end of all deletions", 180, gone).await;
    operator.terminate();
    for (name, fleet, _) in &kinds {
        let journal = fleet.journal();
        assert!(
            !journal.iter().any(|flash| flash.overlapped),
            "{name}: {journal:#?}"
        );
    }
    if tally.report.violations.is_empty() {
        space.kubectl(&["delete", "namespace", &space.name, "--wait=false"]);
    }
    tally
}

fn all_finished(space: &Space, names: &[&str]) -> bool {
    names.iter().all(|name| space.job(name).is("Finished"))
}

/// Waits until every job has finished and nothing but records of failed devices is left.
async fn end(space: &Space, operator: &mut Supervised<'_>, names: &[&str]) {
    let over = || (all_finished(space, names) && space.is_at_rest()).then_some(());
    operator.until("end of all jobs", 300, over).await;
}

async fn chaos(asked: &Asked) -> Tally {
    let begin = Instant::now();
    let mut all = Tally::default();
    println!("{}", Tally::head());
    while all.kills() < asked.kills || begin.elapsed() < seconds(asked.seconds) {
        let seed = asked.seed + u64::try_from(all.waves).unwrap();
        let most = if all.kills() < asked.kills {
            asked.kills - all.kills()
        } else {
            usize::MAX
        };
        let wave = wave(asked, seed, most).await;
        println!(
            "{}   {:>6} s",
            wave.row(&format!("{} {seed}", asked.engine)),
            begin.elapsed().as_secs()
        );
        for violation in &wave.report.violations {
            println!("  {violation}");
        }
        all.waves += 1;
        all.operators += wave.operators;
        all.helms += wave.helms;
        all.report.add(wave.report);
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes as long as it is told to: make chaos"]
async fn as_much_chaos_as_is_asked_for() {
    let engine = given::<String>("CHAOS_ENGINE").unwrap_or_else(|| "both".into());
    let known = [("native", 1000), ("helm", 100)];
    let engines = known
        .into_iter()
        .filter(|(name, _)| engine == "both" || engine == *name);
    let engines: Vec<_> = engines.collect();
    assert!(
        !engines.is_empty(),
        "ENGINE={engine}: expected native, helm or both"
    );
    let seed = given("CHAOS_SEED").unwrap_or_else(|| u64::from(rand::random::<u32>()));
    println!("SEED={seed}");
    let mut rows = Vec::new();
    let mut violations = 0;
    for (engine, kills) in engines {
        let asked = Asked {
            engine,
            kills: given("CHAOS_KILLS").unwrap_or(kills),
            seconds: given("CHAOS_SECONDS").unwrap_or(0),
            seed,
        };
        let all = chaos(&asked).await;
        violations += all.report.violations.len();
        rows.push(all.row(engine));
    }
    println!("\n{}\n{}", Tally::head(), rows.join("\n"));
    assert_eq!(violations, 0, "violations; they are printed above");
}
