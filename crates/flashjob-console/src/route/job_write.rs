//! FlashJobs are created, replaced, patched and deleted: the API server checks what is sent, and refuses unknown fields.

use axum::{
    Json,
    body::Bytes,
    extract::{Path, Query},
    http::{HeaderMap, HeaderValue, header::LOCATION},
    response::{IntoResponse, Response},
};
use kube::api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use serde_json::{Value, json};

use super::{
    body::{
        JSON_PATCH, MANAGER, MERGE_PATCH, Write, accept_patch, media_type, only_json, strict,
        unsupported,
    },
    entity_tag::{IfMatch, entity_tag},
    place::{Name, Namespaced, OfJob, jobs},
};
use crate::{
    cluster::{Answer, Built, Caller},
    document::{Deletion, FlashJobDocument, FlashJobPatch},
    problem::{Problem, Refusal},
};

fn post(write: &Write) -> PostParams {
    PostParams {
        dry_run: write.is_dry(),
        field_manager: Some(MANAGER.to_owned()),
    }
}

/// The body as it came, or with the version that is demanded of it.
fn demanding(body: &Bytes, if_match: &IfMatch, demand: fn(&IfMatch, &mut Value)) -> Vec<u8> {
    if if_match.version().is_none() {
        return body.to_vec();
    }
    // The API server refuses what is not JSON, in its own words.
    let Ok(mut object) = serde_json::from_slice(body) else {
        return body.to_vec();
    };
    demand(if_match, &mut object);
    object.to_string().into_bytes()
}

fn written(answer: Answer) -> Response {
    let tag = entity_tag(&answer.object);
    (answer.code, tag, Json(answer.object)).into_response()
}

/// Create a FlashJob.
#[utoipa::path(
    post, path = "/api/v1/namespaces/{namespace}/flashjobs", tag = "FlashJobs", operation_id = "createFlashJob",
    params(Namespaced, Write),
    request_body(content = FlashJobDocument, example = json!({
        "apiVersion": "application.flashjob.nbfc.io/v1alpha1", "kind": "FlashJob", "metadata": {"name": "thermo-1.2.0"},
        "spec": {
            "deviceSelector": {"matchProperties": {"DEVICE": "esp32"}},
            "firmware": "registry.example.com/esp32-thermo:1.2.0", "version": "1.2.0",
        },
    })),
    responses(
        (status = 201, description = "The FlashJob as it was created.", body = FlashJobDocument),
        Refusal,
    )
)]
pub async fn create(
    caller: Caller,
    Path(Namespaced { namespace }): Path<Namespaced>,
    Query(write): Query<Write>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    only_json(&headers)?;
    let request = jobs(&namespace).create(&post(&write), body.to_vec());
    let answer = caller.ask(request.map(strict)).await?;
    let name = answer.object["metadata"]["name"].as_str();
    let place =
        name.map(|name| format!("/api/v1/namespaces/{}/flashjobs/{name}", namespace.as_str()));
    let mut response = written(answer);
    if let Some(place) = place.and_then(|place| HeaderValue::from_str(&place).ok()) {
        response.headers_mut().insert(LOCATION, place);
    }
    Ok(response)
}

/// Replace a FlashJob: with the header If-Match, or metadata.resourceVersion, only the version that was read.
#[utoipa::path(
    put, path = "/api/v1/namespaces/{namespace}/flashjobs/{name}", tag = "FlashJobs", operation_id = "replaceFlashJob",
    params(
        OfJob,
        Write, ("If-Match" = Option<String>, Header, description = "ETag of the version that is replaced"),
    ),
    request_body(content = FlashJobDocument),
    responses(
        (status = 200, description = "The FlashJob as it is then.", body = FlashJobDocument),
        (status = 412, description = "It has another version.", body = Problem, content_type = "application/problem+json"),
        Refusal,
    )
)]
pub async fn replace(
    caller: Caller,
    Path(OfJob { namespace, name }): Path<OfJob>,
    Query(write): Query<Write>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    only_json(&headers)?;
    let if_match = IfMatch::of(&headers)?;
    let body = demanding(&body, &if_match, IfMatch::demand);
    let request = jobs(&namespace).replace(name.as_str(), &post(&write), body);
    let asked = caller.ask(request.map(strict)).await;
    Ok(written(asked.map_err(|problem| if_match.judge(problem))?))
}

/// Patch a FlashJob: by a merge patch or a JSON patch, as the header Content-Type says.
#[utoipa::path(
    patch, path = "/api/v1/namespaces/{namespace}/flashjobs/{name}", tag = "FlashJobs", operation_id = "patchFlashJob",
    params(
        OfJob,
        Write, ("If-Match" = Option<String>, Header, description = "ETag of the version that is patched"),
    ),
    request_body(content(
        (FlashJobPatch = "application/merge-patch+json", example = json!({"spec": {"parallelism": 2}})),
        (Vec<FlashJobPatch> = "application/json-patch+json", example = json!([{"op": "add", "path": "/spec/parallelism", "value": 2}])),
    )),
    responses(
        (status = 200, description = "The FlashJob as it is then.", body = FlashJobDocument),
        (status = 412, description = "It has another version.", body = Problem, content_type = "application/problem+json"),
        Refusal,
    )
)]
pub async fn patch(
    caller: Caller,
    Path(OfJob { namespace, name }): Path<OfJob>,
    Query(write): Query<Write>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let if_match = IfMatch::of(&headers)?;
    let Some(request) = patching(&namespace, &name, &write, media_type(&headers).as_deref()) else {
        let refusal = unsupported(&format!("{MERGE_PATCH} or {JSON_PATCH}"));
        return Ok(([accept_patch()], refusal).into_response());
    };
    let is_merged = media_type(&headers).as_deref() == Some(MERGE_PATCH);
    let demand = if is_merged {
        IfMatch::demand
    } else {
        IfMatch::demand_of_patch
    };
    let body = demanding(&body, &if_match, demand);
    let request = request.map(|request| strict(request.map(|_| body)));
    let asked = caller.ask(request).await;
    Ok(written(asked.map_err(|problem| if_match.judge(problem))?))
}

/// A patch of that media type that says nothing yet.
fn patching(namespace: &Name, name: &Name, write: &Write, kind: Option<&str>) -> Option<Built> {
    let parameters = PatchParams {
        dry_run: write.is_dry(),
        field_manager: Some(MANAGER.to_owned()),
        ..PatchParams::default()
    };
    let patch = match kind? {
        MERGE_PATCH => Patch::Merge(json!({})),
        JSON_PATCH => Patch::Json(json_patch::Patch::default()),
        _ => return None,
    };
    Some(jobs(namespace).patch(name.as_str(), &parameters, &patch))
}

/// Delete a FlashJob. Its devices are released by the operator, so it may be there for a while.
#[utoipa::path(
    delete, path = "/api/v1/namespaces/{namespace}/flashjobs/{name}", tag = "FlashJobs", operation_id = "deleteFlashJob",
    params(
        OfJob,
        Write, ("If-Match" = Option<String>, Header, description = "ETag of the version that is deleted"),
    ),
    responses(
        (status = 200, description = "It is deleted, or being deleted: then this is the FlashJob.", body = Deletion),
        (status = 412, description = "It has another version.", body = Problem, content_type = "application/problem+json"),
        Refusal,
    )
)]
pub async fn delete(
    caller: Caller,
    Path(OfJob { namespace, name }): Path<OfJob>,
    Query(write): Query<Write>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let if_match = IfMatch::of(&headers)?;
    let parameters = DeleteParams {
        dry_run: write.is_dry(),
        preconditions: if_match.version().map(|version| Preconditions {
            resource_version: Some(version.to_owned()),
            uid: None,
        }),
        ..DeleteParams::default()
    };
    let request = jobs(&namespace).delete(name.as_str(), &parameters);
    let asked = caller.ask(request).await;
    Ok(written(asked.map_err(|problem| if_match.judge(problem))?))
}
