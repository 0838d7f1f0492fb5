//! Runs worlds, seed by seed, on every processor.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use super::{planted::Bug, world::World};

/// Longest life of a world before it is left alone, in steps.
const LIFE: usize = 1_800;

/// Lives through one world. Returns its steps and the law that it broke, if it broke one.
pub fn world(seed: u64, hostile: bool, trace: bool) -> (usize, Option<String>) {
    let mut world = World::new(seed, None, trace);
    world.hostile = hostile;
    live(world)
}

/// Lives through one world in which a hostile writer is all that strikes. Returns the law that it broke, if it broke one.
pub fn beside_a_hostile_writer(seed: u64, bug: Bug) -> Option<String> {
    let mut world = World::new(seed, Some(bug), false);
    world.weather = 0;
    world.hostile = true;
    live(world).1
}

/// Lives through one world in which nothing but one kind of fault strikes, and often.
pub fn planted(seed: u64, bug: Bug, fault: usize) -> Option<String> {
    let mut world = World::new(seed, Some(bug), false);
    world.calm = 1 + world.chance.draw(8);
    world.weather = usize::MAX;
    world.only = Some(fault);
    live(world).1
}

fn live(mut world: World) -> (usize, Option<String>) {
    let life = 200 + world.chance.draw(LIFE - 200);
    let lived = catch_unwind(AssertUnwindSafe(|| {
        while world.steps < life && world.api.violation.is_none() {
            world.happen();
        }
        if world.api.violation.is_none() {
            world.end();
        }
    }));
    let panicked = lived.is_err().then(|| "a panic, see above".to_owned());
    (world.steps, world.api.violation.or(panicked))
}

/// Worlds from `first` on, until there were so many of them and so many steps. Returns the number of both, and the first
/// seed that broke a law.
pub fn worlds(
    first: u64,
    seeds: u64,
    steps: usize,
    hostile: bool,
) -> (u64, usize, Option<(u64, String)>) {
    let (next, done, taken) = (
        AtomicU64::new(first),
        AtomicU64::new(0),
        AtomicUsize::new(0),
    );
    let broken: Mutex<Option<(u64, String)>> = Mutex::new(None);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    let enough = seed - first >= seeds && taken.load(Ordering::Relaxed) >= steps;
                    if enough || broken.lock().unwrap().is_some() {
                        return;
                    }
                    let (lived, violation) = world(seed, hostile, false);
                    taken.fetch_add(lived, Ordering::Relaxed);
                    done.fetch_add(1, Ordering::Relaxed);
                    if let Some(violation) = violation {
                        let mut broken = broken.lock().unwrap();
                        if broken.as_ref().is_none_or(|(other, _)| seed < *other) {
                            *broken = Some((seed, violation));
                        }
                    }
                }
            });
        }
    });
    let broken = broken.into_inner().unwrap();
    (done.into_inner(), taken.into_inner(), broken)
}
