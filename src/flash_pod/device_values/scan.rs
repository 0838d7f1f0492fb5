//! The tokens of one template, cut as Tera cuts them, so that what it may do is decided before Tera sees it. Pure.

/// A token between `{{` and `}}`, or between `{%` and `%}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// A name or a word.
    Word(&'a str),
    /// A string, without its quotes and before escapes are resolved.
    Text(&'a str),
    /// A whole or fractional number.
    Number(&'a str),
    /// Anything else.
    Sign(&'a str),
}

/// One `{{ … }}` or `{% … %}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Block<'a> {
    /// Whether it is `{% … %}`.
    pub(super) is_tag: bool,
    /// What stands in it.
    pub(super) tokens: Vec<Token<'a>>,
}

/// Why a text cannot be cut into tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unclosed(pub(super) &'static str);

/// A template: its blocks, and whether one `{{ … }}` is all there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Scan<'a> {
    pub(super) blocks: Vec<Block<'a>>,
    pub(super) is_one_expression: bool,
}

/// Cuts `text`.
pub(super) fn scan(text: &str) -> Result<Scan<'_>, Unclosed> {
    let (mut rest, mut blocks, mut is_bare) = (text, Vec::new(), true);
    while let Some(start) = next_marker(rest) {
        is_bare &= start == 0;
        let marker = &rest[start..start + 2];
        rest = &rest[start + 2..];
        if marker == "{#" {
            is_bare = false;
            let end = rest.find("#}").ok_or(Unclosed("a comment {# has no #}"))?;
            rest = &rest[end + 2..];
        } else {
            let is_tag = marker == "{%";
            is_bare &= !is_tag;
            rest = rest.strip_prefix('-').unwrap_or(rest);
            let (tokens, after) = block(rest, if is_tag { "%}" } else { "}}" })?;
            blocks.push(Block { is_tag, tokens });
            rest = after;
        }
    }
    let is_one_expression = is_bare && blocks.len() == 1 && rest.is_empty();
    Ok(Scan {
        blocks,
        is_one_expression,
    })
}

fn next_marker(text: &str) -> Option<usize> {
    ["{{", "{%", "{#"]
        .iter()
        .filter_map(|marker| text.find(marker))
        .min()
}

/// The tokens up to `end`, and what follows it.
fn block<'a>(text: &'a str, end: &'static str) -> Result<(Vec<Token<'a>>, &'a str), Unclosed> {
    let (mut rest, mut tokens) = (text, Vec::new());
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace());
        for close in [end, if end == "%}" { "-%}" } else { "-}}" }] {
            if let Some(after) = rest.strip_prefix(close) {
                return Ok((tokens, after));
            }
        }
        let (token, after) = token(rest)?;
        tokens.push(token);
        rest = after;
    }
}

fn token(text: &str) -> Result<(Token<'_>, &str), Unclosed> {
    let first = text
        .chars()
        .next()
        .ok_or(Unclosed("a {{ or {% is not closed"))?;
    let cut = |length: usize| (&text[..length], &text[length..]);
    Ok(match first {
        '"' | '\'' | '`' => {
            let length = quoted(text, first).ok_or(Unclosed("a string is not closed"))?;
            (Token::Text(&text[1..length - 1]), &text[length..])
        }
        '0'..='9' => {
            let (number, rest) = cut(end_of(text, |c| c.is_ascii_digit() || c == '.'));
            (Token::Number(number), rest)
        }
        'a'..='z' | 'A'..='Z' | '_' => {
            let (word, rest) = cut(end_of(text, |c| c.is_ascii_alphanumeric() || c == '_'));
            (Token::Word(word), rest)
        }
        _ => {
            let pairs = ["//", "**", "==", "!=", ">=", "<=", "</", "?.", "?["];
            let is_pair = pairs.iter().any(|pair| text.starts_with(pair));
            let (sign, rest) = cut(if is_pair { 2 } else { first.len_utf8() });
            (Token::Sign(sign), rest)
        }
    })
}

fn end_of(text: &str, belongs: impl Fn(char) -> bool) -> usize {
    text.find(|c| !belongs(c)).unwrap_or(text.len())
}

/// Length of the string at the start of `text`, quotes included. A backslash takes the next character with it.
fn quoted(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    text.char_indices().skip(1).find_map(|(at, c)| {
        let closes = c == quote && !escaped;
        escaped = c == '\\' && !escaped;
        closes.then_some(at + 1)
    })
}
