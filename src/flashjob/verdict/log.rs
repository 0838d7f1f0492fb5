//! The log of a flash pod: what it says of the flash, and its end. Pure, linear in the log's length; called by `judge`.

use super::{
    environment::{Line, Reader},
    markers::{Markers, Sign},
};
use crate::display;

/// Longest end of the log that is kept, in bytes.
const MAX_TAIL: usize = 1024;

/// What a log says.
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

/// What a whole log says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Said {
    /// Its last decisive marker.
    pub(super) last: Option<Finding>,
    /// The firmware may have been sent at some time, whatever the log says before or after.
    pub(super) maybe_sent: bool,
}

/// Reads a log. The image prints what it was given before it begins: what stands before such a line is not of the flash.
pub(super) fn read(log: &str, markers: &Markers) -> Said {
    let (mut reader, mut verified, mut said) = (Reader::default(), false, Said::default());
    for line in log.lines() {
        let words = match reader.read(line) {
            Line::Said(words) => words,
            Line::Given => {
                (verified, said.last) = (false, None);
                continue;
            }
        };
        match markers.sign(words) {
            Some(Sign::Verified) => verified = true,
            Some(Sign::Sent) if verified => {
                said.last = Some(Finding::Sent);
                said.maybe_sent = true;
            }
            Some(Sign::Failed(finding)) => {
                verified = false;
                said.last = Some(finding);
            }
            Some(Sign::Sent) | None => {}
        }
    }
    said
}

/// The end of the log that goes into the status.
#[must_use]
pub(super) fn tail(log: &str) -> String {
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
