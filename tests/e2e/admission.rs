//! What the API server itself keeps, by the policies of the operator's chart: the warning of a time to live under a GitOps tool, and
//! the operator's confinement to its own objects.

use rstest::rstest;
use serde_json::{Value, json};

use crate::support::{Space, job::job, seconds};

fn uuids() -> [String; 1] {
    ["5f0c9a6e-0000-4000-8000-000000000001".to_owned()]
}

/// `kubectl create` of a FlashJob with these metadata; what it said beside its output. It must be accepted.
fn create(space: &Space, name: &str, manager: &str, metadata: &Value, spec: &Value) -> String {
    let mut object = job(name, &uuids(), spec);
    for (key, value) in metadata.as_object().unwrap() {
        object["metadata"][key] = value.clone();
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), object.to_string()).unwrap();
    let output = space
        .control_plane
        .command("kubectl")
        .args(["-n", &space.name, "create", "--field-manager", manager])
        .arg("-f")
        .arg(file.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    said
}

/// A space on which the policies of the chart are in force: the API server takes them up within a second or two.
async fn with_policies(name: &str) -> Space {
    let space = Space::new(name).await;
    space.control_plane.operator_kubeconfig();
    let tracked = json!({"annotations": {"argocd.argoproj.io/tracking-id": "fleet:first"}});
    let ttl = json!({"ttlSecondsAfterFinished": 60});
    space
        .eventually("policies in force", seconds(60), async || {
            let said = create(&space, "probe", "kubectl", &tracked, &ttl);
            space.kubectl(&["delete", "flashjob", "probe"]);
            said.contains("Warning:").then_some(())
        })
        .await;
    space
}

#[tokio::test]
async fn a_time_to_live_on_what_a_gitops_tool_tracks_is_accepted_with_a_warning() {
    let space = with_policies("ttl-tracked").await;
    let (instance, ttl) = (
        json!({"labels": {"app.kubernetes.io/instance": "fleet"}}),
        json!({"ttlSecondsAfterFinished": 0}),
    );
    let of = |kind: &str, key: &str| json!({kind: {key: "fleet"}});
    let cases = [
        (
            of("annotations", "argocd.argoproj.io/tracking-id"),
            "kubectl",
            "Argo CD",
        ),
        (
            of("labels", "argocd.argoproj.io/instance"),
            "kubectl",
            "Argo CD",
        ),
        (instance.clone(), "argocd-controller", "Argo CD"),
        (
            of("labels", "kustomize.toolkit.fluxcd.io/name"),
            "kubectl",
            "Flux",
        ),
        (
            of("labels", "helm.toolkit.fluxcd.io/name"),
            "kubectl",
            "Flux",
        ),
    ];
    for (number, (metadata, manager, tool)) in cases.iter().enumerate() {
        let said = create(
            &space,
            &format!("tracked-{number}"),
            manager,
            metadata,
            &ttl,
        );
        let expected = format!("and {tool}, which tracks it, creates it again");
        assert!(
            said.starts_with("Warning:") && said.contains(&expected),
            "{metadata}: {said}"
        );
    }
    let mine = json!({"labels": {"app.kubernetes.io/instance": "fleet", "app.kubernetes.io/managed-by": "Helm"}});
    let tracked = &cases[0].0;
    for (name, metadata, spec) in [
        ("untracked", &json!({}), &ttl),
        ("labelled", &mine, &ttl),
        ("endless", tracked, &Value::Null),
        ("unset", tracked, &json!({"ttlSecondsAfterFinished": null})),
    ] {
        assert_eq!(
            create(&space, name, "kubectl", metadata, spec),
            "",
            "{name}"
        );
    }
}

/// `kubectl ARGUMENTS` with the token of the operator's ServiceAccount.
fn as_operator(space: &Space, arguments: &[&str]) -> Result<String, String> {
    let kubeconfig = space.control_plane.operator_kubeconfig();
    space.try_kubectl(&[&["--kubeconfig", kubeconfig.to_str().unwrap()], arguments].concat())
}

#[rstest]
#[case::secret("secret", &["create", "secret", "generic", "foreign"])]
#[case::pod("pod", &["run", "foreign", "--image=registry.example.com/any:1"])]
#[case::service("service", &["create", "service", "clusterip", "foreign", "--tcp=80"])]
#[tokio::test]
async fn the_operator_s_token_does_not_write_what_is_not_the_operator_s(
    #[case] kind: &str,
    #[case] create: &[&str],
) {
    let space = with_policies("confined").await;
    space.control_plane.expect_refusals(&space.name, "*", "*");
    let marks = ["flashjob.nbfc.io/job-uid=mine"];
    let changes: [&[&str]; 4] = [
        create,
        &["delete", kind, "foreign"],
        &["annotate", kind, "foreign", "a=b"],
        // It cannot be made its own either.
        &[&["label", kind, "foreign"][..], &marks].concat(),
    ];
    for (number, change) in changes.iter().enumerate() {
        let refusal = as_operator(&space, change).unwrap_err();
        assert!(
            refusal.contains("'flashjob-operator-confinement' denied request"),
            "{change:?}: {refusal}"
        );
        if number == 0 {
            space.kubectl(create);
        }
    }
    let there = space.kubectl(&[
        "get",
        kind,
        "foreign",
        "-o=jsonpath={.metadata.annotations.a}",
    ]);
    assert_eq!(there, "");
}

#[tokio::test]
async fn the_operator_s_token_writes_no_release_of_others_and_changes_no_flashjob() {
    let space = with_policies("confined-jobs").await;
    space.control_plane.expect_refusals(&space.name, "*", "*");
    let secret = |name: &str, kind: &str| {
        let kind = format!("--type={kind}");
        as_operator(&space, &["create", "secret", "generic", name, &kind])
    };
    let release = "helm.sh/release.v1";
    secret("sh.helm.release.v1.shop.v1", release).unwrap_err();
    secret("sh.helm.release.v1.flash-a.v1", "Opaque").unwrap_err();
    secret("sh.helm.release.v1.flash-a.v1", release).unwrap();
    space.apply(&job("job", &uuids(), &Value::Null).to_string());
    let firmware = r#"{"spec": {"firmware": "registry.example.com/other:1"}}"#;
    for change in [
        &["patch", "flashjob", "job", "--type=merge", "-p", firmware][..],
        &["annotate", "flashjob", "job", "a=b"],
        &["delete", "flashjob", "job"],
    ] {
        let refusal = as_operator(&space, change).unwrap_err();
        assert!(refusal.contains("denied request"), "{change:?}: {refusal}");
    }
    let finalizers =
        r#"{"metadata": {"finalizers": ["application.flashjob.nbfc.io/flashjob-finalizer"]}}"#;
    as_operator(
        &space,
        &["patch", "flashjob", "job", "--type=merge", "-p", finalizers],
    )
    .unwrap();
    let none = r#"{"metadata": {"finalizers": null}}"#;
    as_operator(
        &space,
        &["patch", "flashjob", "job", "--type=merge", "-p", none],
    )
    .unwrap();
}
