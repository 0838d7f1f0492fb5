//! What `-o jsonpath=` prints is what kubectl prints of the same document.

use serde_json::{Value, json};
use testbed::{Asking, Space, healthy, job::job};

use super::{ends, person};

/// The document of a command as a field of an object that kubectl reads from a file: by itself a list would be taken apart.
fn object(person: &Asking<'_>, command: &[&str]) -> Value {
    let (said, _) = ends(person, &[command, &["-o", "json"]].concat(), 0);
    let document: Value = serde_json::from_str(&said).expect("a document");
    json!({"apiVersion": "example.com/v1", "kind": "Any", "metadata": {"name": "any"}, "it": document})
}

/// Asserts that the command and kubectl print the same by each template, in which IT stands for the document.
fn prints_the_same(person: &Asking<'_>, command: &[&str], templates: &[&str]) {
    let object = object(person, command).to_string();
    for template in templates {
        let own = format!("jsonpath={}", template.replace("IT", ""));
        let (said, _) = ends(person, &[command, &["-o", &own]].concat(), 0);
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
