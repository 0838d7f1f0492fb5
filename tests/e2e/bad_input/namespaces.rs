//! Namespaces that are deleted while devices are being flashed.

use rstest::rstest;
use serde_json::json;

use super::{PATIENCE, Stage, healthy};
use testbed::{ControlPlane, Outcome};

/// Rights that are bound in the namespace alone, as the chart binds them where `watchNamespaces` names it, until this is dropped.
struct BoundInNamespace(&'static ControlPlane);

const ROLE: &str = "flashjob-operator-namespaced";
const ACCOUNT: &str = "--serviceaccount=flashjob-system:flashjob-operator";

impl BoundInNamespace {
    fn of(stage: &Stage) -> Self {
        let role = format!("--clusterrole={ROLE}");
        let plane = stage.space.control_plane;
        let space = &stage.space;
        // Between the two bindings, and when the second goes with its namespace, it has neither.
        plane.expect_refusals(&space.name, "*", "*");
        plane.kubectl(&["delete", "clusterrolebinding", ROLE]);
        let bound = Self(plane);
        space.kubectl(&["create", "rolebinding", ROLE, &role, ACCOUNT]);
        bound
    }
}

impl Drop for BoundInNamespace {
    fn drop(&mut self) {
        let role = format!("--clusterrole={ROLE}");
        self.0
            .kubectl(&["create", "clusterrolebinding", ROLE, &role, ACCOUNT]);
    }
}

#[rstest]
#[case::rights_in_the_cluster("namespace-cluster", false)]
#[case::rights_that_go_with_the_namespace("namespace-own", true)]
#[tokio::test]
async fn a_namespace_that_is_deleted_in_mid_flight_lets_the_flash_end_and_is_gone_after_it(
    #[case] name: &str,
    #[case] own: bool,
) {
    let disturbed = ControlPlane::disturb().await;
    let plane = disturbed.plane;
    let allowed = ["--allowed-value-paths", "/terminationGracePeriodSeconds"];
    let stage = Stage::on(plane, name, healthy(3, 12.0), &allowed).await;
    let _bound = own.then(|| BoundInNamespace::of(&stage));
    let uuids = stage.fleet.uuids();
    // Longer than the flash takes, which has to end by itself. Where the controller of namespaces finds a Pod it looks again after half
    // of the Pod's grace period: with that of the chart, after minutes.
    let values = json!({"terminationGracePeriodSeconds": 40});
    let spec = json!({"parallelism": 1, "values": values});
    stage.flash("job", &uuids, spec).await;
    stage.flashing(&uuids[0]).await;
    stage.stands("job", &uuids[0], "Flashing", "Flashing").await;
    plane.kubectl(&["delete", "namespace", &stage.space.name, "--wait=false"]);
    stage
        .space
        .eventually("end of the namespace", PATIENCE, async || {
            let found = ["get", "namespace", &stage.space.name, "--ignore-not-found"];
            plane.kubectl(&found).is_empty().then_some(())
        })
        .await;
    let journal = stage.fleet.journal();
    assert_eq!(journal.len(), 1, "nothing new began: {journal:#?}");
    assert_eq!(journal[0].outcome, Some(Outcome::Sent), "{journal:#?}");
    assert_eq!(stage.births("pods"), 1);
}

#[tokio::test]
async fn a_restart_after_a_watched_namespace_is_gone_waits_for_nothing_in_it() {
    let disturbed = ControlPlane::disturb().await;
    let plane = disturbed.plane;
    let mut stage = Stage::on(plane, "namespace-gone", healthy(1, 1.0), &[]).await;
    let _bound = BoundInNamespace::of(&stage);
    stage.operator.kill();
    let watched = [
        "--watch-namespaces",
        "was-here",
        "--akri-namespaces",
        "was-here",
    ];
    plane.expect_refusals("was-here", "*", "*");
    let kubeconfig = plane.operator_kubeconfig();
    stage.space.kubectl(&["delete", "leases", "--all"]);
    stage.operator = stage.space.operator_again(kubeconfig, "again", &watched);
    let uuids = stage.fleet.uuids();
    stage.flash("job", &uuids, json!({})).await;
    let status = stage.finished("job").await;
    assert_eq!(status["counts"]["succeeded"], 1, "{status:#}");
    assert_eq!(stage.births("pods"), 1);
}
