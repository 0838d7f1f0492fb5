//! Whether an answer is one that the document promises.

use std::sync::OnceLock;

use axum::http::Method;
use serde_json::{Value, json};

use super::asked::Said;

/// The document as the program serves it.
pub fn document() -> &'static Value {
    static DOCUMENT: OnceLock<Value> = OnceLock::new();
    DOCUMENT.get_or_init(|| flashjob_console::server::routes().1)
}

/// The path of the document that this one is.
fn template(path: &str) -> Option<&'static str> {
    let paths = document()["paths"].as_object().expect("an object");
    let same = |template: &&String| {
        let (mut left, mut right) = (template.split('/'), path.split('/'));
        loop {
            match (left.next(), right.next()) {
                (None, None) => return true,
                (Some(one), Some(other)) if one.starts_with('{') || one == other => {}
                _ => return false,
            }
        }
    };
    paths.keys().find(same).map(String::as_str)
}

/// Panics unless the answer has the status, the media type and the schema that the document has for it.
#[track_caller]
pub fn assert_conforms(method: &Method, path: &str, said: &Said) {
    let Some(template) = template(path) else {
        assert_eq!(said.status, 404, "{path} is not in the document");
        return;
    };
    let operation = &document()["paths"][template][method.as_str().to_lowercase()];
    if operation.is_null() {
        assert_eq!(
            said.status, 405,
            "{method} {template} is not in the document"
        );
        return;
    }
    let responses = &operation["responses"];
    let expected = [said.status.to_string().as_str(), "default"]
        .into_iter()
        .map(|status| &responses[status])
        .find(|response| !response.is_null())
        .unwrap_or_else(|| panic!("{method} {template} has no {}", said.status));
    let kind = said.headers["content-type"].to_str().expect("text");
    let kind = kind.split(';').next().unwrap_or_default();
    let schema = &expected["content"][kind]["schema"];
    assert!(
        !schema.is_null(),
        "{method} {template}: no {kind} for {}",
        said.status
    );
    if !kind.ends_with("json") {
        return;
    }
    let mut whole = schema.clone();
    whole["components"] = document()["components"].clone();
    let validator = jsonschema::draft202012::new(&whole).expect("a schema");
    let faults = validator.iter_errors(&said.body);
    let faults: Vec<_> = faults
        .map(|fault| format!("{}: {fault}", fault.instance_path()))
        .collect();
    assert!(
        faults.is_empty(),
        "{method} {template}: {faults:#?}\n{:#}",
        said.body
    );
}

#[test]
fn an_answer_that_the_document_does_not_promise_is_noticed() {
    let said = Said {
        status: 200,
        headers: axum::http::HeaderMap::from_iter([(
            axum::http::header::CONTENT_TYPE,
            "application/json".parse().unwrap(),
        )]),
        body: json!({"kind": "FlashJob", "spec": {"version": 1}}),
    };
    let path = "/api/v1/namespaces/a/flashjobs/b";
    let held = std::panic::catch_unwind(|| assert_conforms(&Method::GET, path, &said));
    assert!(held.is_err());
}
