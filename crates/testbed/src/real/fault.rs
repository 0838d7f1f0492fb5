//! Faults of devices, and what a job has to say of each.

use serde_json::{Value, json};

use super::site::Site;
use crate::job::Seen;

/// A fault, and what comes of it.
#[derive(Clone, Copy)]
pub struct Fault {
    /// Its name for `sim-device`; a `stranger` is a device that the attestation service does not know.
    pub name: &'static str,
    phase: &'static str,
    reason: &'static str,
    /// Whether the device has the firmware in its memory then.
    keeps: bool,
}

const fn fault(
    name: &'static str,
    phase: &'static str,
    reason: &'static str,
    keeps: bool,
) -> Fault {
    Fault {
        name,
        phase,
        reason,
        keeps,
    }
}

/// All there are. The first two are not to blame for anything.
pub const FAULTS: [Fault; 12] = [
    fault("none", "Succeeded", "Verified", true),
    fault("slow:400000", "Succeeded", "Verified", true),
    fault("cut:0", "Failed", "TransferFailed", false),
    fault("cut:600000", "Failed", "TransferFailed", false),
    fault("mute", "Failed", "TransferFailed", false),
    fault("garbage", "Failed", "AgentFailed", false),
    fault("stranger", "Failed", "AttestationRefused", false),
    fault("dumb", "Failed", "DeadlineExceeded", false),
    fault("other-pin", "Failed", "DeadlineExceeded", false),
    fault("old-version", "Failed", "VersionMismatch", true),
    fault("swapped", "Failed", "NotSeen", true),
    // Nothing but the device's own word says which version it runs.
    fault("lying", "Succeeded", "Verified", false),
];

/// Fifty devices, of which every fifth has a fault.
pub fn fifty() -> Vec<Fault> {
    let of = |index: usize| match index % 5 {
        4 => FAULTS[2 + index / 5 % (FAULTS.len() - 2)],
        _ => FAULTS[0],
    };
    (0..50).map(of).collect()
}

/// Ten in flight, read back, with a deadline that devices which never dial in soon reach.
pub fn ten_at_a_time() -> Value {
    json!({
        "parallelism": 10, "activeDeadlineSecondsPerDevice": 45,
        "verification": {"mode": "Version", "timeoutSeconds": 30},
    })
}

impl Site {
    /// Asserts that the job says of each device what its fault leads to, and that the device's own memory agrees.
    pub fn assert_judged(&self, faults: &[Fault], done: &Seen, uuids: &[String]) {
        let all = std::iter::zip(faults, std::iter::zip(uuids, &self.boards));
        let (wanted, found): (Vec<_>, Vec<_>) = all
            .map(|(fault, (uuid, board))| {
                let device = done.device(uuid);
                let proof = board.proof().unwrap();
                let memory = fault.keeps.then(|| self.world.hash.clone());
                let said = [&device["phase"], &device["reason"]];
                let seen = [&proof["memory"], &proof["updates"], &proof["overlaps"]];
                let name = fault.name;
                let wanted = [fault.phase, fault.reason];
                (
                    json!([name, wanted, [json!(memory), json!(1), json!(0)]]),
                    json!([name, said, seen]),
                )
            })
            .unzip();
        assert_eq!(wanted, found, "{}", self.space.dump());
    }

    /// Asserts that the job calls those devices flashed that have the firmware in their memory, whatever happened to their Pods, and
    /// that none was told to update twice. Of a device that lies, that comes back with the version it had, or that another one answers
    /// for since, nothing but its own word says what it runs.
    pub fn assert_proved(&self, faults: &[Fault], done: &Seen, uuids: &[String]) {
        let all = std::iter::zip(faults, std::iter::zip(uuids, &self.boards));
        let wrong: Vec<_> = all
            .filter_map(|(fault, (uuid, board))| {
                let (device, proof) = (done.device(uuid), board.proof().unwrap());
                let is_flashed = proof["memory"] == json!(self.world.hash);
                let is_told = device["phase"] == "Succeeded";
                let once = proof["updates"].as_u64() <= Some(1) && proof["overlaps"] == 0;
                let agrees = match fault.name {
                    "lying" | "old-version" | "swapped" => true,
                    _ => is_flashed == is_told && (is_told || device["phase"] == "Failed"),
                };
                (!agrees || !once).then(|| format!("{}: {device}\n{proof}", fault.name))
            })
            .collect();
        assert!(
            wrong.is_empty(),
            "{}\n{}",
            wrong.join("\n"),
            self.space.dump()
        );
    }
}
