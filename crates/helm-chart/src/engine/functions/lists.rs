//! Lists. Pure. The `must` form of a function differs in nothing but how Go reports its error.

use super::equality::deep_equal;
use super::numbers::to_int64;
use super::support::{Outcome, elements, kind_name, list_of, nil_pointer};
use super::{Call, Function, FunctionError, Param, integer};
use crate::engine::value::{List, ListType, Value};

use Param::{Any, Int};

/// The functions of this family.
pub(super) const FUNCTIONS: &[(&str, Function)] = &[
    ("append", Function::new(&[Any, Any], append)),
    ("chunk", Function::new(&[Int, Any], chunk)),
    ("compact", Function::new(&[Any], compact)),
    ("concat", Function::variadic(&[], Any, concat)),
    ("first", Function::new(&[Any], first)),
    ("has", Function::new(&[Any, Any], has)),
    ("initial", Function::new(&[Any], initial)),
    ("last", Function::new(&[Any], last)),
    ("list", Function::variadic(&[], Any, list)),
    ("mustAppend", Function::new(&[Any, Any], append)),
    ("mustChunk", Function::new(&[Int, Any], chunk)),
    ("mustCompact", Function::new(&[Any], compact)),
    ("mustFirst", Function::new(&[Any], first)),
    ("mustHas", Function::new(&[Any, Any], has)),
    ("mustInitial", Function::new(&[Any], initial)),
    ("mustLast", Function::new(&[Any], last)),
    ("mustPrepend", Function::new(&[Any, Any], prepend)),
    ("mustPush", Function::new(&[Any, Any], append)),
    ("mustRest", Function::new(&[Any], rest)),
    ("mustReverse", Function::new(&[Any], reverse)),
    ("mustSlice", Function::variadic(&[Any], Any, slice)),
    ("mustUniq", Function::new(&[Any], uniq)),
    ("mustWithout", Function::variadic(&[Any], Any, without)),
    ("prepend", Function::new(&[Any, Any], prepend)),
    ("push", Function::new(&[Any, Any], append)),
    ("rest", Function::new(&[Any], rest)),
    ("reverse", Function::new(&[Any], reverse)),
    ("slice", Function::variadic(&[Any], Any, slice)),
    ("tuple", Function::variadic(&[], Any, list)),
    ("uniq", Function::new(&[Any], uniq)),
    ("without", Function::variadic(&[Any], Any, without)),
];

fn list(call: &mut Call<'_>, arguments: &[Value]) -> Outcome {
    call.elements(arguments.len())?;
    list_of(ListType::Any, arguments.to_vec())
}

/// The elements of a list, about to be copied with one more.
fn copied(call: &mut Call<'_>, list: &Value, what: &str) -> Outcome<List> {
    let list = elements(call, list, what)?;
    call.elements(list.len() + 1)?;
    Ok(list)
}

fn append(call: &mut Call<'_>, arguments: &[Value]) -> Outcome {
    let list = copied(call, &arguments[0], "Cannot push on type")?;
    let mut items = list.items().to_vec();
    items.push(arguments[1].clone());
    list_of(ListType::Any, items)
}

fn prepend(call: &mut Call<'_>, arguments: &[Value]) -> Outcome {
    let list = copied(call, &arguments[0], "Cannot prepend on type")?;
    let mut items = vec![arguments[1].clone()];
    items.extend_from_slice(list.items());
    list_of(ListType::Any, items)
}

fn concat(call: &mut Call<'_>, arguments: &[Value]) -> Outcome {
    let mut items = Vec::new();
    for argument in arguments {
        match argument {
            Value::List(_) => {
                let list = copied(call, argument, "")?;
                items.extend_from_slice(list.items());
            }
            Value::Nil | Value::NilInterface => return Err(nil_pointer()),
            other => {
                return Err(FunctionError::new(format!(
                    "Cannot concat type {} as list",
                    kind_name(other)
                )));
            }
        }
    }
    let kind = if items.is_empty() {
        ListType::Nil
    } else {
        ListType::Any
    };
    Ok(Value::List(List::new(kind, items)))
}

fn chunk(call: &mut Call<'_>, arguments: &[Value]) -> Outcome {
    let items = copied(call, &arguments[1], "Cannot chunk type")?;
    let Some(size) = usize::try_from(integer(arguments, 0))
        .ok()
        .filter(|size| *size > 0)
    else {
        return Err(FunctionError::new(
            "runtime error: makeslice: len out of range",
        ));
    };
    call.elements(2 * items.len().div_ceil(size))?;
    let chunks = items
        .items()
        .chunks(size)
        .map(|chunk| Value::list(chunk.to_vec()))
        .collect();
    list_of(ListType::Lists, chunks)
}

fn first(call: &mut Call<'_>, arguments: &[Value]) -> Outcome {
    let items = elements(call, &arguments[0], "Cannot find first on type")?;
    Ok(items.get(0).unwrap_or(Value::Nil))
}

fn last(call: &mut Call<'_>, arguments: &[Value]) -> Outcome {
    let items = elements(call, &arguments[0], "Cannot find last on type")?;
    let last = items.len().checked_sub(1);
    Ok(last.and_then(|last| items.get(last)).unwrap_or(Value::Nil))
}

fn rest(call: &mut Call<'_>, arguments: &[Value]) -> Outcome {
    let items = copied(call, &arguments[0], "Cannot find rest on type")?;
    match items.items() {
        [] => list_of(ListType::Nil, Vec::new()),
        [_, rest @ ..] => list_of(ListType::Any, rest.to_vec()),
    }
}

fn initial(call: &mut Call<'_>, arguments: &[Value]) -> Outcome {
    let items = copied(call, &arguments[0], "Cannot find initial on type")?;
    match items.items() {
        [] => list_of(ListType::Nil, Vec::new()),
        [initial @ .., _] => list_of(ListType::Any, initial.to_vec()),
    }
}

fn reverse(call: &mut Call<'_>, arguments: &[Value]) -> Outcome {
    let items = copied(call, &arguments[0], "Cannot find reverse on type")?;
    list_of(ListType::Any, items.items().iter().rev().cloned().collect())
}

fn compact(call: &mut Call<'_>, arguments: &[Value]) -> Outcome {
    let items = copied(call, &arguments[0], "Cannot compact on type")?;
    list_of(
        ListType::Any,
        items
            .items()
            .iter()
            .filter(|item| item.truth())
            .cloned()
            .collect(),
    )
}

fn contains(call: &mut Call<'_>, items: &[Value], wanted: &Value) -> Outcome<bool> {
    call.work(items.len())?;
    for item in items {
        if deep_equal(call, wanted, item, 0)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn uniq(call: &mut Call<'_>, arguments: &[Value]) -> Outcome {
    let mut kept = Vec::new();
    let items = copied(call, &arguments[0], "Cannot find uniq on type")?;
    for item in items.items() {
        if !contains(call, &kept, item)? {
            kept.push(item.clone());
        }
    }
    list_of(ListType::Any, kept)
}

fn without(call: &mut Call<'_>, arguments: &[Value]) -> Outcome {
    let mut kept = Vec::new();
    let items = copied(call, &arguments[0], "Cannot find without on type")?;
    for item in items.items() {
        if !contains(call, &arguments[1..], item)? {
            kept.push(item.clone());
        }
    }
    list_of(ListType::Any, kept)
}

fn has(call: &mut Call<'_>, arguments: &[Value]) -> Outcome {
    if arguments[1].is_nil() {
        return Ok(Value::Bool(false));
    }
    let items = elements(call, &arguments[1], "Cannot find has on type")?;
    contains(call, items.items(), &arguments[0]).map(Value::Bool)
}

fn slice(call: &mut Call<'_>, arguments: &[Value]) -> Outcome {
    let items = copied(
        call,
        &arguments[0],
        "list should be type of slice or array but",
    )?;
    if items.items().is_empty() {
        return Ok(Value::Nil);
    }
    let bound = |index: usize, otherwise: usize| match arguments.get(index) {
        Some(given) => usize::try_from(to_int64(given)).map_err(|_| out_of_bounds()),
        None => Ok(otherwise),
    };
    let (start, end) = (bound(1, 0)?, bound(2, items.items().len())?);
    let part = items.items().get(start..end).ok_or_else(out_of_bounds)?;
    list_of(items.kind(), part.to_vec())
}

fn out_of_bounds() -> FunctionError {
    FunctionError::new("reflect.Value.Slice: slice index out of bounds")
}
