//! Real Helm 3 and 4 on the releases of the native engine, and the helm engine with both, on a real control plane.
//!
//! `KUBECONFIG` names the cluster, `FLASHJOB_TOOLS` the directory with helm, helm3 and kubectl. Every test has its own namespace.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should say where"
)]

#[path = "helm_compat/cluster.rs"]
mod cluster;
#[path = "helm_compat/engine.rs"]
mod engine;
#[path = "helm_compat/fixture.rs"]
mod fixture;

use cluster::{Cluster, HELMS};
use fixture::{install, intent, record};
use flashjob_operator::flash_pod::intent::is_foreign;
use helm_release::{Status, objects};
use rstest::rstest;
use serde_json::{Value, json};

const STATES: [Status; 4] = [
    Status::PendingInstall,
    Status::Deployed,
    Status::Failed,
    Status::Uninstalling,
];

/// A name for a release in that state.
fn named(status: Status) -> String {
    format!("flash-{status}")
}

#[test]
#[ignore = "needs a control plane: make test"]
fn helm_shows_native_releases_in_every_state() {
    let cluster = Cluster::new("shows");
    for status in STATES {
        install(&cluster, &record(&cluster, &named(status), 1, status));
    }
    for helm in HELMS {
        // Helm 3 hides what is pending unless it is asked; Helm 4 has no such flag.
        let all: &[&str] = if helm == "helm3" { &["--all"] } else { &[] };
        let listed: Value =
            serde_json::from_str(&cluster.ok(helm, &[&["list", "-o", "json"], all].concat(), ""))
                .unwrap();
        let mut rows: Vec<_> = listed
            .as_array()
            .unwrap()
            .iter()
            .map(|row| {
                (
                    row["name"].as_str().unwrap(),
                    row["status"].as_str().unwrap(),
                    row["app_version"].as_str().unwrap(),
                )
            })
            .collect();
        rows.sort_unstable();
        let names = STATES.map(named);
        let mut expected: Vec<_> = STATES
            .iter()
            .zip(&names)
            .map(|(status, name)| (name.as_str(), status.as_str(), "2.0.0"))
            .collect();
        expected.sort_unstable();
        assert_eq!(rows, expected, "{helm}");
        assert_eq!(
            cluster
                .ok(helm, &[&["list", "-q", "-l", "team=lab"], all].concat(), "")
                .lines()
                .count(),
            4
        );
        for status in STATES {
            shows(&cluster, helm, status);
        }
    }
}

fn shows(cluster: &Cluster, helm: &str, status: Status) {
    let name = named(status);
    let record = record(cluster, &name, 1, status);
    let shown = cluster.ok(helm, &["status", &name], "");
    assert!(
        shown.contains(&format!("STATUS: {status}")) && shown.contains("look at the log"),
        "{helm}: {shown}"
    );
    let history: Value =
        serde_json::from_str(&cluster.ok(helm, &["history", &name, "-o", "json"], "")).unwrap();
    assert_eq!(
        history[0]["description"],
        format!("told by {status}"),
        "{helm}"
    );
    assert_eq!(history[0]["chart"], "flash-test-0.1.0", "{helm}");
    let values: Value =
        serde_json::from_str(&cluster.ok(helm, &["get", "values", &name, "-o", "json"], ""))
            .unwrap();
    assert_eq!(values, record.config, "{helm}");
    let merged: Value = serde_json::from_str(&cluster.ok(
        helm,
        &["get", "values", &name, "--all", "-o", "json"],
        "",
    ))
    .unwrap();
    assert_eq!(
        (&merged["externalIP"], &merged["image"]),
        (&json!("192.0.2.50"), &json!("example.invalid/flash:1")),
        "{helm}"
    );
    assert_eq!(
        cluster.ok(helm, &["get", "manifest", &name], "").trim_end(),
        record.manifest.trim_end(),
        "{helm}"
    );
    let all = cluster.ok(helm, &["get", "all", &name], "");
    assert!(
        all.contains("kind: Service") && !all.contains("nonce"),
        "{helm}: {all}"
    );
}

#[rstest]
#[ignore = "needs a control plane: make test"]
fn helm_uninstalls_native_releases_in_every_state_and_leaves_nothing(
    #[values("helm", "helm3")] helm: &str,
) {
    let cluster = Cluster::new(&format!("un{helm}"));
    for status in STATES {
        let name = named(status);
        install(&cluster, &record(&cluster, &name, 1, status));
        cluster.ok(helm, &["uninstall", &name], "");
        cluster.kubectl(
            &[
                "wait",
                "--for=delete",
                &format!("pod/{name}"),
                "--timeout=30s",
            ],
            "",
        );
        assert_eq!(cluster.leftovers(), "", "{helm} {status}");
    }
}

#[rstest]
#[ignore = "needs a control plane: make test"]
fn a_record_that_helm_uninstalls_but_keeps_still_bears_the_intent(
    #[values("helm", "helm3")] helm: &str,
) {
    let cluster = Cluster::new(&format!("keep{helm}"));
    install(&cluster, &record(&cluster, "flash-a", 1, Status::Deployed));
    cluster.ok(helm, &["uninstall", "flash-a", "--keep-history"], "");
    let stored = cluster.stored("flash-a", 1);
    assert_eq!(stored.record.info.status, Status::Uninstalled);
    assert_eq!(stored.record.attachment, Some(intent()));
    assert!(!is_foreign(&stored));
    assert!(stored.modified_at.is_some());
}

#[rstest]
#[ignore = "needs a control plane: make test"]
fn a_rollback_by_hand_is_foreign_although_it_copies_the_intent(
    #[values("helm", "helm3")] helm: &str,
) {
    let cluster = Cluster::new(&format!("back{helm}"));
    install(&cluster, &record(&cluster, "flash-a", 1, Status::Failed));
    install(&cluster, &record(&cluster, "flash-a", 2, Status::Deployed));
    cluster.ok(helm, &["rollback", "flash-a", "1"], "");
    let stored = cluster.stored("flash-a", 3);
    assert_eq!(stored.record.info.status, Status::Deployed);
    assert_eq!(stored.record.attachment, Some(intent()));
    assert!(is_foreign(&stored));
    assert!(!is_foreign(&cluster.stored("flash-a", 2)));
    assert_eq!(objects(&stored.record.manifest).unwrap().len(), 2);
}

#[rstest]
#[ignore = "needs a control plane: make test"]
fn a_first_revision_cannot_be_rolled_back(#[values("helm", "helm3")] helm: &str) {
    let cluster = Cluster::new(&format!("first{helm}"));
    install(
        &cluster,
        &record(&cluster, "flash-a", 1, Status::PendingInstall),
    );
    let refused = cluster.refused(helm, &["rollback", "flash-a"]);
    assert!(refused.contains("has no 0 version"), "{refused}");
}

#[rstest]
#[ignore = "needs a control plane: make test"]
fn an_upgrade_by_hand_is_foreign_and_has_no_intent(#[values("helm", "helm3")] helm: &str) {
    let cluster = Cluster::new(&format!("up{helm}"));
    install(&cluster, &record(&cluster, "flash-a", 1, Status::Deployed));
    let directory = tempfile::tempdir().unwrap();
    for file in fixture::chart().templates.iter() {
        let path = directory.path().join(&file.name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, &file.data).unwrap();
    }
    std::fs::write(
        directory.path().join("Chart.yaml"),
        "{apiVersion: v2, name: flash-test, version: 0.1.0}",
    )
    .unwrap();
    let chart = directory.path().to_str().unwrap();
    let values = "--set=externalIP=192.0.2.50";
    // The objects were applied by the operator's field manager with the same content: no conflict.
    cluster.ok(
        helm,
        &["upgrade", "flash-a", chart, "--reuse-values", values],
        "",
    );
    let stored = cluster.stored("flash-a", 2);
    assert_eq!(stored.record.attachment, None);
    assert!(is_foreign(&stored));
    assert_eq!(stored.labels["team"], "lab");
}
