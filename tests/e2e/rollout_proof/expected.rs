//! What the rules make of each device and of each step. Pure.

use serde_json::{Value, json};

use testbed::{Outcome, fleet::Report};

/// How a device ends under a job that retries once and fails what does not come back with its version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected {
    /// Attempts that it takes.
    pub attempts: usize,
    /// Reason of its end.
    pub reason: &'static str,
}

impl Expected {
    /// Whether it fails.
    pub fn failed(self) -> bool {
        self.reason != "Verified"
    }
}

/// How a device of this fate ends.
pub fn expected(outcome: Outcome) -> Expected {
    let (attempts, reason) = match outcome {
        Outcome::Sent | Outcome::LaggingVersion => (1, "Verified"),
        Outcome::Exit1Once => (2, "Verified"),
        // The same firmware would be refused, and arrive, again.
        Outcome::Refused => (1, "AttestationRefused"),
        Outcome::OldVersion => (1, "VersionMismatch"),
        Outcome::NeverBack | Outcome::Swapped => (1, "NotSeen"),
        Outcome::TransferFailed => (2, "TransferFailed"),
        Outcome::Exit1 => (2, "ContactFailed"),
        Outcome::NeverEnds => (2, "DeadlineExceeded"),
        Outcome::NoAddress => unreachable!("it neither ends nor fails"),
    };
    Expected { attempts, reason }
}

/// A step and what is to come of it.
#[derive(Debug, Clone)]
pub struct Rung {
    /// Number of the step, from 1.
    pub number: usize,
    /// Devices of this step and those before.
    pub end: usize,
    /// Devices of its own.
    pub own: Vec<Report>,
    /// Whether somebody has to approve it.
    pub approval: bool,
    size: Value,
}

impl Rung {
    /// The steps 1, 10 %, 50 % and 100 % of these devices.
    pub fn all(devices: &[Report]) -> Vec<Self> {
        let all = devices.len();
        let percent = |share: usize| (all * share).div_ceil(100);
        let sizes = [
            (1, json!(1)),
            (percent(10), json!("10%")),
            (percent(50), json!("50%")),
            (all, json!("100%")),
        ];
        let mut from = 0;
        let mut rungs = Vec::new();
        for (end, size) in sizes {
            let own = devices[from..end].to_vec();
            rungs.push(Self {
                number: rungs.len() + 1,
                end,
                own,
                approval: rungs.is_empty(),
                size,
            });
            from = end;
        }
        rungs
    }

    /// `ROUND.STEP`, in the first round.
    pub fn id(&self) -> String {
        format!("1.{}", self.number)
    }

    /// The step as a job asks for it: it allows as many failures as there will be, and no more.
    pub fn spec(&self) -> Value {
        json!({
            "devices": self.size, "maxFailedDevices": failing(&self.own), "requireApproval": self.approval,
            "soakSeconds": if self.number <= 2 { 2 } else { 0 },
        })
    }
}

fn failing(devices: &[Report]) -> usize {
    let failing = devices
        .iter()
        .filter(|device| expected(device.outcome).failed());
    failing.count()
}
