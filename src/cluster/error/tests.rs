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
#[case(
    422,
    "Invalid",
    r#"pods "a" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no"#,
    ErrorKind::AdmissionDenied
)]
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
fn the_words_of_an_answer_are_one_line_of_bounded_length() {
    let said = |message: &str| {
        let status = Status::failure(message, "Invalid").with_code(422);
        ApiError::new("create Pod lab/a", &kube::Error::Api(status.boxed())).message
    };
    let long = said(&"ä".repeat(1000));
    assert!(long.len() <= 1024 && long.ends_with("ä…"), "{long}");
    assert_eq!(
        said("denied:\n  \u{1b}[2Jtag\u{202e}"),
        "denied: \\u{1b}[2Jtag\\u{202e}"
    );
}
