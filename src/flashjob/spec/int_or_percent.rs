//! Numbers of devices as a spec gives them: a count, or a percentage of something. Pure; called by `steps` and `thresholds`.

use crate::api::Amount;

/// The amount of so many devices, a percentage rounded up and at least 1: the size of a step.
///
/// # Errors
/// Where the amount is not a number of devices from 1 and no percentage from 1 % to 100 %.
pub fn at_least_one(amount: &Amount, of: usize) -> Result<usize, String> {
    match share(amount)? {
        Share::Count(count) if count >= 1 => Ok(count),
        Share::Percent(percent) if percent >= 1 => Ok((of * percent).div_ceil(100).max(1)),
        Share::Count(_) | Share::Percent(_) => Err(format!(
            "{} is not a device: say at least 1, or \"1%\"",
            text(amount)
        )),
    }
}

/// The amount of so many devices, a percentage rounded down: a number of failures.
///
/// # Errors
/// Where the amount is not a number of devices and no percentage from 0 % to 100 %.
pub fn rounded_down(amount: &Amount, of: usize) -> Result<usize, String> {
    Ok(match share(amount)? {
        Share::Count(count) => count,
        Share::Percent(percent) => of * percent / 100,
    })
}

/// The amount as it stands in the spec.
#[must_use]
pub fn text(amount: &Amount) -> String {
    match amount {
        Amount::Count(count) => count.to_string(),
        Amount::Percent(percent) => percent.clone(),
    }
}

/// An amount, understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share {
    /// That many devices.
    Count(usize),
    /// That many of a hundred.
    Percent(usize),
}

/// Understands an amount.
///
/// # Errors
/// Where it is neither a number of devices nor a whole percentage up to 100 %.
pub fn share(amount: &Amount) -> Result<Share, String> {
    match amount {
        Amount::Count(count) => usize::try_from(*count)
            .map(Share::Count)
            .map_err(|_| format!("{count} is not a number of devices")),
        Amount::Percent(percent) => percent
            .strip_suffix('%')
            .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|digits| digits.parse().ok())
            .filter(|percent| *percent <= 100)
            .map(Share::Percent)
            .ok_or_else(|| {
                format!("{percent:?} is not a whole percentage from \"0%\" to \"100%\"")
            }),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn percent(text: &str) -> Amount {
        Amount::Percent(text.into())
    }

    #[rstest]
    #[case::a_count_is_itself(Amount::Count(7), 500, 7)]
    #[case::a_count_may_be_more_than_there_are(Amount::Count(7), 5, 7)]
    #[case::a_percentage_that_comes_out_even(percent("10%"), 500, 50)]
    #[case::a_percentage_rounds_up(percent("10%"), 501, 51)]
    #[case::a_percentage_of_few_is_one(percent("1%"), 5, 1)]
    #[case::a_percentage_of_none_is_one(percent("10%"), 0, 1)]
    #[case::all(percent("100%"), 499, 499)]
    fn sizes_round_up(#[case] amount: Amount, #[case] of: usize, #[case] size: usize) {
        assert_eq!(at_least_one(&amount, of), Ok(size));
    }

    #[rstest]
    #[case::a_count_is_itself(Amount::Count(7), 500, 7)]
    #[case::none(Amount::Count(0), 500, 0)]
    #[case::a_percentage_rounds_down(percent("5%"), 39, 1)]
    #[case::a_percentage_of_few_is_none(percent("5%"), 19, 0)]
    #[case::no_percent(percent("0%"), 500, 0)]
    #[case::all(percent("100%"), 7, 7)]
    fn failures_round_down(#[case] amount: Amount, #[case] of: usize, #[case] failures: usize) {
        assert_eq!(rounded_down(&amount, of), Ok(failures));
    }

    #[rstest]
    #[case::a_negative_number(Amount::Count(-1))]
    #[case::a_percentage_without_its_sign(percent("10"))]
    #[case::more_than_all(percent("101%"))]
    #[case::a_fraction(percent("2.5%"))]
    #[case::a_signed_percentage(percent("+5%"))]
    #[case::nothing(percent(""))]
    #[case::a_sign_alone(percent("%"))]
    fn what_the_schema_refuses_is_an_error_here_too(#[case] amount: Amount) {
        assert!(rounded_down(&amount, 10).is_err());
        assert!(at_least_one(&amount, 10).is_err());
    }

    #[test]
    fn a_step_has_at_least_one_device() {
        assert!(at_least_one(&Amount::Count(0), 10).is_err());
        assert!(at_least_one(&percent("0%"), 10).is_err());
    }

    proptest! {
        #[test]
        fn rounding_up_and_down_differ_by_one_at_most(percent in 1_usize..=100, of in 0_usize..20_000) {
            let amount = Amount::Percent(format!("{percent}%"));
            let (up, down) = (at_least_one(&amount, of).unwrap(), rounded_down(&amount, of).unwrap());
            prop_assert!(down <= up && up <= down + 1);
            prop_assert!(up <= of.max(1));
        }
    }
}
