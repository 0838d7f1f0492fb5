//! Digests of values and charts that are the same whoever wrote them down: helm keeps every number of values as a float. Pure.

use std::{
    fmt::Write as _,
    sync::{Arc, Mutex, PoisonError},
};

use serde_json::{Value, json};

use super::hash;
use helm_chart::{Chart, File};

/// SHA-256 of values, in hexadecimal: keys in order, numbers as floats.
#[must_use]
pub fn values_digest(values: &Value) -> String {
    let mut text = String::new();
    canonical(values, &mut text);
    hash(text.as_bytes())
}

/// SHA-256 of everything that a chart renders from, in hexadecimal: name, versions, values, schema, templates and files.
#[must_use]
pub fn chart_digest(chart: &Chart) -> String {
    let metadata = &chart.metadata;
    let identity = json!([
        metadata.name,
        metadata.version,
        metadata.app_version,
        bulk_digest(chart),
    ]);
    hash(identity.to_string().as_bytes())
}

/// What of a chart is the same for every device and firmware, and its digest.
type Bulk = (Chart, String);

/// The last one that was asked for: nearly always every device has the same chart, and shares it.
static LAST: Mutex<Option<Arc<Bulk>>> = Mutex::new(None);

fn bulk_digest(chart: &Chart) -> String {
    let last = LAST
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .as_ref()
        .map(Arc::clone);
    if let Some(last) = last.filter(|last| shares(&last.0, chart)) {
        return last.1.clone();
    }
    let digest = bulk_digest_of(chart);
    let bulk = Arc::new((chart.clone(), digest.clone()));
    *LAST.lock().unwrap_or_else(PoisonError::into_inner) = Some(bulk);
    digest
}

fn shares(known: &Chart, chart: &Chart) -> bool {
    let same_schema = match (&known.schema, &chart.schema) {
        (Some(known), Some(schema)) => Arc::ptr_eq(known, schema),
        (None, None) => true,
        _ => false,
    };
    same_schema
        && Arc::ptr_eq(&known.values, &chart.values)
        && Arc::ptr_eq(&known.templates, &chart.templates)
        && Arc::ptr_eq(&known.files, &chart.files)
}

fn bulk_digest_of(chart: &Chart) -> String {
    let parts = json!([
        values_digest(&chart.values),
        chart.schema.as_deref().map(hash),
        hashed(&chart.templates),
        hashed(&chart.files),
    ]);
    hash(parts.to_string().as_bytes())
}

/// Names and digests of files, in the order of names.
fn hashed(files: &[File]) -> Vec<(&str, String)> {
    let hashed = files
        .iter()
        .map(|file| (file.name.as_str(), hash(&file.data)));
    let mut hashed: Vec<_> = hashed.collect();
    hashed.sort_unstable();
    hashed
}

fn canonical(value: &Value, text: &mut String) {
    match value {
        Value::Number(number) => {
            let float = number.as_f64().unwrap_or(f64::NAN);
            // Writing into a string never fails.
            let _ = write!(text, "{float:e}");
        }
        Value::Array(items) => {
            text.push('[');
            for item in items {
                canonical(item, text);
                text.push(',');
            }
            text.push(']');
        }
        Value::Object(fields) => {
            text.push('{');
            for (key, value) in fields {
                text.push_str(&json!(key).to_string());
                text.push(':');
                canonical(value, text);
                text.push(',');
            }
            text.push('}');
        }
        Value::Null | Value::Bool(_) | Value::String(_) => text.push_str(&value.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use helm_chart::Metadata;

    fn chart() -> Chart {
        Chart {
            metadata: Metadata {
                name: "flash-pod".into(),
                version: "1.0.0".into(),
                api_version: "v2".into(),
                app_version: None,
                kube_version: None,
                raw: json!({}),
            },
            values: json!({"a": 1}).into(),
            schema: Some(Arc::from(&b"{}"[..])),
            templates: Arc::default(),
            files: Arc::default(),
        }
    }

    fn file() -> Arc<Vec<File>> {
        let file = File {
            name: "x".into(),
            data: b"x".to_vec(),
        };
        Arc::new(vec![file])
    }

    #[rstest]
    #[case::nothing(|_: &mut Chart| (), true)]
    #[case::the_version(|chart: &mut Chart| chart.metadata.version = "2.0.0".into(), true)]
    #[case::the_values(|chart: &mut Chart| chart.values = json!({"a": 2}).into(), false)]
    #[case::the_schema(|chart: &mut Chart| chart.schema = Some(Arc::from(&b"[]"[..])), false)]
    #[case::no_schema(|chart: &mut Chart| chart.schema = None, false)]
    #[case::the_templates(|chart: &mut Chart| chart.templates = file(), false)]
    #[case::the_files(|chart: &mut Chart| chart.files = file(), false)]
    fn a_digest_is_shared_only_by_charts_that_share_every_part_that_it_is_of(
        #[case] edit: fn(&mut Chart),
        #[case] shared: bool,
    ) {
        let known = chart();
        let mut other = known.clone();
        edit(&mut other);
        assert_eq!(shares(&known, &other), shared);
        assert_eq!(shares(&other, &known), shared);
        assert_eq!(bulk_digest_of(&known) == bulk_digest_of(&other), shared);
        let bare = Chart {
            schema: None,
            ..known
        };
        assert!(shares(&bare, &bare.clone()));
    }

    #[rstest]
    #[case::a_float_for_an_integer(json!({"a": 1}), json!({"a": 1.0}), true)]
    #[case::a_large_number(json!(1_000_000_000_000_000_000_u64), json!(1e18), true)]
    #[case::another_number(json!(1), json!(1.5), false)]
    #[case::text_for_a_number(json!(1), json!("1"), false)]
    #[case::null_for_nothing(json!({"a": null}), json!({}), false)]
    #[case::order_of_a_list(json!([1, 2]), json!([2, 1]), false)]
    #[case::nesting(json!([[1], 2]), json!([[1, 2]]), false)]
    #[case::keys_that_look_like_values(json!({"a": "b"}), json!({"a\":\"b": ""}), false)]
    fn digests_of_values_are_the_same_where_helm_sees_the_same_values(
        #[case] one: Value,
        #[case] other: Value,
        #[case] same: bool,
    ) {
        assert_eq!(values_digest(&one) == values_digest(&other), same);
    }
}
