//! From parser events to a JSON value, by go-yaml's rules for tags, keys, merge keys, aliases and duplicates. Pure.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine as _;
use granit_parser::{Event, Parser, ScalarStyle, ScanError, Span, StructureStyle, Tag};
use serde_json::{Map, Number, Value};

use super::Error;
use super::number::float32_text;
use super::resolve::{self, Scalar};

/// Nesting that is followed, aliases included.
const MAX_DEPTH: usize = 400;
/// Values that a document may hold once its aliases are expanded.
const MAX_VALUES: usize = 1_000_000;
const NAMESPACE: &str = "tag:yaml.org,2002:";

struct Node {
    line: usize,
    content: Content,
}

enum Content {
    Scalar {
        tag: String,
        text: String,
        implicit: bool,
    },
    Sequence(Vec<Node>),
    Mapping(Vec<(Node, Node)>),
    /// The place where an anchored value stands; the value is in the table of anchors.
    Anchored(usize),
    Alias(usize),
}

/// A key with its YAML type: `1` and `"1"` are different keys until they become strings.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Text(String),
    Int(i64),
    Float(u64),
    Bool(bool),
}

type Entries = BTreeMap<Key, Value>;

/// Reads the first document of a text.
pub(super) fn first_document(text: &str) -> Result<Value, Error> {
    check_characters(text)?;
    let mut options = granit_parser::Options::default();
    options.set_emit_comments(false);
    let parser = Parser::new_from_str_with_options(text, options);
    let mut composer = Composer {
        text,
        parser,
        anchors: Vec::new(),
        flow: 0,
    };
    loop {
        let (event, span) = composer.next()?;
        match event {
            Event::DocumentStart(_, Some(version)) if (version.major, version.minor) != (1, 1) => {
                return Err(Error::at(
                    span.start.line(),
                    "found incompatible YAML document: only %YAML 1.1 is read",
                ));
            }
            Event::DocumentStart(..) => break,
            Event::StreamEnd => return Ok(Value::Null),
            _ => {}
        }
    }
    let (event, span) = composer.next()?;
    let root = composer.node(event, span, 0)?;
    composer.next()?;
    Decoder {
        anchors: &composer.anchors,
        expanding: Vec::new(),
        values: 0,
    }
    .value(&root, 0)
}

/// Characters that YAML forbids, and line breaks of YAML 1.1 that are none in YAML 1.2.
fn check_characters(text: &str) -> Result<(), Error> {
    for (line, content) in text.split('\n').enumerate() {
        for character in content.chars() {
            let problem = match character {
                '\u{85}' | '\u{2028}' | '\u{2029}' => {
                    "is a line break to some YAML versions only; write it escaped"
                }
                '\t' | '\r' | '\u{20}'..='\u{7e}' | '\u{a0}'..='\u{fffd}' | '\u{10000}'.. => {
                    continue;
                }
                _ => "is a control character, which YAML does not allow",
            };
            return Err(Error::at(
                line + 1,
                format!("U+{:04X} {problem}", u32::from(character)),
            ));
        }
    }
    Ok(())
}

struct Composer<'a> {
    text: &'a str,
    parser: Parser<'a, granit_parser::StrInput<'a>>,
    /// By the parser's number; `None` while the node is still open.
    anchors: Vec<Option<Node>>,
    /// Open flow collections.
    flow: usize,
}

impl<'a> Composer<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Span), Error> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(scan_error(&error)),
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, Error> {
        let line = span.start.line();
        if depth > MAX_DEPTH {
            return Err(Error::at(
                line,
                format!("nested deeper than {MAX_DEPTH} levels"),
            ));
        }
        self.check_tabs(span)?;
        let (anchor, content) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.check_scalar(&text, style, tag.is_some(), span)?;
                (anchor, scalar(&text, style, tag.as_deref()))
            }
            Event::SequenceStart(style, anchor, _) => {
                (anchor, Content::Sequence(self.sequence(style, depth)?))
            }
            Event::MappingStart(style, anchor, _) => {
                (anchor, Content::Mapping(self.mapping(style, depth)?))
            }
            Event::Alias(anchor) => (0, Content::Alias(anchor)),
            _ => return Err(Error::at(line, "expected a value")),
        };
        let node = Node { line, content };
        if anchor == 0 {
            return Ok(node);
        }
        if self.anchors.len() <= anchor {
            self.anchors.resize_with(anchor + 1, || None);
        }
        self.anchors[anchor] = Some(node);
        Ok(Node {
            line,
            content: Content::Anchored(anchor),
        })
    }

    fn sequence(&mut self, style: StructureStyle, depth: usize) -> Result<Vec<Node>, Error> {
        self.flow += usize::from(style == StructureStyle::Flow);
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => break,
                (event, span) => items.push(self.node(event, span, depth + 1)?),
            }
        }
        self.flow -= usize::from(style == StructureStyle::Flow);
        Ok(items)
    }

    fn mapping(&mut self, style: StructureStyle, depth: usize) -> Result<Vec<(Node, Node)>, Error> {
        self.flow += usize::from(style == StructureStyle::Flow);
        let mut entries = Vec::new();
        loop {
            match self.next()? {
                (Event::MappingEnd, _) => break,
                (event, span) => {
                    let key = self.node(event, span, depth + 1)?;
                    let (event, span) = self.next()?;
                    entries.push((key, self.node(event, span, depth + 1)?));
                }
            }
        }
        self.flow -= usize::from(style == StructureStyle::Flow);
        Ok(entries)
    }

    /// Text that YAML 1.1 splits or refuses where YAML 1.2 does not.
    fn check_scalar(
        &self,
        text: &str,
        style: ScalarStyle,
        tagged: bool,
        span: Span,
    ) -> Result<(), Error> {
        let problem = match style {
            ScalarStyle::Plain
                if self.flow > 0 && (text.contains('?') || text.starts_with(':')) =>
            {
                "text with `?` or a leading `:` must be quoted between brackets"
            }
            ScalarStyle::Plain if self.flow > 0 && self.ends_in_colon(span) => {
                "a `:` directly before `,` or a bracket: put a space after it, or quote the text"
            }
            ScalarStyle::Plain if self.flow > 0 && tagged && text.is_empty() => {
                "a tag without text between brackets: write the empty text as \"\""
            }
            ScalarStyle::DoubleQuoted if self.source(span).is_some_and(escapes_slash) => {
                "found unknown escape character `\\/`"
            }
            _ => return Ok(()),
        };
        Err(Error::at(span.start.line(), problem))
    }

    fn ends_in_colon(&self, span: Span) -> bool {
        let after = span
            .end
            .byte_offset()
            .and_then(|end| self.text.get(end..))
            .unwrap_or_default();
        after
            .strip_prefix(':')
            .is_some_and(|after| after.starts_with([',', ']', '}', '[', '{']))
    }

    /// Outside of brackets YAML 1.1 takes no tab for indentation.
    fn check_tabs(&self, span: Span) -> Result<(), Error> {
        let before = span
            .start
            .byte_offset()
            .and_then(|end| self.text.get(..end))
            .unwrap_or_default();
        let before = &before[before.rfind('\n').map_or(0, |at| at + 1)..];
        let indentation = before
            .chars()
            .all(|character| matches!(character, ' ' | '\t' | '-' | '?' | ':'));
        if self.flow == 0 && indentation && before.contains('\t') {
            return Err(Error::at(
                span.start.line(),
                "found a tab where indentation is expected: use spaces",
            ));
        }
        Ok(())
    }

    fn source(&self, span: Span) -> Option<&'a str> {
        self.text
            .get(span.start.byte_offset()?..span.end.byte_offset()?)
    }
}

fn escapes_slash(quoted: &str) -> bool {
    let mut characters = quoted.chars();
    while let Some(character) = characters.next() {
        if character == '\\' && characters.next() == Some('/') {
            return true;
        }
    }
    false
}

fn scan_error(error: &ScanError) -> Error {
    Error::at(error.marker().line(), error.info())
}

fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Content {
    let tag = tag
        .map(|tag| format!("{}{}", tag.handle(), tag.suffix()))
        .unwrap_or_default();
    // The non-specific tag `!` makes text of anything.
    let unspecific = tag == "!";
    let implicit = tag.is_empty() && style == ScalarStyle::Plain;
    Content::Scalar {
        tag: if unspecific { String::new() } else { tag },
        text: text.to_owned(),
        implicit,
    }
}

struct Decoder<'a> {
    anchors: &'a [Option<Node>],
    expanding: Vec<usize>,
    values: usize,
}

impl<'a> Decoder<'a> {
    fn value(&mut self, node: &'a Node, depth: usize) -> Result<Value, Error> {
        self.values += 1;
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
                            self.merge(item, into, depth)?
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
        ("bool", Scalar::Bool(_))
        | ("int", Scalar::Int(_) | Scalar::Uint(_))
        | ("null", Scalar::Null) => {}
        ("float", Scalar::Int(value)) => {
            #[allow(clippy::cast_precision_loss)]
            return Ok(Typed::Scalar(Scalar::Float(*value as f64)));
        }
        ("float", Scalar::Float(_)) | ("timestamp", Scalar::Timestamp) => {}
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
