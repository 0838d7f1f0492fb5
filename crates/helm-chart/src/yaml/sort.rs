//! The order in which go-yaml writes keys: letters after everything else, runs of digits by their number. Pure.

use std::cmp::Ordering;
use std::sync::LazyLock;

use regex::Regex;

use super::emit::Encoding;

static LETTER: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^\p{L}$").ok());
static DIGIT: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^\p{Nd}$").ok());

/// The entries in Go's order.
pub(super) fn by_key<T>(entries: &[(String, T)], encoding: Encoding) -> Vec<&(String, T)> {
    // Go's order is not a total one when numbers overflow; `sort_by` may panic on such, this cannot.
    let mut sorted: Vec<(Vec<char>, &(String, T))> = Vec::with_capacity(entries.len());
    for entry in entries {
        let key: Vec<char> = entry.0.chars().collect();
        let at =
            sorted.partition_point(|(other, _)| compare(other, &key, encoding) == Ordering::Less);
        sorted.insert(at, (key, entry));
    }
    sorted.into_iter().map(|(_, entry)| entry).collect()
}

fn compare(left: &[char], right: &[char], encoding: Encoding) -> Ordering {
    let Some(at) = left.iter().zip(right).position(|(one, other)| one != other) else {
        return left.len().cmp(&right.len());
    };
    let (one, other) = (left[at], right[at]);
    match (is_letter(one), is_letter(other)) {
        (true, true) => return one.cmp(&other),
        (false, false) => {}
        (one_is_letter, _) => {
            // go-yaml 3 puts letters before the rest where a number has just ended.
            let letters_first = encoding == Encoding::Pretty && at > 0 && is_digit(left[at - 1]);
            return if one_is_letter == letters_first {
                Ordering::Less
            } else {
                Ordering::Greater
            };
        }
    }
    let inside_number = (one == '0' || other == '0')
        && left[..at]
            .iter()
            .rev()
            .take_while(|digit| is_digit(**digit))
            .any(|digit| *digit != '0');
    let (one_value, one_end) = number(&left[at..], inside_number);
    let (other_value, other_end) = number(&right[at..], inside_number);
    one_value
        .cmp(&other_value)
        .then(one_end.cmp(&other_end))
        .then(one.cmp(&other))
}

fn number(from: &[char], inside_number: bool) -> (i64, usize) {
    let digits = from.iter().take_while(|digit| is_digit(**digit));
    digits.fold((i64::from(inside_number), 0), |(value, length), digit| {
        let digit = i64::from(u32::from(*digit)) - i64::from(u32::from('0'));
        (value.wrapping_mul(10).wrapping_add(digit), length + 1)
    })
}

fn is_letter(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_alphabetic();
    }
    LETTER
        .as_ref()
        .is_some_and(|letter| letter.is_match(character.encode_utf8(&mut [0; 4])))
}

fn is_digit(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_digit();
    }
    DIGIT
        .as_ref()
        .is_some_and(|digit| digit.is_match(character.encode_utf8(&mut [0; 4])))
}
