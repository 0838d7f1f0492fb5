//! The console answers whatever its document allows as the document promises: schemathesis asks it, at a real API server.

use std::process::Command;

use serde_json::json;
use testbed::{Asking, Params, Space, job::job, paths::script};

use super::asked::{Console, Person};

/// What each answer is held against.
const CHECKS: &str = "not_a_server_error,response_schema_conformance,status_code_conformance,content_type_conformance";
/// Requests of each route beside those that cover its parameters.
const EXAMPLES: &str = "6";

/// Paths that lead to something: what is below a FlashJob is asked of one that has run. Bodies that are a whole FlashJob are made up at
/// random: to go through its schema field by field takes minutes.
const SETTINGS: &str = r#"
[parameters]
"path.namespace" = "NAMESPACE"
"path.device" = "0"

[[operations]]
include-path-regex = "/flashjobs/[{]name[}]/"
parameters = { "path.name" = "lamps" }

[[operations]]
include-operation-id = ["createFlashJob", "replaceFlashJob", "planFlashJob"]
phases.coverage.enabled = false
phases.fuzzing.generation.max-examples = 60

# Nobody asks registries of names that are made up.
[[operations]]
include-operation-id = "planFlashJob"
parameters = { "query.registry" = false }
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_is_one_that_the_document_promises_whatever_is_asked() {
    let space = Space::new("console-promises").await;
    let fleet = space
        .fleet(Params {
            devices: 2,
            flash_seconds: 0.5,
            exit1_share: 0.5,
            ..Params::default()
        })
        .await;
    let console = Console::start(space.control_plane);
    let asking = Asking::ordinary(&space, "flashjob-editor");
    for role in ["flashjob-user", "flashjob-approver", "edit"] {
        let given = format!("--clusterrole={role}");
        asking.bind_as(&format!("has-{role}"), "rolebinding", &given, &space.name);
    }
    let person = Person::of(&console, &asking);
    let operator = space.operator(&["--engine", "native"]);
    space.apply(&job("lamps", &fleet.uuids(), &json!({})).to_string());
    space.finished("lamps", 120).await;
    drop(operator);
    let script = Command::new(script("schemathesis.sh")).output().unwrap();
    let said = String::from_utf8_lossy(&script.stderr);
    assert!(script.status.success(), "{said}");
    let program = String::from_utf8(script.stdout).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let settings = directory.path().join("schemathesis.toml");
    std::fs::write(&settings, SETTINGS.replace("NAMESPACE", &space.name)).unwrap();
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
            "1",
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
