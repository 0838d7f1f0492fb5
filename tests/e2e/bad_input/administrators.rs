//! Mistakes of administrators: found when they are made, never blamed on a FlashJob, and mended without touching it.

use serde_json::{Value, json};

use testbed::{Operator, Space};

use super::{PATIENCE, Stage, condition, says, values::config_map};

/// Name of the `ConfigMap` with the administrator's values.
const CONFIG_MAP: &str = "flash-pod-values";
const ARGUMENTS: [&str; 2] = ["--flash-pod-values-configmap", CONFIG_MAP];

/// A warning about that object whose note has all of these words.
async fn warned(space: &Space, kind: &str, namespace: &str, words: &[&str]) {
    told(space, "Warning", kind, namespace, words).await;
}

/// An event of that type about that object whose note has all of these words.
pub(super) async fn told(
    space: &Space,
    severity: &str,
    kind: &str,
    namespace: &str,
    words: &[&str],
) {
    let says_all = |event: &Value| {
        let note = event["message"].as_str().unwrap_or_default();
        let about = &event["involvedObject"]["kind"];
        event["type"] == severity && about == kind && words.iter().all(|word| note.contains(word))
    };
    let what = format!("{severity} about a {kind} that says {words:?}");
    space
        .eventually(&what, PATIENCE, async || {
            let listed = space
                .control_plane
                .kubectl(&["-n", namespace, "get", "events", "-o", "json"]);
            let listed: Value = serde_json::from_str(&listed).unwrap();
            listed["items"]
                .as_array()?
                .iter()
                .any(says_all)
                .then_some(())
        })
        .await;
}

/// The metric of what administrators set and cannot be used.
async fn counted(space: &Space, operator: &Operator, setting: &str, count: &str) {
    let line = format!("flashjob_refused_settings{{setting=\"{setting}\"}} {count}");
    space
        .eventually(&line, PATIENCE, async || {
            let (_, page) = operator.page("/metrics")?;
            page.contains(&line).then_some(())
        })
        .await;
}

async fn stalled(stage: &Stage, job: &str, reason: &str, words: &[&str]) {
    let stalled = async || {
        let status = stage.status(job).await;
        let stalled = condition(&status, "Stalled");
        let said = stalled["status"] == "True" && stalled["reason"] == reason;
        said.then_some((status, stalled))
    };
    let what = format!("FlashJob {job} stalled by {reason}");
    let (status, stalled) = stage.space.eventually(&what, PATIENCE, stalled).await;
    says(&stalled, words);
    assert_ne!(condition(&status, "Failed")["status"], "True");
}

#[tokio::test]
async fn broken_values_at_run_time_leave_the_old_ones_in_force_and_are_told_on_the_config_map() {
    let stage = Stage::healthy("broken-at-run-time", 3, 0.5, &ARGUMENTS).await;
    let (space, uuids) = (&stage.space, stage.fleet.uuids());
    config_map(&stage, "podAnnotations: {type: '{{ device.type }}'}\n");
    counted(space, &stage.operator, "values", "0").await;
    for (edit, path) in [
        (
            "podAnnotations: {type: '{{ device.type }'}\n",
            "/podAnnotations/type",
        ),
        ("podAnnotatons: {type: other}\n", "/podAnnotatons"),
    ] {
        config_map(&stage, edit);
        let words = ["the last good values are kept", CONFIG_MAP, path];
        warned(space, "ConfigMap", &space.name, &words).await;
        counted(space, &stage.operator, "values", "1").await;
    }
    stage.flash("job", &uuids, Value::Null).await;
    let pod = stage.flashing(&uuids[0]).await;
    let pod = stage.api("v1", "Pod").get(&pod).await.unwrap();
    let annotations = pod.metadata.annotations.unwrap();
    assert_eq!(annotations["type"], "esp32s3", "the last good values");
    assert_eq!(stage.finished("job").await["counts"]["succeeded"], 3);
    config_map(&stage, "podAnnotations: {type: mended}\n");
    counted(space, &stage.operator, "values", "0").await;
}

#[tokio::test]
async fn an_unknown_key_of_the_values_stalls_jobs_until_it_is_mended_and_fails_none() {
    let stage = Stage::healthy("unknown-key", 1, 0.5, &ARGUMENTS).await;
    config_map(&stage, "nodeSelectr: {zone: lab}\n");
    stage.flash("job", &stage.fleet.uuids(), Value::Null).await;
    let words = [
        "flashPod.values of the operator",
        CONFIG_MAP,
        "/nodeSelectr",
        "no such key",
    ];
    stalled(&stage, "job", "ChartInvalid", &words).await;
    let space = &stage.space;
    warned(
        space,
        "ConfigMap",
        &space.name,
        &["no device starts", "/nodeSelectr"],
    )
    .await;
    counted(space, &stage.operator, "values", "1").await;
    assert_eq!(stage.births("pods"), 0);
    config_map(&stage, "podAnnotations: {type: mended}\n");
    assert_eq!(stage.finished("job").await["counts"]["succeeded"], 1);
}

#[tokio::test]
async fn an_unknown_key_of_a_class_stalls_its_jobs_until_it_is_mended_and_fails_none() {
    let stage = Stage::healthy("unknown-class-key", 2, 0.5, &[]).await;
    let (space, uuids) = (&stage.space, stage.fleet.uuids());
    let class = format!("{}-odd", space.name);
    space.put_class(
        &class,
        &json!({"defaults": {"values": {"nodeSelectr": {"zone": "lab"}}}}),
    );
    let named = json!({"flashClassName": class});
    stage.flash("job", &uuids[..1], named).await;
    let words = [
        class.as_str(),
        "spec.defaults.values: /nodeSelectr",
        "no such key",
    ];
    stalled(&stage, "job", "FlashClassInvalid", &words).await;
    // Operators of other tests, some without a chart that can be used, write the status of this class, too.
    let refused = async || {
        let class = space.kubectl(&["get", "flashclass", &class, "-o", "json"]);
        let class: Value = serde_json::from_str(&class).unwrap();
        let accepted = condition(&class["status"], "Accepted");
        (accepted["status"] == "False").then_some(accepted)
    };
    let refused = space
        .eventually("a class that is not accepted", PATIENCE, refused)
        .await;
    says(&refused, &["/nodeSelectr"]);
    warned(
        space,
        "FlashClass",
        "default",
        &["/nodeSelectr", "nothing of its FlashJobs starts"],
    )
    .await;
    // Another class is not kept from anything.
    stage.flash("other", &uuids[1..], Value::Null).await;
    assert_eq!(stage.finished("other").await["counts"]["succeeded"], 1);
    assert_eq!(stage.births("pods"), 1);
    space.put_class(
        &class,
        &json!({"defaults": {"values": {"podAnnotations": {"zone": "lab"}}}}),
    );
    assert_eq!(stage.finished("job").await["counts"]["succeeded"], 1);
}
