//! Deterministic simulation: the operator's own decisions in a world in which requests fail, answers get lost, watches lag,
//! leaders die or sleep, and people, users, nodes and Akri do as they please, all from one seed; and the laws that hold in it.
//!
//! | file | what it holds |
//! |---|---|
//! | `objects`, `pods`, `jobs`, `request` | a small API server, with kubelet and load balancer behind it |
//! | `devices` | devices as they really are, and Akri, which finds them again |
//! | `election`, `leader`, `steps`, `task` | two replicas, their Lease, passes and steps as `reconcile` and `act` make them |
//! | `world`, `faults`, `calm` | what happens, what strikes, how it ends |
//! | `hostile` | somebody who writes objects with the labels of ours |
//! | `invariants` | the laws |
//! | `planted` | bugs that the laws must find |
//! | `run`, `trace` | many seeds on all processors; one seed in words |

mod calm;
mod devices;
mod election;
mod faults;
mod hostile;
mod invariants;
mod jobs;
mod leader;
mod objects;
mod planted;
mod pods;
mod request;
mod run;
mod steps;
mod task;
mod trace;
mod world;

use self::world::World;
use crate::simulation::{
    DEVICES, GATEWAY, GATEWAYS, JOBS, MAX_IN_FLIGHT, MAX_OF_GATEWAY, PARALLELISM, number,
};

/// Steps that every run of the tests takes.
const STEPS: usize = 1_000_000;

/// Fails with how to see what happened.
fn expect_unbroken((worlds, steps, broken): (u64, usize, Option<(u64, String)>)) {
    println!("{worlds} worlds, {steps} steps");
    if let Some((seed, law)) = broken {
        panic!(
            "seed {seed} breaks a law: {law}\nsee its history: make sim SEEDS=1 FIRST_SEED={seed}"
        );
    }
}

#[test]
fn no_law_is_broken_in_a_million_steps() {
    expect_unbroken(run::worlds(1, 1, STEPS, false));
}

/// `make sim SEEDS=n FIRST_SEED=m`; a single seed prints its history.
#[test]
#[ignore = "for make sim"]
fn as_many_seeds_as_are_asked_for() {
    let (first, seeds) = (number("FIRST_SEED", 1), number("SEEDS", 10_000));
    let hostile = number("HOSTILE", 0) > 0;
    if seeds == 1 {
        let (steps, broken) = run::world(first, hostile, true);
        return expect_unbroken((1, steps, broken.map(|law| (first, law))));
    }
    expect_unbroken(run::worlds(first, seeds, 0, hostile));
}

#[test]
fn no_law_is_broken_beside_a_hostile_writer() {
    expect_unbroken(run::worlds(500_000, 1, STEPS / 4, true));
}

#[test]
fn left_alone_every_device_is_flashed_once_and_its_twin_is_skipped() {
    for seed in 1..9 {
        let mut world = World::new(seed, None, false);
        world.end();
        assert_eq!(world.api.violation, None);
        assert!(world.api.records.is_empty());
        let runs = world.api.flashes.len();
        let expected = JOBS.len() * (DEVICES - 1);
        assert_eq!(runs, expected, "the second UUID of a device is not flashed");
        for job in world.api.jobs.values() {
            assert_eq!(job.finals.succeeded.len(), DEVICES - 1, "seed {seed}");
        }
    }
}

#[test]
fn the_same_seed_is_the_same_history() {
    let live = || {
        let mut world = World::new(7, None, false);
        (0..500).for_each(|_| world.happen());
        (world.api.now, world.api.version, world.api.flashes.len())
    };
    assert_eq!(live(), live());
}
