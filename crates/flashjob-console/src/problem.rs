//! What a refusal looks like: `application/problem+json` (RFC 9457), with the API server's own reason and the fields that it names. Pure.

use axum::{
    Json,
    body::{Body, to_bytes},
    http::{
        HeaderValue, StatusCode,
        header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
    },
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::Value;
use utoipa::{IntoResponses, ToSchema};

/// Media type of a problem.
pub const MEDIA_TYPE: &str = "application/problem+json";
/// Media type of a page that says why it is not another.
const PAGE: &str = "text/html; charset=utf-8";
/// What a request without a usable token is asked for.
const CHALLENGE: &str = "Bearer realm=\"flashjob-console\"";
/// Most bytes of a bare refusal that are repeated.
const WORDS: usize = 4096;

/// Why a request was refused.
#[derive(Serialize, ToSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// `about:blank`: the status says what kind of problem it is.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The status in words.
    pub title: &'static str,
    /// The status.
    pub status: u16,
    /// What is wrong.
    pub detail: String,
    /// Why, in one word: the API server's, or `Refused` where the job does not allow what is ordered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The fields that are wrong, where the API server names them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<Cause>,
    /// After how many seconds it may be tried again, where the API server says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_seconds: Option<u32>,
}

/// What is wrong with one field.
#[derive(Serialize, ToSchema, Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// Path of the field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Why, in one word.
    pub reason: String,
    /// Why, in words.
    pub message: String,
}

/// What every route may answer, as the document has it.
#[derive(IntoResponses)]
#[response(
    status = "default",
    description = "Why not.",
    content_type = "application/problem+json"
)]
pub struct Refusal(#[allow(dead_code, reason = "it is there for its schema")] Problem);

impl Problem {
    /// A problem of this status.
    #[must_use]
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Refused"),
            status: status.as_u16(),
            detail: detail.into(),
            reason: None,
            causes: Vec::new(),
            retry_after_seconds: None,
        }
    }

    /// The API server cannot be read.
    #[must_use]
    pub fn bad_gateway(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_GATEWAY, detail)
    }

    /// The request itself is wrong.
    #[must_use]
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// The job does not allow what is ordered, for this reason.
    #[must_use]
    pub fn refused(why: impl Into<String>) -> Self {
        Self {
            reason: Some("Refused".to_owned()),
            ..Self::new(StatusCode::CONFLICT, why)
        }
    }

    /// No token came with the request.
    #[must_use]
    pub fn no_token() -> Self {
        let words = "send the token that you use with the API server: Authorization: Bearer TOKEN";
        Self {
            reason: Some("Unauthorized".to_owned()),
            ..Self::new(StatusCode::UNAUTHORIZED, words)
        }
    }

    /// The session of a browser has ended.
    #[must_use]
    pub fn no_session() -> Self {
        Self::not_admitted(&"this session has ended: sign in again")
    }

    /// A console on loopback serves the person who started it, and this request does not say that it is of that person.
    #[must_use]
    pub fn not_started_here() -> Self {
        let words = "open the address that `kubectl flashjob ui` printed, or send the token that it printed: Authorization: Bearer TOKEN";
        Self::not_admitted(&words)
    }

    /// A token was not taken, for this reason.
    #[must_use]
    pub fn not_admitted(why: &impl ToString) -> Self {
        Self {
            detail: why.to_string(),
            ..Self::no_token()
        }
    }

    /// A session writes, and nothing shows that a page of the console sent it.
    #[must_use]
    pub fn no_own_header() -> Self {
        let words = "a write by a cookie needs the header X-FlashJob-Console: 1, which no form of another page can send";
        Self::new(StatusCode::FORBIDDEN, words)
    }

    /// As many sessions last as may.
    #[must_use]
    pub fn no_place() -> Self {
        let words = "as many people have signed in as the console has places: try again later, or send your token with each request";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, words)
    }

    /// The request names a host that this console is not.
    #[must_use]
    pub fn wrong_host() -> Self {
        let words = "this console answers to 127.0.0.1, localhost and [::1] with its port alone";
        Self::new(StatusCode::MISDIRECTED_REQUEST, words)
    }

    /// The API server's refusal: its `Status`, or whatever else it said.
    #[must_use]
    pub fn of_status(code: StatusCode, status: &Value) -> Self {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let details = &status["details"];
        let causes = details["causes"].as_array().into_iter().flatten();
        let causes = causes.map(|cause| Cause {
            field: text(&cause["field"]),
            reason: text(&cause["reason"]).unwrap_or_default(),
            message: text(&cause["message"]).unwrap_or_default(),
        });
        let mut message = text(&status["message"]).filter(|message| !message.is_empty());
        let mut causes: Vec<_> = causes.collect();
        if let Some(faults) = message.as_deref().and_then(strict_faults) {
            causes = strict_causes(faults);
            // Of a patch the API server repeats the whole object before it says what is wrong.
            message = Some(faults.to_owned());
        }
        Self {
            reason: text(&status["reason"]).filter(|reason| !reason.is_empty()),
            causes,
            retry_after_seconds: details["retryAfterSeconds"]
                .as_u64()
                .and_then(|seconds| u32::try_from(seconds).ok()),
            ..Self::new(
                code,
                message.unwrap_or_else(|| format!("the API server answered {code}")),
            )
        }
    }
}

/// What strict validation says is wrong, at the end of a message.
fn strict_faults(message: &str) -> Option<&str> {
    let (_, faults) = message.rsplit_once("strict decoding error: ")?;
    Some(faults)
}

/// The fields that it names, as in `unknown field "spec.x", duplicate field "spec.y"`.
fn strict_causes(faults: &str) -> Vec<Cause> {
    let cause = |fault: &str| {
        let (words, rest) = fault.split_once(" \"")?;
        let reason = match words {
            "unknown field" => "FieldValueUnknown",
            "duplicate field" => "FieldValueDuplicate",
            _ => return None,
        };
        Some(Cause {
            field: Some(rest.strip_suffix('"')?.to_owned()),
            reason: reason.to_owned(),
            message: words.to_owned(),
        })
    };
    faults.split(", ").filter_map(cause).collect()
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::BAD_GATEWAY);
        let retry_after = self.retry_after_seconds;
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(CHALLENGE));
        }
        if let Some(seconds) = retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// Turns a bare refusal into a problem: one of the router, of a layer, or of a handler that panicked.
pub async fn of_bare(response: Response) -> Response {
    let status = response.status();
    let known = response.headers().get(CONTENT_TYPE);
    let is_made = known.is_some_and(|kind| kind == MEDIA_TYPE || kind == PAGE);
    if is_made || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let words = to_bytes(body, WORDS).await.unwrap_or_default();
    let words = String::from_utf8_lossy(&words).trim().to_owned();
    let detail = match status {
        StatusCode::NOT_FOUND if words.is_empty() => "there is no such page".to_owned(),
        StatusCode::METHOD_NOT_ALLOWED if words.is_empty() => {
            "this page has no such method: the header Allow names those that it has".to_owned()
        }
        StatusCode::FORBIDDEN => "a page of another site sent this request".to_owned(),
        StatusCode::PAYLOAD_TOO_LARGE => "a body may have at most 1 MiB".to_owned(),
        StatusCode::GATEWAY_TIMEOUT => "the API server did not answer in time".to_owned(),
        // What a panic says is not for strangers.
        StatusCode::INTERNAL_SERVER_ERROR => "the console failed; its log says how".to_owned(),
        _ if words.is_empty() => "the request was refused".to_owned(),
        _ => words,
    };
    let (problem, body) = Problem::new(status, detail).into_response().into_parts();
    parts.headers.remove(CONTENT_LENGTH);
    parts.headers.extend(problem.headers);
    Response::from_parts(parts, Body::new(body))
}

#[cfg(test)]
mod tests;
