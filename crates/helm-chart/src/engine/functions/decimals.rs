//! Float arithmetic in decimals, so that 0.1 + 0.2 is 0.3. Pure.

use super::support::{Outcome, to_float64};
use super::{Call, Function, FunctionError, Param};
use crate::engine::number;
use crate::engine::value::Value;

use Param::Any;

/// The functions of this family.
pub(super) const FUNCTIONS: &[(&str, Function)] = &[
    (
        "add1f",
        Function::new(&[Any], |_, a| {
            decimals(&[a[0].clone(), Value::Int(1)], Decimal::add)
        }),
    ),
    (
        "addf",
        Function::variadic(&[], Any, |_, a| {
            decimals(&[&[Value::Float(0.0)], a].concat(), Decimal::add)
        }),
    ),
    ("divf", Function::variadic(&[Any], Any, divf)),
    (
        "mulf",
        Function::variadic(&[Any], Any, |_, a| decimals(a, Decimal::mul)),
    ),
    (
        "subf",
        Function::variadic(&[Any], Any, |_, a| decimals(a, Decimal::sub)),
    ),
];

fn divf(_: &mut Call<'_>, arguments: &[Value]) -> Outcome {
    if arguments[1..]
        .iter()
        .any(|divisor| to_float64(divisor) == 0.0)
    {
        return Err(FunctionError::new("decimal division by 0"));
    }
    decimals(arguments, Decimal::div)
}

/// A decimal number, `digits * 10^exponent`: what the float functions compute with, so that 0.1 + 0.2 is 0.3.
#[derive(Clone, Copy)]
struct Decimal {
    digits: i128,
    exponent: i32,
}

fn decimals(arguments: &[Value], operation: fn(Decimal, Decimal) -> Option<Decimal>) -> Outcome {
    let mut result: Option<Decimal> = None;
    for argument in arguments {
        let next = Decimal::of(to_float64(argument))?;
        result = Some(match result {
            None => next,
            Some(result) => operation(result, next)
                .ok_or_else(|| FunctionError::new("this engine computes with at most 38 digits"))?,
        });
    }
    Ok(Value::Float(result.map_or(0.0, Decimal::float)))
}

impl Decimal {
    fn of(value: f64) -> Outcome<Self> {
        if !value.is_finite() {
            return Err(FunctionError::new(format!(
                "Cannot create a Decimal from {}",
                number::float(value)
            )));
        }
        let scientific = format!("{value:e}");
        let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let places = i32::try_from(fraction.len()).unwrap_or(0);
        let digits = format!("{whole}{fraction}").parse().unwrap_or(0);
        Ok(Self {
            digits,
            exponent: exponent.parse::<i32>().unwrap_or(0) - places,
        })
    }

    fn float(self) -> f64 {
        format!("{}e{}", self.digits, self.exponent)
            .parse()
            .unwrap_or(f64::NAN)
    }

    fn scaled(self, exponent: i32) -> Option<i128> {
        let places = u32::try_from(self.exponent.checked_sub(exponent)?).ok()?;
        if self.digits == 0 {
            return Some(0);
        }
        self.digits.checked_mul(10_i128.checked_pow(places)?)
    }

    fn add(self, other: Self) -> Option<Self> {
        let exponent = self.exponent.min(other.exponent);
        Some(Self {
            digits: self
                .scaled(exponent)?
                .checked_add(other.scaled(exponent)?)?,
            exponent,
        })
    }

    fn sub(self, other: Self) -> Option<Self> {
        self.add(Self {
            digits: -other.digits,
            ..other
        })
    }

    fn mul(self, other: Self) -> Option<Self> {
        Some(Self {
            digits: self.digits.checked_mul(other.digits)?,
            exponent: self.exponent + other.exponent,
        })
    }

    /// Sixteen places, halves away from zero.
    fn div(self, other: Self) -> Option<Self> {
        let shift = self.exponent - other.exponent + 16;
        let power = 10_i128.checked_pow(shift.unsigned_abs())?;
        let (above, below) = if shift < 0 {
            (self.digits, other.digits.checked_mul(power)?)
        } else {
            (self.digits.checked_mul(power)?, other.digits)
        };
        let (quotient, remainder) = (above.checked_div(below)?, above.checked_rem(below)?);
        let up = remainder.unsigned_abs() >= below.unsigned_abs() - remainder.unsigned_abs();
        let sign = if (above < 0) == (below < 0) { 1 } else { -1 };
        Some(Self {
            digits: quotient + if up { sign } else { 0 },
            exponent: -16,
        })
    }
}
