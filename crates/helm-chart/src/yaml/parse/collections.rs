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

    pub(super) fn block_sequence(&mut self) -> Next {
        let mark = self.mark()?;
        match self.kind()? {
            Kind::BlockEntry => {
                self.scanner.take();
                let absent = |kind: &Kind| matches!(kind, Kind::BlockEntry | Kind::BlockEnd);
                self.node_or_empty(State::BlockSequence, false, absent, false, Some(mark))
            }
            Kind::BlockEnd => self.end(Event::SequenceEnd),
            _ => {
                let context = self.marks.pop();
                Err(self.error("did not find expected '-' indicator", context))
            }
        }
    }

    pub(super) fn indentless_sequence(&mut self) -> Next {
        let mark = self.mark()?;
        if *self.kind()? != Kind::BlockEntry {
            self.pop();
            return Ok((Event::SequenceEnd, mark));
        }
        self.scanner.take();
        let absent = |kind: &Kind| {
            matches!(
                kind,
                Kind::BlockEntry | Kind::Key | Kind::Value | Kind::BlockEnd
            )
        };
        self.node_or_empty(State::IndentlessSequence, false, absent, false, Some(mark))
    }

    pub(super) fn block_key(&mut self) -> Next {
        let mark = self.mark()?;
        match self.kind()? {
            Kind::Key => {
                self.scanner.take();
                self.node_or_empty(State::BlockValue, false, ends_entry, true, Some(mark))
            }
            Kind::BlockEnd => self.end(Event::MappingEnd),
            _ => {
                let context = self.marks.pop();
                Err(self.error("did not find expected key", context))
            }
        }
    }

    pub(super) fn block_value(&mut self) -> Next {
        let mark = self.mark()?;
        if *self.kind()? != Kind::Value {
            self.state = State::BlockKey;
            return Ok(Self::empty(mark));
        }
        self.scanner.take();
        self.node_or_empty(State::BlockKey, false, ends_entry, true, Some(mark))
    }

    /// Goes beyond the comma between entries; `Ok(false)` at the end of the collection.
    fn entry(&mut self, first: bool, end: &Kind, otherwise: &str) -> Result<bool, Error> {
        if self.kind()? == end {
            return Ok(false);
        }
        if !first {
            if *self.kind()? != Kind::FlowEntry {
                let context = self.marks.pop();
                return Err(self.error(otherwise, context));
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
            // go-yaml goes beyond the token that says that there is no key.
            self.scanner.take();
            self.state = State::FlowPairValue;
            return Ok(Self::empty(mark));
        }
        self.states.push(State::FlowPairValue);
        self.node(false, false)
    }

    pub(super) fn flow_pair_value(&mut self) -> Next {
        if *self.kind()? == Kind::Value {
            self.scanner.take();
            let absent = |kind: &Kind| matches!(kind, Kind::FlowEntry | Kind::FlowSequenceEnd);
            return self.node_or_empty(State::FlowPairEnd, true, absent, false, None);
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
            self.scanner.take();
            let absent =
                |kind: &Kind| matches!(kind, Kind::Value | Kind::FlowEntry | Kind::FlowMappingEnd);
            let next = State::FlowValue { empty: false };
            return self.node_or_empty(next, true, absent, false, None);
        }
        self.states.push(State::FlowValue { empty: true });
        self.node(false, false)
    }

    pub(super) fn flow_value(&mut self, empty: bool) -> Next {
        let next = State::FlowKey { first: false };
        if !empty && *self.kind()? == Kind::Value {
            self.scanner.take();
            let absent = |kind: &Kind| matches!(kind, Kind::FlowEntry | Kind::FlowMappingEnd);
            return self.node_or_empty(next, true, absent, false, None);
        }
        self.state = next;
        Ok(Self::empty(self.mark()?))
    }
}

fn ends_entry(kind: &Kind) -> bool {
    matches!(kind, Kind::Key | Kind::Value | Kind::BlockEnd)
}
