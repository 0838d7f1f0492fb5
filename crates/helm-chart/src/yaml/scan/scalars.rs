//! Texts in quotes, and plain texts. Pure.

use super::super::Error;
use super::{Kind, Mark, Scanner, column};

/// White space between the words of a text, which is folded.
#[derive(Default)]
struct Gap {
    /// Blanks within a line.
    blanks: String,
    /// The first line break.
    first: String,
    /// Line breaks after it.
    more: String,
    /// Whether there was a line break.
    breaks: bool,
}

impl Gap {
    /// Folds the gap into a text: a single line break becomes a space.
    fn fold_into(&mut self, text: &mut String) {
        if !self.breaks {
            text.push_str(&self.blanks);
        } else if !self.first.starts_with('\n') {
            text.push_str(&self.first);
            text.push_str(&self.more);
        } else if self.more.is_empty() {
            text.push(' ');
        } else {
            text.push_str(&self.more);
        }
        self.clear();
    }

    /// Forgets the blanks or the line breaks that were folded. As in go-yaml, the others stay for the next gap.
    fn clear(&mut self) {
        if self.breaks {
            self.first.clear();
            self.more.clear();
        } else {
            self.blanks.clear();
        }
        self.breaks = false;
    }
}

impl Scanner<'_> {
    /// A text in single or double quotes. How far its later lines are indented does not matter.
    pub(super) fn flow_scalar(&mut self, single: bool) -> Result<(), Error> {
        self.save_simple_key()?;
        self.simple_key_allowed = false;
        let start = self.cursor.mark;
        self.cursor.skip();
        let (mut text, mut gap) = (String::new(), Gap::default());
        let quote = if single { b'\'' } else { b'"' };
        loop {
            self.cursor.need(4)?;
            if self.cursor.is_document_indicator() {
                let problem = "found unexpected document indicator";
                return Err(self.cursor.error(start, problem));
            }
            if self.cursor.is_end() {
                let problem = "found unexpected end of stream";
                return Err(self.cursor.error(start, problem));
            }
            self.quoted_word(single, start, &mut text, &mut gap)?;
            self.cursor.need(1)?;
            if self.cursor.byte(0) == quote {
                break;
            }
            self.gap(&mut gap, None)?;
            gap.fold_into(&mut text);
        }
        self.cursor.skip();
        self.push(start, Kind::Scalar(text, false));
        Ok(())
    }

    /// Characters of a quoted text up to white space or its end.
    fn quoted_word(
        &mut self,
        single: bool,
        start: Mark,
        text: &mut String,
        gap: &mut Gap,
    ) -> Result<(), Error> {
        while !self.cursor.is_space(0) {
            match self.cursor.byte(0) {
                b'\'' if single && self.cursor.byte(1) == b'\'' => {
                    text.push('\'');
                    self.cursor.skip();
                    self.cursor.skip();
                }
                b'\'' if single => break,
                b'"' if !single => break,
                b'\\' if !single && self.cursor.is_break(1) => {
                    self.cursor.need(3)?;
                    self.cursor.skip();
                    self.cursor.skip_line();
                    gap.breaks = true;
                    break;
                }
                b'\\' if !single => text.push(self.escape(start)?),
                _ => self.cursor.read(text),
            }
            self.cursor.need(2)?;
        }
        Ok(())
    }

    fn escape(&mut self, start: Mark) -> Result<char, Error> {
        let (escaped, digits) = match self.cursor.byte(1) {
            b'0' => ('\0', 0),
            b'a' => ('\u{7}', 0),
            b'b' => ('\u{8}', 0),
            b't' | b'\t' => ('\t', 0),
            b'n' => ('\n', 0),
            b'v' => ('\u{b}', 0),
            b'f' => ('\u{c}', 0),
            b'r' => ('\r', 0),
            b'e' => ('\u{1b}', 0),
            b' ' => (' ', 0),
            b'"' => ('"', 0),
            b'\'' => ('\'', 0),
            b'\\' => ('\\', 0),
            b'N' => ('\u{85}', 0),
            b'_' => ('\u{a0}', 0),
            b'L' => ('\u{2028}', 0),
            b'P' => ('\u{2029}', 0),
            b'x' => ('\0', 2),
            b'u' => ('\0', 4),
            b'U' => ('\0', 8),
            _ => return Err(self.cursor.error(start, "found unknown escape character")),
        };
        self.cursor.skip();
        self.cursor.skip();
        if digits == 0 {
            return Ok(escaped);
        }
        self.cursor.need(digits)?;
        let mut code = 0_u32;
        for offset in 0..digits {
            let Some(digit) = char::from(self.cursor.byte(offset)).to_digit(16) else {
                let problem = "did not find expected hexdecimal number";
                return Err(self.cursor.error(start, problem));
            };
            code = (code << 4) | digit;
        }
        let Some(character) = char::from_u32(code) else {
            let problem = "found invalid Unicode character escape code";
            return Err(self.cursor.error(start, problem));
        };
        (0..digits).for_each(|_| self.cursor.skip());
        Ok(character)
    }

    /// Reads white space within a text. `indented` refuses tabs before its column, and holds the place where the text began.
    fn gap(&mut self, gap: &mut Gap, indented: Option<(isize, Mark)>) -> Result<(), Error> {
        loop {
            if self.cursor.is_blank(0) {
                if let Some((indent, start)) = indented
                    && gap.breaks
                    && column(self.cursor.mark.column) < indent
                    && self.cursor.byte(0) == b'\t'
                {
                    let problem = "found a tab character that violates indentation";
                    return Err(self.cursor.error(start, problem));
                }
                if gap.breaks {
                    self.cursor.skip();
                } else {
                    self.cursor.read(&mut gap.blanks);
                }
            } else if self.cursor.is_break(0) {
                self.cursor.need(2)?;
                if gap.breaks {
                    self.cursor.read_line(&mut gap.more);
                } else {
                    gap.blanks.clear();
                    self.cursor.read_line(&mut gap.first);
                    gap.breaks = true;
                }
            } else {
                return Ok(());
            }
            self.cursor.need(1)?;
        }
    }

    /// A text without quotes.
    pub(super) fn plain_scalar(&mut self) -> Result<(), Error> {
        self.save_simple_key()?;
        self.simple_key_allowed = false;
        let start = self.cursor.mark;
        let indent = self.indent + 1;
        let (mut text, mut gap) = (String::new(), Gap::default());
        loop {
            self.cursor.need(4)?;
            if self.cursor.is_document_indicator() || self.cursor.byte(0) == b'#' {
                break;
            }
            while !self.cursor.is_space(0) && !self.ends_plain() {
                if gap.breaks || !gap.blanks.is_empty() {
                    gap.fold_into(&mut text);
                }
                self.cursor.read(&mut text);
                self.cursor.need(2)?;
            }
            if !self.cursor.is_blank(0) && !self.cursor.is_break(0) {
                break;
            }
            self.cursor.need(1)?;
            self.gap(&mut gap, Some((indent, start)))?;
            if self.flow == 0 && column(self.cursor.mark.column) < indent {
                break;
            }
        }
        if gap.breaks {
            self.simple_key_allowed = true;
        }
        self.push(start, Kind::Scalar(text, true));
        Ok(())
    }

    fn ends_plain(&self) -> bool {
        match self.cursor.byte(0) {
            b':' => self.cursor.is_space(1),
            b',' | b'?' | b'[' | b']' | b'{' | b'}' => self.flow > 0,
            _ => false,
        }
    }
}
