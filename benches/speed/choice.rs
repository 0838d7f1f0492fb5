//! What is measured, from the environment: all of it takes about twenty minutes on two idle cores.
//!
//! `BENCH` names groups (raw, native, pool, helm, helm-cli, original, growth, jobs, one-device, delay, faults, policies), `DEVICES` the
//! devices of a short run, `REPEAT` how often a short run is repeated, `GROWTH` the sizes of the long ones. `BENCH=large` flashes the first `FIRST`
//! devices of the largest job that is allowed, beside a job of a hundredth of it. `KEEP=1` keeps the figures in `docs`.

use std::path::PathBuf;

use flashjob_operator::api::rule::MAX_DEVICES;

use super::measurement::{Contestant, Scenario};

/// Devices in flight at the same time, where nothing else is said.
const PARALLELISM: usize = 64;
/// Devices in flight at the same time in a large fleet: the simulated load balancer has few more addresses.
const LARGE_PARALLELISM: usize = 500;
/// Devices of a run with the helm engine, which is slow.
const HELM_DEVICES: usize = 40;
/// Jobs of one device that run one after the other: each takes seconds.
const ONE_DEVICE_JOBS: usize = 20;
/// A run with as many devices is not repeated.
const LONG: usize = 1_000;

/// What is measured.
pub struct Choice {
    groups: Vec<String>,
    devices: usize,
    repeat: usize,
    growth: Vec<usize>,
    first: usize,
    /// The original operator's program.
    pub original: Option<PathBuf>,
    /// Whether the figures are kept with the documentation.
    pub keep: bool,
}

impl Choice {
    /// Reads the environment; panics over a word that means nothing.
    pub fn from_environment() -> Self {
        let text = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
        let number = |name: &str, unset: usize| {
            text(name).map_or(unset, |text| {
                text.parse()
                    .unwrap_or_else(|_| panic!("{name}={text} is not a number"))
            })
        };
        let list = |name: &str, unset: &str| -> Vec<String> {
            let text = text(name).unwrap_or_else(|| unset.to_owned());
            text.split(',').map(|word| word.trim().to_owned()).collect()
        };
        Self {
            groups: list(
                "BENCH",
                "raw,native,pool,helm,helm-cli,original,growth,jobs,one-device,delay,faults,policies",
            ),
            devices: number("DEVICES", 300),
            repeat: number("REPEAT", 3),
            growth: list("GROWTH", "100,1000,10000")
                .iter()
                .map(|text| {
                    text.parse()
                        .unwrap_or_else(|_| panic!("GROWTH: {text} is not a number"))
                })
                .collect(),
            first: number("FIRST", 3_000),
            original: text("ORIGINAL_OPERATOR").map(PathBuf::from),
            keep: text("KEEP").is_some(),
        }
    }

    /// The scenarios, in the order in which they run.
    pub fn scenarios(&self) -> Vec<Scenario> {
        self.groups
            .iter()
            .flat_map(|group| self.group(group))
            .collect()
    }

    /// How many devices of the largest job are flashed before it is suspended; none where all of them are.
    fn part_of_large(&self) -> Option<usize> {
        Some(self.first).filter(|&first| first < MAX_DEVICES)
    }

    fn group(&self, group: &str) -> Vec<Scenario> {
        let base = Scenario {
            group: group.to_owned(),
            contestant: Contestant::Native,
            devices: self.devices,
            parallelism: PARALLELISM,
            jobs: 1,
            one_by_one: false,
            address_delay_seconds: 0.0,
            faults: 0.0,
            policies: true,
            pooled: matches!(group, "pool" | "large"),
            first: None,
            repeat: self.repeat,
        };
        match group {
            "raw" => [16, 64, 256]
                .map(|parallelism| Scenario {
                    contestant: Contestant::Raw,
                    parallelism,
                    ..base.clone()
                })
                .into(),
            "native" | "pool" => vec![base],
            "helm" | "helm-cli" => vec![Scenario {
                contestant: if group == "helm" {
                    Contestant::Helm
                } else {
                    Contestant::HelmCli
                },
                devices: HELM_DEVICES.min(self.devices),
                repeat: self.repeat.min(1),
                ..base
            }],
            "original" => match self.original {
                Some(_) => vec![Scenario {
                    contestant: Contestant::Original,
                    ..base
                }],
                None => Vec::new(),
            },
            "growth" => self
                .growth
                .iter()
                .map(|&devices| Scenario {
                    devices,
                    repeat: if devices < LONG { self.repeat } else { 1 },
                    ..base.clone()
                })
                .collect(),
            "large" => [
                (MAX_DEVICES / 100, None),
                (MAX_DEVICES, self.part_of_large()),
            ]
            .map(|(devices, first)| Scenario {
                devices,
                first,
                parallelism: LARGE_PARALLELISM,
                repeat: 1,
                ..base.clone()
            })
            .into(),
            "jobs" => [1, 10, 100]
                .map(|jobs| Scenario {
                    jobs,
                    repeat: 1,
                    ..base.clone()
                })
                .into(),
            "one-device" => vec![Scenario {
                devices: ONE_DEVICE_JOBS.min(self.devices),
                jobs: ONE_DEVICE_JOBS.min(self.devices),
                one_by_one: true,
                repeat: self.repeat.min(1),
                ..base
            }],
            "delay" => [0.0, 1.0, 10.0]
                .map(|address_delay_seconds| Scenario {
                    address_delay_seconds,
                    repeat: 1,
                    ..base.clone()
                })
                .into(),
            "faults" => [0.02, 0.2]
                .map(|faults| Scenario {
                    faults,
                    repeat: 1,
                    ..base.clone()
                })
                .into(),
            "policies" => [true, false]
                .map(|policies| Scenario {
                    contestant: Contestant::Raw,
                    policies,
                    ..base.clone()
                })
                .into(),
            other => panic!(
                "BENCH={other}: expected raw, native, pool, helm, helm-cli, original, growth, large, jobs, one-device, delay, faults or policies"
            ),
        }
    }
}
