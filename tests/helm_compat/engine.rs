//! The helm engine with real helm: what it leaves, and what it makes of helm's errors.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use flashjob_operator::{
    flash_pod::intent::{Intent, is_foreign},
    names::HELM_DIRECTORY_PREFIX,
};
use helm_chart::{Chart, File};
use helm_release::Attachment as _;
use helm_release::command::{Failure, Helm, Operation, Reason, Settings, Uninstall, Upgrade};
use helm_release::{ApplyMethod, Status, has_pod};
use rstest::rstest;
use serde_json::{Value, json};

use super::cluster::Cluster;
use super::fixture::{chart, install, intent, record};

const NAME: &str = "flash-7e4a6e7b-bee6-4fac-bdea-43d671baaa15";

async fn engine(cluster: &Cluster, helm: &str, kubeconfig: Option<PathBuf>) -> Helm {
    let settings = Settings {
        binary: Some(cluster.tools.join(helm)),
        kubeconfig,
        processes: 2,
        timeout: Duration::from_mins(1),
        grace: Duration::from_secs(5),
        history_max: 5,
        hooks: false,
        directory_prefix: HELM_DIRECTORY_PREFIX,
    };
    Helm::find(&settings).await.unwrap()
}

fn upgrade(cluster: &Cluster, revision: u32, values: Value) -> Upgrade {
    let mut labels = Intent::labels(Some(&intent()), revision);
    labels.insert("team".into(), "lab".into());
    Upgrade {
        release: NAME.into(),
        namespace: cluster.namespace.clone(),
        chart: Arc::new(chart()),
        values,
        attachment: Some(intent().to_file()),
        labels,
        description: "revision, with = and , in its text".into(),
    }
}

async fn run(helm: &Helm, upgrade: Upgrade) -> Result<(), Failure> {
    helm.start(Operation::Upgrade(Box::new(upgrade)))
        .await
        .unwrap()
        .await
        .result
}

#[rstest]
#[ignore = "needs a control plane: make test"]
#[tokio::test]
async fn two_upgrades_and_an_uninstall_are_the_life_of_a_release(
    #[values("helm", "helm3")] program: &str,
) {
    let cluster = Cluster::new(&format!("life{program}"));
    let helm = engine(&cluster, program, Some(cluster.kubeconfig.clone())).await;

    let text = "yes \u{85}\u{2028}\u{1F600} é \u{7f}\ttab \"quoted\" {{ x }}";
    assert_eq!(
        run(&helm, upgrade(&cluster, 1, json!({"text": text}))).await,
        Ok(())
    );
    let first = cluster.stored(NAME, 1);
    assert_eq!(
        (first.record.info.status, has_pod(&first.record.manifest)),
        (Status::Deployed, false)
    );
    assert_eq!(first.record.config, json!({"text": text}));
    assert_eq!(
        first.record.chart.metadata.app_version.as_deref(),
        Some("2.0.0")
    );
    assert_eq!(
        (first.record.attachment.clone(), is_foreign(&first)),
        (Some(intent()), false)
    );
    assert_eq!(
        first.record.info.description,
        "revision, with = and , in its text"
    );
    assert_eq!(
        first.record.apply_method == ApplyMethod::ServerSide,
        program == "helm"
    );
    assert_eq!(first.record.chart.files, chart().files);

    assert_eq!(
        run(
            &helm,
            upgrade(&cluster, 2, json!({"externalIP": "192.0.2.50"}))
        )
        .await,
        Ok(())
    );
    let second = cluster.stored(NAME, 2);
    assert!(has_pod(&second.record.manifest) && !is_foreign(&second));
    assert_eq!(second.record.config, json!({"externalIP": "192.0.2.50"}));
    assert_eq!(
        cluster.stored(NAME, 1).record.info.status,
        Status::Superseded
    );

    let uninstall = || {
        Operation::Uninstall(Uninstall {
            release: NAME.into(),
            namespace: cluster.namespace.clone(),
        })
    };
    for _ in 0..2 {
        assert_eq!(
            helm.start(uninstall()).await.unwrap().await.result,
            Ok(()),
            "the second finds nothing and is content"
        );
    }
    cluster.kubectl(
        &[
            "wait",
            "--for=delete",
            &format!("pod/{NAME}"),
            "--timeout=30s",
        ],
        "",
    );
    assert_eq!(cluster.leftovers(), "");
}

#[rstest]
#[ignore = "needs a control plane: make test"]
#[tokio::test]
async fn values_left_out_are_not_those_of_the_revision_before(
    #[values("helm", "helm3")] program: &str,
) {
    let cluster = Cluster::new(&format!("reset{program}"));
    let helm = engine(&cluster, program, Some(cluster.kubeconfig.clone())).await;
    run(&helm, upgrade(&cluster, 1, json!({"text": "old"})))
        .await
        .unwrap();
    run(&helm, upgrade(&cluster, 2, json!({}))).await.unwrap();
    assert_eq!(cluster.stored(NAME, 2).record.config, json!({}));
}

fn with_template(template: &str) -> Arc<Chart> {
    let mut chart = chart();
    Arc::make_mut(&mut chart.templates).push(File {
        name: "templates/zz.yaml".into(),
        data: template.into(),
    });
    Arc::new(chart)
}

/// Makes an upgrade fail, in the cluster or in the upgrade itself.
type Spoil = fn(&Cluster, &mut Upgrade);

#[rstest]
#[case::schema(|_: &Cluster, upgrade: &mut Upgrade| upgrade.values = json!({"text": 1}), Reason::SchemaViolation, "/text")]
#[case::nil(|_: &Cluster, upgrade: &mut Upgrade| upgrade.chart = with_template("{{ .Values.a.b }}"), Reason::TemplateError, "zz.yaml:1")]
#[case::fail(|_: &Cluster, upgrade: &mut Upgrade| upgrade.chart = with_template("{{ fail \"is forbidden: \" }}"), Reason::TemplateError, "zz.yaml:1")]
#[case::function(|_: &Cluster, upgrade: &mut Upgrade| upgrade.chart = with_template("{{ nope }}"), Reason::TemplateError, "nope")]
#[case::yaml(|_: &Cluster, upgrade: &mut Upgrade| upgrade.chart = with_template("a: ["), Reason::TemplateError, "zz.yaml")]
#[case::namespace(|_: &Cluster, upgrade: &mut Upgrade| upgrade.namespace = "nowhere".into(), Reason::NotFound, "nowhere")]
#[case::pending(|cluster: &Cluster, _: &mut Upgrade| install(cluster, &record(cluster, NAME, 1, Status::PendingInstall)), Reason::InProgress, "in progress")]
#[case::uninstalling(|cluster: &Cluster, _: &mut Upgrade| install(cluster, &record(cluster, NAME, 1, Status::Uninstalling)), Reason::NameInUse, "no deployed")]
#[case::quota(
    |cluster: &Cluster, _: &mut Upgrade| { cluster.kubectl(&["create", "quota", "q", "--hard=services=0"], ""); },
    Reason::QuotaExceeded,
    "services=0"
)]
#[case::pod_security(
    |cluster: &Cluster, upgrade: &mut Upgrade| {
        cluster.kubectl(&["label", "namespace", &cluster.namespace, "pod-security.kubernetes.io/enforce=baseline"], "");
        upgrade.values = json!({"externalIP": "192.0.2.50", "hostNetwork": true});
    },
    Reason::AdmissionDenied,
    "PodSecurity"
)]
#[case::owned_by_another(
    |cluster: &Cluster, _: &mut Upgrade| { cluster.kubectl(&["create", "service", "clusterip", NAME, "--tcp=1"], ""); },
    Reason::Conflict,
    "ownership"
)]
#[ignore = "needs a control plane: make test"]
#[tokio::test]
async fn an_error_of_helm_becomes_a_reason(
    #[case] spoil: Spoil,
    #[case] expected: Reason,
    #[case] says: &str,
    #[values("helm", "helm3")] program: &str,
) {
    let cluster = Cluster::new("error");
    let helm = engine(&cluster, program, Some(cluster.kubeconfig.clone())).await;
    let mut upgrade = upgrade(&cluster, 1, json!({}));
    spoil(&cluster, &mut upgrade);
    let failure = run(&helm, upgrade).await.unwrap_err();
    assert_eq!(failure.reason, expected, "{program}: {failure}");
    assert!(
        failure.message.contains(says) && failure.exit_code == Some(1),
        "{program}: {failure:?}"
    );
}

#[rstest]
#[ignore = "needs a control plane: make test"]
#[tokio::test]
async fn a_cluster_that_cannot_be_reached_is_told_from_one_that_is_not_configured(
    #[values("helm", "helm3")] program: &str,
) {
    let cluster = Cluster::new(&format!("reach{program}"));
    let missing = engine(&cluster, program, Some("/nonexistent/kubeconfig".into())).await;
    assert_eq!(
        run(&missing, upgrade(&cluster, 1, json!({})))
            .await
            .unwrap_err()
            .reason,
        Reason::NoKubernetes
    );
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("kubeconfig");
    std::fs::write(&path, kubeconfig(&cluster, "https://127.0.0.1:1", "none")).unwrap();
    let away = engine(&cluster, program, Some(path)).await;
    assert_eq!(
        run(&away, upgrade(&cluster, 1, json!({})))
            .await
            .unwrap_err()
            .reason,
        Reason::Unreachable
    );
}

#[rstest]
#[ignore = "needs a control plane: make test"]
#[tokio::test]
async fn a_right_that_is_missing_is_forbidden(#[values("helm", "helm3")] program: &str) {
    let cluster = Cluster::new(&format!("rbac{program}"));
    cluster.kubectl(&["create", "serviceaccount", "weak"], "");
    let token = cluster.kubectl(&["create", "token", "weak"], "");
    let config: Value = serde_json::from_str(
        &cluster.kubectl(&["config", "view", "--raw", "--minify", "-o", "json"], ""),
    )
    .unwrap();
    let server = config["clusters"][0]["cluster"]["server"]
        .as_str()
        .unwrap()
        .to_owned();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("kubeconfig");
    std::fs::write(&path, kubeconfig(&cluster, &server, token.trim())).unwrap();
    let helm = engine(&cluster, program, Some(path)).await;
    let failure = run(&helm, upgrade(&cluster, 1, json!({})))
        .await
        .unwrap_err();
    assert_eq!(failure.reason, Reason::Forbidden, "{failure}");
    assert!(failure.message.contains("secrets"), "{failure}");
}

/// A kubeconfig for another server or user.
fn kubeconfig(cluster: &Cluster, server: &str, token: &str) -> String {
    let config = cluster.kubectl(&["config", "view", "--raw", "--minify", "-o", "json"], "");
    let mut config: Value = serde_json::from_str(&config).unwrap();
    config["clusters"][0]["cluster"]["server"] = json!(server);
    config["users"][0]["user"] = json!({"token": token});
    config.to_string()
}

#[rstest]
#[ignore = "needs a control plane: make test"]
#[tokio::test]
async fn a_pod_that_runs_cannot_be_changed(#[values("helm", "helm3")] program: &str) {
    let cluster = Cluster::new(&format!("pod{program}"));
    let helm = engine(&cluster, program, Some(cluster.kubeconfig.clone())).await;
    run(
        &helm,
        upgrade(&cluster, 1, json!({"externalIP": "192.0.2.50"})),
    )
    .await
    .unwrap();
    let failure = run(
        &helm,
        upgrade(&cluster, 2, json!({"externalIP": "192.0.2.51"})),
    )
    .await
    .unwrap_err();
    assert_eq!(failure.reason, Reason::Invalid, "{failure}");
    assert!(
        failure.message.contains("may not change fields"),
        "{failure}"
    );
}

#[rstest]
#[case::client_side("helm3", Reason::Invalid)]
#[case::server_side("helm", Reason::Conflict)]
#[ignore = "needs a control plane: make test"]
#[tokio::test]
async fn a_pod_of_the_native_engine_cannot_be_changed_by_helm(
    #[case] program: &str,
    #[case] expected: Reason,
) {
    let cluster = Cluster::new(&format!("native{program}"));
    let helm = engine(&cluster, program, Some(cluster.kubeconfig.clone())).await;
    install(&cluster, &record(&cluster, NAME, 1, Status::Deployed));
    let failure = run(
        &helm,
        upgrade(&cluster, 2, json!({"externalIP": "192.0.2.51"})),
    )
    .await
    .unwrap_err();
    assert_eq!(failure.reason, expected, "{failure}");
}
