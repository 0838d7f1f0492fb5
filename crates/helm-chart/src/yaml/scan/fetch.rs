//! Which token begins at a character. Pure.

use super::super::Error;
use super::{Kind, Scanner, SimpleKey, column};

impl Scanner<'_> {
    /// Makes the next tokens.
    pub(super) fn fetch_next(&mut self) -> Result<(), Error> {
        self.cursor.need(1)?;
        self.skip_to_token()?;
        self.unroll_indent(column(self.cursor.mark.column));
        self.cursor.need(4)?;
        if self.cursor.is_end() {
            return self.stream_end();
        }
        if self.cursor.mark.column == 0 && self.cursor.byte(0) == b'%' {
            self.end_blocks()?;
            return self.directive();
        }
        if self.cursor.is_document_indicator() {
            return self.document_indicator();
        }
        self.fetch_by_character()
    }

    fn fetch_by_character(&mut self) -> Result<(), Error> {
        let in_flow = self.flow > 0;
        let spaced = self.cursor.is_space(1);
        match self.cursor.byte(0) {
            b'[' => self.flow_start(Kind::FlowSequenceStart),
            b'{' => self.flow_start(Kind::FlowMappingStart),
            b']' => self.flow_end(Kind::FlowSequenceEnd),
            b'}' => self.flow_end(Kind::FlowMappingEnd),
            b',' => {
                self.remove_simple_key()?;
                self.simple_key_allowed = true;
                self.indicator(Kind::FlowEntry);
                Ok(())
            }
            b'-' if spaced => self.block_entry(),
            b'?' if in_flow || spaced => self.key(),
            b':' if in_flow || spaced => self.value(),
            b'*' => self.anchor(Kind::Alias),
            b'&' => self.anchor(Kind::Anchor),
            b'!' => self.tag(),
            b'|' if !in_flow => self.block_scalar(true),
            b'>' if !in_flow => self.block_scalar(false),
            b'\'' => self.flow_scalar(true),
            b'"' => self.flow_scalar(false),
            b'?' | b':' | b'-' => self.plain_scalar(),
            b'#' | b'|' | b'>' | b'%' | b'@' | b'`' => Err(self.no_token()),
            _ if self.cursor.is_space(0) => Err(self.no_token()),
            _ => self.plain_scalar(),
        }
    }

    fn no_token(&self) -> Error {
        self.cursor.error(
            self.cursor.mark,
            "found character that cannot start any token",
        )
    }

    /// A token of one character.
    fn indicator(&mut self, kind: Kind) {
        let mark = self.cursor.mark;
        self.cursor.skip();
        self.push(mark, kind);
    }

    fn stream_end(&mut self) -> Result<(), Error> {
        if self.cursor.mark.column != 0 {
            self.cursor.mark.column = 0;
            self.cursor.mark.line += 1;
        }
        self.end_blocks()?;
        self.push(self.cursor.mark, Kind::StreamEnd);
        Ok(())
    }

    /// Closes all blocks, and forgets the key that may have begun.
    fn end_blocks(&mut self) -> Result<(), Error> {
        self.unroll_indent(-1);
        self.remove_simple_key()?;
        self.simple_key_allowed = false;
        Ok(())
    }

    fn document_indicator(&mut self) -> Result<(), Error> {
        let kind = if self.cursor.byte(0) == b'-' {
            Kind::DocumentStart
        } else {
            Kind::DocumentEnd
        };
        self.end_blocks()?;
        let mark = self.cursor.mark;
        (0..3).for_each(|_| self.cursor.skip());
        self.push(mark, kind);
        Ok(())
    }

    fn flow_start(&mut self, kind: Kind) -> Result<(), Error> {
        self.save_simple_key()?;
        self.simple_keys.push(SimpleKey {
            token: self.next_number(),
            mark: self.cursor.mark,
            ..SimpleKey::default()
        });
        self.flow += 1;
        self.check_nesting(self.flow)?;
        self.simple_key_allowed = true;
        self.indicator(kind);
        Ok(())
    }

    fn flow_end(&mut self, kind: Kind) -> Result<(), Error> {
        self.remove_simple_key()?;
        if self.flow > 0 {
            self.flow -= 1;
            if let Some(key) = self.simple_keys.pop() {
                self.simple_keys_by_token.remove(&key.token);
            }
        }
        self.simple_key_allowed = false;
        self.indicator(kind);
        Ok(())
    }

    fn block_entry(&mut self) -> Result<(), Error> {
        let refusal = "block sequence entries are not allowed in this context";
        self.begin_block(Kind::BlockSequenceStart, refusal)?;
        self.remove_simple_key()?;
        self.simple_key_allowed = true;
        self.indicator(Kind::BlockEntry);
        Ok(())
    }

    fn key(&mut self) -> Result<(), Error> {
        let refusal = "mapping keys are not allowed in this context";
        self.begin_block(Kind::BlockMappingStart, refusal)?;
        self.remove_simple_key()?;
        self.simple_key_allowed = self.flow == 0;
        self.indicator(Kind::Key);
        Ok(())
    }

    fn value(&mut self) -> Result<(), Error> {
        let level = self.simple_keys.len() - 1;
        if self.is_valid(level)? {
            let SimpleKey { token, mark, .. } = self.simple_keys[level];
            self.insert(token, mark, Kind::Key);
            self.roll_indent(mark.column, Some(token), mark, Kind::BlockMappingStart)?;
            self.simple_keys[level].possible = false;
            self.simple_keys_by_token.remove(&token);
            self.simple_key_allowed = false;
        } else {
            let refusal = "mapping values are not allowed in this context";
            self.begin_block(Kind::BlockMappingStart, refusal)?;
            self.simple_key_allowed = self.flow == 0;
        }
        self.indicator(Kind::Value);
        Ok(())
    }

    /// Opens a block for an indicator outside of brackets, or refuses the indicator where no block can begin.
    fn begin_block(&mut self, kind: Kind, refusal: &str) -> Result<(), Error> {
        let mark = self.cursor.mark;
        if self.flow > 0 {
            return Ok(());
        }
        if !self.simple_key_allowed {
            return Err(self.cursor.error(mark, refusal));
        }
        self.roll_indent(mark.column, None, mark, kind)
    }

    /// Skips spaces, comments and line breaks. Tabs count as spaces where no block can begin.
    fn skip_to_token(&mut self) -> Result<(), Error> {
        loop {
            self.cursor.need(1)?;
            if self.cursor.mark.column == 0 && self.cursor.holds_mark() {
                self.cursor.skip();
            }
            self.cursor.need(1)?;
            let tabs = self.flow > 0 || !self.simple_key_allowed;
            while self.cursor.byte(0) == b' ' || (tabs && self.cursor.byte(0) == b'\t') {
                self.cursor.skip();
                self.cursor.need(1)?;
            }
            self.cursor.skip_comment()?;
            if !self.cursor.is_break(0) {
                return Ok(());
            }
            self.cursor.need(2)?;
            self.cursor.skip_line();
            if self.flow == 0 {
                self.simple_key_allowed = true;
            }
        }
    }
}
