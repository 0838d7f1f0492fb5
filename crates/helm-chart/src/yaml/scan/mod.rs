//! From text to tokens, as go-yaml 2 does it: YAML 1.1 with the liberties that it takes. Pure.
//!
//! This is the scanner of go-yaml, function by function, because some chart relies on every liberty: text continued at the
//! indentation of its key, `{x:}`, anchors before a colon, tabs, Unicode's line breaks.

mod block;
mod cursor;
mod fetch;
mod scalars;
mod words;

use std::collections::{HashMap, VecDeque};

use super::Error;
use cursor::Cursor;
pub(super) use cursor::Mark;

/// Levels of brackets, and levels of indented blocks.
const MAX_NESTING: usize = 10_000;
/// The longest key, in characters.
const MAX_KEY: usize = 1024;

/// A token and where it begins.
#[derive(Debug)]
pub(super) struct Token {
    pub(super) mark: Mark,
    pub(super) kind: Kind,
}

/// The kind of a token.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind {
    StreamEnd,
    /// `%YAML`, and whether it says 1.1.
    Version(bool),
    /// `%TAG` with handle and prefix.
    TagDirective(String, String),
    DocumentStart,
    DocumentEnd,
    BlockSequenceStart,
    BlockMappingStart,
    BlockEnd,
    FlowSequenceStart,
    FlowSequenceEnd,
    FlowMappingStart,
    FlowMappingEnd,
    BlockEntry,
    FlowEntry,
    Key,
    Value,
    Alias(String),
    Anchor(String),
    /// Handle and suffix.
    Tag(String, String),
    /// Text, and whether it has neither quotes nor a block.
    Scalar(String, bool),
}

/// A place where a key may have begun: only the `:` behind a key tells.
#[derive(Clone, Copy, Default)]
struct SimpleKey {
    possible: bool,
    required: bool,
    token: usize,
    mark: Mark,
}

/// Makes tokens of a text.
pub(super) struct Scanner<'a> {
    cursor: Cursor<'a>,
    tokens: VecDeque<Token>,
    /// Tokens that were taken.
    taken: usize,
    /// Whether the first token is known to be final.
    available: bool,
    pub(super) ended: bool,
    /// Column of the present block, -1 outside of any.
    indent: isize,
    indents: Vec<isize>,
    /// Open brackets.
    flow: usize,
    simple_key_allowed: bool,
    /// One for every open bracket, and one for the blocks around them.
    simple_keys: Vec<SimpleKey>,
    simple_keys_by_token: HashMap<usize, usize>,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            cursor: Cursor::new(text),
            tokens: VecDeque::new(),
            taken: 0,
            available: false,
            ended: false,
            indent: -1,
            indents: Vec::new(),
            flow: 0,
            simple_key_allowed: true,
            simple_keys: vec![SimpleKey::default()],
            simple_keys_by_token: HashMap::new(),
        }
    }

    /// Shows the next token.
    pub(super) fn peek(&mut self) -> Result<&Token, Error> {
        if !self.available {
            self.fetch_more()?;
        }
        let past_the_end = || Error::go(None, 0, "did not find expected <document start>");
        self.tokens.front().ok_or_else(past_the_end)
    }

    /// Takes the token that [`Self::peek`] showed.
    pub(super) fn take(&mut self) -> Option<Kind> {
        self.available = false;
        self.taken += 1;
        let kind = self.tokens.pop_front()?.kind;
        self.ended = kind == Kind::StreamEnd;
        Some(kind)
    }

    /// Tokens are final once none of them can turn out to begin a key.
    fn fetch_more(&mut self) -> Result<(), Error> {
        loop {
            if !self.tokens.is_empty() {
                let key = self.simple_keys_by_token.get(&self.taken).copied();
                let Some(key) = key.filter(|level| *level < self.simple_keys.len()) else {
                    break;
                };
                if !self.is_valid(key)? {
                    break;
                }
            }
            self.fetch_next()?;
        }
        self.available = true;
        Ok(())
    }

    fn push(&mut self, mark: Mark, kind: Kind) {
        self.tokens.push_back(Token { mark, kind });
    }

    /// Puts a token before the one of this number.
    fn insert(&mut self, number: usize, mark: Mark, kind: Kind) {
        let place = number.saturating_sub(self.taken).min(self.tokens.len());
        self.tokens.insert(place, Token { mark, kind });
    }

    /// Number of the token that comes next.
    fn next_number(&self) -> usize {
        self.taken + self.tokens.len()
    }

    fn is_valid(&mut self, level: usize) -> Result<bool, Error> {
        let (key, mark) = (self.simple_keys[level], self.cursor.mark);
        if !key.possible {
            return Ok(false);
        }
        if key.mark.line >= mark.line && key.mark.index + MAX_KEY >= mark.index {
            return Ok(true);
        }
        if key.required {
            return Err(self.cursor.error(key.mark, "could not find expected ':'"));
        }
        self.simple_keys[level].possible = false;
        Ok(false)
    }

    fn save_simple_key(&mut self) -> Result<(), Error> {
        if !self.simple_key_allowed {
            return Ok(());
        }
        let mark = self.cursor.mark;
        let key = SimpleKey {
            possible: true,
            required: self.flow == 0 && self.indent == column(mark.column),
            token: self.next_number(),
            mark,
        };
        self.remove_simple_key()?;
        let level = self.simple_keys.len() - 1;
        self.simple_keys[level] = key;
        self.simple_keys_by_token.insert(key.token, level);
        Ok(())
    }

    fn remove_simple_key(&mut self) -> Result<(), Error> {
        let level = self.simple_keys.len() - 1;
        let key = self.simple_keys[level];
        if key.possible {
            if key.required {
                return Err(self.cursor.error(key.mark, "could not find expected ':'"));
            }
            self.simple_keys[level].possible = false;
            self.simple_keys_by_token.remove(&key.token);
        }
        Ok(())
    }

    /// Opens a block if the column lies further in; its token goes before the one of the number, or last.
    fn roll_indent(
        &mut self,
        at: usize,
        number: Option<usize>,
        mark: Mark,
        kind: Kind,
    ) -> Result<(), Error> {
        let at = column(at);
        if self.flow > 0 || self.indent >= at {
            return Ok(());
        }
        self.indents.push(self.indent);
        self.indent = at;
        self.check_nesting(self.indents.len())?;
        match number {
            Some(number) => self.insert(number, mark, kind),
            None => self.push(mark, kind),
        }
        Ok(())
    }

    /// Closes the blocks that lie further in than a column.
    fn unroll_indent(&mut self, column: isize) {
        while self.flow == 0 && self.indent > column {
            self.push(self.cursor.mark, Kind::BlockEnd);
            self.indent = self.indents.pop().unwrap_or(-1);
        }
    }

    fn check_nesting(&self, depth: usize) -> Result<(), Error> {
        if depth <= MAX_NESTING {
            return Ok(());
        }
        let context = self.simple_keys.last().copied().unwrap_or_default().mark;
        let message = format!("exceeded max depth of {MAX_NESTING}");
        Err(self.cursor.error(context, &message))
    }
}

/// A column as it compares with an indentation.
fn column(column: usize) -> isize {
    isize::try_from(column).unwrap_or(isize::MAX)
}
