//! Of several operators only one writes, and another takes over however that one ends.

use std::path::PathBuf;

use jiff::Timestamp;
use nix::sys::signal::Signal;
use serde_json::json;

use crate::support::{Fleet, Operator, Space, job::job, seconds};

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
        let space = Space::new(name).await;
        let fleet = space.healthy(6, 2.0).await;
        let [a, b]: [(PathBuf, String); 2] = ["a", "b"].map(|replica| {
            space
                .control_plane
                .another_token(&format!("{}-{replica}", space.name))
        });
        let arguments = ["--engine", "native"];
        let leader = space.operator_as(&a.0, "operator-a", &arguments);
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
        // Three waves, so that whoever takes over has something to write.
        let spec = json!({"parallelism": 2, "activeDeadlineSecondsPerDevice": 120});
        space.apply(&job("handed-over", &fleet.uuids(), &spec).to_string());
        let stage = Self {
            space,
            fleet,
            leader,
            other,
            tokens: [a.1, b.1],
        };
        stage
            .space
            .eventually("flashes", seconds(60), async || {
                (stage.fleet.journal().len() >= 2).then_some(())
            })
            .await;
        assert!(stage.writes(0).1.is_some());
        stage
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
        let done = self.space.finished("handed-over", 150).await;
        assert!(done.is("Complete"));
        self.space.assert_verdicts(&done, &self.fleet);
        self.space.assert_flashed(&self.fleet, 1);
        let (last, first) = (self.writes(0).1.unwrap(), self.writes(1).0.unwrap());
        assert!(
            last < first,
            "the first operator wrote until {last}, the second from {first}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_that_is_stopped_hands_over_within_seconds() {
    let mut stage = Stage::new("handover").await;
    assert_eq!(
        stage.writes(1),
        (None, None),
        "the one that stands by writes nothing"
    );
    let status = stage.leader.terminate(seconds(30));
    assert!(status.success(), "{status}");
    let stopped = Timestamp::now();
    let took = stage.taken_over(stopped).await;
    println!("the other wrote {took:.1} s after the first had stopped");
    assert!(took < 8.0, "{took}");
    stage.ends_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_kill_the_other_operator_writes_within_twenty_seconds() {
    let mut stage = Stage::new("killed-leader").await;
    let killed = Timestamp::now();
    stage.leader.kill();
    let took = stage.taken_over(killed).await;
    println!("the other wrote {took:.1} s after the kill");
    assert!(took < 20.0, "{took}");
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
        .eventually("exit of the sleeper", seconds(30), async || leader.ended())
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
