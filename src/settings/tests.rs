use clap::Parser;

use super::*;
use crate::cluster::Scope;
use std::time::Duration;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    settings: Settings,
}

fn parse(arguments: &[&str]) -> Settings {
    Line::parse_from([&["test"], arguments].concat()).settings
}

#[test]
fn the_defaults_agree_with_each_other() {
    assert_eq!(parse(&[]).check(), Ok(()));
}

#[test]
fn a_new_leader_writes_within_ten_seconds_of_a_kill() {
    let times = parse(&[]).lease_times();
    // A renewal may have been seen so much later than it was made.
    let writes = times.poll_period + times.duration + times.settle_period;
    assert_eq!(writes, Duration::from_secs(10));
}

#[rstest::rstest]
#[case::two_would_lead(
    &["--renew-deadline-ms=7000"],
    "the renew deadline (7s) must be shorter than the lease duration (7s): two processes could lead"
)]
#[case::writes_would_be_late(&["--settle-period-ms=0", "--renew-deadline-ms=6500"], "less the renew deadline, come to 500ms")]
#[case::renewed_too_rarely(&["--renew-period-ms=5000"], "the renew period (5s) must be shorter than the renew deadline (5s)")]
fn times_of_the_lease_that_contradict_each_other_are_refused(
    #[case] arguments: &[&str],
    #[case] words: &str,
) {
    let refusal = parse(arguments).check().unwrap_err().to_string();
    assert!(refusal.contains(words), "{refusal}");
}

#[test]
fn lists_are_separated_by_commas_and_a_space_after_one_does_no_harm() {
    let settings = parse(&["--watch-namespaces", "a, b", "--akri-namespaces", "c"]);
    assert_eq!(settings.scope(), Scope::of(&["a".into(), "b".into()]));
    assert_eq!(settings.instance_scope(), Scope::of(&["c".into()]));
    let all = parse(&["--ignored-operators", "*"]);
    assert_eq!(all.ignored_operators, ["*"]);
}

#[rstest::rstest]
#[case::namespaces("--watch-namespaces", "a b", "separate with commas alone")]
#[case::namespace("--watch-namespaces", "Fleet_A", "is not the name of a namespace")]
// An empty list would be all namespaces.
#[case::nothing("--watch-namespaces", "", "leave the setting out, or name something")]
#[case::trailing_comma("--watch-namespaces", "a,", "leave the setting out, or name something")]
#[case::of_devices("--akri-namespaces", "*", "is not the name of a namespace")]
#[case::of_the_lease("--lease-namespace", "a/b", "is not the name of a namespace")]
#[case::operators("--ignored-operators", "all of them", "separate with commas alone")]
#[case::accounts(
    "--allowed-service-accounts",
    "flasher;other",
    "is not the name of an object"
)]
#[case::secrets("--allowed-secret-names", "pull *", "separate with commas alone")]
#[case::seal("--seal-secret", "", "leave the setting out, or name something")]
#[case::values(
    "--flash-pod-values-configmap",
    "sys/values",
    "is not the name of an object"
)]
#[case::kind(
    "--extra-kinds",
    "networking.k8s.io/NetworkPolicy",
    "write group/version/Kind"
)]
#[case::plural(
    "--extra-kinds",
    "v1/configmaps",
    "write group/version/Kind or v1/Kind"
)]
#[case::path("--allowed-value-paths", "resources", "is not a JSON Pointer")]
#[case::paths(
    "--allowed-value-paths",
    "/resources /affinity",
    "separate with commas alone"
)]
#[case::everything("--allowed-value-paths", "/", "is not a JSON Pointer")]
#[case::level(
    "--log-level",
    "warning",
    "write error, warn, info, debug, trace or off"
)]
#[case::level_of_nothing("--log-level", "", "write error, warn, info, debug, trace or off")]
fn a_word_that_would_be_taken_for_something_else_is_refused(
    #[case] flag: &str,
    #[case] value: &str,
    #[case] reason: &str,
) {
    let argument = format!("{flag}={value}");
    let line = Line::try_parse_from(["test", &argument]);
    let error = line.map(|_| ()).expect_err(&argument).to_string();
    assert!(error.contains(flag) && error.contains(reason), "{error}");
}

#[test]
fn the_lease_namespace_that_is_set_wins() {
    let settings = parse(&["--lease-namespace", "a", "--pod-namespace", "b"]);
    assert_eq!(settings.own_namespace("c"), "a");
    let settings = parse(&["--pod-namespace", "b"]);
    assert_eq!(settings.own_namespace("c"), "b");
}

#[test]
fn the_log_level_is_served_on_loopback_alone() {
    assert_eq!(parse(&[]).log_level_address, None);
    for address in ["127.0.0.1:8082", "[::1]:8082"] {
        let settings = parse(&["--log-level-address", address]);
        assert_eq!(settings.check(), Ok(()), "{address}");
    }
    for address in ["0.0.0.0:8082", "10.0.0.1:8082", "[::]:8082"] {
        let error = parse(&["--log-level-address", address]).check();
        let error = error.expect_err("an open address").to_string();
        let expected = format!("--log-level-address: {address} is not a loopback address");
        assert!(error.starts_with(&expected), "{error}");
    }
}
