//! A replica: a process of the real operator, and another one whenever it ends.

use std::{sync::Arc, time::Duration};

use clap::Parser;
use tokio::{sync::watch, time::sleep};

use super::{
    MAX_IN_FLIGHT,
    process::{Process, within},
    wire::{self, SYSTEM, Shared},
};
use crate::{
    cluster::Fence,
    http::Readiness,
    operator::{self, RunError},
    settings::Settings,
    telemetry::Metrics,
};

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    settings: Settings,
}

/// Settings of the operator in a world.
fn settings() -> Settings {
    let slots = MAX_IN_FLIGHT.to_string();
    let words = [
        "simulation",
        "--engine=native",
        "--firmware-digest=never",
        "--max-in-flight",
        &slots,
        "--lost-grace-seconds=100",
        "--lease-namespace",
        SYSTEM,
    ];
    Line::parse_from(words).settings
}

/// Runs the processes of a replica, one after the other, for as long as the world lasts.
pub async fn live(world: Shared, place: usize) {
    for life in 0.. {
        let (process, mut asked_to_stop) = born(&world, (place, life));
        let (stop_tx, stop_rx) = watch::channel(false);
        let operator =
            process.run(|| within(operator(world.clone(), Arc::clone(&process), stop_rx)));
        let mut operator = tokio::task::spawn_local(operator);
        let ended = loop {
            tokio::select! {
                biased;
                () = process.died() => {
                    operator.abort();
                    break "it died".to_owned();
                }
                ended = &mut operator => break match ended {
                    Ok(Ok(())) => "it stopped".to_owned(),
                    Ok(Err(error)) => error.to_string(),
                    Err(error) => error.to_string(),
                },
                Ok(()) = asked_to_stop.changed() => drop(stop_tx.send(true)),
            }
        };
        process.kill();
        let pause = {
            let mut world = world.lock().unwrap();
            world.note(|| format!("END     replica {place}, process {life}: {ended}"));
            world.processes[place] = None;
            world.ended(place);
            500 + u64::try_from(world.chance.draw(5_000)).unwrap()
        };
        sleep(Duration::from_millis(pause)).await;
    }
}

fn born(world: &Shared, (place, life): (usize, u32)) -> (Arc<Process>, watch::Receiver<bool>) {
    let mut world = world.lock().unwrap();
    let chance = world.chance.branch();
    let (begun, skew) = (world.begun, world.skews[place]);
    let process = Arc::new(Process::new((place, life), begun, skew, chance));
    let asked_to_stop = process.asked_to_end();
    world.note(|| format!("BEGIN   replica {place}, process {life}"));
    world.processes[place] = Some(Arc::clone(&process));
    (process, asked_to_stop)
}

async fn operator(
    world: Shared,
    process: Arc<Process>,
    stop: watch::Receiver<bool>,
) -> Result<(), RunError> {
    let settings = settings();
    let fence = Arc::new(Fence::new(settings.lease_times().grace()));
    let clients = wire::clients(&world, &process, Arc::clone(&fence));
    let (ready, _) = watch::channel(Readiness::default());
    let metrics = Metrics::default();
    Box::pin(operator::serve(
        (settings, metrics),
        (clients, fence),
        ready,
        stop,
    ))
    .await
}
