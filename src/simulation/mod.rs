//! Deterministic simulation: two processes of the real operator over an API server in memory, in virtual time, in a world in which
//! requests fail, answers get lost, watches lag, leaders die or sleep, and people, users, nodes and Akri do as they please, all
//! from one seed; and the laws that hold in it.
//!
//! | file | what it holds |
//! |---|---|
//! | `api` | the API server: versions, preconditions, patches, finalizers, lists in pages |
//! | `wire`, `stream` | a `kube::Client` over it: requests and watches with their delays and losses |
//! | `process`, `replica` | processes of the operator: their clocks, their chance, their ends |
//! | `pods`, `devices` | kubelet, load balancer, garbage collector; devices as they really are, and Akri |
//! | `world`, `faults`, `people`, `hostile`, `calm` | what happens, what strikes, how it ends |
//! | `laws` | the laws |
//! | `run` | many seeds on all processors |
//! | `clocks` | clocks of the operator that are not the API server's, and nothing else |

mod api;
mod attempt;
mod calm;
mod chance;
mod clocks;
mod devices;
mod faults;
mod hostile;
mod laws;
mod people;
mod planted;
mod pods;
pub(crate) mod process;
mod replica;
mod run;
mod stream;
mod wire;
mod world;

use self::run::Plan;

/// Names of the jobs of the world; they share devices.
const JOBS: [&str; 2] = ["job-1", "job-2"];
/// Devices that each job names; two of its UUIDs are of one device.
const DEVICES: usize = 4;
const PARALLELISM: usize = 2;
const MAX_IN_FLIGHT: usize = 3;
/// Services of the pool, in worlds that have one.
const POOL: usize = 2;
/// Property that says behind which gateway a device is; in some worlds there is a limit on it.
const GATEWAY: &str = "GATEWAY";
const GATEWAYS: [&str; 2] = ["gw-a", "gw-b"];
const MAX_OF_GATEWAY: usize = 1;

#[test]
fn left_alone_every_device_is_flashed_once_and_its_twin_is_skipped() {
    for seed in 1..4 {
        let outcome = run::world(Plan {
            seed,
            calm: true,
            ..Plan::default()
        });
        assert_eq!(outcome.broken, None, "seed {seed}");
        assert_eq!(outcome.flashes, JOBS.len() * (DEVICES - 1), "seed {seed}");
    }
}

/// A number from the environment.
fn number(name: &str, fallback: u64) -> u64 {
    let given = std::env::var(name).ok();
    given.map_or(fallback, |text| text.parse().expect("a number"))
}

/// Fails with how to see what happened.
fn expect_unbroken(sum: &run::Sum) {
    println!(
        "{} worlds, {} requests, {} flashes",
        sum.worlds, sum.requests, sum.flashes
    );
    if let Some((seed, law)) = &sum.broken {
        panic!(
            "seed {seed} breaks a law: {law}\nsee its history: make sim SEEDS=1 FIRST_SEED={seed}"
        );
    }
}

/// `make sim SEEDS=n FIRST_SEED=m`; a single seed prints its history.
#[test]
#[ignore = "for make sim"]
fn as_many_seeds_as_are_asked_for() {
    let (seed, seeds) = (number("FIRST_SEED", 1), number("SEEDS", 1_000));
    let mode = std::env::var("MODE").unwrap_or_default();
    let plan = Plan {
        seed,
        hostile: number("HOSTILE", 0) > 0,
        trace: seeds == 1,
        calm: number("CALM", 0) > 0,
        on_node: mode == "HostPort",
        pooled: mode == "Pool",
        ..Plan::default()
    };
    if plan.trace {
        // What the operator logs stands between what happens.
        let log = tracing_subscriber::fmt().with_writer(std::io::stderr);
        log.without_time().with_ansi(false).init();
    }
    let begun = std::time::Instant::now();
    let sum = run::worlds(plan, seeds, || true);
    let seconds = begun.elapsed().as_secs_f64();
    #[allow(clippy::cast_precision_loss, reason = "far below 2^52")]
    let per_second = sum.requests as f64 / seconds;
    println!("{per_second:.0} requests a second, {seconds:.1} s");
    expect_unbroken(&sum);
}

#[test]
fn the_same_seed_is_the_same_history() {
    for seed in 1..4 {
        let live = || {
            run::world(Plan {
                seed,
                ..Plan::default()
            })
        };
        let (first, second) = (live(), live());
        assert_eq!(first, second, "seed {seed}");
        assert!(first.requests > 100, "{first:?}");
    }
}

/// Worlds that every run of the tests lives through; `make sim` lives through any number.
const WORLDS: u64 = 200;

#[test]
fn no_law_is_broken() {
    let first = Plan {
        seed: 10_000,
        ..Plan::default()
    };
    expect_unbroken(&run::worlds(first, WORLDS, || true));
}

#[test]
fn no_law_is_broken_beside_a_hostile_writer() {
    let first = Plan {
        seed: 7_000,
        hostile: true,
        ..Plan::default()
    };
    expect_unbroken(&run::worlds(first, WORLDS / 4, || true));
}

#[rstest::rstest]
#[case::devices_dial_the_node(Plan { seed: 30_000, on_node: true, ..Plan::default() }, WORLDS / 10)]
#[case::devices_lease_the_services_of_a_pool(Plan { seed: 40_000, pooled: true, ..Plan::default() }, WORLDS / 4)]
fn no_law_is_broken_where(#[case] first: Plan, #[case] worlds: u64) {
    expect_unbroken(&run::worlds(first, worlds, || true));
}

#[test]
fn labels_that_are_taken_off_while_nobody_leads_hide_nothing_that_is_in_flight() {
    let first = Plan {
        seed: 500,
        only: Some(&[faults::Fault::Crash]),
        unlabels: true,
        ..Plan::default()
    };
    expect_unbroken(&run::worlds(first, WORLDS / 5, || true));
}

#[rstest::rstest]
#[case::beside_watches_that_end(&[faults::Fault::Watch, faults::Fault::Label], 30)]
#[case::beside_deletions(&[faults::Fault::Hand, faults::Fault::Label, faults::Fault::Watch], 120)]
fn labels_that_are_taken_off_hide_no_deletion(
    #[case] only: &'static [faults::Fault],
    #[case] seed: u64,
) {
    let first = Plan {
        seed,
        only: Some(only),
        ..Plan::default()
    };
    expect_unbroken(&run::worlds(first, WORLDS / 5, || true));
}
