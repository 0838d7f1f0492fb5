//! From nodes to a JSON value, by go-yaml's rules for tags, keys, merge keys, aliases and duplicates. Pure.

mod typed;

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use super::Error;
use super::compose::{Content, Document, Id, Node};
use super::parse::NAMESPACE;
use super::resolve::Scalar;
use super::shape::Shape;
use typed::{Typed, float_key, json, typed};

/// Levels that are read, aliases included, because values are processed by recursion. Helm reads ten times as many.
const MAX_DEPTH: usize = 1_000;
/// Bytes that a document may take in memory once its aliases are expanded.
const MAX_SIZE: usize = 128 << 20;
/// Bytes that a value takes besides its text.
const SIZE_OF_VALUE: usize = 32;
/// Bytes that an entry of a map takes besides key and value.
const SIZE_OF_ENTRY: usize = 40;

/// A key with its YAML type: `1` and `"1"` are different keys until they become strings.
#[derive(Clone, Copy, PartialEq, Eq)]
enum KeyType {
    Text,
    Int,
    Float(u64),
    Bool,
}

/// A map while it is read, with the types of the keys that are not text.
#[derive(Default)]
struct Entries {
    fields: Map<String, Value>,
    types: HashMap<String, KeyType>,
}

impl Entries {
    /// Later keys win over earlier ones.
    fn insert(
        &mut self,
        line: u32,
        name: String,
        kind: KeyType,
        value: Value,
    ) -> Result<(), Error> {
        let not_a_number = matches!(kind, KeyType::Float(bits) if f64::from_bits(bits).is_nan());
        if let Some(known) = self.fields.get(&name)
            && (not_a_number || self.types.get(&name).copied().unwrap_or(KeyType::Text) != kind)
            && *known != value
        {
            let message = format!(
                "two keys of different YAML types both become \"{name}\": which one wins is chance"
            );
            return Err(Error::ours(at(line), message));
        }
        if kind != KeyType::Text {
            self.types.insert(name.clone(), kind);
        }
        self.fields.insert(name, value);
        Ok(())
    }
}

fn at(line: u32) -> Option<usize> {
    usize::try_from(line).ok()
}

fn go(line: u32, message: &str) -> Error {
    Error::go(at(line), 0, message)
}

/// The value of a document.
pub(super) fn decode(document: &Document, shape: &Shape) -> Result<Value, Error> {
    let mut decoder = Decoder {
        document,
        expanding: HashSet::new(),
        // The document counts as well.
        decoded: 1,
        aliased: 0,
        size: 0,
    };
    decoder.value(0, 0, shape)
}

struct Decoder<'a> {
    document: &'a Document,
    /// Aliases that are being followed.
    expanding: HashSet<Id>,
    /// Values that were read, and how many of them through an alias, as go-yaml counts them.
    decoded: u64,
    aliased: u64,
    size: usize,
}

impl<'a> Decoder<'a> {
    /// Counts a value.
    fn count(&mut self, node: &Node, depth: usize) -> Result<(), Error> {
        self.decoded += 1;
        self.aliased += u64::from(!self.expanding.is_empty());
        #[allow(clippy::cast_precision_loss)]
        let ratio = self.aliased as f64 / self.decoded as f64;
        if self.aliased > 100 && self.decoded > 1000 && ratio > allowed_ratio(self.decoded) {
            return Err(go(node.line, "document contains excessive aliasing"));
        }
        if depth > MAX_DEPTH {
            let message =
                format!("nested deeper than {MAX_DEPTH} levels: only the helm engine reads it");
            return Err(Error::ours(at(node.line), message));
        }
        self.size += SIZE_OF_VALUE;
        if let Content::Scalar { length, .. } = node.content {
            self.size += usize::try_from(length).unwrap_or(usize::MAX);
        }
        if self.size > MAX_SIZE {
            let message = format!(
                "the document takes more than {} MiB: only the helm engine reads it",
                MAX_SIZE >> 20
            );
            return Err(Error::ours(at(node.line), message));
        }
        Ok(())
    }

    fn value(&mut self, id: Id, depth: usize, shape: &Shape) -> Result<Value, Error> {
        let node = self.document.node(id);
        self.count(&node, depth)?;
        match node.content {
            Content::Scalar { .. } => {
                let typed = self.typed(&node)?;
                json(&node, typed, matches!(shape, Shape::Text))
            }
            Content::Sequence { at, length } => {
                let items = self.document.children(at, length);
                let mut values = Vec::with_capacity(items.len());
                for item in items {
                    values.push(self.value(*item, depth + 1, shape.item())?);
                }
                Ok(Value::Array(values))
            }
            Content::Mapping { at, length } => {
                let mut entries = Entries::default();
                let pairs = self.document.children(at, length);
                self.fill(pairs, &mut entries, depth, shape)?;
                Ok(Value::Object(entries.fields))
            }
            Content::Alias(target) => {
                self.follow(id, &node, |decoder| decoder.value(target, depth, shape))
            }
        }
    }

    /// Reads the value that an alias stands for.
    fn follow<T>(
        &mut self,
        id: Id,
        alias: &Node,
        read: impl FnOnce(&mut Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        if !self.expanding.insert(id) {
            let name = self.document.tag(alias);
            let problem = format!("anchor '{name}' value contains itself");
            return Err(go(alias.line, &problem));
        }
        let read = read(self);
        self.expanding.remove(&id);
        read
    }

    /// Reads the keys and values of a map. A merge key counts where it stands.
    fn fill(
        &mut self,
        pairs: &[Id],
        into: &mut Entries,
        depth: usize,
        shape: &Shape,
    ) -> Result<(), Error> {
        for pair in pairs.chunks_exact(2) {
            let (key, value) = (pair[0], pair[1]);
            let key_node = self.document.node(key);
            if self.is_merge(&key_node) {
                self.merge(value, into, depth + 1, shape)?;
                continue;
            }
            let (name, kind) = self.key(key, depth + 1)?;
            let (_, field) = shape.field(&name);
            let value = self.value(value, depth + 1, field)?;
            self.size += SIZE_OF_ENTRY;
            into.insert(key_node.line, name, kind, value)?;
        }
        Ok(())
    }

    fn merge(
        &mut self,
        id: Id,
        into: &mut Entries,
        depth: usize,
        shape: &Shape,
    ) -> Result<(), Error> {
        let node = self.document.node(id);
        match node.content {
            Content::Sequence { at, length } => {
                // The first map of a list wins.
                for item in self.document.children(at, length).iter().rev() {
                    self.merge_map(*item, into, depth, shape)?;
                }
                Ok(())
            }
            _ => self.merge_map(id, into, depth, shape),
        }
    }

    /// A map, or the alias of one.
    fn merge_map(
        &mut self,
        id: Id,
        into: &mut Entries,
        depth: usize,
        shape: &Shape,
    ) -> Result<(), Error> {
        let node = self.document.node(id);
        let (mapping, is_alias) = match node.content {
            Content::Alias(target) => (self.document.node(target), true),
            _ => (node, false),
        };
        let Content::Mapping { at, length } = mapping.content else {
            let problem = "map merge requires map or sequence of maps as the value";
            return Err(go(node.line, problem));
        };
        let pairs = self.document.children(at, length);
        self.count(&node, depth)?;
        if !is_alias {
            return self.fill(pairs, into, depth, shape);
        }
        self.follow(id, &node, |decoder| {
            decoder.count(&mapping, depth)?;
            decoder.fill(pairs, into, depth, shape)
        })
    }

    fn key(&mut self, id: Id, depth: usize) -> Result<(String, KeyType), Error> {
        let node = self.document.node(id);
        self.count(&node, depth)?;
        let Content::Scalar {
            at: from, length, ..
        } = node.content
        else {
            let Content::Alias(target) = node.content else {
                let message = "invalid map key: it must be a scalar".to_owned();
                return Err(Error::ours(at(node.line), message));
            };
            return self.follow(id, &node, |decoder| decoder.key(target, depth));
        };
        match self.typed(&node)? {
            Typed::Text(text) => Ok((text.into_owned(), KeyType::Text)),
            Typed::Scalar(Scalar::Int(value)) => Ok((value.to_string(), KeyType::Int)),
            Typed::Scalar(Scalar::Float(value)) => {
                Ok((float_key(value), KeyType::Float(value.to_bits())))
            }
            Typed::Scalar(Scalar::Bool(value)) => Ok((value.to_string(), KeyType::Bool)),
            Typed::Scalar(_) => {
                let text = self.document.text(from, length);
                let message = format!("unsupported map key `{text}`: quote it");
                Err(Error::ours(at(node.line), message))
            }
        }
    }

    fn is_merge(&self, key: &Node) -> bool {
        let Content::Scalar {
            at,
            length,
            implicit,
        } = key.content
        else {
            return false;
        };
        let tagged = self.document.tag(key).strip_prefix(NAMESPACE) == Some("merge");
        (implicit || tagged) && self.document.text(at, length) == "<<"
    }

    /// The type of a scalar by tag and text.
    fn typed(&self, node: &Node) -> Result<Typed<'a>, Error> {
        let document = self.document;
        let Content::Scalar {
            at,
            length,
            implicit,
        } = node.content
        else {
            return Ok(Typed::Scalar(Scalar::Null));
        };
        typed(
            node.line,
            document.tag(node),
            document.text(at, length),
            implicit,
        )
    }
}

/// The share of values that may come from aliases in a document of that many values, as in go-yaml.
#[allow(clippy::cast_precision_loss)]
fn allowed_ratio(decoded: u64) -> f64 {
    const FROM: u64 = 400_000;
    const TO: u64 = 4_000_000;
    match decoded {
        0..=FROM => 0.99,
        TO.. => 0.10,
        _ => 0.99 - 0.89 * ((decoded - FROM) as f64 / (TO - FROM) as f64),
    }
}
