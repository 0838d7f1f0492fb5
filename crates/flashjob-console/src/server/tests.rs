//! What holds without any API server behind the console.

use axum::{
    body::{Body, to_bytes},
    http::Request,
    response::Response,
};
use kube::Config;
use rstest::rstest;
use serde_json::json;
use tower::ServiceExt;

use super::*;
use crate::cluster::Door;

/// A console whose API server is not there.
fn alone() -> Router {
    let config = Config::new("https://127.0.0.1:1".parse().expect("an address"));
    console(Desk::new(Door::new(&config).expect("a door")))
}

async fn ask(request: Request<Body>) -> (Response<()>, String) {
    let answer = alone().oneshot(request).await.expect("an answer");
    let (parts, body) = answer.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let body = String::from_utf8_lossy(&body).into_owned();
    (Response::from_parts(parts, ()), body)
}

async fn get_page(path: &str) -> (Response<()>, String) {
    ask(Request::get(path).body(Body::empty()).unwrap()).await
}

const JOBS: &str = "/api/v1/namespaces/demo/flashjobs";

#[tokio::test]
async fn every_page_says_what_a_browser_may_do_with_it() {
    for path in ["/healthz", "/nowhere", JOBS, DOCUMENT] {
        let (answer, _) = get_page(path).await;
        let headers = answer.headers();
        assert_eq!(headers["content-security-policy"], POLICY, "{path}");
        assert_eq!(headers["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(headers["referrer-policy"], "no-referrer", "{path}");
    }
}

#[tokio::test]
async fn who_sends_no_token_is_asked_for_one_before_anything_else() {
    let (answer, body) = get_page("/api/v1/namespaces/NO%20NAME/flashjobs?limit=x").await;
    assert_eq!(answer.status(), 401);
    let challenge = answer.headers()["www-authenticate"].to_str().unwrap();
    assert!(challenge.starts_with("Bearer "), "{challenge}");
    let problem: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(problem["status"], 401);
    assert_eq!(problem["reason"], "Unauthorized");
}

#[rstest]
#[case::no_page("GET", "/nowhere", 404, "there is no such page")]
#[case::no_method("POST", "/healthz", 405, "this page has no such method")]
#[case::a_path_that_leads_elsewhere(
    "GET",
    "/api/v1/namespaces/..%2f..%2fsecrets/flashjobs",
    400,
    "a name has only"
)]
#[case::too_many_items(
    "GET",
    "/api/v1/namespaces/demo/flashjobs?limit=501",
    400,
    "limit is 501"
)]
#[case::a_parameter_that_there_is_not(
    "GET",
    "/api/v1/namespaces/demo/flashjobs?watch=1",
    400,
    "unknown field `watch`"
)]
#[case::no_api_server(
    "GET",
    "/api/v1/namespaces/demo/flashjobs",
    502,
    "the API server cannot be reached"
)]
#[case::no_media_type(
    "POST",
    "/api/v1/namespaces/demo/flashjobs",
    415,
    "the header Content-Type must be"
)]
#[tokio::test]
async fn every_refusal_is_a_problem(
    #[case] method: &str,
    #[case] path: &str,
    #[case] status: u16,
    #[case] words: &str,
) {
    let request = Request::builder().method(method).uri(path);
    let request = request.header("authorization", "Bearer t");
    let (answer, body) = ask(request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status(), status, "{body}");
    assert_eq!(answer.headers()["content-type"], problem::MEDIA_TYPE);
    let problem: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(problem["status"], status);
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains(words), "{detail}");
}

#[tokio::test]
async fn a_body_of_more_than_a_mebibyte_is_refused_whether_its_length_is_said_or_not() {
    let large = vec![b' '; BODY + 1];
    let chunks = futures::stream::iter([Ok::<_, std::io::Error>(large.clone())]);
    for body in [Body::from(large), Body::from_stream(chunks)] {
        let request = Request::post(JOBS)
            .header("authorization", "Bearer t")
            .header("content-type", "application/json");
        let (answer, body) = ask(request.body(body).unwrap()).await;
        assert_eq!(answer.status(), 413, "{body}");
        assert!(body.contains("1 MiB"), "{body}");
    }
}

#[rstest]
#[case::a_program(&[], 502)]
#[case::its_own_page(&[("sec-fetch-site", "same-origin")], 502)]
#[case::another_site(&[("sec-fetch-site", "cross-site")], 403)]
#[case::an_old_browser(&[("origin", "https://evil.example")], 403)]
#[case::an_old_browser_on_its_own_page(&[("origin", "http://console.example")], 502)]
#[tokio::test]
async fn what_a_page_of_another_site_sends_is_not_carried_out(
    #[case] headers: &[(&str, &str)],
    #[case] status: u16,
) {
    let mut request = Request::post(format!("{JOBS}/a/actions/suspend"))
        .header("authorization", "Bearer t")
        .header("host", "console.example");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (answer, body) = ask(request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status(), status, "{body}");
    assert_eq!(answer.headers()["content-type"], problem::MEDIA_TYPE);
}

#[tokio::test]
async fn the_document_is_of_openapi_3_1_and_asks_for_a_token() {
    let (answer, body) = get_page(DOCUMENT).await;
    assert_eq!(answer.status(), 200);
    let document: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["security"], json!([{"bearer": []}]));
    let firmware = &document["components"]["schemas"]["FlashJob"]["properties"]["spec"]["properties"]
        ["firmware"];
    assert_eq!(firmware["type"], "string");
}

/// Every reference of a document.
fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(fields) => {
            found.extend(fields.get("$ref").and_then(Value::as_str));
            fields.values().for_each(|value| references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

#[test]
fn every_reference_of_the_document_leads_to_a_schema_of_it() {
    let (_, document) = routes();
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(found.len() > 10, "{found:?}");
    for reference in found {
        let place = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(place).is_some(), "{reference}");
    }
}

/// `METHOD PATH` of each operation that the code of the routes declares.
fn declared() -> Vec<String> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/route");
    let mut found = Vec::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let code = std::fs::read_to_string(file.unwrap().path()).unwrap();
        for declaration in code.split("#[utoipa::path(").skip(1) {
            let (method, rest) = declaration.split_once(',').unwrap();
            let path = rest.split('"').nth(1).unwrap();
            found.push(format!("{} {path}", method.trim()));
        }
        assert!(!code.contains(".route("), "a route beside the document");
    }
    found.sort();
    found
}

#[test]
fn every_route_is_in_the_document() {
    let (_, document) = routes();
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().keys();
        methods.map(move |method| format!("{method} {path}"))
    });
    let mut operations: Vec<_> = operations.collect();
    operations.sort();
    assert_eq!(operations, declared());
    assert!(operations.len() > 8, "{operations:?}");
}

#[tokio::test]
async fn swagger_ui_is_whole_without_a_network_and_without_inline_scripts() {
    let (answer, page) = get_page("/docs/").await;
    assert_eq!(answer.status(), 200);
    let policy = answer.headers()["content-security-policy"]
        .to_str()
        .unwrap();
    assert_eq!(
        policy,
        "default-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    );
    assert!(
        !page.contains("<style") && !page.contains("style="),
        "{page}"
    );
    let mut files = 0;
    for tag in page
        .split('<')
        .filter(|tag| tag.starts_with("script") || tag.starts_with("link"))
    {
        let link = tag
            .split("src=\"")
            .nth(1)
            .or_else(|| tag.split("href=\"").nth(1));
        let file = link.unwrap_or_else(|| panic!("inline: {tag}"));
        let file = file.split('"').next().unwrap().trim_start_matches("./");
        assert!(!file.contains("//"), "{file} is somebody else's");
        let (answer, _) = get_page(&format!("/docs/{file}")).await;
        assert_eq!(answer.status(), 200, "{file}");
        files += 1;
    }
    assert!(files >= 5, "{files} files");
    let (_, script) = get_page("/docs/swagger-initializer.js").await;
    assert!(script.contains(DOCUMENT), "{script}");
    assert!(
        !script.contains("http://") && !script.contains("https://"),
        "{script}"
    );
}
