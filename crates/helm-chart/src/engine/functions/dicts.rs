//! Dictionaries. Pure. `set`, `unset`, `merge` and `mergeOverwrite` change the dictionary that they are given.

use super::support::{Outcome, list_of, strval};
use super::{Call, Function, FunctionError, Param, dict, text};
use crate::engine::value::{Dict, DictType, Entries, List, ListType, MAX_NESTING, Value};

use Param::{Any, Dict as Map, String as Text};

/// The functions of this family.
pub(super) const FUNCTIONS: &[(&str, Function)] = &[
    (
        "deepCopy",
        Function::new(&[Any], |call, a| deep_copy(call, &a[0], 0)),
    ),
    ("dict", Function::variadic(&[], Any, new_dict)),
    ("dig", Function::variadic(&[], Any, dig)),
    (
        "get",
        Function::new(&[Map, Text], |_, a| {
            Ok(dict(a, 0).get(&text(a, 1)).unwrap_or_else(|| "".into()))
        }),
    ),
    (
        "hasKey",
        Function::new(&[Map, Text], |_, a| {
            Ok(dict(a, 0).get(&text(a, 1)).is_some().into())
        }),
    ),
    ("keys", Function::variadic(&[], Map, keys)),
    (
        "merge",
        Function::variadic(&[Map], Map, |call, a| merge(call, a, false)),
    ),
    (
        "mergeOverwrite",
        Function::variadic(&[Map], Map, |call, a| merge(call, a, true)),
    ),
    (
        "mustDeepCopy",
        Function::new(&[Any], |call, a| deep_copy(call, &a[0], 0)),
    ),
    (
        "mustMerge",
        Function::variadic(&[Map], Map, |call, a| merge(call, a, false)),
    ),
    (
        "mustMergeOverwrite",
        Function::variadic(&[Map], Map, |call, a| merge(call, a, true)),
    ),
    ("omit", Function::variadic(&[Map], Text, omit)),
    ("pick", Function::variadic(&[Map], Text, pick)),
    ("pluck", Function::variadic(&[Text], Map, pluck)),
    ("set", Function::new(&[Map, Text, Any], set)),
    ("unset", Function::new(&[Map, Text], |_, a| Ok(unset(a)))),
    (
        "values",
        Function::new(&[Map], |call, a| {
            let source = dict(a, 0);
            call.elements(source.len())?;
            let values = source.entries().values().cloned().collect();
            list_of(ListType::Any, values)
        }),
    ),
];

fn new_dict(call: &mut Call<'_>, arguments: &[Value]) -> Outcome {
    call.entries(arguments.len().div_ceil(2))?;
    let mut entries = Entries::new();
    for pair in arguments.chunks(2) {
        entries.insert(
            strval(call, &pair[0])?.into(),
            pair.get(1).cloned().unwrap_or_else(|| "".into()),
        );
    }
    Ok(Value::dict(entries))
}

fn writable(target: &Dict) -> Outcome<()> {
    if target.kind() == DictType::Nil {
        return Err(FunctionError::new("assignment to entry in nil map"));
    }
    Ok(())
}

fn set(call: &mut Call<'_>, arguments: &[Value]) -> Outcome {
    let target = dict(arguments, 0);
    writable(&target)?;
    call.entries(1)?;
    target.insert(text(arguments, 1), arguments[2].clone());
    Ok(Value::Dict(target))
}

fn unset(arguments: &[Value]) -> Value {
    let target = dict(arguments, 0);
    target.remove(&text(arguments, 1));
    Value::Dict(target)
}

fn keys(call: &mut Call<'_>, arguments: &[Value]) -> Outcome {
    let mut found = Vec::new();
    for index in 0..arguments.len() {
        let source = dict(arguments, index);
        call.elements(source.len())?;
        found.extend(
            source
                .entries()
                .keys()
                .map(|key| Value::String(key.clone())),
        );
    }
    list_of(ListType::Strings, found)
}

fn pluck(call: &mut Call<'_>, arguments: &[Value]) -> Outcome {
    let key = text(arguments, 0);
    call.elements(arguments.len())?;
    let found = (1..arguments.len())
        .filter_map(|index| dict(arguments, index).get(&key))
        .collect();
    list_of(ListType::Any, found)
}

fn pick(call: &mut Call<'_>, arguments: &[Value]) -> Outcome {
    let source = dict(arguments, 0);
    call.entries(arguments.len())?;
    let kept = (1..arguments.len()).map(|index| text(arguments, index));
    let kept: Entries = kept
        .filter_map(|key| source.get(&key).map(|value| (key, value)))
        .collect();
    Ok(Value::dict(kept))
}

fn omit(call: &mut Call<'_>, arguments: &[Value]) -> Outcome {
    call.entries(dict(arguments, 0).len())?;
    let mut kept = dict(arguments, 0).entries().clone();
    for index in 1..arguments.len() {
        kept.remove(&text(arguments, index));
    }
    Ok(Value::dict(kept))
}

/// Go's panic on a value of another type.
fn conversion(value: &Value, wanted: &str) -> FunctionError {
    let given = if value.is_nil() {
        "nil"
    } else {
        value.type_name()
    };
    FunctionError::new(format!(
        "interface conversion: interface {{}} is {given}, not {wanted}"
    ))
}

fn dig(_: &mut Call<'_>, arguments: &[Value]) -> Outcome {
    let [keys @ .., default, source] = arguments else {
        return Err(FunctionError::new("dig needs at least three arguments"));
    };
    if keys.is_empty() {
        return Err(FunctionError::new("dig needs at least three arguments"));
    }
    let mut current = plain_dict(source)?;
    let keys: Vec<_> = keys
        .iter()
        .map(|key| {
            if let Value::String(key) = key {
                Ok(key.clone())
            } else {
                Err(conversion(key, "string"))
            }
        })
        .collect::<Outcome<_>>()?;
    for (index, key) in keys.iter().enumerate() {
        let Some(found) = current.get(key) else {
            return Ok(default.clone());
        };
        if index + 1 == keys.len() {
            return Ok(found);
        }
        current = plain_dict(&found)?;
    }
    Ok(default.clone())
}

/// Exactly `map[string]interface {}`: `.Values` itself is of another type, which `dig` does not take.
fn plain_dict(value: &Value) -> Outcome<Dict> {
    match value {
        Value::Dict(dict) if matches!(dict.kind(), DictType::Any | DictType::Nil) => {
            Ok(dict.clone())
        }
        other => Err(conversion(other, "map[string]interface {}")),
    }
}

fn deep_copy(call: &mut Call<'_>, value: &Value, depth: usize) -> Outcome {
    if depth > MAX_NESTING {
        return Err(FunctionError::new(
            "value is nested too deeply or contains itself",
        ));
    }
    call.step()?;
    Ok(match value {
        Value::List(list) => {
            call.elements(list.len() + 1)?;
            let items = list
                .items()
                .iter()
                .map(|item| deep_copy(call, item, depth + 1))
                .collect::<Outcome<_>>()?;
            Value::List(List::new(list.kind(), items))
        }
        Value::Dict(source) => {
            // The copy, and the one from which it is made.
            call.entries(2 * source.len() + 1)?;
            let entries = source.entries().clone();
            let copies = entries
                .into_iter()
                .map(|(key, value)| Ok((key, deep_copy(call, &value, depth + 1)?)));
            Value::Dict(Dict::typed(source.kind(), copies.collect::<Outcome<_>>()?))
        }
        other => other.clone(),
    })
}

fn merge(call: &mut Call<'_>, arguments: &[Value], overwrite: bool) -> Outcome {
    let mut target = dict(arguments, 0);
    for index in 1..arguments.len() {
        let source = dict(arguments, index);
        if target.kind() == DictType::Nil && source.kind() != DictType::Nil {
            target = Dict::new(Entries::new());
        }
        merge_into(call, &target, &source, overwrite, 0)?;
    }
    Ok(Value::Dict(target))
}

/// Fills `target` from `source` as mergo does: nested dictionaries are merged in place or shared, empty values of the
/// target count as absent, and with `overwrite` everything but dictionaries is replaced.
fn merge_into(
    call: &mut Call<'_>,
    target: &Dict,
    source: &Dict,
    overwrite: bool,
    depth: usize,
) -> Outcome<()> {
    if depth > MAX_NESTING {
        return Err(FunctionError::new(
            "value is nested too deeply or contains itself",
        ));
    }
    if target.same(source) {
        return Ok(());
    }
    call.entries(2 * source.len() + 1)?;
    call.step()?;
    let entries = source.entries().clone();
    for (key, value) in entries {
        let present = target.get(&key);
        let replace = match (&present, &value) {
            (_, Value::Nil | Value::NilInterface) => overwrite,
            (None, _) => true,
            (Some(Value::Dict(inner)), Value::Dict(new)) => {
                if inner.kind() != DictType::Nil {
                    merge_into(call, inner, new, overwrite, depth + 1)?;
                }
                inner.is_empty()
            }
            (Some(present), _) => overwrite || !present.truth(),
        };
        if replace {
            writable(target)?;
            target.insert(key, value);
        }
    }
    Ok(())
}
