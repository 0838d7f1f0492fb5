//! What is flashed in a wave, and how its devices are reached: a job of each kind, on devices with faults.

use std::ops::Range;

use rand::{Rng, rngs::StdRng};
use serde_json::{Value, json};

use super::given;
use crate::{host_port, pool};
use testbed::{ControlPlane, Fleet, Params, Space};

/// How the devices of a run are reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Each by a Service of its own.
    PerDevice,
    /// By the Services of a pool.
    Pool,
    /// They dial the nodes.
    HostPort,
}

impl Mode {
    /// As the environment asks.
    pub fn asked() -> Self {
        match given::<String>("CHAOS_MODE").as_deref() {
            None => Self::PerDevice,
            Some("Pool") => Self::Pool,
            Some("HostPort") => Self::HostPort,
            Some(other) => panic!("CHAOS_MODE={other}: expected Pool or HostPort"),
        }
    }

    /// A control plane on which that is possible.
    pub fn plane(self) -> &'static ControlPlane {
        match self {
            Self::PerDevice | Self::Pool => ControlPlane::shared(),
            Self::HostPort => host_port::plane(),
        }
    }

    /// The class whose jobs are flashed so.
    fn class(self, space: &Space) -> Option<String> {
        match self {
            Self::PerDevice => None,
            Self::Pool => Some(pool::class(space, 8)),
            Self::HostPort => Some(host_port::class(space, host_port::FIRST)),
        }
    }
}

/// The fleets of a wave and the jobs on them: one of each kind.
pub async fn kinds(
    space: &Space,
    random: &mut StdRng,
    devices: &Range<usize>,
) -> Vec<(&'static str, Fleet, Value)> {
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
    let mode = Mode::asked();
    let class = mode.class(space);
    for (name, params, mut spec) in specs {
        if let Some(class) = &class {
            spec["flashClassName"] = class.as_str().into();
        }
        kinds.push((name, space.fleet(params).await, spec));
    }
    if mode == Mode::HostPort {
        host_port::spread(space);
    }
    kinds
}
