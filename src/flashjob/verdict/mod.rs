//! What an ended flash Pod achieved, read off its state and its log: its exit code alone proves nothing. Pure.
//!
//! Called by `act` once for each ended flash container. The last decisive marker in the log wins, but a log alone is never
//! success: the container has to have ended by itself and well. Where it did not, what was sent may still have been sent.

mod environment;
mod log;
mod markers;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

pub use self::{log::Finding, markers::Markers};
use crate::{api::Reason, display};

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

impl Verdict {
    /// The verdict with the loss of its address in the message, if it lost it: a device that cannot dial in has not failed by itself.
    #[must_use]
    pub fn after(mut self, cause: Option<(Reason, String)>) -> Self {
        if let Some((Reason::AddressLost, what)) = cause
            && self.outcome != Outcome::Succeeded
        {
            self.message = format!("{what}; {}", self.message);
        }
        self
    }
}

/// An ended flash container and its Pod, as far as a verdict needs them.
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
    /// The flash container ended before `activeDeadlineSeconds` were over; none where the kubelet did not report it.
    pub in_time: Option<bool>,
    /// The log, or why it could not be read.
    pub log: Result<&'a str, &'a str>,
}

/// Judges an ended flash container.
#[must_use]
pub fn judge(ended: &Ended<'_>, markers: &Markers) -> Verdict {
    let said = ended
        .log
        .map_or_else(|_| log::Said::default(), |log| log::read(log, markers));
    let (outcome, reason, message) = sent(ended, said.last)
        .or_else(|| stopped(ended, said.last))
        .or_else(|| said.last.map(|finding| failed(ended, finding)))
        .unwrap_or_else(|| unexplained(ended));
    // What failed after the firmware was sent says nothing of the device: it may run the firmware by now.
    let outcome = match outcome {
        Outcome::Failed if said.maybe_sent => Outcome::Unknown,
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

impl Ended<'_> {
    /// Whether the flash container ended by itself and without an error: what its log says can be true.
    fn ended_well(&self) -> bool {
        let by_itself = match self.pod_reason.unwrap_or_default() {
            "" => !self.is_late(),
            // The Pod outlived it: a sidecar ran on until the deadline.
            "DeadlineExceeded" => self.in_time == Some(true),
            _ => false,
        };
        let well = match self.exit_code {
            Some(code) => code == 0,
            // The kubelet says so where every container ended with 0.
            None => self.phase == "Succeeded" && !self.deleted,
        };
        let known = !matches!(
            self.container_reason,
            Some("OOMKilled" | "ContainerStatusUnknown")
        );
        by_itself && well && known
    }

    /// Whether it was ended by the deadline, which the Pod says only when all of its containers have ended.
    fn is_late(&self) -> bool {
        self.in_time == Some(false) && !matches!(self.phase, "Succeeded" | "Failed")
    }
}

/// The log ends with the firmware sent, and the container ended as one that has sent it.
fn sent(ended: &Ended<'_>, finding: Option<Finding>) -> Option<Words> {
    (finding == Some(Finding::Sent) && ended.ended_well()).then(|| {
        let message = "the firmware was sent".to_owned();
        (Outcome::Succeeded, Reason::FirmwareSent, message)
    })
}

/// The container did not end by itself.
fn stopped(ended: &Ended<'_>, finding: Option<Finding>) -> Option<Words> {
    // Without a log it may have sent the firmware before it was stopped.
    let outcome = if ended.log.is_ok() {
        Outcome::Failed
    } else {
        Outcome::Unknown
    };
    let word = |finding| match finding {
        Finding::Sent => "the firmware was sent".to_owned(),
        other => failed(ended, other).2,
    };
    let said = finding.map_or_else(String::new, |finding| {
        format!("; the log's last word: {}", word(finding))
    });
    let quote = quoted(ended.pod_message);
    let word = match ended.pod_reason.unwrap_or_default() {
        "" if ended.is_late() => "DeadlineExceeded",
        word => word,
    };
    match word {
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
        "Evicted" | "Preempting" | "Preempted" | "NodeShutdown" | "Shutdown" | "Terminated" => {
            Some((
                outcome,
                Reason::Evicted,
                format!(
                    "the node stopped the Pod ({word}){quote}{said}; check the device's VERSION, then flash it again"
                ),
            ))
        }
        // A container that ended with 0 ended by itself, whoever deleted the Pod later.
        _ if ended.deleted && !(ended.exit_code == Some(0) && finding.is_some()) => Some((
            Outcome::Unknown,
            Reason::Interrupted,
            format!(
                "the Pod was deleted before its flash had ended{said}; check the device's VERSION, it may be half-written, \
                 then flash it again"
            ),
        )),
        _ => None,
    }
}

/// The container ended by itself and its log says why.
fn failed(ended: &Ended<'_>, finding: Finding) -> Words {
    let (reason, message) = match finding {
        Finding::Sent => {
            let how = match ended.exit_code {
                Some(code) if code != 0 => exit_words(ended, code),
                _ => {
                    let why = quoted(ended.pod_reason.or(ended.container_reason));
                    format!("{}{why}", end_words(ended))
                }
            };
            let message = format!(
                "the log says that the firmware was sent, but {how}; compare the device's VERSION before flashing it again"
            );
            return (Outcome::Failed, Reason::FlashFailed, message);
        }
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
            "{} and its log could not be read: {why}",
            end_words(ended)
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
                "{}{quote} and its log does not say whether the firmware was sent",
                end_words(ended)
            ))
        }
    }
}

/// What has ended: the Pod, or in it the flash container alone.
fn end_words(ended: &Ended<'_>) -> String {
    if matches!(ended.phase, "Succeeded" | "Failed") {
        format!("the Pod ended ({})", ended.phase)
    } else {
        "the flash container ended".to_owned()
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
