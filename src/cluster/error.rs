//! What a failed request means: one classification for every request to the API server. Pure.

use std::time::Duration;

use kube::core::Status;

use super::fence::NotLeader;

/// Longest message kept, in bytes.
const MESSAGE_LIMIT: usize = 1024;

/// A request to the API server failed.
#[derive(thiserror::Error, Debug, Clone, PartialEq, Eq)]
#[error("cannot {request}: {message}")]
pub struct ApiError {
    /// What was asked for: verb, kind, namespace and name.
    pub request: String,
    /// What the failure means.
    pub kind: ErrorKind,
    /// The API server's own words, at most 1 KiB.
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
            message: cut(message, MESSAGE_LIMIT),
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
        if let Some(http) = error.downcast_ref::<hyper_util::client::legacy::Error>()
            && http.is_connect()
        {
            return ErrorKind::Unreachable;
        }
        cause = error.source();
    }
    ErrorKind::Unavailable
}

/// Cuts at a character boundary.
pub(super) fn cut(mut text: String, limit: usize) -> String {
    if text.len() > limit {
        let end = (0..=limit - '…'.len_utf8())
            .rev()
            .find(|&at| text.is_char_boundary(at))
            .unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn status(code: u16, reason: &str, message: &str) -> Status {
        serde_json::from_value(json!({
            "status": "Failure", "code": code, "reason": reason, "message": message,
            "details": {"kind": "pods"},
        }))
        .expect("a status")
    }

    const fn invalid() -> ErrorKind {
        ErrorKind::Invalid { fields: Vec::new() }
    }

    #[rstest]
    #[case(404, "NotFound", r#"pods "a" not found"#, ErrorKind::NotFound)]
    #[case(404, "", "404 page not found", ErrorKind::NotFound)]
    #[case(
        409,
        "AlreadyExists",
        r#"pods "a" already exists"#,
        ErrorKind::AlreadyExists
    )]
    #[case(
        409,
        "Conflict",
        "the UID in the precondition (1) does not match",
        ErrorKind::Conflict
    )]
    #[case(422, "Invalid", r#"Pod "a" is invalid: spec.x: Required"#, invalid())]
    #[case(400, "BadRequest", "strict decoding error", invalid())]
    #[case(
        403,
        "Forbidden",
        r#"pods is forbidden: User "x" cannot create resource "pods" in API group """#,
        ErrorKind::Forbidden
    )]
    #[case(
        403,
        "Forbidden",
        r#"pods "a" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1"#,
        ErrorKind::QuotaExceeded
    )]
    #[case(
        403,
        "Forbidden",
        r#"pods "a" is forbidden: violates PodSecurity "baseline:latest": privileged"#,
        ErrorKind::AdmissionDenied
    )]
    #[case(403, "Forbidden", r#"pods "a" is forbidden: unable to create new content in namespace n because it is being terminated"#, ErrorKind::NamespaceTerminating)]
    #[case(
        403,
        "",
        r#"admission webhook "w.x" denied the request: no"#,
        ErrorKind::AdmissionDenied
    )]
    #[case(422, "Invalid", r#"pods "a" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no"#, ErrorKind::AdmissionDenied)]
    #[case(
        500,
        "InternalError",
        r#"Internal error occurred: failed calling webhook "w": connect: refused"#,
        ErrorKind::AdmissionUnavailable
    )]
    #[case(413, "RequestEntityTooLarge", "limit is 3145728", ErrorKind::TooLarge)]
    #[case(500, "", "etcdserver: request is too large", ErrorKind::TooLarge)]
    #[case(
        422,
        "Invalid",
        "Secret \"a\" is invalid: data: Too long: may not be more than 1048576 bytes",
        ErrorKind::TooLarge
    )]
    #[case(
        410,
        "Expired",
        "The provided continue parameter is too old",
        ErrorKind::Gone
    )]
    #[case(429, "TooManyRequests", "too many requests", ErrorKind::TooManyRequests { retry_after: Duration::from_secs(1) })]
    #[case(401, "Unauthorized", "Unauthorized", ErrorKind::Unauthorized)]
    #[case(
        500,
        "InternalError",
        "etcdserver: leader changed",
        ErrorKind::Unavailable
    )]
    #[case(503, "ServiceUnavailable", "shutting down", ErrorKind::Unavailable)]
    #[case(
        504,
        "Timeout",
        "Timeout: request did not complete",
        ErrorKind::Timeout
    )]
    #[case(
        500,
        "ServerTimeout",
        "The POST operation could not be completed",
        ErrorKind::Timeout
    )]
    fn the_api_servers_answer_is_classified(
        #[case] code: u16,
        #[case] reason: &str,
        #[case] message: &str,
        #[case] expected: ErrorKind,
    ) {
        let error = kube::Error::Api(status(code, reason, message).boxed());
        let classified = ApiError::new("create Pod n/a", &error);
        assert_eq!(classified.kind, expected);
        assert_eq!(
            classified.message, message,
            "the API server's own words are kept"
        );
    }

    #[test]
    fn a_terminating_namespace_is_known_by_its_cause() {
        let mut status = status(403, "Forbidden", "other words");
        status.details = serde_json::from_value(json!({
            "causes": [{"reason": "NamespaceTerminating", "field": "metadata.namespace"}]
        }))
        .expect("details");
        assert_eq!(of_status(&status), ErrorKind::NamespaceTerminating);
    }

    #[test]
    fn an_invalid_object_names_its_fields() {
        let mut status = status(422, "Invalid", "two errors");
        status.details = serde_json::from_value(json!({
            "causes": [{"field": "spec.containers[0].image"}, {"message": "no field"}]
        }))
        .expect("details");
        let fields = vec!["spec.containers[0].image".to_owned()];
        assert_eq!(of_status(&status), ErrorKind::Invalid { fields });
    }

    #[test]
    fn a_refusal_of_the_fence_is_told_apart_from_a_broken_connection() {
        let refused = kube::Error::Service(NotLeader.into());
        assert_eq!(of_transport(&refused), ErrorKind::NotLeader);
        let broken = kube::Error::Service("connection reset".into());
        assert_eq!(of_transport(&broken), ErrorKind::Unavailable);
    }

    #[test]
    fn only_a_write_that_may_have_been_done_is_unknown() {
        let of = |kind| ApiError {
            request: String::new(),
            kind,
            message: String::new(),
        };
        assert!(of(ErrorKind::Timeout).is_outcome_unknown());
        assert!(of(ErrorKind::Unavailable).is_outcome_unknown());
        assert!(!of(ErrorKind::Unreachable).is_outcome_unknown());
        assert!(!of(ErrorKind::NotLeader).is_transient());
        assert!(of(ErrorKind::Unreachable).is_transient());
    }

    #[test]
    fn messages_are_cut_at_a_character_boundary() {
        let cut = cut("ä".repeat(1000), 1024);
        assert!(cut.len() <= 1024 && cut.ends_with("ä…"));
    }
}
