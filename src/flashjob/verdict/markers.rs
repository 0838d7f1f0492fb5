//! What the flash image writes in which situation, and where these words count: in the log, and never in a value. Pure.
//!
//! Called by `log` for each line of a log, and before a flash for every text that the flash image would print.

use serde::{Deserialize, Serialize};

use super::log::Finding;
use crate::api::VerdictMarkers;

/// Stands for any text at the beginning or at the end of a marker of success.
const ANY: char = '*';

/// What the flash image writes in which situation. Matching is exact; an empty marker matches nothing.
///
/// What proves success (`verified`, `sent`) is a whole line: nothing may stand before it but the date of Go's logger and the
/// agent's stream, nothing behind it. An image that writes more on such a line is told of by a `*` at the beginning or the end of
/// the marker. What proves failure may stand anywhere in a line, as whole words: images add addresses and causes to it.
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

/// What a marker stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    Verified,
    Sent,
    Failed(Finding),
}

impl Markers {
    /// What a line of the log says, without date and surrounding blanks. What it says first counts, for what comes behind it may
    /// quote others; of markers that begin at the same place the longest counts, and of equal ones the failure.
    pub(super) fn sign(&self, line: &str) -> Option<Sign> {
        let failures = self.failures().into_iter().flat_map(|(markers, finding)| {
            let found = markers.iter().filter_map(move |marker| {
                let at = find(line, marker)?;
                Some((at, marker.len(), Sign::Failed(finding)))
            });
            found.collect::<Vec<_>>()
        });
        let whole = |markers: &[String], sign| {
            let is_said = markers.iter().any(|marker| is_whole(line, marker));
            is_said.then_some((0, line.len(), sign))
        };
        failures
            .chain(whole(&self.verified, Sign::Verified))
            .chain(whole(&self.sent, Sign::Sent))
            .min_by_key(|(at, length, _)| (*at, std::cmp::Reverse(*length)))
            .map(|(_, _, sign)| sign)
    }

    /// A marker that stands in this text, if any: a flash image prints the values that it is given, and they must not pass for
    /// what happened.
    #[must_use]
    pub fn contained_in(&self, text: &str) -> Option<&str> {
        let failures = self.failures();
        let lists = [&self.verified, &self.sent];
        let all = lists
            .into_iter()
            .chain(failures.iter().map(|(markers, _)| *markers));
        all.flatten()
            .map(|marker| marker.trim_matches(ANY).trim())
            .find(|marker| find(text, marker).is_some())
    }

    const fn failures(&self) -> [(&Vec<String>, Finding); 5] {
        [
            (&self.refused, Finding::Refused),
            (&self.transfer_failed, Finding::TransferFailed),
            (&self.firmware_not_found, Finding::FirmwareNotFound),
            (&self.contact_failed, Finding::ContactFailed),
            (&self.agent_failed, Finding::AgentFailed),
        ]
    }
}

/// Whether the line is the marker and nothing else, but for what its asterisks stand for.
fn is_whole(line: &str, marker: &str) -> bool {
    let word = marker.trim_matches(ANY).trim();
    if word.is_empty() {
        return false;
    }
    match (marker.starts_with(ANY), marker.ends_with(ANY)) {
        (false, false) => line == word,
        (true, false) => line.ends_with(word),
        (false, true) => line.starts_with(word),
        (true, true) => line.contains(word),
    }
}

/// Where the marker first stands in the text as whole words.
fn find(text: &str, marker: &str) -> Option<usize> {
    if marker.is_empty() {
        return None;
    }
    let is_free = |(at, found): &(usize, &str)| {
        let before = text[..*at].chars().next_back();
        let behind = text[at + found.len()..].chars().next();
        let joins = |outer: Option<char>, inner: Option<char>| {
            outer.is_some_and(char::is_alphanumeric) && inner.is_some_and(char::is_alphanumeric)
        };
        !joins(before, found.chars().next()) && !joins(behind, found.chars().next_back())
    };
    text.match_indices(marker).find(is_free).map(|(at, _)| at)
}
