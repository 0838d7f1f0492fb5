//! The fence: the API server itself refuses what a deposed leader asked for, and no operator starts that cannot prove it.

use std::path::Path;

use nix::sys::signal::Signal;
use rstest::rstest;
use serde_json::{Value, json};

use testbed::{
    Faults, Operator, Proxy, Space, control_plane::OPERATOR_NAMESPACE, job::job, seconds,
};

const LEASE: &str = flashjob_operator::names::LEASE;
const POLICY: &str = flashjob_operator::names::FENCE_POLICY;
const PROVED: &str = "the API server fences other leaders";

/// The chart's binding, for the lease and the namespace of one test; gone with it.
struct Fence<'a> {
    space: &'a Space,
    name: String,
}

impl<'a> Fence<'a> {
    /// The fence as the chart makes it, changed by the test.
    fn around(space: &'a Space, change: impl FnOnce(&mut Value)) -> Self {
        space.control_plane.operator_kubeconfig(); // its chart brings the policy
        let chart = concat!(env!("CARGO_MANIFEST_DIR"), "/charts/flashjob-operator");
        let watched = format!("watchNamespaces={{{}}}", space.name);
        let rendered = space.helm(&[
            "template",
            "flashjob-operator",
            chart,
            "--show-only",
            "templates/fence.yaml",
            "--set",
            "admission.fence.enable=true",
            "--set",
            &watched,
        ]);
        let objects: Vec<Value> = serde_saphyr::from_multiple(&rendered).unwrap();
        let kind = "ValidatingAdmissionPolicyBinding";
        let mut binding = objects
            .into_iter()
            .find(|object| object["kind"] == kind)
            .unwrap();
        let name = format!("{POLICY}-{}", space.name);
        binding["metadata"]["name"] = json!(name);
        change(&mut binding);
        space.apply(&binding.to_string());
        Self { space, name }
    }
}

impl Drop for Fence<'_> {
    fn drop(&mut self) {
        let delete = ["delete", "validatingadmissionpolicybinding", &self.name];
        let _ = self.space.try_kubectl(&delete);
    }
}

/// Who holds the lease; empty where nobody does.
fn holder(space: &Space) -> String {
    space.kubectl(&["get", "lease", LEASE, "-o=jsonpath={.spec.holderIdentity}"])
}

async fn logs(space: &Space, operator: &Operator, words: &str) {
    let said = async || operator.log().contains(words).then_some(());
    space.eventually(words, seconds(90), said).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pod_that_the_old_leader_asked_for_is_refused_after_the_take_over_and_the_new_one_creates_it()
 {
    let space = Space::new("fence-late").await;
    let fleet = space.healthy(4, 4.0).await;
    let _fence = Fence::around(&space, |_| {});
    let [a, b] = ["a", "b"].map(|replica| {
        let name = format!("{}-{replica}", space.name);
        space.control_plane.another_token(&name)
    });
    let proxy = Proxy::start(space.control_plane, &a.0, 1, Faults::default()).await;
    let arguments = ["--engine", "native", "--fence"];
    let mut leader = space.operator_as(proxy.kubeconfig(), "operator-a", &arguments);
    logs(&space, &leader, PROVED).await;
    let other = space.operator_as(&b.0, "operator-b", &arguments);
    logs(&space, &other, "waiting for the leader lease").await;

    let mut held = proxy.hold("POST", "/pods");
    let spec = json!({"parallelism": 2, "activeDeadlineSecondsPerDevice": 120});
    space.apply(&job("handed-over", &fleet.uuids(), &spec).to_string());
    let arrived = async || held.has_arrived().then_some(());
    space.eventually("the Pod", seconds(90), arrived).await;
    leader.signal(Signal::SIGSTOP);
    logs(&space, &other, PROVED).await;
    assert_eq!(held.release().await, 403);
    leader.signal(Signal::SIGCONT);
    let gone = space.eventually("its exit", seconds(60), async || leader.ended());
    assert!(!gone.await.success());

    let done = space.finished("handed-over", 150).await;
    assert!(done.is("Complete"), "{:#}", done.0["status"]);
    space.assert_verdicts(&done, &fleet);
    space.assert_flashed(&fleet, 1);
    let audit = space.control_plane.audit();
    let pods: Vec<_> = audit
        .0
        .iter()
        .filter(|request| request.namespace == space.name && request.resource == "pods")
        .filter(|request| request.verb == "create" && request.is_write())
        .collect();
    let refused: Vec<_> = pods.iter().filter(|request| request.code == 403).collect();
    let [refused] = refused[..] else {
        panic!("one refusal: {refused:#?}")
    };
    assert_eq!(refused.credential, a.1);
    let why = format!("ValidatingAdmissionPolicy '{POLICY}'");
    assert!(refused.message.contains(&why), "{}", refused.message);
    let born = pods
        .iter()
        .find(|request| request.code == 201 && request.name == refused.name)
        .unwrap();
    assert_eq!(
        born.credential, b.1,
        "by the new leader, as the same attempt"
    );
}

#[rstest]
#[case::native("native")]
#[case::helm("helm")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fenced_operators_flash_and_each_pod_names_the_leader(#[case] engine: &str) {
    let space = Space::new(&format!("fenced-{engine}")).await;
    let fleet = space.healthy(2, 4.0).await;
    let _fence = Fence::around(&space, |_| {});
    let operator = space.operator(&["--engine", engine, "--fence"]);
    space.apply(&job("fenced", &fleet.uuids(), &Value::Null).to_string());
    let leader = r"-o=jsonpath={.items[0].metadata.annotations.flashjob\.nbfc\.io/leader}";
    let named = space
        .eventually("a Pod", seconds(90), async || {
            let named = space.try_kubectl(&["get", "pods", leader]);
            named.ok().filter(|named| !named.is_empty())
        })
        .await;
    assert_eq!(named, holder(&space));
    let done = space.finished("fenced", 180).await;
    assert!(done.is("Complete"), "{:#}", done.0["status"]);
    space.assert_flashed(&fleet, 1);
    assert!(operator.log().contains(PROVED));
}

/// A copy of the flash chart whose Pod does not get the leader that the operator annotates.
fn chart_without_the_leader(directory: &Path) {
    let chart = Path::new(env!("CARGO_MANIFEST_DIR")).join("charts/flash-pod");
    let mut copy = std::process::Command::new("cp");
    testbed::control_plane::run(copy.arg("-rT").args([&chart, directory]));
    let pod = directory.join("templates/pod.yaml");
    let text = std::fs::read_to_string(&pod).unwrap();
    let without = text.replace(
        "with .Values.operator.annotations",
        "with omit .Values.operator.annotations \"flashjob.nbfc.io/leader\"",
    );
    assert_ne!(text, without);
    std::fs::write(&pod, without).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chart_that_drops_the_annotation_is_refused_with_the_reason_in_plain_words() {
    let space = Space::new("fence-chart").await;
    let fleet = space.healthy(1, 2.0).await;
    let _fence = Fence::around(&space, |_| {});
    let chart = tempfile::tempdir().unwrap();
    chart_without_the_leader(chart.path());
    let path = chart.path().to_str().unwrap();
    let _operator = space.operator(&["--engine", "helm", "--fence", "--flash-pod-chart", path]);
    let uuids = fleet.uuids();
    space.apply(&job("unmarked", &uuids, &Value::Null).to_string());
    let refused = async || {
        let device = space.job("unmarked").device(&uuids[0]).clone();
        let words = "has to put the value operator.annotations on its Pod";
        device.to_string().contains(words).then_some(device)
    };
    let device = space.eventually("the refusal", seconds(120), refused).await;
    assert_eq!(device["reason"], "AdmissionDenied", "{device:#}");
    assert_eq!(space.control_plane.audit().flashes(&space.name).len(), 0);
}

fn only_warns(binding: &mut Value) {
    binding["spec"]["validationActions"] = json!(["Warn"]);
}

fn asks_another_lease(binding: &mut Value) {
    binding["spec"]["paramRef"]["namespace"] = json!(OPERATOR_NAMESPACE);
}

fn is_for_another_namespace(binding: &mut Value) {
    binding["spec"]["matchResources"]["namespaceSelector"]["matchExpressions"][0]["values"] =
        json!([OPERATOR_NAMESPACE]);
}

#[rstest]
#[case::warns("fence-warns", only_warns, "would let another leader create a Pod")]
#[case::missing(
    "fence-missing",
    is_for_another_namespace,
    "would let another leader create a Pod"
)]
#[case::refuses_all(
    "fence-other",
    asks_another_lease,
    "would refuse the Pods of this leader"
)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_starts_nothing_where_the_fence_does_not_hold(
    #[case] name: &str,
    #[case] change: fn(&mut Value),
    #[case] why: &str,
) {
    let space = Space::new(name).await;
    // The probe passes even there: what is refused, the fence refuses.
    let label = "pod-security.kubernetes.io/enforce=restricted";
    space.kubectl(&["label", "namespace", &space.name, label]);
    let fleet = space.healthy(1, 2.0).await;
    let _fence = Fence::around(&space, change);
    space.apply(&job("unfenced", &fleet.uuids(), &Value::Null).to_string());
    let arguments = ["--engine", "native", "--fence"];
    let mut operator = space.operator(&arguments);
    let events = space
        .eventually("an event of its exit", seconds(180), async || {
            let status = operator.ended()?;
            assert!(!status.success(), "{status}");
            let events = ["get", "events", "--field-selector", "reason=FenceBroken"];
            let events = Some(space.kubectl(&events)).filter(|events| events.contains(why));
            if events.is_none() {
                // On a busy machine it may have lost its lease before it could say so; whoever supervises it starts it again.
                let kubeconfig = space.control_plane.operator_kubeconfig();
                operator = space.operator_again(kubeconfig, "operator", &arguments);
            }
            events
        })
        .await;
    assert!(events.contains(&format!("lease/{LEASE}")), "{events}");
    let log = operator.log();
    assert!(log.contains("FenceBroken") && log.contains(why), "{log}");
    assert_eq!(holder(&space), "", "given up");
    assert_eq!(space.control_plane.audit().flashes(&space.name).len(), 0);
    assert!(space.releases().is_empty());
}
