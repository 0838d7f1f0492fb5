//! Of several operators only one writes, and another takes over however that one ends.

use std::path::{Path, PathBuf};

use jiff::{Timestamp, ToSpan};
use nix::sys::signal::Signal;
use rstest::rstest;
use serde_json::{Value, json};

use testbed::{
    Faults, Fleet, Operator, Proxy, Space,
    auditor::Auditor,
    job::{Seen, job},
    proxy::Held,
    seconds,
};

const LEASE: &str = flashjob_operator::names::LEASE;

/// Two operators, the first of which leads and is in the middle of a job.
struct Stage {
    space: Space,
    fleet: Fleet,
    leader: Operator,
    other: Operator,
    tokens: [String; 2],
}

impl Stage {
    async fn new(name: &str) -> Self {
        let stage = Self::standing_by(name, async |_, kubeconfig| kubeconfig.to_owned()).await;
        stage.begin();
        let fleet = &stage.fleet;
        let begun = async || (fleet.journal().len() >= 2).then_some(());
        stage.space.eventually("flashes", seconds(60), begun).await;
        assert!(stage.writes(0).1.is_some());
        stage
    }

    /// Both operators, and no job yet. The first goes its `way` to the API server.
    async fn standing_by(name: &str, way: impl AsyncFnOnce(&Space, &Path) -> PathBuf) -> Self {
        let space = Space::new(name).await;
        // Long enough that most of the job is left to whoever takes over, on a slow machine too.
        let fleet = space.healthy(6, 6.0).await;
        let [a, b]: [(PathBuf, String); 2] = ["a", "b"].map(|replica| {
            space
                .control_plane
                .another_token(&format!("{}-{replica}", space.name))
        });
        let arguments = ["--engine", "native"];
        let leader = space.operator_as(&way(&space, &a.0).await, "operator-a", &arguments);
        let leads = async || leader.log().contains("leading identity=").then_some(());
        space.eventually("leader", seconds(60), leads).await;
        let other = space.operator_as(&b.0, "operator-b", &arguments);
        let waits = async || {
            other
                .log()
                .contains("waiting for the leader lease")
                .then_some(())
        };
        space
            .eventually("second operator", seconds(60), waits)
            .await;
        Self {
            space,
            fleet,
            leader,
            other,
            tokens: [a.1, b.1],
        }
    }

    /// Applies the job: three waves, so that whoever takes over has something to write.
    fn begin(&self) {
        let spec = json!({"parallelism": 2, "activeDeadlineSecondsPerDevice": 120});
        let job = job("handed-over", &self.fleet.uuids(), &spec);
        self.space.apply(&job.to_string());
    }

    /// Arrival of the first write and answer to the last one of an operator.
    fn writes(&self, replica: usize) -> (Option<Timestamp>, Option<Timestamp>) {
        let audit = self.space.control_plane.audit();
        let writes: Vec<_> = audit
            .written_with(&self.tokens[replica], &self.space.name)
            .collect();
        let first = writes.iter().map(|request| request.received).min();
        (first, writes.iter().map(|request| request.answered).max())
    }

    /// Waits until the other operator writes; seconds from then until its first write.
    async fn taken_over(&self, since: Timestamp) -> f64 {
        let first = self
            .space
            .eventually("write of the other operator", seconds(90), async || {
                self.writes(1).0
            })
            .await;
        first.duration_since(since).as_secs_f64()
    }

    /// The job ends well, each device was flashed once, and the second operator began after the first had ended.
    async fn ends_well(&self) {
        self.all_flashed_once().await;
        let (last, first) = (self.writes(0).1.unwrap(), self.writes(1).0.unwrap());
        assert!(
            last < first,
            "the first operator wrote until {last}, the second from {first}"
        );
    }

    async fn all_flashed_once(&self) -> Seen {
        let done = self.space.finished("handed-over", 150).await;
        assert!(done.is("Complete"), "{:#}", done.0["status"]);
        self.space.assert_verdicts(&done, &self.fleet);
        self.space.assert_flashed(&self.fleet, 1);
        done
    }

    /// Who holds the lease.
    fn holder(&self) -> String {
        let holder = "-o=jsonpath={.spec.holderIdentity}";
        self.space.kubectl(&["get", "lease", LEASE, holder])
    }

    /// Changes the lease as somebody might who is not one of the two.
    fn patch_lease(&self, spec: &Value) {
        let patch = json!({ "spec": spec }).to_string();
        let change = ["patch", "lease", LEASE, "--type=merge", "-p", &patch];
        self.space.kubectl(&change);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_that_is_stopped_gives_its_lease_up_and_the_other_goes_on() {
    let mut stage = Stage::new("handover").await;
    assert_eq!(
        stage.writes(1),
        (None, None),
        "the one that stands by writes nothing"
    );
    let led = stage.holder();
    let status = stage.leader.terminate(seconds(30));
    assert!(status.success(), "{status}");
    assert_ne!(stage.holder(), led, "given up, not left to expire");
    let stopped = Timestamp::now();
    let took = stage.taken_over(stopped).await;
    println!("the other wrote {took:.1} s after the first had stopped");
    stage.ends_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_kill_the_other_operator_takes_over() {
    let mut stage = Stage::new("killed-leader").await;
    let killed = Timestamp::now();
    stage.leader.kill();
    let took = stage.taken_over(killed).await;
    println!("the other wrote {took:.1} s after the kill");
    stage.ends_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_slept_past_its_lease_writes_nothing_more_and_exits() {
    let mut stage = Stage::new("sleeper").await;
    stage.leader.signal(Signal::SIGSTOP);
    let slept = Timestamp::now();
    let took = stage.taken_over(slept).await;
    println!("the other wrote {took:.1} s after the leader fell asleep");
    let before = stage.writes(0).1;
    stage.leader.signal(Signal::SIGCONT);
    let mut leader = stage.leader;
    let status = stage
        .space
        .eventually("exit of the sleeper", seconds(90), async || leader.ended())
        .await;
    assert!(
        !status.success(),
        "whoever supervises it shall start it again: {status}"
    );
    assert!(
        leader.log().contains("leadership was lost"),
        "{}",
        leader.log()
    );
    stage.leader = leader;
    stage.ends_well().await;
    assert_eq!(
        stage.writes(0).1,
        before,
        "the sleeper wrote nothing after it woke up"
    );
    assert!(stage.other.ended().is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_whose_lease_is_deleted_writes_nothing_more_and_one_of_the_two_goes_on() {
    let mut stage = Stage::new("lease-deleted").await;
    stage.space.kubectl(&["delete", "lease", LEASE]);
    let mut leader = stage.leader;
    let status = stage
        .space
        .eventually("exit of the leader", seconds(90), async || leader.ended())
        .await;
    assert!(!status.success(), "{status}");
    stage.leader = leader;
    stage.ends_well().await;
}

#[rstest]
#[case::past("lease-past", -1)]
#[case::future("lease-future", 1)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: make chaos-api"]
async fn times_in_the_lease_that_jump_by_years_move_nobody_and_delay_no_take_over(
    #[case] name: &str,
    #[case] years: i64,
) {
    let mut stage = Stage::new(name).await;
    let jumped = Timestamp::now() + (years * 24 * 365).hours();
    let jumped = format!("{jumped:.6}");
    let jumped = json!({"renewTime": jumped, "acquireTime": jumped});
    let begun = stage.fleet.journal().len();
    stage.patch_lease(&jumped);
    // The leader goes on, and the other stays where it is.
    let goes_on = async || (stage.fleet.journal().len() > begun).then_some(());
    stage
        .space
        .eventually("another flash", seconds(90), goes_on)
        .await;
    assert_eq!(stage.writes(1), (None, None));
    assert!(stage.leader.ended().is_none(), "{}", stage.leader.log());
    stage.leader.kill();
    stage.patch_lease(&jumped);
    let took = stage.taken_over(Timestamp::now()).await;
    println!("the other wrote {took:.1} s after the kill");
    stage.ends_well().await;
}

/// The first operator's way leads through a proxy that keeps one of its writes.
async fn kept_write(name: &str, method: &str, path: &str) -> (Stage, Proxy, Held) {
    let mut proxy = None;
    let stage = Stage::standing_by(name, async |space, kubeconfig| {
        let started = Proxy::start(space.control_plane, kubeconfig, 1, Faults::default()).await;
        proxy.insert(started).kubeconfig().to_owned()
    });
    let stage = stage.await;
    let proxy = proxy.unwrap();
    let held = proxy.hold(method, path);
    (stage, proxy, held)
}

async fn a_late_write_changes_nothing(name: &str, method: &str, path: &str) {
    let (mut stage, _proxy, mut held) = kept_write(name, method, path).await;
    let auditor = Auditor::of(&stage.space);
    stage.begin();
    stage
        .space
        .eventually(&format!("{method} {path}"), seconds(90), async || {
            held.has_arrived().then_some(())
        })
        .await;
    stage.leader.signal(Signal::SIGSTOP);
    let leads = async || {
        stage
            .other
            .log()
            .contains("leading identity=")
            .then_some(())
    };
    stage
        .space
        .eventually("take-over", seconds(90), leads)
        .await;
    let code = held.release().await;
    println!("the late write was answered with {code}");
    stage.leader.signal(Signal::SIGCONT);
    let mut leader = stage.leader;
    stage
        .space
        .eventually("exit of the old leader", seconds(60), async || {
            leader.ended()
        })
        .await;
    stage.leader = leader;
    stage.all_flashed_once().await;
    stage.space.delete_job("handed-over", 90).await;
    stage.space.assert_flashed(&stage.fleet, 1);
    println!("{}", auditor.assert());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pod_that_the_old_leader_asked_for_arrives_after_the_take_over_and_is_born_once() {
    a_late_write_changes_nothing("late-pod", "POST", "/pods").await;
}

#[rstest]
#[case::record("late-record", "POST", "/secrets")]
#[case::service("late-service", "PATCH", "/services/")]
#[case::launched("late-launched", "PUT", "/secrets/")]
#[case::status("late-status", "PUT", "/status")]
#[case::delete_pod("late-delete", "DELETE", "/pods/")]
#[case::finalizer("late-finalizer", "PATCH", "/pods/")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: make chaos-api"]
async fn a_write_of_the_old_leader_that_arrives_after_the_take_over_changes_nothing(
    #[case] name: &str,
    #[case] method: &str,
    #[case] path: &str,
) {
    a_late_write_changes_nothing(name, method, path).await;
}
