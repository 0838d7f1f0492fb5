//! From nodes to a JSON value, by go-yaml's rules for tags, keys, merge keys, aliases and duplicates. Pure.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine as _;
use serde_json::{Map, Number, Value};

use super::Error;
use super::compose::{Content, MAX_DEPTH, Node};
use super::number::float32_text;
use super::resolve::{self, Scalar};

/// Values that a document may hold once its aliases are expanded.
const MAX_VALUES: usize = 250_000;
/// Bytes of a text that count as a value.
const BYTES_OF_VALUE: usize = 64;
const NAMESPACE: &str = "tag:yaml.org,2002:";

/// A key with its YAML type: `1` and `"1"` are different keys until they become strings.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Text(String),
    Int(i64),
    Float(u64),
    Bool(bool),
}

type Entries = BTreeMap<Key, Value>;

/// The value of a document.
pub(super) fn decode(root: &Node, anchors: &[Option<Node>]) -> Result<Value, Error> {
    let mut decoder = Decoder {
        anchors,
        expanding: Vec::new(),
        values: 0,
    };
    decoder.value(root, 0)
}

struct Decoder<'a> {
    anchors: &'a [Option<Node>],
    expanding: Vec<usize>,
    values: usize,
}

impl<'a> Decoder<'a> {
    fn value(&mut self, node: &'a Node, depth: usize) -> Result<Value, Error> {
        // A long text counts as what it takes: aliases repeat it.
        self.values += match &node.content {
            Content::Scalar { text, .. } => 1 + text.len() / BYTES_OF_VALUE,
            _ => 1,
        };
        if self.values > MAX_VALUES {
            return Err(Error::at(node.line, "document contains excessive aliasing"));
        }
        if depth > MAX_DEPTH {
            return Err(Error::at(
                node.line,
                format!("nested deeper than {MAX_DEPTH} levels"),
            ));
        }
        match &node.content {
            Content::Scalar {
                tag,
                text,
                implicit,
            } => json(node.line, text, typed(node.line, tag, text, *implicit)?),
            Content::Sequence(items) => items
                .iter()
                .map(|item| self.value(item, depth + 1))
                .collect::<Result<_, _>>()
                .map(Value::Array),
            Content::Mapping(entries) => {
                let mut merged = Entries::new();
                self.fill(entries, &mut merged, depth)?;
                object(node.line, merged)
            }
            Content::Anchored(anchor) | Content::Alias(anchor) => {
                let target = self.enter(node.line, *anchor)?;
                let value = self.value(target, depth);
                self.expanding.pop();
                value
            }
        }
    }

    /// Follows an alias; the caller pops `expanding` when it is done.
    fn enter(&mut self, line: usize, anchor: usize) -> Result<&'a Node, Error> {
        let target = self.anchors.get(anchor).and_then(Option::as_ref);
        let Some(target) = target.filter(|_| !self.expanding.contains(&anchor)) else {
            return Err(Error::at(line, "an anchor's value contains itself"));
        };
        self.expanding.push(anchor);
        Ok(target)
    }

    /// Later keys win over earlier ones, and a merge key counts where it stands.
    fn fill(
        &mut self,
        entries: &'a [(Node, Node)],
        into: &mut Entries,
        depth: usize,
    ) -> Result<(), Error> {
        for (key, value) in entries {
            if is_merge(key) {
                self.merge(value, into, depth + 1)?;
                continue;
            }
            let name = self.key(key)?;
            let value = self.value(value, depth + 1)?;
            into.insert(name, value);
        }
        Ok(())
    }

    fn merge(&mut self, node: &'a Node, into: &mut Entries, depth: usize) -> Result<(), Error> {
        match &node.content {
            Content::Mapping(entries) => self.fill(entries, into, depth),
            Content::Alias(anchor) => {
                let target = self.enter(node.line, *anchor)?;
                let done = match &target.content {
                    // A list is refused behind an alias, and only there.
                    Content::Mapping(entries) => self.fill(entries, into, depth),
                    _ => Err(merge_error(node.line)),
                };
                self.expanding.pop();
                done
            }
            Content::Anchored(anchor) => {
                let target = self.enter(node.line, *anchor)?;
                let done = self.merge(target, into, depth);
                self.expanding.pop();
                done
            }
            Content::Sequence(items) => {
                // The first of a list has the last word.
                for item in items.iter().rev() {
                    match &item.content {
                        Content::Mapping(_) | Content::Alias(_) | Content::Anchored(_) => {
                            self.merge(item, into, depth)?;
                        }
                        _ => return Err(merge_error(item.line)),
                    }
                }
                Ok(())
            }
            Content::Scalar { .. } => Err(merge_error(node.line)),
        }
    }

    fn key(&mut self, node: &'a Node) -> Result<Key, Error> {
        let (tag, text, implicit) = match &node.content {
            Content::Scalar {
                tag,
                text,
                implicit,
            } => (tag, text, *implicit),
            Content::Anchored(anchor) | Content::Alias(anchor) => {
                let target = self.enter(node.line, *anchor)?;
                let key = self.key(target);
                self.expanding.pop();
                return key;
            }
            _ => return Err(Error::at(node.line, "invalid map key: it must be a scalar")),
        };
        match typed(node.line, tag, text, implicit)? {
            Typed::Text(text) => Ok(Key::Text(text.into_owned())),
            Typed::Scalar(Scalar::Int(value)) => Ok(Key::Int(value)),
            Typed::Scalar(Scalar::Float(value)) => Ok(Key::Float(value.to_bits())),
            Typed::Scalar(Scalar::Bool(value)) => Ok(Key::Bool(value)),
            Typed::Scalar(_) => Err(Error::at(
                node.line,
                format!("unsupported map key `{text}`: quote it"),
            )),
        }
    }
}

fn merge_error(line: usize) -> Error {
    Error::at(
        line,
        "map merge requires map or sequence of maps as the value",
    )
}

fn is_merge(key: &Node) -> bool {
    matches!(&key.content, Content::Scalar { tag, text, implicit }
        if text == "<<" && (*implicit || tag.strip_prefix(NAMESPACE) == Some("merge")))
}

enum Typed<'a> {
    Text(Cow<'a, str>),
    Scalar(Scalar),
}

/// The type of a scalar by tag and text.
fn typed<'a>(line: usize, tag: &str, text: &'a str, implicit: bool) -> Result<Typed<'a>, Error> {
    if tag.is_empty() && !implicit {
        return Ok(Typed::Text(Cow::Borrowed(text)));
    }
    let core = tag
        .strip_prefix(NAMESPACE)
        .unwrap_or(if tag.is_empty() { "" } else { "other" });
    let wrong = || Error::at(line, format!("cannot decode `{text}` as a !!{core}"));
    let scalar = match core {
        "binary" => {
            let bytes = base64::engine::general_purpose::STANDARD
                .decode(text.replace(['\n', '\r'], ""))
                .map_err(|_| Error::at(line, "!!binary value contains invalid base64 data"))?;
            return Ok(Typed::Text(Cow::Owned(lossy(&bytes))));
        }
        "" | "bool" | "int" | "float" | "null" | "timestamp" => resolve::plain(text),
        _ => Scalar::Text,
    };
    match (core, &scalar) {
        ("float", Scalar::Int(value)) => {
            #[allow(clippy::cast_precision_loss)]
            return Ok(Typed::Scalar(Scalar::Float(*value as f64)));
        }
        ("bool", Scalar::Bool(_))
        | ("int", Scalar::Int(_) | Scalar::Uint(_))
        | ("float", Scalar::Float(_))
        | ("null", Scalar::Null)
        | ("timestamp", Scalar::Timestamp) => {}
        ("bool" | "int" | "float" | "null" | "timestamp", _) => return Err(wrong()),
        _ => {}
    }
    Ok(match scalar {
        Scalar::Text | Scalar::Timestamp => Typed::Text(Cow::Borrowed(text)),
        other => Typed::Scalar(other),
    })
}

/// Text of bytes, each byte that is not UTF-8 replaced on its own, as Go's JSON encoder does.
fn lossy(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| '\u{fffd}'));
    }
    text
}

fn json(line: usize, text: &str, typed: Typed<'_>) -> Result<Value, Error> {
    #[allow(clippy::cast_precision_loss)]
    Ok(match typed {
        Typed::Text(text) => Value::String(text.into_owned()),
        Typed::Scalar(Scalar::Null) => Value::Null,
        Typed::Scalar(Scalar::Bool(value)) => Value::Bool(value),
        Typed::Scalar(Scalar::Int(value)) => number(value as f64),
        Typed::Scalar(Scalar::Uint(value)) => number(value as f64),
        Typed::Scalar(Scalar::Float(value)) if value.is_finite() => number(value),
        Typed::Scalar(_) => {
            return Err(Error::at(line, format!("json: unsupported value: {text}")));
        }
    })
}

/// A `float64`, as an integer if it is one: Go writes 1.0 as `1`, `serde_json` would write `1.0`.
#[allow(clippy::cast_possible_truncation)]
fn number(value: f64) -> Value {
    let whole = value.fract() == 0.0 && value.abs() < 9_223_372_036_854_775_808.0;
    if whole && !(value == 0.0 && value.is_sign_negative()) {
        return Value::from(value as i64);
    }
    Number::from_f64(value).map_or(Value::Null, Value::Number)
}

fn object(line: usize, entries: Entries) -> Result<Value, Error> {
    let mut fields = Map::new();
    for (key, value) in entries {
        let name = match key {
            Key::Text(text) => text,
            Key::Int(value) => value.to_string(),
            Key::Bool(value) => value.to_string(),
            Key::Float(bits) => match float32_text(f64::from_bits(bits)).as_str() {
                "+Inf" => ".inf".to_owned(),
                "-Inf" => "-.inf".to_owned(),
                "NaN" => ".nan".to_owned(),
                text => text.to_owned(),
            },
        };
        if fields.contains_key(&name) {
            let message = format!(
                "two keys of different YAML types both become \"{name}\": which one wins is chance"
            );
            return Err(Error::at(line, message));
        }
        fields.insert(name, value);
    }
    Ok(Value::Object(fields))
}
