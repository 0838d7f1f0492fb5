//! The same attacks on an operator that sees all namespaces, with the confinement and without; and without it on one that is told which
//! to see, its attackers' among them.
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

/// What the operator sees.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sees {
    /// All namespaces.
    All,
    /// Those of the victims and of the attackers, by `--watch-namespaces`.
    Named,
}

/// Attacks of a trial, each on a victim of its own.
const ATTACKS: usize = 4;
/// Attacks that come from another namespace.
const FROM_ELSEWHERE: usize = 2;

/// The operator, its victims so far, who comes next, and where the audit log begins that is about them.
struct Trial {
    lab: Lab,
    victims: Vec<String>,
    coming: Vec<Space>,
    attackers: Vec<Space>,
    since: usize,
}

impl Trial {
    async fn begin(plane: &'static ControlPlane, engine: &str, confined: bool, sees: Sees) -> Self {
        confine(&Space::on(plane, "all").await, confined).await;
        let since = plane.audit().0.len();
        let (name, evil) = (format!("all-{engine}"), format!("all-{engine}-evil"));
        let mut coming = spaces(plane, &name, ATTACKS).await;
        let attackers = spaces(plane, &evil, FROM_ELSEWHERE).await;
        let all = coming.iter().chain(&attackers);
        let named: Vec<&str> = all.map(|space| space.name.as_str()).collect();
        let named = named.join(",");
        let watched = ["--watch-namespaces", &named, "--akri-namespaces", &named];
        let mut more = vec!["--max-in-flight=2"];
        more.extend(watched.iter().filter(|_| sees == Sees::Named));
        let first = coming.pop().unwrap();
        let lab = Lab::on(first, engine, one_slow(6.0), &more).await;
        let victims = vec![lab.space.name.clone()];
        Self {
            lab,
            victims,
            coming,
            attackers,
            since,
        }
    }

    fn attacker(&mut self) -> Space {
        self.attackers.pop().unwrap()
    }

    /// Ends what was about this victim, and takes another.
    async fn next(&mut self) {
        self.end();
        let next = self.coming.pop().unwrap();
        self.lab.next_victim(next, one_slow(0.5)).await;
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

/// So many namespaces on this control plane.
async fn spaces(plane: &'static ControlPlane, name: &str, many: usize) -> Vec<Space> {
    let mut spaces = Vec::new();
    for _ in 0..many {
        spaces.push(Space::on(plane, name).await);
    }
    spaces
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
#[case::native_unconfined("native", false, Sees::All)]
#[case::helm_unconfined("helm", false, Sees::All)]
#[case::native_confined("native", true, Sees::All)]
#[case::helm_confined("helm", true, Sees::All)]
#[case::native_unconfined_of_named_namespaces("native", false, Sees::Named)]
#[case::helm_unconfined_of_named_namespaces("helm", false, Sees::Named)]
#[tokio::test]
async fn no_forgery_is_believed_whatever_the_operator_sees_confined_or_not(
    #[case] engine: &str,
    #[case] confined: bool,
    #[case] sees: Sees,
) {
    let (plane, _alone) = alone().await;
    let mut trial = Trial::begin(plane, engine, confined, sees).await;
    let mallory = trial.attacker();
    elsewhere::copied_objects(&trial.lab, &mallory).await;
    trial.next().await;
    let mallory = trial.attacker();
    elsewhere::labelled_pods(&trial.lab, &mallory).await;
    trial.next().await;
    records::record_of_a_job(&trial.lab).await;
    trial.next().await;
    records::record_of_an_unknown_job(&trial.lab).await;
    trial.end();
    trial.assert_stayed_at_home();
    assert_nothing_of_a_forgery_was_written(plane);
}
