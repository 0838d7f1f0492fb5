//! Simulated devices: which endpoint and which fate each has. Pure: the same parameters give the same fleet.

use rand::{SeedableRng, rngs::StdRng, seq::SliceRandom};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::params::Params;

/// How the flashes of a device end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Outcome {
    /// Firmware sent; comes back with the new version.
    Sent,
    /// Attestation refused, exit code 0.
    Refused,
    /// Transfer failed, exit code 0.
    TransferFailed,
    /// Not contacted, exit code 1.
    Exit1,
    /// Not contacted the first time, exit code 1; then as `Sent`.
    Exit1Once,
    /// Never dials in.
    NeverEnds,
    /// Firmware sent; comes back with the version it had.
    OldVersion,
    /// Firmware sent; comes back with the version it had, and reports the new one only later.
    LaggingVersion,
    /// Firmware sent; is never discovered again.
    NeverBack,
    /// Firmware sent; from then on a device of another type answers at its address.
    Swapped,
    /// Its Service never gets an address.
    NoAddress,
}

/// What a flash pod of a device leaves behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ending {
    /// Exit code of the container.
    pub exit_code: i32,
    /// Last lines of the log, as the flash image writes them.
    pub log: &'static [&'static str],
}

impl Outcome {
    /// How the pod ends by itself; `None` when it does not.
    pub fn ending(self) -> Option<Ending> {
        let (exit_code, log): (_, &[_]) = match self {
            Self::Sent
            | Self::OldVersion
            | Self::LaggingVersion
            | Self::NeverBack
            | Self::Swapped => (
                0,
                &[
                    "Verified device",
                    "\rSent: 50%\rSent: 100%",
                    "Firmware sent to IoT",
                    "`apply_ota()` returned",
                ],
            ),
            Self::Refused => (0, &["", "Not verified device"]),
            Self::TransferFailed => (
                0,
                &[
                    "Verified device",
                    "\rSent: 50%",
                    "Max retry time exceeded, aborting.",
                    "Could not apply OTA",
                ],
            ),
            Self::Exit1 | Self::Exit1Once => (
                1,
                &[
                    "2026/11/28 12:00:02 Error performing POST request: error sending request: connection refused",
                ],
            ),
            Self::NeverEnds | Self::NoAddress => return None,
        };
        Some(Ending { exit_code, log })
    }

    /// Whether the device received the firmware, and so reboots.
    pub fn received(self) -> bool {
        self.verdict() == Some("Succeeded") && self != Self::Exit1Once
    }

    /// Verdict on the transfer that an operator has to reach, if it tries again; none while there is nothing to judge.
    pub fn verdict(self) -> Option<&'static str> {
        match self {
            Self::Sent
            | Self::Exit1Once
            | Self::OldVersion
            | Self::LaggingVersion
            | Self::NeverBack
            | Self::Swapped => Some("Succeeded"),
            Self::Refused | Self::TransferFailed | Self::Exit1 | Self::NeverEnds => Some("Failed"),
            Self::NoAddress => None,
        }
    }
}

/// A device that does not change: what Akri calls it changes with every discovery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// `HOST_ENDPOINT`.
    pub endpoint: String,
    /// How its flashes end.
    pub outcome: Outcome,
}

impl Device {
    /// Name of its Instance when it has been discovered `times` before.
    pub fn instance_name(&self, configuration: &str, times: u32) -> String {
        let digest = Sha256::digest(format!("{}#{times}", self.endpoint));
        format!("{configuration}-{}", hex::encode(&digest[..6]))
    }

    /// How its next flash ends, after `flashes` of them.
    pub fn outcome_after(&self, flashes: u32, healed_after: Option<u32>) -> Outcome {
        match healed_after {
            Some(healed) if flashes >= healed => Outcome::Sent,
            _ if flashes > 0 && self.outcome == Outcome::Exit1Once => Outcome::Sent,
            _ => self.outcome,
        }
    }
}

/// The devices of a fleet, in the order of their endpoints. Fails when the shares exceed the whole.
pub fn devices(params: &Params) -> Result<Vec<Device>, String> {
    let shares = [
        (Outcome::Refused, params.refused_share),
        (Outcome::TransferFailed, params.transfer_failed_share),
        (Outcome::Exit1, params.exit1_share),
        (Outcome::Exit1Once, params.exit1_once_share),
        (Outcome::NeverEnds, params.never_ends_share),
        (Outcome::OldVersion, params.old_version_share),
        (Outcome::LaggingVersion, params.lagging_version_share),
        (Outcome::NeverBack, params.never_back_share),
        (Outcome::Swapped, params.swapped_share),
        (Outcome::NoAddress, params.no_address_share),
    ];
    let mut outcomes = Vec::with_capacity(params.devices);
    for (outcome, share) in shares {
        if !(0.0..=1.0).contains(&share) {
            return Err(format!("share of {outcome:?} is {share}: expected 0 to 1"));
        }
        outcomes.extend(std::iter::repeat_n(outcome, part(params.devices, share)));
    }
    if outcomes.len() > params.devices {
        return Err(format!(
            "the shares add up to {} devices of {}: lower them",
            outcomes.len(),
            params.devices
        ));
    }
    outcomes.resize(params.devices, Outcome::Sent);
    outcomes.shuffle(&mut StdRng::seed_from_u64(params.seed));
    Ok(outcomes
        .into_iter()
        .enumerate()
        .map(|(index, outcome)| Device {
            endpoint: endpoint(params.endpoint_offset + index),
            outcome,
        })
        .collect())
}

/// The nearest whole number of devices.
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a fleet is smaller than 2^52 and a share is not negative"
)]
fn part(devices: usize, share: f64) -> usize {
    (devices as f64 * share).round() as usize
}

/// The address of the device of that index: 254 bare addresses, then the same with ports.
fn endpoint(index: usize) -> String {
    let (port, host) = (index / 254, index % 254 + 1);
    if port == 0 {
        format!("198.51.100.{host}")
    } else {
        format!("198.51.100.{host}:{}", 8000 + port)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn shares_are_exact_and_the_seed_decides_who() {
        let params = Params {
            devices: 200,
            refused_share: 0.04,
            exit1_share: 0.06,
            ..Params::default()
        };
        let fleet = devices(&params).unwrap();
        let of = |outcome| {
            fleet
                .iter()
                .filter(|device| device.outcome == outcome)
                .count()
        };
        assert_eq!(
            (of(Outcome::Refused), of(Outcome::Exit1), of(Outcome::Sent)),
            (8, 12, 180)
        );
        assert_eq!(fleet, devices(&params).unwrap());
        assert_ne!(fleet, devices(&Params { seed: 2, ..params }).unwrap());
    }

    #[test]
    fn shares_beyond_the_whole_are_refused() {
        let params = Params {
            refused_share: 0.6,
            exit1_share: 0.6,
            ..Params::default()
        };
        assert!(devices(&params).unwrap_err().contains("lower them"));
    }

    #[test]
    fn ten_thousand_devices_have_ten_thousand_endpoints_and_names() {
        let fleet = devices(&Params {
            devices: 10_000,
            ..Params::default()
        })
        .unwrap();
        let endpoints: HashSet<_> = fleet.iter().map(|device| &device.endpoint).collect();
        let names: HashSet<_> = fleet
            .iter()
            .map(|device| device.instance_name("c", 0))
            .collect();
        assert_eq!((endpoints.len(), names.len()), (10_000, 10_000));
    }
}
