//! Text: cutting, splitting, joining, breaking lines. Pure.

use std::borrow::Cow;

use super::support::{Outcome, done, list_of, out_of_range, strslice, strval};
use super::{BYTES_OF_STEP, Call, Function, Param, integer, text};
use crate::engine::octets;
use crate::engine::value::{Dict, DictType, Entries, ListType, Value};

use Param::{Any, Int, String as Text};

/// The functions of this family.
pub(super) const FUNCTIONS: &[(&str, Function)] = &[
    ("abbrev", Function::new(&[Int, Text], abbrev)),
    ("abbrevboth", Function::new(&[Int, Int, Text], abbrevboth)),
    ("join", Function::new(&[Text, Any], join)),
    ("sortAlpha", Function::new(&[Any], sort_alpha)),
    (
        "split",
        Function::new(&[Text, Text], |call, a| {
            let pieces = pieces(call, &text(a, 1), &text(a, 0), -1)?;
            numbered(call, &pieces)
        }),
    ),
    ("splitList", Function::new(&[Text, Text], split_list)),
    ("splitn", Function::new(&[Text, Int, Text], splitn)),
    ("substr", Function::new(&[Int, Int, Text], substr)),
    ("toStrings", Function::new(&[Any], to_strings)),
    ("trunc", Function::new(&[Int, Text], trunc)),
    (
        "wrap",
        Function::new(&[Int, Text], |call, a| {
            wrap(call, &text(a, 1), integer(a, 0), "", false)
        }),
    ),
    (
        "wrapWith",
        Function::new(&[Int, Text, Text], |call, a| {
            wrap(call, &text(a, 2), integer(a, 0), &text(a, 1), true)
        }),
    ),
];

/// Bytes `from..to` of a text. Either end may lie within a character.
fn cut(text: &str, from: usize, to: usize) -> Outcome<Cow<'_, str>> {
    if from > to || to > octets::len(text) {
        return Err(out_of_range());
    }
    match text.get(from..to).filter(|_| !octets::has(text)) {
        Some(part) => Ok(Cow::Borrowed(part)),
        None => Ok(Cow::Owned(octets::string(
            octets::bytes(text)[from..to].to_vec(),
        ))),
    }
}

fn size(number: i64) -> Outcome<usize> {
    usize::try_from(number).map_err(|_| out_of_range())
}

fn abbrev(call: &mut Call<'_>, arguments: &[Value]) -> Outcome {
    let (width, source) = (integer(arguments, 0), text(arguments, 1));
    let result = if width < 4 {
        source.to_string()
    } else {
        abbreviate(&source, 0, size(width)?)?
    };
    done(call, result)
}

fn abbrevboth(call: &mut Call<'_>, arguments: &[Value]) -> Outcome {
    let (left, right, source) = (
        integer(arguments, 0),
        integer(arguments, 1),
        text(arguments, 2),
    );
    if right < 4 || left > 0 && right < 7 {
        return Ok(arguments[2].clone());
    }
    let result = abbreviate(&source, usize::try_from(left).unwrap_or(0), size(right)?)?;
    done(call, result)
}

fn abbreviate(source: &str, offset: usize, width: usize) -> Outcome<String> {
    if octets::len(source) <= width {
        return Ok(source.to_owned());
    }
    let mut offset = offset.min(octets::len(source));
    if octets::len(source) - offset < width - 3 {
        offset = octets::len(source) - (width - 3);
    }
    if offset <= 4 {
        return Ok(format!("{}...", cut(source, 0, width - 3)?));
    }
    if width < 7 {
        return Ok(String::new());
    }
    if offset + width - 3 < octets::len(source) {
        let rest = cut(source, offset, octets::len(source))?;
        // A nested width below four is an error that Go drops together with the text.
        return Ok(format!(
            "...{}",
            if width - 3 < 4 {
                String::new()
            } else {
                abbreviate(&rest, 0, width - 3)?
            }
        ));
    }
    Ok(format!(
        "...{}",
        cut(
            source,
            octets::len(source) - (width - 3),
            octets::len(source)
        )?
    ))
}

fn join(call: &mut Call<'_>, arguments: &[Value]) -> Outcome {
    let (separator, parts) = (text(arguments, 0), strslice(call, &arguments[1])?);
    call.charge(separator.len().saturating_mul(parts.len()))?;
    done(call, parts.join(&*separator))
}

fn sort_alpha(call: &mut Call<'_>, arguments: &[Value]) -> Outcome {
    let mut items = match &arguments[0] {
        list @ Value::List(_) => strslice(call, list)?,
        other => vec![strval(call, other)?],
    };
    // Each level of the sorting looks at all of the text, at worst.
    let levels = 1 + items.len().checked_ilog2().unwrap_or(0) as usize;
    let bytes: usize = items.iter().map(String::len).sum();
    call.work((bytes / BYTES_OF_STEP + items.len()).saturating_mul(levels))?;
    items.sort_unstable();
    strings(call, items)
}

/// Texts as they are handed back: their characters are copied once more.
fn strings(call: &mut Call<'_>, items: Vec<String>) -> Outcome {
    call.charge(items.iter().map(String::len).sum())?;
    list_of(
        ListType::Strings,
        items.into_iter().map(Value::from).collect(),
    )
}

fn to_strings(call: &mut Call<'_>, arguments: &[Value]) -> Outcome {
    let items = strslice(call, &arguments[0])?;
    strings(call, items)
}

/// `strings.SplitN`: at most `limit` pieces unless it is negative; an empty separator splits into characters.
fn pieces(call: &mut Call<'_>, source: &str, separator: &str, limit: i64) -> Outcome<Vec<String>> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    if limit == 0 {
        return Ok(Vec::new());
    }
    let most = if separator.is_empty() {
        source.chars().count()
    } else {
        source.matches(separator).count() + 1
    };
    // Once as text of its own, once as a value.
    call.elements(most.min(limit).saturating_mul(2))?;
    call.charge(octets::len(source).saturating_mul(2))?;
    if !separator.is_empty() {
        return Ok(source.splitn(limit, separator).map(str::to_owned).collect());
    }
    let mut characters = source.chars();
    let mut found = Vec::new();
    while !characters.as_str().is_empty() {
        if found.len() + 1 == limit {
            found.push(characters.as_str().to_owned());
            break;
        }
        found.extend(characters.next().map(String::from));
    }
    Ok(found)
}

fn numbered(call: &mut Call<'_>, pieces: &[String]) -> Outcome {
    call.entries(pieces.len())?;
    let named = pieces
        .iter()
        .enumerate()
        .map(|(index, piece)| (format!("_{index}").into(), Value::string(piece)));
    Ok(Value::Dict(Dict::typed(
        DictType::Strings,
        named.collect::<Entries>(),
    )))
}

fn splitn(call: &mut Call<'_>, arguments: &[Value]) -> Outcome {
    let (source, separator) = (text(arguments, 2), text(arguments, 0));
    let pieces = pieces(call, &source, &separator, integer(arguments, 1))?;
    numbered(call, &pieces)
}

fn split_list(call: &mut Call<'_>, arguments: &[Value]) -> Outcome {
    let found = pieces(call, &text(arguments, 1), &text(arguments, 0), -1)?;
    list_of(
        ListType::Strings,
        found.into_iter().map(Value::from).collect(),
    )
}

fn substr(call: &mut Call<'_>, arguments: &[Value]) -> Outcome {
    let (start, end, source) = (
        integer(arguments, 0),
        integer(arguments, 1),
        text(arguments, 2),
    );
    let length = octets::len(&source);
    let part = if start < 0 {
        cut(&source, 0, size(end)?)?
    } else if usize::try_from(end).is_ok_and(|end| end <= length) {
        cut(&source, size(start)?, size(end)?)?
    } else {
        cut(&source, size(start)?, length)?
    };
    done(call, part)
}

fn trunc(call: &mut Call<'_>, arguments: &[Value]) -> Outcome {
    let (count, source) = (integer(arguments, 0), text(arguments, 1));
    let length = octets::len(&source);
    let width = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
    let part = match (count < 0, width < length) {
        (true, true) => cut(&source, length - width, length)?,
        (false, true) => cut(&source, 0, width)?,
        (_, false) => Cow::Borrowed(&*source),
    };
    done(call, part)
}

/// Breaks at spaces, counting bytes; leading spaces of a line go, long words are broken only if `break_words`.
fn wrap(
    call: &mut Call<'_>,
    source: &str,
    width: i64,
    separator: &str,
    break_words: bool,
) -> Outcome {
    let separator = if separator.is_empty() {
        "\n"
    } else {
        separator
    };
    let width = usize::try_from(width.max(1)).unwrap_or(usize::MAX);
    let bytes = source.as_bytes();
    let mut result = Vec::new();
    let mut offset = 0;
    while bytes.len() - offset > width {
        if bytes[offset] == b' ' {
            offset += 1;
            continue;
        }
        let end = width + offset;
        let mut next = end;
        let mut skip = 0;
        if let Some(space) = bytes[offset..=end].iter().rposition(|byte| *byte == b' ') {
            (next, skip) = (offset + space, 1);
        } else if !break_words {
            match bytes[end..].iter().position(|byte| *byte == b' ') {
                Some(space) => (next, skip) = (end + space, 1),
                None => break,
            }
        }
        result.extend_from_slice(&bytes[offset..next]);
        result.extend_from_slice(separator.as_bytes());
        call.charge(next - offset + separator.len())?;
        offset = next + skip;
    }
    result.extend_from_slice(&bytes[offset..]);
    // A line may end within a character.
    done(
        call,
        String::from_utf8(result).unwrap_or_else(|error| octets::string(error.into_bytes())),
    )
}
