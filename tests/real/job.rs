//! The whole: an operator, a FlashJob, and devices that receive real bytes.

use rstest::rstest;
use serde_json::{Value, json};

use testbed::{
    Operator, Space,
    job::{Seen, job},
    real::{NODE, VERSION, World, board::Board, discovery::Discovery, load_balancer::LoadBalancer},
    seconds,
};

/// Arguments of an operator.
const ARGUMENTS: [&str; 2] = ["--flash-pod-values-configmap", "flash-values"];

/// A namespace with devices that are discovered, a load balancer, and an operator.
struct Site {
    world: &'static World,
    space: Space,
    boards: Vec<Board>,
    operator: Operator,
    _services: (LoadBalancer, Discovery),
}

impl Site {
    async fn new(name: &str, engine: &str, faults: &[&str]) -> Self {
        let world = World::shared();
        let space = Space::on(world.plane, name).await;
        let boards: Vec<_> = faults
            .iter()
            .map(|fault| Board::start(world, fault))
            .collect();
        let client = world.plane.client("fleet").await;
        let addresses = boards.iter().map(|board| board.address).collect();
        let discovery = Discovery::start(client.clone(), &space.name, addresses).await;
        let values = json!({
            "diceAuth": {"host": NODE.to_string()},
            "image": {"pullPolicy": "Never"},
            "podSecurityContext": {"runAsNonRoot": true, "runAsUser": 65532},
        });
        let values = json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "flash-values"},
            "data": {"values.yaml": values.to_string()},
        });
        space.apply(&values.to_string());
        Self {
            world,
            boards,
            operator: space.operator(&[&ARGUMENTS[..], &["--engine", engine]].concat()),
            _services: (LoadBalancer::start(client), discovery),
            space,
        }
    }

    /// Uids of the devices, in their order, once all have been discovered.
    async fn uuids(&self) -> Vec<String> {
        let path = format!("/apis/akri.sh/v0/namespaces/{}/instances", self.space.name);
        let found = self.space.eventually("all devices", seconds(30), async || {
            let list = self.world.plane.get(&path)?;
            let instances = list["items"].as_array()?;
            let of = |board: &Board| {
                let is_its = |instance: &&Value| {
                    instance["spec"]["brokerProperties"]["HOST_ENDPOINT"]
                        == board.address.to_string()
                };
                let uid = &instances.iter().find(is_its)?["metadata"]["uid"];
                uid.as_str().map(str::to_owned)
            };
            self.boards.iter().map(of).collect::<Option<Vec<_>>>()
        });
        found.await
    }

    /// Applies a job for all of them; the uids that it names.
    async fn apply(&self, more: &Value) -> Vec<String> {
        let uuids = self.uuids().await;
        let mut job = job("real", &uuids, more);
        job["spec"]["firmware"] = World::firmware().into();
        job["spec"]["version"] = VERSION.into();
        job["spec"]["flashjobPodImage"] = self.world.image.clone().into();
        self.space.apply(&job.to_string());
        uuids
    }

    /// Flashes all of them; the job at its end, and the uids that it names.
    async fn flash(&self, more: Value) -> (Seen, Vec<String>) {
        let uuids = self.apply(&more).await;
        (self.space.finished("real", 240).await, uuids)
    }

    /// Waits until a device receives firmware.
    async fn receiving(&self) {
        self.space
            .eventually("device that receives firmware", seconds(60), async || {
                let logs = self.space.try_kubectl(&["logs", "--selector=app=real"]);
                logs.ok()?.contains("Verified device").then_some(())
            })
            .await;
    }

    /// Ends a program without asking, and starts it again.
    async fn restart(&mut self, program: &str) {
        if program == "operator" {
            self.space.replace(&mut self.operator, &ARGUMENTS);
            return;
        }
        let killed = self.world.plane.kill(program);
        self.world.plane.revive(&killed);
        self.space
            .eventually("answer of the API server", seconds(60), async || {
                self.space.try_kubectl(&["get", "--raw", "/readyz"]).ok()
            })
            .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flashjob_flashes_a_device_for_real_and_reads_the_new_version_back() {
    let site = Site::new("whole", "native", &["none"]).await;
    let more = json!({"verification": {"mode": "Version", "timeoutSeconds": 60}});
    let (done, uuids) = site.flash(more).await;
    let device = done.device(&uuids[0]);
    let said = (&device["phase"], &device["reason"]);
    assert_eq!(
        said,
        (&json!("Succeeded"), &json!("Verified")),
        "{}",
        site.space.dump()
    );
    let proof = site.boards[0].proof().unwrap();
    assert_eq!(proof["memory"], json!(site.world.hash));
    let times = (&proof["updates"], &proof["overlaps"], &proof["boots"]);
    assert_eq!(times, (&json!(1), &json!(0), &json!(1)));
    site.space
        .eventually("nothing of the flash", seconds(60), async || {
            site.space.is_at_rest().then_some(())
        })
        .await;
}

/// A fault, how the job judges its device, and whether the device has the firmware in its memory then.
type Fault = (&'static str, &'static str, &'static str, bool);

const FAULTS: [Fault; 11] = [
    ("none", "Succeeded", "Verified", true),
    ("slow:400000", "Succeeded", "Verified", true),
    ("cut:0", "Failed", "TransferFailed", false),
    ("cut:600000", "Failed", "TransferFailed", false),
    ("mute", "Failed", "TransferFailed", false),
    ("garbage", "Failed", "AgentFailed", false),
    ("stranger", "Failed", "AttestationRefused", false),
    ("dumb", "Failed", "DeadlineExceeded", false),
    ("other-pin", "Failed", "DeadlineExceeded", false),
    ("old-version", "Failed", "VersionMismatch", true),
    // Nothing but the device's own word says which version it runs.
    ("lying", "Succeeded", "Verified", false),
];

#[rstest]
#[case::native("native")]
#[case::helm("helm")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_of_a_device_gets_its_verdict_and_no_device_is_touched_twice(
    #[case] engine: &str,
) {
    let site = Site::new("faults", engine, &FAULTS.map(|fault| fault.0)).await;
    let more = json!({
        "parallelism": FAULTS.len(), "activeDeadlineSecondsPerDevice": 45,
        "verification": {"mode": "Version", "timeoutSeconds": 60},
    });
    let (done, uuids) = site.flash(more).await;
    assert_judged(&site, &FAULTS, &done, &uuids);
}

/// Asserts that the job says of each device what its fault leads to, and that the device's own memory agrees.
fn assert_judged(site: &Site, faults: &[Fault], done: &Seen, uuids: &[String]) {
    let all = std::iter::zip(faults, std::iter::zip(uuids, &site.boards));
    let (wanted, found): (Vec<_>, Vec<_>) = all
        .map(|((fault, phase, reason, kept), (uuid, board))| {
            let device = done.device(uuid);
            let proof = board.proof().unwrap();
            let memory = kept.then(|| site.world.hash.clone());
            let said = [&device["phase"], &device["reason"]];
            let seen = [&proof["memory"], &proof["updates"], &proof["overlaps"]];
            (
                json!([fault, [phase, reason], [json!(memory), json!(1), json!(0)]]),
                json!([fault, said, seen]),
            )
        })
        .unzip();
    assert_eq!(wanted, found, "{}", site.space.dump());
}

#[rstest]
#[case::native("native")]
#[case::helm("helm")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes, and prints figures: hack/test-real.sh fifty --ignored --nocapture"]
async fn fifty_devices_of_which_every_fifth_has_a_fault_get_their_verdicts(#[case] engine: &str) {
    // The first two are not to blame for anything.
    let of = |index: usize| match index % 5 {
        4 => FAULTS[2 + index / 5 % (FAULTS.len() - 2)],
        _ => FAULTS[0],
    };
    let faults: Vec<_> = (0..50).map(of).collect();
    let names: Vec<_> = faults.iter().map(|fault| fault.0).collect();
    let site = Site::new("fifty", engine, &names).await;
    let more = json!({
        "parallelism": 10, "activeDeadlineSecondsPerDevice": 45,
        "verification": {"mode": "Version", "timeoutSeconds": 60},
    });
    let (done, uuids) = site.flash(more).await;
    let used = std::process::Command::new("ps")
        .args(["-eo", "comm,cputimes,rss,etimes", "--sort=-cputimes"])
        .output()
        .unwrap();
    let used = String::from_utf8(used.stdout).unwrap();
    println!(
        "{engine}: {} to {}",
        done.0["status"]["startTime"], done.0["status"]["completionTime"]
    );
    println!("{}", used.lines().take(12).collect::<Vec<_>>().join("\n"));
    assert_judged(&site, &faults, &done, &uuids);
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transfer_survives_the_end_of_every_program_around_it(
    #[values("operator", "kubelet", "containerd", "kube-proxy", "kube-apiserver")] program: &str,
) {
    let mut site = Site::new("restart", "native", &["slow:150000"]).await;
    let more = json!({"verification": {"mode": "Version", "timeoutSeconds": 60}});
    let uuids = site.apply(&more).await;
    site.receiving().await;
    assert_eq!(site.boards[0].proof().unwrap()["boots"], 0);
    site.restart(program).await;
    let done = site.space.finished("real", 120).await;
    let device = done.device(&uuids[0]);
    let said = (&device["phase"], &device["reason"], &device["attempts"]);
    assert_eq!(said, (&json!("Succeeded"), &json!("Verified"), &json!(1)));
    let proof = site.boards[0].proof().unwrap();
    let times = (&proof["memory"], &proof["updates"], &proof["boots"]);
    assert_eq!(times, (&json!(site.world.hash), &json!(1), &json!(1)));
}
