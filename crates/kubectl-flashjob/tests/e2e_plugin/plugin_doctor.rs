//! What the doctor finds: all of it as an administrator, and as a person of one namespace what that person may see.

use serde_json::{Value, json};
use testbed::{Space, healthy, seconds};

use super::{ends, person};

/// The verdicts and words of a check.
fn of<'a>(document: &'a Value, check: &str) -> Vec<(&'a str, String)> {
    let items = document["items"].as_array().expect("items");
    let of_it = items.iter().filter(|item| item["check"] == check);
    let found = of_it.map(|item| {
        (
            item["verdict"].as_str().unwrap_or_default(),
            item.to_string(),
        )
    });
    found.collect()
}

/// How many findings hold these words.
fn findings_with(document: &Value, words: &str) -> usize {
    let items = document["items"].as_array().expect("items");
    let hold = |item: &&Value| item.to_string().contains(words);
    items.iter().filter(hold).count()
}

/// A Deployment as the chart makes it, in the namespace of the test: its operator runs beside the cluster.
fn deployment(space: &Space) {
    let watch = format!("--watch-namespaces={}", space.name);
    let labels = json!({"app": "flashjob-operator"});
    let object = json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "flashjob-operator", "namespace": space.name},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{
                    "name": "operator", "image": "registry.example/operator:1",
                    "args": ["run", watch, "--flash-pod-values-configmap=values"],
                }]},
            },
        },
    });
    space.apply(&object.to_string());
    let values = json!({"imagePullSecrets": [{"name": "pull"}]}).to_string();
    let from = format!("--from-literal=values.yaml={values}");
    space.kubectl(&["create", "configmap", "values", &from]);
    let ready = json!({"status": {"replicas": 1, "readyReplicas": 1}}).to_string();
    let patch = [
        "patch",
        "deployment",
        "flashjob-operator",
        "--subresource=status",
        "--type=merge",
        "-p",
        &ready,
    ];
    space.kubectl(&patch);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_doctor_says_what_is_in_order_and_names_the_rights_that_a_person_lacks() {
    let space = Space::new("plugin-doctor").await;
    let _fleet = space.fleet(healthy(2, 1.0)).await;
    let user = person(&space, "flashjob-user");
    deployment(&space);
    let admin = space.control_plane.kubeconfig("admin");
    let here = ["doctor", "--operator-namespace", &space.name];
    let admin = ["--kubeconfig", admin.to_str().unwrap()];
    let as_admin = [&here[..], &admin[..]].concat();
    let document = |words: &[&str], code: i32| -> Value {
        let (said, _) = ends(&user, &[words, &["-o", "json"]].concat(), code);
        serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"))
    };

    // No operator leads yet, and a Secret is missing.
    let found = document(&as_admin, 1);
    assert_eq!(found["kind"], "FindingList");
    assert_eq!(of(&found, "lease")[0].0, "FAIL", "{found:#}");
    let (verdict, words) = &of(&found, "secrets")[0];
    assert_eq!(*verdict, "FAIL", "{found:#}");
    assert!(words.contains("has no Secret pull"), "{words}");
    let (verdict, words) = &of(&found, "attestation")[0];
    assert_eq!(*verdict, "WARN", "{found:#}");
    assert!(words.contains("dice-auth-service"), "{words}");

    let _operator = space.operator(&["--engine", "native"]);
    space.kubectl(&["create", "secret", "generic", "pull"]);
    space.kubectl(&[
        "create",
        "service",
        "clusterip",
        "dice-auth-service",
        "--tcp=8000",
    ]);
    let found = space
        .eventually("an operator that leads", seconds(60), async || {
            let (said, _, code) = user.run(&[&as_admin[..], &["-o", "json"]].concat());
            (code == 0).then(|| serde_json::from_str::<Value>(&said).unwrap())
        })
        .await;
    for check in [
        "server",
        "kinds",
        "akri",
        "registry",
        "attestation",
        "secrets",
        "operator",
        "lease",
        "namespaces",
        "rights",
        "clock",
    ] {
        let all = of(&found, check);
        assert!(!all.is_empty(), "{check} in {found:#}");
        assert!(
            all.iter().all(|(verdict, _)| *verdict == "OK"),
            "{check}: {all:#?}"
        );
    }

    // A person of the namespace sees less, and is told why; nothing of it is a failure.
    let found = document(&here, 0);
    for (check, right) in [
        (
            "kinds",
            "get customresourcedefinitions.apiextensions.k8s.io in the whole cluster",
        ),
        (
            "classes",
            "list flashclasses.application.flashjob.nbfc.io in the whole cluster",
        ),
        ("addresses", "list services in namespace"),
        ("addresses", "create services in namespace"),
        ("attestation", "get services in namespace"),
        ("operator", "get deployments.apps in namespace"),
        ("lease", "get leases.coordination.k8s.io in namespace"),
        ("namespaces", "get deployments.apps in namespace"),
    ] {
        let all = of(&found, check);
        let named = format!("\"right\":\"{right}");
        let unknown =
            |(verdict, words): &(&str, String)| *verdict == "UNKNOWN" && words.contains(&named);
        assert!(all.iter().any(unknown), "{check} {right} in {all:#?}");
    }
    let rights = of(&found, "rights");
    let verdicts: Vec<_> = rights.iter().map(|(verdict, _)| *verdict).collect();
    assert_eq!(verdicts, ["OK", "WARN", "WARN", "OK", "OK"], "{rights:#?}");
    assert!(
        rights[1].1.contains("create flashjobs, patch flashjobs"),
        "{rights:#?}"
    );
    let (said, _) = ends(&user, &here, 0);
    assert!(said.contains("UNKNOWN  lease"), "{said}");

    // Rights are asked for by reviews, which are stored nowhere.
    let audit = space.control_plane.audit();
    let mut asked = audit
        .0
        .iter()
        .filter(|one| one.credential == user.credential);
    let wrote = asked.find(|one| one.is_write() && one.resource != "selfsubjectaccessreviews");
    assert_eq!(wrote, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_doctor_tries_a_service_and_creates_none_and_a_quota_without_room_is_told() {
    let space = Space::new("plugin-tries").await;
    let user = person(&space, "flashjob-user");
    let admin = space.control_plane.kubeconfig("admin");
    let admin = [
        "doctor",
        "--kubeconfig",
        admin.to_str().unwrap(),
        "-o",
        "json",
    ];
    // No operator leads, so that something fails in any case.
    let document = || -> Value { serde_json::from_str(&ends(&user, &admin, 1).0).unwrap() };
    let found = document();
    let takes = "takes a Service of type LoadBalancer: tried, and nothing created";
    assert_eq!(findings_with(&found, takes), 1, "{found:#}");
    assert_eq!(
        findings_with(&found, "are admitted by default"),
        1,
        "{found:#}"
    );
    assert_eq!(space.kubectl(&["get", "services", "-o", "name"]), "");
    space.kubectl(&["create", "quota", "none", "--hard=services.loadbalancers=0"]);
    space
        .eventually("the quota", seconds(30), async || {
            let found = document();
            (findings_with(&found, "exceeded quota: none") == 1).then_some(())
        })
        .await;
}
