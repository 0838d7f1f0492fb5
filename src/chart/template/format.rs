//! Go's `fmt`: `print`, `println`, `printf` and what `{{ }}` writes.
//!
//! Pure; called by the evaluator and by function families. A verb that is not reproduced exactly (`%p`, hexadecimal
//! floats, `#` on floats, printing a structure) is an error, never an approximation.

use super::functions::FunctionError;
use super::number;
use super::value::{Dict, DictType, Kind, List, ListType, MAX_NESTING, Object, Value};

/// Text longer than this from one call is refused.
const MAX_OUTPUT: usize = 4 << 20;
/// Widths and precisions above this are refused.
const MAX_WIDTH: usize = 100_000;

type Outcome<T = ()> = Result<T, FunctionError>;

/// What `{{ value }}` writes.
///
/// # Errors
/// If the value has no text, such as `.Capabilities` itself.
pub fn display(value: &Value) -> Outcome<String> {
    match value {
        Value::Nil | Value::NilInterface => Ok("<no value>".to_owned()),
        Value::Object(object) if object.printable() => Ok(object.display()),
        other => sprint(std::slice::from_ref(other)),
    }
}

/// `print`: spaces between operands when neither is a string.
///
/// # Errors
/// If a value cannot be printed.
pub fn sprint(values: &[Value]) -> Outcome<String> {
    let mut printer = Printer::default();
    let mut after_string = false;
    for (index, value) in values.iter().enumerate() {
        let string = matches!(value, Value::String(_));
        if index > 0 && !string && !after_string {
            printer.out.push(' ');
        }
        printer.argument(value, 'v')?;
        after_string = string;
    }
    Ok(printer.out)
}

/// `println`: always spaces, and a newline.
///
/// # Errors
/// If a value cannot be printed.
pub fn sprintln(values: &[Value]) -> Outcome<String> {
    let mut printer = Printer::default();
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            printer.out.push(' ');
        }
        printer.argument(value, 'v')?;
    }
    printer.out.push('\n');
    Ok(printer.out)
}

/// `printf`.
///
/// # Errors
/// If a verb is not reproduced exactly, or the text would be too long.
pub fn sprintf(format: &str, values: &[Value]) -> Outcome<String> {
    let mut printer = Printer::default();
    Directive {
        format,
        position: 0,
        values,
        next: 0,
        reordered: false,
        good: true,
        after_index: false,
    }
    .run(&mut printer)?;
    Ok(printer.out)
}

fn refuse(what: &str) -> FunctionError {
    FunctionError::new(format!("{what} is not supported by this engine"))
}

/// Position in a format string, as Go's `doPrintf` keeps it.
struct Directive<'a> {
    format: &'a str,
    position: usize,
    values: &'a [Value],
    next: usize,
    reordered: bool,
    good: bool,
    after_index: bool,
}

impl Directive<'_> {
    fn run(mut self, printer: &mut Printer) -> Outcome {
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
                return Err(FunctionError::new("printf: the result is too long"));
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
        self.position += length;
        match rest[..length].parse::<usize>() {
            Ok(number) if number <= MAX_WIDTH => Ok(Some(number)),
            _ if length == 0 => Ok(None),
            _ => Err(FunctionError::new(
                "printf: a width or precision is too large",
            )),
        }
    }

    fn star(&mut self) -> Outcome<Option<i64>> {
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
        match number {
            Some(number) if number.unsigned_abs() > MAX_WIDTH as u64 => Err(FunctionError::new(
                "printf: a width or precision is too large",
            )),
            other => Ok(other),
        }
    }

    fn width(&mut self, printer: &mut Printer) -> Outcome {
        if self.peek() == Some(b'*') {
            match self.star()? {
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
        if self.peek() != Some(b'.') {
            return Ok(());
        }
        self.position += 1;
        self.good &= !self.after_index;
        self.index();
        if self.peek() == Some(b'*') {
            match self.star()? {
                None => printer.out.push_str("%!(BADPREC)"),
                Some(precision) => printer.flags.precision = usize::try_from(precision).ok(),
            }
        } else {
            printer.flags.precision = Some(self.number()?.unwrap_or(0));
        }
        Ok(())
    }
}

#[derive(Clone, Copy, Default)]
#[allow(clippy::struct_excessive_bools)] // these are Go's flags
struct Flags {
    sharp: bool,
    zero: bool,
    plus: bool,
    minus: bool,
    space: bool,
    sharp_v: bool,
    plus_v: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

#[derive(Default)]
struct Printer {
    out: String,
    flags: Flags,
    depth: usize,
}

impl Printer {
    /// `%!d(MISSING)`
    fn bad(&mut self, verb: char, what: &str) {
        self.out.push_str("%!");
        self.out.push(verb);
        self.out.extend(["(", what, ")"]);
    }

    fn extra(&mut self, values: &[Value]) -> Outcome {
        self.flags = Flags::default();
        self.out.push_str("%!(EXTRA ");
        for (index, value) in values.iter().enumerate() {
            if index > 0 {
                self.out.push_str(", ");
            }
            if value.is_nil() {
                self.out.push_str("<nil>");
            } else {
                self.out.push_str(value.type_name());
                self.out.push('=');
                self.argument(value, 'v')?;
            }
        }
        self.out.push(')');
        Ok(())
    }

    fn argument(&mut self, value: &Value, verb: char) -> Outcome {
        if value.is_nil() && matches!(verb, 'T' | 'v') {
            self.pad("<nil>");
            return Ok(());
        }
        match verb {
            'T' => self.string(value.type_name(), 's', value),
            'p' => Err(refuse("printf %p")),
            _ => self.value(value, verb),
        }
    }

    fn value(&mut self, value: &Value, verb: char) -> Outcome {
        match value {
            Value::Bool(flag) if matches!(verb, 't' | 'v') => {
                self.pad(if *flag { "true" } else { "false" });
                Ok(())
            }
            Value::Nil | Value::NilInterface | Value::Bool(_) => self.bad_verb(verb, value),
            Value::Int(number) | Value::Int64(number) => {
                self.integer(i128::from(*number), verb, value)
            }
            Value::Uint64(number) => self.integer(i128::from(*number), verb, value),
            Value::Byte(number) => self.integer(i128::from(*number), verb, value),
            Value::Float(number) => self.float(*number, verb, value),
            Value::String(text) => self.string(text, verb, value),
            Value::List(list) => self.list(list, verb),
            Value::Dict(dict) => self.dict(dict, verb),
            Value::Object(object) => self.object(object.as_ref(), verb, value),
        }
    }

    fn object(&mut self, object: &dyn Object, verb: char, value: &Value) -> Outcome {
        let stringer = object.printable() && object.kind() == Kind::Ptr && !self.flags.sharp_v;
        match verb {
            'x' | 'X' | 's' | 'q' | 'v' if stringer => self.string(&object.display(), verb, value),
            _ => Err(refuse(&format!(
                "printing a {} with %{verb}",
                object.type_name()
            ))),
        }
    }

    /// Pads on the left or right, with zeros on the left only.
    fn pad(&mut self, text: &str) {
        self.pad_with(text, self.flags.zero && !self.flags.minus);
    }

    fn pad_with(&mut self, text: &str, zeros: bool) {
        let missing = self
            .flags
            .width
            .unwrap_or(0)
            .saturating_sub(text.chars().count());
        let fill = if zeros { "0" } else { " " }.repeat(missing);
        if self.flags.minus {
            self.out.push_str(text);
            self.out.push_str(&fill);
        } else {
            self.out.push_str(&fill);
            self.out.push_str(text);
        }
    }

    fn bad_verb(&mut self, verb: char, value: &Value) -> Outcome {
        self.out.push_str("%!");
        self.out.push(verb);
        self.out.push('(');
        if value.is_nil() {
            self.out.push_str("<nil>");
        } else {
            self.out.push_str(value.type_name());
            self.out.push('=');
            self.argument(value, 'v')?;
        }
        self.out.push(')');
        Ok(())
    }

    fn truncated<'t>(&self, text: &'t str) -> &'t str {
        let end = self
            .flags
            .precision
            .and_then(|precision| text.char_indices().nth(precision));
        end.map_or(text, |(end, _)| &text[..end])
    }

    fn string(&mut self, text: &str, verb: char, value: &Value) -> Outcome {
        match verb {
            'v' if self.flags.sharp_v => self.pad(&number::quote(self.truncated(text), false)),
            'v' | 's' => self.pad(self.truncated(text).to_owned().as_str()),
            'x' | 'X' => self.hexadecimal(text.as_bytes(), verb == 'X'),
            'q' => {
                let text = self.truncated(text);
                let backquotable =
                    |c: char| c != '`' && c != '\u{feff}' && c != '\x7f' && (c == '\t' || c >= ' ');
                let quoted = if self.flags.sharp && text.chars().all(backquotable) {
                    format!("`{text}`")
                } else {
                    number::quote(text, self.flags.plus)
                };
                self.pad(&quoted);
            }
            _ => return self.bad_verb(verb, value),
        }
        Ok(())
    }

    fn hexadecimal(&mut self, bytes: &[u8], upper: bool) {
        let bytes = &bytes[..self.flags.precision.unwrap_or(bytes.len()).min(bytes.len())];
        let prefix = match (self.flags.sharp, upper) {
            (false, _) => "",
            (true, false) => "0x",
            (true, true) => "0X",
        };
        let mut text = String::new();
        for (index, byte) in bytes.iter().enumerate() {
            let separate = self.flags.space && index > 0;
            text.push_str(if separate { " " } else { "" });
            text.push_str(if separate || index == 0 { prefix } else { "" });
            let digits = if upper {
                format!("{byte:02X}")
            } else {
                format!("{byte:02x}")
            };
            text.push_str(&digits);
        }
        self.pad(&text);
    }

    fn integer(&mut self, number: i128, verb: char, value: &Value) -> Outcome {
        let unsigned = matches!(value, Value::Uint64(_) | Value::Byte(_));
        match verb {
            'v' if self.flags.sharp_v && unsigned => self.digits(number, 16, "0x", false),
            'v' | 'd' => self.digits(number, 10, "", false),
            'b' => self.digits(number, 2, if self.flags.sharp { "0b" } else { "" }, false),
            'o' => self.digits(number, 8, if self.flags.sharp { "0" } else { "" }, false),
            'O' => self.digits(number, 8, "0o", false),
            'x' => self.digits(number, 16, if self.flags.sharp { "0x" } else { "" }, false),
            'X' => self.digits(number, 16, if self.flags.sharp { "0X" } else { "" }, true),
            'c' => {
                let text = character(number).to_string();
                self.pad(&text);
            }
            'q' => {
                let text = number::quote_char(character(number), self.flags.plus);
                self.pad(&text);
            }
            'U' => return Err(refuse("printf %U")),
            _ => return self.bad_verb(verb, value),
        }
        Ok(())
    }

    fn digits(&mut self, number: i128, base: u32, prefix: &str, upper: bool) {
        let mut digits = radix(number.unsigned_abs(), base, upper);
        let sign = match (number < 0, self.flags.plus, self.flags.space) {
            (true, ..) => "-",
            (false, true, _) => "+",
            (false, false, true) => " ",
            _ => "",
        };
        match (self.flags.precision, self.flags.width) {
            (Some(0), _) if number == 0 => {
                self.pad_with("", false);
                return;
            }
            (Some(precision), _) => digits = zero_filled(digits, precision),
            (None, Some(width)) if self.flags.zero && !self.flags.minus => {
                digits = zero_filled(digits, width.saturating_sub(sign.len()));
            }
            _ => {}
        }
        let prefix = if prefix == "0" && digits.starts_with('0') {
            ""
        } else {
            prefix
        };
        self.pad_with(&format!("{sign}{prefix}{digits}"), false);
    }

    fn float(&mut self, number: f64, verb: char, value: &Value) -> Outcome {
        let precision = self.flags.precision;
        let mut text = match verb {
            'v' | 'g' => number::general(number, precision),
            'G' => number::general(number, precision).replace('e', "E"),
            'e' => number::exponential(number, precision.unwrap_or(6)),
            'E' => number::exponential(number, precision.unwrap_or(6)).replace('e', "E"),
            'f' | 'F' => number::fixed(number, precision.unwrap_or(6)),
            'b' | 'x' | 'X' => return Err(refuse(&format!("printf %{verb} of a float"))),
            _ => return self.bad_verb(verb, value),
        };
        if self.flags.sharp {
            return Err(refuse("printf with # of a float"));
        }
        if !text.starts_with(['+', '-']) {
            text.insert(0, '+');
        }
        if self.flags.space && text.starts_with('+') && !self.flags.plus {
            text.replace_range(..1, " ");
        }
        let finite = number.is_finite();
        let shown = if self.flags.plus || !text.starts_with('+') {
            text.as_str()
        } else {
            &text[1..]
        };
        let width = self.flags.width.unwrap_or(0);
        if finite && self.flags.zero && !self.flags.minus && width > shown.len() {
            let (sign, digits) = shown.split_at(usize::from(shown.starts_with(['+', '-', ' '])));
            self.out.push_str(sign);
            self.out
                .push_str(&zero_filled(digits.to_owned(), width - sign.len()));
        } else {
            self.pad_with(shown, finite && self.flags.zero && !self.flags.minus);
        }
        Ok(())
    }

    fn nested(&mut self, value: &Value, verb: char, any: bool) -> Outcome {
        if self.depth > MAX_NESTING || self.out.len() > MAX_OUTPUT {
            return Err(FunctionError::new(
                "a value is nested too deeply, contains itself or is too long to print",
            ));
        }
        if value.is_nil() {
            self.out.push_str(if self.flags.sharp_v && any {
                "interface {}(nil)"
            } else {
                "<nil>"
            });
            return Ok(());
        }
        self.depth += 1;
        let outcome = self.value(value, verb);
        self.depth -= 1;
        outcome
    }

    fn list(&mut self, list: &List, verb: char) -> Outcome {
        if list.kind() == ListType::Bytes
            && (matches!(verb, 's' | 'q' | 'x' | 'X') || self.flags.sharp_v)
        {
            let bytes = list.bytes();
            return match (String::from_utf8(bytes), verb) {
                (Err(error), 'x' | 'X') => {
                    self.hexadecimal(error.as_bytes(), verb == 'X');
                    Ok(())
                }
                (Ok(text), 's' | 'q' | 'x' | 'X') => self.string(&text, verb, &Value::Nil),
                _ => Err(refuse("printing these bytes")),
            };
        }
        let sharp = self.flags.sharp_v;
        if sharp {
            self.out.push_str(list.kind().name());
        }
        self.out.push(if sharp { '{' } else { '[' });
        for (index, item) in list.items().iter().enumerate() {
            if index > 0 {
                self.out.push_str(if sharp { ", " } else { " " });
            }
            self.nested(item, verb, list.kind() == ListType::Any)?;
        }
        self.out.push(if sharp { '}' } else { ']' });
        Ok(())
    }

    fn dict(&mut self, dict: &Dict, verb: char) -> Outcome {
        let sharp = self.flags.sharp_v;
        if sharp {
            self.out.push_str(dict.kind().name());
            if dict.kind() == DictType::Nil {
                self.out.push_str("(nil)");
                return Ok(());
            }
        }
        self.out.push_str(if sharp { "{" } else { "map[" });
        let any = matches!(dict.kind(), DictType::Any | DictType::Values);
        for (index, (key, value)) in dict.entries().iter().enumerate() {
            if index > 0 {
                self.out.push_str(if sharp { ", " } else { " " });
            }
            self.string(key, verb, &Value::String(key.clone()))?;
            self.out.push(':');
            self.nested(value, verb, any)?;
        }
        self.out.push(if sharp { '}' } else { ']' });
        Ok(())
    }
}

fn character(number: i128) -> char {
    u32::try_from(number)
        .ok()
        .and_then(char::from_u32)
        .unwrap_or('\u{fffd}')
}

fn zero_filled(digits: String, width: usize) -> String {
    let missing = width.saturating_sub(digits.len());
    if missing == 0 {
        digits
    } else {
        "0".repeat(missing) + &digits
    }
}

fn radix(mut number: u128, base: u32, upper: bool) -> String {
    let mut digits = Vec::new();
    loop {
        let digit = u32::try_from(number % u128::from(base)).unwrap_or(0);
        let digit = char::from_digit(digit, base).unwrap_or('0');
        digits.push(if upper {
            digit.to_ascii_uppercase()
        } else {
            digit
        });
        number /= u128::from(base);
        if number == 0 {
            return digits.into_iter().rev().collect();
        }
    }
}
