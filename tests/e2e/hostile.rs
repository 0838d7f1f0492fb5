//! What people who may write in a namespace try: with exactly the rights of the built-in role `edit`, and with copied labels.
//!
//! Every attack is one that once worked. The attackers are real users of the API server: they are impersonated, and RBAC decides.

pub mod editor;
pub mod forgery;

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use flashjob_operator::{
    names::{LABEL_ATTEMPT, LABEL_JOB_UID, LABEL_ROUND, SEAL_KEY_TYPE},
    release::Status,
};
use rstest::rstest;
use serde_json::{Value, json};

use editor::Editor;
use forgery::{Forged, copied};

use crate::support::{
    Fleet, Operator, Params, Space,
    job::{Seen, job},
    seconds,
};

/// Generous: the tests run beside each other on small machines.
const PATIENCE: Duration = seconds(120);
/// How long nothing may happen where an attack would have worked at once.
const QUIET: Duration = seconds(8);

/// A victim's namespace with devices, an operator that keeps its key elsewhere, and a user who may `edit` in one namespace.
struct Lab {
    space: Space,
    system: Space,
    fleet: Fleet,
    arguments: Vec<String>,
    operator: Operator,
}

impl Lab {
    async fn new(name: &str, engine: &str, params: Params, more: &[&str]) -> Self {
        let space = Space::new(name).await;
        let system = Space::new(&format!("{name}-system")).await;
        space.control_plane.operator_kubeconfig();
        let fleet = space.fleet(params).await;
        system.copy_role();
        let own = [
            "--engine",
            engine,
            "--watch-namespaces",
            &space.name,
            "--akri-namespaces",
            &space.name,
            "--lease-namespace",
            &system.name,
            "--ignored-operators=*",
            "--cool-down-seconds=0",
        ];
        let arguments = [&own[..], more];
        let arguments: Vec<String> = arguments.concat().into_iter().map(str::to_owned).collect();
        let operator = start(&space, &arguments);
        Self {
            space,
            system,
            fleet,
            arguments,
            operator,
        }
    }

    /// Kills the operator, does something, and starts another.
    fn meanwhile(&mut self, act: impl FnOnce(&Self)) {
        self.operator.kill();
        act(self);
        self.operator = start(&self.space, &self.arguments);
    }

    fn flash(&self, name: &str, uuids: &[String]) {
        let spec = json!({"verification": {"mode": "None"}});
        self.space.apply(&job(name, uuids, &spec).to_string());
    }

    fn job_uid(&self, name: &str) -> String {
        let path = "-o=jsonpath={.metadata.uid}";
        self.space.kubectl(&["get", "flashjob", name, path])
    }

    fn device(&self, job: &str, uuid: &str) -> Value {
        let found = self.space.find_job(job).map(Seen);
        found.map_or(Value::Null, |job| job.device(uuid).clone())
    }

    async fn stands(&self, job: &str, uuid: &str, reason: &str) -> Value {
        self.space
            .eventually(&format!("{uuid} {reason}"), PATIENCE, async || {
                Some(self.device(job, uuid)).filter(|device| device["reason"] == reason)
            })
            .await
    }

    /// The object of that kind whose name begins so, once it is there.
    async fn object(&self, kind: &str, prefix: &str) -> Value {
        let query = ["get", kind, "-o", "json"];
        self.space
            .eventually(&format!("{kind} {prefix}"), PATIENCE, async || {
                let all: Value = serde_json::from_str(&self.space.kubectl(&query)).unwrap();
                let mut items = all["items"].as_array()?.clone().into_iter();
                items.find(|one| text(&one["metadata"]["name"]).starts_with(prefix))
            })
            .await
    }

    async fn pod(&self, uuid: &str) -> Value {
        self.object("pods", &format!("flash-{uuid}")).await
    }

    fn births(&self, resource: &str) -> Vec<String> {
        let audit = self.space.control_plane.audit();
        let requests = audit.0.iter().filter(|request| {
            request.is_birth()
                && request.namespace == self.space.name
                && request.resource == resource
                && request.user.contains("flashjob-operator")
        });
        requests.map(|request| request.name.clone()).collect()
    }
}

fn start(space: &Space, arguments: &[String]) -> Operator {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let log = space
        .control_plane
        .directory()
        .join(format!("{}.log", space.name));
    Operator::start(space.control_plane, &log, &arguments)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A forged record of the first attempt of a device.
fn record(job_uid: &str, job: &str, namespace: &str, uuid: &str, endpoint: &str) -> Value {
    let forged = Forged {
        job,
        job_uid,
        namespace,
        uuid,
        endpoint,
        revision: 1,
        status: Status::PendingInstall,
    };
    forged.secret()
}

fn one_slow(flash_seconds: f64) -> Params {
    Params {
        devices: 1,
        flash_seconds,
        address_delay_seconds: 2.0,
        reboot_seconds: 0.5,
        ..Params::default()
    }
}

/// Another namespace, of which the victim's operator carries out FlashJobs, too.
async fn elsewhere(name: &str) -> Space {
    Space::new(&format!("{name}-evil")).await
}

#[rstest]
#[case::native("native")]
#[case::helm("helm")]
#[tokio::test]
async fn objects_of_another_namespace_mean_nothing_whatever_their_labels_and_seals(
    #[case] engine: &str,
) {
    let name = format!("other-{engine}");
    let evil = elsewhere(&name).await;
    let watch = ["--watch-namespaces", evil.name.as_str()];
    let lab = Lab::new(&name, engine, one_slow(6.0), &watch).await;
    let mallory = Editor::of(&evil);
    let uuid = lab.fleet.uuids().remove(0);
    lab.flash("job", std::slice::from_ref(&uuid));

    // A Service with the labels and the seal of the victim's, which has an address before the victim's has one.
    let service = lab.object("services", &format!("flash-{uuid}")).await;
    let name = text(&service["metadata"]["name"]).to_owned();
    mallory.creates(&copied(&service, &evil.name));
    let address = json!({"status": {"loadBalancer": {"ingress": [{"ip": "198.51.100.66"}]}}});
    let patch = address.to_string();
    let flags = ["--subresource=status", "--type=merge", "-p", &patch];
    evil.kubectl(&[&["patch", "service", &name][..], &flags].concat());

    let pod = lab.pod(&uuid).await;
    let env = pod["spec"]["containers"][0]["env"].as_array().unwrap();
    let external = env.iter().find(|one| one["name"] == "EXTERNAL_IP").unwrap();
    assert_ne!(external["value"], "198.51.100.66", "{pod:#}");

    // A Pod with the labels and the seal of the victim's, which has ended well.
    mallory.creates(&copied(&pod, &evil.name));
    let ended = json!({"status": {"phase": "Succeeded", "containerStatuses": [{
        "name": "flash-container", "image": "i", "imageID": "", "ready": false, "restartCount": 0,
        "state": {"terminated": {"exitCode": 0, "reason": "Completed"}},
    }]}});
    let patch = ended.to_string();
    let flags = ["--subresource=status", "--type=merge", "-p", &patch];
    evil.kubectl(&[&["patch", "pod", &name][..], &flags].concat());
    // And a record of the victim's job.
    let endpoint = text(&lab.device("job", &uuid)["hostEndpoint"]).to_owned();
    mallory.creates(&record(
        &lab.job_uid("job"),
        "job",
        &evil.name,
        &uuid,
        &endpoint,
    ));

    let done = lab.space.finished("job", 120).await;
    assert_eq!(done.device(&uuid)["pod"], name.as_str(), "{:#}", done.0);
    assert_eq!(done.count("succeeded"), 1, "{:#}", done.0);
    lab.space.assert_flashed(&lab.fleet, 1);
    let journal = lab.fleet.journal();
    assert!(
        journal.iter().all(|flash| !flash.overlapped),
        "{journal:#?}"
    );
    let theirs = evil.kubectl(&["get", "pods,services,secrets", "-o", "name"]);
    assert_eq!(
        theirs
            .lines()
            .filter(|line| line.contains("flash-"))
            .count(),
        3,
        "{theirs}"
    );
}

#[tokio::test]
async fn pods_with_labels_in_another_namespace_take_no_slot() {
    let evil = elsewhere("slots").await;
    let watch = [
        "--watch-namespaces",
        evil.name.as_str(),
        "--max-in-flight=2",
    ];
    let lab = Lab::new("slots", "native", one_slow(0.5), &watch).await;
    let mallory = Editor::of(&evil);
    for number in 0..4 {
        mallory.creates(&json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": format!("flash-u{number}-a{number}"), "labels": {
                LABEL_JOB_UID: format!("job-{number}"), LABEL_ATTEMPT: format!("a{number}"), LABEL_ROUND: "1",
                "uuid": format!("u{number}"),
            }},
            "spec": {"nodeSelector": {"no": "node"}, "containers": [{"name": "flash-container", "image": "registry.example.com/any:1"}]},
        }));
    }
    lab.flash("job", &lab.fleet.uuids());
    let done = lab.space.finished("job", 120).await;
    assert_eq!(done.count("succeeded"), 1, "{:#}", done.0);
}

#[rstest]
#[case::native("native")]
#[case::helm("helm")]
#[tokio::test]
async fn a_forged_record_of_a_job_is_never_rendered_and_keeps_its_device_until_it_is_gone(
    #[case] engine: &str,
) {
    let lab = Lab::new(&format!("forged-{engine}"), engine, one_slow(0.5), &[]).await;
    let mallory = Editor::of(&lab.space);
    let uuid = lab.fleet.uuids().remove(0);
    // The job waits, so that the record is there before its device begins.
    let spec = json!({"suspend": true, "verification": {"mode": "None"}});
    let manifest = job("job", std::slice::from_ref(&uuid), &spec);
    lab.space.apply(&manifest.to_string());
    let forgery = record(
        &lab.job_uid("job"),
        "job",
        &lab.space.name,
        &uuid,
        "192.0.2.7:80",
    );
    mallory.creates(&forgery);
    lab.space.apply(
        &job(
            "job",
            std::slice::from_ref(&uuid),
            &json!({"verification": {"mode": "None"}}),
        )
        .to_string(),
    );
    let kept = lab.stands("job", &uuid, "SealUnknown").await;
    let message = text(&kept["message"]);
    let name = text(&forgery["metadata"]["name"]).to_owned();
    let command = format!("kubectl delete secret {name} -n {}", lab.space.name);
    assert!(
        message.contains("bears no seal of this operator") && message.ends_with(&command),
        "{message}"
    );
    let events = ["get", "events", "-o=jsonpath={.items[*].reason}"];
    let reasons = lab.space.kubectl(&events);
    assert!(reasons.contains("SealUnknown"), "{reasons}");
    assert_eq!(lab.births("pods"), Vec::<String>::new());

    mallory.does(&["delete", "secret", &name]).unwrap();
    let done = lab.space.finished("job", 120).await;
    assert_eq!(done.count("succeeded"), 1, "{:#}", done.0);
    let image = "-o=jsonpath={.items[*].spec.containers[*].image}";
    assert!(!lab.space.kubectl(&["get", "pods", image]).contains("evil"));
}

#[rstest]
#[case::native("native")]
#[case::helm("helm")]
#[tokio::test]
async fn a_forged_record_of_an_unknown_job_is_left_alone_and_its_hooks_never_run(
    #[case] engine: &str,
) {
    let lab = Lab::new(&format!("hooks-{engine}"), engine, one_slow(0.5), &[]).await;
    let mallory = Editor::of(&lab.space);
    let unknown = "00000000-0000-0000-0000-000000000666";
    let forgery = record(
        unknown,
        "gone",
        &lab.space.name,
        "7e4a6e7b-bee6-4fac-bdea-43d671baaa15",
        "192.0.2.7:80",
    );
    mallory.creates(&forgery);
    // The sweep comes by every five seconds; a job that is carried out meanwhile shows that the operator is at work.
    lab.flash("job", &lab.fleet.uuids());
    let done = lab.space.finished("job", 120).await;
    assert_eq!(done.count("succeeded"), 1, "{:#}", done.0);
    tokio::time::sleep(QUIET).await;
    let name = text(&forgery["metadata"]["name"]);
    lab.space.kubectl(&["get", "secret", name]);
    let audit = lab.space.control_plane.audit();
    let hook = audit
        .0
        .iter()
        .find(|request| ["evil-hook", "evil-pod"].contains(&request.name.as_str()));
    assert_eq!(hook, None);
}

#[tokio::test]
async fn a_pod_that_was_replaced_with_its_seal_copied_gives_no_verdict() {
    let lab = Lab::new("replaced", "native", one_slow(60.0), &[]).await;
    let mallory = Editor::of(&lab.space);
    let uuid = lab.fleet.uuids().remove(0);
    lab.flash("job", std::slice::from_ref(&uuid));
    lab.stands("job", &uuid, "Flashing").await;
    let pod = lab.pod(&uuid).await;
    let name = text(&pod["metadata"]["name"]).to_owned();
    let bare = json!({"metadata": {"finalizers": null}}).to_string();
    mallory
        .does(&["patch", "pod", &name, "--type=merge", "-p", &bare])
        .unwrap();
    mallory
        .does(&["delete", "pod", &name, "--grace-period=0", "--force"])
        .unwrap();
    mallory.creates(&copied(&pod, &lab.space.name));
    let ended = json!({"status": {"phase": "Succeeded", "containerStatuses": [{
        "name": "flash-container", "image": "i", "imageID": "", "ready": false, "restartCount": 0,
        "state": {"terminated": {"exitCode": 0, "reason": "Completed"}},
    }]}});
    let patch = ended.to_string();
    lab.space.kubectl(&[
        "patch",
        "pod",
        &name,
        "--subresource=status",
        "--type=merge",
        "-p",
        &patch,
    ]);
    let done = lab.space.finished("job", 120).await;
    assert_eq!(done.device(&uuid)["reason"], "Interrupted", "{:#}", done.0);
    assert_eq!(lab.births("pods").len(), 1, "no second flash");
}

#[rstest]
#[case::while_it_runs(false)]
#[case::while_no_operator_runs(true)]
#[tokio::test]
async fn a_flash_whose_labels_were_taken_off_is_found_again_and_gets_them_back(
    #[case] unseen: bool,
) {
    let name = if unseen { "unseen" } else { "labels" };
    // The flash outlasts a restart of the operator: a Pod that ended needs its labels no more.
    let mut lab = Lab::new(name, "native", one_slow(45.0), &[]).await;
    let uuid = lab.fleet.uuids().remove(0);
    lab.flash("job", std::slice::from_ref(&uuid));
    lab.stands("job", &uuid, "Flashing").await;
    let pod = text(&lab.pod(&uuid).await["metadata"]["name"]).to_owned();
    let strip = |lab: &Lab| {
        Editor::of(&lab.space)
            .does(&["label", "pod", &pod, "flashjob.nbfc.io/job-uid-", "uuid-"])
            .unwrap();
    };
    if unseen {
        lab.meanwhile(strip);
    } else {
        strip(&lab);
    }
    let label =
        "-o=jsonpath={.metadata.labels.flashjob\\.nbfc\\.io/job-uid} {.metadata.labels.uuid}";
    let wanted = format!("{} {uuid}", lab.job_uid("job"));
    lab.space
        .eventually("labels that are put back", PATIENCE, async || {
            let found = lab.space.try_kubectl(&["get", "pod", &pod, label]).ok()?;
            (found == wanted).then_some(())
        })
        .await;
    let done = lab.space.finished("job", 120).await;
    assert_eq!(done.device(&uuid)["reason"], "FirmwareSent", "{:#}", done.0);
    lab.space.assert_flashed(&lab.fleet, 1);
    lab.space.delete_job("job", 60).await;
}

#[tokio::test]
async fn a_flash_that_ended_without_its_labels_is_finished_and_nothing_is_refused() {
    let mut lab = Lab::new("bare", "native", one_slow(4.0), &[]).await;
    let uuid = lab.fleet.uuids().remove(0);
    lab.flash("job", std::slice::from_ref(&uuid));
    lab.stands("job", &uuid, "Flashing").await;
    let pod = text(&lab.pod(&uuid).await["metadata"]["name"]).to_owned();
    lab.operator.kill();
    Editor::of(&lab.space)
        .does(&["label", "pod", &pod, "flashjob.nbfc.io/job-uid-", "uuid-"])
        .unwrap();
    let phase = ["get", "pod", &pod, "-o=jsonpath={.status.phase}"];
    lab.space
        .eventually("the flash ends", PATIENCE, async || {
            (lab.space.kubectl(&phase) == "Succeeded").then_some(())
        })
        .await;
    lab.operator = start(&lab.space, &lab.arguments);
    let done = lab.space.finished("job", 120).await;
    assert_eq!(done.device(&uuid)["reason"], "FirmwareSent", "{:#}", done.0);
    lab.space.delete_job("job", 60).await;
    let audit = lab.space.control_plane.audit();
    let refused = audit
        .0
        .iter()
        .filter(|request| request.namespace == lab.space.name && request.code == 403);
    assert_eq!(refused.collect::<Vec<_>>(), Vec::<&_>::new());
}

/// What becomes of the key while no operator runs.
#[rstest]
#[case::deleted("deleted")]
#[case::replaced("replaced")]
#[tokio::test]
async fn a_lost_key_never_leads_to_a_second_flash(#[case] fate: &str) {
    let mut lab = Lab::new(&format!("key-{fate}"), "native", one_slow(90.0), &[]).await;
    let uuid = lab.fleet.uuids().remove(0);
    lab.flash("job", std::slice::from_ref(&uuid));
    lab.stands("job", &uuid, "Flashing").await;
    let pod = text(&lab.pod(&uuid).await["metadata"]["name"]).to_owned();
    lab.meanwhile(|lab| {
        if fate == "deleted" {
            lab.system
                .kubectl(&["delete", "secret", "flashjob-operator-seal"]);
        } else {
            let other = json!({"data": {"current": STANDARD.encode([9_u8; 32])}}).to_string();
            lab.system.kubectl(&[
                "patch",
                "secret",
                "flashjob-operator-seal",
                "--type=merge",
                "-p",
                &other,
            ]);
        }
    });
    // Whose selection and flash these are cannot be proved any more: nothing new starts, and nobody else begins the device.
    lab.space
        .eventually("the selection is lost", PATIENCE, async || {
            let job = Seen(lab.space.find_job("job")?);
            (job.reason() == "SelectionLost").then_some(())
        })
        .await;
    lab.flash("again", std::slice::from_ref(&uuid));
    let kept = lab.stands("again", &uuid, "SealUnknown").await;
    assert!(text(&kept["message"]).contains(&pod), "{kept:#}");
    tokio::time::sleep(QUIET).await;
    assert_eq!(lab.births("pods").len(), 1, "no second flash");
    // What the message says to do frees the device.
    for kind in ["pods", "services", "secrets"] {
        let selector = format!("-l={LABEL_JOB_UID}");
        lab.space
            .kubectl(&["delete", kind, &selector, "--wait=false"]);
    }
    let grace = [
        "delete",
        "pod",
        &pod,
        "--grace-period=1",
        "--ignore-not-found",
    ];
    lab.space.kubectl(&grace);
    lab.space
        .kubectl(&["delete", "flashjob", "job", "--wait=false"]);
    lab.space
        .eventually("the second flash", PATIENCE, async || {
            (lab.births("pods").len() == 2).then_some(())
        })
        .await;
    let journal = lab.fleet.journal();
    assert!(
        journal.iter().all(|flash| !flash.overlapped),
        "{journal:#?}"
    );
}

#[tokio::test]
async fn a_key_that_is_rotated_keeps_flashes_in_flight_and_the_operator_starts_over_with_it() {
    let mut lab = Lab::new("rotated", "native", one_slow(10.0), &[]).await;
    let uuid = lab.fleet.uuids().remove(0);
    lab.flash("job", std::slice::from_ref(&uuid));
    lab.stands("job", &uuid, "Flashing").await;
    lab.meanwhile(|lab| {
        let query = "-o=jsonpath={.type} {.data.current}";
        let found = lab
            .system
            .kubectl(&["get", "secret", "flashjob-operator-seal", query]);
        let (kind, current) = found.split_once(' ').unwrap();
        assert_eq!(kind, SEAL_KEY_TYPE);
        let rotated =
            json!({"data": {"previous": current, "current": STANDARD.encode([9_u8; 32])}});
        let patch = rotated.to_string();
        lab.system.kubectl(&[
            "patch",
            "secret",
            "flashjob-operator-seal",
            "--type=merge",
            "-p",
            &patch,
        ]);
    });
    let done = lab.space.finished("job", 120).await;
    assert_eq!(done.device(&uuid)["reason"], "FirmwareSent", "{:#}", done.0);
    lab.space.assert_flashed(&lab.fleet, 1);
}

#[tokio::test]
async fn secrets_that_cost_as_much_as_possible_to_read_are_not_read() {
    let mut lab = Lab::new("bombs", "native", one_slow(0.5), &[]).await;
    let mallory = Editor::of(&lab.space);
    let json = format!(
        "{{\"name\":\"x\",\"info\":{{}},\"config\":[{}1]}}",
        "1,".repeat(4 << 20)
    );
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut packed, json.as_bytes()).unwrap();
    let inner = STANDARD.encode(packed.finish().unwrap());
    let bomb = |number: usize| {
        let uuid = format!("00000000-0000-0000-0000-{number:012}");
        json!({
            "apiVersion": "v1", "kind": "Secret", "type": "helm.sh/release.v1",
            "metadata": {"name": format!("sh.helm.release.v1.flash-{uuid}.v1"), "labels": {
                "owner": "helm", "name": format!("flash-{uuid}"), "status": "deployed", "version": "1",
                LABEL_JOB_UID: "nobody", LABEL_ATTEMPT: "a", LABEL_ROUND: "1",
            }},
            "data": {"release": STANDARD.encode(&inner)},
        })
    };
    let many: Vec<Value> = (0..200).map(bomb).collect();
    mallory.creates(&json!({"apiVersion": "v1", "kind": "List", "items": many}));
    // Once by the watch, once by a list.
    lab.meanwhile(|_| ());
    lab.flash("job", &lab.fleet.uuids());
    let done = lab.space.finished("job", 120).await;
    assert_eq!(done.count("succeeded"), 1, "{:#}", done.0);
    let status = std::fs::read_to_string(format!("/proc/{}/status", lab.operator.pid())).unwrap();
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    let kib: u64 = peak.trim().trim_end_matches(" kB").trim().parse().unwrap();
    println!(
        "200 records of {} bytes, 8 MiB unpacked: {} MiB at most",
        inner.len(),
        kib / 1024
    );
    assert!(kib < 200 * 1024, "{kib} KiB; the chart's limit is 768 MiB");
}
