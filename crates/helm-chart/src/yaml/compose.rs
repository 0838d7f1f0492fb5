//! From events to the nodes of a document, with its anchors. Pure.
//!
//! Nodes lie side by side in one list, texts in another: a document of millions of values stays small, and neither
//! composing nor dropping it recurses.

use std::collections::HashMap;
use std::ops::Range;

use super::Error;
use super::parse::{Event, Parser, Properties};

/// Number of a node.
pub(super) type Id = u32;

/// A document; its root is the first node.
#[derive(Default)]
pub(super) struct Document {
    nodes: Vec<Node>,
    /// Items, or keys and values, of all collections.
    children: Vec<Id>,
    texts: String,
    tags: Vec<String>,
}

/// A value that is not yet typed.
#[derive(Clone, Copy)]
pub(super) struct Node {
    pub(super) line: u32,
    pub(super) content: Content,
    /// Its tag, or the name of an alias, among those of the document, counted from 1.
    tag: u32,
}

/// What a node is.
#[derive(Clone, Copy)]
pub(super) enum Content {
    Scalar {
        at: u32,
        length: u32,
        implicit: bool,
    },
    Sequence {
        at: u32,
        length: u32,
    },
    Mapping {
        at: u32,
        length: u32,
    },
    Alias(Id),
}

impl Document {
    pub(super) fn node(&self, id: Id) -> Node {
        self.nodes[index(id)]
    }

    pub(super) fn children(&self, at: u32, length: u32) -> &[Id] {
        &self.children[range(at, length)]
    }

    pub(super) fn text(&self, at: u32, length: u32) -> &str {
        &self.texts[range(at, length)]
    }

    pub(super) fn tag(&self, node: &Node) -> &str {
        index(node.tag)
            .checked_sub(1)
            .map_or("", |tag| self.tags[tag].as_str())
    }
}

fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn range(at: u32, length: u32) -> Range<usize> {
    index(at)..index(at) + index(length)
}

fn number(count: usize) -> Result<u32, Error> {
    u32::try_from(count).map_err(|_| Error::ours(None, "the document is too large".to_owned()))
}

/// Reads the first document of a text; none if there is none.
pub(super) fn first_document(text: &str) -> Result<Option<Document>, Error> {
    let mut parser = Parser::new(text);
    if let (Event::StreamEnd, _) = parser.next()? {
        return Ok(None);
    }
    let mut composer = Composer::default();
    while !composer.step(&mut parser)? {}
    // Errors behind the first document count as far as the text has to be read to find that document's end.
    parser.next()?;
    Ok(Some(composer.document))
}

/// A collection that is not complete.
struct Open {
    node: usize,
    /// Where its children begin among those of all open collections.
    from: usize,
}

#[derive(Default)]
struct Composer {
    document: Document,
    open: Vec<Open>,
    /// Children of open collections.
    pending: Vec<Id>,
    anchors: HashMap<String, Id>,
    tags: HashMap<String, u32>,
}

impl Composer {
    /// Takes an event. Returns whether the document is complete.
    fn step(&mut self, parser: &mut Parser<'_>) -> Result<bool, Error> {
        let (event, mark) = parser.next()?;
        let line = number(mark.line + 1)?;
        match event {
            Event::Alias(name) => {
                let Some(target) = self.anchors.get(&name) else {
                    let problem = format!("unknown anchor '{name}' referenced");
                    let error = Error::go(Some(mark.line + 1), 0, &problem);
                    return Err(error.at_column(mark.column));
                };
                let content = Content::Alias(*target);
                // The name of an alias takes the place of a tag.
                let tag = name;
                self.add(line, content, Properties { anchor: None, tag })?;
            }
            Event::Scalar {
                text,
                implicit,
                properties,
            } => {
                let (at, length) = (number(self.document.texts.len())?, number(text.len())?);
                self.document.texts.push_str(&text);
                let content = Content::Scalar {
                    at,
                    length,
                    implicit,
                };
                self.add(line, content, properties)?;
            }
            Event::SequenceStart(properties) => {
                let content = Content::Sequence { at: 0, length: 0 };
                self.begin(line, content, properties)?;
                return Ok(false);
            }
            Event::MappingStart(properties) => {
                let content = Content::Mapping { at: 0, length: 0 };
                self.begin(line, content, properties)?;
                return Ok(false);
            }
            Event::SequenceEnd | Event::MappingEnd => self.end()?,
            Event::StreamEnd | Event::DocumentStart | Event::DocumentEnd => return Ok(true),
        }
        Ok(self.open.is_empty())
    }

    fn add(&mut self, line: u32, content: Content, properties: Properties) -> Result<Id, Error> {
        let id = number(self.document.nodes.len())?;
        let tag = self.tag(properties.tag)?;
        self.document.nodes.push(Node { line, content, tag });
        if let Some(anchor) = properties.anchor {
            self.anchors.insert(anchor, id);
        }
        if !self.open.is_empty() {
            self.pending.push(id);
        }
        Ok(id)
    }

    fn tag(&mut self, tag: String) -> Result<u32, Error> {
        if tag.is_empty() {
            return Ok(0);
        }
        if let Some(known) = self.tags.get(&tag) {
            return Ok(*known);
        }
        self.document.tags.push(tag.clone());
        let number = number(self.document.tags.len())?;
        self.tags.insert(tag, number);
        Ok(number)
    }

    fn begin(&mut self, line: u32, content: Content, of: Properties) -> Result<(), Error> {
        let id = self.add(line, content, of)?;
        self.open.push(Open {
            node: index(id),
            from: self.pending.len(),
        });
        Ok(())
    }

    fn end(&mut self) -> Result<(), Error> {
        let Some(Open { node, from }) = self.open.pop() else {
            return Ok(());
        };
        let begin = number(self.document.children.len())?;
        let count = number(self.pending.len() - from)?;
        self.document.children.extend(self.pending.drain(from..));
        match &mut self.document.nodes[node].content {
            Content::Sequence { at, length } | Content::Mapping { at, length } => {
                (*at, *length) = (begin, count);
            }
            Content::Scalar { .. } | Content::Alias(_) => {}
        }
        Ok(())
    }
}
