//! An installation of the original operator by kubectl is taken over, step by step, as docs/migration.md says.

use serde_json::{Value, json};

use testbed::{
    ControlPlane, Operator, Space,
    control_plane::{OPERATOR_NAMESPACE, run},
    job::job,
    seconds,
};

const PAGE: &str = include_str!("../../docs/migration.md");
const ORIGINAL: &str = include_str!("migration/original.yaml");
const CRD: &str = "flashjobs.application.flashjob.nbfc.io";

/// The words of a command that the page shows, without the program.
fn of_page(command: &'static str) -> Vec<&'static str> {
    assert!(
        PAGE.contains(&format!("\n{command}\n")),
        "not on the page: {command}"
    );
    command.split(' ').skip(1).collect()
}

/// A FlashJob as the original's users wrote it, applied as they did, while it leads.
fn original_at_work(space: &Space, uuids: &[String]) -> String {
    let plane = space.control_plane;
    plane.feed(&["apply"], ORIGINAL).unwrap();
    let wait = format!("crd/{CRD}");
    plane.kubectl(&["wait", "--for=condition=Established", &wait]);
    let mut old = job("old", uuids, &Value::Null);
    for field in ["hostEndpoint", "device", "applicationType", "externalIP"] {
        old["spec"][field] = Value::Null;
    }
    let feed = ["-n", &space.name, "apply", "--validate=false"];
    plane.feed(&feed, &old.to_string()).unwrap();
    let lease = json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"name": flashjob_operator::names::LEASE, "namespace": "operator-system"},
        "spec": {"holderIdentity": "operator-controller-manager-5d5f_1", "leaseDurationSeconds": 15, "renewTime": "2026-01-01T00:00:00.000000Z"},
    });
    plane.feed(&["apply"], &lease.to_string()).unwrap();
    space.kubectl(&["get", "flashjob", "old", "-o=jsonpath={.metadata.uid}"])
}

/// Installs the chart as the page says, where it says that other ways fail.
fn install(plane: &ControlPlane) {
    let shown = "helm install flashjob-operator charts/flashjob-operator -n flashjob-system --create-namespace --take-ownership --force-conflicts";
    let words = of_page(shown);
    let flags = ["--take-ownership", "--force-conflicts"];
    assert!(words.ends_with(&flags));
    let try_install = |flags: &[&str]| {
        let chart = concat!(env!("CARGO_MANIFEST_DIR"), "/charts/flashjob-operator");
        let install = [
            "install",
            "--dry-run=server",
            "flashjob-operator",
            chart,
            "-n",
            OPERATOR_NAMESPACE,
        ];
        let output = plane
            .command("helm")
            .args(install)
            .args(flags)
            .output()
            .unwrap();
        (
            output.status.success(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    };
    let (done, said) = try_install(&[]);
    assert!(
        !done && said.contains("cannot be imported into the current release"),
        "{said}"
    );
    let crd = std::fs::read_to_string(format!("{}/crds/{CRD}.yaml", env!("CARGO_MANIFEST_DIR")));
    let apply = [
        "apply",
        "--server-side",
        "--dry-run=server",
        "--field-manager=helm",
    ];
    let conflicts = plane.feed(&apply, &crd.unwrap()).unwrap_err();
    assert!(
        conflicts.contains("conflict with \"kubectl-client-side-apply\""),
        "{conflicts}"
    );
    plane.install_operator(&flags);
}

async fn logs(space: &Space, operator: &Operator, words: &str) {
    let said = async || operator.log().contains(words).then_some(());
    space.eventually(words, seconds(120), said).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_installation_of_the_original_by_kubectl_is_taken_over_as_the_page_says() {
    // It stops by itself when this process has ended.
    let plane: &'static ControlPlane = Box::leak(Box::new(ControlPlane::start("migration")));
    let space = Space::on(plane, "lab").await;
    let fleet = space.healthy(1, 2.0).await;
    let uid = original_at_work(&space, &fleet.uuids());

    // Whoever forgets the first step is told.
    install(plane);
    let operator = space.operator(&["--ignored-operators", "no-namespace"]);
    let scale =
        "kubectl scale deployment -n operator-system operator-controller-manager --replicas=0";
    let in_the_way =
        format!("Deployment operator-system/operator-controller-manager has 1 replicas: {scale}");
    logs(&space, &operator, &in_the_way).await;
    let (status, text) = operator.page("/readyz").unwrap();
    assert_eq!(status, 503);
    assert!(text.contains(&in_the_way), "{text}");
    assert!(
        !operator.log().contains("leading identity="),
        "{}",
        operator.log()
    );

    plane.kubectl(&of_page(scale));
    logs(&space, &operator, "leading identity=").await;
    let done = space.finished("old", 180).await;
    assert!(done.is("Complete"), "{:#}", done.0["status"]);
    assert_eq!(done.0["metadata"]["uid"], uid.as_str(), "the same FlashJob");
    space.assert_flashed(&fleet, 1);

    for command in [
        "kubectl get flashjobs --all-namespaces",
        "kubectl delete clusterrolebinding operator-manager-rolebinding operator-metrics-auth-rolebinding",
        "kubectl delete clusterrole operator-manager-role operator-metrics-auth-role operator-metrics-reader operator-flashjob-editor-role operator-flashjob-viewer-role",
        "kubectl delete namespace operator-system",
    ] {
        plane.kubectl(&of_page(command));
    }
    // Of all that was installed nothing is left but the CRD.
    let left = run(plane.command("kubectl").args([
        "get",
        "clusterroles,clusterrolebindings,crds",
        "-o",
        "name",
    ]));
    for object in serde_saphyr::from_multiple::<Value>(ORIGINAL).unwrap() {
        let (kind, name) = (
            object["kind"].as_str().unwrap(),
            object["metadata"]["name"].as_str().unwrap(),
        );
        let line = format!("{}.", kind.to_lowercase());
        let there = left
            .lines()
            .any(|one| one.starts_with(&line) && one.ends_with(&format!("/{name}")));
        assert_eq!(
            there,
            kind == "CustomResourceDefinition",
            "{kind} {name}: {left}"
        );
    }
    let kept = space.kubectl(&["get", "flashjob", "old", "-o=jsonpath={.metadata.uid}"]);
    assert_eq!(kept, uid);
}
