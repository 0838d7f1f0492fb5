//! Orders as they are sent, and the FlashJob that they are about. Reads and writes.

use axum::{
    Json,
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Path, Query, Request},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use flashjob_operator::flashjob::spec::job::Job;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use utoipa::ToSchema;

use super::{
    body::{Write, only_json},
    entity_tag::{IfMatch, entity_tag},
    place::{OfJob, jobs},
};
use crate::{
    cluster::{Caller, Claim, Desk, Found},
    document::FlashJobDocument,
    problem::Problem,
};

/// Which step is approved, and why.
#[derive(Deserialize, ToSchema, Default)]
#[serde(deny_unknown_fields)]
pub struct ApproveOrder {
    /// `ROUND.STEP`, as `status.step.id` shows it; it may be a later step of the round. Absent: the step that waits.
    pub step: Option<String>,
    /// Why, for those who look at the job later.
    pub reason: Option<String>,
}

/// Which step is denied, and why.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DenyOrder {
    /// `ROUND.STEP`, as `status.step.id` shows it. Absent: the step that the round has reached.
    pub step: Option<String>,
    /// Why; the job's status says it.
    pub reason: String,
}

/// An order that needs nothing said.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlainOrder {}

/// How a job is let go on.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResumeOrder {
    /// Even where somebody else has suspended it.
    #[serde(default)]
    pub force: bool,
}

/// That all devices are meant.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RerunOrder {
    /// True: every device is flashed again, those that succeeded included. For those that failed there is `retry`.
    #[serde(default)]
    pub all: bool,
}

/// What an order led to.
#[derive(Serialize, ToSchema)]
pub struct Done {
    /// What was done, in words.
    message: String,
    /// The FlashJob as it is then.
    #[schema(value_type = FlashJobDocument)]
    job: Value,
}

/// An order as it came, for the job that its path names.
pub struct Given<T> {
    /// What is ordered.
    pub order: T,
    caller: Caller,
    place: OfJob,
    write: Write,
    headers: HeaderMap,
}

impl<T: DeserializeOwned> FromRequest<Desk> for Given<T> {
    type Rejection = Response;

    async fn from_request(request: Request, desk: &Desk) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let caller = Caller::from_request_parts(&mut parts, desk).await;
        let caller = caller.map_err(IntoResponse::into_response)?;
        let place = Path::from_request_parts(&mut parts, desk).await;
        let Path(place) = place.map_err(IntoResponse::into_response)?;
        let write = Query::from_request_parts(&mut parts, desk).await;
        let Query(write) = write.map_err(IntoResponse::into_response)?;
        let headers = parts.headers.clone();
        let body = Bytes::from_request(Request::from_parts(parts, body), desk).await;
        let body = body.map_err(IntoResponse::into_response)?;
        let order = order(&headers, &body).map_err(IntoResponse::into_response)?;
        Ok(Self {
            order,
            caller,
            place,
            write,
            headers,
        })
    }
}

impl<T> Given<T> {
    /// Reads the job: what is ordered, and of what.
    ///
    /// # Errors
    /// When it cannot be read, or a version is demanded in a way that cannot be.
    pub async fn of_job(self) -> Result<(T, Ordered), Problem> {
        let if_match = IfMatch::of(&self.headers)?;
        let Self {
            order,
            caller,
            place,
            write,
            ..
        } = self;
        let found = caller
            .job(&jobs(&place.namespace), place.name.as_str())
            .await?;
        let ordered = Ordered {
            caller,
            place,
            write,
            if_match,
            found,
        };
        Ok((order, ordered))
    }
}

/// A job that something is ordered of, and how it is meant.
pub struct Ordered {
    caller: Caller,
    place: OfJob,
    write: Write,
    if_match: IfMatch,
    found: Found,
}

impl Ordered {
    /// The job as it was read.
    pub fn job(&self) -> &Job {
        &self.found.job
    }

    /// Writes these fields of the spec; the job as it is then.
    ///
    /// # Errors
    /// When the API server refuses; 412 where the job has another version than is demanded.
    pub async fn claim(&self, manager: &str, spec: &Value) -> Result<Value, Problem> {
        let claim = Claim {
            manager,
            spec,
            version: self.if_match.version(),
            dry_run: self.write.is_dry(),
        };
        let jobs = jobs(&self.place.namespace);
        let claimed = self.caller.claim(&jobs, self.job(), claim).await;
        claimed.map_err(|problem| self.if_match.judge(problem))
    }
}

/// The answer to an order that was carried out.
pub fn done(message: String, job: Value) -> Response {
    (entity_tag(&job), Json(Done { message, job })).into_response()
}

/// What an order says: of an empty body, what is meant where nobody says anything.
///
/// # Errors
/// When it is not JSON, or names an unknown field.
pub fn order<T: DeserializeOwned>(headers: &HeaderMap, body: &[u8]) -> Result<T, Problem> {
    let body = if body.is_empty() { b"{}" } else { body };
    if body != b"{}" {
        only_json(headers)?;
    }
    serde_json::from_slice(body)
        .map_err(|error| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()))
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderValue, header::CONTENT_TYPE};

    use super::*;

    fn of(kind: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(kind))])
    }

    #[test]
    fn an_order_without_a_body_is_one_that_says_nothing() {
        assert!(order::<Value>(&HeaderMap::new(), b"").unwrap().is_object());
        assert_eq!(
            order::<Value>(&of("text/plain"), b"{\"a\":1}")
                .unwrap_err()
                .status,
            415
        );
    }

    #[test]
    fn a_field_that_an_order_has_not_is_named() {
        let problem = order::<ResumeOrder>(&of("application/json"), b"{\"focre\": true}");
        let problem = problem.err().map(|problem| problem.detail);
        let problem = problem.unwrap_or_default();
        assert!(problem.contains("unknown field `focre`"), "{problem}");
    }
}
