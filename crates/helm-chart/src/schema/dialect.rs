//! From the schemas that Helm's library reads to those that the crate reads: Go's patterns, and no keywords about content, which
//! Helm does not ask about. Pure.

use std::collections::BTreeSet;

use jsonschema::Draft;
use serde_json::{Map, Value, json};

use super::SchemaError;
use crate::go_regexp;
use crate::pointer::Pointer;

/// Stands for `pattern`, with the pattern as it is for the crate and as it was written.
pub(super) const PATTERN: &str = "x-go-pattern";
/// Keywords that hold values and not schemas.
pub(super) const VALUES: [&str; 4] = ["const", "enum", "default", "examples"];
/// Keywords that hold schemas by names that may be any.
pub(super) const NAMED: [&str; 6] = [
    "properties",
    "patternProperties",
    "definitions",
    "$defs",
    "dependentSchemas",
    "dependencies",
];
/// Keywords that Helm's library checks beside a `$ref`: five of draft 6, and those of draft 7.
const BESIDE: [&str; 8] = [
    "contains",
    "const",
    "propertyNames",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "if",
    "then",
    "else",
];
/// Keywords that Helm's library ignores.
const IGNORED: [&str; 3] = ["contentEncoding", "contentMediaType", "contentSchema"];

/// Rewrites a schema.
///
/// # Errors
/// If Go refuses a pattern, or the crate would read a part of the schema differently.
pub(super) fn rewrite(schema: &mut Value, at: &Pointer, draft: Draft) -> Result<(), SchemaError> {
    match schema {
        Value::Object(keys) => {
            for name in IGNORED {
                keys.remove(name);
            }
            // Helm's library refuses an `enum` of the old drafts that holds a value twice, but not in every place.
            let old = matches!(draft, Draft::Draft4 | Draft::Draft6 | Draft::Draft7);
            if old
                && keys
                    .get("enum")
                    .and_then(Value::as_array)
                    .is_some_and(|of| repeats(of))
            {
                let (path, message) = (at.to_string(), "an enum holds a value twice".to_owned());
                return Err(SchemaError::Unsupported { path, message });
            }
            spread_beside_reference(keys, draft);
            if let Some(Value::String(pattern)) = keys.get("pattern") {
                let translated = translated(pattern, at)?;
                let both = Value::from(vec![translated, pattern.clone()]);
                keys.remove("pattern");
                keys.insert(PATTERN.to_owned(), both);
            }
            for (name, inner) in keys.iter_mut() {
                let at = at.child(name);
                match inner {
                    Value::Object(named) if NAMED.contains(&name.as_str()) => {
                        if name == "patternProperties" {
                            rename(named, &at)?;
                        }
                        for (name, inner) in named.iter_mut() {
                            rewrite(inner, &at.child(name), draft)?;
                        }
                    }
                    inner if !VALUES.contains(&name.as_str()) => rewrite(inner, &at, draft)?,
                    _ => {}
                }
            }
            Ok(())
        }
        Value::Array(items) => items
            .iter_mut()
            .enumerate()
            .try_for_each(|(index, item)| rewrite(item, &at.child(index), draft)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
    }
}

/// In the old drafts nothing beside a `$ref` counts, but Helm's library checks the keywords that drafts 6 and 7 added.
fn spread_beside_reference(keys: &mut Map<String, Value>, draft: Draft) {
    let counted: &[&str] = match draft {
        Draft::Draft6 => &BESIDE[..5],
        Draft::Draft7 => &BESIDE,
        _ => return,
    };
    if !keys.get("$ref").is_some_and(Value::is_string) {
        return;
    }
    let take = |name: &&str| Some(((*name).to_owned(), keys.remove(*name)?));
    let beside: Map<String, Value> = counted.iter().filter_map(take).collect();
    if beside.is_empty() {
        return;
    }
    let reference = keys.remove("$ref");
    let both = vec![json!({"$ref": reference}), Value::Object(beside)];
    // The other keywords beside it did not count either.
    keys.retain(|name, _| {
        name.starts_with('$') || matches!(name.as_str(), "definitions" | "dependentSchemas")
    });
    keys.insert("allOf".to_owned(), Value::Array(both));
}

/// Whether a value is there twice; 1 and 1.0 are the same.
fn repeats(values: &[Value]) -> bool {
    fn plain(value: &Value) -> Value {
        match value {
            Value::Number(number) => number.as_f64().into(),
            Value::Array(items) => items.iter().map(plain).collect(),
            Value::Object(fields) => {
                let mut fields: Vec<_> = fields.iter().collect();
                fields.sort_by_key(|(name, _)| *name);
                let fields = fields.into_iter();
                fields
                    .map(|(name, value)| (name.clone(), plain(value)))
                    .collect()
            }
            other => other.clone(),
        }
    }
    let mut seen = BTreeSet::new();
    !values
        .iter()
        .all(|value| seen.insert(plain(value).to_string()))
}

/// Replaces all patterns by harmless ones, for a check of everything else.
pub(super) fn blank_patterns(schema: &mut Value) {
    match schema {
        Value::Object(keys) => {
            if let Some(Value::Object(named)) = keys.get_mut("patternProperties") {
                let schemas = std::mem::take(named).into_iter().enumerate();
                named.extend(schemas.map(|(index, (_, schema))| (format!("p{index}"), schema)));
            }
            keys.remove(PATTERN);
            keys.values_mut().for_each(blank_patterns);
        }
        Value::Array(items) => items.iter_mut().for_each(blank_patterns),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn rename(patterns: &mut Map<String, Value>, at: &Pointer) -> Result<(), SchemaError> {
    for (pattern, schema) in std::mem::take(patterns) {
        let Some(mut name) = flat(&translated(&pattern, at)?) else {
            let (path, message) = (at.to_string(), format!("the pattern {pattern:?}"));
            return Err(SchemaError::Unsupported { path, message });
        };
        // Two patterns may become one.
        while patterns.contains_key(&name) {
            name.push_str("(?:)");
        }
        patterns.insert(name, schema);
    }
    Ok(())
}

/// A pattern without classes in classes, which the crate takes for those of ECMAScript; none if that is not possible.
fn flat(pattern: &str) -> Option<String> {
    let (mut text, mut depth) = (String::new(), 0_usize);
    let mut characters = pattern.chars().peekable();
    while let Some(character) = characters.next() {
        let next = characters.peek().copied();
        match (character, depth) {
            ('\\', _) => {
                text.push('\\');
                text.extend(characters.next());
                continue;
            }
            ('[', 0) | (']', 0 | 1) => text.push(character),
            ('[', _) if next == Some('^') => return None,
            ('&', 1..) if next == Some('&') => return None,
            ('[' | ']', _) => {}
            _ => text.push(character),
        }
        match character {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Some(text)
}

fn translated(pattern: &str, at: &Pointer) -> Result<String, SchemaError> {
    match go_regexp::translate(pattern, true) {
        Ok(translated) => Ok(translated.pattern),
        Err(error) => Err(SchemaError::Invalid {
            path: at.to_string(),
            message: error.to_string(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::flat;

    #[rstest]
    #[case("[a[b-c]\\]]x[^d]", Some("[ab-c\\]]x[^d]"))]
    #[case("[^[A-Z]]+\\[", Some("[^A-Z]+\\["))]
    #[case("[a[^b]]", None)]
    #[case("[a&&b]", None)]
    #[case("a&&b]", Some("a&&b]"))]
    fn classes_in_classes_are_taken_out(#[case] pattern: &str, #[case] expected: Option<&str>) {
        assert_eq!(flat(pattern).as_deref(), expected);
    }
}
