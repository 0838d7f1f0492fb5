//! Runs worlds, seed by seed, on every processor: one runtime with a clock of its own for each.

use std::{
    cell::Cell,
    panic,
    sync::{
        Arc, Mutex, Once,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::{
    runtime::{Builder, Runtime},
    task::LocalSet,
};

use super::{
    faults::{Fault, Weather},
    process, replica,
    world::{self, World},
};
use crate::seam::Bug;

/// Longest life of a world before it is left alone, in steps.
const LIFE: usize = 1_200;

thread_local! {
    static PANICKED: Cell<bool> = const { Cell::new(false) };
}

/// What came of a world.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Requests that arrived at its API server.
    pub requests: u64,
    /// Its history as a number: the same seed is the same number.
    pub history: u64,
    /// Flashes that ran.
    pub flashes: usize,
    /// The law that it broke, if it broke one.
    pub broken: Option<String>,
}

/// A world that is to be lived through.
#[derive(Clone, Copy, Debug, Default)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "a world may have each without the others"
)]
pub struct Plan {
    pub seed: u64,
    pub hostile: bool,
    pub trace: bool,
    pub bug: Option<Bug>,
    /// Nothing strikes but these, and often.
    pub only: Option<&'static [Fault]>,
    /// Nothing strikes at all.
    pub calm: bool,
    /// Whenever a process ends, a person takes all of our labels off whatever bears them.
    pub unlabels: bool,
    /// Lists of Pods leave one out, as those of a cache that lags behind do.
    pub stale_lists: bool,
    /// Devices dial the node of their Pod; else in one world of thirteen.
    pub on_node: bool,
    /// Devices lease the Services of a pool; else in one world of thirteen.
    pub pooled: bool,
}

/// Lives through one world.
pub fn world(plan: Plan) -> Outcome {
    notice_panics();
    PANICKED.set(false);
    process::plant(plan.bug);
    let runtime = runtime();
    let local = LocalSet::new();
    let mut outcome = local.block_on(&runtime, live(plan));
    drop(local);
    drop(runtime);
    process::plant(None);
    if PANICKED.get() && outcome.broken.is_none() {
        outcome.broken = Some("a panic, see above".to_owned());
    }
    outcome
}

/// A runtime in virtual time.
pub fn runtime() -> Runtime {
    let mut builder = Builder::new_current_thread();
    builder.enable_time().start_paused(true).build().unwrap()
}

async fn live(plan: Plan) -> Outcome {
    let mut world = World::new(&plan);
    if let Some(only) = plan.only {
        world.weather = Weather::only(only, &mut world.chance);
    }
    world.weather.calm = plan.calm;
    world.shape.unlabels = plan.unlabels;
    world.api.stale_lists = plan.stale_lists;
    let steps = if plan.calm {
        0
    } else {
        200 + world.chance.draw(LIFE - 200)
    };
    let world = world::shared(world);
    for place in 0..2 {
        tokio::task::spawn_local(replica::live(Arc::clone(&world), place));
    }
    world::live(&world, steps).await;
    let world = world.lock().unwrap();
    Outcome {
        requests: world.requests,
        history: world.history(),
        flashes: world
            .laws
            .flashes
            .values()
            .filter(|flash| flash.ran)
            .count(),
        broken: world.violation.clone(),
    }
}

/// A panic in a task of the operator is noticed, though nobody waits for that task.
fn notice_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            PANICKED.set(true);
            before(info);
        }));
    });
}

/// What came of many worlds.
#[derive(Debug, Default)]
pub struct Sum {
    pub worlds: u64,
    pub requests: u64,
    pub flashes: usize,
    /// The first seed that broke a law.
    pub broken: Option<(u64, String)>,
}

/// Lives through worlds from a seed on, until there were so many and `goes_on` says no more.
pub fn worlds(first: Plan, many: u64, goes_on: impl Fn() -> bool + Sync) -> Sum {
    let next = AtomicU64::new(first.seed);
    let sum = Mutex::new(Sum::default());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    let enough = seed - first.seed >= many || !goes_on();
                    if enough || sum.lock().unwrap().broken.is_some() {
                        return;
                    }
                    let outcome = world(Plan { seed, ..first });
                    let mut sum = sum.lock().unwrap();
                    sum.worlds += 1;
                    sum.requests += outcome.requests;
                    sum.flashes += outcome.flashes;
                    if let Some(broken) = outcome.broken
                        && sum.broken.as_ref().is_none_or(|(other, _)| seed < *other)
                    {
                        sum.broken = Some((seed, broken));
                    }
                }
            });
        }
    });
    sum.into_inner().unwrap()
}
