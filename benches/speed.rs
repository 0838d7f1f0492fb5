//! `make bench`: how fast the operator is, and what it costs, beside a bare client that only does the nine writes of a device.
//!
//! One run uses one control plane and one kind of fleet for everything, prints one table and writes JSON. Absolute figures
//! are the machine's; what counts is a ratio within one run. All traffic stays on loopback, and everything ends by itself.

#![allow(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a measurement that cannot go on panics"
)]

#[path = "speed/audit.rs"]
mod audit;
#[path = "speed/chart.rs"]
mod chart;
#[path = "speed/choice.rs"]
mod choice;
#[path = "speed/counters.rs"]
mod counters;
#[path = "speed/helm_cli.rs"]
mod helm_cli;
#[path = "speed/jobs.rs"]
mod jobs;
#[path = "speed/machine.rs"]
mod machine;
#[path = "speed/measurement.rs"]
mod measurement;
#[path = "speed/operator.rs"]
mod operator;
#[path = "speed/process.rs"]
mod process;
#[path = "speed/raw.rs"]
mod raw;
#[path = "speed/raw_device.rs"]
mod raw_device;
#[path = "speed/report.rs"]
mod report;
#[path = "speed/table.rs"]
mod table;

use choice::Choice;
use measurement::{Measurement, Scenario};
use report::Report;

fn main() {
    // `cargo test --all-targets` runs benchmarks, too, without this word: there is nothing to test.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let choice = Choice::from_environment();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let mut report = Report::begin();
    let mut written = None;
    for scenario in choice.scenarios() {
        let mut runs = Vec::new();
        for number in 1..=scenario.repeat {
            eprintln!("{}: run {number} of {}", scenario.title(), scenario.repeat);
            runs.push(runtime.block_on(measure(&scenario, choice.original.as_deref())));
        }
        report.add(Measurement::median(&scenario, runs));
        // What was measured so far is kept, whatever becomes of the rest.
        written = Some(report.write(choice.keep));
    }
    let table = table::table(&report);
    if choice.keep {
        Report::publish(&table);
    }
    println!("{table}");
    if let Some(path) = written {
        println!("written: {}", path.display());
    }
}

async fn measure(scenario: &Scenario, original: Option<&std::path::Path>) -> measurement::Run {
    match scenario.contestant {
        measurement::Contestant::Raw => raw::run(scenario).await,
        measurement::Contestant::HelmCli => helm_cli::run(scenario).await,
        _ => operator::run(scenario, original).await,
    }
}
