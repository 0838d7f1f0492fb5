//! Times as people write them on a command line. Pure.

use std::time::Duration;

use jiff::SignedDuration;

/// Reads `30s`, `5m`, `1h30m`, or a number of seconds.
///
/// # Errors
/// When the text is none of these.
pub fn parse(text: &str) -> Result<Duration, String> {
    if let Ok(seconds) = text.parse() {
        return Ok(Duration::from_secs(seconds));
    }
    let parsed: Option<SignedDuration> = text.parse().ok();
    parsed
        .and_then(|duration| Duration::try_from(duration).ok())
        .ok_or_else(|| "expected a time such as 30s, 5m or 1h30m".to_owned())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("30s", Some(30))]
    #[case("5m", Some(300))]
    #[case("1h30m", Some(5400))]
    #[case("90", Some(90))]
    #[case("0", Some(0))]
    #[case("-5s", None)]
    #[case("soon", None)]
    #[case("", None)]
    fn a_time_is_read_as_people_write_it(#[case] text: &str, #[case] seconds: Option<u64>) {
        assert_eq!(parse(text).ok(), seconds.map(Duration::from_secs));
    }
}
