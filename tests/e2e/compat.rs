//! Files and habits of the original operator's users.

use serde_json::{Value, json};

use testbed::{ControlPlane, Space, control_plane::answer, job::job, seconds};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_original_s_sample_flashes_its_device() {
    let space = Space::new("original").await;
    let fleet = space.healthy(1, 3.0).await;
    let _operator = space.operator(&[]);
    let [uuid] = &fleet.uuids()[..] else {
        panic!("one device was asked for")
    };
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/deploy/samples/flashjob-original.yaml"
    );
    // Files in the field name boards that the devices are not: that was ignored, and is.
    let file = std::fs::read_to_string(path)
        .unwrap()
        .replace("7e4a6e7b-bee6-4fac-bdea-43d671baaa15", uuid)
        .replace("  device:\n", "  device: esp32\n");
    space
        .control_plane
        .feed(&["-n", &space.name, "apply"], &file)
        .unwrap();

    let selector = format!("--selector=app=flashjob-original,uuid={uuid}");
    let pods = space
        .eventually("Pod with the labels of old", seconds(60), async || {
            let pods = space.kubectl(&["get", "pods,services", &selector, "-o", "json"]);
            let pods: Value = serde_json::from_str(&pods).unwrap();
            (pods["items"].as_array()?.len() == 2).then_some(pods)
        })
        .await;
    let pod = pods["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|object| object["kind"] == "Pod")
        .unwrap();
    let container = &pod["spec"]["containers"][0];
    assert_eq!(
        (&container["name"], &pod["spec"]["restartPolicy"]),
        (&json!("flash-container"), &json!("Never"))
    );
    let names: Vec<_> = container["env"]
        .as_array()
        .unwrap()
        .iter()
        .map(|env| env["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "FIRMWARE",
            "UUID",
            "HOST_ENDPOINT",
            "DEVICE",
            "APPLICATION_TYPE",
            "VERSION",
            "EXTERNAL_IP"
        ]
    );

    let done = space.finished("flashjob-original", 90).await;
    let status = &done.0["status"];
    assert_eq!(
        (&status["phase"], &status["completedUUIDs"]),
        (&json!("Completed"), &json!([uuid]))
    );
    assert_eq!(
        status["hostEndpoint"]
            .as_str()
            .unwrap()
            .trim_end_matches(":80"),
        fleet.devices()[0].endpoint
    );
    space.assert_flashed(&fleet, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uuids_that_are_overwritten_batch_after_batch_are_appended_to_the_round() {
    let space = Space::new("batches").await;
    let fleet = space.healthy(6, 2.0).await;
    let _operator = space.operator(&["--engine", "native"]);
    let uuids = fleet.uuids();
    let apply = |batch: &[String]| {
        let file = job("batches", batch, &Value::Null).to_string();
        space
            .control_plane
            .feed(&["-n", &space.name, "apply"], &file)
            .unwrap();
    };
    // The first batch is overwritten in flight, the second once it is done.
    apply(&uuids[0..2]);
    space
        .eventually("flashes of the first batch", seconds(60), async || {
            (fleet.journal().len() == 2).then_some(())
        })
        .await;
    apply(&uuids[2..4]);
    let second = space.finished("batches", 90).await;
    assert_eq!(
        (second.count("selected"), second.count("succeeded")),
        (4, 4),
        "{:#}",
        second.0["status"]
    );
    assert_eq!(
        second.0["status"]["completedUUIDs"],
        json!(uuids[2..4]),
        "of those that are named"
    );
    apply(&uuids[4..6]);
    space
        .eventually("flashes of the third batch", seconds(60), async || {
            (fleet.journal().len() == 6).then_some(())
        })
        .await;
    let done = space.finished("batches", 90).await;
    let status = &done.0["status"];
    assert_eq!(
        (
            &status["round"]["number"],
            &status["completedIndexes"],
            &status["progress"]
        ),
        (&json!(1), &json!("0-5"), &json!("6/6"))
    );
    assert_eq!(
        (
            done.count("selected"),
            done.count("succeeded"),
            &status["selection"]["count"]
        ),
        (6, 6, &json!(6))
    );
    assert!(done.is("Complete"));
    space.assert_flashed(&fleet, 1);
}

#[test]
fn a_misspelt_key_in_the_values_of_the_operator_s_chart_is_refused_by_name_by_helm_3_and_4() {
    let chart = concat!(env!("CARGO_MANIFEST_DIR"), "/charts/flashjob-operator");
    let control_plane = ControlPlane::shared();
    let template = |helm: &str, set: &str| {
        let mut command = control_plane.command(helm);
        command.args([
            "template",
            "op",
            chart,
            "--kube-version",
            "1.30.0",
            "--set-json",
            set,
        ]);
        answer(&command.output().unwrap())
    };
    for helm in ["helm", "helm3"] {
        for (set, place, name) in [
            (
                r#"flashClass.spec={"maxParalelism":5}"#,
                "flashClass",
                "maxParalelism",
            ),
            (
                r#"flashClass.spec={"defaults":{"paralelism":5}}"#,
                "defaults",
                "paralelism",
            ),
            (r#"flashPod.values={"resource":{}}"#, "flashPod", "resource"),
            (r#"flashPod.values={"image":{"repo":"x"}}"#, "image", "repo"),
        ] {
            let complaint = template(helm, set).unwrap_err();
            assert!(
                complaint.contains(place) && complaint.contains(name),
                "{helm}: {complaint}"
            );
        }
        let class = template(
            helm,
            r#"flashClass.spec={"maxParallelism":5,"suspend":null}"#,
        )
        .unwrap();
        assert!(class.contains("maxParallelism: 5"), "{helm}");
    }
}

#[test]
fn a_namespace_that_does_not_exist_is_said_before_anything_is_installed_and_the_same_command_works_once_it_does()
 {
    let chart = concat!(env!("CARGO_MANIFEST_DIR"), "/charts/flashjob-operator");
    let control_plane = ControlPlane::start("namespaces");
    let install = |helm: &str| {
        let words = "upgrade --install op -n flashjob-system --create-namespace --set watchNamespaces={fleet}";
        let mut command = control_plane.command(helm);
        command.args(words.split(' ')).arg(chart);
        answer(&command.output().unwrap())
    };
    for helm in ["helm", "helm3"] {
        let complaint = install(helm).unwrap_err();
        let expected = "do not exist: fleet. Nothing was installed. Create them, then repeat this command: kubectl create namespace fleet";
        assert!(complaint.contains(expected), "{helm}: {complaint}");
        let made = ["get", "deployments,crds,clusterroles", "-A", "-o", "name"];
        let made = control_plane.kubectl(&made);
        assert!(!made.contains("flash"), "{helm}: {made}");
    }
    control_plane.kubectl(&["create", "namespace", "fleet"]);
    install("helm").unwrap();
    let deployed = control_plane.helm(&["list", "-n", "flashjob-system", "-q"]);
    assert_eq!(deployed.trim(), "op");
}
