//! What comes with a request that writes: its body, by media type, and whether anything is to be changed at all.

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header::CONTENT_TYPE};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::problem::Problem;

/// Field manager of what is written.
pub const MANAGER: &str = "flashjob-console";
/// Media type of an object.
pub const JSON: &str = "application/json";
/// Media type of a patch that is merged (RFC 7396).
pub const MERGE_PATCH: &str = "application/merge-patch+json";
/// Media type of a list of operations (RFC 6902).
pub const JSON_PATCH: &str = "application/json-patch+json";

/// How a write is meant.
#[derive(Deserialize, IntoParams, Clone, Debug, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Write {
    /// `All`: everything is checked, and nothing is changed.
    #[param(inline)]
    pub dry_run: Option<DryRun>,
}

/// Which stages of a write are carried out without changing anything.
#[derive(Deserialize, utoipa::ToSchema, Clone, Copy, Debug, PartialEq, Eq)]
pub enum DryRun {
    /// All of them.
    All,
}

impl Write {
    /// Whether nothing is to be changed.
    #[must_use]
    pub fn is_dry(&self) -> bool {
        self.dry_run.is_some()
    }
}

/// The media type of a body, without its parameters.
#[must_use]
pub fn media_type(headers: &HeaderMap) -> Option<String> {
    let header = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let kind = header.split(';').next().unwrap_or_default();
    Some(kind.trim().to_ascii_lowercase())
}

/// Refuses a body that is not JSON by its media type.
///
/// # Errors
/// When it is not: 415.
pub fn only_json(headers: &HeaderMap) -> Result<(), Problem> {
    match media_type(headers).as_deref() {
        Some(JSON) => Ok(()),
        _ => Err(unsupported(JSON)),
    }
}

/// A body has another media type than these.
#[must_use]
pub fn unsupported(expected: &str) -> Problem {
    let words = format!("the header Content-Type must be {expected}");
    Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, words)
}

/// The same request, with strict field validation: the API server refuses unknown fields.
#[must_use]
pub fn strict(mut request: http::Request<Vec<u8>>) -> http::Request<Vec<u8>> {
    let asked = format!("{}&fieldValidation=Strict", request.uri());
    // It was an address before, and stays one.
    if let Ok(uri) = asked.parse::<Uri>() {
        *request.uri_mut() = uri;
    }
    request
}

/// The header that says how a patch may be written.
#[must_use]
pub fn accept_patch() -> (HeaderName, HeaderValue) {
    let kinds = "application/merge-patch+json, application/json-patch+json";
    (
        HeaderName::from_static("accept-patch"),
        HeaderValue::from_static(kinds),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kind: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(kind))])
    }

    #[test]
    fn parameters_of_a_media_type_do_not_matter() {
        assert!(only_json(&of("Application/JSON; charset=utf-8")).is_ok());
        assert_eq!(only_json(&of("text/plain")).unwrap_err().status, 415);
        assert_eq!(only_json(&HeaderMap::new()).unwrap_err().status, 415);
    }

    #[test]
    fn strictness_is_asked_for_beside_what_else_is() {
        let request = http::Request::get("/a?&dryRun=All")
            .body(Vec::new())
            .unwrap();
        let asked = strict(request);
        assert_eq!(asked.uri(), "/a?&dryRun=All&fieldValidation=Strict");
    }
}
