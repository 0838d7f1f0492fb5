//! Translates RE2 patterns as Go reads them into patterns of the `regex` crate. Pure; used by `regexes.rs`.

use std::fmt::Write as _;
use std::iter::Peekable;
use std::str::Chars;

type Outcome<T = ()> = Result<T, &'static str>;

/// The same pattern for the `regex` crate, or what of it is not translated.
pub(super) fn translate(pattern: &str) -> Outcome<String> {
    let mut translator = Translator {
        rest: pattern.chars().peekable(),
        out: String::new(),
        repeated: false,
    };
    while let Some(character) = translator.rest.next() {
        translator.one(character)?;
    }
    Ok(translator.out)
}

struct Translator<'a> {
    rest: Peekable<Chars<'a>>,
    out: String,
    /// Whether a repetition was written last: Go refuses a second one.
    repeated: bool,
}

impl Translator<'_> {
    fn one(&mut self, character: char) -> Outcome {
        let repeated = std::mem::take(&mut self.repeated);
        match character {
            '\\' => self.escape(),
            '[' => self.class(),
            '(' => self.group(),
            '*' | '+' | '?' => self.repetition(&character.to_string(), repeated),
            '{' => self.counted(repeated),
            '}' | ']' => {
                self.literal(character);
                Ok(())
            }
            other => {
                self.out.push(other);
                Ok(())
            }
        }
    }

    fn literal(&mut self, character: char) {
        self.out
            .push_str(&regex::escape(character.encode_utf8(&mut [0; 4])));
    }

    fn repetition(&mut self, text: &str, repeated: bool) -> Outcome {
        if repeated {
            return Err("invalid nested repetition operator");
        }
        self.out.push_str(text);
        if self.rest.next_if_eq(&'?').is_some() {
            self.out.push('?');
        }
        self.repeated = true;
        Ok(())
    }

    /// `{2}`, `{2,}`, `{2,3}`; any other brace stands for itself.
    fn counted(&mut self, repeated: bool) -> Outcome {
        let body: String = self
            .rest
            .clone()
            .take_while(|character| *character != '}')
            .collect();
        let closed = self.rest.clone().any(|character| character == '}');
        let (low, high) = body
            .split_once(',')
            .map_or((body.as_str(), None), |(low, high)| (low, Some(high)));
        let number =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !closed || !number(low) || !high.is_none_or(|high| high.is_empty() || number(high)) {
            self.literal('{');
            return Ok(());
        }
        let too_large = |text: &str| text.parse::<u32>().map_or(true, |count| count > 1000);
        if too_large(low) || high.is_some_and(|high| !high.is_empty() && too_large(high)) {
            return Err("invalid repeat count");
        }
        self.rest.nth(body.chars().count());
        self.repetition(&format!("{{{body}}}"), repeated)
    }

    fn group(&mut self) -> Outcome {
        self.out.push('(');
        if self.rest.next_if_eq(&'?').is_none() {
            return Ok(());
        }
        self.out.push('?');
        if matches!(self.rest.peek(), Some('P' | '<')) {
            return Ok(());
        }
        for flag in self.rest.by_ref() {
            if !matches!(flag, 'i' | 'm' | 's' | 'U' | '-' | ':' | ')') {
                return Err("invalid or unsupported Perl syntax");
            }
            self.out.push(flag);
            if matches!(flag, ':' | ')') {
                return Ok(());
            }
        }
        Err("missing closing )")
    }

    fn escape(&mut self) -> Outcome {
        let Some(character) = self.rest.next() else {
            return Err("trailing backslash at end of expression");
        };
        match character {
            'd' => self.out.push_str("[0-9]"),
            'D' => self.out.push_str("[^0-9]"),
            's' => self.out.push_str(r"[\t\n\f\r ]"),
            'S' => self.out.push_str(r"[^\t\n\f\r ]"),
            'w' => self.out.push_str("[0-9A-Za-z_]"),
            'W' => self.out.push_str("[^0-9A-Za-z_]"),
            'b' => self.out.push_str(r"(?-u:\b)"),
            'Q' => self.quoted(),
            'A' | 'z' | 'a' | 'f' | 'n' | 'r' | 't' | 'v' => {
                self.out.push('\\');
                self.out.push(character);
            }
            'p' | 'P' => self.property(character)?,
            'x' => self.code()?,
            other if other.is_ascii_punctuation() => self.literal(other),
            _ => return Err("invalid or unsupported escape sequence"),
        }
        Ok(())
    }

    /// `\Q…\E`
    fn quoted(&mut self) {
        let rest: String = self.rest.by_ref().collect();
        let (literal, after) = rest.split_once(r"\E").unwrap_or((&rest, ""));
        self.out.push_str(&regex::escape(literal));
        // What follows is translated on its own; it starts with no repetition pending.
        match translate(after) {
            Ok(after) => self.out.push_str(&after),
            Err(_) => self.out.push('('),
        }
    }

    /// `\pL`, `\p{Greek}`: names that both know mean the same.
    fn property(&mut self, letter: char) -> Outcome {
        self.out.push('\\');
        self.out.push(letter);
        match self.rest.next() {
            Some('{') => {
                let name: String = self
                    .rest
                    .by_ref()
                    .take_while(|character| *character != '}')
                    .collect();
                if !name
                    .chars()
                    .all(|character| character.is_ascii_alphabetic())
                    || !name.starts_with(char::is_uppercase)
                {
                    return Err("unsupported character class");
                }
                let _ = write!(self.out, "{{{name}}}");
                Ok(())
            }
            Some(name) if name.is_ascii_uppercase() => {
                self.out.push(name);
                Ok(())
            }
            _ => Err("invalid character class range"),
        }
    }

    /// `\x7F`, `\x{10FFFF}`
    fn code(&mut self) -> Outcome {
        let digits: String = if self.rest.next_if_eq(&'{').is_some() {
            self.rest
                .by_ref()
                .take_while(|character| *character != '}')
                .collect()
        } else {
            self.rest.by_ref().take(2).collect()
        };
        let character = u32::from_str_radix(&digits, 16)
            .ok()
            .and_then(char::from_u32);
        self.literal(character.ok_or("invalid escape sequence")?);
        Ok(())
    }

    fn class(&mut self) -> Outcome {
        self.out.push('[');
        if self.rest.next_if_eq(&'^').is_some() {
            self.out.push('^');
        }
        let mut first = true;
        while let Some(character) = self.rest.next() {
            match character {
                ']' if !first => {
                    self.out.push(']');
                    return Ok(());
                }
                '[' if self.rest.peek() == Some(&':') => self.named()?,
                '\\' if matches!(
                    self.rest.peek(),
                    Some('d' | 'D' | 's' | 'S' | 'w' | 'W' | 'p' | 'P')
                ) =>
                {
                    self.escape()?;
                }
                other => self.range(other)?,
            }
            first = false;
        }
        Err("missing closing ]")
    }

    /// One character of a class, or a range.
    fn range(&mut self, first: char) -> Outcome {
        self.member(first)?;
        let mut ahead = self.rest.clone();
        if ahead.next() != Some('-') || matches!(ahead.next(), None | Some(']')) {
            return Ok(());
        }
        self.rest.next();
        self.out.push('-');
        let last = self.rest.next().ok_or("missing closing ]")?;
        self.member(last)
    }

    fn member(&mut self, character: char) -> Outcome {
        if character != '\\' {
            self.literal_in_class(character);
            return Ok(());
        }
        match self.rest.peek() {
            Some('a' | 'f' | 'n' | 'r' | 't' | 'v' | 'x') => self.escape(),
            Some(other) if other.is_ascii_punctuation() => {
                let other = *other;
                self.rest.next();
                self.literal_in_class(other);
                Ok(())
            }
            _ => Err("invalid escape sequence"),
        }
    }

    fn literal_in_class(&mut self, character: char) {
        if character.is_ascii_punctuation() {
            let _ = write!(self.out, "\\x{{{:x}}}", u32::from(character));
        } else {
            self.out.push(character);
        }
    }

    /// `[:alpha:]`
    fn named(&mut self) -> Outcome {
        let name: String = self
            .rest
            .by_ref()
            .take_while(|character| *character != ']')
            .collect();
        if !name.ends_with(':') || name.len() < 3 {
            return Err("invalid character class range");
        }
        let _ = write!(self.out, "[{name}]");
        Ok(())
    }
}
