//! Worlds in which only the operator's clock is wrong: being ahead of the API server's, or behind it, changes no wait.

use std::{sync::Arc, time::Duration};

use rstest::rstest;
use tokio::{
    task::{LocalSet, spawn_local},
    time::sleep,
};

use super::{
    attempt::uid,
    replica,
    run::{Plan, runtime},
    world::{self, World},
};

/// How long a Service may be without an address, in seconds.
const PATIENCE: i64 = 120;

/// The Services and flashes of a world.
#[derive(Debug)]
struct Seen {
    /// Attempts whose Service is gone, though it never had a Pod.
    given_up: usize,
    flashes: usize,
}

/// Runs a world for `seconds`. The clocks of both replicas are `ahead` by that many seconds, and each Service gets its address after
/// `address_seconds`.
fn after(seconds: u64, ahead: i64, address_seconds: i64) -> Seen {
    let (runtime, local) = (runtime(), LocalSet::new());
    let seen = local.block_on(&runtime, async {
        let mut world = World::new(&Plan {
            seed: 1,
            ..Plan::default()
        });
        world.skews = [ahead * 1_000; 2];
        world.shape.address_seconds = address_seconds;
        world.weather.calm = true;
        let world = world::shared(world);
        for place in 0..2 {
            spawn_local(replica::live(Arc::clone(&world), place));
        }
        for _ in 0..seconds {
            sleep(Duration::from_secs(1)).await;
            let mut world = world.lock().unwrap();
            world.everything_behind();
            world.settle();
        }
        let world = world.lock().unwrap();
        assert_eq!(world.violation, None);
        seen(&world)
    });
    drop(local);
    seen
}

fn seen(world: &World) -> Seen {
    let flashes: Vec<_> = world.laws.flashes.values().collect();
    let was_launched = |name: &str| flashes.iter().any(|flash| flash.key.name == name);
    let exists = |wanted: &str| {
        world
            .api
            .all("services")
            .any(|(_, found)| uid(found) == wanted)
    };
    let services = world.laws.own.iter();
    let services = services.filter(|(_, own)| own.key.plural == "services");
    let given_up = services.filter(|(uid, own)| !exists(uid) && !was_launched(&own.key.name));
    Seen {
        given_up: given_up.count(),
        flashes: flashes.iter().filter(|flash| flash.ran).count(),
    }
}

#[rstest]
fn an_address_that_comes_in_time_is_waited_for_whatever_the_clock_shows(
    #[values(-3_600, -130, 0, 130, 3_600)] ahead: i64,
) {
    let seen = after(400, ahead, PATIENCE - 20);
    assert_eq!(seen.given_up, 0, "{seen:?}");
    assert!(seen.flashes >= 3, "{seen:?}");
}

#[rstest]
fn an_address_that_does_not_come_in_time_is_given_up_whatever_the_clock_shows(
    #[values(-3_600, -130, 0, 130, 3_600)] ahead: i64,
) {
    let seen = after(240, ahead, PATIENCE + 30);
    assert_eq!(seen.flashes, 0, "{seen:?}");
    assert!(seen.given_up >= 1, "{seen:?}");
}
