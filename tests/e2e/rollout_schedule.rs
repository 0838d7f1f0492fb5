//! When a rollout may start devices: notBefore, notAfter, windows.

use jiff::{SignedDuration, Timestamp, ToSpan, Unit, Zoned, tz::TimeZone};
use serde_json::json;

use testbed::{
    Space,
    job::{Seen, job},
};

fn is_failed(job: &Seen, reason: &str) -> bool {
    let conditions = job.0["status"]["conditions"].as_array();
    let mut conditions = conditions.into_iter().flatten();
    conditions.any(|known| {
        known["type"] == "Failed" && known["status"] == "True" && known["reason"] == reason
    })
}

/// A time of day in Athens that begins in so many minutes from the current one.
fn in_athens(minutes: i64) -> (Timestamp, String) {
    let zone = TimeZone::get("Europe/Athens").unwrap();
    let now = Zoned::now().with_time_zone(zone);
    let begins = now
        .round(
            jiff::ZonedRound::new()
                .smallest(Unit::Minute)
                .mode(jiff::RoundMode::Trunc),
        )
        .unwrap();
    let begins = begins.checked_add(minutes.minutes()).unwrap();
    (begins.timestamp(), begins.strftime("%H:%M").to_string())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_device_starts_before_its_time_nor_outside_a_window() {
    let space = Space::new("rollout-windows").await;
    let fleet = space.healthy(2, 0.5).await;
    let _operator = space.operator(&[]);
    let not_before = Timestamp::now()
        .checked_add(SignedDuration::from_secs(15))
        .unwrap();
    let (opens, start) = in_athens(2);
    let window = json!([{"start": start, "durationSeconds": 3600, "timeZone": "Europe/Athens"}]);
    let more = json!({"notBefore": not_before.to_string(), "windows": window, "activeDeadlineSecondsPerDevice": 60});
    space.apply(&job("timed", &fleet.uuids(), &more).to_string());
    let early = space.waits_for("timed", "NotBefore").await;
    let next: Timestamp = early.0["status"]["nextTime"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!(next <= not_before, "{next} is when the next thing happens");
    let closed = space.waits_for("timed", "WindowClosed").await;
    let message = closed.0["status"]["message"].as_str().unwrap();
    assert!(
        message.contains(&opens.to_string()),
        "{message} names {opens}"
    );
    assert!(fleet.journal().is_empty());
    let done = space.finished("timed", 240).await;
    assert!(done.is("Complete"), "{:#}", done.0["status"]);
    let journal = fleet.journal();
    assert!(
        journal.iter().all(|flash| flash.start >= opens),
        "{opens}: {journal:#?}"
    );
    space.assert_flashed(&fleet, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_window_shorter_than_a_device_may_take_is_refused_until_it_is_wide_enough() {
    let space = Space::new("rollout-short").await;
    let fleet = space.healthy(1, 0.5).await;
    let _operator = space.operator(&[]);
    let (_, start) = in_athens(-1);
    let window = |duration: i64| json!([{"start": start, "durationSeconds": duration, "timeZone": "Europe/Athens"}]);
    space.apply(&job("short", &fleet.uuids(), &json!({"windows": window(599)})).to_string());
    let refused = space.waits_for("short", "WindowTooShort").await;
    assert!(
        refused.is("Stalled") && !refused.is("Finished"),
        "{:#}",
        refused.0["status"]
    );
    let message = refused.0["status"]["message"].as_str().unwrap();
    assert!(
        message.starts_with("spec.windows[0]: it is open for 599 s, a device may take 600 s"),
        "{message}"
    );
    assert!(fleet.journal().is_empty());
    space.patch_spec("short", &json!({"windows": window(7200)}));
    assert!(space.finished("short", 120).await.is("Complete"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_whose_time_has_passed_ends_what_is_in_flight_and_fails_until_it_is_given_more() {
    let space = Space::new("rollout-expired").await;
    let fleet = space.healthy(4, 12.0).await;
    let _operator = space.operator(&[]);
    // The first one starts at once; by the time that it has ended, no other could end in time.
    let not_after = Timestamp::now()
        .checked_add(SignedDuration::from_secs(72))
        .unwrap();
    let more = json!({"notAfter": not_after.to_string(), "activeDeadlineSecondsPerDevice": 60, "parallelism": 1});
    space.apply(&job("late", &fleet.uuids(), &more).to_string());
    let failed = space.finished("late", 180).await;
    assert!(is_failed(&failed, "Expired"), "{:#}", failed.0["status"]);
    let begun = fleet.journal();
    assert!(begun.len() < 4, "{begun:#?}");
    let deadline = SignedDuration::from_secs(60);
    let latest = not_after.checked_sub(deadline).unwrap();
    // Between the Pod and the start of its flash there is a moment.
    let moment = SignedDuration::from_secs(5);
    assert!(
        begun
            .iter()
            .all(|flash| flash.start <= latest.checked_add(moment).unwrap()),
        "{latest}: {begun:#?}"
    );
    let undone = 4 - i64::try_from(begun.len()).unwrap();
    assert_eq!(
        (failed.count("pending"), failed.count("failed")),
        (undone, 0)
    );
    space.patch_spec("late", &json!({"notAfter": null, "parallelism": 4}));
    let done = space.finished("late", 180).await;
    assert!(done.is("Complete"), "{:#}", done.0["status"]);
    space.assert_flashed(&fleet, 1);
}
