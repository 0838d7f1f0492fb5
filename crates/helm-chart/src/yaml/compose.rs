//! From parser events to nodes: documents, anchors, and what YAML 1.1 and 1.2 read differently. Pure.

use granit_parser::{Event, Parser, ScalarStyle, ScanError, Span, StructureStyle, Tag};
use serde_json::Value;

use super::{Error, decode};

/// Nesting that is followed, aliases included.
pub(super) const MAX_DEPTH: usize = 400;

/// A value of a document, its scalars not yet typed.
pub(super) struct Node {
    pub(super) line: usize,
    pub(super) content: Content,
}

/// What a node is.
pub(super) enum Content {
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
    decode::decode(&root, &composer.anchors)
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
