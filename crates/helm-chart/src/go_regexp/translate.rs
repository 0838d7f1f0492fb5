//! Go's parser, with a stack of open groups instead of a tree. Pure.

use std::fmt::Write as _;

use super::class::{self, NOTHING};
use super::escape::escape;
use super::group::{Group, Item};
use super::{Flags, Outcome, Translated, invalid};

/// Most copies that nested repetitions may ask for.
const MAX_COPIES: u32 = 1000;
/// Most levels of a pattern.
const MAX_HEIGHT: u32 = 1000;

struct Translator<'a> {
    whole: &'a str,
    rest: &'a str,
    flags: Flags,
    outer: Vec<Group>,
    group: Group,
    captures: usize,
    names: Vec<(String, usize)>,
    /// Whether groups capture.
    capturing: bool,
    /// Where the last repetition began, if nothing was read after it.
    repetition: Option<&'a str>,
}

/// The same pattern for the `regex` crate. Groups that capture cost memory and time with every step of a search.
///
/// # Errors
/// If Go refuses it, in Go's words.
pub(crate) fn translate(pattern: &str, capturing: bool) -> Outcome<Translated> {
    let mut translator = Translator {
        whole: pattern,
        rest: pattern,
        flags: Flags::default(),
        outer: Vec::new(),
        group: Group::default(),
        captures: 0,
        names: Vec::new(),
        capturing,
        repetition: None,
    };
    while let Some(character) = translator.rest.chars().next() {
        let before = translator.repetition.take();
        translator.one(character, before)?;
    }
    if !translator.outer.is_empty() {
        return invalid("missing closing )", pattern);
    }
    let whole = translator.group.close();
    if whole.height > MAX_HEIGHT {
        return invalid("expression nests too deeply", pattern);
    }
    Ok(Translated {
        pattern: whole.text,
        names: translator.names,
    })
}

impl<'a> Translator<'a> {
    fn one(&mut self, character: char, before: Option<&'a str>) -> Outcome<()> {
        match character {
            '(' => return self.open(),
            ')' => return self.close(),
            '|' => self.group.next(),
            '^' if self.flags.multi_line => self.fixed("(?m:^)"),
            '^' => self.fixed(r"\A"),
            '$' if self.flags.multi_line => self.fixed("(?m:$)"),
            '$' => self.fixed(r"\z"),
            '.' if self.flags.dot_newline => self.fixed("(?s:.)"),
            '.' => self.fixed("."),
            '[' => {
                let (class, rest) = class::bracketed(self.rest)?;
                self.class(&class);
                self.rest = rest;
                return Ok(());
            }
            '*' => return self.repeat("*", 1, &self.rest[1..], before),
            '+' => return self.repeat("+", 1, &self.rest[1..], before),
            '?' => return self.repeat("?", 1, &self.rest[1..], before),
            '{' => return self.counted(before),
            '\\' => return self.escaped(),
            other => self.literal(u32::from(other)),
        }
        self.rest = &self.rest[character.len_utf8()..];
        Ok(())
    }

    fn push(&mut self, text: String, atom: bool) {
        self.group.items.push(Item {
            text,
            atom,
            fixed: true,
            copies: 0,
            height: 1,
        });
    }

    fn fixed(&mut self, text: &str) {
        self.push(text.to_owned(), true);
    }

    fn class(&mut self, class: &str) {
        let folded = self.flags.fold;
        self.push(
            if folded {
                format!("(?i:{class})")
            } else {
                class.to_owned()
            },
            true,
        );
    }

    fn literal(&mut self, code: u32) {
        let text = match char::from_u32(code) {
            None => NOTHING.to_owned(),
            Some(plain) if plain.is_ascii_alphanumeric() => plain.to_string(),
            Some(_) => format!(r"\x{{{code:x}}}"),
        };
        self.class(&text);
    }

    fn open(&mut self) -> Outcome<()> {
        if self.rest.starts_with("(?") {
            return self.extended();
        }
        self.capture();
        self.rest = &self.rest[1..];
        Ok(())
    }

    fn capture(&mut self) {
        self.captures += 1;
        self.enter(if self.capturing { "(" } else { "(?:" }, self.flags);
        self.group.level = true;
    }

    fn enter(&mut self, opening: &'static str, flags: Flags) {
        let inner = Group {
            opening,
            flags,
            ..Group::default()
        };
        self.outer.push(std::mem::replace(&mut self.group, inner));
    }

    fn close(&mut self) -> Outcome<()> {
        let Some(outer) = self.outer.pop() else {
            return invalid("unexpected )", self.whole);
        };
        let inner = std::mem::replace(&mut self.group, outer);
        self.flags = inner.flags;
        let item = inner.close();
        if item.height > MAX_HEIGHT {
            return invalid("expression nests too deeply", self.whole);
        }
        self.group.items.push(item);
        self.rest = &self.rest[1..];
        Ok(())
    }

    /// `(?P<name>`, `(?<name>`, `(?i)`, `(?i:`
    fn extended(&mut self) -> Outcome<()> {
        let text = self.rest;
        let name_at = if text.len() > 4 && text.starts_with("(?P<") {
            Some(4)
        } else if text.len() > 3 && text.starts_with("(?<") {
            Some(3)
        } else {
            None
        };
        let Some(start) = name_at else {
            return self.flags();
        };
        let Some(end) = text.find('>') else {
            return invalid("invalid named capture", text);
        };
        let name = &text[start..end];
        if name.is_empty()
            || !name
                .bytes()
                .all(|byte| byte == b'_' || byte.is_ascii_alphanumeric())
        {
            return invalid("invalid named capture", &text[..=end]);
        }
        self.capture();
        self.names.push((name.to_owned(), self.captures));
        self.rest = &text[end + 1..];
        Ok(())
    }

    fn flags(&mut self) -> Outcome<()> {
        let mut rest = self.rest[2..].chars();
        let mut flags = self.flags;
        let (mut on, mut any) = (true, false);
        while let Some(character) = rest.next() {
            match character {
                'i' => flags.fold = on,
                'm' => flags.multi_line = on,
                's' => flags.dot_newline = on,
                'U' => flags.lazy = on,
                '-' if on => {
                    (on, any) = (false, false);
                    continue;
                }
                ':' | ')' if on || any => {
                    if character == ':' {
                        self.enter("(?:", self.flags);
                    }
                    self.flags = flags;
                    self.rest = rest.as_str();
                    return Ok(());
                }
                _ => break,
            }
            any = true;
        }
        let part = &self.rest[..self.rest.len() - rest.as_str().len()];
        invalid("invalid or unsupported Perl syntax", part)
    }

    /// `copies` says how many times the operator repeats at most, 1 where that is not counted; `after` follows the operator.
    fn repeat(
        &mut self,
        operator: &str,
        copies: u32,
        after: &'a str,
        last: Option<&'a str>,
    ) -> Outcome<()> {
        let before = self.rest;
        let (after, lazy) = match after.strip_prefix('?') {
            Some(after) => (after, !self.flags.lazy),
            None => (after, self.flags.lazy),
        };
        if let Some(last) = last {
            let part = &last[..last.len() - after.len()];
            return invalid("invalid nested repetition operator", part);
        }
        let part = &before[..before.len() - after.len()];
        let Some(mut item) = self.group.items.pop() else {
            return invalid("missing argument to repetition operator", part);
        };
        item.copies = copies.saturating_mul(item.copies.max(1));
        if item.copies > MAX_COPIES {
            return invalid("invalid repeat count", part);
        }
        if !item.atom {
            item.text = format!("(?:{})", item.text);
        }
        if operator.ends_with(",0}") {
            // The crate forgets the groups of what is repeated no times; those of what cannot match it keeps.
            item.text = format!("(?:|{NOTHING}{})", item.text);
        } else {
            item.text.push_str(operator);
            item.text.push_str(if lazy { "?" } else { "" });
        }
        (item.atom, item.fixed) = (false, false);
        item.height += 1;
        if item.height > MAX_HEIGHT {
            return invalid("expression nests too deeply", self.whole);
        }
        self.group.items.push(item);
        self.repetition = Some(before);
        self.rest = after;
        Ok(())
    }

    /// `{2}`, `{2,}`, `{2,3}`; any other brace stands for itself.
    fn counted(&mut self, last: Option<&'a str>) -> Outcome<()> {
        let Some((low, high, after)) = bounds(self.rest) else {
            self.literal(u32::from('{'));
            self.rest = &self.rest[1..];
            return Ok(());
        };
        let part = &self.rest[..self.rest.len() - after.len()];
        if low > MAX_COPIES || high.is_some_and(|high| high > MAX_COPIES || low > high) {
            return invalid("invalid repeat count", part);
        }
        let mut operator = format!("{{{low},");
        if let Some(high) = high {
            let _ = write!(operator, "{high}");
        }
        operator.push('}');
        self.repeat(&operator, high.unwrap_or(low), after, last)
    }

    fn escaped(&mut self) -> Outcome<()> {
        let text = self.rest;
        let assertion = match text.as_bytes().get(1) {
            Some(b'A') => r"\A",
            Some(b'z') => r"\z",
            Some(b'b') => r"(?-u:\b)",
            Some(b'B') => r"(?-u:\B)",
            Some(b'C') => return invalid("invalid escape sequence", &text[..2]),
            Some(b'Q') => {
                self.quoted();
                return Ok(());
            }
            _ => "",
        };
        if !assertion.is_empty() {
            self.fixed(assertion);
            self.rest = &text[2..];
        } else if let Some((class, rest)) = class::unicode(text)? {
            self.class(&class);
            self.rest = rest;
        } else if let Some((class, rest)) = class::perl(text) {
            self.class(class);
            self.rest = rest;
        } else {
            let (code, rest) = escape(text)?;
            self.literal(code);
            self.rest = rest;
        }
        Ok(())
    }

    /// `\Q…\E`
    fn quoted(&mut self) {
        let text = &self.rest[2..];
        let (literal, rest) = text.split_once(r"\E").unwrap_or((text, ""));
        for character in literal.chars() {
            self.literal(u32::from(character));
        }
        self.rest = rest;
    }
}

/// The bounds of a repetition, and the text behind it.
fn bounds(text: &str) -> Option<(u32, Option<u32>, &str)> {
    let (low, rest) = number(&text[1..])?;
    if let Some(after) = rest.strip_prefix('}') {
        return Some((low, Some(low), after));
    }
    let rest = rest.strip_prefix(',')?;
    if let Some(after) = rest.strip_prefix('}') {
        return Some((low, None, after));
    }
    let (high, rest) = number(rest)?;
    Some((low, Some(high), rest.strip_prefix('}')?))
}

/// A number without a leading zero.
fn number(text: &str) -> Option<(u32, &str)> {
    let length = text.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, rest) = text.split_at(length);
    if digits.is_empty() || (length > 1 && digits.starts_with('0')) {
        return None;
    }
    Some((digits.parse().unwrap_or(u32::MAX), rest))
}
