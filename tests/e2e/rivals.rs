//! Two operators in one cluster, each with a Lease of its own namespace: one of them waits.

use serde_json::{Value, json};

use testbed::{ControlPlane, Operator, Space, seconds};

const LEASE: &str = flashjob_operator::names::LEASE;
/// Nobody is ignored: there is no such namespace.
const HEEDS_ALL: [&str; 2] = ["--ignored-operators", "no-namespace"];

async fn logs(space: &Space, operator: &Operator, words: &str) {
    let said = async || operator.log().contains(words).then_some(());
    space.eventually(words, seconds(120), said).await;
}

/// Waits until it says that it is not ready because of that.
async fn waits_for(space: &Space, operator: &Operator, words: &str) {
    let waits = async || {
        let (status, text) = operator.page("/readyz")?;
        (status == 503 && text.contains(words)).then_some(())
    };
    space.eventually(words, seconds(60), waits).await;
    logs(space, operator, words).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_waits_while_one_of_another_namespace_leads_and_says_where_it_is() {
    let disturbed = ControlPlane::disturb().await;
    let first = Space::on(disturbed.plane, "first").await;
    let second = Space::on(disturbed.plane, "second").await;
    let mut leader = first.operator(&[]);
    logs(&first, &leader, "leading identity=").await;
    let waiting = second.operator(&HEEDS_ALL);
    let lease = format!("Lease {}/{LEASE} is held by", first.name);
    waits_for(&second, &waiting, &lease).await;
    let (_, metrics) = waiting.page("/metrics").unwrap();
    // Leases of other tests may be among them.
    let seen = metrics.lines().find_map(|line| {
        let count = line.strip_prefix("flashjob_other_operators{seen=\"leader\"} ")?;
        count.parse::<u32>().ok()
    });
    assert!(seen.is_some_and(|seen| seen > 0), "{metrics}");
    assert!(
        !waiting.log().contains("leading identity="),
        "{}",
        waiting.log()
    );
    leader.terminate(seconds(60));
    logs(&second, &waiting, "leading identity=").await;
    // It looks for others once more after it has won.
    let ready = async || (waiting.page("/readyz")?.0 == 200).then_some(());
    second.eventually("readiness", seconds(60), ready).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_that_begin_at_once_one_leads_and_the_other_waits_for_it() {
    let disturbed = ControlPlane::disturb().await;
    let spaces = [
        Space::on(disturbed.plane, "twin-a").await,
        Space::on(disturbed.plane, "twin-b").await,
    ];
    let [mut a, mut b] = spaces.each_ref().map(|space| space.operator(&HEEDS_ALL));
    let leads = |operator: &Operator| {
        let metrics = operator.page("/metrics");
        metrics.is_some_and(|(_, text)| text.contains("flashjob_leader 1\n"))
    };
    let waits = |operator: &Operator| {
        let ready = operator.page("/readyz");
        ready.is_some_and(|(status, text)| status == 503 && text.contains("is held by"))
    };
    let settled = async || match (leads(&a), leads(&b)) {
        (true, false) if waits(&b) => Some(true),
        (false, true) if waits(&a) => Some(false),
        _ => None,
    };
    let first = spaces[0]
        .eventually("one leader", seconds(120), settled)
        .await;
    let (leader, other) = if first { (&mut a, &b) } else { (&mut b, &a) };
    leader.terminate(seconds(60));
    let heir = async || leads(other).then_some(());
    spaces[0].eventually("its heir", seconds(60), heir).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_that_nobody_renews_delays_an_operator_and_no_more() {
    let disturbed = ControlPlane::disturb().await;
    let dead = Space::on(disturbed.plane, "dead").await;
    let space = Space::on(disturbed.plane, "heir").await;
    // Its clock is ahead by years.
    let lease = json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": LEASE},
        "spec": {"holderIdentity": "gone_1", "leaseDurationSeconds": 15, "renewTime": "2099-01-01T00:00:00.000000Z"},
    });
    dead.apply(&lease.to_string());
    let operator = space.operator(&HEEDS_ALL);
    let held = format!("Lease {}/{LEASE} is held by", dead.name);
    waits_for(&space, &operator, &held).await;
    assert!(operator.log().contains("gone_1"), "{}", operator.log());
    logs(&space, &operator, "leading identity=").await;
    dead.kubectl(&["delete", "lease", LEASE]);
}

/// A kubeconfig of a ServiceAccount that may lead in the space, and look nowhere else.
fn narrow(space: &Space) -> std::path::PathBuf {
    let plane = space.control_plane;
    let own = std::fs::read_to_string(plane.operator_kubeconfig()).unwrap();
    space.kubectl(&["create", "serviceaccount", "narrow"]);
    let rule = |group: &str, resource: &str| json!({"apiGroups": [group], "resources": [resource], "verbs": ["*"]});
    let grants: Value = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "narrow"},
        "rules": [rule("coordination.k8s.io", "leases")],
    });
    space.apply(&grants.to_string());
    let account = format!("--serviceaccount={}:narrow", space.name);
    space.kubectl(&["create", "rolebinding", "narrow", "--role=narrow", &account]);
    let token = space.kubectl(&["create", "token", "narrow"]);
    let [file, path] = ["token", "kubeconfig"].map(|ending| {
        plane
            .directory()
            .join(format!("narrow-{}.{ending}", space.name))
    });
    std::fs::write(&file, token.trim()).unwrap();
    let old = plane.directory().join("operator.token");
    let (old, new) = (old.to_str().unwrap(), file.to_str().unwrap());
    std::fs::write(&path, own.replace(old, new)).unwrap();
    path
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_that_may_not_look_for_others_says_so_and_leads() {
    let disturbed = ControlPlane::disturb().await;
    let space = Space::on(disturbed.plane, "short-sighted").await;
    let kubeconfig = narrow(&space);
    let operator = space.operator_as(&kubeconfig, "operator", &HEEDS_ALL);
    logs(&space, &operator, "leading identity=").await;
    let log = operator.log();
    assert!(
        log.contains("other operators cannot be seen everywhere"),
        "{log}"
    );
    for refusal in [
        format!("list Leases named {LEASE} of all namespaces"),
        "list Deployments named operator-controller-manager of namespace operator-system"
            .to_owned(),
    ] {
        assert!(log.contains(&refusal), "{refusal}: {log}");
    }
    // It sees at least where it works.
    let other = Space::on(disturbed.plane, "seen").await;
    let mut leader = other.operator(&[]);
    logs(&other, &leader, "leading identity=").await;
    drop(operator);
    let watched = format!("{},{}", space.name, other.name);
    let arguments = [&HEEDS_ALL[..], &["--watch-namespaces", &watched]].concat();
    let account = format!("--serviceaccount={}:narrow", space.name);
    other.kubectl(&[
        "create",
        "role",
        "look",
        "--verb=list",
        "--resource=leases.coordination.k8s.io",
    ]);
    other.kubectl(&["create", "rolebinding", "look", "--role=look", &account]);
    let operator = space.operator_as(&kubeconfig, "again", &arguments);
    let lease = format!("Lease {}/{LEASE} is held by", other.name);
    waits_for(&space, &operator, &lease).await;
    leader.terminate(seconds(60));
    logs(&space, &operator, "leading identity=").await;
}

#[tokio::test]
async fn the_operator_s_token_lists_leases_and_deployments_of_these_names_alone() {
    let space = Space::new("by-name").await;
    space.control_plane.expect_refusals("", "list", "leases");
    space
        .control_plane
        .expect_refusals("", "list", "deployments");
    let kubeconfig = space.control_plane.operator_kubeconfig();
    let own = [
        "--kubeconfig",
        kubeconfig.to_str().unwrap(),
        "get",
        "--all-namespaces",
    ];
    for (kind, name) in [
        ("leases", LEASE),
        ("deployments", "operator-controller-manager"),
    ] {
        let named = format!("--field-selector=metadata.name={name}");
        space
            .try_kubectl(&[&own[..], &[kind, &named]].concat())
            .unwrap();
        let refused = space
            .try_kubectl(&[&own[..], &[kind]].concat())
            .unwrap_err();
        assert!(refused.contains("Forbidden"), "{kind}: {refused}");
    }
}
