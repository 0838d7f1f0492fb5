//! From tokens to events: the grammar of YAML 1.1 as go-yaml's state machine has it, without recursion. Pure.

mod collections;

use super::Error;
use super::scan::{Kind, Mark, Scanner};

/// What `!!` stands for.
pub(super) const NAMESPACE: &str = "tag:yaml.org,2002:";

/// A part of a document.
#[derive(Debug)]
pub(super) enum Event {
    StreamEnd,
    DocumentStart,
    DocumentEnd,
    Alias(String),
    Scalar {
        text: String,
        /// Whether the text decides its type.
        implicit: bool,
        properties: Properties,
    },
    SequenceStart(Properties),
    SequenceEnd,
    MappingStart(Properties),
    MappingEnd,
}

/// Anchor and tag of a value.
#[derive(Debug, Default)]
pub(super) struct Properties {
    pub(super) anchor: Option<String>,
    /// Empty if there is none.
    pub(super) tag: String,
}

#[derive(Clone, Copy, Debug)]
enum State {
    DocumentStart { implicit: bool },
    DocumentContent,
    DocumentEnd,
    BlockNode,
    BlockSequence,
    IndentlessSequence,
    BlockKey,
    BlockValue,
    FlowSequence { first: bool },
    FlowPairKey,
    FlowPairValue,
    FlowPairEnd,
    FlowKey { first: bool },
    FlowValue { empty: bool },
    End,
}

/// Makes events of a text.
pub(super) struct Parser<'a> {
    scanner: Scanner<'a>,
    state: State,
    states: Vec<State>,
    /// Where the open collections begin.
    marks: Vec<Mark>,
    /// Handles and prefixes of tags.
    tags: Vec<(String, String)>,
}

type Next = Result<(Event, Mark), Error>;

impl<'a> Parser<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            scanner: Scanner::new(text),
            state: State::DocumentStart { implicit: true },
            states: Vec::new(),
            marks: Vec::new(),
            tags: Vec::new(),
        }
    }

    /// The next event, and where it begins.
    pub(super) fn next(&mut self) -> Next {
        if self.scanner.ended {
            return Ok((Event::StreamEnd, Mark::default()));
        }
        match self.state {
            State::DocumentStart { implicit } => self.document_start(implicit),
            State::DocumentContent => self.document_content(),
            State::DocumentEnd => self.document_end(),
            State::BlockNode => self.node(true, false),
            State::BlockSequence => self.block_sequence(),
            State::IndentlessSequence => self.indentless_sequence(),
            State::BlockKey => self.block_key(),
            State::BlockValue => self.block_value(),
            State::FlowSequence { first } => self.flow_sequence(first),
            State::FlowPairKey => self.flow_pair_key(),
            State::FlowPairValue => self.flow_pair_value(),
            State::FlowPairEnd => {
                let mark = self.mark()?;
                self.state = State::FlowSequence { first: false };
                Ok((Event::MappingEnd, mark))
            }
            State::FlowKey { first } => self.flow_key(first),
            State::FlowValue { empty } => self.flow_value(empty),
            State::End => Ok((Event::StreamEnd, Mark::default())),
        }
    }

    fn kind(&mut self) -> Result<&Kind, Error> {
        Ok(&self.scanner.peek()?.kind)
    }

    fn mark(&mut self) -> Result<Mark, Error> {
        Ok(self.scanner.peek()?.mark)
    }

    fn pop(&mut self) {
        self.state = self.states.pop().unwrap_or(State::End);
    }

    /// An error of the grammar at the present token.
    fn error(&mut self, problem: &str, context: Option<Mark>) -> Error {
        let mark = self.mark().unwrap_or_default();
        error_at(mark, problem, context.unwrap_or_default())
    }

    fn empty(mark: Mark) -> (Event, Mark) {
        let event = Event::Scalar {
            text: String::new(),
            implicit: true,
            properties: Properties::default(),
        };
        (event, mark)
    }

    fn document_start(&mut self, implicit: bool) -> Next {
        while !implicit && *self.kind()? == Kind::DocumentEnd {
            self.scanner.take();
        }
        let mark = self.mark()?;
        let kind = self.kind()?;
        if *kind == Kind::StreamEnd {
            self.scanner.take();
            self.state = State::End;
            return Ok((Event::StreamEnd, mark));
        }
        let marked = matches!(
            kind,
            Kind::Version(_) | Kind::TagDirective(..) | Kind::DocumentStart
        );
        self.directives()?;
        self.states.push(State::DocumentEnd);
        if implicit && !marked {
            self.state = State::BlockNode;
            return Ok((Event::DocumentStart, mark));
        }
        if *self.kind()? != Kind::DocumentStart {
            return Err(self.error("did not find expected <document start>", None));
        }
        self.scanner.take();
        self.state = State::DocumentContent;
        Ok((Event::DocumentStart, mark))
    }

    fn directives(&mut self) -> Result<(), Error> {
        let mut versions = 0;
        loop {
            match self.kind()? {
                Kind::Version(supported) => {
                    let supported = *supported;
                    versions += 1;
                    if versions > 1 {
                        return Err(self.error("found duplicate %YAML directive", None));
                    }
                    if !supported {
                        return Err(self.error("found incompatible YAML document", None));
                    }
                }
                Kind::TagDirective(handle, prefix) => {
                    let tag = (handle.clone(), prefix.clone());
                    if self.tags.iter().any(|(known, _)| *known == tag.0) {
                        return Err(self.error("found duplicate %TAG directive", None));
                    }
                    self.tags.push(tag);
                }
                _ => break,
            }
            self.scanner.take();
        }
        for (handle, prefix) in [("!", "!"), ("!!", NAMESPACE)] {
            if !self.tags.iter().any(|(known, _)| known == handle) {
                self.tags.push((handle.to_owned(), prefix.to_owned()));
            }
        }
        Ok(())
    }

    fn document_content(&mut self) -> Next {
        let empty = matches!(
            self.kind()?,
            Kind::Version(_)
                | Kind::TagDirective(..)
                | Kind::DocumentStart
                | Kind::DocumentEnd
                | Kind::StreamEnd
        );
        if empty {
            self.pop();
            return Ok(Self::empty(self.mark()?));
        }
        self.node(true, false)
    }

    fn document_end(&mut self) -> Next {
        let mark = self.mark()?;
        if *self.kind()? == Kind::DocumentEnd {
            self.scanner.take();
        }
        self.tags.clear();
        self.state = State::DocumentStart { implicit: false };
        Ok((Event::DocumentEnd, mark))
    }

    fn node(&mut self, block: bool, indentless: bool) -> Next {
        let start = self.mark()?;
        if matches!(self.kind()?, Kind::Alias(_)) {
            self.pop();
            let name = match self.scanner.take() {
                Some(Kind::Alias(name)) => name,
                _ => String::new(),
            };
            return Ok((Event::Alias(name), start));
        }
        let (properties, tagged) = self.properties(start)?;
        let event = match self.kind()? {
            Kind::BlockEntry if indentless => {
                self.state = State::IndentlessSequence;
                Event::SequenceStart(properties)
            }
            Kind::Scalar(..) => {
                let (text, plain) = match self.scanner.take() {
                    Some(Kind::Scalar(text, plain)) => (text, plain),
                    _ => Default::default(),
                };
                let implicit = properties.tag.is_empty() && plain || properties.tag == "!";
                self.pop();
                Event::Scalar {
                    text,
                    implicit,
                    properties,
                }
            }
            Kind::FlowSequenceStart => {
                self.open(State::FlowSequence { first: true }, properties)?
            }
            Kind::FlowMappingStart => self.open(State::FlowKey { first: true }, properties)?,
            Kind::BlockSequenceStart if block => self.open(State::BlockSequence, properties)?,
            Kind::BlockMappingStart if block => self.open(State::BlockKey, properties)?,
            _ if properties.anchor.is_some() || tagged => {
                self.pop();
                let implicit = properties.tag.is_empty();
                Event::Scalar {
                    text: String::new(),
                    implicit,
                    properties,
                }
            }
            _ => {
                return Err(self.error("did not find expected node content", Some(start)));
            }
        };
        Ok((event, start))
    }

    /// Begins a collection with its first token.
    fn open(&mut self, state: State, properties: Properties) -> Result<Event, Error> {
        let mark = self.mark()?;
        self.marks.push(mark);
        self.state = state;
        self.scanner.take();
        Ok(match state {
            State::FlowSequence { .. } | State::BlockSequence => Event::SequenceStart(properties),
            _ => Event::MappingStart(properties),
        })
    }

    /// Anchor and tag in either order, and whether there is a tag.
    fn properties(&mut self, start: Mark) -> Result<(Properties, bool), Error> {
        let mut properties = Properties::default();
        let mut tag = None;
        for _ in 0..2 {
            let mark = self.mark()?;
            let wanted = match self.kind()? {
                Kind::Anchor(_) => properties.anchor.is_none(),
                Kind::Tag(..) => tag.is_none(),
                _ => false,
            };
            if !wanted {
                break;
            }
            match self.scanner.take() {
                Some(Kind::Anchor(name)) => properties.anchor = Some(name),
                Some(Kind::Tag(handle, suffix)) => tag = Some((handle, suffix, mark)),
                _ => {}
            }
        }
        let Some((handle, suffix, mark)) = tag else {
            return Ok((properties, false));
        };
        if handle.is_empty() {
            properties.tag = suffix;
        } else {
            let known = self.tags.iter().find(|(known, _)| *known == handle);
            properties.tag = known.map_or(String::new(), |(_, prefix)| format!("{prefix}{suffix}"));
            if properties.tag.is_empty() {
                return Err(error_at(mark, "found undefined tag handle", start));
            }
        }
        let tagged = !properties.tag.is_empty();
        Ok((properties, tagged))
    }

    /// Reads the node behind an indicator, which is the present token, and goes on with `next`. The token behind the indicator may
    /// say that the node is empty.
    fn node_behind(&mut self, next: State, says_empty: impl Fn(&Kind) -> bool) -> Next {
        let in_mapping = matches!(next, State::BlockKey | State::BlockValue);
        let in_block =
            in_mapping || matches!(next, State::BlockSequence | State::IndentlessSequence);
        let indicator = self.mark()?;
        self.scanner.take();
        if says_empty(self.kind()?) {
            let mark = if in_block { indicator } else { self.mark()? };
            self.state = next;
            return Ok(Self::empty(mark));
        }
        self.states.push(next);
        self.node(in_block, in_mapping)
    }
}

/// An error of the grammar. Go counts its line from 0, and tells the line of the context if that is 0.
fn error_at(mark: Mark, problem: &str, context: Mark) -> Error {
    let go_line = if mark.line == 0 {
        context.line
    } else {
        mark.line
    };
    Error::go(Some(mark.line + 1), go_line, problem).at_column(mark.column)
}
