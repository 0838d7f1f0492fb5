//! A record as bytes, the way Helm stores it: base64 of gzip of JSON.
//!
//! Pure and deterministic: the same record gives the same bytes, so a write that changes nothing can be told by comparing.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{ApplyMethod, Attachment, Info, Record, chart_cache};
use helm_chart::Metadata;

/// Fields of `Chart.yaml` that are text in Helm's types.
const TEXT: [&str; 10] = [
    "name",
    "home",
    "version",
    "description",
    "icon",
    "apiVersion",
    "condition",
    "tags",
    "kubeVersion",
    "type",
];

/// The bytes of `data.release`, before the API's own base64.
///
/// `info` and `chart.metadata` are always written: without them one record crashes `helm list` for the whole namespace. The record
/// does not bear a file of its chart that has the attachment's name.
#[must_use]
pub fn encode<A: Attachment>(record: &Record<A>) -> Vec<u8> {
    let attached = record.attachment.as_ref().map(Attachment::to_file);
    let packed = chart_cache::pack(beginning(record), &record.chart, attached.as_ref());
    STANDARD.encode(packed).into_bytes()
}

/// The text of a record, but for the fields of its chart that follow the metadata.
fn beginning<A>(record: &Record<A>) -> String {
    let Record {
        name,
        namespace,
        version,
        apply_method,
        config,
        manifest,
        info,
        chart,
        hooks,
        attachment: _,
    } = record;
    let mut document = json!({
        "name": name,
        "namespace": namespace,
        "version": version,
        "config": object_or_empty(config),
        "manifest": manifest,
        "info": info_json(info),
        "hooks": hooks,
    });
    if *apply_method == ApplyMethod::ServerSide {
        document["apply_method"] = json!("ssa");
    }
    let mut text = document.to_string();
    // The chart follows before the object is closed.
    text.pop();
    let metadata = metadata_json(&chart.metadata);
    format!(r#"{text},"chart":{{"lock":null,"metadata":{metadata},"#)
}

fn info_json(info: &Info) -> Value {
    let Info {
        first_deployed,
        last_deployed,
        deleted,
        status,
        description,
        notes,
    } = info;
    let mut fields = Map::new();
    let times = [
        ("first_deployed", first_deployed),
        ("last_deployed", last_deployed),
        ("deleted", deleted),
    ];
    for (key, time) in times {
        if let Some(time) = time {
            fields.insert(key.to_owned(), json!(Timestamp::to_string(time)));
        }
    }
    fields.insert("status".to_owned(), json!(status.as_str()));
    fields.insert("description".to_owned(), json!(description));
    if !notes.is_empty() {
        fields.insert("notes".to_owned(), json!(notes));
    }
    Value::Object(fields)
}

/// `Chart.yaml` in the types that Helm decodes it into: one number where Helm wants text would make the whole record unreadable.
pub(crate) fn metadata_json(metadata: &Metadata) -> Value {
    let Metadata {
        name,
        version,
        api_version,
        app_version,
        kube_version,
        raw,
    } = metadata;
    let mut fields = texts(raw, &TEXT);
    for key in ["sources", "keywords"] {
        if let Some(list) = raw.get(key).and_then(Value::as_array) {
            fields.insert(key.to_owned(), list.iter().filter_map(text).collect());
        }
    }
    if let Some(annotations) = raw.get("annotations").and_then(Value::as_object) {
        let texts: Map<_, _> = annotations
            .iter()
            .filter_map(|(key, value)| Some((key.clone(), Value::String(text(value)?))))
            .collect();
        fields.insert("annotations".to_owned(), Value::Object(texts));
    }
    if let Some(people) = raw.get("maintainers").and_then(Value::as_array) {
        fields.insert(
            "maintainers".to_owned(),
            people.iter().map(maintainer).collect(),
        );
    }
    if let Some(deprecated) = raw.get("deprecated").filter(|value| value.is_boolean()) {
        fields.insert("deprecated".to_owned(), deprecated.clone());
    }
    if let Some(dependencies) = raw.get("dependencies").and_then(Value::as_array) {
        fields.insert(
            "dependencies".to_owned(),
            dependencies.iter().map(dependency).collect(),
        );
    }
    let typed = [
        ("name", Some(name)),
        ("version", Some(version)),
        ("apiVersion", Some(api_version)),
        ("appVersion", app_version.as_ref()),
        ("kubeVersion", kube_version.as_ref()),
    ];
    for (key, value) in typed {
        if let Some(value) = value {
            fields.insert(key.to_owned(), json!(value));
        }
    }
    Value::Object(fields)
}

fn maintainer(person: &Value) -> Value {
    Value::Object(texts(person, &["name", "email", "url"]))
}

fn dependency(chart: &Value) -> Value {
    let mut fields = texts(
        chart,
        &["name", "version", "repository", "condition", "alias"],
    );
    if let Some(tags) = chart.get("tags").and_then(Value::as_array) {
        fields.insert("tags".to_owned(), tags.iter().filter_map(text).collect());
    }
    if let Some(imports) = chart.get("import-values").filter(|value| value.is_array()) {
        fields.insert("import-values".to_owned(), imports.clone());
    }
    Value::Object(fields)
}

fn texts(object: &Value, keys: &[&str]) -> Map<String, Value> {
    let values = keys.iter().filter_map(|key| {
        Some((
            (*key).to_owned(),
            Value::String(object.get(key).and_then(text)?),
        ))
    });
    values.collect()
}

/// A scalar as text; nothing else has one.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Helm decodes values into a map: anything else would make the record unreadable.
pub(super) fn object_or_empty(value: &Value) -> Value {
    if value.is_object() {
        value.clone()
    } else {
        json!({})
    }
}
