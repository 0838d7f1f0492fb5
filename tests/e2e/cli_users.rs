//! What the command line tells ordinary people: whatever they may not read, nothing that it says is false.

use std::{
    fs::File,
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use testbed::{Asking, Fleet, Params, Space, job::job, seconds};

/// The parts that could not be seen, sorted.
fn not_seen(foretold: &Value) -> Vec<&str> {
    let parts = foretold["notSeen"].as_array().into_iter().flatten();
    let mut parts: Vec<_> = parts.filter_map(|one| one["part"].as_str()).collect();
    parts.sort_unstable();
    parts
}

fn fates(foretold: &Value) -> Vec<&str> {
    let devices = foretold["devices"].as_array().into_iter().flatten();
    devices
        .filter_map(|device| device["fate"].as_str())
        .collect()
}

/// Waits until every device has another uid than those of old.
async fn rebooted(space: &Space, fleet: &Fleet, old: &[String]) {
    let reboot = async || {
        let listed = space.kubectl(&["get", "instances.akri.sh", "-o", "json"]);
        let listed: Value = serde_json::from_str(&listed).unwrap();
        let items = listed["items"].as_array().unwrap();
        let uid = |item: &Value| item["metadata"]["uid"].as_str().unwrap().to_owned();
        let new = items.iter().filter(|item| !old.contains(&uid(item)));
        (new.count() == fleet.devices().len()).then_some(())
    };
    space.eventually("reboot", seconds(60), reboot).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plan_of_a_job_that_has_run_finds_its_devices_again_as_the_operator_does_and_for_ordinary_people_too()
 {
    let space = Space::new("plan-again").await;
    let fleet = space
        .fleet(Params {
            devices: 3,
            flash_seconds: 1.0,
            reboot_seconds: 1.0,
            ..Params::default()
        })
        .await;
    let [all, user, viewer] = Asking::three(&space);
    let _operator = space.operator(&["--engine", "native"]);
    let uuids = fleet.uuids();
    let again = job("again", &uuids, &json!({}));
    space.apply(&again.to_string());
    space.finished("again", 120).await;
    rebooted(&space, &fleet, &uuids).await;

    let mut next = again.clone();
    next["spec"]["version"] = json!("0.3.0");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), next.to_string()).unwrap();
    let path = file.path().to_str().unwrap();
    let (foretold, code) = all.plan(&["-f", path]);
    assert_eq!(fates(&foretold), ["Flashed"; 3], "{foretold:#}");
    assert_eq!((code, not_seen(&foretold)), (0, Vec::new()), "{foretold:#}");

    // With rights in this namespace alone: the same devices, and what could not be seen.
    let (foretold, code) = user.plan(&["-f", path]);
    assert_eq!(fates(&foretold), ["Flashed"; 3], "{foretold:#}");
    let parts = vec!["classes", "instances", "settings"];
    assert_eq!((code, not_seen(&foretold)), (1, parts), "{foretold:#}");
    assert_eq!(foretold["exists"], true, "{foretold:#}");
    // With rights to FlashJobs alone: nothing that is not so.
    let (foretold, code) = viewer.plan(&["-f", path]);
    assert_eq!(code, 1, "{foretold:#}");
    assert_eq!(foretold["refusal"], Value::Null, "{foretold:#}");
    assert!(not_seen(&foretold).contains(&"stored"), "{foretold:#}");
    let output = viewer.text_of(&["plan", "-f", path]);
    for words in [
        "Not among what you may read",
        "you may not list controllerrevisions",
        "What could not be seen may.",
    ] {
        assert!(output.contains(words), "{words} in\n{output}");
    }
    // What is refused for certain is refused for everybody.
    next["spec"]["notAfter"] = json!("2001-01-01T00:00:00Z");
    std::fs::write(file.path(), next.to_string()).unwrap();
    for asking in [&all, &user, &viewer] {
        let (foretold, code) = asking.plan_of(File::open(path).unwrap().into(), &["-f", "-"]);
        assert_eq!(code, 3, "{foretold:#}");
        assert_eq!(foretold["refusal"]["reason"], "Expired", "{foretold:#}");
    }
    for asking in [all, user, viewer] {
        asking.assert_wrote_nothing();
    }
}

/// An operator as its chart would install it, with settings of its own; without a Pod.
fn installed(space: &Space, args: &[&str], values: &str) {
    let name = "flashjob-operator";
    let labels = json!({"app": name});
    let container =
        json!({"name": "operator", "image": "registry.example.com/operator:1", "args": args});
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {"replicas": 0, "selector": {"matchLabels": labels}, "template": {
            "metadata": {"labels": labels}, "spec": {"containers": [container]},
        }},
    });
    space.apply(&deployment.to_string());
    let values = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "chart-values"}, "data": {"values.yaml": values},
    });
    space.apply(&values.to_string());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plan_takes_settings_and_values_from_the_operator_of_the_cluster() {
    let space = Space::new("plan-settings").await;
    let fleet = space
        .fleet(Params {
            devices: 2,
            ..Params::default()
        })
        .await;
    let asking = Asking::new(&space);
    let name = "reads-settings";
    let rights = ["--verb=get", "--resource=deployments.apps,configmaps"];
    space.kubectl(&[&["create", "role", name][..], &rights].concat());
    asking.bind_as(name, "rolebinding", &format!("--role={name}"), &space.name);
    let spec = json!({"values": {"resources": {"limits": {"memory": "1Gi"}}}});
    let file = tempfile::NamedTempFile::new().unwrap();
    let future = job("future", &fleet.uuids(), &spec);
    std::fs::write(file.path(), future.to_string()).unwrap();
    let path = file.path().to_str().unwrap();
    let here = ["-f", path, "--operator-namespace", &space.name];
    let args = |more: &[&'static str]| {
        let common = ["run", "--flash-pod-values-configmap=chart-values"];
        [&common[..], more].concat()
    };

    let (foretold, code) = asking.plan(&here);
    assert_eq!(
        (code, not_seen(&foretold)),
        (1, vec!["settings"]),
        "{foretold:#}"
    );
    installed(
        &space,
        &args(&["--allowed-value-paths=/resources", "--max-in-flight=1"]),
        "",
    );
    let (foretold, code) = asking.plan(&here);
    assert_eq!(code, 0, "{foretold:#}");
    assert_eq!(foretold["duration"]["inFlight"], 1, "{foretold:#}");
    // What is given takes the place of what the operator has.
    let other = [&here[..], &["--allowed-value-paths", "/podLabels"]].concat();
    assert_eq!(asking.plan(&other).1, 3);
    installed(&space, &args(&[]), "");
    let (foretold, code) = asking.plan(&here);
    assert_eq!(code, 3, "{foretold:#}");
    assert_eq!(
        foretold["devices"][0]["reason"], "ValueNotAllowed",
        "{foretold:#}"
    );
    installed(
        &space,
        &args(&["--allowed-value-paths=/resources"]),
        "nodeSelector: {lan: '{{ device.properties.SITE }}'}",
    );
    let (foretold, code) = asking.plan(&here);
    assert_eq!(code, 3, "{foretold:#}");
    let message = foretold["devices"][0]["message"].as_str().unwrap();
    assert!(
        message.contains("ConfigMap chart-values values.yaml"),
        "{message}"
    );
    installed(&space, &args(&["--watch-namespaces=elsewhere"]), "");
    let (foretold, code) = asking.plan(&here);
    assert_eq!(code, 3, "{foretold:#}");
    assert_eq!(
        foretold["refusal"]["reason"], "NamespaceNotWatched",
        "{foretold:#}"
    );
    space.apply(&future.to_string());
    let text = asking.text(&["explain", "future", "--operator-namespace", &space.name]);
    let words = format!("the operator does not look at namespace {}", space.name);
    assert!(text.contains(&words), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn explain_tells_ordinary_people_the_same_reasons_or_that_they_may_not_know() {
    let space = Space::new("explain-user").await;
    let fleet = space
        .fleet(Params {
            devices: 4,
            flash_seconds: 300.0,
            ..Params::default()
        })
        .await;
    let [all, user, viewer] = Asking::three(&space);
    let _operator = space.operator(&["--engine", "native"]);
    let uuids = fleet.uuids();
    let spec = json!({"steps": [{"devices": 1}], "activeDeadlineSecondsPerDevice": 900});
    space.apply(&job("stepwise", &uuids, &spec).to_string());
    space
        .eventually("a flash", seconds(60), async || {
            let devices = space.job("stepwise").0["status"]["devices"].clone();
            (devices[0]["reason"] == "Flashing").then_some(())
        })
        .await;

    let groups = |asking: &Asking<'_>| {
        let said = asking.json(&["explain", "stepwise"]);
        let groups = said["notBegun"].as_array().unwrap().clone();
        let groups = groups
            .iter()
            .map(|group| (group["reason"].clone(), group["devices"].clone()));
        groups.collect::<Vec<_>>()
    };
    let expected = vec![(json!("StepNotReached"), json!(3))];
    for asking in [&all, &user, &viewer] {
        assert_eq!(groups(asking), expected, "{}", asking.account);
    }
    let device = |asking: &Asking<'_>| {
        let said = asking.json(&["explain", "stepwise", &uuids[3]]);
        (said["reason"].clone(), said["message"].clone())
    };
    assert_eq!(device(&all).0, "StepNotReached");
    assert_eq!(device(&user), device(&all));
    let (reason, message) = device(&viewer);
    assert_eq!(reason, "Unknown", "{message}");
    let words = "you may not list ControllerRevisions in namespace";
    assert!(message.as_str().unwrap().contains(words), "{message}");
    // Nor is a UUID that it cannot place said to be of no device.
    let stranger = "00000000-0000-4000-8000-00000000abcd";
    let placed =
        |asking: &Asking<'_>| asking.json(&["explain", "stepwise", stranger])["reason"].clone();
    assert_eq!(placed(&all), "NotRequested");
    assert_eq!(
        (placed(&user), placed(&viewer)),
        (json!("Unknown"), json!("Unknown"))
    );
    let patch = json!({"spec": {"suspend": true}}).to_string();
    space.kubectl(&[
        "patch",
        "flashjob",
        "stepwise",
        "--type=merge",
        "-p",
        &patch,
    ]);
    space
        .eventually("suspension", seconds(60), async || {
            let job = space.job("stepwise").0;
            (job["status"]["reason"] == "Suspended").then_some(())
        })
        .await;
    for asking in [&all, &user, &viewer] {
        assert_eq!(groups(asking)[0].0, "Suspended", "{}", asking.account);
        assert_eq!(device(asking).0, "Suspended", "{}", asking.account);
        let text = asking.text(&["explain", "stepwise"]);
        let suspended = text.lines().find(|line| line.contains("  Suspended: "));
        assert!(!suspended.unwrap().contains("until"), "{text}");
    }
    for asking in [all, user, viewer] {
        asking.assert_wrote_nothing();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_cluster_and_the_person_are_those_that_the_command_line_names() {
    let space = Space::new("context").await;
    let user = Asking::ordinary(&space, "flashjob-user");
    space.apply(
        &job(
            "here",
            &[],
            &json!({"uuid": ["00000000-0000-4000-8000-00000000abcd"]}),
        )
        .to_string(),
    );
    let ask = |arguments: &[&str]| {
        let output = Command::new(testbed::plugin())
            .env("KUBECONFIG", "/nonexistent")
            .args(["explain", "here", "-n", &space.name])
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        testbed::control_plane::answer(&output)
    };
    let path = user.kubeconfig.to_str().unwrap();
    let said = ask(&["--kubeconfig", path, "--context", "test", "-o", "yaml"]).unwrap();
    assert!(said.contains("\njob: here\n"), "{said}");
    let complaint = ask(&["--kubeconfig", path, "--context", "other"]).unwrap_err();
    let words = format!("cannot use context other of the kubeconfig {path}");
    assert!(complaint.contains(&words), "{complaint}");
    assert!(ask(&[]).unwrap_err().contains("no cluster to connect to"));
    user.assert_wrote_nothing();
}
