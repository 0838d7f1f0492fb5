//! The inside of one action, token by token, as Go's lexer reads it. Pure.

use super::{Token, error, is_space};
use crate::engine::literal;
use crate::engine::source::SyntaxError;

pub(super) struct Lexer<'a> {
    pub(super) source: &'a str,
    pub(super) position: usize,
    pub(super) tokens: Vec<Token<'a>>,
    /// The previous token ended right here and was an operand: another operand needs a space.
    pub(super) joined: bool,
    /// Replacements that the parser needs: offset, length and new text.
    pub(super) edits: Vec<(usize, usize, String)>,
}

/// Words after which the parser wants a space and Go does not.
const OPENING: [&str; 4] = ["if", "with", "range", "else"];

impl<'a> Lexer<'a> {
    /// Reads to the closing delimiter: where the content ends, where the action ends, whether it trims.
    pub(super) fn action(&mut self) -> Result<(usize, usize, bool), SyntaxError> {
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
                Some(length) => self.string(&rest[..length + 2]),
                None => Err(self.fail("unterminated raw quoted string")),
            },
            ':' if rest.starts_with(":=") => {
                self.sign(&rest[..2]);
                Ok(())
            }
            '|' if self.is_surplus(&rest[1..]) => {
                self.edits.push((self.position, 1, " ".to_owned()));
                self.position += 1;
                self.joined = false;
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

    /// Whether a pipe ends a pipeline: Go does not look for the command after it.
    fn is_surplus(&self, after: &str) -> bool {
        let after = after.trim_start_matches(super::SPACE);
        let follows = match self.tokens.last() {
            Some(Token::Sign(sign)) => *sign == ")",
            Some(Token::Word(word)) => self.tokens.len() > 1 || !OPENING.contains(word),
            Some(_) => true,
            None => false,
        };
        follows && (after.starts_with(')') || after.starts_with("}}") || after.starts_with("-}}"))
    }

    /// Lets an operand follow without a space, and adds the space for the parser.
    fn part(&mut self) {
        self.edits.push((self.position, 0, " ".to_owned()));
        self.joined = false;
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
                    self.high_bytes(&rest[..=offset]);
                    return self.string(&rest[..=offset]);
                }
                _ => {}
            }
        }
        Err(self.fail("unterminated quoted string or character constant"))
    }

    /// Gives the parser the characters that stand for bytes beyond ASCII.
    fn high_bytes(&mut self, literal: &str) {
        let mut at = 1;
        while let Some(found) = literal[at..].find('\\') {
            let escape = at + found;
            let Some(byte) = literal::high_byte(&literal[escape + 1..]) else {
                at = escape + 2;
                continue;
            };
            // `\xff` or `\377`.
            let length = 4;
            at = escape + length;
            if literal.starts_with('\'') {
                // The parser refuses a constant of more than one character.
                if literal.len() != length + 2 {
                    return;
                }
                self.edits
                    .push((self.position, literal.len(), byte.to_string()));
            } else {
                let text = crate::engine::octets::marked(byte).to_string();
                self.edits.push((self.position + escape, length, text));
            }
        }
    }

    fn string(&mut self, text: &'a str) -> Result<(), SyntaxError> {
        self.operand(Token::Quoted(text))?;
        // The name of a template is not an operand.
        if matches!(self.tokens[..], [Token::Word("template" | "block"), _]) {
            self.part();
        }
        Ok(())
    }

    fn word(&mut self, rest: &'a str) -> Result<(), SyntaxError> {
        if let Some(word) = OPENING.into_iter().find(|word| opens(rest, word)) {
            self.operand(Token::Word(&rest[..word.len()]))?;
            self.part();
            return Ok(());
        }
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
        if !number && !terminates(&rest[length..]) {
            return Err(self.fail(format!("bad character after {text:?}")));
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

/// Whether a text begins with this keyword, and a field or parenthesis right behind it.
fn opens(text: &str, word: &str) -> bool {
    text.strip_prefix(word)
        .is_some_and(|rest| rest.starts_with(['.', '(']))
}

/// Whether a word may end before this text.
fn terminates(rest: &str) -> bool {
    rest.is_empty()
        || rest.starts_with(super::SPACE)
        || rest.starts_with(['.', ',', '|', ':', ')', '('])
        || rest.starts_with("}}")
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
