//! An upgrade in place: the original operator is gone, and what it had begun is on the cluster.

use serde_json::{Value, json};

use crate::support::{
    Operator, Outcome, Params, Space,
    fleet::Report,
    job::{FIRMWARE, VERSION, job},
    seconds,
};

/// Finalizer that the original put on a FlashJob.
const FINALIZER: &str = "application.flashjob.nbfc.io/flashjob-finalizer";

/// The cluster as the original left it.
struct Original<'a> {
    space: &'a Space,
    job: &'a str,
    uid: String,
}

impl<'a> Original<'a> {
    /// A FlashJob that it had taken up, with the status that it wrote.
    fn took_up(space: &'a Space, name: &'a str, uuids: &[String], more: &Value) -> Self {
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
    fn flash(&self, device: &Report, owned: bool) -> String {
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flashes_of_the_original_are_followed_judged_and_cleaned_up_and_no_device_is_flashed_twice()
{
    let space = Space::new("takeover").await;
    let fleet = space
        .fleet(Params {
            devices: 8,
            flash_seconds: 10.0,
            exit1_share: 0.125,
            never_ends_share: 0.125,
            ..Params::default()
        })
        .await;
    let devices = fleet.devices();
    let of = |outcome| {
        devices
            .iter()
            .filter(move |device| device.outcome == outcome)
    };
    let (refused, stuck) = (
        of(Outcome::Exit1).next().unwrap(),
        of(Outcome::NeverEnds).next().unwrap(),
    );
    let [done, left, ended, running, waiting, fresh] = of(Outcome::Sent).collect::<Vec<_>>()[..]
    else {
        panic!("{devices:#?}")
    };

    let spec = json!({"activeDeadlineSecondsPerDevice": 60});
    let original = Original::took_up(&space, "upgraded", &fleet.uuids(), &spec);
    original.status(&json!({
        "phase": "InProgress", "message": "Firmware flashing in progress", "completedUUIDs": [done.uuid, left.uuid],
    }));
    original.service(left);
    original.service(waiting);
    let over = [original.flash(ended, true), original.flash(refused, false)];
    original.reaches(&over[0], &["Succeeded"]).await;
    original.reaches(&over[1], &["Failed"]).await;
    let alive = [original.flash(running, true), original.flash(stuck, false)];
    for pod in &alive {
        original.reaches(pod, &["Running", "Succeeded"]).await;
    }
    // Labels like the original's, on somebody else's Pod.
    let stranger = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "stranger", "labels": {"app": "upgraded", "uuid": fresh.uuid}},
        "spec": {"restartPolicy": "Never", "containers": [{"name": "flash-container", "image": "web"}]},
    });
    space.apply(&stranger.to_string());

    // Killed as soon as it began to take over, and once more on the way.
    let mut operator = leader(&space).await;
    let adopted = "--selector=flashjob.nbfc.io/job-uid,flashjob.nbfc.io/round=1";
    space
        .eventually("something taken over", seconds(60), async || {
            let adopted = space.kubectl(&["get", "pods,services", adopted, "-o", "name"]);
            (!adopted.is_empty()).then_some(())
        })
        .await;
    operator.kill();
    operator = leader(&space).await;
    let shown = space
        .eventually("word of the flash that runs", seconds(60), async || {
            let job = space.job("upgraded");
            (job.device(&stuck.uuid)["reason"] == "Adopted").then_some(job)
        })
        .await;
    let device = shown.device(&stuck.uuid);
    assert_eq!(
        (&device["phase"], &device["pod"], &device["release"]),
        (&json!("Flashing"), &json!(alive[1]), &Value::Null)
    );
    operator.kill();
    operator = leader(&space).await;

    let job = space.finished("upgraded", 180).await;
    let index = |device: &Report| {
        devices
            .iter()
            .position(|one| one.uuid == device.uuid)
            .unwrap()
    };
    assert_eq!(
        job.indexes("failedIndexes"),
        [refused, stuck].map(index).into(),
        "{:#}",
        job.0["status"]
    );
    assert_eq!((job.count("succeeded"), job.count("selected")), (6, 8));
    assert_eq!(job.device(&stuck.uuid)["reason"], "DeadlineExceeded");
    assert_eq!(job.device(&refused.uuid)["reason"], "ContactFailed");
    assert_eq!(
        job.0["status"]["completedUUIDs"].as_array().unwrap().len(),
        6
    );

    // Nothing of the original's is left, and the devices that it flashed were flashed by nobody else.
    space
        .eventually("everything cleaned up", seconds(60), async || {
            (names(&space, "pods,services") == ["pod/stranger"]).then_some(())
        })
        .await;
    let births = space.control_plane.audit().pod_births(&space.name);
    let ours: Vec<_> = births
        .iter()
        .filter(|(pod, _)| pod.starts_with("flash-"))
        .collect();
    assert_eq!(ours.len(), 2, "{births:?}");
    for device in [waiting, fresh] {
        let prefix = format!("flash-{}-", device.uuid);
        let of: Vec<_> = ours
            .iter()
            .filter(|(pod, _)| pod.starts_with(&prefix))
            .collect();
        assert!(matches!(of[..], [(_, 1)]), "{births:?}");
    }
    assert_eq!(
        births.len(),
        7,
        "two of the operator, four of the original, a stranger: {births:?}"
    );
    let journal = fleet.journal();
    assert_eq!(
        (
            journal.len(),
            journal.iter().filter(|flash| flash.overlapped).count()
        ),
        (6, 0)
    );
    let label = "-o=jsonpath={.metadata.labels.flashjob\\.nbfc\\.io/job-uid}";
    assert_eq!(space.kubectl(&["get", "pod", "stranger", label]), "");

    space.kubectl(&["delete", "pod", "stranger"]);
    space.delete_job("upgraded", 60).await;
    operator.terminate(seconds(30));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_is_being_deleted_lets_the_original_s_flash_end_first() {
    let space = Space::new("takeover-deleted").await;
    let fleet = space
        .fleet(Params {
            devices: 1,
            flash_seconds: 20.0,
            ..Params::default()
        })
        .await;
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
