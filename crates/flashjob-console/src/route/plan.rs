//! What a FlashJob would do if it were created now, as `kubectl flashjob plan` says it. Reads only, with the caller's rights.

use std::time::Duration;

use axum::{
    Json,
    body::Bytes,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode},
};
use flashjob_operator::{
    api::{FlashJob, Guarded, crd::Kind},
    cli::{
        object::{Unusable, checked},
        plan::{Asking, ask_registry},
        terminal::words,
    },
    flashjob::{forecast::FirmwareForecast, spec::job::Job},
};
use serde::Deserialize;
use serde_json::Value;
use utoipa::IntoParams;

use super::{
    body::only_json,
    place::{Name, Namespaced},
};
use crate::{
    cluster::{Caller, Desk},
    document::{FlashJobDocument, PlanDocument},
    problem::{Cause, Problem, Refusal},
    view::Plan,
};

/// How long the registry of the firmware is waited for: the answer has to come in the time of a request.
const REGISTRY: Duration = Duration::from_secs(15);

/// Options of a plan.
#[derive(Deserialize, IntoParams, Clone, Copy, Debug, Default)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct How {
    /// Whether the registry is asked which image it serves for the firmware, for which kinds of device, and who signed it. Only for those
    /// who may create FlashJobs in the namespace, for whom the operator asks it, too.
    #[serde(default = "yes")]
    #[param(default = true, required = false)]
    registry: bool,
}

fn yes() -> bool {
    true
}

/// Say what a FlashJob would do if it were created now: which devices, in which steps, how long, and what would be refused. Nothing is
/// created.
#[utoipa::path(
    post, path = "/api/v1/namespaces/{namespace}/plan", tag = "FlashJobs", operation_id = "planFlashJob",
    params(Namespaced, How),
    request_body(content = FlashJobDocument, example = json!({
        "metadata": {"name": "thermo-1.2.0"},
        "spec": {
            "deviceSelector": {"matchProperties": {"DEVICE": "esp32"}},
            "firmware": "registry.example.com/esp32-thermo:1.2.0", "version": "1.2.0",
        },
    })),
    responses(
        (status = 200, description = "The same as `kubectl flashjob plan` says. `notSeen` has what the sender may not read.", body = PlanDocument),
        (status = 422, description = "The API server would refuse it.", body = Problem, content_type = "application/problem+json"),
        Refusal,
    )
)]
pub async fn plan(
    State(desk): State<Desk>,
    caller: Caller,
    Path(Namespaced { namespace }): Path<Namespaced>,
    Query(how): Query<How>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Plan>, Problem> {
    only_json(&headers)?;
    let job = job(&namespace, &body)?;
    let may_create = caller
        .allowed("create", namespace.as_str(), &job.name)
        .await?;
    let _place = desk.plans.acquire().await;
    let reader = caller.reader();
    let asking = Asking {
        reader: &reader,
        own_addresses: caller.own_addresses(),
        operator_namespace: &desk.operator_namespace,
        given: None,
    };
    let foretold = Box::pin(asking.foretell(job)).await;
    let mut foretold = foretold.map_err(|error| {
        let words = format!(
            "the cluster cannot be read: {}; try again",
            words(error.as_ref())
        );
        Problem::new(StatusCode::BAD_GATEWAY, words)
    })?;
    if how.registry && may_create {
        let asked = ask_registry(&reader, &desk.operator_namespace, &mut foretold);
        let asked = tokio::time::timeout(REGISTRY, Box::pin(asked)).await;
        if asked.is_err() {
            foretold.image = Some(FirmwareForecast {
                unknown: Some(format!(
                    "the registry of {} did not answer within {} s; plan again, or leave it alone with registry=false",
                    foretold.firmware,
                    REGISTRY.as_secs()
                )),
                ..FirmwareForecast::default()
            });
        }
    }
    Ok(Json(Plan::of(foretold, may_create)))
}

/// The job of a body, if the API server would take it.
fn job(namespace: &Name, body: &[u8]) -> Result<Job, Problem> {
    let document: Value = serde_json::from_slice(body)
        .map_err(|error| Problem::bad_request(format!("the body is not JSON: {error}")))?;
    let other = document["metadata"]["namespace"].as_str();
    if let Some(other) = other.filter(|other| *other != namespace.as_str()) {
        let words = format!(
            "metadata.namespace is {other:?} and the path names {}: leave it out",
            namespace.as_str()
        );
        return Err(Problem::bad_request(words));
    }
    let guard: Guarded<FlashJob> =
        checked(Kind::FlashJob, namespace.as_str(), document).map_err(|error| unusable(&error))?;
    let no_name = || unusable(&Unusable::NotIt("metadata.name: Required value".to_owned()));
    let job = Job::parse(&guard).ok_or_else(no_name)?;
    Name::try_from(job.name.clone()).map_err(|error| {
        unusable(&Unusable::Invalid {
            kind: "FlashJob",
            problems: vec![format!(
                "metadata.name: Invalid value: {:?}: {error}",
                job.name
            )],
        })
    })?;
    match job.spec.as_ref().err().or(job.invalid.as_ref()) {
        Some(error) => Err(unusable(&Unusable::NotIt(error.clone()))),
        None => Ok(job),
    }
}

/// The API server would refuse it.
fn unusable(error: &Unusable) -> Problem {
    let causes = match error {
        Unusable::NotIt(_) => Vec::new(),
        Unusable::Invalid { problems, .. } => problems.iter().map(|words| cause(words)).collect(),
    };
    Problem {
        reason: Some("Invalid".to_owned()),
        causes,
        ..Problem::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string())
    }
}

/// `FIELD: WORDS`, apart.
fn cause(words: &str) -> Cause {
    let (field, message) = words.split_once(": ").unwrap_or(("", words));
    Cause {
        field: Some(field.to_owned()).filter(|field| !field.is_empty()),
        reason: "FieldValueInvalid".to_owned(),
        message: message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn refusal(body: &str) -> Option<Problem> {
        let namespace = Name::try_from("demo".to_owned()).unwrap();
        job(&namespace, body.as_bytes()).err()
    }

    #[rstest]
    #[case::no_json("{", 400, "not JSON")]
    #[case::another_namespace(
        r#"{"metadata": {"name": "a", "namespace": "b"}}"#,
        400,
        "the path names demo"
    )]
    #[case::no_object("[]", 422, "")]
    #[case::another_kind(r#"{"kind": "Pod"}"#, 422, "must be \"FlashJob\"")]
    #[case::no_name(
        r#"{"spec": {"firmware": "f:1", "version": "1", "uuid": ["7e4a6e7b-bee6-4fac-bdea-43d671baaa15"]}}"#,
        422,
        "metadata.name"
    )]
    #[case::a_name_that_no_object_has(r#"{"metadata": {"name": "A b"}, "spec": {"firmware": "f:1", "version": "1", "uuid": ["7e4a6e7b-bee6-4fac-bdea-43d671baaa15"]}}"#, 422, "metadata.name")]
    #[case::an_unknown_field(r#"{"metadata": {"name": "a"}, "spec": {"firmware": "f:1", "version": "1", "frimware": "f"}}"#, 422, "spec.frimware")]
    fn what_the_api_server_would_refuse_is_refused_with_its_field(
        #[case] body: &str,
        #[case] status: u16,
        #[case] words: &str,
    ) {
        let problem = refusal(body).expect("a refusal");
        assert_eq!(problem.status, status, "{problem:?}");
        assert!(problem.detail.contains(words), "{problem:?}");
    }

    #[test]
    fn a_job_without_what_the_api_server_fills_in_is_taken() {
        let body = r#"{"metadata": {"name": "a"}, "spec": {"firmware": "f:1", "version": "1", "uuid": ["7e4a6e7b-bee6-4fac-bdea-43d671baaa15"]}}"#;
        assert_eq!(refusal(body), None);
    }
}
