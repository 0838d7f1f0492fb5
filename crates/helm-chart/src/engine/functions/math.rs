//! Numbers: integers, rounding, ranges. Pure.

use super::numbers::{to_float64, to_int64};
use super::support::{Outcome, done, list_of, printed};
use super::{Call, Function, FunctionError, Param, integer, text};
use crate::engine::number;
use crate::engine::value::{ListType, Value};

use Param::{Any, Float, Int, String as Text};

/// The functions of this family.
pub(super) const FUNCTIONS: &[(&str, Function)] = &[
    (
        "add",
        Function::variadic(&[], Any, |_, a| {
            Ok(Value::Int64(
                a.iter().map(to_int64).fold(0, i64::wrapping_add),
            ))
        }),
    ),
    (
        "add1",
        Function::new(&[Any], |_, a| {
            Ok(Value::Int64(to_int64(&a[0]).wrapping_add(1)))
        }),
    ),
    (
        "atoi",
        Function::new(&[Text], |_, a| Ok(Value::Int(atoi(&text(a, 0))))),
    ),
    (
        "biggest",
        Function::variadic(&[Any], Any, |_, a| Ok(max(a))),
    ),
    (
        "ceil",
        Function::new(&[Any], |_, a| Ok(Value::Float(to_float64(&a[0]).ceil()))),
    ),
    (
        "div",
        Function::new(&[Any, Any], |_, a| divided(a, i64::wrapping_div)),
    ),
    (
        "float64",
        Function::new(&[Any], |_, a| Ok(Value::Float(to_float64(&a[0])))),
    ),
    (
        "floor",
        Function::new(&[Any], |_, a| Ok(Value::Float(to_float64(&a[0]).floor()))),
    ),
    (
        "int",
        Function::new(&[Any], |_, a| Ok(Value::Int(to_int64(&a[0])))),
    ),
    (
        "int64",
        Function::new(&[Any], |_, a| Ok(Value::Int64(to_int64(&a[0])))),
    ),
    ("max", Function::variadic(&[Any], Any, |_, a| Ok(max(a)))),
    (
        "maxf",
        Function::variadic(&[Any], Any, |_, a| Ok(extreme(a, f64::max))),
    ),
    ("min", Function::variadic(&[Any], Any, |_, a| Ok(min(a)))),
    (
        "minf",
        Function::variadic(&[Any], Any, |_, a| Ok(extreme(a, f64::min))),
    ),
    (
        "mod",
        Function::new(&[Any, Any], |_, a| divided(a, i64::wrapping_rem)),
    ),
    (
        "mul",
        Function::variadic(&[Any], Any, |_, a| {
            Ok(Value::Int64(
                a.iter().map(to_int64).fold(1, i64::wrapping_mul),
            ))
        }),
    ),
    ("round", Function::variadic(&[Any, Int], Float, round)),
    ("seq", Function::variadic(&[], Int, seq)),
    (
        "sub",
        Function::new(&[Any, Any], |_, a| {
            Ok(Value::Int64(to_int64(&a[0]).wrapping_sub(to_int64(&a[1]))))
        }),
    ),
    ("toDecimal", Function::new(&[Any], to_decimal)),
    (
        "until",
        Function::new(&[Int], |call, a| {
            until(
                call,
                0,
                integer(a, 0),
                if integer(a, 0) < 0 { -1 } else { 1 },
            )
        }),
    ),
    (
        "untilStep",
        Function::new(&[Int, Int, Int], |call, a| {
            until(call, integer(a, 0), integer(a, 1), integer(a, 2))
        }),
    ),
];

fn max(arguments: &[Value]) -> Value {
    Value::Int64(arguments.iter().map(to_int64).max().unwrap_or(0))
}

fn min(arguments: &[Value]) -> Value {
    Value::Int64(arguments.iter().map(to_int64).min().unwrap_or(0))
}

fn extreme(arguments: &[Value], choose: fn(f64, f64) -> f64) -> Value {
    // NaN wins in Go, and loses in Rust.
    let chosen = arguments.iter().map(to_float64).reduce(|one, other| {
        if one.is_nan() || other.is_nan() {
            f64::NAN
        } else {
            choose(one, other)
        }
    });
    Value::Float(chosen.unwrap_or(0.0))
}

fn divided(arguments: &[Value], operation: fn(i64, i64) -> i64) -> Outcome {
    match to_int64(&arguments[1]) {
        0 => Err(FunctionError::new("runtime error: integer divide by zero")),
        divisor => Ok(Value::Int64(operation(to_int64(&arguments[0]), divisor))),
    }
}

/// `strconv.Atoi`, whose error is dropped. Beside an error it returns the nearest number, if the digits leave the range before
/// another character follows, and otherwise zero.
fn atoi(text: &str) -> i64 {
    let negative = text.starts_with('-');
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text).bytes();
    let nearest = if negative { i64::MIN } else { i64::MAX };
    let mut number = 0_u64;
    for byte in digits {
        if !byte.is_ascii_digit() {
            return 0;
        }
        let next = number
            .checked_mul(10)
            .and_then(|tens| tens.checked_add(u64::from(byte - b'0')));
        let Some(next) = next else {
            return nearest;
        };
        number = next;
    }
    let magnitude = if negative {
        0_i64.checked_sub_unsigned(number)
    } else {
        i64::try_from(number).ok()
    };
    magnitude.unwrap_or(nearest)
}

fn to_decimal(call: &mut Call<'_>, arguments: &[Value]) -> Outcome {
    let text = printed(call, &arguments[0])?;
    Ok(Value::Int64(i64::from_str_radix(&text, 8).unwrap_or(0)))
}

#[allow(clippy::unnecessary_wraps)] // the signature of the table
fn round(_: &mut Call<'_>, arguments: &[Value]) -> Outcome {
    let places = integer(arguments, 1);
    let half = match arguments.get(2) {
        Some(Value::Float(given)) => *given,
        _ => 0.5,
    };
    let power = number::power_of_ten(places);
    let digits = power * to_float64(&arguments[0]);
    let rounded = if digits.fract() >= half {
        digits.ceil()
    } else {
        digits.floor()
    };
    Ok(Value::Float(rounded / power))
}

fn steps(call: &mut Call<'_>, start: i64, stop: i64, by: i64) -> Outcome<Vec<i64>> {
    let wrong_way = if stop < start { by >= 0 } else { by <= 0 };
    if wrong_way {
        return Ok(Vec::new());
    }
    let count = start.abs_diff(stop).div_ceil(by.unsigned_abs());
    call.elements(usize::try_from(count).unwrap_or(usize::MAX))?;
    let mut current = start;
    let numbers = (0..count).map(|_| {
        let number = current;
        current = current.wrapping_add(by);
        number
    });
    Ok(numbers.collect())
}

fn until(call: &mut Call<'_>, start: i64, stop: i64, by: i64) -> Outcome {
    let numbers = steps(call, start, stop, by)?;
    list_of(
        ListType::Ints,
        numbers.into_iter().map(Value::Int).collect(),
    )
}

fn seq(call: &mut Call<'_>, arguments: &[Value]) -> Outcome {
    let given: Vec<i64> = (0..arguments.len())
        .map(|index| integer(arguments, index))
        .collect();
    let direction = |start: i64, end: i64| if end < start { -1 } else { 1 };
    let numbers = match given[..] {
        [end] => steps(
            call,
            1,
            end.wrapping_add(direction(1, end)),
            direction(1, end),
        )?,
        [start, end] => steps(
            call,
            start,
            end.wrapping_add(direction(start, end)),
            direction(start, end),
        )?,
        [start, step, end] if end >= start || step <= 0 => {
            steps(call, start, end.wrapping_add(direction(start, end)), step)?
        }
        _ => Vec::new(),
    };
    call.elements(numbers.len())?;
    let words: Vec<String> = numbers.iter().map(i64::to_string).collect();
    done(call, words.join(" "))
}
