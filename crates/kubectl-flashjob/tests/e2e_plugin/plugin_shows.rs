//! What is shown to people: the same to everybody who may read FlashJobs, and nothing is written.

use serde_json::{Value, json};
use testbed::{Asking, Params, Space, job::job};

use super::{ends, person};

fn document(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn list_get_and_status_follow_a_job_to_its_end_for_people_who_may_only_read() {
    let space = Space::new("plugin-shows").await;
    let fleet = space
        .fleet(Params {
            devices: 4,
            flash_seconds: 1.0,
            exit1_share: 0.25,
            ..Params::default()
        })
        .await;
    let viewer = person(&space, "flashjob-viewer");
    let (said, _) = ends(&viewer, &["list"], 0);
    assert!(said.contains("has no FlashJob"), "{said}");
    assert!(said.contains("kubectl flashjob list -A"), "{said}");

    space.apply(&job("lamps", &fleet.uuids(), &json!({})).to_string());
    let (said, _) = ends(&viewer, &["list"], 0);
    assert!(said.lines().nth(1).unwrap().contains("New"), "{said}");
    let (said, complaint) = ends(&viewer, &["status", "lamps", "--timeout", "2s"], 124);
    assert_eq!(said.lines().count(), 1, "{said}");
    let next = format!("next: kubectl flashjob get lamps -n {}", space.name);
    assert!(complaint.contains("not finished within 2s"), "{complaint}");
    assert!(complaint.trim_end().ends_with(&next), "{complaint}");
    ends(&viewer, &["status", "lamps", "--watch=false"], 124);

    let _operator = space.operator(&["--engine", "native"]);
    let (said, complaint) = ends(&viewer, &["status", "lamps", "--timeout", "2m"], 1);
    let last = said.lines().last().unwrap();
    assert!(last.contains("DevicesFailed 4/4, 1 failed"), "{said}");
    assert!(complaint.trim_end().ends_with(&next), "{complaint}");
    assert!(!said.contains('\u{1b}'), "no colours in a pipe: {said}");
    ends(&viewer, &["status", "lamps", "--watch=false"], 1);

    let (said, _) = ends(&viewer, &["get", "lamps"], 0);
    for words in [
        "4/4, 1 failed",
        "├─✖ Failed",
        "1 device",
        "kubectl flashjob retry lamps",
    ] {
        let found = said.contains(&words.replace('├', "└")) || said.contains(words);
        assert!(found, "{words} in\n{said}");
    }
    let (said, _) = ends(&viewer, &["get", "lamps", "--color", "always"], 0);
    assert!(said.contains("\u{1b}[31m"), "{said:?}");
    let (said, _) = ends(&viewer, &["get", "lamps", "-o", "json"], 0);
    let tree = document(&said);
    assert_eq!(tree["kind"], "FlashJobTree", "{tree:#}");
    assert_eq!(tree["counts"]["failed"], 1, "{tree:#}");
    let failed = &tree["failures"][0]["devices"][0];
    let stored = space.job("lamps");
    let uuid = failed["uuid"].as_str().unwrap();
    assert_eq!(stored.device(uuid)["phase"], "Failed", "{tree:#}");

    let (said, _) = ends(&viewer, &["list", "-o", "json"], 0);
    let all = document(&said);
    assert_eq!(all["apiVersion"], "cli.flashjob.nbfc.io/v1alpha1");
    assert_eq!(all["kind"], "FlashJobSummaryList");
    assert_eq!(all["items"][0]["name"], "lamps");
    let (said, _) = ends(&viewer, &["list", "-o", "name"], 0);
    assert_eq!(said, "flashjob.application.flashjob.nbfc.io/lamps\n");
    let (said, _) = ends(&viewer, &["__complete", "--", "get", "l"], 0);
    assert_eq!(said, "lamps\n:4\n");

    let (_, complaint) = ends(&viewer, &["get", "nothing"], 1);
    assert!(complaint.contains("has no FlashJob nothing"), "{complaint}");
    ends(&viewer, &["status", "nothing"], 1);
    viewer.assert_wrote_nothing();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_names_the_right_that_is_missing_and_whom_to_ask_for_it() {
    let space = Space::new("plugin-rights").await;
    let nobody = Asking::of_no_rights(&space, "nobody");
    let account = format!("--serviceaccount={}:nobody", space.name);
    let (_, complaint) = ends(&nobody, &["list"], 1);
    let right = format!(
        "You lack the right to list flashjobs.application.flashjob.nbfc.io in namespace {}.",
        space.name
    );
    for words in [&right, "--clusterrole=flashjob-viewer", &account] {
        assert!(complaint.contains(words), "{words} in\n{complaint}");
    }
    let (_, complaint) = ends(&nobody, &["status", "lamps"], 1);
    assert!(complaint.contains("You lack the right to"), "{complaint}");
    let viewer = person(&space, "flashjob-viewer");
    let (_, complaint) = ends(&viewer, &["list", "-A"], 1);
    for words in ["in the whole cluster", "kubectl create clusterrolebinding"] {
        assert!(complaint.contains(words), "{words} in\n{complaint}");
    }
    nobody.assert_wrote_nothing();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_options_of_kubectl_say_which_cluster_and_as_whom() {
    let space = Space::new("plugin-options").await;
    // The operator's chart brings the kinds and the roles.
    space.control_plane.operator_kubeconfig();
    let admin = space.control_plane.kubeconfig("admin");
    let nowhere = Asking {
        space: &space,
        account: String::new(),
        kubeconfig: "/nonexistent".into(),
        credential: String::new(),
    };
    let path = admin.to_str().unwrap();
    let (_, complaint) = ends(&nowhere, &["list"], 1);
    assert!(
        complaint.contains("no cluster to connect to"),
        "{complaint}"
    );
    ends(&nowhere, &["list", "--kubeconfig", path], 0);
    let jane = [
        "list",
        "--kubeconfig",
        path,
        "--as",
        "jane",
        "--as-group",
        "flashers",
    ];
    let (_, complaint) = ends(&nowhere, &jane, 1);
    assert!(
        complaint.contains("User \"jane\" cannot list"),
        "{complaint}"
    );
    assert!(complaint.contains("--user=jane"), "{complaint}");
    // A group can have the right.
    let role = "--clusterrole=flashjob-viewer";
    space.kubectl(&[
        "create",
        "rolebinding",
        "flashers",
        role,
        "--group=flashers",
    ]);
    space
        .eventually("the right", testbed::seconds(20), async || {
            (nowhere.run(&jane).2 == 0).then_some(())
        })
        .await;
    // The administrator's certificate does not count beside a token.
    space.kubectl(&["create", "serviceaccount", "robot"]);
    let token = space.kubectl(&["create", "token", "robot"]);
    let robot = ["list", "--kubeconfig", path, "--token", token.trim()];
    let (_, complaint) = ends(&nowhere, &robot, 1);
    let account = format!("--serviceaccount={}:robot", space.name);
    assert!(complaint.contains(&account), "{complaint}");
    for (option, name) in [
        ("--context", "other"),
        ("--cluster", "other"),
        ("--user", "other"),
    ] {
        let (_, complaint) = ends(&nowhere, &["list", "--kubeconfig", path, option, name], 1);
        let words = format!("cannot use {} other of the kubeconfig {path}", &option[2..]);
        assert!(complaint.contains(&words), "{complaint}");
    }
    let (said, _) = ends(
        &nowhere,
        &["version", "--kubeconfig", path, "-o", "json"],
        0,
    );
    assert!(
        document(&said)["kubernetes"]
            .as_str()
            .unwrap()
            .starts_with("v1.")
    );
}
