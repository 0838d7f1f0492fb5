//! The table of what a log means, and the laws that hold for every log.

mod words;

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
        in_time: None,
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
#[case::sent_behind_a_value(
    0,
    "A=x\nFirmware sent to IoT",
    Outcome::Unknown,
    Reason::VerdictUnknown
)]
#[case::more_than_the_markers_on_their_lines(
    0,
    "x Verified device\nx Firmware sent to IoT",
    Outcome::Unknown,
    Reason::VerdictUnknown
)]
#[case::both_on_one_line(
    0,
    "Verified device Firmware sent to IoT",
    Outcome::Unknown,
    Reason::VerdictUnknown
)]
#[case::a_failure_quotes_others(
    1,
    "Error performing POST request: Max retry time exceeded",
    Outcome::Failed,
    Reason::ContactFailed
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
#[case::preempting("Preempting", Outcome::Failed, Reason::Evicted)]
#[case::shut_down("Terminated", Outcome::Failed, Reason::Evicted)]
#[case::node_lost("NodeLost", Outcome::Unknown, Reason::NodeLost)]
fn who_stopped_the_pod_is_the_reason_and_no_log_makes_it_success(
    #[case] pod_reason: &str,
    #[case] outcome: Outcome,
    #[case] reason: Reason,
    #[values(Some(137), Some(143), Some(0), None)] code: Option<i32>,
) {
    let stopped = |log| Ended {
        pod_reason: Some(pod_reason),
        pod_message: Some("because"),
        phase: "Failed",
        ..ended(code, log)
    };
    assert_eq!(judged(&stopped("hello")), (outcome, reason));
    let verdict = judge(&stopped("hello"), &Markers::default());
    assert!(verdict.message.contains(": because"), "{verdict:?}");
    let verdict = judge(&stopped(SENT), &Markers::default());
    assert_eq!(
        (verdict.outcome, verdict.reason),
        (Outcome::Unknown, reason)
    );
    let said = verdict.message.contains("last word: the firmware was sent");
    assert_eq!(said, reason != Reason::NodeLost, "{verdict:?}");
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

#[rstest]
#[case::before_the_deadline_of_its_sidecar(
    "Failed",
    Some("DeadlineExceeded"),
    Some(true),
    Outcome::Succeeded,
    Reason::FirmwareSent
)]
#[case::by_the_deadline(
    "Failed",
    Some("DeadlineExceeded"),
    Some(false),
    Outcome::Unknown,
    Reason::DeadlineExceeded
)]
#[case::nobody_knows_when(
    "Failed",
    Some("DeadlineExceeded"),
    None,
    Outcome::Unknown,
    Reason::DeadlineExceeded
)]
#[case::beside_a_sidecar("Running", None, Some(true), Outcome::Succeeded, Reason::FirmwareSent)]
#[case::beside_a_sidecar_without_times(
    "Running",
    None,
    None,
    Outcome::Succeeded,
    Reason::FirmwareSent
)]
#[case::late_beside_a_sidecar(
    "Running",
    None,
    Some(false),
    Outcome::Unknown,
    Reason::DeadlineExceeded
)]
#[case::late_but_not_stopped(
    "Succeeded",
    None,
    Some(false),
    Outcome::Succeeded,
    Reason::FirmwareSent
)]
#[case::for_a_reason_that_is_not_known(
    "Failed",
    Some("Odd"),
    Some(true),
    Outcome::Unknown,
    Reason::FlashFailed
)]
fn the_flash_container_s_own_end_decides(
    #[case] phase: &str,
    #[case] pod_reason: Option<&str>,
    #[case] in_time: Option<bool>,
    #[case] outcome: Outcome,
    #[case] reason: Reason,
) {
    let end = Ended {
        phase,
        pod_reason,
        in_time,
        ..ended(Some(0), SENT)
    };
    assert_eq!(judged(&end), (outcome, reason));
}

#[rstest]
#[case::the_pod_said_nothing_yet("Running", Reason::DeadlineExceeded)]
#[case::the_pod_said_all("Failed", Reason::FlashFailed)]
fn a_container_that_failed_after_its_deadline_was_stopped_by_it(
    #[case] phase: &str,
    #[case] reason: Reason,
) {
    let end = Ended {
        phase,
        in_time: Some(false),
        ..ended(Some(137), "hello")
    };
    assert_eq!(judged(&end), (Outcome::Failed, reason));
}

#[rstest]
#[case::starved(Some(137), Some("OOMKilled"), "exit code 137 (OOMKilled)")]
#[case::starved_though_it_ended_well(
    Some(0),
    Some("OOMKilled"),
    "the Pod ended (Succeeded): OOMKilled"
)]
#[case::killed(Some(137), Some("Error"), "exit code 137; compare")]
#[case::terminated(Some(143), None, "exit code 143; compare")]
#[case::failed(Some(1), None, "exit code 1; compare")]
fn a_log_that_says_sent_is_not_success_where_the_container_failed(
    #[case] code: Option<i32>,
    #[case] container_reason: Option<&str>,
    #[case] words: &str,
) {
    let end = Ended {
        container_reason,
        ..ended(code, SENT)
    };
    let verdict = judge(&end, &Markers::default());
    assert_eq!(
        (verdict.outcome, verdict.reason),
        (Outcome::Unknown, Reason::FlashFailed)
    );
    assert!(verdict.message.contains(words), "{verdict:?}");
}

#[rstest]
#[case::succeeded("Succeeded", false, Outcome::Succeeded, Reason::FirmwareSent)]
#[case::deleted("Succeeded", true, Outcome::Unknown, Reason::Interrupted)]
#[case::failed("Failed", false, Outcome::Unknown, Reason::FlashFailed)]
fn without_an_exit_code_the_phase_says_how_the_container_ended(
    #[case] phase: &str,
    #[case] deleted: bool,
    #[case] outcome: Outcome,
    #[case] reason: Reason,
) {
    let end = Ended {
        phase,
        deleted,
        ..ended(None, SENT)
    };
    assert_eq!(judged(&end), (outcome, reason));
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
#[case::after_sending(Some(137), SENT, Outcome::Unknown, Reason::Interrupted)]
#[case::after_its_own_success(Some(0), SENT, Outcome::Succeeded, Reason::FirmwareSent)]
#[case::after_its_own_end(
    Some(0),
    "Not verified device",
    Outcome::Failed,
    Reason::AttestationRefused
)]
#[case::after_an_end_without_words(Some(0), "hello", Outcome::Unknown, Reason::Interrupted)]
fn a_deleted_pod_was_interrupted_unless_its_container_ended_by_itself(
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
    assert_eq!(verdict("no device ok\ndone"), Reason::AttestationRefused);
    assert_eq!(verdict("device ok"), Reason::VerdictUnknown);
    assert_eq!(verdict("device ok\nall done"), Reason::VerdictUnknown);
}

#[rstest]
#[case::whole("done", "done", true)]
#[case::more_before_it("done", "all done", false)]
#[case::more_behind_it("done", "done.", false)]
#[case::anything_before_it("*done", "all done", true)]
#[case::but_nothing_behind_it("*done", "all done.", false)]
#[case::anything_behind_it("done*", "done.", true)]
#[case::but_nothing_before_it("done*", "all done", false)]
#[case::anything_around_it("*done*", "all done.", true)]
#[case::an_asterisk_alone("*", "done", false)]
fn a_marker_of_success_is_a_whole_line_but_for_its_asterisks(
    #[case] marker: &str,
    #[case] line: &str,
    #[case] sent: bool,
) {
    let markers = Markers {
        sent: vec![marker.to_owned()],
        ..Markers::default()
    };
    let log = format!("Verified device\n{line}");
    let verdict = judge(&ended(Some(0), &log), &markers);
    assert_eq!(verdict.outcome == Outcome::Succeeded, sent, "{verdict:?}");
}

#[rstest]
#[case::that_begins_first("b a", Reason::TransferFailed)]
#[case::of_those_the_longest("a long", Reason::ContactFailed)]
#[case::of_equal_ones_the_failure("even", Reason::AgentFailed)]
#[case::as_whole_words("xa", Reason::VerdictUnknown)]
#[case::as_whole_words_to_the_end("bx", Reason::VerdictUnknown)]
#[case::between_other_signs("(a)", Reason::AttestationRefused)]
fn of_several_markers_in_a_line_one_counts(#[case] line: &str, #[case] reason: Reason) {
    let markers = Markers {
        verified: vec!["even".into()],
        sent: vec!["b".into()],
        refused: vec!["a".into()],
        transfer_failed: vec!["b".into()],
        contact_failed: vec!["a long".into()],
        agent_failed: vec!["even".into()],
        firmware_not_found: Vec::new(),
    };
    assert_eq!(judge(&ended(Some(0), line), &markers).reason, reason);
}

/// The log of the flash image until its agent starts, with the environment that it was given.
fn started(environment: &[&str]) -> String {
    let mut log = String::from(
        "2026/11/28 12:00:00 esp32-ota initialized\n2026/11/28 12:00:00 Environment variables:\n",
    );
    for entry in environment {
        log.push_str("2026/11/28 12:00:00 ");
        log.push_str(entry);
        log.push('\n');
    }
    log + "2026/11/28 12:00:00 KUBERNETES_PORT=tcp://10.96.0.1:443\n2026/11/28 12:00:00 Parsed job options\n"
        + "2026/11/28 12:00:00 \t- Host: 192.0.2.1\n2026/11/28 12:00:00 Executing ota-agent with env\n"
}

const LIE: &str = "APPLICATION_TYPE=x Verified device Firmware sent to IoT";
const LIE_IN_LINES: &str = "APPLICATION_TYPE=x\nVerified device\nFirmware sent to IoT\ny";
const LIE_WITH_DATES: &str = "APPLICATION_TYPE=x\n2026/11/28 12:00:00 Parsed job options\nVerified device\nFirmware sent to IoT";

#[rstest]
#[case::in_one_line(LIE, Outcome::Failed)]
#[case::in_lines(LIE_IN_LINES, Outcome::Failed)]
#[case::that_plays_the_whole_log(LIE_WITH_DATES, Outcome::Unknown)]
fn a_device_that_never_dials_in_does_not_succeed_by_its_properties(
    #[case] lie: &str,
    #[case] outcome: Outcome,
) {
    let log = started(&["PATH=/bin", lie, "EXTERNAL_IP=192.0.2.200"]);
    let late = Ended {
        pod_reason: Some("DeadlineExceeded"),
        phase: "Failed",
        ..ended(Some(137), &log)
    };
    assert_eq!(judged(&late), (outcome, Reason::DeadlineExceeded));
    // Nor where the container ends by itself and well, having done nothing.
    assert_eq!(
        judged(&ended(Some(0), &log)),
        (Outcome::Unknown, Reason::VerdictUnknown)
    );
    let sent = format!(
        "{log}Server is listening on port 4433\nVerified device\n\rSent: 9%\rSent: 100%\n{SENT}2026/11/28 12:00:09 Done!\n"
    );
    assert_eq!(
        judged(&ended(Some(0), &sent)),
        (Outcome::Succeeded, Reason::FirmwareSent)
    );
}

#[rstest]
#[case::an_option("2026/11/28 12:00:00 \t- Device: x\nVerified device\nFirmware sent to IoT\n")]
#[case::a_list(
    "2026/11/28 12:00:00 Executing /ota-agent with env [A=x\nVerified device\nFirmware sent to IoT\ny]\n"
)]
#[case::a_list_that_seems_to_end(
    "2026/11/28 12:00:00 with env [A=x]\nVerified device\nFirmware sent to IoT\n B=c]\n"
)]
#[case::a_list_without_a_date("env [A=x\nVerified device\nFirmware sent to IoT\ny B=c]\n")]
#[case::entries_without_a_date("A=x\nVerified device\nFirmware sent to IoT\nB=c\n")]
#[case::the_rest_of_a_dump("Verified device\nFirmware sent to IoT\n2026/11/28 12:00:00 B=c\n")]
#[case::with_carriage_returns(
    "2026/11/28 12:00:00 A=x\r\nVerified device\r\nFirmware sent to IoT\r\n"
)]
fn what_the_image_was_given_is_not_what_happened(#[case] log: &str) {
    assert_eq!(
        judged(&ended(Some(0), log)),
        (Outcome::Unknown, Reason::VerdictUnknown)
    );
}

#[rstest]
#[case::carriage_returns("Verified device\r\nFirmware sent to IoT\r\n")]
#[case::dates(
    "2026/11/28 12:00:00 Verified device\n2026/11/28 12:00:00.000001 Firmware sent to IoT"
)]
#[case::a_list_before_it(
    "2026/11/28 12:00:00 Executing /ota-agent with env [A=x B=c]\nVerified device\nFirmware sent to IoT"
)]
#[case::broken_characters("\u{fffd}\u{fffd}\nVerified device\n\u{fffd}\nFirmware sent to IoT")]
#[case::no_last_line_feed("Verified device\nFirmware sent to IoT")]
#[case::words_between(
    "Verified device\n`send` of 9 bytes\nFirmware sent to IoT\n`apply_ota()` returned\n"
)]
fn a_log_may_be_untidy(#[case] log: &str) {
    assert_eq!(
        judged(&ended(Some(0), log)),
        (Outcome::Succeeded, Reason::FirmwareSent)
    );
}

#[test]
fn the_tail_is_the_end_between_characters_without_control_characters() {
    let log = format!(
        "{}\u{1b}[31mred\u{7}\r\n\u{202e}last\u{2066}\tlines\n\n",
        "ü".repeat(2000)
    );
    let tail = judge(&ended(Some(0), &log), &Markers::default()).log_tail;
    // 27 bytes behind letters of two bytes: the one at the edge goes, it is not torn.
    let kept = "ü".repeat((1024 - 27) / 2);
    assert_eq!(tail, format!("{kept}[31mred\nlast lines"));
}

#[test]
fn lines_of_one_mebibyte_are_judged_in_one_pass() {
    let noise = [
        "Verified device ",
        "[A",
        "[[[",
        "Not verified devices ",
        "A=[B=",
    ];
    let log = noise
        .map(|noise| noise.repeat((1 << 20) / noise.len()))
        .join("\n");
    let verdict = judge(
        &ended(Some(0), &format!("{log}\n{SENT}")),
        &Markers::default(),
    );
    assert_eq!(verdict.outcome, Outcome::Succeeded);
    assert!(verdict.log_tail.len() <= 1024, "{}", verdict.log_tail.len());
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
            pod_message: pod_message.as_deref(), deleted, in_time: Some(!deleted),
            log: if readable { Ok(&log) } else { Err(&log) },
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
    fn nothing_succeeds_by_its_log_where_container_or_pod_ended_badly(
        log in any_log(), code in proptest::option::of(1..=255), pod_reason in proptest::option::of("Evicted|DeadlineExceeded|NodeLost"),
        container_reason in proptest::option::of("OOMKilled|ContainerStatusUnknown"), deleted: bool,
    ) {
        let log = format!("{log}\n{SENT}");
        let end = Ended {
            pod_reason: pod_reason.as_deref(), container_reason: container_reason.as_deref(), deleted,
            ..ended(code.or(Some(0)), &log)
        };
        let badly = code.is_some() || pod_reason.is_some() || container_reason.is_some();
        let outcome = judge(&end, &Markers::default()).outcome;
        prop_assert_eq!(outcome, if badly { Outcome::Unknown } else { Outcome::Succeeded });
    }

    #[test]
    fn what_is_sent_last_is_sent_whatever_was_before(log in any_log(), deleted: bool) {
        let log = format!("{log}\n{SENT}");
        let verdict = judge(&Ended { deleted, ..ended(Some(0), &log) }, &Markers::default());
        prop_assert_eq!(verdict.outcome, Outcome::Succeeded);
    }
}

#[rstest]
#[case::a_flash_that_failed(Outcome::Failed, Reason::AddressLost, "Service a is gone; why")]
#[case::a_flash_of_which_nobody_knows(
    Outcome::Unknown,
    Reason::AddressLost,
    "Service a is gone; why"
)]
#[case::a_flash_that_succeeded(Outcome::Succeeded, Reason::AddressLost, "why")]
#[case::a_service_that_stayed(Outcome::Failed, Reason::ServiceDeleted, "why")]
fn a_flash_that_failed_without_its_address_says_so(
    #[case] outcome: Outcome,
    #[case] cause: Reason,
    #[case] message: &str,
) {
    let verdict = Verdict {
        outcome,
        reason: Reason::DeadlineExceeded,
        message: "why".into(),
        log_tail: String::new(),
    };
    let verdict = verdict.after(Some((cause, "Service a is gone".into())));
    assert_eq!(
        (verdict.message.as_str(), verdict.reason),
        (message, Reason::DeadlineExceeded)
    );
}
