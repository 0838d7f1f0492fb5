//! The windows of a class as a plot of the week, a row for each day, in the time zone of the windows. Pure.

use std::collections::BTreeMap;

use flashjob_operator::{
    api::{Day, Window},
    display,
};
use jiff::{Timestamp, civil::Time, tz::TimeZone};
use serde::Serialize;

/// Minutes of a day and of a week.
const DAY: i64 = 24 * 60;
const WEEK: i64 = 7 * DAY;
const DAYS: [(Day, &str); 7] = [
    (Day::Mon, "Mon"),
    (Day::Tue, "Tue"),
    (Day::Wed, "Wed"),
    (Day::Thu, "Thu"),
    (Day::Fri, "Fri"),
    (Day::Sat, "Sat"),
    (Day::Sun, "Sun"),
];

/// The week in one time zone.
#[derive(Serialize, Clone, Debug, PartialEq, Eq)]
pub struct Week {
    zone: String,
    days: Vec<WeekDay>,
}

/// A day, with the minutes at which devices may start.
#[derive(Serialize, Clone, Debug, PartialEq, Eq)]
pub struct WeekDay {
    name: &'static str,
    spans: Vec<Span>,
    /// Minute of the day that it is now, if it is this day.
    now: Option<i64>,
    /// The spans in words.
    words: String,
}

/// Some minutes of a day.
#[derive(Serialize, Clone, Debug, PartialEq, Eq)]
pub struct Span {
    from: i64,
    minutes: i64,
}

/// The weeks, one for each time zone of the windows. Windows that cannot be read are in none.
#[must_use]
pub fn weeks(windows: &[Window], now: Timestamp) -> Vec<Week> {
    let mut zones: BTreeMap<&str, Vec<&Window>> = BTreeMap::new();
    for window in windows {
        let zone = window.time_zone.as_deref().unwrap_or("UTC");
        zones.entry(zone).or_default().push(window);
    }
    zones
        .into_iter()
        .map(|(zone, windows)| Week {
            zone: display::prose(zone, display::NAME).into_owned(),
            days: days(&windows, minute_of_week(zone, now)),
        })
        .collect()
}

/// Minute of the week that it is in that zone, if there is such a zone.
fn minute_of_week(zone: &str, now: Timestamp) -> Option<i64> {
    let now = now.to_zoned(TimeZone::get(zone).ok()?);
    let day = i64::from(now.weekday().to_monday_zero_offset());
    Some(day * DAY + i64::from(now.hour()) * 60 + i64::from(now.minute()))
}

fn days(windows: &[&Window], now: Option<i64>) -> Vec<WeekDay> {
    let open: Vec<(i64, i64)> = windows.iter().flat_map(|window| of_week(window)).collect();
    let days = DAYS.iter().zip(0..);
    days.map(|((_, name), day)| {
        let spans = merged(&open, day * DAY);
        let words: Vec<_> = spans.iter().map(Span::words).collect();
        let words = if words.is_empty() {
            "closed".to_owned()
        } else {
            words.join(", ")
        };
        WeekDay {
            name,
            spans,
            now: now
                .map(|now| now - day * DAY)
                .filter(|now| (0..DAY).contains(now)),
            words,
        }
    })
    .collect()
}

/// The minutes of the week from and until which a window is open, the end after the week where it reaches into the next.
fn of_week(window: &Window) -> Vec<(i64, i64)> {
    let Ok(start) = Time::strptime("%H:%M", &window.start) else {
        return Vec::new();
    };
    let start = i64::from(start.hour()) * 60 + i64::from(start.minute());
    let long = (window.duration_seconds / 60).clamp(0, WEEK);
    let is_meant = |day: Day| window.days.is_empty() || window.days.contains(&day);
    DAYS.iter()
        .zip(0..)
        .filter(|((day, _), _)| is_meant(*day))
        .map(|(_, day)| (day * DAY + start, day * DAY + start + long))
        .collect()
}

/// What is open of the day that begins at that minute of the week, without overlaps.
fn merged(open: &[(i64, i64)], day: i64) -> Vec<Span> {
    // What began last week reaches into this one.
    let all = open
        .iter()
        .flat_map(|(from, to)| [(*from, *to), (from - WEEK, to - WEEK)]);
    let cut = all.map(|(from, to)| ((from - day).max(0), (to - day).min(DAY)));
    let mut cut: Vec<_> = cut.filter(|(from, to)| from < to).collect();
    cut.sort_unstable();
    let mut spans: Vec<Span> = Vec::new();
    for (from, to) in cut {
        match spans.last_mut() {
            Some(last) if from <= last.from + last.minutes => {
                last.minutes = last.minutes.max(to - last.from);
            }
            _ => spans.push(Span {
                from,
                minutes: to - from,
            }),
        }
    }
    spans
}

impl Span {
    fn words(&self) -> String {
        let at = |minute: i64| format!("{:02}:{:02}", minute / 60, minute % 60);
        format!("{} to {}", at(self.from), at(self.from + self.minutes))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn of(windows: &Value) -> Vec<Week> {
        let windows: Vec<Window> = serde_json::from_value(windows.clone()).unwrap();
        // A Monday.
        weeks(&windows, "2026-11-30T21:30:00Z".parse().unwrap())
    }

    #[rstest]
    #[case::within_a_day(json!([{"days": ["Tue"], "start": "02:00", "durationSeconds": 3600}]),
        ["closed", "02:00 to 03:00", "closed", "closed", "closed", "closed", "closed"])]
    #[case::over_midnight(json!([{"days": ["Fri"], "start": "22:00", "durationSeconds": 14400}]),
        ["closed", "closed", "closed", "closed", "22:00 to 24:00", "00:00 to 02:00", "closed"])]
    #[case::into_the_next_week(json!([{"days": ["Sun"], "start": "23:00", "durationSeconds": 7200}]),
        ["00:00 to 01:00", "closed", "closed", "closed", "closed", "closed", "23:00 to 24:00"])]
    #[case::overlaps(json!([{"days": ["Mon"], "start": "01:00", "durationSeconds": 7200}, {"days": ["Mon"], "start": "02:00", "durationSeconds": 7200}]),
        ["01:00 to 04:00", "closed", "closed", "closed", "closed", "closed", "closed"])]
    #[case::a_start_that_is_none(json!([{"days": ["Mon"], "start": "late", "durationSeconds": 7200}]),
        ["closed", "closed", "closed", "closed", "closed", "closed", "closed"])]
    fn a_window_is_open_on_its_days(#[case] windows: Value, #[case] words: [&str; 7]) {
        let weeks = of(&windows);
        assert_eq!(weeks.len(), 1);
        let said: Vec<_> = weeks[0].days.iter().map(|day| day.words.as_str()).collect();
        assert_eq!(said, words);
    }

    #[test]
    fn a_week_is_shown_in_the_time_zone_of_its_windows_with_the_time_that_it_is_there() {
        let weeks = of(&json!([
            {"start": "22:00", "durationSeconds": 60, "timeZone": "Europe/Athens"},
            {"start": "22:00", "durationSeconds": 60},
            {"start": "22:00", "durationSeconds": 60, "timeZone": "Nowhere"},
        ]));
        let zones: Vec<_> = weeks.iter().map(|week| week.zone.as_str()).collect();
        assert_eq!(zones, ["Europe/Athens", "Nowhere", "UTC"]);
        let now: Vec<_> = weeks.iter().map(|week| week.days[0].now).collect();
        assert_eq!(now, [Some(23 * 60 + 30), None, Some(21 * 60 + 30)]);
    }
}
