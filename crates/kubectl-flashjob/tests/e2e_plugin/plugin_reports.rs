//! What a report for a bug holds: all of it as an administrator, and as a person of one namespace what that person may read.

use std::{collections::BTreeMap, fs::File, io::Read, path::Path};

use serde_json::json;
use testbed::{Asking, Space, healthy, job::job, seconds};

use super::{ends, person};

/// The files of a zip, by their names.
fn files(path: &Path) -> BTreeMap<String, String> {
    let mut zip = zip::ZipArchive::new(File::open(path).expect("the zip")).expect("a zip");
    let mut files = BTreeMap::new();
    for number in 0..zip.len() {
        let mut file = zip.by_index(number).expect("a file");
        let mut text = String::new();
        file.read_to_string(&mut text).expect("a text");
        let name = file.name().expect("a name").into_owned();
        files.insert(name, text);
    }
    files
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_holds_what_its_person_may_read_and_no_secret() {
    let space = Space::new("plugin-reports").await;
    let fleet = space.fleet(healthy(1, 60.0)).await;
    let user = person(&space, "flashjob-user");
    let nobody = Asking::of_no_rights(&space, "nobody");
    let secret = ["create", "secret", "generic", "pull"];
    space.kubectl(&[&secret[..], &["--from-literal=password=hunter2"]].concat());
    let mut lamps = job("lamps", &fleet.uuids(), &json!({}));
    lamps["metadata"]["annotations"] = json!({
        "example.com/note": "asked for with token=hunter2", "example.com/api-key": "hunter2",
    });
    space.apply(&lamps.to_string());
    space.apply(&job("others", &fleet.uuids(), &json!({"suspend": true})).to_string());
    let _operator = space.operator(&["--engine", "native"]);
    space
        .eventually("a flash", seconds(60), async || {
            let devices = space.job("lamps").0["status"]["devices"].clone();
            (devices[0]["reason"] == "Flashing").then_some(())
        })
        .await;
    let directory = testbed::paths::scratch();
    let path = |name: &str| directory.join(format!("{}-{name}.zip", space.name));
    let report = |person: &Asking<'_>, name: &str, more: &[&str]| {
        let path = path(name);
        let file = path.to_str().expect("a path");
        let (said, _) = ends(person, &[&["report", "--file", file], more].concat(), 0);
        assert!(said.contains("Look through it"), "{said}");
        let files = files(&path);
        for (name, text) in &files {
            assert!(!text.contains("hunter2"), "{name}: {text}");
        }
        files
    };

    let admin = space.control_plane.kubeconfig("admin");
    let admin = ["lamps", "--kubeconfig", admin.to_str().unwrap()];
    let all = report(&user, "admin", &admin);
    let uid = space.job("lamps").0["metadata"]["uid"].to_string();
    let uid = uid.trim_matches('"');
    for (file, words) in [
        ("versions.txt", "kubernetes v1."),
        ("doctor.txt", "kubectl flashjob doctor -n"),
        ("flashjobs.yaml", "name: lamps"),
        ("flashjobs.yaml", "asked for with token=REDACTED"),
        ("flashclasses.yaml", "name: default"),
        ("instances.yaml", fleet.uuids()[0].as_str()),
        ("pods.yaml", uid),
        ("services.yaml", uid),
        ("events.yaml", "name: lamps"),
        ("missing.txt", "Nothing is missing."),
    ] {
        assert!(
            all[file].contains(words),
            "{words} in {file}:\n{}",
            all[file]
        );
    }
    assert!(!all["flashjobs.yaml"].contains("name: others"), "{all:#?}");
    assert!(!all["flashjobs.yaml"].contains("managedFields"), "{all:#?}");
    let mut logs = all
        .iter()
        .filter(|(name, _)| name.starts_with("logs/flash-"));
    assert!(logs.any(|(_, log)| !log.trim().is_empty()), "{all:#?}");

    // A person of the namespace reads less, and the report says which rights are missing.
    let some = report(&user, "user", &[]);
    assert!(some["flashjobs.yaml"].contains("name: others"), "{some:#?}");
    let missing = &some["missing.txt"];
    let name = &space.name;
    for line in [
        &format!("services.yaml: you lack the right to list services in namespace {name}\n"),
        "flashclasses.yaml: you lack the right to list flashclasses.application.flashjob.nbfc.io in the whole cluster\n",
        "operator/pods.yaml: you lack the right to list pods in namespace flashjob-system\n",
        "operator/deployment.yaml: you lack the right to list deployments.apps in namespace flashjob-system\n",
    ] {
        assert!(missing.contains(line), "{line} in {missing}");
    }
    assert!(!some.contains_key("services.yaml"), "{some:#?}");
    let none = report(&nobody, "nobody", &["lamps"]);
    let names: Vec<&str> = none.keys().map(String::as_str).collect();
    assert_eq!(names, ["doctor.txt", "missing.txt", "versions.txt"]);

    // No file is overwritten, and no report is about a job that is not there.
    let there = path("user");
    let again = ["report", "--file", there.to_str().unwrap()];
    let (_, complaint) = ends(&user, &again, 1);
    assert!(complaint.contains("cannot write"), "{complaint}");
    let (_, complaint) = ends(&user, &["report", "nothing"], 1);
    assert!(complaint.contains("has no FlashJob nothing"), "{complaint}");
    for name in ["admin", "user", "nobody"] {
        std::fs::remove_file(path(name)).unwrap();
    }
}
