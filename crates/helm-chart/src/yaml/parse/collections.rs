//! Lists and maps, in blocks and in brackets. Pure.

use super::super::Error;
use super::super::scan::Kind;
use super::{Event, Next, Parser, Properties, State};

impl Parser<'_> {
    fn end(&mut self, event: Event) -> Next {
        let mark = self.mark()?;
        self.scanner.take();
        self.marks.pop();
        self.pop();
        Ok((event, mark))
    }

    /// An error of the innermost collection.
    fn misplaced(&mut self, problem: &str) -> Error {
        let context = self.marks.pop();
        self.error(problem, context)
    }

    pub(super) fn block_sequence(&mut self) -> Next {
        match self.kind()? {
            Kind::BlockEntry => {
                let absent = |kind: &Kind| matches!(kind, Kind::BlockEntry | Kind::BlockEnd);
                self.node_behind(State::BlockSequence, absent)
            }
            Kind::BlockEnd => self.end(Event::SequenceEnd),
            _ => Err(self.misplaced("did not find expected '-' indicator")),
        }
    }

    pub(super) fn indentless_sequence(&mut self) -> Next {
        let mark = self.mark()?;
        if *self.kind()? != Kind::BlockEntry {
            self.pop();
            return Ok((Event::SequenceEnd, mark));
        }
        let absent = |kind: &Kind| {
            matches!(
                kind,
                Kind::BlockEntry | Kind::Key | Kind::Value | Kind::BlockEnd
            )
        };
        self.node_behind(State::IndentlessSequence, absent)
    }

    pub(super) fn block_key(&mut self) -> Next {
        match self.kind()? {
            Kind::Key => self.node_behind(State::BlockValue, ends_entry),
            Kind::BlockEnd => self.end(Event::MappingEnd),
            _ => Err(self.misplaced("did not find expected key")),
        }
    }

    pub(super) fn block_value(&mut self) -> Next {
        let mark = self.mark()?;
        if *self.kind()? != Kind::Value {
            self.state = State::BlockKey;
            return Ok(Self::empty(mark));
        }
        self.node_behind(State::BlockKey, ends_entry)
    }

    /// Skips the comma between entries. `Ok(false)` at the end of the collection.
    fn entry(&mut self, first: bool, end: &Kind, otherwise: &str) -> Result<bool, Error> {
        if self.kind()? == end {
            return Ok(false);
        }
        if !first {
            if *self.kind()? != Kind::FlowEntry {
                return Err(self.misplaced(otherwise));
            }
            self.scanner.take();
        }
        Ok(self.kind()? != end)
    }

    pub(super) fn flow_sequence(&mut self, first: bool) -> Next {
        let otherwise = "did not find expected ',' or ']'";
        if !self.entry(first, &Kind::FlowSequenceEnd, otherwise)? {
            return self.end(Event::SequenceEnd);
        }
        if *self.kind()? == Kind::Key {
            let mark = self.mark()?;
            self.scanner.take();
            self.state = State::FlowPairKey;
            return Ok((Event::MappingStart(Properties::default()), mark));
        }
        self.states.push(State::FlowSequence { first: false });
        self.node(false, false)
    }

    pub(super) fn flow_pair_key(&mut self) -> Next {
        let mark = self.mark()?;
        let absent = matches!(
            self.kind()?,
            Kind::Value | Kind::FlowEntry | Kind::FlowSequenceEnd
        );
        if absent {
            // go-yaml skips the token in place of the key.
            self.scanner.take();
            self.state = State::FlowPairValue;
            return Ok(Self::empty(mark));
        }
        self.states.push(State::FlowPairValue);
        self.node(false, false)
    }

    pub(super) fn flow_pair_value(&mut self) -> Next {
        if *self.kind()? == Kind::Value {
            let absent = |kind: &Kind| matches!(kind, Kind::FlowEntry | Kind::FlowSequenceEnd);
            return self.node_behind(State::FlowPairEnd, absent);
        }
        self.state = State::FlowPairEnd;
        Ok(Self::empty(self.mark()?))
    }

    pub(super) fn flow_key(&mut self, first: bool) -> Next {
        let otherwise = "did not find expected ',' or '}'";
        if !self.entry(first, &Kind::FlowMappingEnd, otherwise)? {
            return self.end(Event::MappingEnd);
        }
        if *self.kind()? == Kind::Key {
            let absent =
                |kind: &Kind| matches!(kind, Kind::Value | Kind::FlowEntry | Kind::FlowMappingEnd);
            return self.node_behind(State::FlowValue { empty: false }, absent);
        }
        self.states.push(State::FlowValue { empty: true });
        self.node(false, false)
    }

    pub(super) fn flow_value(&mut self, empty: bool) -> Next {
        let next = State::FlowKey { first: false };
        if !empty && *self.kind()? == Kind::Value {
            let absent = |kind: &Kind| matches!(kind, Kind::FlowEntry | Kind::FlowMappingEnd);
            return self.node_behind(next, absent);
        }
        self.state = next;
        Ok(Self::empty(self.mark()?))
    }
}

fn ends_entry(kind: &Kind) -> bool {
    matches!(kind, Kind::Key | Kind::Value | Kind::BlockEnd)
}
