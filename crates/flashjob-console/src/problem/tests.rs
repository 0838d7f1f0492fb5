use rstest::rstest;
use serde_json::json;

use super::*;

#[test]
fn the_api_servers_reason_and_the_fields_that_it_names_are_kept() {
    let status = json!({
        "kind": "Status", "reason": "Invalid", "message": "FlashJob \"a\" is invalid", "code": 422,
        "details": {"causes": [{"reason": "FieldValueRequired", "message": "Required value", "field": "spec.firmware"}]},
    });
    let problem = Problem::of_status(StatusCode::UNPROCESSABLE_ENTITY, &status);
    assert_eq!(problem.reason.as_deref(), Some("Invalid"));
    assert_eq!(problem.causes[0].field.as_deref(), Some("spec.firmware"));
    assert_eq!(problem.title, "Unprocessable Entity");
    assert_eq!(
        serde_json::to_value(&problem).unwrap()["type"],
        "about:blank"
    );
}

#[rstest]
#[case::unknown(
    "FlashJob in version \"v1alpha1\" cannot be handled as a FlashJob: strict decoding error: unknown field \"spec.paralelism\"",
    &[("spec.paralelism", "FieldValueUnknown")]
)]
#[case::two(
    "strict decoding error: duplicate field \"spec\", unknown field \"spec.steps[0].x\"",
    &[("spec", "FieldValueDuplicate"), ("spec.steps[0].x", "FieldValueUnknown")]
)]
#[case::of_a_patch(
    "FlashJob is invalid: patch: Invalid value: \"{\\\"a\\\": 1}\": strict decoding error: unknown field \"spec.x\"",
    &[("spec.x", "FieldValueUnknown")]
)]
#[case::of_another_kind("json: cannot unmarshal string into Go value", &[])]
fn an_unknown_field_is_named_with_its_path(
    #[case] message: &str,
    #[case] expected: &[(&str, &str)],
) {
    let status = json!({"reason": "BadRequest", "message": message});
    let problem = Problem::of_status(StatusCode::BAD_REQUEST, &status);
    let causes: Vec<_> = problem
        .causes
        .iter()
        .map(|cause| {
            (
                cause.field.as_deref().unwrap_or_default(),
                cause.reason.as_str(),
            )
        })
        .collect();
    assert_eq!(causes, expected);
}

#[test]
fn who_is_not_known_is_told_how_to_say_who_it_is() {
    let response = Problem::no_token().into_response();
    assert_eq!(response.status(), 401);
    assert_eq!(response.headers()[WWW_AUTHENTICATE], CHALLENGE);
    assert_eq!(response.headers()[CONTENT_TYPE], MEDIA_TYPE);
}

#[tokio::test]
async fn a_bare_refusal_becomes_a_problem_and_keeps_its_headers() {
    let bare = (StatusCode::METHOD_NOT_ALLOWED, [("allow", "GET")]).into_response();
    let problem = of_bare(bare).await;
    assert_eq!(problem.headers()["allow"], "GET");
    let body = to_bytes(problem.into_body(), WORDS).await.unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["status"], 405);
    let panic = (StatusCode::INTERNAL_SERVER_ERROR, "secret").into_response();
    let body = to_bytes(of_bare(panic).await.into_body(), WORDS)
        .await
        .unwrap();
    assert!(!String::from_utf8_lossy(&body).contains("secret"));
}
