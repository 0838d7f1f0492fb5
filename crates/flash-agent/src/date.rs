//! Dates as Go's logger writes them, in UTC. Pure.

/// `2026/11/28 12:00:00`, of a time in seconds since 1970.
pub fn date(seconds: u64) -> String {
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    let (hour, minute) = (second / 3600, second / 60 % 60);
    format!(
        "{year:04}/{month:02}/{day:02} {hour:02}:{minute:02}:{:02}",
        second % 60
    )
}

/// Year, month and day of a day since 1970-01-01. Years are counted from March, so that the leap day is their last one.
fn civil(days: u64) -> (u64, u64, u64) {
    const DAYS_OF_400_YEARS: u64 = 146_097;
    // From 0000-03-01.
    let days = days + 719_468;
    let (era, day) = (days / DAYS_OF_400_YEARS, days % DAYS_OF_400_YEARS);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let first = (153 * month + 2) / 5;
    let (month, into_next) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    (era * 400 + year + into_next, month, day - first + 1)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::first(0, "1970/01/01 00:00:00")]
    #[case::last_second_of_a_year(1_798_761_599, "2026/12/31 23:59:59")]
    #[case::leap_day(951_782_400, "2000/02/29 00:00:00")]
    #[case::after_a_leap_day(1_709_251_200, "2024/03/01 00:00:00")]
    #[case::century_without_a_leap_day(4_107_542_400, "2100/03/01 00:00:00")]
    fn dates_are_those_of_the_calendar(#[case] seconds: u64, #[case] want: &str) {
        assert_eq!(date(seconds), want);
    }
}
