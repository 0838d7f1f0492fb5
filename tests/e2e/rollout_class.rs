//! What a FlashClass makes of jobs: allow rules, ceilings and suspend as they are now, defaults as the round began with them.
//!
//! Classes belong to no namespace, so each test names its own after its namespace; what concerns all classes has a control
//! plane of its own.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use testbed::{
    ControlPlane, Space, healthy,
    job::{Seen, job},
    seconds,
};

/// Generous: the tests run beside each other on small machines.
const PATIENCE: u64 = 150;

fn class(space: &Space, name: &str) -> Value {
    let text = space.kubectl(&["get", "flashclass", name, "-o", "json"]);
    serde_json::from_str(&text).unwrap()
}

fn patch(space: &Space, kind: &str, name: &str, patch: &Value) {
    space.kubectl(&[
        "patch",
        kind,
        name,
        "--type=merge",
        "-p",
        &patch.to_string(),
    ]);
}

async fn stalled(space: &Space, name: &str, reason: &str, words: &str) -> Seen {
    space
        .eventually(
            &format!("{reason} of FlashJob {name}"),
            seconds(PATIENCE),
            async || {
                let job = space.job(name);
                let status = &job.0["status"];
                let message = status["message"].as_str().unwrap_or_default();
                let said = status["reason"] == reason && message.contains(words);
                (said && job.is("Stalled") && !job.is("Finished") && !job.is("Accepted"))
                    .then_some(job)
            },
        )
        .await
}

fn names(job: &Seen) -> &Value {
    &job.0["status"]["flashClass"]["name"]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_suspended_class_starts_nothing_new_and_what_is_in_flight_ends() {
    let space = Space::new("class-suspend").await;
    let fleet = space.fleet(healthy(6, 4.0)).await;
    let _operator = space.operator(&[]);
    let name = format!("{}-lamps", space.name);
    space.put_class(
        &name,
        &json!({"maxParallelism": 2, "defaults": {"backoffLimitPerDevice": 1}}),
    );
    space.apply(
        &job(
            "lamps",
            &fleet.uuids(),
            &json!({"flashClassName": name, "parallelism": 6}),
        )
        .to_string(),
    );
    space
        .eventually("a flash under way", seconds(PATIENCE), async || {
            (space.births() > 0).then_some(())
        })
        .await;
    patch(
        &space,
        "flashclass",
        &name,
        &json!({"spec": {"suspend": true}}),
    );
    space
        .eventually("Suspended", seconds(PATIENCE), async || {
            let job = space.job("lamps");
            (job.is("Suspended") && job.0["status"]["reason"] == "ClassSuspended").then_some(())
        })
        .await;
    // What the status says holds: nothing is born after it.
    let born = space.births();
    let job = space
        .eventually(
            "an end of what is in flight",
            seconds(PATIENCE),
            async || Some(space.job("lamps")).filter(|job| job.count("inFlight") == 0),
        )
        .await;
    assert_eq!(space.births(), born, "{}", space.dump());
    assert_eq!(job.count("pending"), 6 - i64::try_from(born).unwrap());
    let status = &job.0["status"];
    assert_eq!(names(&job), &json!(name));
    assert_eq!(
        (
            &status["effective"]["parallelism"],
            &status["effective"]["backoffLimitPerDevice"]
        ),
        (&json!(2), &json!(1))
    );
    let message = status["message"].as_str().unwrap();
    assert!(
        message.contains(&format!("kubectl flashjob resume --class {name}")),
        "{message}"
    );
    space
        .eventually("the count of the class", seconds(PATIENCE), async || {
            let status = class(&space, &name)["status"].clone();
            (status["activeJobs"] == 1 && status["observedGeneration"] == 2).then_some(())
        })
        .await;
    patch(
        &space,
        "flashclass",
        &name,
        &json!({"spec": {"suspend": false}}),
    );
    let done = space.finished("lamps", PATIENCE).await;
    assert!(done.is("Complete") && !done.is("Suspended"), "{:#}", done.0);
    space.assert_flashed(&fleet, 1);
    assert!(space.control_plane.audit().peak("pods", &space.name) <= 2);
    space
        .eventually(
            "no active job of the class",
            seconds(PATIENCE),
            async || (class(&space, &name)["status"]["activeJobs"] == 0).then_some(()),
        )
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_class_does_not_allow_creates_nothing_until_an_administrator_allows_it() {
    let space = Space::new("class-allow").await;
    // One for each job: a device that was flashed comes back with another uid.
    let fleet = space.fleet(healthy(6, 0.2)).await;
    let uuids = fleet.uuids();
    let _operator = space.operator(&[]);
    let cases = [
        (
            "image",
            json!({"allowedFlashImages": ["registry.example.org/*"]}),
            "ImageNotAllowed",
            "flash:9",
        ),
        (
            "firmware",
            json!({"allowedFirmware": ["registry.example.org/*"]}),
            "FirmwareNotAllowed",
            "esp32-fmnist",
        ),
        (
            "digest",
            json!({"requireFirmwareDigest": true}),
            "FirmwareNotAllowed",
            "@sha256:",
        ),
        (
            "namespace",
            json!({"allowedJobNamespaces": {"from": "Selector", "selector": {"matchLabels": {"flash": "yes"}}}}),
            "NamespaceNotAllowed",
            "allowedJobNamespaces",
        ),
        (
            "invalid",
            json!({"defaults": {"values": {"podAnnotations": {"a": "{{ device.colour }}"}}}}),
            "FlashClassInvalid",
            "spec.defaults.values",
        ),
    ];
    let named = |case: &str| format!("{}-{case}", space.name);
    for ((case, rules, ..), uuid) in cases.iter().zip(&uuids) {
        space.put_class(&named(case), rules);
        let more = json!({"flashClassName": named(case), "flashjobPodImage": "registry.example.com/flash:9"});
        space.apply(&job(case, std::slice::from_ref(uuid), &more).to_string());
    }
    space.apply(
        &job(
            "vanished",
            &uuids[5..],
            &json!({"flashClassName": named("none")}),
        )
        .to_string(),
    );
    for (case, _, reason, words) in &cases {
        stalled(&space, case, reason, words).await;
    }
    stalled(
        &space,
        "vanished",
        "FlashClassNotFound",
        "kubectl get flashclasses",
    )
    .await;
    space
        .eventually(
            "the verdict on the invalid class",
            seconds(PATIENCE),
            async || {
                let accepted = class(&space, &named("invalid"))["status"]["conditions"][0].clone();
                let message = accepted["message"].as_str().unwrap_or_default();
                (accepted["status"] == "False" && message.contains("device.colour")).then_some(())
            },
        )
        .await;
    assert_eq!(space.births(), 0);
    assert_eq!(space.left_behind(), "");
    // Labels of the namespace count as they are now, and so does everything else.
    space.kubectl(&["label", "namespace", &space.name, "flash=yes"]);
    for case in ["firmware", "invalid"] {
        // Not {}: a spec that lost its last field in an apply would be none at all.
        space.put_class(&named(case), &json!({"allowedValuePaths": []}));
    }
    space.put_class(&named("none"), &json!({}));
    for case in ["firmware", "invalid", "namespace", "vanished"] {
        let done = space.finished(case, PATIENCE).await;
        assert!(done.is("Complete"), "{case}: {:#}", done.0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn devices_that_the_class_does_not_allow_fail_one_by_one_before_anything_is_created_for_them()
{
    let space = Space::new("class-devices").await;
    let fleet = space.fleet(healthy(3, 0.2)).await;
    let _operator = space.operator(&[]);
    let name = format!("{}-some", space.name);
    let allowed: Vec<String> = fleet.devices()[..2]
        .iter()
        .map(|device| device.endpoint.clone())
        .collect();
    let filter = json!({"matchExpressions": [{"property": "HOST_ENDPOINT", "operator": "In", "values": allowed}]});
    space.put_class(&name, &json!({"deviceFilter": filter}));
    space.apply(&job("some", &fleet.uuids(), &json!({"flashClassName": name})).to_string());
    let done = space.finished("some", PATIENCE).await;
    assert_eq!((done.count("succeeded"), done.count("failed")), (2, 1));
    let refused = done.device(&fleet.uuids()[2]);
    assert_eq!(refused["reason"], "DeviceNotAllowed");
    let message = refused["message"].as_str().unwrap();
    assert!(
        message.contains(&name) && message.contains("deviceFilter"),
        "{message}"
    );
    assert_eq!(space.births(), 2);
}

/// Values of an annotation on the Pods of a namespace.
fn annotated(space: &Space) -> BTreeSet<String> {
    let path = "jsonpath={range .items[*]}{.metadata.annotations.fleet}{\"\\n\"}{end}";
    let pods = space.kubectl(&["get", "pods", "-o", path]);
    pods.lines().map(str::to_owned).collect()
}

async fn finished_with(space: &Space, name: &str, values: &mut BTreeSet<String>) -> Seen {
    space
        .eventually("end of the job", seconds(PATIENCE), async || {
            values.append(&mut annotated(space));
            Some(space.job(name)).filter(|job| job.is("Finished"))
        })
        .await
}

fn annotation(text: &str, paths: &[&str]) -> Value {
    json!({"allowedValuePaths": paths, "defaults": {"parallelism": 1, "values": {"podAnnotations": {"fleet": text}}}})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn defaults_are_those_that_the_round_began_with_even_after_a_crash_and_rules_are_those_of_now()
 {
    let space = Space::new("class-freeze").await;
    let fleet = space.fleet(healthy(3, 1.5)).await;
    let mut operator = space.operator(&[]);
    let name = format!("{}-lamps", space.name);
    space.put_class(&name, &annotation("one-{{ device.type }}", &[]));
    let closed = json!({"flashClassName": name, "values": {"podLabels": {"mine": "yes"}}});
    space.apply(&job("lamps", &fleet.uuids(), &closed).to_string());
    // Which values a job may set is a rule: opened within the round, the job goes on.
    let refused = space.finished("lamps", PATIENCE).await;
    assert_eq!(refused.0["status"]["reason"], "ValueNotAllowed");
    space.put_class(&name, &annotation("one-{{ device.type }}", &["/podLabels"]));
    let mut seen = BTreeSet::new();
    space
        .eventually("a first flash", seconds(PATIENCE), async || {
            seen.append(&mut annotated(&space));
            (!seen.is_empty()).then_some(())
        })
        .await;
    // A default is not: it holds from the next round on.
    space.put_class(&name, &annotation("two", &["/podLabels"]));
    operator.kill();
    let stamped = space.job("lamps");
    assert_eq!(stamped.0["status"]["flashClass"]["generation"], 1);
    let mut operator = space.operator(&[]);
    let done = finished_with(&space, "lamps", &mut seen).await;
    assert!(done.is("Complete"), "{:#}", done.0);
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert!(
        seen.iter().all(|text| text.starts_with("one-esp32")),
        "{seen:?}"
    );

    // What is frozen is beside the selection and goes with the job; without it nothing starts, and what is stored stays.
    let stored =
        "jsonpath={range .items[*]}{.data.devices[*].uuid}{\" \"}{.data.class.name}{\"\\n\"}{end}";
    let stored = space.kubectl(&["get", "controllerrevisions", "-o", stored]);
    let selected = fleet.uuids().join(" ");
    assert_eq!(stored.trim(), format!("{selected} {name}"));
    patch(
        &space,
        "flashjob",
        "lamps",
        &json!({"spec": {"version": "0.3.0"}}),
    );
    space
        .eventually("a flash of the next round", seconds(PATIENCE), async || {
            annotated(&space).contains("two").then_some(())
        })
        .await;
    operator.kill();
    space.kubectl(&["delete", "controllerrevisions", "--all"]);
    let born = space.births();
    let _operator = space.operator(&[]);
    let lost = space
        .eventually("SelectionLost", seconds(PATIENCE), async || {
            let job = space.job("lamps");
            (job.0["status"]["reason"] == "SelectionLost").then_some(job)
        })
        .await;
    assert!(lost.is("Stalled"));
    let message = lost.0["status"]["message"].as_str().unwrap();
    assert!(message.contains("the selection of round 2"), "{message}");
    assert_eq!(lost.0["status"]["flashClass"]["generation"], 3);
    assert_eq!(space.births(), born);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn naming_another_class_within_a_round_gives_no_way_past_the_first() {
    let space = Space::new("class-edit").await;
    let fleet = space.fleet(healthy(3, 1.0)).await;
    let _operator = space.operator(&[]);
    let (strict, open) = (
        format!("{}-strict", space.name),
        format!("{}-open", space.name),
    );
    let rules = json!({"maxParallelism": 1, "allowedFirmware": ["registry.example.com/*"]});
    space.put_class(&strict, &rules);
    space.put_class(&open, &json!({"defaults": {"parallelism": 3}}));
    space.apply(&job("lamps", &fleet.uuids(), &json!({"flashClassName": strict})).to_string());
    space
        .eventually("a first flash", seconds(PATIENCE), async || {
            (space.births() > 0).then_some(())
        })
        .await;
    let edit = json!({"spec": {"flashClassName": open, "parallelism": 3}});
    patch(&space, "flashjob", "lamps", &edit);
    let done = space.finished("lamps", PATIENCE).await;
    assert!(done.is("Complete"));
    assert_eq!(names(&done), &json!(strict));
    assert_eq!(done.0["status"]["effective"]["parallelism"], 1);
    assert_eq!(space.control_plane.audit().peak("pods", &space.name), 1);
    // The next round is one of the other class.
    patch(
        &space,
        "flashjob",
        "lamps",
        &json!({"spec": {"version": "0.3.0", "uuid": [fleet.uuids()[0]]}}),
    );
    space
        .eventually("the next round", seconds(PATIENCE), async || {
            (names(&space.job("lamps")) == &json!(open)).then_some(())
        })
        .await;
}

async fn try_documented_pair(space: &Space, uuid: &str) {
    // The pair that the documentation shows is accepted, and one of them is the default class from now on.
    let sample = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/deploy/samples/flashclasses.yaml"
    );
    space.kubectl(&["apply", "--server-side", "-f", sample]);
    for name in ["production", "lab"] {
        space
            .eventually("an accepted class", seconds(PATIENCE), async || {
                let accepted = class(space, name)["status"]["conditions"][0].clone();
                (accepted["status"] == "True").then_some(())
            })
            .await;
    }
    space.apply(&job("locked", &[uuid.to_owned()], &json!({})).to_string());
    stalled(
        space,
        "locked",
        "NamespaceNotAllowed",
        "FlashClass production",
    )
    .await;
    let label = "flash.example.com/production=yes";
    space.kubectl(&["label", "namespace", &space.name, label]);
    stalled(space, "locked", "FirmwareNotAllowed", "allowedFirmware").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_chart_brings_the_default_class_and_without_any_or_without_the_kind_jobs_say_so() {
    let control_plane: &'static ControlPlane = Box::leak(Box::new(ControlPlane::start("classes")));
    let space = Space::on(control_plane, "class-default").await;
    // Installed on an empty cluster: the CRDs and the class came with one `helm install`.
    control_plane.operator_kubeconfig();
    assert_eq!(
        class(&space, "default")["spec"],
        json!({"allowedValuePaths": []})
    );
    let fleet = space.fleet(healthy(3, 0.2)).await;
    let uuids = fleet.uuids();
    let mut operator = space.operator(&[]);
    space.apply(&job("first", &uuids[..1], &json!({})).to_string());
    let done = space.finished("first", PATIENCE).await;
    assert_eq!(names(&done), &json!("default"));
    // An upgrade takes the class into the release, and can change it to and fro.
    let chart = |paths: &str| {
        let values = format!("--set-json=flashPod.allowedValuePaths={paths}");
        let upgrade = [
            "upgrade",
            "flashjob-operator",
            concat!(env!("CARGO_MANIFEST_DIR"), "/charts/flashjob-operator"),
            "--namespace=flashjob-system",
            "--set=controllerManager.replicas=0",
            &values,
        ];
        control_plane.helm(&upgrade);
        class(&space, "default")["spec"].clone()
    };
    for paths in ["[\"/resources\"]", "[]"] {
        let expected: Value = serde_json::from_str(paths).unwrap();
        assert_eq!(chart(paths), json!({"allowedValuePaths": expected}));
    }
    let manifest = control_plane.helm(&[
        "get",
        "manifest",
        "flashjob-operator",
        "--namespace=flashjob-system",
    ]);
    assert!(manifest.contains("kind: FlashClass"));

    space.kubectl(&["delete", "flashclass", "default"]);
    space.apply(&job("none", &uuids[1..2], &json!({})).to_string());
    stalled(
        &space,
        "none",
        "FlashClassNotFound",
        "kubectl annotate flashclass",
    )
    .await;
    space.put_class("other", &json!({}));
    space.kubectl(&[
        "annotate",
        "flashclass",
        "other",
        "flashjob.nbfc.io/is-default-class=true",
    ]);
    let done = space.finished("none", PATIENCE).await;
    assert_eq!(names(&done), &json!("other"));

    // An upgrade in the wrong order: the kind is not there yet.
    let kind = "flashclasses.application.flashjob.nbfc.io";
    let crd = space.kubectl(&["get", "crd", kind, "-o", "json"]);
    operator.kill();
    space.kubectl(&["delete", "crd", kind]);
    let mut operator = space.operator(&[]);
    space.apply(&job("early", &uuids[2..], &json!({})).to_string());
    stalled(&space, "early", "FlashClassNotFound", "install the CRDs").await;
    assert!(operator.ended().is_none(), "{}", operator.log());
    let mut crd: Value = serde_json::from_str(&crd).unwrap();
    crd["metadata"] = json!({"name": kind});
    crd["status"] = Value::Null;
    space.apply(&crd.to_string());
    space
        .eventually("the kind", seconds(PATIENCE), async || {
            let class = json!({
                "apiVersion": "application.flashjob.nbfc.io/v1alpha1", "kind": "FlashClass", "spec": {},
                "metadata": {"name": "default", "annotations": {"flashjob.nbfc.io/is-default-class": "true"}},
            });
            space.try_apply(&class.to_string()).ok()
        })
        .await;
    let done = space.finished("early", PATIENCE).await;
    assert!(done.is("Complete"), "{:#}", done.0);

    try_documented_pair(&space, &uuids[0]).await;
    drop(operator);
}
