//! `Chart.yaml` and `values.yaml` as they are read. Pure.

use serde_json::{Map, Value};

use super::LoadError;
use crate::engine::context::{one_line, scalar};
use crate::yaml::{self, Shape};
use crate::{File, Metadata, values};

/// A dependency of `Chart.yaml` and `Chart.lock`.
const DEPENDENCY: Shape = Shape::Fields(&[
    ("name", Shape::Text),
    ("version", Shape::Text),
    ("repository", Shape::Text),
    ("condition", Shape::Text),
    ("tags", Shape::List(&Shape::Text)),
    ("enabled", Shape::Flag),
    ("import-values", Shape::List(&Shape::Any)),
    ("alias", Shape::Text),
]);
const MAINTAINER: Shape = Shape::Fields(&[
    ("name", Shape::Text),
    ("email", Shape::Text),
    ("url", Shape::Text),
]);
const METADATA: Shape = Shape::Fields(&[
    ("name", Shape::Text),
    ("home", Shape::Text),
    ("sources", Shape::List(&Shape::Text)),
    ("version", Shape::Text),
    ("description", Shape::Text),
    ("keywords", Shape::List(&Shape::Text)),
    ("maintainers", Shape::List(&MAINTAINER)),
    ("icon", Shape::Text),
    ("apiVersion", Shape::Text),
    ("condition", Shape::Text),
    ("tags", Shape::Text),
    ("appVersion", Shape::Text),
    ("deprecated", Shape::Flag),
    ("annotations", Shape::Map(&Shape::Text)),
    ("kubeVersion", Shape::Text),
    ("dependencies", Shape::List(&DEPENDENCY)),
    ("type", Shape::Text),
]);
const LOCK: Shape = Shape::Fields(&[
    ("generated", Shape::Time),
    ("digest", Shape::Text),
    ("dependencies", Shape::List(&DEPENDENCY)),
]);

/// A document of a known shape; an empty one has no fields.
fn document(file: &File, shape: &Shape) -> Result<Map<String, Value>, LoadError> {
    let wrong = |what: String| LoadError::file(&file.name, what);
    let read = yaml::parse_as(text(file)?, shape).map_err(|error| wrong(error.to_string()))?;
    match yaml::conform(read, shape).map_err(wrong)? {
        Value::Object(fields) => Ok(fields),
        _ => Ok(Map::new()),
    }
}

pub(super) fn text(file: &File) -> Result<&str, LoadError> {
    std::str::from_utf8(&file.data).map_err(|_| LoadError::file(&file.name, "is not UTF-8 text"))
}

/// Helm reads `Chart.lock` for its errors only.
pub(super) fn check_lock(file: &File) -> Result<(), LoadError> {
    document(file, &LOCK).map(drop)
}

pub(super) fn metadata_of(file: &File) -> Result<Metadata, LoadError> {
    let raw = document(file, &METADATA)?;
    let wrong = |what: String| LoadError::file(&file.name, what);
    let field = |name: &str| raw.get(name).map(one_line).filter(|text| !text.is_empty());
    let required = |name: &str| field(name).ok_or_else(|| wrong(format!("{name} is missing")));
    let name = required("name")?;
    if name.contains('/') || name == "." || name == ".." {
        return Err(wrong(format!("{name:?} is not a chart name")));
    }
    let version = required("version")?;
    if !is_version(&version) {
        return Err(wrong(format!(
            "version {version:?} is not a semantic version"
        )));
    }
    let api_version = field("apiVersion").unwrap_or_else(|| "v1".to_owned());
    if !matches!(api_version.as_str(), "v1" | "v2") {
        return Err(wrong(format!("apiVersion {api_version:?} is not v1 or v2")));
    }
    let kind = raw.get("type").map(scalar).unwrap_or_default();
    if !matches!(kind.as_str(), "" | "application" | "library") {
        return Err(wrong(format!(
            "type {kind:?} is not application or library"
        )));
    }
    for list in ["maintainers", "dependencies"] {
        let items = raw.get(list).and_then(Value::as_array);
        if items.is_some_and(|items| items.contains(&Value::Null)) {
            return Err(wrong(format!("{list} must not contain null")));
        }
    }
    Ok(Metadata {
        name,
        version,
        api_version,
        app_version: field("appVersion"),
        kube_version: field("kubeVersion"),
        raw: Value::Object(raw),
    })
}

/// Whether a text is a semantic version as loosely as Helm reads it: `1` and `v1.2` count too.
pub(super) fn is_version(text: &str) -> bool {
    let text = text.strip_prefix('v').unwrap_or(text);
    let end = text.find(['-', '+']).unwrap_or(text.len());
    let (core, rest) = text.split_at(end);
    let missing = 2_usize.saturating_sub(core.matches('.').count());
    semver::Version::parse(&format!("{core}{}{rest}", ".0".repeat(missing))).is_ok()
}

/// `values.yaml` may hold several documents; later ones are merged over earlier ones.
pub(super) fn values_of(file: &File) -> Result<Value, LoadError> {
    let values = values::parse(text(file)?);
    let values = values.map_err(|error| LoadError::file(&file.name, error.to_string()))?;
    Ok(Value::Object(values))
}
