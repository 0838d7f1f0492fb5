//! Splits a template into text and actions exactly as Go's lexer does, before `gotmpl` parses it.
//!
//! `gotmpl` is more lenient than Go (it trims around comments by other rules, ignores what follows a surplus
//! `end`, accepts operands without a space between them). Trimming is therefore done here, and what Go refuses is
//! refused here. The result is a text without trim markers plus a map of its offsets to the original's. Pure.

use super::literal;
use super::source::{SyntaxError, line_at};

/// Text for the parser, and where its parts come from.
#[derive(Debug, Default)]
pub struct Normal {
    /// The template without trim markers, with empty comments.
    pub text: String,
    /// `(offset in text, offset in the original)` at the start of each part, ascending.
    starts: Vec<(usize, usize)>,
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
        normal.push(
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
            comment(source, inside)?
        } else {
            let mut lexer = Lexer {
                source,
                position: inside,
                tokens: Vec::new(),
                joined: false,
            };
            let (content_end, next, trims_right) = lexer.action()?;
            normal.push("{{", open);
            normal.push(&source[inside..content_end], inside);
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
    let Some(length) = source[start..].find("*/") else {
        return Err(error(source, start, "unclosed comment"));
    };
    let end = start + length + 2;
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

struct Lexer<'a> {
    source: &'a str,
    position: usize,
    tokens: Vec<Token<'a>>,
    /// The previous token ended right here and was an operand: another operand needs a space.
    joined: bool,
}

impl<'a> Lexer<'a> {
    /// Reads to the closing delimiter: where the content ends, where the action ends, whether it trims.
    fn action(&mut self) -> Result<(usize, usize, bool), SyntaxError> {
        loop {
            let rest = &self.source[self.position..];
            if rest.starts_with("}}") {
                return Ok((self.position, self.position + 2, false));
            }
            let Some(next) = rest.chars().next() else {
                return Err(self.fail("unclosed action"));
            };
            if is_space(next as u8) && next.is_ascii() {
                if rest[1..].starts_with("-}}") {
                    return Ok((self.position, self.position + 4, true));
                }
                self.position += 1;
                self.joined = false;
                continue;
            }
            self.token(next, rest)?;
        }
    }

    fn token(&mut self, next: char, rest: &'a str) -> Result<(), SyntaxError> {
        match next {
            '"' | '\'' => self.quoted(next, rest),
            '`' => match rest[1..].find('`') {
                Some(length) => self.operand(Token::Quoted(&rest[..length + 2])),
                None => Err(self.fail("unterminated raw quoted string")),
            },
            ':' if rest.starts_with(":=") => {
                self.sign(&rest[..2]);
                Ok(())
            }
            '=' | '|' | ',' | ')' => {
                self.sign(&rest[..1]);
                Ok(())
            }
            '(' => {
                self.apart()?;
                self.sign(&rest[..1]);
                Ok(())
            }
            '.' | '$' | '+' | '-' | '_' => self.word(rest),
            _ if next.is_alphanumeric() => self.word(rest),
            other => Err(self.fail(format!("unexpected {other:?} in action"))),
        }
    }

    fn sign(&mut self, sign: &'a str) {
        self.tokens.push(Token::Sign(sign));
        self.position += sign.len();
        self.joined = sign == ")";
    }

    fn apart(&self) -> Result<(), SyntaxError> {
        if self.joined {
            Err(self.fail("operands must be separated by a space"))
        } else {
            Ok(())
        }
    }

    fn operand(&mut self, token: Token<'a>) -> Result<(), SyntaxError> {
        self.apart()?;
        let (Token::Quoted(text) | Token::Word(text) | Token::Field(text) | Token::Variable(text)) =
            token
        else {
            return Ok(());
        };
        self.position += text.len();
        self.tokens.push(token);
        self.joined = true;
        Ok(())
    }

    fn quoted(&mut self, quote: char, rest: &'a str) -> Result<(), SyntaxError> {
        let mut escaped = false;
        for (offset, character) in rest.char_indices().skip(1) {
            match character {
                '\n' => break,
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                _ if character == quote => {
                    literal::escapes(&rest[..=offset]).map_err(|message| self.fail(message))?;
                    return self.operand(Token::Quoted(&rest[..=offset]));
                }
                _ => {}
            }
        }
        Err(self.fail("unterminated quoted string or character constant"))
    }

    fn word(&mut self, rest: &'a str) -> Result<(), SyntaxError> {
        let number = rest
            .trim_start_matches(['+', '-', '.'])
            .starts_with(|c: char| c.is_ascii_digit());
        let mut before = ' ';
        let length = rest
            .char_indices()
            .position_of(|(offset, c)| {
                let sign = matches!(c, '+' | '-')
                    && number
                    && (offset == 0 || matches!(before, 'e' | 'E' | 'p' | 'P'));
                let start = offset == 0 && matches!(c, '.' | '$' | '+' | '-');
                before = c;
                !(c.is_alphanumeric() || c == '_' || c == '.' || sign || start)
            })
            .unwrap_or(rest.len());
        let text = &rest[..length];
        // A field directly after a closing parenthesis continues it.
        if text.starts_with('.')
            && !number
            && self.joined
            && self.tokens.last() == Some(&Token::Sign(")"))
        {
            self.joined = false;
        }
        if number {
            literal::number(text).map_err(|message| self.fail(message))?;
        }
        let dotted = if number { "" } else { text };
        if dotted.contains("..")
            || (dotted.len() > 1 && dotted.ends_with('.'))
            || matches!(text, "+" | "-")
        {
            return Err(self.fail(format!("unexpected {text:?} in action")));
        }
        let literal = text.split('.').next().unwrap_or_default();
        if matches!(literal, "true" | "false" | "nil") && literal != text {
            return Err(self.fail(format!("unexpected . after term {literal:?}")));
        }
        self.operand(match text.as_bytes()[0] {
            b'.' if !number => Token::Field(text),
            b'$' => Token::Variable(text),
            _ => Token::Word(text),
        })
    }

    fn fail(&self, message: impl Into<String>) -> SyntaxError {
        error(self.source, self.position, message)
    }
}

/// `Iterator::position` that yields the byte offset instead of the index.
trait PositionOf {
    fn position_of(self, matches: impl FnMut((usize, char)) -> bool) -> Option<usize>;
}

impl PositionOf for std::str::CharIndices<'_> {
    fn position_of(mut self, mut matches: impl FnMut((usize, char)) -> bool) -> Option<usize> {
        self.find(|item| matches(*item)).map(|(offset, _)| offset)
    }
}
