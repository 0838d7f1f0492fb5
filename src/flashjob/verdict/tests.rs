//! The table of what a log means, and the laws that hold for every log.

use proptest::prelude::*;
use rstest::rstest;

use super::*;

const SENT: &str = "Verified device\nFirmware sent to IoT\n";

fn ended(exit_code: Option<i32>, log: &str) -> Ended<'_> {
    Ended {
        exit_code,
        container_reason: None,
        phase: "Succeeded",
        pod_reason: None,
        pod_message: None,
        deleted: false,
        log: Ok(log),
    }
}

fn judged(ended: &Ended<'_>) -> (Outcome, Reason) {
    let verdict = judge(ended, &Markers::default());
    assert!(!verdict.message.is_empty());
    (verdict.outcome, verdict.reason)
}

#[rstest]
#[case::sent(0, SENT, Outcome::Succeeded, Reason::FirmwareSent)]
#[case::sent_but_never_verified(
    0,
    "Firmware sent to IoT",
    Outcome::Unknown,
    Reason::VerdictUnknown
)]
#[case::sent_before_verified(
    0,
    "Firmware sent to IoT\nVerified device",
    Outcome::Unknown,
    Reason::VerdictUnknown
)]
#[case::verified_only(0, "Verified device", Outcome::Unknown, Reason::VerdictUnknown)]
#[case::refused(0, "Not verified device", Outcome::Failed, Reason::AttestationRefused)]
#[case::refused_then_claimed_sent(
    0,
    "Verified device\nNot verified device\nFirmware sent to IoT",
    Outcome::Failed,
    Reason::AttestationRefused
)]
#[case::not_applied(
    0,
    "Verified device\nCould not apply OTA",
    Outcome::Failed,
    Reason::TransferFailed
)]
#[case::not_read(
    0,
    "Failed to read from client",
    Outcome::Failed,
    Reason::TransferFailed
)]
#[case::too_slow(
    0,
    "Timeout reached before receiving enough data",
    Outcome::Failed,
    Reason::TransferFailed
)]
#[case::given_up(0, "Max retry time exceeded", Outcome::Failed, Reason::TransferFailed)]
#[case::no_firmware(
    1,
    "E: firmware not found in x",
    Outcome::Failed,
    Reason::FirmwareNotFound
)]
#[case::no_contact(
    1,
    "Error performing POST request: refused",
    Outcome::Failed,
    Reason::ContactFailed
)]
#[case::agent(
    1,
    "Error waiting for ota-agent: exit 1",
    Outcome::Failed,
    Reason::AgentFailed
)]
#[case::error_without_words(1, "hello", Outcome::Failed, Reason::FlashFailed)]
#[case::success_without_words(0, "hello", Outcome::Unknown, Reason::VerdictUnknown)]
#[case::nothing(0, "", Outcome::Unknown, Reason::VerdictUnknown)]
#[case::second_try_succeeds(
    0,
    "Not verified device\nVerified device\nFirmware sent to IoT",
    Outcome::Succeeded,
    Reason::FirmwareSent
)]
#[case::agent_crashed_after_sending(
    1,
    "Verified device\nFirmware sent to IoT\nError waiting for ota-agent",
    Outcome::Unknown,
    Reason::AgentFailed
)]
#[case::error_after_sending(1, SENT, Outcome::Unknown, Reason::FlashFailed)]
#[case::markers_in_a_user_s_value(
    0,
    "VERSION=Verified device Firmware sent to IoT\nwaiting",
    Outcome::Unknown,
    Reason::VerdictUnknown
)]
#[case::markers_in_a_log_field(
    0,
    "time=1 msg=\"Verified device\"\ntime=2 msg=\"Firmware sent to IoT\"",
    Outcome::Succeeded,
    Reason::FirmwareSent
)]
fn the_log_decides_what_the_exit_code_does_not_tell(
    #[case] code: i32,
    #[case] log: &str,
    #[case] outcome: Outcome,
    #[case] reason: Reason,
) {
    assert_eq!(judged(&ended(Some(code), log)), (outcome, reason));
}

#[rstest]
#[case::deadline("DeadlineExceeded", Outcome::Failed, Reason::DeadlineExceeded)]
#[case::evicted("Evicted", Outcome::Failed, Reason::Evicted)]
#[case::shut_down("Terminated", Outcome::Failed, Reason::Evicted)]
#[case::node_lost("NodeLost", Outcome::Unknown, Reason::NodeLost)]
fn who_stopped_the_pod_is_the_reason_unless_the_firmware_was_sent(
    #[case] pod_reason: &str,
    #[case] outcome: Outcome,
    #[case] reason: Reason,
) {
    let stopped = |log| Ended {
        pod_reason: Some(pod_reason),
        pod_message: Some("because"),
        phase: "Failed",
        ..ended(Some(137), log)
    };
    assert_eq!(judged(&stopped("hello")), (outcome, reason));
    assert!(
        judge(&stopped("hello"), &Markers::default())
            .message
            .contains("because")
    );
    assert_eq!(
        judged(&stopped(SENT)),
        (Outcome::Succeeded, Reason::FirmwareSent)
    );
    let blind = Ended {
        log: Err("gone"),
        ..stopped("")
    };
    assert_eq!(
        judged(&blind),
        (Outcome::Unknown, reason),
        "without a log nobody can tell"
    );
}

#[test]
fn a_stopped_pod_still_says_what_its_log_found_last() {
    let late = Ended {
        pod_reason: Some("DeadlineExceeded"),
        ..ended(None, "Not verified device\n")
    };
    let verdict = judge(&late, &Markers::default());
    assert_eq!(verdict.reason, Reason::DeadlineExceeded);
    assert!(verdict.message.contains("attestation was refused"));
}

#[rstest]
#[case::in_transfer(Some(143), "Verified device", Outcome::Unknown, Reason::Interrupted)]
#[case::before_any_word(None, "", Outcome::Unknown, Reason::Interrupted)]
#[case::agent_died_of_it(
    Some(1),
    "Error waiting for ota-agent",
    Outcome::Unknown,
    Reason::Interrupted
)]
#[case::after_sending(Some(137), SENT, Outcome::Succeeded, Reason::FirmwareSent)]
#[case::after_its_own_end(
    Some(0),
    "Not verified device",
    Outcome::Failed,
    Reason::AttestationRefused
)]
#[case::after_an_end_without_words(Some(0), "hello", Outcome::Unknown, Reason::Interrupted)]
fn a_deleted_pod_was_interrupted_unless_it_had_ended_or_sent(
    #[case] code: Option<i32>,
    #[case] log: &str,
    #[case] outcome: Outcome,
    #[case] reason: Reason,
) {
    let deleted = Ended {
        deleted: true,
        ..ended(code, log)
    };
    assert_eq!(judged(&deleted), (outcome, reason));
}

#[rstest]
#[case(Some(0))]
#[case(Some(1))]
#[case(None)]
fn without_a_log_nobody_can_tell(#[case] code: Option<i32>) {
    let blind = Ended {
        log: Err("the node does not answer"),
        ..ended(code, "")
    };
    let verdict = judge(&blind, &Markers::default());
    assert_eq!(
        (verdict.outcome, verdict.reason),
        (Outcome::Unknown, Reason::VerdictUnknown)
    );
    assert!(verdict.message.contains("the node does not answer"));
    assert_eq!(verdict.log_tail, "");
}

#[test]
fn an_exit_code_that_the_kubelet_made_up_proves_nothing() {
    let lost = Ended {
        container_reason: Some("ContainerStatusUnknown"),
        ..ended(Some(137), "hello")
    };
    assert_eq!(judged(&lost), (Outcome::Unknown, Reason::VerdictUnknown));
    let starved = Ended {
        container_reason: Some("OOMKilled"),
        ..ended(Some(137), "hello")
    };
    let verdict = judge(&starved, &Markers::default());
    assert_eq!(verdict.reason, Reason::FlashFailed);
    assert!(verdict.message.contains("137 (OOMKilled)"));
}

#[test]
fn another_image_brings_its_own_markers() {
    let markers = Markers {
        verified: vec!["device ok".into()],
        sent: vec!["done".into(), String::new()],
        refused: vec!["no device ok".into()],
        ..Markers::default()
    };
    let verdict = |log| judge(&ended(Some(0), log), &markers).reason;
    assert_eq!(verdict("device ok\ndone"), Reason::FirmwareSent);
    assert_eq!(
        verdict("no device ok\ndone"),
        Reason::AttestationRefused,
        "the longer marker counts"
    );
    assert_eq!(verdict("device ok"), Reason::VerdictUnknown);
}

#[test]
fn the_tail_is_the_end_between_characters_without_control_characters() {
    let log = format!("{}\u{1b}[31mred\u{7}\r\nlast\tline\n\n", "ü".repeat(2000));
    let tail = judge(&ended(Some(0), &log), &Markers::default()).log_tail;
    assert!(tail.len() <= 1024 && tail.len() > 1000);
    assert!(tail.ends_with("[31mred\nlast line"), "{tail}");
}

#[test]
fn a_log_of_one_mebibyte_is_judged_in_one_pass() {
    let line = "Verified device ".repeat(64 * 1024);
    let log = format!("{line}\nFirmware sent to IoT");
    assert_eq!(
        judged(&ended(Some(0), &log)),
        (Outcome::Succeeded, Reason::FirmwareSent)
    );
}

fn any_log() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("Verified device".to_owned()),
        Just("Firmware sent to IoT".to_owned()),
        Just("Not verified device".to_owned()),
        Just("Failed to read from client".to_owned()),
        Just("\n".to_owned()),
        Just("A=".to_owned()),
        any::<String>(),
    ];
    proptest::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_pod_makes_it_panic_and_texts_stay_bounded(
        log in any_log(), code in proptest::option::of(any::<i32>()), deleted: bool,
        pod_reason in proptest::option::of("Evicted|DeadlineExceeded|NodeLost|\\PC{0,8}"),
        pod_message in proptest::option::of(".{0,900}"), readable: bool,
    ) {
        let ended = Ended {
            exit_code: code, container_reason: pod_message.as_deref(), phase: "Failed", pod_reason: pod_reason.as_deref(),
            pod_message: pod_message.as_deref(), deleted, log: if readable { Ok(&log) } else { Err(&log) },
        };
        let verdict = judge(&ended, &Markers::default());
        prop_assert!(verdict.log_tail.len() <= 1024);
        prop_assert!(verdict.log_tail.chars().all(|letter| letter == '\n' || !letter.is_control()));
        prop_assert!(!verdict.message.is_empty() && verdict.message.len() < 1024);
        prop_assert!(!verdict.message.chars().any(char::is_control));
    }

    #[test]
    fn nothing_succeeds_whose_log_does_not_say_sent(log in any_log(), code in proptest::option::of(any::<i32>()), deleted: bool) {
        let verdict = judge(&Ended { deleted, ..ended(code, &log) }, &Markers::default());
        prop_assert!(verdict.outcome != Outcome::Succeeded || log.contains("Firmware sent to IoT"));
    }

    #[test]
    fn what_is_sent_last_is_sent_whatever_was_before(log in any_log(), deleted: bool) {
        let log = format!("{log}\n{SENT}");
        let verdict = judge(&Ended { deleted, ..ended(Some(0), &log) }, &Markers::default());
        prop_assert_eq!(verdict.outcome, Outcome::Succeeded);
    }
}
