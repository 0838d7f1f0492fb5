//! Which words count as markers, and the words in which an end is told.

use super::*;
use crate::api::VerdictMarkers;

#[rstest]
#[case::of_the_pod("Succeeded", "the Pod ended (Succeeded)")]
#[case::of_a_pod_that_failed("Failed", "the Pod ended (Failed)")]
#[case::of_the_container_alone("Running", "the flash container ended")]
fn the_message_says_what_has_ended(#[case] phase: &str, #[case] words: &str) {
    let end = Ended {
        phase,
        ..ended(Some(0), "hello")
    };
    let message = judge(&end, &Markers::default()).message;
    assert!(message.starts_with(&format!("{words} and ")), "{message}");
}

#[rstest]
#[case::not_told(None, "exit code 3, and")]
#[case::empty(Some(""), "exit code 3, and")]
#[case::that_says_no_more_than_the_code(Some("Error"), "exit code 3, and")]
#[case::that_contradicts_the_code(Some("Completed"), "exit code 3, and")]
#[case::that_explains_it(Some("OOMKilled"), "exit code 3 (OOMKilled), and")]
fn a_container_s_reason_is_told_only_where_it_explains_the_exit_code(
    #[case] container_reason: Option<&str>,
    #[case] words: &str,
) {
    let end = Ended {
        container_reason,
        ..ended(Some(3), "hello")
    };
    let message = judge(&end, &Markers::default()).message;
    assert!(message.contains(words), "{message}");
}

#[rstest]
#[case::verified_and_sent("Verified device", "Firmware sent to IoT", Reason::FirmwareSent)]
#[case::refused("", "Not verified device", Reason::AttestationRefused)]
#[case::broken_off("Verified device", "Could not apply OTA", Reason::TransferFailed)]
fn a_log_that_names_the_stream_of_the_agent_in_each_line_is_read_as_one_that_does_not(
    #[case] first: &str,
    #[case] last: &str,
    #[case] want: Reason,
) {
    let date = "2026/11/28 12:00:00";
    let log = format!(
        "{date} DEVICE=esp32s3\n{date} \t- Device: esp32s3\n{date} Executing ota-agent with env\n\
         {date} [AGENT STDOUT] Server is listening on port 4433\n{date} [AGENT STDOUT] {first}\n\
         {date} [AGENT STDOUT] \rSent: 50%\rSent: 100%\n{date} [AGENT STDOUT] {last}\n\
         {date} OTA Agent exited gracefully\n{date} Done!\n"
    );
    assert_eq!(judged(&ended(Some(0), &log)).1, want);
}

#[test]
fn a_stream_that_is_named_without_a_date_is_not_the_image_s_word() {
    let log = "[AGENT STDOUT] Verified device\n[AGENT STDOUT] Firmware sent to IoT\n";
    assert_eq!(judged(&ended(Some(0), log)).1, Reason::VerdictUnknown);
}

#[test]
fn an_empty_message_of_the_pod_is_not_quoted() {
    let end = Ended {
        pod_reason: Some("Evicted"),
        pod_message: Some(""),
        ..ended(None, "hello")
    };
    let message = judge(&end, &Markers::default()).message;
    assert!(
        message.starts_with("the node stopped the Pod (Evicted);"),
        "{message}"
    );
}

#[rstest]
#[case::that_ends_in_a_sign("failed:", "failed:x", true)]
#[case::that_ends_in_a_letter("failed", "failedx", false)]
#[case::that_begins_with_a_sign("!failed", "x!failed", true)]
#[case::that_is_empty("", "x", false)]
fn a_marker_of_failure_is_not_cut_out_of_a_word(
    #[case] marker: &str,
    #[case] line: &str,
    #[case] found: bool,
) {
    let markers = Markers {
        refused: vec![marker.to_owned()],
        ..Markers::default()
    };
    let reason = judge(&ended(Some(0), line), &markers).reason;
    assert_eq!(reason == Reason::AttestationRefused, found, "{reason:?}");
    assert_eq!(markers.contained_in(line), found.then_some(marker));
}

#[test]
fn the_markers_of_a_class_replace_those_of_the_operator_list_by_list() {
    let class = VerdictMarkers {
        sent: vec!["done".into()],
        ..VerdictMarkers::default()
    };
    let markers = Markers::default().with(&class);
    assert_eq!(markers.sent, ["done"]);
    assert_eq!(
        Markers {
            sent: Markers::default().sent,
            ..markers
        },
        Markers::default()
    );
}
