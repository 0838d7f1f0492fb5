//! Splits a template into text and actions exactly as Go's lexer does, before `gotmpl` parses it.
//!
//! `gotmpl` is more lenient than Go (it trims around comments by other rules, ignores what follows a surplus
//! `end`, accepts operands without a space between them). Trimming is therefore done here, and what Go refuses is
//! refused here. The result is a text without trim markers plus a map of its offsets to the original's. Pure.

mod lexer;

use std::ops::Range;

use self::lexer::Lexer;
use super::source::{SyntaxError, line_at};

/// Text for the parser, and where its parts come from.
#[derive(Debug, Default)]
pub struct Normal {
    /// The template without trim markers, with empty comments.
    pub text: String,
    /// `(offset in text, offset in the original)` at the start of each part, ascending.
    starts: Vec<(usize, usize)>,
    /// Where comments begin and end in the original.
    pub(super) comments: Vec<(usize, usize)>,
}

impl Normal {
    /// Offset in the original of an offset in [`Normal::text`].
    #[must_use]
    pub fn original(&self, offset: usize) -> usize {
        let index = self.starts.partition_point(|(start, _)| *start <= offset);
        index.checked_sub(1).map_or(offset, |index| {
            let (start, original) = self.starts[index];
            original + (offset - start)
        })
    }

    /// Adds text before an action. A brace at its end would join the action once the white space between them is gone.
    fn text(&mut self, text: &str, original: usize) {
        match text.strip_suffix('{') {
            Some(before) => {
                self.push(before, original);
                self.push("{{\"{\"}}", original + before.len());
            }
            None => self.push(text, original),
        }
    }

    /// Adds a part of the original with what is put in the place of some of it: offset, length, text.
    fn edited(&mut self, source: &str, part: Range<usize>, edits: Vec<(usize, usize, String)>) {
        let mut from = part.start;
        for (at, length, instead) in edits {
            self.push(&source[from..at], from);
            self.push(&instead, at);
            from = at + length;
        }
        self.push(&source[from..part.end], from);
    }

    fn push(&mut self, part: &str, original: usize) {
        self.starts.push((self.text.len(), original));
        self.text.push_str(part);
    }
}

/// A token inside an action, as far as spacing and block structure need it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token<'a> {
    /// A keyword, function, number or boolean.
    Word(&'a str),
    /// `.`, `.a`, `.a.b`
    Field(&'a str),
    /// `$`, `$x`, `$x.a`
    Variable(&'a str),
    /// A string or character constant with its quotes.
    Quoted(&'a str),
    /// `(`, `)`, `|`, `,`, `=`, `:=`
    Sign(&'a str),
}

/// An action: its tokens and the offset of its opening delimiter.
#[derive(Debug)]
pub struct Action<'a> {
    /// Offset in the original.
    pub offset: usize,
    /// Its tokens.
    pub tokens: Vec<Token<'a>>,
}

const SPACE: [char; 4] = [' ', '\t', '\r', '\n'];

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// Splits a template.
///
/// # Errors
/// Where Go's lexer fails, with the line.
pub fn scan(source: &str) -> Result<(Normal, Vec<Action<'_>>), SyntaxError> {
    let mut normal = Normal::default();
    let mut actions = Vec::new();
    let (mut position, mut trim) = (0, false);
    while position < source.len() {
        let open = source[position..].find("{{").map(|found| position + found);
        let text = &source[position..open.unwrap_or(source.len())];
        let kept = if trim {
            text.trim_start_matches(SPACE)
        } else {
            text
        };
        let start = position + text.len() - kept.len();
        let Some(open) = open else {
            normal.push(kept, start);
            break;
        };
        let trims_left = opens_with_trim(source, open);
        normal.text(
            if trims_left {
                kept.trim_end_matches(SPACE)
            } else {
                kept
            },
            start,
        );
        let inside = open + if trims_left { 4 } else { 2 };
        (position, trim) = if source[open + 2..].starts_with("/*")
            || trims_left && source[inside..].starts_with("/*")
        {
            normal.push("{{/**/}}", open);
            let ended = comment(source, inside)?;
            normal.comments.push((open, ended.0));
            ended
        } else {
            let mut lexer = Lexer {
                source,
                position: inside,
                tokens: Vec::new(),
                joined: false,
                edits: Vec::new(),
            };
            let (content_end, next, trims_right) = lexer.action()?;
            normal.push("{{", open);
            normal.edited(source, inside..content_end, lexer.edits);
            normal.push("}}", content_end);
            actions.push(Action {
                offset: open,
                tokens: lexer.tokens,
            });
            (next, trims_right)
        };
    }
    Ok((normal, actions))
}

fn opens_with_trim(source: &str, open: usize) -> bool {
    let bytes = source.as_bytes();
    bytes.get(open + 2) == Some(&b'-') && bytes.get(open + 3).copied().is_some_and(is_space)
}

/// Skips a comment that starts at `start`; the position after it, and whether it trims what follows.
fn comment(source: &str, start: usize) -> Result<(usize, bool), SyntaxError> {
    // The star that opens a comment does not close it.
    let Some(length) = source[start + 2..].find("*/") else {
        return Err(error(source, start, "unclosed comment"));
    };
    let end = start + length + 4;
    let rest = &source[end..];
    if rest.starts_with("}}") {
        return Ok((end + 2, false));
    }
    let bytes = rest.as_bytes();
    if bytes.first().copied().is_some_and(is_space) && rest[1..].starts_with("-}}") {
        return Ok((end + 4, true));
    }
    Err(error(
        source,
        start,
        "comment ends before closing delimiter",
    ))
}

fn error(source: &str, offset: usize, message: impl Into<String>) -> SyntaxError {
    let line = line_at(source, offset);
    SyntaxError {
        line,
        message: message.into(),
    }
}
