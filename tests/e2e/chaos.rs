//! Long runs in which operators, and helm alone, are killed at random moments: `make chaos`. The auditor judges each wave.
//!
//! A wave is a namespace with one job of each kind on devices with faults; it ends when all jobs have, and everything about it
//! follows from its seed but the moments at which the machine gets around to things. With `HOSTILE=1` somebody who may `edit` that
//! namespace, and has one of her own, writes what she likes meanwhile (`mallory`).

mod deeds;
mod kinds;
mod mallory;
mod stage;
mod tally;

use std::{
    fmt,
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind},
    str::FromStr,
    time::{Duration, Instant},
};

use kinds::kinds;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use rstest::rstest;
use serde_json::json;
use stage::Stage;
use tally::Tally;

use crate::{crash_points::arguments, helm_engine::upgrades};
use testbed::{Space, Supervised, auditor::Auditor, job::job, seconds};

/// Devices in flight at the same time, over all jobs of a wave.
const MAX_IN_FLIGHT: &str = "24";

/// How long a wave may last under kills: if it has not ended then, something else keeps it, which shows without them.
const PATIENCE: Duration = seconds(600);

/// How much chaos is asked for.
struct Asked {
    engine: &'static str,
    kills: usize,
    seconds: u64,
    seed: u64,
    hostile: bool,
    /// Devices of each job.
    devices: Range<usize>,
}

fn given<T: FromStr<Err: fmt::Debug>>(name: &str) -> Option<T> {
    let text = std::env::var(name).ok().filter(|text| !text.is_empty())?;
    Some(
        text.parse()
            .unwrap_or_else(|error| panic!("{name}={text}: {error:?}")),
    )
}

/// Prints what the auditor has to say of a wave that does not end.
struct JudgedAnyway<'a>(&'a Auditor<'a>);

impl Drop for JudgedAnyway<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // A second panic would hide the first.
            let report = catch_unwind(AssertUnwindSafe(|| self.0.report()));
            report.map_or_else(|_| println!("no report"), |report| println!("{report}"));
        }
    }
}

/// One wave. Kills until all jobs have finished, or there were this many kills; then lets the rest be done.
async fn wave(asked: &Asked, seed: u64, most: usize) -> Tally {
    let mut random = StdRng::seed_from_u64(seed);
    let stage = Stage::new(asked.engine, asked.hostile).await;
    let space = &stage.jobs;
    let auditor = stage
        .auditor()
        .max_in_flight(MAX_IN_FLIGHT.parse().unwrap());
    let _judged = JudgedAnyway(&auditor);
    let mut arguments = arguments(asked.engine, None);
    arguments.extend(["--max-in-flight", MAX_IN_FLIGHT]);
    let kinds = kinds(space, &mut random, &asked.devices).await;
    let mut operator = stage.operator(&arguments).await;
    for (name, fleet, spec) in &kinds {
        space.apply(&job(name, &fleet.uuids(), spec).to_string());
    }
    let names: Vec<_> = kinds.iter().map(|(name, ..)| *name).collect();
    let mallory = stage.hostile(random.random());
    if mallory.is_some() {
        // The confinement knows a Service or Pod by its label, its finalizer or its seal. It refuses to give labels back to one that
        // has lost them all.
        let plane = space.control_plane;
        plane.expect_refusals(&space.name, "patch", "services");
        plane.expect_refusals(&space.name, "patch", "pods");
    }
    let pause = pause(asked.engine);
    let mut tally = kills(space, &mut operator, &mut random, &names, (most, pause)).await;
    let finished = || (all_finished(space, &names) && stage.hers_finished()).then_some(());
    until(space, &mut operator, "end of all jobs", 300, finished).await;
    if let Some(mallory) = mallory {
        tally.deeds = mallory.stop().await;
    }
    // Nothing but records of failed devices is left.
    let at_rest = || stage.is_at_rest().then_some(());
    until(space, &mut operator, "rest", 120, at_rest).await;
    tally.report = auditor.report();
    stage.delete_jobs(&names);
    let gone = || stage.is_empty().then_some(());
    until(space, &mut operator, "end of all deletions", 180, gone).await;
    operator.terminate();
    for (name, fleet, _) in &kinds {
        let journal = fleet.journal();
        assert!(
            !journal.iter().any(|flash| flash.overlapped),
            "{name}: {journal:#?}"
        );
    }
    if tally.report.violations.is_empty() {
        stage.clear();
    }
    tally
}

async fn kills(
    space: &Space,
    operator: &mut Supervised<'_>,
    random: &mut StdRng,
    names: &[&str],
    (most, pause): (usize, Range<u64>),
) -> Tally {
    let mut tally = Tally {
        waves: 1,
        ..Tally::default()
    };
    let begin = Instant::now();
    let mut edit = random.random_bool(0.5).then(|| random.random_range(1..6));
    while tally.kills() < most && begin.elapsed() < PATIENCE && !all_finished(space, names) {
        tokio::time::sleep(Duration::from_millis(random.random_range(pause.clone()))).await;
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
    tally
}

fn all_finished(space: &Space, names: &[&str]) -> bool {
    names.iter().all(|name| space.job(name).is("Finished"))
}

/// Waits that many seconds for an answer, and looks after the operator, whose home is another namespace, meanwhile.
async fn until(
    space: &Space,
    operator: &mut Supervised<'_>,
    what: &str,
    within: u64,
    mut ask: impl FnMut() -> Option<()>,
) {
    let ask = async || {
        operator.look();
        ask()
    };
    space.eventually(what, seconds(within), ask).await;
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
        all.add(wave);
    }
    if asked.hostile {
        println!("{}", all.deeds);
    }
    all
}

/// Devices of each job: helm is ten times as slow.
fn devices(engine: &str) -> Range<usize> {
    if engine == "helm" { 4..8 } else { 12..30 }
}

/// Wait between two kills, in milliseconds. What a helm was cut off in is taken over by an operator that has seen it for as long as
/// helm may take (`--helm-timeout-seconds`): if none lived longer, no wave would end.
fn pause(engine: &str) -> Range<u64> {
    if engine == "helm" {
        100..9000
    } else {
        100..4000
    }
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
            hostile: given("CHAOS_HOSTILE").unwrap_or(0_u8) != 0,
            devices: devices(engine),
        };
        let all = chaos(&asked).await;
        violations += all.report.violations.len();
        rows.push(all.row(engine));
    }
    println!("\n{}\n{}", Tally::head(), rows.join("\n"));
    assert_eq!(violations, 0, "violations; they are printed above");
}

/// One of them at a time: two are more than a small machine can do.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

#[rstest]
#[case::native("native")]
#[case::helm("helm")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hostile_writer_beside_kills_gets_nothing_made_flashed_or_judged(
    #[case] engine: &'static str,
) {
    let _turn = TURN.lock().await;
    let seed = given("FLASHJOB_TEST_SEED").unwrap_or_else(|| u64::from(rand::random::<u32>()));
    println!("what happens: FLASHJOB_TEST_SEED={seed}");
    let asked = Asked {
        engine,
        kills: 6,
        seconds: 0,
        seed,
        hostile: true,
        devices: 2..4,
    };
    let all = chaos(&asked).await;
    let report = &all.report;
    assert!(report.violations.is_empty(), "{report}");
    assert_eq!(report.verdicts, report.flashes, "{report}");
    assert!(report.flashes > 0, "{report}");
    assert_eq!(all.deeds.never_done(), Vec::<&str>::new());
}
