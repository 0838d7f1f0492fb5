//! An upgrade in place: the original operator is gone, and what it had begun is on the cluster.

use serde_json::{Value, json};

use testbed::{
    Faults, Fleet, Operator, Outcome, Params, Proxy, Space,
    fleet::Report,
    job::{FIRMWARE, VERSION, job},
    seconds,
};

/// Finalizer that the original put on a FlashJob.
const FINALIZER: &str = "application.flashjob.nbfc.io/flashjob-finalizer";

/// The cluster as the original left it.
pub struct Original<'a> {
    space: &'a Space,
    job: &'a str,
    uid: String,
}

impl<'a> Original<'a> {
    /// A FlashJob that it had taken up, with the status that it wrote.
    pub fn took_up(space: &'a Space, name: &'a str, uuids: &[String], more: &Value) -> Self {
        space.control_plane.operator_kubeconfig(); // its chart brings the CRD
        let mut object = job(name, uuids, more);
        object["metadata"]["finalizers"] = json!([FINALIZER]);
        let feed = ["-n", &space.name, "create"];
        space
            .control_plane
            .feed(&feed, &object.to_string())
            .unwrap();
        let uid = space.kubectl(&["get", "flashjob", name, "-o=jsonpath={.metadata.uid}"]);
        Self {
            space,
            job: name,
            uid,
        }
    }

    fn status(&self, status: &Value) {
        let patch = json!({ "status": status }).to_string();
        let patch = [
            "--subresource=status",
            "--type=merge",
            "--patch",
            patch.as_str(),
        ];
        self.space
            .kubectl(&[&["patch", "flashjob", self.job], &patch[..]].concat());
    }

    fn meta(&self, name: &str, uuid: &str, owned: bool) -> Value {
        let mut meta = json!({"name": name, "labels": {"app": self.job, "uuid": uuid}});
        if owned {
            meta["ownerReferences"] = json!([{
                "apiVersion": "application.flashjob.nbfc.io/v1alpha1", "kind": "FlashJob", "name": self.job, "uid": self.uid,
            }]);
        }
        meta
    }

    fn service(&self, device: &Report) {
        let uuid = &device.uuid;
        let service = json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": self.meta(&format!("{}-service-{uuid}", self.job), uuid, true),
            "spec": {
                "type": "LoadBalancer", "ports": [{"port": 4433, "targetPort": 4433, "protocol": "TCP"}],
                "selector": {"app": self.job, "uuid": uuid},
            },
        });
        let create = ["-n", &self.space.name, "create"];
        self.space
            .control_plane
            .feed(&create, &service.to_string())
            .unwrap();
    }

    /// Service and Pod of a device; releases of the original differ in whether the Pod names an owner.
    pub fn flash(&self, device: &Report, owned: bool) -> String {
        self.service(device);
        let uuid = &device.uuid;
        let name = format!("{}-flashing-pod-{uuid}", self.job);
        let env = [
            ("FIRMWARE", FIRMWARE),
            ("UUID", uuid),
            ("HOST_ENDPOINT", &device.endpoint),
            ("DEVICE", "esp32s3"),
            ("APPLICATION_TYPE", "fmnist"),
            ("VERSION", VERSION),
            ("EXTERNAL_IP", "192.0.2.1"),
        ]
        .map(|(name, value)| json!({"name": name, "value": value}));
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": self.meta(&name, uuid, owned),
            "spec": {"restartPolicy": "Never", "containers": [{
                "name": "flash-container", "image": "registry.example.com/flashjob:1", "env": env,
            }]},
        });
        let create = ["-n", &self.space.name, "create"];
        self.space
            .control_plane
            .feed(&create, &pod.to_string())
            .unwrap();
        name
    }

    async fn reaches(&self, pod: &str, phases: &[&str]) {
        self.space
            .eventually(&format!("{phases:?} of {pod}"), seconds(60), async || {
                let phase = ["get", "pod", pod, "-o=jsonpath={.status.phase}"];
                phases
                    .contains(&self.space.kubectl(&phase).as_str())
                    .then_some(())
            })
            .await;
    }
}

/// The next operator leads; the lease of one that was killed is taken away, so that nobody waits for its end.
async fn leader(space: &Space) -> Operator {
    space.kubectl(&["delete", "leases", "--all"]);
    let operator = space.operator(&["--engine", "native", "--cool-down-seconds", "2"]);
    let leads = || operator.log().matches("leading identity=").count();
    let before = leads();
    space
        .eventually("leader", seconds(60), async || {
            (leads() > before).then_some(())
        })
        .await;
    operator
}

fn names(space: &Space, kinds: &str) -> Vec<String> {
    let names = space.kubectl(&["get", kinds, "--ignore-not-found", "-o", "name"]);
    names.lines().map(str::to_owned).collect()
}

/// Devices by what the original had done with them.
struct Cast {
    /// It had succeeded, and of one of them its Service was left.
    done: [Report; 2],
    /// Its Pod had ended: sent, and not reached.
    over: [Report; 2],
    /// Its Pod runs: until it is done, and until somebody ends it.
    alive: [Report; 2],
    /// Nothing had begun; of one of them there is a Service.
    fresh: [Report; 2],
}

impl Cast {
    fn of(fleet: &Fleet) -> Self {
        let devices = fleet.devices();
        let find = |outcome| {
            let mut of = devices
                .iter()
                .filter(move |device| device.outcome == outcome);
            move || of.next().unwrap().clone()
        };
        let (mut sent, mut refused, mut stuck) = (
            find(Outcome::Sent),
            find(Outcome::Exit1),
            find(Outcome::NeverEnds),
        );
        Self {
            done: [sent(), sent()],
            over: [sent(), refused()],
            alive: [sent(), stuck()],
            fresh: [sent(), sent()],
        }
    }

    /// Brings it all onto the cluster. Returns the names of the Pods that run.
    async fn enter(&self, original: &Original<'_>) -> [String; 2] {
        let [done, left] = &self.done;
        original.status(&json!({
            "phase": "InProgress", "message": "Firmware flashing in progress", "completedUUIDs": [done.uuid, left.uuid],
        }));
        original.service(left);
        original.service(&self.fresh[0]);
        let over = [
            original.flash(&self.over[0], true),
            original.flash(&self.over[1], false),
        ];
        original.reaches(&over[0], &["Succeeded"]).await;
        original.reaches(&over[1], &["Failed"]).await;
        let alive = [
            original.flash(&self.alive[0], true),
            original.flash(&self.alive[1], false),
        ];
        for pod in &alive {
            original.reaches(pod, &["Running", "Succeeded"]).await;
        }
        // Labels like the original's, on somebody else's Pod.
        let stranger = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "stranger", "labels": {"app": original.job, "uuid": self.fresh[1].uuid}},
            "spec": {"restartPolicy": "Never", "containers": [{"name": "flash-container", "image": "web"}]},
        });
        original.space.apply(&stranger.to_string());
        alive
    }

    /// The operator created a Pod for each device that had not begun, and for no other.
    fn assert_births(&self, space: &Space) {
        let births = space.control_plane.audit().pod_births(&space.name);
        for device in &self.fresh {
            let prefix = format!("flash-{}-", device.uuid);
            let mut of = births.iter().filter(|(pod, _)| pod.starts_with(&prefix));
            assert!(
                matches!((of.next(), of.next()), (Some((_, 1)), None)),
                "{births:?}"
            );
        }
        let ours = births
            .keys()
            .filter(|pod| pod.starts_with("flash-"))
            .count();
        assert_eq!(
            (ours, births.len()),
            (2, 7),
            "four of the original, one stranger: {births:?}"
        );
        let label = "-o=jsonpath={.metadata.labels.flashjob\\.nbfc\\.io/job-uid}";
        assert_eq!(space.kubectl(&["get", "pod", "stranger", label]), "");
    }
}

/// Killed as soon as it began to take over, and once more on the way.
async fn killed_twice(space: &Space, stuck: &Report, pod: &str) -> Operator {
    let mut operator = leader(space).await;
    let adopted = "--selector=flashjob.nbfc.io/job-uid,flashjob.nbfc.io/round=1";
    space
        .eventually("something taken over", seconds(60), async || {
            let adopted = space.kubectl(&["get", "pods,services", adopted, "-o", "name"]);
            (!adopted.is_empty()).then_some(())
        })
        .await;
    operator.kill();
    operator = leader(space).await;
    let shown = space
        .eventually("word of the flash that runs", seconds(60), async || {
            let job = space.job("upgraded");
            (job.device(&stuck.uuid)["reason"] == "Adopted").then_some(job)
        })
        .await;
    let device = shown.device(&stuck.uuid);
    assert_eq!(
        (&device["phase"], &device["pod"], &device["release"]),
        (&json!("Flashing"), &json!(pod), &Value::Null)
    );
    operator.kill();
    leader(space).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flashes_of_the_original_are_followed_judged_and_cleaned_up_and_no_device_is_flashed_twice()
{
    let space = Space::new("adoption").await;
    let fleet = space
        .fleet(Params {
            devices: 8,
            flash_seconds: 10.0,
            exit1_share: 0.125,
            never_ends_share: 0.125,
            ..Params::default()
        })
        .await;
    let cast = Cast::of(&fleet);
    let spec = json!({"activeDeadlineSecondsPerDevice": 60});
    let original = Original::took_up(&space, "upgraded", &fleet.uuids(), &spec);
    let alive = cast.enter(&original).await;
    let (refused, stuck) = (&cast.over[1], &cast.alive[1]);
    let mut operator = killed_twice(&space, stuck, &alive[1]).await;

    let job = space.finished("upgraded", 180).await;
    let uuids = fleet.uuids();
    let index = |device: &Report| uuids.iter().position(|uuid| *uuid == device.uuid).unwrap();
    let status = &job.0["status"];
    assert_eq!(
        job.indexes("failedIndexes"),
        [refused, stuck].map(index).into(),
        "{status:#}"
    );
    assert_eq!((job.count("succeeded"), job.count("selected")), (6, 8));
    assert_eq!(job.device(&stuck.uuid)["reason"], "DeadlineExceeded");
    assert_eq!(job.device(&refused.uuid)["reason"], "ContactFailed");
    assert_eq!(status["completedUUIDs"].as_array().unwrap().len(), 6);

    // Nothing of the original's is left, and the devices that it flashed were flashed by nobody else.
    space
        .eventually("everything cleaned up", seconds(60), async || {
            (names(&space, "pods,services") == ["pod/stranger"]).then_some(())
        })
        .await;
    cast.assert_births(&space);
    let journal = fleet.journal();
    let overlapped = journal.iter().filter(|flash| flash.overlapped).count();
    assert_eq!((journal.len(), overlapped), (6, 0));

    space.kubectl(&["delete", "pod", "stranger"]);
    space.delete_job("upgraded", 60).await;
    operator.terminate(seconds(30));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_is_being_deleted_lets_the_original_s_flash_end_first() {
    let space = Space::new("adoption-deleted").await;
    let fleet = space.healthy(1, 20.0).await;
    let original = Original::took_up(&space, "leaving", &fleet.uuids(), &Value::Null);
    let pod = original.flash(&fleet.devices()[0], false);
    original.reaches(&pod, &["Running"]).await;
    space.kubectl(&["delete", "flashjob", "leaving", "--wait=false"]);
    let _operator = leader(&space).await;
    space
        .eventually("end of the job", seconds(90), async || {
            names(&space, "flashjobs,pods,services")
                .is_empty()
                .then_some(())
        })
        .await;
    let births = space.control_plane.audit().pod_births(&space.name);
    assert_eq!(births, [(pod, 1)].into());
    let journal = fleet.journal();
    assert_eq!(journal.len(), 1);
    assert_eq!(
        journal[0].outcome,
        Some(Outcome::Sent),
        "it was not cut off"
    );
}

/// The cluster's clocks stamp the start of a Pod. To an operator whose clock is behind them, the Pod seems to have run for less time
/// than it has, and a deadline made from that would end it at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_deadline_of_the_original_s_flash_goes_by_the_clock_of_the_api_server() {
    let space = Space::new("adoption-clock").await;
    let fleet = space.healthy(1, 8.0).await;
    let original = Original::took_up(&space, "late", &fleet.uuids(), &Value::Null);
    let pod = original.flash(&fleet.devices()[0], false);
    original.reaches(&pod, &["Running"]).await;
    let faults = Faults {
        clock_ahead: seconds(7_200),
        ..Faults::default()
    };
    let user = space.control_plane.operator_kubeconfig();
    let proxy = Proxy::start(space.control_plane, user, 1, faults).await;
    let _operator = space.operator_as(proxy.kubeconfig(), "behind", &["--engine", "native"]);
    let query = "-o=jsonpath={.spec.activeDeadlineSeconds}";
    let deadline = space
        .eventually("a deadline", seconds(60), async || {
            let text = space.try_kubectl(&["get", "pod", &pod, query]).ok()?;
            text.parse::<u64>().ok()
        })
        .await;
    assert!((7_200..9_000).contains(&deadline), "{deadline}");
    let done = space.finished("late", 120).await;
    assert_eq!(done.count("succeeded"), 1, "{:#}", done.0);
}
