//! Text: upper and lower case, initials, white space. Pure.

use super::letters::{DIGIT, LETTER, LOWER, TITLE, UPPER, lower, title, upper};
use super::support::{Outcome, done};
use super::{Call, Function, Param, text};
use crate::engine::octets;
use crate::engine::value::Value;

use Param::String as Text;

/// The functions of this family.
pub(super) const FUNCTIONS: &[(&str, Function)] = &[
    ("initials", Function::new(&[Text], initials)),
    (
        "lower",
        Function::new(&[Text], |call, a| {
            heavy(call, &text(a, 0))?;
            done(call, text(a, 0).chars().map(lower).collect::<String>())
        }),
    ),
    ("nospace", Function::new(&[Text], nospace)),
    ("swapcase", Function::new(&[Text], swapcase)),
    ("title", Function::new(&[Text], title_words)),
    ("untitle", Function::new(&[Text], untitle)),
    ("upper", Function::new(&[Text], to_upper)),
];

/// Accounts for asking of every character what it is, and for as much text again.
pub(super) fn heavy(call: &mut Call<'_>, source: &str) -> Outcome<()> {
    call.charge(source.len().saturating_mul(2))?;
    call.work(source.len() / 2)
}

fn to_upper(call: &mut Call<'_>, arguments: &[Value]) -> Outcome {
    heavy(call, &text(arguments, 0))?;
    let upper: String = text(arguments, 0).chars().map(upper).collect();
    done(call, upper)
}

/// Bytes taken for characters, as the library behind `initials` and `nospace` does.
fn latin(source: &str) -> impl Iterator<Item = char> {
    octets::bytes(source)
        .into_owned()
        .into_iter()
        .map(char::from)
}

fn initials(call: &mut Call<'_>, arguments: &[Value]) -> Outcome {
    heavy(call, &text(arguments, 0))?;
    let mut gap = true;
    let mut result = String::new();
    for character in latin(&text(arguments, 0)) {
        if character.is_whitespace() {
            gap = true;
        } else if std::mem::take(&mut gap) {
            result.push(character);
        }
    }
    done(call, result)
}

fn nospace(call: &mut Call<'_>, arguments: &[Value]) -> Outcome {
    heavy(call, &text(arguments, 0))?;
    let source = text(arguments, 0);
    if !latin(&source).any(char::is_whitespace) {
        return Ok(arguments[0].clone());
    }
    done(
        call,
        latin(&source)
            .filter(|character| !character.is_whitespace())
            .collect::<String>(),
    )
}

fn swapcase(call: &mut Call<'_>, arguments: &[Value]) -> Outcome {
    heavy(call, &text(arguments, 0))?;
    let mut gap = true;
    let mut result = String::new();
    for character in text(arguments, 0).chars() {
        if UPPER.has(character) || TITLE.has(character) {
            result.push(lower(character));
            gap = false;
        } else if LOWER.has(character) {
            result.push(if std::mem::take(&mut gap) {
                title(character)
            } else {
                upper(character)
            });
        } else {
            result.push(character);
            gap = character.is_whitespace();
        }
    }
    done(call, result)
}

fn title_words(call: &mut Call<'_>, arguments: &[Value]) -> Outcome {
    heavy(call, &text(arguments, 0))?;
    let mut previous = ' ';
    let mut result = String::new();
    for character in text(arguments, 0).chars() {
        result.push(if separates(previous) {
            title(character)
        } else {
            character
        });
        previous = character;
    }
    done(call, result)
}

fn separates(character: char) -> bool {
    if character.is_ascii() {
        return !(character.is_ascii_alphanumeric() || character == '_');
    }
    !LETTER.has(character) && !DIGIT.has(character) && character.is_whitespace()
}

fn untitle(call: &mut Call<'_>, arguments: &[Value]) -> Outcome {
    heavy(call, &text(arguments, 0))?;
    let mut gap = true;
    let mut result = String::new();
    for character in text(arguments, 0).chars() {
        if character.is_whitespace() {
            gap = true;
            result.push(character);
        } else {
            result.push(if std::mem::take(&mut gap) {
                lower(character)
            } else {
                character
            });
        }
    }
    done(call, result)
}
