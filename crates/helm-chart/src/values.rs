//! How Helm lays values over each other: later wins, maps merge, everything else is replaced, null deletes. Pure.
//!
//! Two steps, as in Helm: [`lay_over`] merges the sources of user values and keeps their nulls; [`coalesce`] lays the result
//! over the chart's own values, and there a null takes away what the chart has. Called by `layers` and `render`.

use serde_json::{Map, Value};

use super::pointer::Pointer;
use super::yaml;

/// Why a text does not hold values.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// It is not YAML.
    #[error(transparent)]
    Yaml(#[from] yaml::Error),
    /// One of its documents is not a map.
    #[error("values have to be a map, and not {0}")]
    NotAMap(&'static str),
}

/// Reads a values file: of several documents, later ones are laid over earlier ones.
///
/// # Errors
/// If it is not YAML, or a document is not a map.
pub fn parse(text: &str) -> Result<Map<String, Value>, ReadError> {
    let mut values = Map::new();
    for document in yaml::parse_all(text)? {
        match document {
            Value::Object(more) => lay_over(&mut values, more),
            Value::Null => {}
            other => return Err(ReadError::NotAMap(yaml::kind(&other))),
        }
    }
    Ok(values)
}

/// Lays `over` over `base`: maps merge, anything else replaces, nulls included. Helm does this with each further `-f` file.
pub fn lay_over(base: &mut Map<String, Value>, over: Map<String, Value>) {
    for (key, value) in over {
        match (base.get_mut(&key), value) {
            (Some(Value::Object(below)), Value::Object(above)) => lay_over(below, above),
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
}

/// What templates see as `.Values`: the user's values over the chart's.
///
/// A null of the user removes the chart's key; where the chart has no such key, the null stays. Nulls among the chart's own
/// values are dropped.
#[must_use]
pub fn coalesce(chart: &Map<String, Value>, user: Map<String, Value>) -> Map<String, Value> {
    let mut values = user;
    fill_in(&mut values, without_nulls(chart));
    // At the top, unlike below, a null goes also where the chart's own value is null.
    values.retain(|key, value| !(value.is_null() && chart.contains_key(key)));
    values
}

/// Adds to `above` what it lacks of `below`, which holds no nulls; a null of `above` takes away instead.
fn fill_in(above: &mut Map<String, Value>, below: Map<String, Value>) {
    for (key, default) in below {
        match above.get_mut(&key) {
            None => {
                above.insert(key, default);
            }
            Some(Value::Null) => {
                above.remove(&key);
            }
            Some(Value::Object(above)) => {
                if let Value::Object(below) = default {
                    fill_in(above, below);
                }
            }
            Some(_) => {}
        }
    }
}

fn without_nulls(map: &Map<String, Value>) -> Map<String, Value> {
    map.iter()
        .filter_map(|(key, value)| {
            let value = match value {
                Value::Null => return None,
                Value::Object(inner) => Value::Object(without_nulls(inner)),
                Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                    value.clone()
                }
            };
            Some((key.clone(), value))
        })
        .collect()
}

/// Every value that is set: scalars, nulls, lists (each one value) and empty maps, with their places, in key order.
#[must_use]
pub fn leaves(document: &Map<String, Value>) -> Vec<(Pointer, &Value)> {
    let mut found = Vec::new();
    collect(document, &Pointer::root(), &mut found);
    found
}

fn collect<'a>(map: &'a Map<String, Value>, at: &Pointer, found: &mut Vec<(Pointer, &'a Value)>) {
    for (key, value) in map {
        let place = at.child(key);
        match value {
            Value::Object(inner) if !inner.is_empty() => collect(inner, &place, found),
            Value::Object(_)
            | Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_) => found.push((place, value)),
        }
    }
}

#[cfg(test)]
mod tests;
