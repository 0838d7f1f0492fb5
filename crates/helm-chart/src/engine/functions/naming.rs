//! `snakecase`, `kebabcase`, `camelcase`: words found by the rules of the library that Helm uses. Pure.

use super::cases::heavy;
use super::letters::{LETTER, NUMBER, PUNCTUATION, UPPER, lower, upper};
use super::support::done;
use super::{Function, Param, text};

/// The functions of this family.
pub(super) const FUNCTIONS: &[(&str, Function)] = &[
    (
        "camelcase",
        Function::new(&[Param::String], |call, a| {
            heavy(call, &text(a, 0))?;
            done(call, pascal(&text(a, 0)))
        }),
    ),
    (
        "kebabcase",
        Function::new(&[Param::String], |call, a| {
            heavy(call, &text(a, 0))?;
            done(call, joined(&text(a, 0), '-'))
        }),
    ),
    (
        "snakecase",
        Function::new(&[Param::String], |call, a| {
            heavy(call, &text(a, 0))?;
            done(call, joined(&text(a, 0), '_'))
        }),
    ),
];

fn is_connector(character: char) -> bool {
    matches!(character, '-' | '_') || character.is_whitespace()
}

fn is_alphabet(character: char) -> bool {
    // Ideographs stand for themselves; the bounds are the library's.
    let ideograph = matches!(character, '\u{3400}'..='\u{4d85}' | '\u{4e00}'..='\u{9fcc}' | '\u{20000}'..='\u{2b81d}');
    LETTER.has(character) && !ideograph
}

fn pascal(source: &str) -> String {
    let mut characters = source.chars();
    let mut result = String::new();
    let mut current = None;
    for character in characters.by_ref() {
        if !is_connector(character) {
            current = Some(character);
            break;
        }
        result.push(character);
    }
    let Some(first) = current else {
        // The library repeats the last connector of a text that has nothing else.
        result.extend(source.chars().next_back());
        return result;
    };
    let mut first_is_upper = UPPER.has(first);
    let mut current = upper(first);
    for character in characters {
        let previous = std::mem::replace(&mut current, character);
        if is_connector(current) && is_connector(previous) {
            result.push(previous);
            continue;
        }
        if is_connector(previous) {
            first_is_upper = UPPER.has(current);
            current = upper(current);
            continue;
        }
        if first_is_upper {
            if UPPER.has(current) {
                current = lower(current);
            } else {
                first_is_upper = false;
            }
        }
        result.push(previous);
    }
    result.push(current);
    result
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    None,
    Number,
    Upper,
    Alphabet,
    Connector,
    Punctuation,
    Other,
}

/// The first word of a text, its type, and the rest.
fn next_word(source: &str) -> (Word, &str, &str) {
    let Some(first) = source.chars().next() else {
        return (Word::None, "", "");
    };
    let (word, end) = if is_connector(first) {
        (Word::Connector, end_of(source, is_connector))
    } else if PUNCTUATION.has(first) {
        (
            Word::Punctuation,
            end_of(source, |character| PUNCTUATION.has(character)),
        )
    } else if UPPER.has(first) {
        (Word::Upper, end_of_upper(source, first))
    } else if is_alphabet(first) {
        (Word::Alphabet, end_of_lower(source, first.len_utf8()))
    } else if NUMBER.has(first) {
        (
            Word::Number,
            end_of(source, |character| NUMBER.has(character)),
        )
    } else {
        let known = |character| {
            is_connector(character)
                || is_alphabet(character)
                || NUMBER.has(character)
                || PUNCTUATION.has(character)
        };
        (Word::Other, end_of(source, |character| !known(character)))
    };
    (word, &source[..end], &source[end..])
}

fn end_of(source: &str, belongs: impl Fn(char) -> bool) -> usize {
    let first = source.chars().next().map_or(0, char::len_utf8);
    source[first..]
        .find(|character| !belongs(character))
        .map_or(source.len(), |at| first + at)
}

fn end_of_lower(source: &str, from: usize) -> usize {
    let ends = |character| !is_alphabet(character) || UPPER.has(character);
    source[from..]
        .find(ends)
        .map_or(source.len(), |at| from + at)
}

/// `HTTPStatus` is `HTTP` and `Status`, `Status` is one word.
fn end_of_upper(source: &str, first: char) -> usize {
    let after = first.len_utf8();
    let Some(second) = source[after..].chars().next() else {
        return after;
    };
    if !UPPER.has(second) {
        return if is_alphabet(second) {
            end_of_lower(source, after + second.len_utf8())
        } else {
            after
        };
    }
    let end = source
        .find(|character| !UPPER.has(character))
        .unwrap_or(source.len());
    match source[end..].chars().next() {
        Some(next) if is_alphabet(next) => {
            end - source[..end].chars().next_back().map_or(0, char::len_utf8)
        }
        _ => end,
    }
}

fn push(result: &mut String, kind: Word, word: &str, connector: char) {
    match kind {
        Word::Connector => result.extend(word.chars().map(|_| connector)),
        Word::Upper => result.extend(
            word.chars()
                .map(|one| if UPPER.has(one) { lower(one) } else { one }),
        ),
        _ => result.push_str(word),
    }
}

fn joined(source: &str, connector: char) -> String {
    let mut result = String::new();
    let (mut kind, mut word, mut rest) = next_word(source);
    while !rest.is_empty() {
        if kind != Word::Connector {
            push(&mut result, kind, word, connector);
        }
        let (previous, last) = (kind, word);
        (kind, word, rest) = next_word(rest);
        let separate =
            |kind: Word| !matches!(kind, Word::None | Word::Punctuation | Word::Connector);
        match previous {
            Word::Number => {
                (kind, word, rest) = consume(&mut result, kind, word, rest, connector);
                if separate(kind) {
                    result.push(connector);
                }
            }
            Word::Connector => push(&mut result, previous, last, connector),
            Word::Punctuation => {}
            _ if kind != Word::Number => {
                if !matches!(kind, Word::Connector | Word::Punctuation) {
                    result.push(connector);
                }
            }
            _ if rest.is_empty() => {}
            _ => {
                let number = word;
                (kind, word, rest) = next_word(rest);
                if kind == Word::Alphabet {
                    // Lower-case letters after a number belong to it: HTTP2xx is http_2xx.
                    result.push(connector);
                    push(&mut result, Word::Number, number, connector);
                    (kind, word, rest) = consume(&mut result, kind, word, rest, connector);
                    if separate(kind) {
                        result.push(connector);
                    }
                } else {
                    push(&mut result, Word::Number, number, connector);
                    if !matches!(kind, Word::Connector | Word::Punctuation) {
                        result.push(connector);
                    }
                }
            }
        }
    }
    push(&mut result, kind, word, connector);
    result
}

/// Writes letters and numbers that follow directly.
fn consume<'a>(
    result: &mut String,
    mut kind: Word,
    mut word: &'a str,
    mut rest: &'a str,
    connector: char,
) -> (Word, &'a str, &'a str) {
    while matches!(kind, Word::Alphabet | Word::Number) {
        push(result, kind, word, connector);
        (kind, word, rest) = next_word(rest);
    }
    (kind, word, rest)
}
