//! How long ago something was, as kubectl says it. Pure.

use jiff::Timestamp;

/// `35s`, `12m`, `3h5m`, `4d`; a time to come is `0s`.
pub fn of(since: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(since).as_secs().max(0);
    let units = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];
    let mut units = units.iter().skip_while(|(_, size)| seconds < *size);
    let Some((unit, size)) = units.next() else {
        return "0s".to_owned();
    };
    let count = seconds / size;
    // As kubectl does, the smaller unit is told while the number is small.
    let rest = units.next().filter(|_| count < 10);
    let rest = rest.map(|(unit, small)| (unit, seconds % size / small));
    match rest {
        Some((small, rest)) if rest > 0 => format!("{count}{unit}{rest}{small}"),
        _ => format!("{count}{unit}"),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(0, "0s")]
    #[case(35, "35s")]
    #[case(60, "1m")]
    #[case(95, "1m35s")]
    #[case(754, "12m")]
    #[case(11_100, "3h5m")]
    #[case(40_000, "11h")]
    #[case(350_000, "4d1h")]
    #[case(-9, "0s")]
    fn an_age_is_short(#[case] seconds: i64, #[case] words: &str) {
        let now = Timestamp::from_second(1_000_000).unwrap();
        let since = Timestamp::from_second(1_000_000 - seconds).unwrap();
        assert_eq!(of(since, now), words);
    }
}
