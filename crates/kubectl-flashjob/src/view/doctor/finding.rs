//! What `doctor` says of one thing, and its lines. Pure.

use flashjob_operator::cluster::ApiError;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    cluster::missing_right,
    show::{Line, Tone, wrap},
};

/// Column in which sentences begin.
const INDENT: usize = 21;

/// What was looked at.
#[derive(Serialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum Check {
    /// The API server.
    Server,
    /// The kinds that the operator serves, and their definitions.
    Kinds,
    /// FlashClasses.
    Classes,
    /// Akri, and the devices that it found in the namespace.
    Akri,
    /// Addresses for flashes.
    Addresses,
    /// Registries of images.
    Registry,
    /// The attestation service of the devices.
    Attestation,
    /// Secrets that flashes need.
    Secrets,
    /// The operator's Deployment.
    Operator,
    /// Which operator leads.
    Lease,
    /// Whether the operator looks at the namespace.
    Namespaces,
    /// What the person may do.
    Rights,
    /// Clocks.
    Clock,
}

impl Check {
    /// Its name.
    const fn name(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Kinds => "kinds",
            Self::Classes => "classes",
            Self::Akri => "akri",
            Self::Addresses => "addresses",
            Self::Registry => "registry",
            Self::Attestation => "attestation",
            Self::Secrets => "secrets",
            Self::Operator => "operator",
            Self::Lease => "lease",
            Self::Namespaces => "namespaces",
            Self::Rights => "rights",
            Self::Clock => "clock",
        }
    }
}

/// How it is.
#[derive(Serialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "UPPERCASE")]
pub enum Verdict {
    /// In order.
    Ok,
    /// A flash may go wrong because of it.
    Warn,
    /// No flash goes well before it is put right.
    Fail,
    /// It cannot be told.
    Unknown,
}

impl Verdict {
    const fn word(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Warn => "WARN",
            Self::Fail => "FAIL",
            Self::Unknown => "UNKNOWN",
        }
    }

    const fn tone(self) -> Tone {
        match self {
            Self::Ok => Tone::Good,
            Self::Warn => Tone::Patient,
            Self::Fail => Tone::Bad,
            Self::Unknown => Tone::Faint,
        }
    }
}

/// The result of one check.
#[derive(Serialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// What was looked at: server, kinds, classes, akri, addresses, attestation, secrets, operator, lease, namespaces, rights or clock.
    #[schemars(with = "String")]
    pub check: Check,
    /// OK, WARN, FAIL or UNKNOWN.
    #[schemars(with = "String")]
    pub verdict: Verdict,
    /// How it is, in words.
    pub message: String,
    /// What to do; absent where it is in order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// The right that the person lacks, where that is why it cannot be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub right: Option<String>,
}

impl Finding {
    fn of(check: Check, verdict: Verdict, message: String, next: Option<String>) -> Self {
        Self {
            check,
            verdict,
            message,
            next,
            right: None,
        }
    }

    /// It is in order.
    pub fn ok(check: Check, message: String) -> Self {
        Self::of(check, Verdict::Ok, message, None)
    }

    /// A flash may go wrong because of it.
    pub fn warn(check: Check, message: String, next: String) -> Self {
        Self::of(check, Verdict::Warn, message, Some(next))
    }

    /// No flash goes well before it is put right.
    pub fn fail(check: Check, message: String, next: String) -> Self {
        Self::of(check, Verdict::Fail, message, Some(next))
    }

    /// It cannot be told what is the matter with something that could not be read.
    pub fn unknown(check: Check, what: &str, error: &ApiError) -> Self {
        let Some(right) = missing_right(error) else {
            let next = "try again, or ask an administrator".to_owned();
            let message = format!("{what} is not known: {error}");
            return Self::of(check, Verdict::Unknown, message, Some(next));
        };
        let message = format!("{what} is not known: you may not {}", right.name());
        Self {
            right: Some(right.name()),
            ..Self::of(check, Verdict::Unknown, message, Some(right.remedy()))
        }
    }
}

/// The lines of findings, for a screen of so many columns.
pub fn lines(findings: &[Finding], columns: usize) -> Vec<Line> {
    findings
        .iter()
        .flat_map(|finding| of_one(finding, columns))
        .collect()
}

fn of_one(finding: &Finding, columns: usize) -> Vec<Line> {
    let width = columns.saturating_sub(INDENT).max(20);
    let mut head = Line::of(finding.verdict.tone(), finding.verdict.word());
    head.pad(9);
    head.add(Tone::Plain, finding.check.name());
    let mut all = Vec::new();
    for sentence in wrap(&finding.message, width, "") {
        head.pad(INDENT);
        head.append(sentence);
        all.push(std::mem::take(&mut head));
    }
    if let Some(next) = &finding.next {
        all.extend(
            wrap(&format!("→ {next}"), width, "")
                .into_iter()
                .map(|sentence| {
                    let mut line = Line::default();
                    line.pad(INDENT);
                    line.append(sentence);
                    line
                }),
        );
    }
    all
}
