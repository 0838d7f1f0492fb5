//! A template and a document become a text. Pure.

use flashjob_operator::display;
use serde_json::Value;

use super::{Part, Path, Step, Template, Test};

impl Template {
    /// The text that the template makes of a document.
    ///
    /// # Errors
    /// Where a list is meant and there is none, or not that item of it; where values cannot be compared.
    pub fn fill(&self, document: &Value) -> Result<String, String> {
        let mut text = String::new();
        fill(&self.0, document, &mut text)?;
        Ok(text)
    }
}

fn fill(parts: &[Part], value: &Value, text: &mut String) -> Result<(), String> {
    for part in parts {
        match part {
            Part::Text(own) => text.push_str(own),
            Part::Path(path) => {
                let found = path.follow(value)?;
                let words: Vec<String> = found.into_iter().map(shown).collect();
                text.push_str(&words.join(" "));
            }
            Part::Range(path, within) => {
                for item in path.follow(value)? {
                    fill(within, item, text)?;
                }
            }
        }
    }
    Ok(())
}

impl Path {
    fn follow<'a>(&self, value: &'a Value) -> Result<Vec<&'a Value>, String> {
        let mut found = vec![value];
        for step in &self.0 {
            let mut next = Vec::new();
            // What is null has nothing in it.
            for value in found.into_iter().filter(|value| !value.is_null()) {
                step.follow(value, &mut next)?;
            }
            found = next;
        }
        Ok(found)
    }
}

impl Step {
    fn follow<'a>(&self, value: &'a Value, found: &mut Vec<&'a Value>) -> Result<(), String> {
        match self {
            Self::Field(name) => found.extend(value.get(name)),
            Self::Every => match value {
                Value::Object(fields) => found.extend(fields.values()),
                Value::Array(items) => found.extend(items),
                _ => {}
            },
            Self::Items => found.extend(list(value)?),
            Self::Item(index) => {
                let items = list(value)?;
                let length = items.len();
                let from_end = i64::try_from(length).unwrap_or(i64::MAX);
                let at = if *index < 0 { from_end + index } else { *index };
                let item = usize::try_from(at).ok().and_then(|at| items.get(at));
                found.push(item.ok_or_else(|| {
                    format!("there is no item {index} in a list of {length} items")
                })?);
            }
            Self::Those(path, test) => {
                for item in list(value)? {
                    if test.passes(&path.follow(item)?)? {
                        found.push(item);
                    }
                }
            }
        }
        Ok(())
    }
}

fn list(value: &Value) -> Result<&Vec<Value>, String> {
    let what = match value {
        Value::Array(items) => return Ok(items),
        Value::Object(_) => "an object",
        Value::String(_) => "a text",
        Value::Number(_) => "a number",
        Value::Bool(_) | Value::Null => "no list",
    };
    Err(format!("a list is meant by [ ], and there is {what}"))
}

impl Test {
    fn passes(&self, found: &[&Value]) -> Result<bool, String> {
        let (wanted, equal) = match self {
            Self::Exists => return Ok(!found.is_empty()),
            Self::Equals(wanted) => (wanted, true),
            Self::Differs(wanted) => (wanted, false),
        };
        match found {
            // As kubectl: what is not there is not another value either.
            [] => Ok(false),
            [one] => Ok(same(one, wanted)? == equal),
            _ => Err("only one value can be compared with another".to_owned()),
        }
    }
}

fn same(one: &Value, other: &Value) -> Result<bool, String> {
    match (one, other) {
        (Value::String(_), Value::String(_)) | (Value::Bool(_), Value::Bool(_)) => Ok(one == other),
        (Value::Number(one), Value::Number(other)) => {
            Ok(one == other || one.as_f64() == other.as_f64())
        }
        _ => Err(format!("{one} cannot be compared with {other}")),
    }
}

/// A value as kubectl prints it: texts bare, lists and objects as JSON in one line. What a terminal acts upon is escaped.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => {
            let cells = text.split('\t').map(display::block);
            cells.collect::<Vec<_>>().join("\t")
        }
        Value::Array(_) | Value::Object(_) => {
            // As Go writes it.
            let json = display::json(&value.to_string()).into_owned();
            let json = json.replace('<', "\\u003c").replace('>', "\\u003e");
            json.replace('&', "\\u0026")
        }
        other => other.to_string(),
    }
}
