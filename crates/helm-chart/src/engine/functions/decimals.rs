//! Float arithmetic in decimals, so that 0.1 + 0.2 is 0.3. Pure.

use num_bigint::{BigInt, Sign};

use super::numbers::to_float64;
use super::support::Outcome;
use super::{Call, Function, FunctionError, Param};
use crate::engine::number;
use crate::engine::value::Value;

use Param::Any;

/// Bits of a number that is computed with for the price of a step.
const BITS_OF_STEP: u64 = 4096;

/// The functions of this family.
pub(super) const FUNCTIONS: &[(&str, Function)] = &[
    (
        "add1f",
        Function::new(&[Any], |call, a| {
            decimals(call, &[a[0].clone(), Value::Int(1)], Decimal::add)
        }),
    ),
    (
        "addf",
        Function::variadic(&[], Any, |call, a| {
            decimals(call, &[&[Value::Float(0.0)], a].concat(), Decimal::add)
        }),
    ),
    ("divf", Function::variadic(&[Any], Any, divf)),
    (
        "mulf",
        Function::variadic(&[Any], Any, |call, a| decimals(call, a, Decimal::mul)),
    ),
    (
        "subf",
        Function::variadic(&[Any], Any, |call, a| decimals(call, a, Decimal::sub)),
    ),
];

fn divf(call: &mut Call<'_>, arguments: &[Value]) -> Outcome {
    if arguments[1..]
        .iter()
        .any(|divisor| to_float64(divisor) == 0.0)
    {
        return Err(FunctionError::new("decimal division by 0"));
    }
    decimals(call, arguments, Decimal::div)
}

/// A decimal number, `digits * 10^exponent`: what the float functions compute with, so that 0.1 + 0.2 is 0.3.
struct Decimal {
    digits: BigInt,
    exponent: i32,
}

fn decimals(
    call: &mut Call<'_>,
    arguments: &[Value],
    operation: fn(&Decimal, &Decimal) -> Decimal,
) -> Outcome {
    let mut result: Option<Decimal> = None;
    for argument in arguments {
        let next = Decimal::of(to_float64(argument))?;
        result = Some(match result {
            None => next,
            Some(result) => {
                // Each factor makes a product longer; everything else has the length of two floats.
                call.work(1 + usize::try_from(result.digits.bits() / BITS_OF_STEP).unwrap_or(0))?;
                operation(&result, &next)
            }
        });
    }
    Ok(Value::Float(result.map_or(0.0, |result| result.float())))
}

fn power_of_ten(exponent: u32) -> BigInt {
    BigInt::from(10).pow(exponent)
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
        let digits: i64 = format!("{whole}{fraction}").parse().unwrap_or(0);
        Ok(Self {
            digits: digits.into(),
            exponent: exponent.parse::<i32>().unwrap_or(0) - places,
        })
    }

    fn float(&self) -> f64 {
        format!("{}e{}", self.digits, self.exponent)
            .parse()
            .unwrap_or(f64::NAN)
    }

    /// The digits for an exponent that is not larger.
    fn scaled(&self, exponent: i32) -> BigInt {
        &self.digits * power_of_ten(self.exponent.abs_diff(exponent))
    }

    fn add(&self, other: &Self) -> Self {
        let exponent = self.exponent.min(other.exponent);
        Self {
            digits: self.scaled(exponent) + other.scaled(exponent),
            exponent,
        }
    }

    fn sub(&self, other: &Self) -> Self {
        let exponent = self.exponent.min(other.exponent);
        Self {
            digits: self.scaled(exponent) - other.scaled(exponent),
            exponent,
        }
    }

    fn mul(&self, other: &Self) -> Self {
        Self {
            digits: &self.digits * &other.digits,
            exponent: self.exponent.saturating_add(other.exponent),
        }
    }

    /// Sixteen places, halves away from zero. The divisor is not zero.
    fn div(&self, other: &Self) -> Self {
        let shift = self.exponent - other.exponent + 16;
        let power = power_of_ten(shift.unsigned_abs());
        let (above, below) = if shift < 0 {
            (self.digits.clone(), &other.digits * power)
        } else {
            (&self.digits * power, other.digits.clone())
        };
        let (quotient, remainder) = (&above / &below, &above % &below);
        let up = remainder.magnitude() * 2_u32 >= *below.magnitude();
        let negative = (above.sign() == Sign::Minus) != (below.sign() == Sign::Minus);
        let sign = if negative { -1 } else { 1 };
        Self {
            digits: quotient + if up { sign } else { 0 },
            exponent: -16,
        }
    }
}
