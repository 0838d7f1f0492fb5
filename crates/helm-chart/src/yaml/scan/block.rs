//! Texts as indented blocks. Pure.

use super::super::Error;
use super::{Kind, Mark, Scanner, column};

impl Scanner<'_> {
    /// A text after `|` (literal) or `>` (folded).
    pub(super) fn block_scalar(&mut self, literal: bool) -> Result<(), Error> {
        self.remove_simple_key()?;
        self.simple_key_allowed = true;
        let start = self.cursor.mark;
        let (chomping, increment) = self.block_header(start)?;
        let mut indent = match increment {
            0 => 0,
            increment => self.indent.max(0) + increment,
        };
        let (mut text, mut first, mut more) = (String::new(), String::new(), String::new());
        self.block_breaks(&mut indent, &mut more, start)?;
        self.cursor.need(1)?;
        let mut leading_blank = false;
        while column(self.cursor.mark.column) == indent && !self.cursor.is_end() {
            let blank = self.cursor.is_blank(0);
            if !literal && !leading_blank && !blank && first.starts_with('\n') {
                if more.is_empty() {
                    text.push(' ');
                }
            } else {
                text.push_str(&first);
            }
            first.clear();
            text.push_str(&more);
            more.clear();
            leading_blank = blank;
            while !self.cursor.is_break_or_end(0) {
                self.cursor.read(&mut text);
                self.cursor.need(1)?;
            }
            self.cursor.need(2)?;
            self.cursor.read_line(&mut first);
            self.block_breaks(&mut indent, &mut more, start)?;
        }
        if chomping != Some(false) {
            text.push_str(&first);
        }
        if chomping == Some(true) {
            text.push_str(&more);
        }
        self.push(start, Kind::Scalar(text, false));
        Ok(())
    }

    /// Reads the line of `|`: whether line breaks at the end of the text are kept or dropped, and how far the text is indented.
    fn block_header(&mut self, start: Mark) -> Result<(Option<bool>, isize), Error> {
        self.cursor.skip();
        self.cursor.need(1)?;
        let mut chomping = self.chomping();
        if chomping.is_some() {
            self.cursor.need(1)?;
        }
        let digit = self.cursor.byte(0);
        let mut increment = 0;
        if digit.is_ascii_digit() {
            if digit == b'0' {
                let problem = "found an indentation indicator equal to 0";
                return Err(self.cursor.error(start, problem));
            }
            increment = isize::from(i8::try_from(digit - b'0').unwrap_or(0));
            self.cursor.skip();
            if chomping.is_none() {
                self.cursor.need(1)?;
                chomping = self.chomping();
            }
        }
        self.cursor.finish_line(start)?;
        Ok((chomping, increment))
    }

    fn chomping(&mut self) -> Option<bool> {
        let keep = match self.cursor.byte(0) {
            b'+' => true,
            b'-' => false,
            _ => return None,
        };
        self.cursor.skip();
        Some(keep)
    }

    /// Reads blank lines of a block, and finds its indentation where that is still 0.
    fn block_breaks(
        &mut self,
        indent: &mut isize,
        breaks: &mut String,
        start: Mark,
    ) -> Result<(), Error> {
        let mut furthest = 0;
        loop {
            self.cursor.need(1)?;
            let within = |at: usize, indent: isize| indent == 0 || column(at) < indent;
            while within(self.cursor.mark.column, *indent) && self.cursor.byte(0) == b' ' {
                self.cursor.skip();
                self.cursor.need(1)?;
            }
            furthest = furthest.max(column(self.cursor.mark.column));
            if within(self.cursor.mark.column, *indent) && self.cursor.byte(0) == b'\t' {
                let problem = "found a tab character where an indentation space is expected";
                return Err(self.cursor.error(start, problem));
            }
            if !self.cursor.is_break(0) {
                break;
            }
            self.cursor.need(2)?;
            self.cursor.read_line(breaks);
        }
        if *indent == 0 {
            *indent = furthest.max(self.indent + 1).max(1);
        }
        Ok(())
    }
}
