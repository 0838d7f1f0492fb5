//! The place in the text where the scanner stands. Pure.
//!
//! go-yaml reads ahead in pieces of 512 bytes and refuses a forbidden character as soon as its piece is read, so the pieces are
//! the same here: they decide which of two errors is reported.

use super::super::Error;

/// Bytes that are read ahead at a time.
const PIECE: usize = 512;

/// A place in the text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::yaml) struct Mark {
    /// Characters before it.
    pub(in crate::yaml) index: usize,
    /// Lines before it.
    pub(in crate::yaml) line: usize,
    /// Characters before it in its line.
    pub(in crate::yaml) column: usize,
}

/// The text, and how far it has been read.
pub(super) struct Cursor<'a> {
    text: &'a str,
    /// Byte at which the scanner stands.
    at: usize,
    /// Byte up to which the text has been read ahead.
    ahead: usize,
    /// Characters between the two.
    unread: usize,
    /// Byte at which the text that go-yaml holds in memory begins.
    held_from: usize,
    pub(super) mark: Mark,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let begin = if text.starts_with('\u{feff}') { 3 } else { 0 };
        Self {
            text,
            at: begin,
            ahead: begin,
            unread: 0,
            held_from: begin,
            mark: Mark::default(),
        }
    }

    /// Reads ahead until `characters` are there, or the text ends.
    #[inline]
    pub(super) fn need(&mut self, characters: usize) -> Result<(), Error> {
        if self.unread >= characters {
            return Ok(());
        }
        self.read_ahead(characters)
    }

    fn read_ahead(&mut self, characters: usize) -> Result<(), Error> {
        self.held_from = self.at;
        while self.unread < characters {
            if self.ahead >= self.text.len() {
                // The NUL that ends the text is a character of its own.
                self.unread += 1;
                return Ok(());
            }
            // A byte order mark belongs to the first piece.
            let begin = if self.ahead <= 3 { 0 } else { self.ahead };
            let end = self.text.floor_char_boundary(begin + PIECE);
            let piece = &self.text[self.ahead..end];
            if let Some((at, _)) = piece.char_indices().find(|(_, one)| !is_allowed(*one)) {
                let line = self.text[..self.ahead + at].matches('\n').count() + 1;
                return Err(Error::go(
                    Some(line),
                    0,
                    "control characters are not allowed",
                ));
            }
            self.unread += piece.chars().count();
            self.ahead = end;
        }
        Ok(())
    }

    /// The byte at this distance; NUL beyond the end.
    #[inline]
    pub(super) fn byte(&self, offset: usize) -> u8 {
        let bytes = self.text.as_bytes();
        bytes.get(self.at + offset).copied().unwrap_or(0)
    }

    /// Whether the text that go-yaml holds in memory begins with a byte order mark. It does not look at the place where it stands.
    pub(super) fn holds_mark(&self) -> bool {
        self.text.as_bytes()[self.held_from..].starts_with("\u{feff}".as_bytes())
    }

    pub(super) fn is_end(&self) -> bool {
        self.byte(0) == 0
    }

    pub(super) fn is_break(&self, offset: usize) -> bool {
        self.break_width(offset) > 0
    }

    pub(super) fn is_break_or_end(&self, offset: usize) -> bool {
        self.byte(offset) == 0 || self.is_break(offset)
    }

    pub(super) fn is_blank(&self, offset: usize) -> bool {
        matches!(self.byte(offset), b' ' | b'\t')
    }

    /// Blank, line break or end.
    #[inline]
    pub(super) fn is_space(&self, offset: usize) -> bool {
        match self.byte(offset) {
            0 | b' ' | b'\t' | b'\r' | b'\n' => true,
            0xc2 | 0xe2 => self.is_break(offset),
            _ => false,
        }
    }

    /// Bytes of the line break, or 0. YAML 1.1 has five of them; CR and LF are two here.
    fn break_width(&self, offset: usize) -> usize {
        match self.byte(offset) {
            b'\r' | b'\n' => 1,
            0xc2 if self.byte(offset + 1) == 0x85 => 2,
            0xe2 if self.byte(offset + 1) == 0x80
                && matches!(self.byte(offset + 2), 0xa8 | 0xa9) =>
            {
                3
            }
            _ => 0,
        }
    }

    /// Whether a line begins with `---` or `...` and white space.
    pub(super) fn is_document_indicator(&self) -> bool {
        let dashes = (0..3).all(|offset| self.byte(offset) == b'-');
        let points = (0..3).all(|offset| self.byte(offset) == b'.');
        self.mark.column == 0 && (dashes || points) && self.is_space(3)
    }

    fn width(&self) -> usize {
        match self.byte(0) {
            0..=0x7f => 1,
            0x80..=0xdf => 2,
            0xe0..=0xef => 3,
            _ => 4,
        }
    }

    #[inline]
    pub(super) fn skip(&mut self) {
        self.at += self.width();
        self.mark.index += 1;
        self.mark.column += 1;
        self.unread = self.unread.saturating_sub(1);
    }

    /// Copies a character.
    #[inline]
    pub(super) fn read(&mut self, into: &mut String) {
        let byte = self.byte(0);
        if byte.is_ascii() {
            into.push(char::from(byte));
        } else {
            let end = self.at + self.width();
            into.push_str(self.text.get(self.at..end).unwrap_or_default());
        }
        self.skip();
    }

    /// Copies a line break, if there is one.
    pub(super) fn read_line(&mut self, into: &mut String) {
        into.push_str(self.skip_line());
    }

    /// Skips a line break, if there is one. Returns it as a line feed, unless it is one of the two line breaks of Unicode.
    pub(super) fn skip_line(&mut self) -> &'a str {
        let mut width = self.break_width(0);
        let counts_as = match width {
            0 => return "",
            3 => &self.text[self.at..self.at + width],
            _ => "\n",
        };
        if self.byte(0) == b'\r' && self.byte(1) == b'\n' {
            width = 2;
            self.mark.index += 1;
            self.unread = self.unread.saturating_sub(1);
        }
        self.at += width;
        self.mark.index += 1;
        self.mark.column = 0;
        self.mark.line += 1;
        self.unread = self.unread.saturating_sub(1);
        counts_as
    }

    /// Skips blanks.
    pub(super) fn skip_blanks(&mut self) -> Result<(), Error> {
        self.need(1)?;
        while self.is_blank(0) {
            self.skip();
            self.need(1)?;
        }
        Ok(())
    }

    /// Skips a comment, up to its line break.
    pub(super) fn skip_comment(&mut self) -> Result<(), Error> {
        if self.byte(0) == b'#' {
            while !self.is_break_or_end(0) {
                self.skip();
                self.need(1)?;
            }
        }
        Ok(())
    }

    /// Skips the rest of a line, which may hold blanks and a comment.
    pub(super) fn finish_line(&mut self, context: Mark) -> Result<(), Error> {
        self.skip_blanks()?;
        self.skip_comment()?;
        if !self.is_break_or_end(0) {
            return Err(self.error(context, "did not find expected comment or line break"));
        }
        if self.is_break(0) {
            self.need(2)?;
            self.skip_line();
        }
        Ok(())
    }

    /// An error of the scanner, where it stands.
    pub(super) fn error(&self, context: Mark, problem: &str) -> Error {
        let go_line = if self.mark.line == 0 {
            context.line
        } else {
            self.mark.line + 1
        };
        Error::go(Some(self.mark.line + 1), go_line, problem).at_column(self.mark.column)
    }
}

/// Whether YAML allows a character.
fn is_allowed(character: char) -> bool {
    matches!(
        character,
        '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{fffd}' | '\u{10000}'..
    )
}
