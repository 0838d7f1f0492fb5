//! When devices may be started: windows of the week in their time zones. Pure; called by `pace` and `job`.
//!
//! A device may start while every list of windows is open and stays open for as long as the device may take: a window is the
//! time in which devices are flashed, not only begun. Windows of one list that touch are one. Where clocks skip the hour in
//! which a window opens, it opens as much later as they skip; where they repeat it, it opens the first time. It stays open
//! for its duration in real time.

use jiff::{
    SignedDuration, Timestamp, ToSpan,
    civil::{Date, Time, Weekday},
    tz::TimeZone,
};

use crate::api::{Day, Window};

/// Longest window: the schema's limit.
const LONGEST_SECONDS: i64 = 604_800;
/// How far ahead an opening is looked for. Windows repeat every week; the changes of a clock can hide one for a week or two.
const AHEAD_DAYS: i64 = 28;
const DAY_SECONDS: i64 = 86_400;

/// Whether a device may start now, as far as windows are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// There is no window.
    Always,
    /// It may start until then.
    Open {
        /// The last moment at which a device can start and end in time.
        last_start: Timestamp,
    },
    /// It may start then.
    Closed {
        /// When the next window opens.
        opens: Timestamp,
    },
    /// No window is ever open for long enough.
    Never,
}

/// When all of these lists are open for as long as a device may take. A list without windows is always open.
///
/// # Errors
/// Where a window's time or time zone cannot be read: field below the list, and why.
pub fn opening(
    lists: &[&[Window]],
    needed_seconds: i64,
    now: Timestamp,
) -> Result<Opening, String> {
    let mut common: Option<Vec<Span>> = None;
    for list in lists.iter().filter(|list| !list.is_empty()) {
        let spans = spans(list, now)?;
        common = Some(match common {
            None => spans,
            Some(others) => intersection(&others, &spans),
        });
    }
    let Some(spans) = common else {
        return Ok(Opening::Always);
    };
    let needed = SignedDuration::from_secs(needed_seconds);
    let mut fitting = spans
        .iter()
        .filter_map(|span| Some((span.from, span.until.checked_sub(needed).ok()?)))
        .filter(|(from, last_start)| from <= last_start && now <= *last_start);
    Ok(match fitting.next() {
        Some((from, last_start)) if from <= now => Opening::Open { last_start },
        Some((from, _)) => Opening::Closed { opens: from },
        None => Opening::Never,
    })
}

/// Checks that windows can be read.
///
/// # Errors
/// The first that cannot, by its field below the list, and why.
pub fn check(windows: &[Window]) -> Result<(), String> {
    windows
        .iter()
        .enumerate()
        .try_for_each(|(index, window)| parse(index, window).map(|_| ()))
}

/// The first window that is shorter than a device may take: its index and what to do.
#[must_use]
pub fn too_short(windows: &[Window], needed_seconds: i64) -> Option<(usize, String)> {
    windows
        .iter()
        .position(|window| window.duration_seconds < needed_seconds)
        .map(|index| {
            let seconds = windows[index].duration_seconds;
            (
                index,
                format!("it is open for {seconds} s, a device may take {needed_seconds} s"),
            )
        })
}

/// A time in which a list is open, from its first moment to before its last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Span {
    from: Timestamp,
    until: Timestamp,
}

/// When a list is open, in order and apart from each other, around now.
fn spans(windows: &[Window], now: Timestamp) -> Result<Vec<Span>, String> {
    let mut spans = Vec::new();
    for (index, window) in windows.iter().enumerate() {
        let (start, zone) = parse(index, window)?;
        spans.extend(openings(window, start, &zone, now));
    }
    spans.sort_unstable();
    let mut merged: Vec<Span> = Vec::with_capacity(spans.len());
    for span in spans {
        match merged.last_mut().filter(|last| span.from <= last.until) {
            Some(last) => last.until = last.until.max(span.until),
            None => merged.push(span),
        }
    }
    Ok(merged)
}

fn parse(index: usize, window: &Window) -> Result<(Time, TimeZone), String> {
    let start = Time::strptime("%H:%M", &window.start).map_err(|_| {
        format!(
            "[{index}].start: {:?} is not a time of day such as 22:00",
            window.start
        )
    })?;
    let name = window.time_zone.as_deref().unwrap_or("UTC");
    let zone = TimeZone::get(name).map_err(|_| {
        format!("[{index}].timeZone: {name:?} is not in the IANA database; use a name such as Europe/Athens")
    })?;
    Ok((start, zone))
}

fn openings(window: &Window, start: Time, zone: &TimeZone, now: Timestamp) -> Vec<Span> {
    let today = now.to_zoned(zone.clone()).date();
    let back = LONGEST_SECONDS / DAY_SECONDS + 1;
    let days = (-back..=AHEAD_DAYS).filter_map(|days| today.checked_add(days.days()).ok());
    let duration = SignedDuration::from_secs(window.duration_seconds.clamp(0, LONGEST_SECONDS));
    days.filter(|date| opens_on(window, *date))
        .filter_map(|date| {
            // jiff's "compatible" rule, that of RFC 5545: a skipped time is as much later, of a repeated one it is the first.
            let from = date
                .to_datetime(start)
                .to_zoned(zone.clone())
                .ok()?
                .timestamp();
            let until = from.checked_add(duration).ok()?;
            Some(Span { from, until })
        })
        .collect()
}

fn opens_on(window: &Window, date: Date) -> bool {
    window.days.is_empty()
        || window
            .days
            .iter()
            .any(|day| weekday(*day) == date.weekday())
}

const fn weekday(day: Day) -> Weekday {
    match day {
        Day::Mon => Weekday::Monday,
        Day::Tue => Weekday::Tuesday,
        Day::Wed => Weekday::Wednesday,
        Day::Thu => Weekday::Thursday,
        Day::Fri => Weekday::Friday,
        Day::Sat => Weekday::Saturday,
        Day::Sun => Weekday::Sunday,
    }
}

/// Times at which both are open.
fn intersection(a: &[Span], b: &[Span]) -> Vec<Span> {
    let mut common = Vec::new();
    let (mut i, mut j) = (0, 0);
    while let (Some(one), Some(other)) = (a.get(i), b.get(j)) {
        let from = one.from.max(other.from);
        let until = one.until.min(other.until);
        if from < until {
            common.push(Span { from, until });
        }
        if one.until < other.until {
            i += 1;
        } else {
            j += 1;
        }
    }
    common
}

#[cfg(test)]
#[path = "windows_tests.rs"]
mod tests;
