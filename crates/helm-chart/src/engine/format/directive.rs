//! Directives of a format string: flags, width, precision, argument indexes. Pure.

use super::printer::{Flags, Printer};
use super::{MAX_OUTPUT, MAX_WIDTH, Outcome, too_long};
use crate::engine::value::Value;

/// Position in a format string, as Go's `doPrintf` keeps it.
pub(super) struct Directive<'a> {
    format: &'a str,
    position: usize,
    values: &'a [Value],
    next: usize,
    reordered: bool,
    good: bool,
    after_index: bool,
}

impl<'a> Directive<'a> {
    /// At the start of a format string.
    pub(super) fn new(format: &'a str, values: &'a [Value]) -> Self {
        Self {
            format,
            position: 0,
            values,
            next: 0,
            reordered: false,
            good: true,
            after_index: false,
        }
    }

    /// Prints the whole format string.
    pub(super) fn run(mut self, printer: &mut Printer) -> Outcome {
        while self.position < self.format.len() {
            let rest = &self.format[self.position..];
            let literal = rest.find('%').unwrap_or(rest.len());
            printer.out.push_str(&rest[..literal]);
            self.position += literal;
            if self.position >= self.format.len() {
                break;
            }
            self.position += 1;
            self.one(printer)?;
            if printer.out.len() > MAX_OUTPUT {
                return Err(too_long());
            }
        }
        if !self.reordered && self.next < self.values.len() {
            printer.extra(&self.values[self.next..])?;
        }
        Ok(())
    }

    fn peek(&self) -> Option<u8> {
        self.format.as_bytes().get(self.position).copied()
    }

    fn one(&mut self, printer: &mut Printer) -> Outcome {
        printer.flags = Flags::default();
        (self.good, self.after_index) = (true, false);
        self.flags(&mut printer.flags);
        self.index();
        self.width(printer)?;
        self.precision(printer)?;
        if !self.after_index {
            self.index();
        }
        let Some(verb) = self.format[self.position..].chars().next() else {
            printer.out.push_str("%!(NOVERB)");
            return Ok(());
        };
        self.position += verb.len_utf8();
        if verb == '%' {
            printer.out.push('%');
        } else if !self.good {
            printer.bad(verb, "BADINDEX");
        } else if let Some(value) = self.values.get(self.next) {
            self.next += 1;
            if verb == 'v' {
                printer.flags.sharp_v = std::mem::take(&mut printer.flags.sharp);
                // `%+v` differs from `%v` for structures only.
                printer.flags.plus_v = std::mem::take(&mut printer.flags.plus);
            }
            printer.argument(value, verb)?;
        } else {
            printer.bad(verb, "MISSING");
        }
        Ok(())
    }

    fn flags(&mut self, flags: &mut Flags) {
        while let Some(byte) = self.peek() {
            match byte {
                b'#' => flags.sharp = true,
                b'0' => flags.zero = true,
                b'+' => flags.plus = true,
                b'-' => flags.minus = true,
                b' ' => flags.space = true,
                _ => return,
            }
            self.position += 1;
        }
    }

    /// `[n]`
    fn index(&mut self) {
        if self.peek() != Some(b'[') {
            return;
        }
        self.reordered = true;
        let rest = &self.format[self.position..];
        let Some(close) = rest.find(']') else {
            self.good = false;
            self.position += 1;
            return;
        };
        self.position += close + 1;
        self.after_index = true;
        match rest[1..close].parse::<usize>() {
            Ok(number) if (1..=self.values.len()).contains(&number) => self.next = number - 1,
            _ => (self.good, self.after_index) = (false, true),
        }
    }

    fn number(&mut self) -> Outcome<Option<usize>> {
        let rest = &self.format[self.position..];
        let length = rest.bytes().take_while(u8::is_ascii_digit).count();
        // Go looks at the size of a number before it reads the next digit.
        let mut number = 0_usize;
        for digit in rest[..length].bytes() {
            if number > MAX_WIDTH {
                self.position = self.format.len();
                return Ok(None);
            }
            number = number * 10 + usize::from(digit - b'0');
        }
        self.position += length;
        if number > MAX_OUTPUT {
            return Err(too_long());
        }
        Ok((length > 0).then_some(number))
    }

    /// The number of a `*`; `None` if the argument is not one, or is too large.
    fn star(&mut self) -> Option<i64> {
        self.position += 1;
        self.after_index = false;
        let number = match self.values.get(self.next) {
            Some(Value::Int(number) | Value::Int64(number)) => Some(*number),
            Some(Value::Uint64(number)) => i64::try_from(*number).ok(),
            Some(Value::Byte(number)) => Some(i64::from(*number)),
            _ => None,
        };
        if self.next < self.values.len() {
            self.next += 1;
        }
        number.filter(|number| number.unsigned_abs() <= MAX_WIDTH as u64)
    }

    fn width(&mut self, printer: &mut Printer) -> Outcome {
        if self.peek() == Some(b'*') {
            match self.star() {
                None => printer.out.push_str("%!(BADWIDTH)"),
                Some(width) => {
                    printer.flags.minus |= width < 0;
                    printer.flags.width = usize::try_from(width.unsigned_abs()).ok();
                }
            }
            return Ok(());
        }
        printer.flags.width = self.number()?;
        self.good &= !(self.after_index && printer.flags.width.is_some());
        Ok(())
    }

    fn precision(&mut self, printer: &mut Printer) -> Outcome {
        // A dot at the end is a verb.
        if self.peek() != Some(b'.') || self.position + 1 == self.format.len() {
            return Ok(());
        }
        self.position += 1;
        self.good &= !self.after_index;
        self.index();
        if self.peek() == Some(b'*') {
            match self.star() {
                None => printer.out.push_str("%!(BADPREC)"),
                Some(precision) => printer.flags.precision = usize::try_from(precision).ok(),
            }
        } else {
            printer.flags.precision = Some(self.number()?.unwrap_or(0));
        }
        Ok(())
    }
}
