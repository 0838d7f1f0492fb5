//! What helm's error text means: one reason to act upon, and a message for people.
//!
//! Pure. Helm has no error codes, so the words of Helm 3 and 4 and of the API server are matched, the most specific first.

use std::fmt;
use std::io;

use super::process::{Ended, Finished};
use helm_chart::text;

/// Longest message kept.
const MAX_MESSAGE: usize = 1024;
/// What helm puts before the cause.
const PREFIXES: [&str; 5] = [
    "Error: ",
    "UPGRADE FAILED: ",
    "INSTALLATION FAILED: ",
    "failed to create resource: ",
    "1 error occurred:",
];

/// Words, in lower case, and what they mean; the first that fits counts.
const RULES: [(Reason, &[&str]); 11] = [
    (
        Reason::SchemaViolation,
        &["don't meet the specifications of the schema"],
    ),
    (
        Reason::InProgress,
        &["another operation (install/upgrade/rollback) is in progress"],
    ),
    (
        Reason::NameInUse,
        &[
            "cannot reuse a name that is still in use",
            "has no deployed releases",
        ],
    ),
    (Reason::QuotaExceeded, &["exceeded quota", "failed quota"]),
    (
        Reason::AdmissionDenied,
        &[
            "admission webhook",
            "denied request",
            "denied the request",
            "violates podsecurity",
            "failed calling webhook",
        ],
    ),
    (
        Reason::Invalid,
        &[
            " is invalid: ",
            "error validating data",
            "no matches for kind",
        ],
    ),
    (
        Reason::Forbidden,
        &[
            " is forbidden: ",
            "forbidden: user",
            "unauthorized",
            "must be logged in",
        ],
    ),
    (
        Reason::Conflict,
        &[
            "cannot be imported into the current release",
            "conflict",
            "object has been modified",
            "already exists",
        ],
    ),
    (
        Reason::Timeout,
        &["context deadline exceeded", "timed out waiting"],
    ),
    (
        Reason::Unreachable,
        &[
            "connection refused",
            "connection reset",
            "no such host",
            "i/o timeout",
            "tls handshake",
            "unexpected eof",
        ],
    ),
    (Reason::NotFound, &["not found"]),
];

/// Why helm failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The release is pending: another helm works on it, or one was cut off.
    InProgress,
    /// A release of that name is in a state that helm cannot build upon.
    NameInUse,
    /// Release, namespace or chart does not exist.
    NotFound,
    /// The values break the chart's schema.
    SchemaViolation,
    /// The chart cannot be rendered with these values.
    TemplateError,
    /// The user that helm runs as lacks a right.
    Forbidden,
    /// A quota is used up.
    QuotaExceeded,
    /// An admission policy or webhook refused an object.
    AdmissionDenied,
    /// The API server found an object invalid, as a change of an immutable field is.
    Invalid,
    /// An object belongs to somebody else or changed meanwhile.
    Conflict,
    /// The API server does not answer.
    Unreachable,
    /// Helm, or what it waited for, took too long.
    Timeout,
    /// Helm was stopped, by its caller or by a signal.
    Killed,
    /// There is no usable kubeconfig or service account.
    NoKubernetes,
    /// Anything else: see the message.
    Other,
}

impl Reason {
    /// The name in metrics, events and conditions.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InProgress => "InProgress",
            Self::NameInUse => "NameInUse",
            Self::NotFound => "NotFound",
            Self::SchemaViolation => "SchemaViolation",
            Self::TemplateError => "TemplateError",
            Self::Forbidden => "Forbidden",
            Self::QuotaExceeded => "QuotaExceeded",
            Self::AdmissionDenied => "AdmissionDenied",
            Self::Invalid => "Invalid",
            Self::Conflict => "Conflict",
            Self::Unreachable => "Unreachable",
            Self::Timeout => "Timeout",
            Self::Killed => "Killed",
            Self::NoKubernetes => "NoKubernetes",
            Self::Other => "Other",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How helm failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("helm failed ({reason}): {message}")]
pub struct Failure {
    /// What it means.
    pub reason: Reason,
    /// Helm's words, on one line of at most 1 KiB.
    pub message: String,
    /// Its exit code; none if a signal ended it or it never ran.
    pub exit_code: Option<i32>,
}

impl Failure {
    /// Reads what is left of a failed process.
    pub(super) fn of(finished: &Finished) -> Self {
        let said = message(&finished.stderr);
        let with = |reason, first: String, exit_code| {
            let message = if said.is_empty() {
                first
            } else {
                format!("{first}; it said: {said}")
            };
            Self {
                reason,
                message: shown(&message),
                exit_code,
            }
        };
        match finished.ended {
            Ended::Exited(Some(code)) if said.is_empty() => Self {
                reason: Reason::Other,
                message: format!("helm ended with code {code} and said nothing"),
                exit_code: Some(code),
            },
            Ended::Exited(Some(code)) => Self {
                reason: classify(&said),
                message: shown(&said),
                exit_code: Some(code),
            },
            Ended::Exited(None) => with(
                Reason::Killed,
                "helm was killed by a signal".to_owned(),
                None,
            ),
            Ended::Stopped => with(
                Reason::Killed,
                "helm was stopped before it ended".to_owned(),
                None,
            ),
            Ended::TimedOut(limit) => with(
                Reason::Timeout,
                format!("helm was stopped after {} s", limit.as_secs_f32()),
                None,
            ),
        }
    }

    /// It printed more than is taken, or its end was not seen.
    pub(super) fn too_much() -> Self {
        Self {
            reason: Reason::Other,
            message: "helm printed more than can be checked".to_owned(),
            exit_code: Some(0),
        }
    }

    /// Whether a request of helm's may have reached the API server without its answer: its outcome has to be looked up, and
    /// only after the time that such a request may take.
    #[must_use]
    pub const fn is_unclear(&self) -> bool {
        match self.reason {
            Reason::Killed | Reason::Timeout | Reason::Unreachable | Reason::Other => true,
            Reason::InProgress
            | Reason::NameInUse
            | Reason::NotFound
            | Reason::SchemaViolation
            | Reason::TemplateError
            | Reason::Forbidden
            | Reason::QuotaExceeded
            | Reason::AdmissionDenied
            | Reason::Invalid
            | Reason::Conflict
            | Reason::NoKubernetes => false,
        }
    }

    /// The process could not be started or followed.
    pub(super) fn not_run(error: &io::Error) -> Self {
        Self {
            reason: Reason::Other,
            message: shown(&format!("helm could not be run: {error}")),
            exit_code: None,
        }
    }

    /// The runtime ended before the process did.
    pub(super) fn abandoned() -> Self {
        Self {
            reason: Reason::Killed,
            message: "the process that ran helm ended first".to_owned(),
            exit_code: None,
        }
    }
}

/// The error in helm's output: from `Error:` on, else every line that is not one of its log.
fn message(stderr: &str) -> String {
    let noise =
        |line: &str| line.is_empty() || line.starts_with("WARNING:") || line.contains("level=");
    let lines: Vec<_> = stderr.lines().map(str::trim_end).collect();
    let from = lines
        .iter()
        .rposition(|line| line.starts_with("Error: "))
        .unwrap_or(0);
    let useful = lines[from..]
        .iter()
        .filter(|line| !noise(line.trim()))
        .copied()
        .collect::<Vec<_>>()
        .join("\n");
    let mut text = useful.as_str();
    while let Some(rest) = PREFIXES.iter().find_map(|prefix| text.strip_prefix(prefix)) {
        text = rest.trim_start();
    }
    let printable: String = text
        .chars()
        .filter(|c| *c == '\n' || !c.is_control())
        .collect();
    shorten(printable.trim())
}

fn shown(said: &str) -> String {
    text::prose(said, MAX_MESSAGE).into_owned()
}

fn shorten(text: &str) -> String {
    if text.len() <= MAX_MESSAGE {
        return text.to_owned();
    }
    format!(
        "{}…",
        &text[..text.floor_char_boundary(MAX_MESSAGE - '…'.len_utf8())]
    )
}

fn classify(message: &str) -> Reason {
    let text = message.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    // First of all, because a chart's own `fail` may say anything.
    let is_template = [
        "template: ",
        "execution error at ",
        "parse error at ",
        "yaml parse error on ",
    ]
    .iter()
    .any(|start| text.starts_with(start))
        || text.contains("\n  executing \"");
    if is_template {
        return Reason::TemplateError;
    }
    if has(&["cluster unreachable"]) {
        let no_config = has(&[
            "localhost:8080",
            "no such file",
            "no configuration has been provided",
            "invalid configuration",
        ]);
        return if no_config {
            Reason::NoKubernetes
        } else {
            Reason::Unreachable
        };
    }
    RULES
        .iter()
        .find(|(_, words)| has(words))
        .map_or(Reason::Other, |(reason, _)| *reason)
}

#[cfg(test)]
mod tests;
