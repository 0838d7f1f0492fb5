//! The order in which go-yaml writes keys: letters after everything else, runs of digits by their number. Pure.

use std::cmp::Ordering;
use std::sync::LazyLock;

use regex::Regex;

use super::emit::Encoding;

static LETTER: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^\p{L}$").ok());
static DIGIT: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^\p{Nd}$").ok());

/// The entries in Go's order.
pub(super) fn by_key<T>(entries: &[(String, T)], encoding: Encoding) -> Vec<&(String, T)> {
    let keys: Vec<Vec<char>> = entries
        .iter()
        .map(|(key, _)| key.chars().collect())
        .collect();
    let mut order: Vec<usize> = (0..entries.len()).collect();
    // Go's order is not total when numbers overflow. The sort of the standard library may then panic; this one cannot.
    let mut width = 1;
    while width < order.len() {
        let mut merged = Vec::with_capacity(order.len());
        for pair in order.chunks(2 * width) {
            let (left, right) = pair.split_at(width.min(pair.len()));
            merge(left, right, &mut merged, |one, other| {
                compare(&keys[one], &keys[other], encoding) != Ordering::Greater
            });
        }
        order = merged;
        width *= 2;
    }
    order.into_iter().map(|index| &entries[index]).collect()
}

fn merge(
    mut left: &[usize],
    mut right: &[usize],
    into: &mut Vec<usize>,
    in_order: impl Fn(usize, usize) -> bool,
) {
    while let ([one, rest @ ..], [other, others @ ..]) = (left, right) {
        if in_order(*one, *other) {
            into.push(*one);
            left = rest;
        } else {
            into.push(*other);
            right = others;
        }
    }
    into.extend_from_slice(left);
    into.extend_from_slice(right);
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
