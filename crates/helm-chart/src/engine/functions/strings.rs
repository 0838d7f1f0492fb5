//! Text: searching, trimming, repeating, indenting, quoting. Pure.

use super::support::{Outcome, done, printed, spaced, strval};
use super::{Call, Function, FunctionError, Param, integer, text};
use crate::engine::number;
use crate::engine::value::Value;

use Param::{Any, Int, String as Text};

/// The functions of this family.
pub(super) const FUNCTIONS: &[(&str, Function)] = &[
    ("cat", Function::variadic(&[], Any, cat)),
    (
        "contains",
        Function::new(&[Text, Text], |_, a| {
            Ok(text(a, 1).contains(&*text(a, 0)).into())
        }),
    ),
    (
        "hasPrefix",
        Function::new(&[Text, Text], |_, a| {
            Ok(text(a, 1).starts_with(&*text(a, 0)).into())
        }),
    ),
    (
        "hasSuffix",
        Function::new(&[Text, Text], |_, a| {
            Ok(text(a, 1).ends_with(&*text(a, 0)).into())
        }),
    ),
    ("hello", Function::new(&[], |_, _| Ok("Hello!".into()))),
    (
        "indent",
        Function::new(&[Int, Text], |call, a| indent(call, a, "")),
    ),
    (
        "nindent",
        Function::new(&[Int, Text], |call, a| indent(call, a, "\n")),
    ),
    (
        "plural",
        Function::new(&[Text, Text, Int], |_, a| {
            Ok(a[usize::from(integer(a, 2) != 1)].clone())
        }),
    ),
    ("quote", Function::variadic(&[], Any, quote)),
    ("repeat", Function::new(&[Int, Text], repeat)),
    ("replace", Function::new(&[Text, Text, Text], replace)),
    ("squote", Function::variadic(&[], Any, squote)),
    (
        "toString",
        Function::new(&[Any], |call, a| {
            strval(call, &a[0]).and_then(|text| done(call, text))
        }),
    ),
    (
        "trim",
        Function::new(&[Text], |call, a| done(call, text(a, 0).trim())),
    ),
    ("trimAll", Function::new(&[Text, Text], trim_all)),
    ("trimPrefix", Function::new(&[Text, Text], trim_prefix)),
    ("trimSuffix", Function::new(&[Text, Text], trim_suffix)),
    ("trimall", Function::new(&[Text, Text], trim_all)),
];

fn cat(call: &mut Call<'_>, arguments: &[Value]) -> Outcome {
    spaced(call, arguments, printed)
}

fn quote(call: &mut Call<'_>, arguments: &[Value]) -> Outcome {
    spaced(call, arguments, |call, value| {
        let text = strval(call, value)?;
        // An escape is longer than what it stands for.
        call.charge(text.len().saturating_mul(4))?;
        Ok(number::quote(&text, false))
    })
}

fn squote(call: &mut Call<'_>, arguments: &[Value]) -> Outcome {
    spaced(call, arguments, |call, value| {
        Ok(format!("'{}'", printed(call, value)?))
    })
}

fn indent(call: &mut Call<'_>, arguments: &[Value], before: &str) -> Outcome {
    let source = text(arguments, 1);
    let spaces = usize::try_from(integer(arguments, 0))
        .map_err(|_| FunctionError::new("strings: negative Repeat count"))?;
    let lines = source.matches('\n').count() + 1;
    call.charge(spaces.saturating_mul(lines).saturating_add(source.len()))?;
    let pad = " ".repeat(spaces);
    Ok(Value::from(format!(
        "{before}{pad}{}",
        source.replace('\n', &format!("\n{pad}"))
    )))
}

fn repeat(call: &mut Call<'_>, arguments: &[Value]) -> Outcome {
    let source = text(arguments, 1);
    let count = usize::try_from(integer(arguments, 0))
        .map_err(|_| FunctionError::new("strings: negative Repeat count"))?;
    call.charge(source.len().saturating_mul(count))?;
    Ok(Value::from(source.repeat(count)))
}

fn replace(call: &mut Call<'_>, arguments: &[Value]) -> Outcome {
    let (old, new, source) = (text(arguments, 0), text(arguments, 1), text(arguments, 2));
    let count = if old.is_empty() {
        source.len() + 1
    } else {
        source.matches(&*old).count()
    };
    call.charge(source.len().saturating_add(count.saturating_mul(new.len())))?;
    Ok(Value::from(source.replace(&*old, &new)))
}

fn trim_all(call: &mut Call<'_>, arguments: &[Value]) -> Outcome {
    let set = text(arguments, 0);
    call.charge(set.len().saturating_mul(size_of::<char>()))?;
    call.work(set.len() / 8 + text(arguments, 1).len() / 16)?;
    let mut set: Vec<char> = set.chars().collect();
    set.sort_unstable();
    done(
        call,
        text(arguments, 1).trim_matches(|character| set.binary_search(&character).is_ok()),
    )
}

fn trim_prefix(call: &mut Call<'_>, arguments: &[Value]) -> Outcome {
    let source = text(arguments, 1);
    done(
        call,
        source.strip_prefix(&*text(arguments, 0)).unwrap_or(&source),
    )
}

fn trim_suffix(call: &mut Call<'_>, arguments: &[Value]) -> Outcome {
    let source = text(arguments, 1);
    done(
        call,
        source.strip_suffix(&*text(arguments, 0)).unwrap_or(&source),
    )
}
