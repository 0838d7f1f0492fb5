use rstest::rstest;
use serde_json::json;

use super::*;
use crate::flashjob::fixtures::{at, endpoint, instance_with};

const ENDED: i64 = 1_000;
const UNTIL: i64 = 1_300;

fn flashed(from: Option<&'static str>, expected: Option<&'static str>) -> Flashed<'static> {
    Flashed {
        from,
        device_type: Some("esp32s3"),
        ended: at(ENDED),
        expected,
        until: at(UNTIL),
    }
}

/// A device that was discovered at this second.
fn device(created: i64, device_type: &str, version: &str) -> Device {
    let properties =
        json!({"HOST_ENDPOINT": endpoint(0), "DEVICE": device_type, "VERSION": version});
    let mut device = Device::parse(&instance_with("some-uid", &properties)).unwrap();
    device.created = Some(at(created));
    device
}

fn read(flashed: &Flashed<'_>, device: Option<&Device>, second: i64) -> ReadBack {
    let shown = device.map(|device| Shown {
        device,
        found: device.created,
        of_another: false,
    });
    read_back(flashed, shown, at(second))
}

const BEFORE: i64 = 900;
const AFTER: i64 = 1_010;

#[rstest]
#[case::back_with_the_new_version(AFTER, "0.2.0", Some("0.2.0"))]
#[case::back_in_the_very_second(ENDED, "0.2.0", Some("0.2.0"))]
#[case::the_version_changed_in_the_instance_of_before(BEFORE, "0.2.0", Some("0.2.0"))]
#[case::not_gone_yet(BEFORE, "0.1.0", None)]
#[case::back_with_a_version_that_may_lag(AFTER, "0.1.0", None)]
#[case::back_with_some_other_version(AFTER, "9.9.9", None)]
#[case::back_without_a_version_yet(AFTER, "", None)]
fn the_expected_version_is_believed_at_once_and_anything_else_is_waited_out(
    #[case] created: i64,
    #[case] version: &str,
    #[case] verified: Option<&str>,
) {
    let device = device(created, "esp32s3", version);
    let found = read(
        &flashed(Some("0.1.0"), Some("0.2.0")),
        Some(&device),
        UNTIL - 1,
    );
    let expected = verified.map_or(ReadBack::Awaited, |version| {
        ReadBack::Expected(version.into())
    });
    assert_eq!(found, expected);
}

#[rstest]
#[case::the_lag_ended_in_the_last_moment(AFTER, "0.2.0", "Expected")]
#[case::rolled_back(AFTER, "0.1.0", "Other")]
#[case::some_other_version(BEFORE, "9.9.9", "Other")]
#[case::never_gone(BEFORE, "0.1.0", "NotSeen")]
#[case::no_version(AFTER, " ", "NotSeen")]
fn when_the_time_is_over_what_is_shown_decides(
    #[case] created: i64,
    #[case] version: &str,
    #[case] expected: &str,
) {
    let device = device(created, "esp32s3", version);
    let found = read(&flashed(Some("0.1.0"), Some("0.2.0")), Some(&device), UNTIL);
    assert!(format!("{found:?}").starts_with(expected), "{found:?}");
}

#[test]
fn a_device_that_has_the_expected_version_before_must_be_found_anew() {
    let flashed = flashed(Some("0.2.0"), Some("0.2.0"));
    let same = device(BEFORE, "esp32s3", "0.2.0");
    assert_eq!(read(&flashed, Some(&same), UNTIL - 1), ReadBack::Awaited);
    let anew = device(AFTER, "esp32s3", "0.2.0");
    assert_eq!(
        read(&flashed, Some(&anew), AFTER),
        ReadBack::Expected("0.2.0".into())
    );
}

#[test]
fn where_no_version_was_known_before_an_instance_of_before_proves_nothing() {
    let flashed = flashed(None, Some("0.2.0"));
    let same = device(BEFORE, "esp32s3", "0.2.0");
    assert_eq!(read(&flashed, Some(&same), UNTIL - 1), ReadBack::Awaited);
}

#[test]
fn a_device_of_another_type_or_known_elsewhere_is_another_device() {
    let flashed = flashed(Some("0.1.0"), Some("0.2.0"));
    let other = device(AFTER, "pi4", "0.2.0");
    assert_eq!(read(&flashed, Some(&other), AFTER), ReadBack::Awaited);
    assert!(matches!(
        read(&flashed, Some(&other), UNTIL),
        ReadBack::NotSeen(_)
    ));
    let swapped = device(AFTER, "esp32s3", "0.2.0");
    let shown = Shown {
        device: &swapped,
        found: swapped.created,
        of_another: true,
    };
    assert_eq!(
        read_back(&flashed, Some(shown), at(AFTER)),
        ReadBack::Awaited
    );
    assert!(matches!(
        read_back(&flashed, Some(shown), at(UNTIL)),
        ReadBack::NotSeen(_)
    ));
}

#[test]
fn a_device_that_is_gone_is_not_seen_when_the_time_is_over() {
    let flashed = flashed(Some("0.1.0"), Some("0.2.0"));
    assert_eq!(read(&flashed, None, UNTIL - 1), ReadBack::Awaited);
    assert!(matches!(read(&flashed, None, UNTIL), ReadBack::NotSeen(_)));
}

fn concluded(
    mode: VerificationMode,
    transfer: Transfer,
    read: ReadBack,
) -> (Outcome, Reason, bool) {
    let flashed = flashed(Some("0.1.0"), Some("0.2.0"));
    let conclusion = conclude(mode, transfer, &flashed, read).unwrap();
    (conclusion.outcome, conclusion.reason, conclusion.untouched)
}

const OBSERVE: VerificationMode = VerificationMode::Observe;
const VERSION: VerificationMode = VerificationMode::Version;

#[rstest]
#[case::verified(OBSERVE, "0.2.0", Outcome::Succeeded, Reason::Verified)]
#[case::verified_strictly(VERSION, "0.2.0", Outcome::Succeeded, Reason::Verified)]
#[case::mismatch(OBSERVE, "0.1.0", Outcome::Succeeded, Reason::VersionMismatch)]
#[case::mismatch_strictly(VERSION, "0.1.0", Outcome::Failed, Reason::VersionMismatch)]
#[case::not_seen(OBSERVE, "", Outcome::Succeeded, Reason::NotSeen)]
#[case::not_seen_strictly(VERSION, "", Outcome::Failed, Reason::NotSeen)]
fn only_the_mode_version_fails_a_device_whose_firmware_was_sent(
    #[case] mode: VerificationMode,
    #[case] version: &str,
    #[case] outcome: Outcome,
    #[case] reason: Reason,
) {
    let found = concluded(mode, Transfer::Sent, read_of(version));
    assert_eq!(found, (outcome, reason, false));
}

fn read_of(version: &str) -> ReadBack {
    match version {
        "" => ReadBack::NotSeen("gone".into()),
        "0.2.0" => ReadBack::Expected(version.into()),
        other => ReadBack::Other(other.into()),
    }
}

#[rstest]
#[case::the_new_version_proves_the_flash("0.2.0", Outcome::Succeeded, Reason::Verified, false)]
#[case::as_before_it_may_be_tried_again("0.1.0", Outcome::Unknown, Reason::Interrupted, true)]
#[case::some_other_version_is_for_people("9.9.9", Outcome::Unknown, Reason::Interrupted, false)]
#[case::nothing_heard("", Outcome::Unknown, Reason::Interrupted, false)]
fn the_read_back_decides_about_a_transfer_that_nobody_could_judge(
    #[case] version: &str,
    #[case] outcome: Outcome,
    #[case] reason: Reason,
    #[case] untouched: bool,
) {
    for mode in [OBSERVE, VERSION] {
        let transfer = Transfer::Unknown(Reason::Interrupted);
        assert_eq!(
            concluded(mode, transfer, read_of(version)),
            (outcome, reason, untouched)
        );
    }
}

#[test]
fn a_device_that_had_the_expected_version_before_proves_nothing_about_an_unknown_transfer() {
    let flashed = flashed(Some("0.2.0"), Some("0.2.0"));
    let transfer = Transfer::Unknown(Reason::VerdictUnknown);
    let read = ReadBack::Expected("0.2.0".into());
    let conclusion = conclude(OBSERVE, transfer, &flashed, read).unwrap();
    assert_eq!(
        (conclusion.outcome, conclusion.reason, conclusion.untouched),
        (Outcome::Unknown, Reason::VerdictUnknown, true)
    );
}

#[rstest]
#[case::as_expected(VERSION, "0.2.0", "the device came back with version 0.2.0")]
#[case::otherwise(
    OBSERVE,
    "0.1.0",
    "the device came back with version 0.1.0 instead of 0.2.0"
)]
#[case::otherwise_strictly(
    VERSION,
    "0.1.0",
    "the device came back with version 0.1.0 instead of 0.2.0; look at the device before flashing it again"
)]
#[case::not_at_all(OBSERVE, "", "nothing was heard of the device since its flash: gone")]
fn what_is_said_of_a_read_back_names_the_version_that_came_back(
    #[case] mode: VerificationMode,
    #[case] version: &str,
    #[case] message: &str,
) {
    let flashed = flashed(Some("0.1.0"), Some("0.2.0"));
    let conclusion = conclude(mode, Transfer::Sent, &flashed, read_of(version)).unwrap();
    assert_eq!(conclusion.message, message);
    let came = Some(version.to_owned()).filter(|version| !version.is_empty());
    assert_eq!(conclusion.version, came);
}
