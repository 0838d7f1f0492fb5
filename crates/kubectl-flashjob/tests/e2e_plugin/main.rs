//! `kubectl flashjob` on a real control plane, as people with different rights run it. The operator's program has to be built beside
//! this test: `make e2e TEST=plugin` does it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod picture;
mod pictures;
mod plugin_cleanup;
mod plugin_creates;
mod plugin_devices;
mod plugin_doctor;
mod plugin_jsonpath;
mod plugin_kubectl;
mod plugin_reports;
mod plugin_script;
mod plugin_serves;
mod plugin_shows;
mod plugin_steers;
mod plugin_watches;
mod terminal;

use testbed::{Asking, Space};

/// A person of that namespace alone, with that one ClusterRole there.
fn person<'a>(space: &'a Space, role: &str) -> Asking<'a> {
    Asking::ordinary(space, role)
}

/// Asserts the exit code; what was printed, and what was complained of.
fn ends(person: &Asking<'_>, arguments: &[&str], code: i32) -> (String, String) {
    let (said, complaint, ended) = person.run(arguments);
    assert_eq!(
        ended, code,
        "{arguments:?} printed\n{said}\nand complained\n{complaint}"
    );
    (said, complaint)
}
