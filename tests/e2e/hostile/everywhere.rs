//! The same attacks on an operator that sees all namespaces, with the confinement and without.
//!
//! On a control plane of their own: such an operator would carry out the jobs of other tests, and policies are the whole server's.

use std::sync::OnceLock;

use rstest::rstest;
use tokio::sync::{Mutex, MutexGuard};

use super::{
    elsewhere,
    lab::{Lab, PATIENCE, one_slow},
    records,
};
use testbed::{ControlPlane, Space, audit::Request, control_plane::OPERATOR_NAMESPACE};

const CHART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/charts/flashjob-operator");

/// The control plane, for one case at a time.
async fn alone() -> (&'static ControlPlane, MutexGuard<'static, ()>) {
    static ALONE: Mutex<()> = Mutex::const_new(());
    static PLANE: OnceLock<ControlPlane> = OnceLock::new();
    let alone = ALONE.lock().await;
    let plane = PLANE.get_or_init(|| ControlPlane::start("everywhere"));
    plane.operator_kubeconfig();
    (plane, alone)
}

/// Puts the chart's policy around the operator, or takes it away, and waits until the API server goes by that.
async fn confine(space: &Space, confined: bool) {
    let plane = space.control_plane;
    let set = format!("admission.confinement.enable={confined}");
    let upgrade = ["upgrade", "flashjob-operator", CHART, "--reuse-values"];
    plane.helm(&[&upgrade[..], &["--set", &set, "-n", OPERATOR_NAMESPACE]].concat());
    plane.expect_refusals(&space.name, "create", "secrets");
    let kubeconfig = plane.operator_kubeconfig().to_str().unwrap();
    let probe = [
        "--kubeconfig",
        kubeconfig,
        "create",
        "secret",
        "generic",
        "foreign",
        "--dry-run=server",
    ];
    let as_wanted = async || {
        let refusal = space.try_kubectl(&probe).err();
        let by_policy = |refusal: String| refusal.contains("denied request");
        (refusal.is_some_and(by_policy) == confined).then_some(())
    };
    let what = format!("confinement {confined}");
    space.eventually(&what, PATIENCE, as_wanted).await;
}

/// The operator, its victims so far, and where the audit log begins that is about them.
struct Trial {
    lab: Lab,
    engine: String,
    victims: Vec<String>,
    since: usize,
}

impl Trial {
    async fn begin(plane: &'static ControlPlane, engine: &str, confined: bool) -> Self {
        confine(&Space::on(plane, "all").await, confined).await;
        let since = plane.audit().0.len();
        let name = format!("all-{engine}");
        let few = ["--max-in-flight=2"];
        let lab = Lab::everywhere(plane, &name, engine, one_slow(6.0), &few).await;
        let victims = vec![lab.space.name.clone()];
        Self {
            lab,
            engine: engine.to_owned(),
            victims,
            since,
        }
    }

    async fn attacker(&self) -> Space {
        let name = format!("all-{}-evil", self.engine);
        Space::on(self.lab.space.control_plane, &name).await
    }

    /// Ends what was about this victim, and takes another.
    async fn next(&mut self) {
        self.end();
        let name = format!("all-{}", self.engine);
        self.lab.next_victim(&name, one_slow(0.5)).await;
        self.victims.push(self.lab.space.name.clone());
    }

    /// Whatever attackers left there, jobs can be deleted.
    fn end(&self) {
        let delete = ["delete", "flashjobs", "--all", "--timeout=60s"];
        self.lab.space.kubectl(&delete);
    }

    /// Asserts that the operator wrote nothing but what is the victims' and its own.
    fn assert_stayed_at_home(&self) {
        let audit = self.lab.space.control_plane.audit();
        let of_operator = audit.0[self.since..]
            .iter()
            .filter(|request| request.user.ends_with(":flashjob-operator") && request.is_write());
        let (home, strays): (Vec<_>, Vec<_>) = of_operator.partition(|one| self.is_at_home(one));
        assert_eq!(strays, Vec::<&Request>::new());
        assert!(!home.is_empty(), "the audit log shows what it wrote");
    }

    fn is_at_home(&self, request: &Request) -> bool {
        let namespace = &request.namespace;
        let of_operator = [&self.lab.system.name[..], ""].contains(&namespace.as_str());
        let own = ["secrets", "leases", "events", "flashclasses/status"];
        self.victims.contains(namespace) || (of_operator && own.contains(&&request.resource[..]))
    }
}

/// Asserts that no object which the operator wrote on this control plane holds anything of a forgery.
fn assert_nothing_of_a_forgery_was_written(plane: &ControlPlane) {
    let log = std::fs::read_to_string(plane.audit_log()).unwrap();
    let of_forgery = |line: &&str| line.contains("registry.example.com/evil");
    let requests = log.lines().filter(of_forgery).filter_map(Request::parse);
    let mut written = requests.filter(|request| request.user.ends_with(":flashjob-operator"));
    assert_eq!(written.next(), None);
}

#[rstest]
#[case::native_unconfined("native", false)]
#[case::helm_unconfined("helm", false)]
#[case::native_confined("native", true)]
#[case::helm_confined("helm", true)]
#[tokio::test]
async fn no_forgery_is_believed_by_an_operator_of_all_namespaces_confined_or_not(
    #[case] engine: &str,
    #[case] confined: bool,
) {
    let (plane, _alone) = alone().await;
    let mut trial = Trial::begin(plane, engine, confined).await;
    elsewhere::copied_objects(&trial.lab, &trial.attacker().await).await;
    trial.next().await;
    elsewhere::labelled_pods(&trial.lab, &trial.attacker().await).await;
    trial.next().await;
    records::record_of_a_job(&trial.lab).await;
    trial.next().await;
    records::record_of_an_unknown_job(&trial.lab).await;
    trial.end();
    trial.assert_stayed_at_home();
    assert_nothing_of_a_forgery_was_written(plane);
}
