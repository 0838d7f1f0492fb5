use rstest::rstest;

use super::*;

const MINUTE: i64 = 60;
const HOUR: i64 = 3_600;

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn window(days: &[Day], start: &str, duration_seconds: i64, zone: Option<&str>) -> Window {
    Window {
        days: days.to_vec(),
        start: start.into(),
        duration_seconds,
        time_zone: zone.map(Into::into),
    }
}

fn open_until(text: &str) -> Opening {
    Opening::Open {
        last_start: time(text),
    }
}

fn closed_until(text: &str) -> Opening {
    Opening::Closed { opens: time(text) }
}

#[rstest]
#[case::before_it_opens("2026-11-21T21:59:59Z", closed_until("2026-11-21T22:00:00Z"))]
#[case::when_it_opens("2026-11-21T22:00:00Z", open_until("2026-11-22T01:50:00Z"))]
#[case::past_midnight("2026-11-22T01:00:00Z", open_until("2026-11-22T01:50:00Z"))]
#[case::the_last_moment("2026-11-22T01:50:00Z", open_until("2026-11-22T01:50:00Z"))]
#[case::too_late_to_end_in_it("2026-11-22T01:50:01Z", closed_until("2026-11-22T22:00:00Z"))]
fn a_device_starts_where_it_can_end_before_the_window_closes(
    #[case] now: &str,
    #[case] is: Opening,
) {
    let nightly = [window(&[], "22:00", 4 * HOUR, None)];
    assert_eq!(opening(&[&nightly], 600, time(now)), Ok(is));
}

#[rstest]
#[case::no_list(&[])]
#[case::a_list_without_windows(&[&[] as &[Window]])]
fn without_windows_it_is_always_open(#[case] lists: &[&[Window]]) {
    assert_eq!(
        opening(lists, 600, time("2026-11-21T00:00:00Z")),
        Ok(Opening::Always)
    );
}

#[rstest]
#[case::on_another_day("2026-11-21T12:00:00Z", closed_until("2026-11-23T10:00:00Z"))]
#[case::on_its_day("2026-11-23T10:30:00Z", open_until("2026-11-23T10:50:00Z"))]
#[case::over_until_next_week("2026-11-23T11:00:00Z", closed_until("2026-11-30T10:00:00Z"))]
fn a_window_opens_on_its_days(#[case] now: &str, #[case] is: Opening) {
    // The 23rd of November 2026 is a Monday.
    let weekly = [window(&[Day::Mon], "10:00", HOUR, None)];
    assert_eq!(opening(&[&weekly], 600, time(now)), Ok(is));
}

#[test]
fn days_and_times_are_those_of_the_time_zone() {
    let athens = [window(&[Day::Mon], "00:30", HOUR, Some("Europe/Athens"))];
    let sunday_in_utc = time("2026-11-22T22:29:59Z");
    assert_eq!(
        opening(&[&athens], 0, sunday_in_utc),
        Ok(closed_until("2026-11-22T22:30:00Z"))
    );
    // In summer Athens is three hours ahead.
    assert_eq!(
        opening(&[&athens], 0, time("2026-07-05T12:00:00Z")),
        Ok(closed_until("2026-07-05T21:30:00Z"))
    );
}

#[test]
fn windows_that_touch_are_one() {
    let list = [
        window(&[], "10:00", HOUR, None),
        window(&[], "11:00", HOUR, None),
        window(&[], "11:30", HOUR, None),
    ];
    let now = time("2026-11-21T10:00:00Z");
    assert_eq!(
        opening(&[&list], 2 * HOUR, now),
        Ok(open_until("2026-11-21T10:30:00Z"))
    );
}

#[test]
fn a_week_long_window_is_open_on_its_last_day() {
    let list = [window(&[Day::Mon], "00:00", LONGEST_SECONDS, None)];
    let Ok(Opening::Open { .. }) = opening(&[&list], 600, time("2026-11-22T23:59:00Z")) else {
        panic!("a window that is always open has no gap");
    };
}

#[rstest]
#[case::only_the_job_s("2026-11-21T08:30:00Z", closed_until("2026-11-21T10:00:00Z"))]
#[case::both("2026-11-21T10:15:00Z", open_until("2026-11-21T10:50:00Z"))]
#[case::only_the_class_s("2026-11-21T11:30:00Z", closed_until("2026-11-22T10:00:00Z"))]
fn the_windows_of_job_and_class_must_both_be_open(#[case] now: &str, #[case] is: Opening) {
    let job = [window(&[], "08:00", 3 * HOUR, None)];
    let class = [window(&[], "10:00", 3 * HOUR, None)];
    assert_eq!(opening(&[&job, &class], 600, time(now)), Ok(is));
    assert_eq!(opening(&[&class, &[], &job], 600, time(now)), Ok(is));
}

#[rstest]
#[case::they_never_meet("08:00", HOUR, "10:00", HOUR)]
#[case::they_meet_for_too_short_a_time("08:00", HOUR, "08:55", HOUR)]
fn windows_that_are_never_open_together_for_long_enough(
    #[case] job: &str,
    #[case] job_seconds: i64,
    #[case] class: &str,
    #[case] class_seconds: i64,
) {
    let job = [window(&[], job, job_seconds, None)];
    let class = [window(&[], class, class_seconds, None)];
    let now = time("2026-11-21T08:56:00Z");
    assert_eq!(opening(&[&job, &class], 600, now), Ok(Opening::Never));
}

/// On the 29th of March 2026 clocks in Athens go from 03:00 to 04:00; 03:00 is 01:00 UTC.
#[rstest]
#[case::a_window_in_the_skipped_hour_opens_as_much_later(
    "03:30",
    HOUR,
    "2026-03-29T00:00:00Z",
    closed_until("2026-03-29T01:30:00Z")
)]
#[case::it_stays_open_for_its_duration(
    "03:30",
    HOUR,
    "2026-03-29T02:00:00Z",
    open_until("2026-03-29T02:30:00Z")
)]
#[case::the_day_before_it_opens_as_ever(
    "03:30",
    HOUR,
    "2026-03-28T00:00:00Z",
    closed_until("2026-03-28T01:30:00Z")
)]
#[case::the_day_after_it_opens_by_the_new_clock(
    "03:30",
    HOUR,
    "2026-03-29T03:00:00Z",
    closed_until("2026-03-30T00:30:00Z")
)]
#[case::a_window_across_the_skipped_hour_lasts_as_long_in_real_time(
    "02:00", 3 * HOUR, "2026-03-29T02:59:00Z", open_until("2026-03-29T03:00:00Z")
)]
fn the_skipped_hour(
    #[case] start: &str,
    #[case] seconds: i64,
    #[case] now: &str,
    #[case] is: Opening,
) {
    let list = [window(&[], start, seconds, Some("Europe/Athens"))];
    assert_eq!(opening(&[&list], 0, time(now)), Ok(is));
}

/// On the 25th of October 2026 clocks in Athens go from 04:00 back to 03:00: 03:30 is at 00:30 and again at 01:30 UTC.
#[rstest]
#[case::a_window_in_the_doubled_hour_opens_the_first_time(
    "03:30", 30 * MINUTE, "2026-10-25T00:00:00Z", closed_until("2026-10-25T00:30:00Z")
)]
#[case::and_not_a_second_time(
    "03:30", 30 * MINUTE, "2026-10-25T01:30:00Z", closed_until("2026-10-26T01:30:00Z")
)]
#[case::a_window_across_the_doubled_hour_lasts_as_long_in_real_time(
    "02:00", 3 * HOUR, "2026-10-24T23:00:00Z", open_until("2026-10-25T02:00:00Z")
)]
fn the_doubled_hour(
    #[case] start: &str,
    #[case] seconds: i64,
    #[case] now: &str,
    #[case] is: Opening,
) {
    let list = [window(&[], start, seconds, Some("Europe/Athens"))];
    assert_eq!(opening(&[&list], 0, time(now)), Ok(is));
}

#[test]
fn a_window_that_is_skipped_once_is_looked_for_in_later_weeks() {
    // Samoa left out the 30th of December 2011, a Friday.
    let list = [window(&[Day::Fri], "10:00", HOUR, Some("Pacific/Apia"))];
    let Ok(Opening::Closed { opens }) = opening(&[&list], 0, time("2011-12-29T00:00:00Z")) else {
        panic!("it opens again");
    };
    assert!(opens < time("2012-01-07T00:00:00Z"), "{opens}");
}

#[rstest]
#[case::a_time(window(&[], "24:00", HOUR, None), "[1].start: \"24:00\"")]
#[case::no_time(window(&[], "", HOUR, None), "[1].start: \"\"")]
#[case::a_zone(window(&[], "10:00", HOUR, Some("Europe/Atlantis")), "[1].timeZone: \"Europe/Atlantis\"")]
fn a_window_that_cannot_be_read_is_named(#[case] bad: Window, #[case] says: &str) {
    let list = [window(&[], "10:00", HOUR, None), bad];
    let error = check(&list).unwrap_err();
    assert!(error.starts_with(says), "{error}");
    assert_eq!(opening(&[&list], 0, Timestamp::UNIX_EPOCH), Err(error));
}

#[test]
fn a_window_shorter_than_a_device_may_take_is_named() {
    let list = [
        window(&[], "10:00", HOUR, None),
        window(&[], "12:00", 599, None),
    ];
    assert_eq!(too_short(&list, 599), None);
    let (index, text) = too_short(&list, 600).unwrap();
    assert_eq!(
        (index, text.as_str()),
        (1, "it is open for 599 s, a device may take 600 s")
    );
}

#[test]
fn a_window_that_opened_eight_dates_ago_is_still_open_where_a_date_was_left_out() {
    // In Samoa the 31st of December 2011 followed the 29th: what opened on the 23rd lasts a week.
    let seconds = LONGEST_SECONDS - 10 * MINUTE;
    let list = [window(&[Day::Fri], "10:00", seconds, Some("Pacific/Apia"))];
    assert_eq!(
        opening(&[&list], 0, time("2011-12-30T19:00:00Z")),
        Ok(open_until("2011-12-30T19:50:00Z"))
    );
}

#[test]
fn windows_of_job_and_class_that_only_touch_are_never_open_together() {
    let job = [window(&[], "08:00", HOUR, None)];
    let class = [window(&[], "09:00", HOUR, None)];
    let now = time("2026-11-21T08:30:00Z");
    assert_eq!(opening(&[&job, &class], 0, now), Ok(Opening::Never));
    assert_eq!(opening(&[&class, &job], 0, now), Ok(Opening::Never));
}
