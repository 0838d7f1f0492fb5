//! The program as kubectl finds it on the PATH: `kubectl flashjob`, and kubectl's own completion of it.

use std::{ffi::OsString, os::unix::fs::PermissionsExt, path::Path, process::Command};

use serde_json::json;
use testbed::{Asking, Space, job::job, paths::program};

use super::{ends, person};

/// What kubectl prints where the program and this directory are on its PATH.
fn kubectl(person: &Asking<'_>, directory: &Path, arguments: &[&str]) -> String {
    let plugin = program("kubectl-flashjob");
    let known = std::env::var_os("PATH").unwrap_or_default();
    let own = [directory, plugin.parent().expect("a directory")].map(Path::to_owned);
    let path: OsString =
        std::env::join_paths(own.into_iter().chain(std::env::split_paths(&known))).expect("a PATH");
    let tool = person.space.control_plane.tool("kubectl");
    let output = Command::new(tool)
        .env("PATH", path)
        .env("KUBECONFIG", &person.kubeconfig)
        .args(arguments)
        .output()
        .expect("kubectl runs");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {complaint}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kubectl_runs_the_program_and_completes_its_subcommands_options_and_flashjobs() {
    let space = Space::new("plugin-kubectl").await;
    let viewer = person(&space, "flashjob-viewer");
    let uuid = "7e4a6e7b-bee6-4fac-bdea-43d671baaa15".to_owned();
    let suspended = json!({"suspend": true});
    space.apply(&job("thermo-1", &[uuid], &suspended).to_string());
    let directory = tempfile::tempdir().unwrap();
    let script = directory.path().join("kubectl_complete-flashjob");
    let (text, _) = ends(&viewer, &["completion", "kubectl"], 0);
    std::fs::write(&script, text).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();

    let kubectl = |arguments: &[&str]| kubectl(&viewer, directory.path(), arguments);
    let said = kubectl(&["flashjob", "list", "-n", &space.name, "-o", "name"]);
    assert_eq!(said, "flashjob.application.flashjob.nbfc.io/thermo-1\n");

    // The last word is what has been typed of the next one.
    let completed = |words: &[&str]| kubectl(&[&["__complete", "flashjob"], words].concat());
    for (words, expected) in [
        (&["sta"][..], "status\n"),
        (&["get", "--as"], "--as\n--as-group\n"),
        (&["list", "-o", "js"], "json\njsonpath=\n"),
        (&["-n", &space.name, "get", "th"], "thermo-1\n"),
    ] {
        let said = completed(words);
        assert!(said.starts_with(expected), "{words:?}: {said}");
    }
    viewer.assert_wrote_nothing();
}
