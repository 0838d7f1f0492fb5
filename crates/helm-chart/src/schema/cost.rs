//! How much work a schema can make of values: a few `anyOf` that refer to each other are more than anybody waits for. Pure.
//!
//! Counted are the subschemas that are asked about one place of the values and, down to some depth, about one place in each place.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::dialect::{NAMED, VALUES};

/// Subschemas that may be asked, for every place of that many levels of values.
const MAX_ASKED: u64 = 200_000;
/// Levels of values that are looked at: what multiplies at each level is found long before.
const LEVELS: u8 = 24;
/// Subschemas within or behind each other.
const MAX_DEPTH: usize = 400;

/// Keys whose subschemas are asked about the same place.
const SAME: [&str; 11] = [
    "allOf",
    "anyOf",
    "oneOf",
    "not",
    "if",
    "then",
    "else",
    "dependentSchemas",
    "dependencies",
    "unevaluatedProperties",
    "unevaluatedItems",
];
/// Keys whose subschemas are asked about the places within.
const WITHIN: [&str; 8] = [
    "properties",
    "patternProperties",
    "additionalProperties",
    "items",
    "additionalItems",
    "prefixItems",
    "contains",
    "propertyNames",
];

/// Why a schema is too much work, if it is.
pub(super) fn excess(document: &Value) -> Option<&'static str> {
    let mut names = BTreeMap::new();
    if !collect_names(document, &mut names) {
        return Some("two subschemas have the same name");
    }
    let mut count = Count {
        document,
        names,
        known: BTreeMap::new(),
        open: BTreeSet::new(),
    };
    match count.asked(document, LEVELS) {
        Ok(asked) if asked > MAX_ASKED => Some(
            "its subschemas multiply (allOf, anyOf, oneOf, if and $ref within each other): make it simpler",
        ),
        Ok(_) => None,
        Err(why) => Some(why),
    }
}

/// Subschemas by `$id` and `#anchor`; whether each has a name of its own.
fn collect_names<'a>(schema: &'a Value, names: &mut BTreeMap<String, &'a Value>) -> bool {
    match schema {
        Value::Object(keys) => {
            for (key, value) in keys {
                let name = match (key.as_str(), value) {
                    ("$id", Value::String(id)) => id.trim_end_matches('#').to_owned(),
                    ("$anchor" | "$dynamicAnchor", Value::String(anchor)) => format!("#{anchor}"),
                    (key, _) if VALUES.contains(&key) => continue,
                    (_, inner) if collect_names(inner, names) => continue,
                    _ => return false,
                };
                if names.insert(name, schema).is_some() {
                    return false;
                }
            }
            true
        }
        Value::Array(items) => items.iter().all(|item| collect_names(item, names)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    }
}

struct Count<'a> {
    document: &'a Value,
    names: BTreeMap<String, &'a Value>,
    known: BTreeMap<(*const Value, u8), u64>,
    /// Where the count is, to find circles.
    open: BTreeSet<(*const Value, u8)>,
}

impl<'a> Count<'a> {
    fn asked(&mut self, schema: &'a Value, levels: u8) -> Result<u64, &'static str> {
        let Value::Object(keys) = schema else {
            return Ok(1);
        };
        let place = (std::ptr::from_ref(schema), levels);
        if let Some(known) = self.known.get(&place) {
            return Ok(*known);
        }
        if !self.open.insert(place) {
            return Err("a $ref leads back to itself without going into the values");
        }
        if self.open.len() > MAX_DEPTH {
            return Err("its subschemas are nested too deeply");
        }
        let mut sum = 1_u64;
        for (key, inner) in keys {
            let levels = match key.as_str() {
                "$ref" | "$dynamicRef" | "$recursiveRef" => {
                    if let Some(target) = inner.as_str().and_then(|name| self.target(name)) {
                        sum = sum.saturating_add(self.asked(target, levels)?);
                    }
                    continue;
                }
                key if SAME.contains(&key) => levels,
                key if WITHIN.contains(&key) && levels > 0 => levels - 1,
                _ => continue,
            };
            sum = sum.saturating_add(self.each(key, inner, levels)?);
        }
        self.open.remove(&place);
        self.known.insert(place, sum);
        Ok(sum)
    }

    /// The subschema that a reference means, if it is found.
    fn target(&self, name: &str) -> Option<&'a Value> {
        if let Some(known) = self.names.get(name) {
            return Some(known);
        }
        let (file, pointer) = name.split_once('#')?;
        let within = if file.is_empty() {
            self.document
        } else {
            self.names.get(file)?
        };
        within.pointer(pointer)
    }

    /// A key holds one subschema, a list of them, or a map of them.
    fn each(&mut self, key: &str, inner: &'a Value, levels: u8) -> Result<u64, &'static str> {
        let subschemas: Vec<&Value> = match inner {
            Value::Array(items) => items.iter().collect(),
            Value::Object(map) if NAMED.contains(&key) => map.values().collect(),
            other => vec![other],
        };
        // Each of these is about a place of its own.
        let apart = matches!(key, "properties" | "prefixItems");
        let mut all = 0_u64;
        for subschema in subschemas {
            let asked = self.asked(subschema, levels)?;
            all = if apart {
                all.max(asked)
            } else {
                all.saturating_add(asked)
            };
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    /// Definitions of which each refers twice to the next.
    fn doubling(count: usize, key: &str) -> Value {
        let mut definitions = serde_json::Map::new();
        for index in 0..count {
            let next = json!({"$ref": format!("#/$defs/d{}", index + 1)});
            definitions.insert(format!("d{index}"), json!({key: [next, next]}));
        }
        definitions.insert(format!("d{count}"), json!({"type": "object"}));
        json!({"$ref": "#/$defs/d0", "$defs": definitions})
    }

    fn twice(within: &str) -> Value {
        let again = json!({within: {"$ref": "#"}});
        json!({"anyOf": [again, again]})
    }

    #[rstest]
    #[case::any_of(doubling(40, "anyOf"), "multiply")]
    #[case::all_of(doubling(40, "allOf"), "multiply")]
    #[case::at_every_level(twice("additionalProperties"), "multiply")]
    #[case::in_every_item(twice("items"), "multiply")]
    #[case::a_circle(json!({"allOf": [{"$ref": "#"}]}), "leads back to itself")]
    #[case::a_long_chain(json!({"$ref": "#/$defs/d0", "$defs": (0..1000).map(|index| {
        (format!("d{index}"), json!({"$ref": format!("#/$defs/d{}", index + 1)}))
    }).collect::<serde_json::Map<_, _>>()}), "nested too deeply")]
    fn what_multiplies_is_found(#[case] schema: Value, #[case] why: &str) {
        let found = excess(&schema).unwrap_or_default();
        assert!(found.contains(why), "{found}");
    }

    #[rstest]
    #[case::a_tree(json!({"properties": {"left": {"$ref": "#"}, "right": {"$ref": "#"}}, "required": ["n"]}))]
    #[case::a_few_alternatives(doubling(8, "oneOf"))]
    #[case::the_shipped_one(serde_json::from_str(include_str!("../../../../charts/flash-pod/values.schema.json")).unwrap())]
    fn what_does_not_is_not(#[case] schema: Value) {
        assert_eq!(excess(&schema), None);
    }
}
