//! What administrators and jobs can change about the flash Pod.

use std::path::Path;

use serde_json::{Value, json};

use testbed::{
    Space,
    job::{FIRMWARE, job},
    seconds,
};

/// Name of the ConfigMap with the administrator's values.
const VALUES: &str = "flash-values";

fn set_values(space: &Space, values: &str) {
    let map = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": VALUES}, "data": {"values.yaml": values},
    });
    space.apply(&map.to_string());
}

/// The Pod of a job, once there is one.
async fn pod_of(space: &Space, name: &str) -> Value {
    let selector = format!("--selector=app={name}");
    space
        .eventually(&format!("Pod of {name}"), seconds(60), async || {
            let pods = space.kubectl(&["get", "pods", &selector, "-o", "json"]);
            let pods: Value = serde_json::from_str(&pods).unwrap();
            pods["items"].as_array()?.first().cloned()
        })
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_administrator_s_values_hold_for_all_devices_and_a_bad_edit_keeps_the_last_good_ones() {
    let space = Space::new("values").await;
    let fleet = space.healthy(4, 3.0).await;
    set_values(
        &space,
        "podAnnotations: {team: 'lamps of {{ device.type }}'}\nterminationGracePeriodSeconds: 77\n",
    );
    let operator = space.operator(&["--engine", "native", "--flash-pod-values-configmap", VALUES]);
    let loads = |text: &str| operator.log().matches(text).count();
    let flash = async |index: usize, name: &str| {
        space.apply(&job(name, &fleet.uuids()[index..=index], &Value::Null).to_string());
        let pod = pod_of(&space, name).await;
        let annotation = pod["metadata"]["annotations"]["team"]
            .as_str()
            .unwrap_or("none")
            .to_owned();
        (
            annotation,
            pod["spec"]["terminationGracePeriodSeconds"]
                .as_i64()
                .unwrap(),
        )
    };
    assert_eq!(flash(0, "first").await, ("lamps of esp32s3".into(), 77));

    let good = "chart values were loaded";
    let before = loads(good);
    set_values(&space, "podAnnotations: {team: doors}\n");
    space
        .eventually("reload", seconds(60), async || {
            (loads(good) > before).then_some(())
        })
        .await;
    assert_eq!(
        flash(1, "second").await,
        ("doors".into(), 300),
        "the chart's own where nothing is said"
    );

    let (good_loads, bad) = (loads(good), "the last good ones are kept");
    for (number, edit) in [
        "podAnnotations: {team: '{{ device.nothing }}'}\n",
        "podAnnotations: [\n",
    ]
    .iter()
    .enumerate()
    {
        set_values(&space, edit);
        space
            .eventually("refusal", seconds(60), async || {
                (loads(bad) > number).then_some(())
            })
            .await;
    }
    assert!(
        operator.log().contains("device.nothing"),
        "it says what is wrong"
    );
    assert_eq!(loads(good), good_loads);
    assert_eq!(flash(2, "third").await, ("doors".into(), 300));

    set_values(&space, "podAnnotations: {team: mended}\n");
    space
        .eventually("reload", seconds(60), async || {
            (loads(good) > good_loads).then_some(())
        })
        .await;
    assert_eq!(flash(3, "fourth").await.0, "mended");
    for name in ["first", "second", "third", "fourth"] {
        assert!(space.finished(name, 90).await.is("Complete"));
    }
    space.assert_flashed(&fleet, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_sets_its_image_and_open_paths_and_is_refused_on_closed_ones() {
    let space = Space::new("job-values").await;
    let fleet = space.healthy(3, 2.0).await;
    let uuids = fleet.uuids();
    let arguments = [
        "--engine",
        "native",
        "--allowed-value-paths",
        "/resources,/podLabels",
    ];
    let _operator = space.operator(&arguments);

    let image = "registry.example.com/flash:9";
    space.apply(&job("image", &uuids[0..1], &json!({"flashjobPodImage": image})).to_string());
    let memory = json!({"values": {"resources": {"limits": {"memory": "65Mi"}}}});
    space.apply(&job("open", &uuids[1..2], &memory).to_string());
    for (name, values) in [
        ("closed", json!({"nodeSelector": {"disk": "ssd"}})),
        ("owned", json!({"device": {"type": "esp8266"}})),
        ("wrong", json!({"resources": 7})),
    ] {
        space.apply(&job(name, &uuids[2..3], &json!({"values": values})).to_string());
    }

    let container = |pod: &Value| pod["spec"]["containers"][0].clone();
    assert_eq!(container(&pod_of(&space, "image").await)["image"], image);
    let resources = container(&pod_of(&space, "open").await)["resources"].clone();
    assert_eq!(
        (
            &resources["limits"]["memory"],
            &resources["requests"]["cpu"]
        ),
        (&json!("65Mi"), &json!("20m"))
    );
    for (name, reason, path) in [
        ("closed", "ValueNotAllowed", "/nodeSelector"),
        ("owned", "ValueConflict", "/device"),
        ("wrong", "ValuesInvalid", "/resources"),
    ] {
        let refused = space.finished(name, 60).await;
        let status = &refused.0["status"];
        assert_eq!(
            (&status["phase"], &status["reason"]),
            (&json!("Failed"), &json!(reason)),
            "{status:#}"
        );
        assert!(
            status["message"].as_str().unwrap().contains(path),
            "{status:#}"
        );
        assert!(refused.is("Failed"));
    }
    for name in ["image", "open"] {
        assert!(space.finished(name, 90).await.is("Complete"));
    }
    let births = space.control_plane.audit();
    assert_eq!(
        births.flashes(&space.name).get(&uuids[2]),
        None,
        "nothing was created for the jobs that were refused"
    );
    assert!(!births.0.iter().any(|request| {
        request.namespace == space.name
            && request.is_birth()
            && request.name.contains(&uuids[2])
            && request.resource == "secrets"
    }));
}

/// Copies a directory with everything in it.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_chart_takes_the_place_of_the_built_in_one() {
    let space = Space::new("chart").await;
    let fleet = space.healthy(1, 3.0).await;
    let directory = tempfile::tempdir().unwrap();
    let chart = directory.path().join("bench-flash");
    copy(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("charts/flash-pod"),
        &chart,
    );
    let edit = |file: &str, from: &str, to: &str| {
        let path = chart.join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file} has no {from:?}");
        std::fs::write(path, text.replacen(from, to, 1)).unwrap();
    };
    edit("Chart.yaml", "name: flash-pod", "name: bench-flash");
    edit(
        "device-values.yaml",
        "firmware:",
        "podAnnotations: {bench: \"{{ device.type }} at {{ device.address }}\"}\nfirmware:",
    );
    let container = "default-container: flash-container";
    edit(
        "templates/pod.yaml",
        container,
        &format!("{container}\n    bench.example/line: {{{{ .Values.firmware | quote }}}}"),
    );
    let _operator = space.operator(&[
        "--engine",
        "native",
        "--flash-pod-chart",
        chart.to_str().unwrap(),
    ]);
    space.apply(&job("bench", &fleet.uuids(), &Value::Null).to_string());
    let pod = pod_of(&space, "bench").await;
    assert_eq!(
        pod["metadata"]["annotations"]["bench.example/line"],
        FIRMWARE
    );
    let address = fleet.devices()[0].endpoint.clone();
    assert_eq!(
        pod["metadata"]["annotations"]["bench"],
        format!("esp32s3 at {}", address.split(':').next().unwrap())
    );
    let listed = space
        .eventually("release in flight", seconds(30), async || {
            space.releases().first().cloned()
        })
        .await;
    assert_eq!(listed["chart"], "bench-flash-0.1.0");
    assert!(space.finished("bench", 90).await.is("Complete"));
    space.assert_flashed(&fleet, 1);
}
