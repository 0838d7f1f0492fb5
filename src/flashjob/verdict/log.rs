//! The log of a flash pod: its last decisive marker and its end. Pure, linear in the log's length; called by `judge`.

use serde::{Deserialize, Serialize};

use crate::{api::VerdictMarkers, display};

/// Longest end of the log that is kept, in bytes.
const MAX_TAIL: usize = 1024;

/// What the flash image writes in which situation. Matching is exact; an empty marker matches nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Markers {
    /// The device's attestation was accepted.
    pub verified: Vec<String>,
    /// The firmware was sent. Counts only after `verified`.
    pub sent: Vec<String>,
    /// The device's attestation was refused.
    pub refused: Vec<String>,
    /// The transfer broke off.
    pub transfer_failed: Vec<String>,
    /// The firmware could not be pulled.
    pub firmware_not_found: Vec<String>,
    /// The device could not be told to update.
    pub contact_failed: Vec<String>,
    /// The OTA agent crashed.
    pub agent_failed: Vec<String>,
}

impl Default for Markers {
    fn default() -> Self {
        let list = |markers: &[&str]| markers.iter().map(ToString::to_string).collect();
        Self {
            verified: list(&["Verified device"]),
            sent: list(&["Firmware sent to IoT"]),
            refused: list(&["Not verified device"]),
            transfer_failed: list(&[
                "Could not apply OTA",
                "Failed to read from client",
                "Timeout reached before receiving enough data",
                "Max retry time exceeded",
            ]),
            firmware_not_found: list(&["firmware not found in"]),
            contact_failed: list(&["Error performing POST request"]),
            agent_failed: list(&["Error waiting for ota-agent"]),
        }
    }
}

impl Markers {
    /// These words, except where a class has its own.
    #[must_use]
    pub fn with(&self, class: &VerdictMarkers) -> Self {
        let pick = |own: &Vec<String>, words: &Vec<String>| {
            if words.is_empty() { own } else { words }.clone()
        };
        Self {
            verified: pick(&self.verified, &class.verified),
            sent: pick(&self.sent, &class.sent),
            refused: pick(&self.refused, &class.refused),
            transfer_failed: pick(&self.transfer_failed, &class.transfer_failed),
            firmware_not_found: pick(&self.firmware_not_found, &class.firmware_not_found),
            contact_failed: pick(&self.contact_failed, &class.contact_failed),
            agent_failed: pick(&self.agent_failed, &class.agent_failed),
        }
    }
}

/// What a log says last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The device was verified, then the firmware was sent.
    Sent,
    /// The attestation was refused.
    Refused,
    /// The transfer broke off.
    TransferFailed,
    /// The firmware could not be pulled.
    FirmwareNotFound,
    /// The device could not be told to update.
    ContactFailed,
    /// The OTA agent crashed.
    AgentFailed,
}

/// What a marker stands for.
#[derive(Clone, Copy)]
enum Sign {
    Verified,
    Sent,
    Decisive(Finding),
}

/// The last decisive marker of the log.
#[must_use]
pub fn last_finding(log: &str, markers: &Markers) -> Option<Finding> {
    findings(log, markers).pop()
}

/// Whether the firmware was sent at some time, whatever the log says later.
#[must_use]
pub fn was_sent(log: &str, markers: &Markers) -> bool {
    findings(log, markers).contains(&Finding::Sent)
}

/// The decisive markers of the log, in their order.
fn findings(log: &str, markers: &Markers) -> Vec<Finding> {
    let mut verified = false;
    let mut findings = Vec::new();
    for sign in log
        .lines()
        .filter(|line| !is_environment(line))
        .flat_map(|line| signs(line, markers))
    {
        match sign {
            Sign::Verified => verified = true,
            Sign::Sent if verified => findings.push(Finding::Sent),
            Sign::Sent => {}
            Sign::Decisive(other) => {
                verified = false;
                findings.push(other);
            }
        }
    }
    findings
}

/// The end of the log that goes into the status.
#[must_use]
pub fn tail(log: &str) -> String {
    let log = log.trim_end();
    let mut start = log.len().saturating_sub(MAX_TAIL);
    while !log.is_char_boundary(start) {
        start += 1;
    }
    let kept = log[start..].replace('\t', " ");
    kept.chars()
        .filter(|letter| *letter == '\n' || !display::is_hidden(*letter))
        .collect::<String>()
        .trim()
        .to_owned()
}

/// The image prints its environment first: what a user wrote into a value is no marker.
fn is_environment(line: &str) -> bool {
    line.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
    })
}

/// The markers of a line in their order. Of markers that overlap the one that begins first counts, of those the longest.
fn signs(line: &str, markers: &Markers) -> Vec<Sign> {
    let lists = [
        (&markers.verified, Sign::Verified),
        (&markers.sent, Sign::Sent),
        (&markers.refused, Sign::Decisive(Finding::Refused)),
        (
            &markers.transfer_failed,
            Sign::Decisive(Finding::TransferFailed),
        ),
        (
            &markers.firmware_not_found,
            Sign::Decisive(Finding::FirmwareNotFound),
        ),
        (
            &markers.contact_failed,
            Sign::Decisive(Finding::ContactFailed),
        ),
        (&markers.agent_failed, Sign::Decisive(Finding::AgentFailed)),
    ];
    let mut hits: Vec<(usize, usize, Sign)> = Vec::new();
    for (list, sign) in lists {
        for marker in list.iter().filter(|marker| !marker.is_empty()) {
            hits.extend(
                line.match_indices(marker.as_str())
                    .map(|(at, _)| (at, at + marker.len(), sign)),
            );
        }
    }
    hits.sort_by_key(|(start, end, _)| (*start, std::cmp::Reverse(*end)));
    let mut free = 0;
    hits.retain(|(start, end, _)| {
        let kept = *start >= free;
        if kept {
            free = *end;
        }
        kept
    });
    hits.into_iter().map(|(_, _, sign)| sign).collect()
}
