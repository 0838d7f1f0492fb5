//! The alerts and the dashboard of the operator's chart ask for what `/metrics` shows, by the names and labels it has there.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use regex::Regex;
use serde_json::Value;

use super::Metrics;
use crate::api::{DevicePhase, Reason};

const ALERTS: &str = include_str!("../../charts/flashjob-operator/files/alerts.yaml");
const DASHBOARD: &str =
    include_str!("../../charts/flashjob-operator/files/dashboards/flashjob-operator.json");
/// What Prometheus adds to every sample that it scrapes of a Pod.
const SCRAPED: [&str; 1] = ["pod"];

/// Label names by sample name, of every metric there is.
fn exported() -> BTreeMap<String, BTreeSet<String>> {
    let metrics = Metrics::default();
    metrics.reconciled("ok", Duration::ZERO);
    metrics.devices(&"uid".into(), [(("Flashing", "Flashing"), 1)].into());
    metrics.verdicts([(("Failed", "Evicted"), 1)].into());
    metrics.flashed("succeeded", Duration::ZERO);
    metrics.firmware_looked_up("pinned", Duration::ZERO);
    metrics.api_write("create", "Pod", "ok");
    metrics.release("native", "reserve", "ok");
    metrics.watch_failed("Pod");
    metrics.other_operators("leader", 1);
    metrics.refused_settings("values", 1);
    let text = metrics.encode().expect("text");
    let sample = Regex::new(r"(?m)^(\w+)(?:\{(.*)\})? \S+$").expect("a pattern");
    let label = Regex::new(r#"(\w+)=""#).expect("a pattern");
    sample
        .captures_iter(&text)
        .map(|found| {
            let labels = found.get(2).map_or("", |labels| labels.as_str());
            let names = label.captures_iter(labels).map(|one| one[1].to_owned());
            (found[1].to_owned(), names.collect())
        })
        .collect()
}

/// Every query of a document with the texts that show its labels.
fn queries(value: &Value, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) => {
            if let Some(expr) = fields.get("expr").and_then(Value::as_str) {
                let shown = ["legendFormat", "annotations"].map(|key| fields.get(key));
                let shown = shown.into_iter().flatten().map(Value::to_string);
                found.push((expr.to_owned(), shown.collect()));
            }
            fields.values().for_each(|value| queries(value, found));
        }
        Value::Array(items) => items.iter().for_each(|item| queries(item, found)),
        _ => {}
    }
}

fn all_queries() -> Vec<(String, String)> {
    let mut found = Vec::new();
    queries(&serde_saphyr::from_str(ALERTS).expect("YAML"), &mut found);
    let alerts = found.len();
    queries(&serde_json::from_str(DASHBOARD).expect("JSON"), &mut found);
    assert!(alerts > 4 && found.len() - alerts > 9, "queries were found");
    found
}

#[test]
fn every_query_names_a_metric_that_is_exported_and_labels_that_it_has() {
    let exported = exported();
    let metric = Regex::new(r"\b(flashjob_\w+)(?:\{([^}]*)\})?").expect("a pattern");
    let matcher = Regex::new(r#"(\w+)(?:=~|!~|!=|=)""#).expect("a pattern");
    let by = Regex::new(r"by \(([^)]*)\)").expect("a pattern");
    for (query, _) in all_queries() {
        let mut known = BTreeSet::from(SCRAPED.map(str::to_owned));
        let names: Vec<_> = metric.captures_iter(&query).collect();
        assert!(
            !names.is_empty(),
            "{query} asks for no metric of the operator"
        );
        for name in names {
            let labels = exported.get(&name[1]);
            let labels = labels.unwrap_or_else(|| panic!("{query}: no sample {}", &name[1]));
            for label in matcher.captures_iter(name.get(2).map_or("", |text| text.as_str())) {
                assert!(
                    labels.contains(&label[1]),
                    "{query}: no label {}",
                    &label[1]
                );
            }
            known.extend(labels.iter().cloned());
        }
        for labels in by.captures_iter(&query) {
            for label in labels[1].split(',').map(str::trim) {
                assert!(known.contains(label), "{query}: no label {label}");
            }
        }
    }
}

#[test]
fn what_is_shown_of_a_query_is_a_label_of_its_result() {
    let shown_label = Regex::new(r"\{\{\s*(?:\$labels\.)?([a-z]\w*)\s*\}\}").expect("a pattern");
    for (query, shown) in all_queries() {
        for label in shown_label.captures_iter(&shown) {
            let (_, grouped) = query.split_once("by (").unwrap_or_default();
            let (grouped, _) = grouped.split_once(')').unwrap_or_default();
            let mut labels = grouped.split(',').map(str::trim);
            assert!(labels.any(|one| one == &label[1]), "{query}: {}", &label[1]);
        }
    }
}

#[test]
fn phases_and_reasons_of_queries_are_words_of_the_api() {
    let matcher = Regex::new(r#"\b(phase|reason)(?:=~|!~|!=|=)"([^"]*)""#).expect("a pattern");
    for (query, _) in all_queries() {
        for found in matcher.captures_iter(&query) {
            for word in found[2].split('|').filter(|word| !word.is_empty()) {
                let known = match &found[1] {
                    "phase" => word.parse::<DevicePhase>().is_ok(),
                    _ => word.parse::<Reason>().is_ok(),
                };
                assert!(known, "{query}: {word}");
            }
        }
    }
}
