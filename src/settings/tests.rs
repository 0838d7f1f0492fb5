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
fn a_new_leader_writes_within_twenty_seconds_of_a_kill_and_holds_the_lease_within_fifteen() {
    let settings = parse(&[]);
    let times = settings.lease_times();
    let holds = times.poll_period + times.duration + times.poll_period;
    assert!(holds <= Duration::from_secs(15), "{holds:?}");
    assert!(holds + settings.write_timeout() <= Duration::from_secs(20));
}

#[test]
fn a_write_never_outlives_the_lease() {
    let settings = parse(&["--write-timeout-ms", "5000"]);
    assert!(matches!(
        settings.check(),
        Err(SettingsError::WriteOutlivesLease { .. })
    ));
}

#[test]
fn lists_are_separated_by_commas() {
    let settings = parse(&[
        "--watch-namespaces",
        "a,b",
        "--allowed-value-paths",
        "resources",
    ]);
    assert_eq!(settings.scope(), Scope::of(&["a".into(), "b".into()]));
    assert_eq!(
        settings.check(),
        Err(SettingsError::NoPointer("resources".into()))
    );
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
