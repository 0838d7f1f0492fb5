//! What a device that was flashed says of itself when Akri finds it again, and what that makes of its flash. Pure.
//!
//! A device comes back with another uid at the same endpoint. What Akri showed before the flash ended proves nothing; a VERSION
//! may lag behind the device, and may be empty between two probes. So the expected version is believed at once, anything else
//! only when the time is over. Called by `plan` for every device whose version is being read back.

use std::borrow::Cow;

use jiff::Timestamp;

use crate::flashjob::verdict::Outcome;
use crate::{
    api::{Reason, VerificationMode},
    device::Device,
    display,
};

/// A device as it was flashed.
#[derive(Clone, Copy, Debug)]
pub struct Flashed<'a> {
    /// `VERSION` before the flash, where it was known.
    pub from: Option<&'a str>,
    /// `DEVICE` before the flash, where it was known: no firmware changes it.
    pub device_type: Option<&'a str>,
    /// When the flash ended.
    pub ended: Timestamp,
    /// Version that it has to report; none where any will do.
    pub expected: Option<&'a str>,
    /// Until when it is waited for.
    pub until: Timestamp,
}

/// What Akri shows at the device's endpoint now.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    /// The newest Instance there.
    pub device: &'a Device,
    /// When it was found, where that is known: by the operator's clock, or by that of the API server where it was there when
    /// this operator began to lead.
    pub found: Option<Timestamp>,
    /// The frozen selection knows its uid as that of a device at another endpoint: two devices swapped their addresses.
    pub of_another: bool,
}

/// What was read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadBack {
    /// Nothing that decides, yet.
    Awaited,
    /// It came back with the expected version.
    Expected(String),
    /// The time is over and it reports another version.
    Other(String),
    /// The time is over and nothing is known of it since the flash, for this reason.
    NotSeen(String),
}

/// Reads a device back.
#[must_use]
pub fn read_back(flashed: &Flashed<'_>, shown: Option<Shown<'_>>, now: Timestamp) -> ReadBack {
    let seen = evidence(flashed, shown);
    if let Ok(version) = seen
        && flashed.expected.is_none_or(|expected| expected == version)
    {
        return ReadBack::Expected(version.to_owned());
    }
    if now < flashed.until {
        return ReadBack::Awaited;
    }
    match seen {
        Ok(version) => ReadBack::Other(version.to_owned()),
        Err(why) => ReadBack::NotSeen(why.to_owned()),
    }
}

/// The version that the device reports since its flash, or why the Instance that Akri shows proves none.
fn evidence<'a>(flashed: &Flashed<'_>, shown: Option<Shown<'a>>) -> Result<&'a str, &'static str> {
    let Some(Shown {
        device,
        found,
        of_another,
    }) = shown
    else {
        return Err("no Akri Instance stands for its endpoint");
    };
    let another_type = flashed
        .device_type
        .is_some_and(|before| *before != *device.device_type);
    if of_another || another_type {
        return Err("another device now stands at its endpoint");
    }
    let Some(version) = device.version.as_deref() else {
        return Err("its Akri Instance reports no VERSION");
    };
    let newer = found.is_some_and(|at| at >= flashed.ended);
    let changed = flashed.from.is_some_and(|before| before != version);
    if newer || changed {
        Ok(version)
    } else {
        Err("its Akri Instance is from before the end of the flash and unchanged")
    }
}

/// What is known of the transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transfer {
    /// The firmware was sent.
    Sent,
    /// Nobody can tell, for this reason.
    Unknown(Reason),
}

/// What a read-back makes of a flash.
#[derive(Clone, Debug, PartialEq)]
pub struct Conclusion {
    /// How it ended.
    pub outcome: Outcome,
    /// Why, in one word.
    pub reason: Reason,
    /// Why, in words.
    pub message: String,
    /// The version that was read back.
    pub version: Option<String>,
    /// The device is as it was before: the flash did not happen, and another attempt does no harm.
    pub untouched: bool,
}

/// Concludes from what was read back; none while it is awaited.
#[must_use]
pub fn conclude(
    mode: VerificationMode,
    transfer: Transfer,
    flashed: &Flashed<'_>,
    read: ReadBack,
) -> Option<Conclusion> {
    let expected = flashed.expected.unwrap_or("any version");
    let (reason, message, version) = match read {
        ReadBack::Awaited => return None,
        ReadBack::Expected(version) => {
            let message = format!("the device came back with version {}", shown(&version));
            (Reason::Verified, message, Some(version))
        }
        ReadBack::Other(version) => {
            let message = format!(
                "the device came back with version {} instead of {expected}",
                shown(&version)
            );
            (Reason::VersionMismatch, message, Some(version))
        }
        ReadBack::NotSeen(why) => {
            let message = format!("nothing was heard of the device since its flash: {why}");
            (Reason::NotSeen, message, None)
        }
    };
    let as_before = version.is_some() && version.as_deref() == flashed.from;
    let conclusion = Conclusion {
        outcome: Outcome::Succeeded,
        reason,
        message,
        version,
        untouched: false,
    };
    Some(match transfer {
        Transfer::Sent => sent(mode, conclusion),
        Transfer::Unknown(cause) => unknown(cause, as_before, conclusion),
    })
}

/// A version as the device reports it.
fn shown(version: &str) -> Cow<'_, str> {
    display::line(version, display::NAME)
}

/// The transfer succeeded: only the mode Version lets a device fail for what is read back.
fn sent(mode: VerificationMode, conclusion: Conclusion) -> Conclusion {
    let fails = mode == VerificationMode::Version && conclusion.reason != Reason::Verified;
    if !fails {
        return conclusion;
    }
    let message = format!(
        "{}; look at the device before flashing it again",
        conclusion.message
    );
    Conclusion {
        outcome: Outcome::Failed,
        message,
        ..conclusion
    }
}

/// Nobody could tell how the transfer ended: only a version that the device did not have before proves that it succeeded.
fn unknown(cause: Reason, as_before: bool, conclusion: Conclusion) -> Conclusion {
    if conclusion.reason == Reason::Verified && !as_before {
        return conclusion;
    }
    Conclusion {
        outcome: Outcome::Unknown,
        reason: cause,
        untouched: as_before,
        ..conclusion
    }
}

#[cfg(test)]
#[path = "verification_tests.rs"]
mod tests;
