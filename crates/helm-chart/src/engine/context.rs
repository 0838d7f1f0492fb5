//! What a template starts from: `.Values`, `.Release`, `.Chart`, `.Capabilities`, `.Files`, `.Template`. Pure.

mod cluster;

use std::rc::Rc;
use std::sync::Arc;

use serde_json::Value as Json;

use self::cluster::{CapabilitiesValue, KubeVersion};
use super::value::{Dict, DictType, Entries, Value};
use super::{Capabilities, Release};
use crate::{File, Metadata};

/// The root of every template of one rendering. All of them share it, so `set $ …` is seen by later ones.
pub(super) fn root(
    metadata: &Metadata,
    files: &[File],
    values: &Json,
    release: &Release,
    capabilities: &Arc<Capabilities>,
) -> Dict {
    let values = match Value::from_json(values) {
        Value::Dict(dict) => dict.retyped(DictType::Values),
        _ => Dict::typed(DictType::Values, Entries::new()),
    };
    let files = files
        .iter()
        .map(|file| (Rc::from(file.name.as_str()), Value::bytes(&file.data)))
        .collect();
    let entries = entries([
        ("Values", Value::Dict(values)),
        ("Release", release_value(release)),
        ("Chart", chart_value(metadata)),
        (
            "Capabilities",
            Value::Object(Rc::new(CapabilitiesValue(Arc::clone(capabilities)))),
        ),
        ("Files", Value::Dict(Dict::typed(DictType::Files, files))),
        ("Subcharts", Value::dict(Entries::new())),
    ]);
    Dict::typed(DictType::Values, entries)
}

/// A Kubernetes version without suffixes, as constraints are checked against.
pub(super) fn kube_version(version: &str) -> String {
    KubeVersion::new(version).normalized
}

/// `.Template` of one file.
pub(super) fn template(name: &str, base: &str) -> Value {
    let entries = entries([
        ("Name", Value::string(name)),
        ("BasePath", Value::string(base)),
    ]);
    Value::Dict(Dict::typed(DictType::Values, entries))
}

fn entries<const N: usize>(pairs: [(&str, Value); N]) -> Entries {
    pairs
        .into_iter()
        .map(|(key, value)| (Rc::from(key), value))
        .collect()
}

fn release_value(release: &Release) -> Value {
    Value::dict(entries([
        ("Name", Value::string(&release.name)),
        ("Namespace", Value::string(&release.namespace)),
        ("Revision", Value::Int(i64::from(release.revision))),
        ("IsInstall", Value::Bool(release.is_install)),
        ("IsUpgrade", Value::Bool(release.is_upgrade)),
        ("Service", Value::string("Helm")),
    ]))
}

/// The fields of `Chart.yaml` under the names of Helm's structure, absent ones as zero values.
fn chart_value(metadata: &Metadata) -> Value {
    let field = |name: &str| metadata.raw.get(name).unwrap_or(&Json::Null);
    let string = |name: &str| Value::string(one_line(field(name)));
    let maintainers = field("maintainers")
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let maintainers = maintainers.iter().map(|one| {
        let part = |name: &str| Value::string(one_line(one.get(name).unwrap_or(&Json::Null)));
        Value::dict(entries([
            ("Name", part("name")),
            ("Email", part("email")),
            ("URL", part("url")),
        ]))
    });
    let annotations = match field("annotations").as_object() {
        Some(fields) => Dict::typed(
            DictType::Strings,
            fields
                .iter()
                .map(|(key, value)| (Rc::from(key.as_str()), Value::string(scalar(value))))
                .collect(),
        ),
        None => Dict::typed(DictType::NilStrings, Entries::new()),
    };
    Value::dict(entries([
        ("Name", Value::string(&metadata.name)),
        ("Home", string("home")),
        ("Sources", strings(field("sources"))),
        ("Version", Value::string(&metadata.version)),
        ("Description", string("description")),
        ("Keywords", strings(field("keywords"))),
        ("Maintainers", Value::list(maintainers.collect())),
        ("Icon", string("icon")),
        ("APIVersion", Value::string(&metadata.api_version)),
        ("Condition", string("condition")),
        ("Tags", string("tags")),
        (
            "AppVersion",
            Value::string(metadata.app_version.as_deref().unwrap_or_default()),
        ),
        (
            "Deprecated",
            Value::Bool(field("deprecated").as_bool().unwrap_or(false)),
        ),
        ("Annotations", Value::Dict(annotations)),
        (
            "KubeVersion",
            Value::string(metadata.kube_version.as_deref().unwrap_or_default()),
        ),
        ("Dependencies", Value::list(Vec::new())),
        ("Type", Value::string(scalar(field("type")))),
        ("IsRoot", Value::Bool(true)),
    ]))
}

fn strings(value: &Json) -> Value {
    let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
    Value::list(
        items
            .iter()
            .map(|item| Value::string(one_line(item)))
            .collect(),
    )
}

/// A scalar as text, white space as single spaces and nothing unprintable: Helm cleans most fields of `Chart.yaml` so.
pub(crate) fn one_line(value: &Json) -> String {
    let kept = |character: char| match character {
        space if space.is_whitespace() => Some(' '),
        other => super::number::is_print(other).then_some(other),
    };
    scalar(value).chars().filter_map(kept).collect()
}

/// A scalar where Helm's structure has a string: numbers and booleans become text.
pub(crate) fn scalar(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Bool(flag) => flag.to_string(),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(number), _) => number.to_string(),
            (None, Some(number)) => super::number::float(number),
            (None, None) => number.to_string(),
        },
        Json::Null | Json::Array(_) | Json::Object(_) => String::new(),
    }
}
