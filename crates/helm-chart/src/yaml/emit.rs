//! Writes YAML byte for byte as sigs.k8s.io/yaml does (`toYaml`), or as go-yaml 3 does (`toYamlPretty`). Pure.

use serde_json::Value;

use super::Error;
use super::number::{float_text, json_number};
use super::resolve::{self, Scalar};
use super::scalar::{self, Facts};
use super::sort;
use super::write::Writer;

/// A column after which the writer breaks a line at the next single space.
const WIDTH: usize = 80;
/// The longest key written without a `?`, in bytes.
const SIMPLE_KEY: usize = 128;
/// Nesting that is written.
const MAX_DEPTH: usize = 1_200;

/// Which of Helm's two writers to follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// sigs.k8s.io/yaml: through JSON, lists not indented, lines folded at 80.
    Json,
    /// go-yaml 3 with an indentation of two: lists indented, no folding.
    Pretty,
}

/// A value to be written, with the number types that [`Encoding::Pretty`] tells apart.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// `null`
    Null,
    /// A truth value.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A large integer.
    Uint(u64),
    /// A float: `1e+06` when pretty, `1000000` through JSON.
    Float(f64),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A map in any order.
    Map(Vec<(String, Node)>),
    /// The fields of a structure, which keep their order.
    Fields(Vec<(String, Node)>),
}

impl From<&Value> for Node {
    fn from(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(*value),
            Value::Number(number) => number
                .as_i64()
                .map(Self::Int)
                .or_else(|| number.as_u64().map(Self::Uint))
                .unwrap_or_else(|| Self::Float(number.as_f64().unwrap_or(f64::NAN))),
            Value::String(text) => Self::Text(text.clone()),
            Value::Array(items) => Self::List(items.iter().map(Self::from).collect()),
            Value::Object(fields) => Self::Map(
                fields
                    .iter()
                    .map(|(key, value)| (key.clone(), Self::from(value)))
                    .collect(),
            ),
        }
    }
}

/// Writes a value as `sigs.k8s.io/yaml.Marshal` does, the line break at the end included; what cannot be written
/// becomes an empty text, as in Helm's `toYaml`.
#[must_use]
pub fn emit(value: &Value) -> String {
    try_emit(value).unwrap_or_default()
}

/// As [`emit`].
///
/// # Errors
/// If Go would fail to write the value: control characters that are not escaped in JSON, keys longer than 1 024
/// characters, floats that are not finite, or nesting beyond the bound.
pub fn try_emit(value: &Value) -> Result<String, Error> {
    encode(&Node::from(value), Encoding::Json)
}

/// Writes a node with either writer.
///
/// # Errors
/// As [`try_emit`].
pub fn encode(node: &Node, encoding: Encoding) -> Result<String, Error> {
    let width = if encoding == Encoding::Json {
        WIDTH
    } else {
        usize::MAX
    };
    let mut emitter = Emitter {
        encoding,
        writer: Writer::new(width),
    };
    emitter.node(
        node,
        Place {
            mapping: false,
            key: false,
        },
        0,
    )?;
    emitter.writer.indent = None;
    emitter.writer.write_indent();
    Ok(emitter.writer.out)
}

#[derive(Clone, Copy)]
struct Place {
    /// Key or value of a map.
    mapping: bool,
    /// A key on one line with its value.
    key: bool,
}

struct Emitter {
    encoding: Encoding,
    writer: Writer,
}

impl Emitter {
    fn node(&mut self, node: &Node, place: Place, depth: usize) -> Result<(), Error> {
        if depth > MAX_DEPTH {
            return Err(Error::ours(
                None,
                format!("value is nested deeper than {MAX_DEPTH} levels"),
            ));
        }
        match node {
            Node::Null => self.writer.bare("null"),
            Node::Bool(value) => self.writer.bare(if *value { "true" } else { "false" }),
            Node::Int(value) => self.writer.bare(&value.to_string()),
            Node::Uint(value) => self.writer.bare(&value.to_string()),
            Node::Float(value) => {
                let text = self.float(*value)?;
                self.writer.bare(&text);
            }
            Node::Text(text) => self.text(text, place)?,
            Node::List(items) if items.is_empty() => self.writer.empty("[]"),
            Node::Map(entries) if entries.is_empty() => self.writer.empty("{}"),
            Node::List(items) => self.list(items, place, depth)?,
            Node::Map(entries) => self.map(&sort::by_key(entries, self.encoding), depth)?,
            Node::Fields(entries) => self.map(&entries.iter().collect::<Vec<_>>(), depth)?,
        }
        Ok(())
    }

    fn float(&self, value: f64) -> Result<String, Error> {
        if self.encoding == Encoding::Pretty {
            return Ok(match float_text(value).as_str() {
                "+Inf" => ".inf".to_owned(),
                "-Inf" => "-.inf".to_owned(),
                "NaN" => ".nan".to_owned(),
                text => text.to_owned(),
            });
        }
        if !value.is_finite() {
            let message = format!("json: unsupported value: {}", float_text(value));
            return Err(Error::json(None, message));
        }
        // Go goes through JSON: its text decides whether the number is still a float.
        Ok(match resolve::plain(&json_number(value)) {
            Scalar::Int(value) => value.to_string(),
            Scalar::Uint(value) => value.to_string(),
            _ => float_text(value),
        })
    }

    fn list(&mut self, items: &[Node], place: Place, depth: usize) -> Result<(), Error> {
        let before = self.writer.indent;
        let indentless = self.encoding == Encoding::Json && place.mapping && !self.writer.indention;
        self.writer.increase_indent(false, indentless);
        for item in items {
            self.writer.write_indent();
            self.writer.indicator("-", true, false, true);
            self.node(
                item,
                Place {
                    mapping: false,
                    key: false,
                },
                depth + 1,
            )?;
        }
        self.writer.indent = before;
        Ok(())
    }

    fn map(&mut self, entries: &[&(String, Node)], depth: usize) -> Result<(), Error> {
        let before = self.writer.indent;
        self.writer.increase_indent(false, false);
        for (key, value) in entries.iter().copied() {
            self.writer.write_indent();
            let simple = key.len() <= SIMPLE_KEY && !scalar::analyze(key, self.encoding).multiline;
            if !simple {
                self.writer.indicator("?", true, false, true);
            }
            self.key(key, simple)?;
            if !simple {
                self.writer.write_indent();
            }
            self.writer.indicator(":", !simple, false, !simple);
            self.node(
                value,
                Place {
                    mapping: true,
                    key: false,
                },
                depth + 1,
            )?;
        }
        self.writer.indent = before;
        Ok(())
    }

    fn key(&mut self, key: &str, simple: bool) -> Result<(), Error> {
        if self.encoding == Encoding::Json
            && (key.contains('\u{85}') || scalar::json_length(key) > 1024)
        {
            return Err(Error::ours(
                None,
                "yaml: could not find expected ':' after a long or broken key".to_owned(),
            ));
        }
        self.text(
            key,
            Place {
                mapping: true,
                key: simple,
            },
        )
    }

    fn text(&mut self, text: &str, place: Place) -> Result<(), Error> {
        let text = if self.encoding == Encoding::Json {
            scalar::through_json(text)?
        } else {
            text.into()
        };
        let style = self.style(&text, place);
        let before = self.writer.indent;
        self.writer.increase_indent(true, false);
        match style {
            Style::Plain => self.writer.plain(&text, !place.key),
            Style::Single => self.writer.single(&text, !place.key),
            Style::Double => self.writer.double(&text, !place.key),
            Style::Literal => self.writer.literal(&text),
        }
        self.writer.indent = before;
        Ok(())
    }

    fn style(&self, text: &str, place: Place) -> Style {
        let Facts {
            plain_allowed,
            single_allowed,
            block_allowed,
            ..
        } = scalar::analyze(text, self.encoding);
        if text.contains('\n') {
            return if block_allowed && !place.key {
                Style::Literal
            } else {
                Style::Double
            };
        }
        let typed = resolve::plain(text) != Scalar::Text || resolve::is_base_60(text);
        match (typed, plain_allowed, single_allowed) {
            (false, true, _) => Style::Plain,
            (false, false, true) => Style::Single,
            _ => Style::Double,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    Plain,
    Single,
    Double,
    Literal,
}
