//! What the API server itself keeps, by the policies of the operator's chart: the warning of a time to live under a GitOps tool, and
//! the operator's confinement to its own objects.

use rstest::rstest;
use serde_json::{Value, json};

use testbed::{Asking, Space, job::job, seconds};

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

/// The objects of this template of the operator's chart, with these values.
fn rendered(space: &Space, template: &str, values: &[&str]) -> Vec<Value> {
    let chart = concat!(env!("CARGO_MANIFEST_DIR"), "/charts/flashjob-operator");
    let show = ["--show-only", template];
    let rendered = space.helm(&[&["template", "op", chart], &show[..], values].concat());
    serde_saphyr::from_multiple(&rendered).unwrap()
}

#[tokio::test]
async fn whoever_creates_a_job_where_no_operator_watches_is_warned_and_not_refused() {
    let space = Space::new("unwatched").await;
    space.control_plane.operator_kubeconfig(); // its chart brings the CRDs
    let values = ["--set", "watchNamespaces={fleet,lab}"];
    let mut objects = rendered(&space, "templates/watch-warning.yaml", &values);
    let name = format!("flashjob-watch-warning-{}", space.name);
    for object in &mut objects {
        object["metadata"]["name"] = json!(name);
        if object["kind"] == "ValidatingAdmissionPolicyBinding" {
            object["spec"]["policyName"] = json!(name);
            // Other tests create FlashJobs in namespaces of their own.
            let here = json!({"matchLabels": {"kubernetes.io/metadata.name": space.name}});
            object["spec"]["matchResources"] = json!({"namespaceSelector": here});
        }
        space.apply(&object.to_string());
    }
    let said = space
        .eventually("the policy in force", seconds(60), async || {
            let said = create(&space, "probe", "kubectl", &json!({}), &Value::Null);
            space.kubectl(&["delete", "flashjob", "probe"]);
            (!said.is_empty()).then_some(said)
        })
        .await;
    for kind in ["binding", ""] {
        space.kubectl(&["delete", &format!("validatingadmissionpolicy{kind}"), &name]);
    }
    let expected = format!(
        "the operator does not watch namespace {0}: this FlashJob stays as it is, without a phase. The operator watches fleet, lab: \
         create the FlashJob there, or have an administrator add the namespace to watchNamespaces of release op in namespace {0}.",
        space.name
    );
    assert!(
        said.starts_with("Warning:") && said.contains(&expected),
        "{said}"
    );
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
    let refused = |answer: Result<String, String>| {
        let refusal = answer.unwrap_err();
        let policy = "'flashjob-operator-confinement' denied request";
        assert!(refusal.contains(policy), "{refusal}");
    };
    refused(as_operator(&space, create));
    space.kubectl(create);
    refused(as_operator(&space, &["delete", kind, "foreign"]));
    // It cannot be changed, and not be made the operator's own either.
    for (field, key) in [("annotations", "a"), ("labels", "flashjob.nbfc.io/job-uid")] {
        let object = space.kubectl(&["get", kind, "foreign", "-o", "json"]);
        let mut object: Value = serde_json::from_str(&object).unwrap();
        object["metadata"][field][key] = json!("b");
        let patch = json!({"metadata": {field: {key: "b"}}}).to_string();
        // Of Secrets it may not patch even its own.
        refused(if kind == "secret" {
            let kubeconfig = space.control_plane.operator_kubeconfig();
            let replace = ["--kubeconfig", kubeconfig.to_str().unwrap(), "replace"];
            space.control_plane.feed(&replace, &object.to_string())
        } else {
            as_operator(&space, &["patch", kind, "foreign", "-p", &patch])
        });
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

#[rstest]
#[case::native("native")]
#[case::helm("helm")]
#[tokio::test]
async fn a_kind_that_the_administrator_adds_comes_and_goes_with_its_flash(#[case] engine: &str) {
    let space = with_policies("extra-kind").await;
    let fleet = space.healthy(1, 4.0).await;
    let values = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "values"},
        "data": {"values.yaml": "networkPolicy: {enabled: true}"},
    });
    space.apply(&values.to_string());
    let kind = "networking.k8s.io/v1/NetworkPolicy";
    let more = [
        "--flash-pod-values-configmap",
        "values",
        "--extra-kinds",
        kind,
    ];
    let _operator = space.operator(&[&["--engine", engine], &more[..]].concat());
    space.apply(&job("guarded", &fleet.uuids(), &Value::Null).to_string());
    let policies = || space.kubectl(&["get", "networkpolicies", "-o", "name"]);
    space
        .eventually("a NetworkPolicy", seconds(120), async || {
            policies().contains(&fleet.uuids()[0]).then_some(())
        })
        .await;
    let done = space.finished("guarded", 180).await;
    assert!(done.is("Complete"), "{:#}", done.0["status"]);
    space
        .eventually("its end", seconds(60), async || {
            policies().is_empty().then_some(())
        })
        .await;
}

/// A Pod that is the operator's by name and label.
fn flash_pod() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "flash-confined", "labels": {"flashjob.nbfc.io/job-uid": "any"}},
        "spec": {
            "containers": [{"name": "flash-container", "image": "registry.example.com/flash:1"}],
            "initContainers": [{"name": "first", "image": "registry.example.com/flash:1"}],
            "volumes": [{"name": "tmp", "emptyDir": {}}],
        },
    })
}

#[tokio::test]
async fn the_operator_s_token_creates_no_pod_that_reaches_the_node_or_is_in_a_namespace_of_kubernetes()
 {
    let space = with_policies("confined-pods").await;
    let plane = space.control_plane;
    plane.expect_refusals(&space.name, "create", "pods");
    plane.expect_refusals("kube-system", "create", "pods");
    let kubeconfig = plane.operator_kubeconfig();
    let create = |namespace: &str, pod: &Value| {
        let token = [
            "--kubeconfig",
            kubeconfig.to_str().unwrap(),
            "-n",
            namespace,
        ];
        let create = ["create", "--dry-run=server"];
        plane.feed(&[&token[..], &create].concat(), &pod.to_string())
    };
    create(&space.name, &flash_pod()).unwrap();
    for (place, value) in [
        ("/spec/hostNetwork", json!(true)),
        ("/spec/hostPID", json!(true)),
        ("/spec/hostIPC", json!(true)),
        (
            "/spec/volumes/0",
            json!({"name": "tmp", "hostPath": {"path": "/"}}),
        ),
        (
            "/spec/containers/0/securityContext",
            json!({"privileged": true}),
        ),
        (
            "/spec/initContainers/0/securityContext",
            json!({"privileged": true}),
        ),
        (
            "/spec/containers/0/ports",
            json!([{"containerPort": 4433, "hostPort": 4433}]),
        ),
    ] {
        let mut pod = flash_pod();
        let (parent, key) = place.rsplit_once('/').unwrap();
        match pod.pointer_mut(parent).unwrap() {
            Value::Array(items) => items[key.parse::<usize>().unwrap()] = value,
            object => object[key] = value,
        }
        let refusal = create(&space.name, &pod).unwrap_err();
        let why = "may create no Pod that reaches the node";
        assert!(refusal.contains(why), "{place}: {refusal}");
    }
    let refusal = create("kube-system", &flash_pod()).unwrap_err();
    assert!(
        refusal.contains("may create pods in no namespace of Kubernetes itself"),
        "{refusal}"
    );
}

/// The Pod of the operator's Deployment, as these values of its chart make it.
fn operator_pod(space: &Space, values: &[&str]) -> Value {
    let deployment = &rendered(space, "templates/deployment.yaml", values)[0];
    let template = &deployment["spec"]["template"];
    let mut pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "operator", "labels": template["metadata"]["labels"]},
        "spec": template["spec"],
    });
    // It is in the operator's namespace.
    pod["spec"]["serviceAccountName"] = json!("default");
    pod
}

#[tokio::test]
async fn the_operator_s_pod_is_accepted_where_pod_security_is_restricted() {
    let space = Space::new("restricted").await;
    let label = "pod-security.kubernetes.io/enforce=restricted";
    space.kubectl(&["label", "namespace", &space.name, label]);
    let create = |pod: &Value| {
        let create = ["-n", &space.name, "create", "--dry-run=server"];
        space.control_plane.feed(&create, &pod.to_string())
    };
    let everything = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/charts/flashjob-operator/ci/everything-values.yaml"
    );
    for values in [&[][..], &["--values", everything]] {
        let mut pod = operator_pod(&space, values);
        create(&pod).unwrap();
        // The rule is in force: what it forbids is refused.
        pod["spec"]["containers"][0]["securityContext"]["capabilities"]["drop"] = json!([]);
        let refusal = create(&pod).unwrap_err();
        assert!(
            refusal.contains("violates PodSecurity \"restricted"),
            "{refusal}"
        );
    }
}

/// kubectl, as somebody.
fn kubectl(person: &Asking<'_>, arguments: &[&str]) -> Result<String, String> {
    let own = ["--kubeconfig", person.kubeconfig.to_str().unwrap()];
    person.space.try_kubectl(&[&own, arguments].concat())
}

/// What somebody is told who sets this of a FlashJob.
fn patched(person: &Asking<'_>, name: &str, spec: &Value) -> Result<String, String> {
    let patch = json!({ "spec": spec }).to_string();
    kubectl(
        person,
        &["patch", "flashjob", name, "--type=merge", "-p", &patch],
    )
}

#[tokio::test]
async fn whoever_may_change_a_job_may_not_approve_its_steps_and_who_approves_is_asked_for_a_right_of_its_own()
 {
    let space = with_policies("approvals").await;
    let editor = Asking::ordinary(&space, "flashjob-editor");
    let approver = Asking::ordinary(&space, "flashjob-approver");
    let steps = json!({"steps": [{"devices": 1, "requireApproval": true}]});
    space.apply(&job("gated", &uuids(), &steps).to_string());

    let refused = patched(&editor, "gated", &json!({"approvedStep": "1.1"})).unwrap_err();
    let words = format!(
        "steps of FlashJob gated are approved and denied by those who have the verb approve on \
         flashjobs.application.flashjob.nbfc.io in namespace {0}, and system:serviceaccount:{0}:flashjob-editor does not: it comes \
         with the ClusterRole flashjob-approver.",
        space.name
    );
    assert!(refused.contains(&words), "{refused}");
    // What is approved from the beginning is approved, too.
    let early = job(
        "early",
        &uuids(),
        &json!({"approvedStep": "1.1", "steps": steps["steps"]}),
    );
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), early.to_string()).unwrap();
    let create = ["create", "-f", file.path().to_str().unwrap()];
    let refused = kubectl(&editor, &create).unwrap_err();
    assert!(
        refused.contains("steps of FlashJob early are approved"),
        "{refused}"
    );

    patched(&approver, "gated", &json!({"approvedStep": "1.1"})).unwrap();
    // The rest of the job is the editor's, and so is taking an approval back.
    patched(&editor, "gated", &json!({"version": "0.3.0"})).unwrap();
    patched(&editor, "gated", &json!({"approvedStep": "2.1"})).unwrap_err();
    patched(&editor, "gated", &json!({"approvedStep": null})).unwrap();
    patched(&editor, "gated", &json!({"approvedStep": "1.1"})).unwrap_err();

    let deny = json!({"approval": {"step": "1.1", "decision": "Deny", "reason": "it hums"}});
    patched(&editor, "gated", &deny).unwrap_err();
    patched(&approver, "gated", &deny).unwrap();
    let other = json!({"approval": {"reason": "it does not"}});
    for change in [&json!({"approval": null}), &other] {
        patched(&editor, "gated", change).unwrap_err();
    }
    patched(&editor, "gated", &json!({"version": "0.4.0"})).unwrap();
}
