//! What an ended flash Pod achieved, read off its state and its log: its exit code alone proves nothing. Pure.
//!
//! Called by `act` once for each ended Pod. The last decisive marker in the log wins, and what was sent stays sent.

mod log;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use self::log::Finding;
use crate::{api::Reason, display};

pub use self::log::Markers;

/// Exit codes of SIGKILL and SIGTERM: somebody ended the container.
const KILLED: [i32; 2] = [137, 143];

/// How an attempt, or a device that was not begun, ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The firmware was sent.
    Succeeded,
    /// No flash was needed.
    Skipped,
    /// The firmware was not sent.
    Failed,
    /// Nobody can tell: the firmware may have been sent, or half of it.
    Unknown,
}

/// An outcome and what to say of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// How it ended.
    pub outcome: Outcome,
    /// Why, in one word.
    pub reason: Reason,
    /// What happened and what to do next.
    pub message: String,
    /// End of the log: at most 1 KiB, without control characters except line feeds.
    pub log_tail: String,
}

/// An ended Pod, as far as a verdict needs it.
#[derive(Clone, Copy, Debug)]
pub struct Ended<'a> {
    /// Exit code of the flash container; none where the kubelet did not report it.
    pub exit_code: Option<i32>,
    /// Reason of the container's end, such as OOMKilled.
    pub container_reason: Option<&'a str>,
    /// Phase of the Pod.
    pub phase: &'a str,
    /// `status.reason` of the Pod, such as Evicted.
    pub pod_reason: Option<&'a str>,
    /// `status.message` of the Pod.
    pub pod_message: Option<&'a str>,
    /// Its deletion was asked for: somebody stopped it.
    pub deleted: bool,
    /// The log, or why it could not be read.
    pub log: Result<&'a str, &'a str>,
}

/// Judges an ended Pod.
#[must_use]
pub fn judge(ended: &Ended<'_>, markers: &Markers) -> Verdict {
    let finding = ended
        .log
        .ok()
        .and_then(|log| log::last_finding(log, markers));
    let (outcome, reason, message) = sent(ended, finding)
        .or_else(|| stopped(ended, finding))
        .or_else(|| finding.map(failed))
        .unwrap_or_else(|| unexplained(ended));
    // What failed after the firmware was sent says nothing of the device: it may run the firmware by now.
    let sent = ended.log.is_ok_and(|log| log::was_sent(log, markers));
    let outcome = match outcome {
        Outcome::Failed if sent => Outcome::Unknown,
        other => other,
    };
    Verdict {
        outcome,
        reason,
        message,
        log_tail: ended.log.map(log::tail).unwrap_or_default(),
    }
}

type Words = (Outcome, Reason, String);

/// The log ends with the firmware sent, and the container did not fail by itself afterwards.
fn sent(ended: &Ended<'_>, finding: Option<Finding>) -> Option<Words> {
    if finding != Some(Finding::Sent) {
        return None;
    }
    let ended_from_outside = ended.deleted || ended.pod_reason.is_some();
    let message = match ended.exit_code {
        None | Some(0) => "the firmware was sent".to_owned(),
        Some(code) if ended_from_outside || KILLED.contains(&code) => {
            "the firmware was sent; the Pod was stopped afterwards".to_owned()
        }
        Some(code) => {
            let message = format!(
                "the log says that the firmware was sent, but {}; compare the device's VERSION before flashing it again",
                exit_words(ended, code)
            );
            return Some((Outcome::Failed, Reason::FlashFailed, message));
        }
    };
    Some((Outcome::Succeeded, Reason::FirmwareSent, message))
}

/// The container did not end by itself.
fn stopped(ended: &Ended<'_>, finding: Option<Finding>) -> Option<Words> {
    // Without a log it may have sent the firmware before it was stopped.
    let outcome = if ended.log.is_ok() {
        Outcome::Failed
    } else {
        Outcome::Unknown
    };
    let said = finding.map_or_else(String::new, |finding| {
        format!("; the log's last word: {}", failed(finding).2)
    });
    let quote = quoted(ended.pod_message);
    match ended.pod_reason.unwrap_or_default() {
        "DeadlineExceeded" => Some((
            outcome,
            Reason::DeadlineExceeded,
            format!(
                "the flash did not end in time{quote}{said}; check that the device reaches the Service's address on port 4433, \
                 or raise activeDeadlineSecondsPerDevice"
            ),
        )),
        "NodeLost" => Some((
            Outcome::Unknown,
            Reason::NodeLost,
            format!(
                "the node was lost with the Pod{quote}; check the device's VERSION before flashing it again"
            ),
        )),
        word @ ("Evicted" | "Preempting" | "Preempted" | "NodeShutdown" | "Shutdown"
        | "Terminated") => Some((
            outcome,
            Reason::Evicted,
            format!(
                "the node stopped the Pod ({word}){quote}{said}; check the device's VERSION, then flash it again"
            ),
        )),
        // A container that ended with 0 ended by itself, whoever deleted the Pod later.
        _ if ended.deleted && !(ended.exit_code == Some(0) && finding.is_some()) => Some((
            Outcome::Unknown,
            Reason::Interrupted,
            format!(
                "the Pod was deleted before the firmware was sent{said}; check the device's VERSION, it may be half-written, \
                 then flash it again"
            ),
        )),
        _ => None,
    }
}

/// The container ended by itself and its log says why.
fn failed(finding: Finding) -> Words {
    let (reason, message) = match finding {
        // Never reached by `judge`: `sent` takes every log that ends so.
        Finding::Sent => (Reason::FlashFailed, "the firmware was sent"),
        Finding::Refused => (
            Reason::AttestationRefused,
            "the device's attestation was refused; register the device with dice-auth-service",
        ),
        Finding::TransferFailed => (
            Reason::TransferFailed,
            "the transfer broke off; check the network between device and load balancer, then flash it again",
        ),
        Finding::FirmwareNotFound => (
            Reason::FirmwareNotFound,
            "the firmware could not be pulled; check spec.firmware, that it holds the platform custom/<DEVICE>, and the \
             registry's credentials",
        ),
        Finding::ContactFailed => (
            Reason::ContactFailed,
            "the device could not be told to update; check that the Pod reaches http://<HOST_ENDPOINT>/update",
        ),
        Finding::AgentFailed => (
            Reason::AgentFailed,
            "the OTA agent in the flash pod failed; see the end of the log",
        ),
    };
    (Outcome::Failed, reason, message.to_owned())
}

/// No marker decides.
fn unexplained(ended: &Ended<'_>) -> Words {
    let unknown = |what: String| {
        let message = format!("{what}; check the device's VERSION before flashing it again");
        (Outcome::Unknown, Reason::VerdictUnknown, message)
    };
    if let Err(why) = ended.log {
        let why = shortened(why);
        return unknown(format!(
            "the Pod ended ({}) and its log could not be read: {why}",
            ended.phase
        ));
    }
    match ended.exit_code {
        // The kubelet makes an exit code up where it lost sight of the container.
        Some(code) if code != 0 && ended.container_reason != Some("ContainerStatusUnknown") => {
            let message = format!(
                "{}, and its log does not say why; see the end of the log",
                exit_words(ended, code)
            );
            (Outcome::Failed, Reason::FlashFailed, message)
        }
        _ => {
            let quote = quoted(ended.pod_message.or(ended.pod_reason));
            unknown(format!(
                "the Pod ended ({}){quote} and its log does not say whether the firmware was sent",
                ended.phase
            ))
        }
    }
}

fn exit_words(ended: &Ended<'_>, code: i32) -> String {
    match ended.container_reason {
        Some(reason) if !matches!(reason, "" | "Error" | "Completed") => {
            format!(
                "the flash container ended with exit code {code} ({})",
                shortened(reason)
            )
        }
        _ => format!("the flash container ended with exit code {code}"),
    }
}

/// `: text`, or nothing.
fn quoted(text: Option<&str>) -> String {
    text.filter(|text| !text.is_empty())
        .map_or_else(String::new, |text| format!(": {}", shortened(text)))
}

fn shortened(text: &str) -> Cow<'_, str> {
    display::prose(text, display::PHRASE)
}
