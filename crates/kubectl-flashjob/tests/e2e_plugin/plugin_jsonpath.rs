//! What `-o jsonpath=` prints is what kubectl prints of the same document, whichever command has it; the other forms beside it.

use serde_json::{Value, json};
use testbed::{
    Asking, Params, Space, healthy,
    job::{FIRMWARE, job},
};

use super::{ends, person};

/// The document of a command as a field of an object that kubectl reads from a file: by itself a list would be taken apart. And what
/// the command ended with.
fn object(person: &Asking<'_>, command: &[&str]) -> (Value, i32) {
    let (said, complaint, ended) = person.run(&[command, &["-o", "json"]].concat());
    let document: Value = serde_json::from_str(&said)
        .unwrap_or_else(|error| panic!("{command:?}: {error}: {said}\n{complaint}"));
    let object = json!({"apiVersion": "example.com/v1", "kind": "Any", "metadata": {"name": "any"}, "it": document});
    (object, ended)
}

/// Asserts that the command and kubectl print the same by each template, in which IT stands for the document, and that the command ends
/// as it does with `-o json`.
fn prints_the_same(person: &Asking<'_>, command: &[&str], templates: &[&str]) {
    let (object, code) = object(person, command);
    let object = object.to_string();
    for template in templates {
        let own = format!("jsonpath={}", template.replace("IT", ""));
        let (said, _) = ends(person, &[command, &["-o", &own]].concat(), code);
        let theirs = format!("jsonpath={}", template.replace("IT", ".it"));
        let label = ["label", "--local", "a=b", "-o", &theirs];
        let expected = person.space.control_plane.feed(&label, &object);
        assert_eq!(Ok(said), expected, "{command:?} {template}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jsonpath_prints_what_kubectl_prints_of_the_same_document() {
    let space = Space::new("plugin-jsonpath").await;
    let fleet = space.fleet(healthy(3, 0.5)).await;
    let user = person(&space, "flashjob-user");
    let _operator = space.operator(&["--engine", "native"]);
    let spec = json!({"steps": [{"name": "canary", "devices": 1, "requireApproval": true}]});
    space.apply(&job("lamps", &fleet.uuids(), &spec).to_string());
    ends(&user, &["status", "lamps", "--timeout", "2m"], 3);

    prints_the_same(
        &user,
        &["list"],
        &[
            "{IT.kind}",
            "{IT.items[*].name}",
            "{IT.items[0].counts.succeeded} of {IT.items[0].counts.total}",
            "{range IT.items[*]}{.name}{\"\\t\"}{.phase}{\"\\n\"}{end}",
            "{IT.items[?(@.name==\"lamps\")].version}",
            "{IT.items[?(@.name!=\"lamps\")].version}|",
            "{IT.items[?(@.waitsForAPerson==true)].name}",
            "{IT.items[-1].counts}",
            "{IT.items}",
            "{IT.nothing[*].name}|{IT.items.name}|",
        ],
    );
    prints_the_same(
        &user,
        &["get", "lamps"],
        &[
            "{IT.counts.succeeded}",
            "{IT.step}",
            "{IT.failures}{IT.failures[*].devices[*].uuid}",
            "{IT['kind']} {IT.step.id}",
        ],
    );
    prints_the_same(
        &user,
        &["devices"],
        &[
            "{IT.items[*].uuid}",
            "{range IT.items[*]}{.endpoint} {.last.phase}{'\\n'}{range .nodes[*]}{@},{end}{end}",
            "{IT.items[?(@.last)].last.job}",
            "{IT.items[?(@.version=='0.2.0')].uuid}",
        ],
    );

    // What cannot be read is wrong usage, what does not fit the document a failure.
    for (template, code, words) in [
        ("{.items[*", 2, "has no }"),
        ("{..name}", 2, ".. is not known here"),
        ("{.items[7]}", 1, "there is no item 7 in a list of 1 items"),
    ] {
        let (said, complaint) = ends(
            &user,
            &["list", "-o", &format!("jsonpath={template}")],
            code,
        );
        assert!(said.is_empty() && complaint.contains(words), "{complaint}");
    }
    user.assert_wrote_nothing();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_command_with_a_document_takes_a_template_of_it() {
    let space = Space::new("plugin-templates").await;
    let broken = Params {
        devices: 1,
        flash_seconds: 0.5,
        exit1_share: 1.0,
        ..Params::default()
    };
    let (fleet, broken) = (
        space.fleet(healthy(2, 0.5)).await,
        space.fleet(broken).await,
    );
    let user = person(&space, "flashjob-user");
    // Helm's records are Secrets, which no role of the chart lets people read.
    user.bind_as("records", "rolebinding", "--clusterrole=edit", &space.name);
    let _operator = space.operator(&["--engine", "native"]);
    let spec = json!({"steps": [{"name": "canary", "devices": 1, "requireApproval": true}]});
    let lamps = job("lamps", &fleet.uuids(), &spec);
    space.apply(&lamps.to_string());
    space.apply(&job("broken", &broken.uuids(), &json!({})).to_string());
    ends(&user, &["status", "lamps", "--timeout", "2m"], 3);
    ends(&user, &["status", "broken", "--timeout", "2m"], 1);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), lamps.to_string()).unwrap();
    let file = file.path().to_str().unwrap();
    let (uuid, lost) = (&fleet.uuids()[0], &broken.uuids()[0]);

    let cases: &[(&[&str], &[&str])] = &[
        (
            &["status", "lamps", "--timeout", "1m"],
            &["{IT.kind} {IT.step.id} {IT.counts.succeeded}", "{IT.step}"],
        ),
        (
            &["status", "broken", "--watch=false"],
            &["{IT.reason}: {IT.counts.failed}"],
        ),
        (
            &["explain", "lamps"],
            &["{IT.notBegun[*].reason}{IT.advice}", "{IT.step.name}"],
        ),
        (
            &["explain", "broken", lost],
            &["{IT.kind}: {IT.phase} {IT.reason}"],
        ),
        (
            &["plan", "-f", file, "--no-registry"],
            &[
                "{range IT.steps[*]}{.number} {.devices}{\"\\n\"}{end}",
                "{IT.failures.atMost}",
            ],
        ),
        (
            &["history", lost],
            &[
                "{IT.verdicts[*].job} {IT.attempts[0].status}",
                "{IT.notSeen}",
            ],
        ),
        (
            &["releases"],
            &["{IT.items[?(@.status==\"failed\")].release}", "{IT.items}"],
        ),
        (
            &["doctor"],
            &["{range IT.items[*]}{.check}={.verdict},{end}"],
        ),
        (&["version"], &["{IT.client} {IT.kubernetes}"]),
    ];
    for (command, templates) in cases {
        prints_the_same(&user, command, templates);
    }

    // Names, where kubectl has them.
    let flashjob = |name: &str| format!("flashjob.application.flashjob.nbfc.io/{name}\n");
    let name =
        |command: &[&str], code: i32| ends(&user, &[command, &["-o", "name"]].concat(), code).0;
    assert_eq!(
        name(&["status", "lamps", "--watch=false"], 3),
        flashjob("lamps")
    );
    assert_eq!(name(&["history", lost], 0), flashjob("broken"));
    assert_eq!(name(&["history", uuid], 0), flashjob("lamps"));
    let secret = name(&["releases"], 0);
    let found = space.kubectl(&["get", secret.trim(), "-o", "jsonpath={.type}"]);
    assert_eq!(found, "helm.sh/release.v1", "{secret}");
    // What has no name says which forms there are.
    let (_, complaint) = ends(&user, &["doctor", "-o", "name"], 2);
    assert!(
        complaint.contains("[possible values: text, json, yaml, jsonpath=]"),
        "{complaint}"
    );

    // One shape, whatever the form: YAML says what JSON says.
    for command in [
        &["explain", "lamps"][..],
        &["releases"],
        &["status", "broken", "--watch=false"],
    ] {
        let (mut document, code) = object(&user, command);
        let (said, _) = ends(&user, &[command, &["-o", "yaml"]].concat(), code);
        let mut yaml: Value = helm_chart::yaml::parse(&said).unwrap();
        for document in [&mut document["it"], &mut yaml] {
            document.as_object_mut().unwrap().remove("time");
        }
        assert_eq!(document["it"], yaml, "{command:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn create_prints_what_it_created_as_kubectl_create_does() {
    let space = Space::new("plugin-printed").await;
    let fleet = space.fleet(healthy(2, 0.5)).await;
    let editor = person(&space, "flashjob-editor");
    let user = "--clusterrole=flashjob-user";
    editor.bind_as("reads-devices", "rolebinding", user, &space.name);
    let create = |name: &'static str, more: &[&str]| {
        let what = [
            "create",
            name,
            "--all",
            "--firmware",
            FIRMWARE,
            "--version",
            "0.2.0",
        ];
        ends(&editor, &[&what[..], more].concat(), 0).0
    };
    let said = create("tried", &["--dry-run=client", "-o", "json"]);
    let tried: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(tried["spec"]["uuid"], json!(fleet.uuids()));
    let said = create(
        "tried",
        &[
            "--dry-run=server",
            "-o",
            "jsonpath={.kind} {.metadata.namespace}",
        ],
    );
    assert_eq!(said, format!("FlashJob {}", space.name));
    assert_eq!(space.kubectl(&["get", "flashjobs", "-o", "name"]), "");
    let said = create("made", &["--yes", "-o", "name"]);
    assert_eq!(said, space.kubectl(&["get", "flashjobs", "-o", "name"]));
    let said = create("another", &["--yes", "-o", "jsonpath={.metadata.uid}"]);
    let uid = [
        "get",
        "flashjob",
        "another",
        "-o",
        "jsonpath={.metadata.uid}",
    ];
    assert_eq!(said, space.kubectl(&uid));
}
