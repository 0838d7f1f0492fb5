//! The console answers whatever its document allows as the document promises: schemathesis asks it, at a real API server.

use std::process::Command;

use serde_json::json;
use testbed::{Asking, Space, healthy, job::job, paths::script};

use super::asked::{Console, Person};

/// What each answer is held against.
const CHECKS: &str = "not_a_server_error,response_schema_conformance,status_code_conformance,content_type_conformance";
/// Requests of each route beside those that cover its parameters.
const EXAMPLES: &str = "6";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_is_one_that_the_document_promises_whatever_is_asked() {
    let space = Space::new("console-promises").await;
    let fleet = space.fleet(healthy(2, 0.5)).await;
    let console = Console::start(space.control_plane);
    let asking = Asking::ordinary(&space, "flashjob-editor");
    for role in ["flashjob-user", "flashjob-approver", "edit"] {
        let given = format!("--clusterrole={role}");
        asking.bind_as(&format!("has-{role}"), "rolebinding", &given, &space.name);
    }
    let person = Person::of(&console, &asking);
    space.apply(&job("lamps", &fleet.uuids(), &json!({"suspend": true})).to_string());
    let script = Command::new(script("schemathesis.sh")).output().unwrap();
    let said = String::from_utf8_lossy(&script.stderr);
    assert!(script.status.success(), "{said}");
    let program = String::from_utf8(script.stdout).unwrap();
    let directory = tempfile::tempdir().unwrap();
    // Paths that lead to something, beside those that are made up.
    let settings = directory.path().join("schemathesis.toml");
    let parameters = format!(
        "[parameters]\n\"path.namespace\" = \"{}\"\n\"path.device\" = \"0\"\n",
        space.name
    );
    std::fs::write(&settings, parameters).unwrap();
    let output = Command::new(program.trim())
        .arg("--config-file")
        .arg(&settings)
        .args([
            "run",
            &format!("http://127.0.0.1:{}/openapi.json", console.port()),
        ])
        .args([
            "--header",
            &format!("Authorization: Bearer {}", person.token),
        ])
        .args([
            "--checks",
            CHECKS,
            "--max-examples",
            EXAMPLES,
            "--phases",
            "examples,coverage,fuzzing",
        ])
        // Streams do not end by themselves. The log without `follow` is in the tests of devices.
        .args(["--exclude-path-regex", "/(events|log)$"])
        .args([
            "--seed",
            "1",
            "--workers",
            "2",
            "--no-shrink",
            "--continue-on-failure",
        ])
        .args([
            "--generation-database",
            "none",
            "--request-timeout",
            "60",
            "--output-truncate",
            "false",
        ])
        .current_dir(directory.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{complaint}");
    println!("{said}");
    assert!(said.contains(" passed"), "{said}");
    // It was asked of a living console, and nobody has been served another's rights.
    let listed = person
        .get(&format!("/api/v1/namespaces/{}/flashjobs", space.name))
        .await;
    assert_eq!(listed.status, 200, "{listed:?}");
}
