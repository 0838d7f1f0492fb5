//! Regular expressions: Go's rules for finding, splitting and replacing. Pure.

use std::rc::Rc;

use regex::Captures;

use super::pattern::{Pattern, compile};
use super::support::{Outcome, done};
use super::{Call, Function, FunctionError, Param, integer, text};
use crate::engine::value::{List, ListType, Value};

use Param::{Int, String as Text};

/// The functions of this family.
pub(super) const FUNCTIONS: &[(&str, Function)] = &[
    ("mustRegexFind", Function::new(&[Text, Text], find)),
    (
        "mustRegexFindAll",
        Function::new(&[Text, Text, Int], find_all),
    ),
    ("mustRegexMatch", Function::new(&[Text, Text], matches)),
    (
        "mustRegexReplaceAll",
        Function::new(&[Text, Text, Text], replace),
    ),
    (
        "mustRegexReplaceAllLiteral",
        Function::new(&[Text, Text, Text], replace_literal),
    ),
    ("mustRegexSplit", Function::new(&[Text, Text, Int], split)),
    ("regexFind", Function::new(&[Text, Text], find)),
    ("regexFindAll", Function::new(&[Text, Text, Int], find_all)),
    ("regexMatch", Function::new(&[Text, Text], matches)),
    (
        "regexQuoteMeta",
        Function::new(&[Text], |call, a| done(call, quote_meta(&text(a, 0)))),
    ),
    (
        "regexReplaceAll",
        Function::new(&[Text, Text, Text], replace),
    ),
    (
        "regexReplaceAllLiteral",
        Function::new(&[Text, Text, Text], replace_literal),
    ),
    ("regexSplit", Function::new(&[Text, Text, Int], split)),
];

/// The pattern, and the text that it is about to look through.
fn compiled(call: &mut Call<'_>, arguments: &[Value]) -> Outcome<(Rc<Pattern>, Rc<str>)> {
    let source = text(arguments, 1);
    let pattern = compile(call, &text(arguments, 0), false)?;
    pattern.look(call, &source)?;
    Ok((pattern, source))
}

fn matches(call: &mut Call<'_>, arguments: &[Value]) -> Outcome {
    let (pattern, source) = match compiled(call, arguments) {
        // Sprig drops the error of this function.
        Err(FunctionError::Message(_)) if call.name == "regexMatch" => return Ok(false.into()),
        compiled => compiled?,
    };
    Ok(pattern.regex.is_match(&source).into())
}

fn find(call: &mut Call<'_>, arguments: &[Value]) -> Outcome {
    let (pattern, source) = compiled(call, arguments)?;
    done(
        call,
        pattern
            .regex
            .find(&source)
            .map_or("", |found| found.as_str()),
    )
}

fn limit(number: i64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn find_all(call: &mut Call<'_>, arguments: &[Value]) -> Outcome {
    let (pattern, source) = compiled(call, arguments)?;
    let mut found = Vec::new();
    for part in pattern
        .regex
        .find_iter(&source)
        .take(limit(integer(arguments, 2)))
    {
        pattern.look_on(call, source.len() - part.end())?;
        call.elements(1)?;
        call.charge(part.len())?;
        found.push(Value::string(part.as_str()));
    }
    let kind = if found.is_empty() {
        ListType::NilStrings
    } else {
        ListType::Strings
    };
    Ok(Value::List(List::new(kind, found)))
}

fn split(call: &mut Call<'_>, arguments: &[Value]) -> Outcome {
    let (pattern, source) = compiled(call, arguments)?;
    let count = integer(arguments, 2);
    if count == 0 {
        return Ok(Value::List(List::new(ListType::NilStrings, Vec::new())));
    }
    if !text(arguments, 0).is_empty() && source.is_empty() {
        return Ok(Value::strings([""]));
    }
    let mut parts = Vec::new();
    let (mut begin, mut end) = (0, 0);
    call.charge(source.len())?;
    for found in pattern.regex.find_iter(&source).take(limit(count)) {
        pattern.look_on(call, source.len() - found.end())?;
        call.elements(1)?;
        if count > 0 && parts.len() + 1 == limit(count) {
            break;
        }
        end = found.start();
        if found.end() != 0 {
            parts.push(Value::string(&source[begin..end]));
        }
        begin = found.end();
    }
    if end != source.len() {
        parts.push(Value::string(&source[begin..]));
    }
    Ok(Value::List(List::new(ListType::Strings, parts)))
}

fn replace(call: &mut Call<'_>, arguments: &[Value]) -> Outcome {
    let template = text(arguments, 2);
    // What a reference stands for may be the whole text.
    let most = |found: &Captures<'_>| {
        template.len() + template.matches('$').count() * found.get_match().len()
    };
    let pattern = compile(call, &text(arguments, 0), true)?;
    rewrite(call, arguments, &pattern, most, |found, out| {
        expand(&template, &pattern.names, found, out);
    })
}

fn replace_literal(call: &mut Call<'_>, arguments: &[Value]) -> Outcome {
    let literal = text(arguments, 2);
    let most = |_: &Captures<'_>| literal.len();
    let pattern = compile(call, &text(arguments, 0), false)?;
    rewrite(call, arguments, &pattern, most, |_, out| {
        out.push_str(&literal);
    })
}

fn rewrite(
    call: &mut Call<'_>,
    arguments: &[Value],
    pattern: &Pattern,
    most: impl Fn(&Captures<'_>) -> usize,
    mut write: impl FnMut(&Captures<'_>, &mut String),
) -> Outcome {
    let source = text(arguments, 1);
    pattern.look(call, &source)?;
    let mut out = String::new();
    let mut copied = 0;
    for found in pattern.regex.captures_iter(&source) {
        let whole = found.get_match();
        pattern.look_on(call, source.len() - whole.end())?;
        call.charge(most(&found))?;
        out.push_str(&source[copied..whole.start()]);
        write(&found, &mut out);
        copied = whole.end();
    }
    out.push_str(&source[copied..]);
    done(call, out)
}

/// `Regexp.Expand`: `$1`, `${1}`, `$name`, `${name}`, `$$`; anything else after a dollar leaves it as it is.
fn expand(template: &str, names: &[(String, usize)], found: &Captures<'_>, out: &mut String) {
    let mut rest = template;
    while let Some(dollar) = rest.find('$') {
        out.push_str(&rest[..dollar]);
        rest = &rest[dollar + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
            continue;
        }
        let Some((name, after)) = reference(rest) else {
            out.push('$');
            continue;
        };
        rest = after;
        let numeric = name.bytes().all(|byte| byte.is_ascii_digit())
            && (name == "0" || !name.starts_with('0'));
        let group = match name.parse::<usize>() {
            Ok(index) if numeric => found.get(index),
            // The first group of that name that matched.
            _ => names
                .iter()
                .filter(|(known, _)| known == name)
                .find_map(|(_, index)| found.get(*index)),
        };
        out.push_str(group.map_or("", |group| group.as_str()));
    }
    out.push_str(rest);
}

/// The name after a dollar, and what follows it.
fn reference(text: &str) -> Option<(&str, &str)> {
    let (braced, body) = text
        .strip_prefix('{')
        .map_or((false, text), |body| (true, body));
    let end = body
        .find(|character: char| !(character.is_alphanumeric() || character == '_'))
        .unwrap_or(body.len());
    if end == 0 {
        return None;
    }
    let after = &body[end..];
    Some((
        &body[..end],
        if braced {
            after.strip_prefix('}')?
        } else {
            after
        },
    ))
}

fn quote_meta(source: &str) -> String {
    let mut quoted = String::new();
    for character in source.chars() {
        if r"\.+*?()|[]{}^$".contains(character) {
            quoted.push('\\');
        }
        quoted.push(character);
    }
    quoted
}
