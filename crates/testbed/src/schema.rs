//! Walks over the schema of a CRD, and the documents that they lead to.

use serde_json::{Value, json};

/// Every schema below `schema`, with its path; itself first.
pub fn walk(path: &str, schema: &Value, found: &mut Vec<(String, Value)>) {
    found.push((path.to_owned(), schema.clone()));
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        walk(&format!("{path}.{name}"), property, found);
    }
    if schema["items"].is_object() {
        walk(&format!("{path}[]"), &schema["items"], found);
    }
}

/// Fields of which an object has exactly one.
const ONE_OF: [[&str; 2]; 3] = [
    ["key", "keyless"],
    ["issuer", "issuerRegExp"],
    ["subject", "subjectRegExp"],
];

/// What a spec needs beside the field that is looked at.
fn required(name: &str) -> Value {
    match name {
        "devices" | "max" => json!(1),
        "operator" => json!("Exists"),
        "start" => json!("22:00"),
        "durationSeconds" => json!(3600),
        "step" => json!("1.1"),
        "decision" => json!("Deny"),
        "identities" => json!([{"issuer": "f", "subject": "f"}]),
        _ => json!("f"),
    }
}

/// Two documents that hold what is required and lead to the last field of this path: in one it is null, in the other absent.
pub fn with_null_and_without(schema: &Value, path: &str) -> (Value, Value) {
    let path: Vec<&str> = path.split('.').collect();
    let null = with_null(schema, &path);
    let mut absent = null.clone();
    remove(&mut absent, &path);
    (null, absent)
}

fn with_null(schema: &Value, path: &[&str]) -> Value {
    let Some((field, rest)) = path.split_first() else {
        return Value::Null;
    };
    let list = field.ends_with("[]");
    let name = field.trim_end_matches("[]");
    let below = &schema["properties"][name];
    let inner = with_null(if list { &below["items"] } else { below }, rest);
    let needed = schema["required"].as_array().into_iter().flatten();
    let needed = needed.map(|name| name.as_str().unwrap());
    let mut document: serde_json::Map<String, Value> = needed
        .map(|name| (name.to_owned(), required(name)))
        .collect();
    if name == "selector" && !inner.is_null() {
        document.insert("from".to_owned(), json!("Selector"));
    }
    // A way to a registry goes with the repository in it.
    if name == "registry" && schema["properties"]["repository"].is_object() {
        document.insert("repository".to_owned(), json!("registry.example.com/f"));
    }
    for pair in ONE_OF {
        let given = pair.contains(&name) && !inner.is_null();
        let other = pair.into_iter().find(|field| *field != name);
        if let Some(other) = other.filter(|_| schema["properties"][pair[1]].is_object() && !given) {
            let value = match other {
                "key" => json!({"secretName": "f"}),
                "keyless" => {
                    json!({"trustedRootSecretName": "f", "identities": required("identities")})
                }
                _ => json!("f"),
            };
            document.insert(other.to_owned(), value);
        }
    }
    let value = if list { json!([inner]) } else { inner };
    document.insert(name.to_owned(), value);
    Value::Object(document)
}

/// The paths of all fields of a spec that may be null.
pub fn optional_fields(schema: &Value) -> Vec<String> {
    let mut found = Vec::new();
    walk("", schema, &mut found);
    let nullable = found
        .into_iter()
        .filter(|(_, schema)| schema["nullable"] == true);
    nullable.map(|(path, _)| path[1..].to_owned()).collect()
}

fn remove(document: &mut Value, path: &[&str]) {
    let name = path[0].trim_end_matches("[]");
    if path.len() == 1 {
        document.as_object_mut().unwrap().remove(name);
    } else if path[0].ends_with("[]") {
        remove(&mut document[name][0], &path[1..]);
    } else {
        remove(&mut document[name], &path[1..]);
    }
}
