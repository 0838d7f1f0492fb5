//! What a failed request means: one classification for every request to the API server. Pure.

use std::time::Duration;

use kube::core::Status;

use super::{fence::NotLeader, patience::NoAnswer};
use crate::display;

/// A request to the API server failed.
#[derive(thiserror::Error, Debug, Clone, PartialEq, Eq)]
#[error("cannot {request}: {message}")]
pub struct ApiError {
    /// What was asked for: verb, kind, namespace and name.
    pub request: String,
    /// What the failure means.
    pub kind: ErrorKind,
    /// The API server's own words, on one line of at most 1 KiB.
    pub message: String,
}

/// What a failure means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ErrorKind {
    /// The object, its namespace or its kind does not exist.
    NotFound,
    /// A uid, resourceVersion or other precondition does not hold any more.
    Conflict,
    /// An object of that name exists.
    AlreadyExists,
    /// The API server refuses the object.
    Invalid {
        /// Paths of the offending fields, where it names any.
        fields: Vec<String>,
    },
    /// The operator lacks a right.
    Forbidden,
    /// The credentials were not accepted; a rotated token heals this.
    Unauthorized,
    /// A resource quota is used up.
    QuotaExceeded,
    /// A webhook, a policy or an admission plugin refused the object.
    AdmissionDenied,
    /// A webhook could not be asked; nothing was written.
    AdmissionUnavailable,
    /// The object is larger than the API server or etcd accepts.
    TooLarge,
    /// The resourceVersion or the continue token is too old.
    Gone,
    /// The namespace is being deleted: nothing new can be created in it.
    NamespaceTerminating,
    /// The API server asks to slow down; nothing was written.
    TooManyRequests {
        /// How long it asks to wait.
        retry_after: Duration,
    },
    /// No connection: nothing was written.
    Unreachable,
    /// The API server failed or the connection broke; a write may have taken effect.
    Unavailable,
    /// No answer in time; a write may have taken effect.
    Timeout,
    /// Not sent: this process does not hold the lease.
    NotLeader,
}

impl ErrorKind {
    /// A static word for metrics.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::Conflict => "conflict",
            Self::AlreadyExists => "already_exists",
            Self::Invalid { .. } => "invalid",
            Self::Forbidden => "forbidden",
            Self::Unauthorized => "unauthorized",
            Self::QuotaExceeded => "quota_exceeded",
            Self::AdmissionDenied => "admission_denied",
            Self::AdmissionUnavailable => "admission_unavailable",
            Self::TooLarge => "too_large",
            Self::Gone => "gone",
            Self::NamespaceTerminating => "namespace_terminating",
            Self::TooManyRequests { .. } => "too_many_requests",
            Self::Unreachable => "unreachable",
            Self::Unavailable => "unavailable",
            Self::Timeout => "timeout",
            Self::NotLeader => "not_leader",
        }
    }
}

impl ApiError {
    /// Classifies an error of kube; `request` says what was asked for.
    #[must_use]
    pub fn new(request: impl Into<String>, error: &kube::Error) -> Self {
        let (kind, message) = match error {
            kube::Error::Api(status) => (of_status(status), words(status)),
            other => (of_transport(other), other.to_string()),
        };
        Self {
            request: request.into(),
            kind,
            message: display::prose(&message, display::MESSAGE).into_owned(),
        }
    }

    /// No answer came within `limit`.
    #[must_use]
    pub fn timeout(request: impl Into<String>, limit: Duration) -> Self {
        Self {
            request: request.into(),
            kind: ErrorKind::Timeout,
            message: format!("no answer from the API server within {limit:?}"),
        }
    }

    /// Whether the same request may succeed later without anybody changing it.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self.kind {
            ErrorKind::Conflict
            | ErrorKind::Unauthorized
            | ErrorKind::AdmissionUnavailable
            | ErrorKind::Gone
            | ErrorKind::TooManyRequests { .. }
            | ErrorKind::Unreachable
            | ErrorKind::Unavailable
            | ErrorKind::Timeout => true,
            ErrorKind::NotFound
            | ErrorKind::AlreadyExists
            | ErrorKind::Invalid { .. }
            | ErrorKind::Forbidden
            | ErrorKind::QuotaExceeded
            | ErrorKind::AdmissionDenied
            | ErrorKind::TooLarge
            | ErrorKind::NamespaceTerminating
            | ErrorKind::NotLeader => false,
        }
    }

    /// Whether a write may have taken effect all the same: look before doing anything that must not happen twice.
    #[must_use]
    pub fn is_outcome_unknown(&self) -> bool {
        matches!(self.kind, ErrorKind::Unavailable | ErrorKind::Timeout)
    }

    /// Whether the object is not there.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.kind == ErrorKind::NotFound
    }

    /// Whether a precondition did not hold.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        self.kind == ErrorKind::Conflict
    }
}

/// What the API server's answer means.
fn of_status(status: &Status) -> ErrorKind {
    let message = status.message.as_str();
    match status.reason.as_str() {
        "NotFound" => return ErrorKind::NotFound,
        "AlreadyExists" => return ErrorKind::AlreadyExists,
        "Conflict" => return ErrorKind::Conflict,
        "Expired" | "Gone" => return ErrorKind::Gone,
        "RequestEntityTooLarge" => return ErrorKind::TooLarge,
        "Timeout" | "ServerTimeout" => return ErrorKind::Timeout,
        _ => {}
    }
    if is_too_large(status) {
        return ErrorKind::TooLarge;
    }
    if is_denied_by_admission(message) {
        return ErrorKind::AdmissionDenied;
    }
    match status.code {
        401 => ErrorKind::Unauthorized,
        403 => of_forbidden(status),
        404 => ErrorKind::NotFound,
        408 | 504 => ErrorKind::Timeout,
        409 => ErrorKind::Conflict,
        410 => ErrorKind::Gone,
        413 => ErrorKind::TooLarge,
        429 => ErrorKind::TooManyRequests {
            retry_after: retry_after(status),
        },
        500 if message.contains("failed calling webhook") => ErrorKind::AdmissionUnavailable,
        500..=599 => ErrorKind::Unavailable,
        _ => ErrorKind::Invalid {
            fields: fields(status),
        },
    }
}

fn of_forbidden(status: &Status) -> ErrorKind {
    let message = status.message.as_str();
    if has_cause(status, "NamespaceTerminating") || message.contains("it is being terminated") {
        ErrorKind::NamespaceTerminating
    } else if message.contains("exceeded quota") {
        ErrorKind::QuotaExceeded
    } else if message.contains(" cannot ") && message.contains(" resource ") {
        ErrorKind::Forbidden // RBAC: User "x" cannot create resource "pods" …
    } else if status.details.is_some() && message.contains(" is forbidden: ") {
        ErrorKind::AdmissionDenied // Pod Security, LimitRanger and other admission plugins
    } else {
        ErrorKind::Forbidden
    }
}

fn is_denied_by_admission(message: &str) -> bool {
    (message.contains("admission webhook") && message.contains("denied the request"))
        || (message.contains("ValidatingAdmissionPolicy") && message.contains("denied request"))
}

fn is_too_large(status: &Status) -> bool {
    const WORDS: [&str; 4] = [
        "request is too large",
        "trying to send message larger than max",
        "Request entity too large",
        "may not be more than 1048576 bytes",
    ];
    WORDS.iter().any(|words| status.message.contains(words))
        || (has_cause(status, "FieldValueTooLong")
            && fields(status).iter().any(|field| field == "data"))
}

fn has_cause(status: &Status, reason: &str) -> bool {
    status
        .details
        .iter()
        .flat_map(|details| &details.causes)
        .any(|cause| cause.reason == reason)
}

fn fields(status: &Status) -> Vec<String> {
    status
        .details
        .iter()
        .flat_map(|details| &details.causes)
        .filter(|cause| !cause.field.is_empty())
        .map(|cause| cause.field.clone())
        .collect()
}

fn retry_after(status: &Status) -> Duration {
    let seconds = status.details.as_ref().map_or(0, |d| d.retry_after_seconds);
    Duration::from_secs(u64::from(seconds.max(1)))
}

fn words(status: &Status) -> String {
    if status.message.is_empty() {
        format!("HTTP status {} {}", status.code, status.reason)
    } else {
        status.message.clone()
    }
}

/// What a failure below HTTP means.
fn of_transport(error: &kube::Error) -> ErrorKind {
    match error {
        kube::Error::Service(cause) => of_service(cause.as_ref()),
        kube::Error::BuildRequest(_) | kube::Error::HttpError(_) => {
            ErrorKind::Invalid { fields: Vec::new() }
        }
        kube::Error::Auth(_) => ErrorKind::Unauthorized,
        _ => ErrorKind::Unavailable,
    }
}

fn of_service(error: &(dyn std::error::Error + 'static)) -> ErrorKind {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<NotLeader>() {
            return ErrorKind::NotLeader;
        }
        if error.is::<NoAnswer>() {
            return ErrorKind::Timeout;
        }
        if let Some(http) = error.downcast_ref::<hyper_util::client::legacy::Error>()
            && http.is_connect()
        {
            return ErrorKind::Unreachable;
        }
        cause = error.source();
    }
    ErrorKind::Unavailable
}

#[cfg(test)]
mod tests;
