//! A cluster that takes something away for a while: nothing is lost, no device is flashed twice, and the job goes on.

use nix::sys::signal::Signal;
use rstest::rstest;
use serde_json::{Value, json};

use super::{PATIENCE, Stage, condition, device_of, healthy, outages::begun, says};
use testbed::{ControlPlane, Fleet, Operator, Space, job::job, seconds};

/// Where Akri's Instances of a namespace are stored.
fn instance_key(space: &Space, uuid: &str) -> String {
    let query = format!("-o=jsonpath={{.items[?(@.metadata.uid==\"{uuid}\")].metadata.name}}");
    let name = space.kubectl(&["get", "instances.akri.sh", &query]);
    format!("/registry/akri.sh/instances/{}/{name}", space.name)
}

pub(super) async fn sent_once(space: &Space, fleet: &Fleet, job: &str) {
    let done = space.finished(job, 240).await;
    assert!(done.is("Complete"), "{:#}", done.0["status"]);
    space.assert_verdicts(&done, fleet);
    space.assert_flashed(fleet, 1);
}

/// The rules of a role of the operator, without this verb on this resource.
fn without(rules: &Value, resource: &str, verb: &str) -> Value {
    let mut rest = Vec::new();
    for rule in rules.as_array().unwrap() {
        let named = |field: &str, word: &str| {
            let words = rule[field].as_array().unwrap();
            words.iter().any(|known| known == word)
        };
        if !(named("resources", resource) && named("verbs", verb)) {
            rest.push(rule.clone());
            continue;
        }
        let others = |field: &str, word: &str| -> Vec<Value> {
            let words = rule[field].as_array().unwrap().iter();
            words.filter(|known| *known != word).cloned().collect()
        };
        let (mut same, mut less) = (rule.clone(), rule.clone());
        same["resources"] = others("resources", resource).into();
        less["resources"] = json!([resource]);
        less["verbs"] = others("verbs", verb).into();
        let useful = |rule: &Value| rule["resources"] != json!([]) && rule["verbs"] != json!([]);
        rest.extend([same, less].into_iter().filter(useful));
    }
    rest.into()
}

/// A right that the operator lacks until this is dropped.
struct Right {
    plane: &'static ControlPlane,
    role: String,
    rules: Value,
}

impl Right {
    fn taken(space: &Space, role: &str, resource: &str, verb: &str) -> Self {
        space
            .control_plane
            .expect_refusals(&space.name, verb, resource);
        let plane = space.control_plane;
        let whole = plane.kubectl(&["get", "clusterrole", role, "-o", "json"]);
        let whole: Value = serde_json::from_str(&whole).unwrap();
        let right = Self {
            plane,
            role: role.to_owned(),
            rules: whole["rules"].clone(),
        };
        right.put(&without(&right.rules, resource, verb));
        right
    }

    fn put(&self, rules: &Value) {
        let patch = json!({"rules": rules}).to_string();
        let change = ["--type=merge", "-p", &patch];
        self.plane
            .kubectl(&[&["patch", "clusterrole", &self.role][..], &change].concat());
    }
}

impl Drop for Right {
    fn drop(&mut self) {
        self.put(&self.rules);
    }
}

#[rstest]
#[case::pod("flashjob-operator-namespaced", "pods", "create")]
#[case::record("flashjob-operator-namespaced", "secrets", "create")]
#[case::log("flashjob-operator-namespaced", "pods/log", "get")]
#[tokio::test]
async fn a_right_that_is_taken_away_is_named_in_the_api_s_words_and_nothing_is_lost(
    #[case] role: &str,
    #[case] resource: &str,
    #[case] verb: &str,
) {
    let disturbed = ControlPlane::disturb().await;
    let plane = disturbed.plane;
    let arguments = ["--address-timeout-seconds=300"];
    let stage = Stage::on(plane, "right", healthy(1, 1.0), &arguments).await;
    let uuid = stage.fleet.uuids().remove(0);
    stage
        .space
        .eventually("the key of the seals", PATIENCE, async || {
            let query = ["get", "secret", "flashjob-operator-seal"];
            stage.space.try_kubectl(&query).ok()
        })
        .await;
    let right = Right::taken(&stage.space, role, resource, verb);
    stage
        .flash("job", std::slice::from_ref(&uuid), Value::Null)
        .await;
    let refused = stage
        .device("job", &uuid, "lack of a right", |device| {
            let message = device["message"].as_str().unwrap_or_default();
            message.contains("forbidden")
        })
        .await;
    let words = format!("cannot {verb} resource \"{resource}\"");
    says(&refused, &["flashjob-operator", &words]);
    if refused["phase"] != "Waiting" {
        assert_eq!(refused["reason"], "Forbidden", "{refused:#}");
    }
    // Longer than a few tries: it is not given up.
    tokio::time::sleep(seconds(20)).await;
    assert_eq!(stage.status("job").await["counts"]["failed"], 0);
    drop(right);
    sent_once(&stage.space, &stage.fleet, "job").await;
}

#[tokio::test]
async fn a_status_that_may_not_be_written_keeps_the_verdict_until_it_may() {
    let disturbed = ControlPlane::disturb().await;
    let plane = disturbed.plane;
    let stage = Stage::on(plane, "status-right", healthy(2, 8.0), &[]).await;
    let uuids = stage.fleet.uuids();
    stage.flash("job", &uuids, json!({"parallelism": 1})).await;
    stage.flashing(&uuids[0]).await;
    let right = Right::taken(
        &stage.space,
        "flashjob-operator",
        "flashjobs/status",
        "update",
    );
    stage
        .space
        .eventually("a refused status", PATIENCE, async || {
            let log = stage.operator.log();
            log.contains("cannot update resource").then_some(())
        })
        .await;
    stage
        .space
        .eventually("end of the first flash", PATIENCE, async || {
            let journal = stage.fleet.journal();
            journal.first()?.outcome.map(|_| ())
        })
        .await;
    tokio::time::sleep(seconds(5)).await;
    // The Pod, and with it the verdict, stays as long as the verdict is not stored.
    let pods = stage.space.kubectl(&["get", "pods", "-o", "name"]);
    assert_eq!(pods.lines().count(), 1, "{pods}");
    assert_eq!(stage.fleet.journal().len(), 1, "nothing else begins");
    drop(right);
    sent_once(&stage.space, &stage.fleet, "job").await;
}

#[tokio::test]
async fn an_api_server_that_is_away_for_a_minute_loses_nothing_and_the_job_goes_on() {
    let disturbed = ControlPlane::disturb().await;
    let plane = disturbed.plane;
    let space = Space::on(plane, "outage").await;
    // An API server that has just started does not know all roles yet.
    for namespace in [&space.name, ""] {
        plane.expect_refusals(namespace, "*", "*");
    }
    let mut operator = space.operator(&[]);
    let fleet = begun(&space).await;
    let api_server = plane.kill("kube-apiserver");
    let mut starts = 0;
    let kubeconfig = plane.operator_kubeconfig().to_owned();
    let mut supervise = |operator: &mut Operator| {
        // As a kubelet does: an operator that lost its lease ends, and is started again.
        if operator.ended().is_some() {
            starts += 1;
            *operator = space.operator_again(&kubeconfig, "operator", &[]);
        }
    };
    for _ in 0..12 {
        tokio::time::sleep(seconds(5)).await;
        supervise(&mut operator);
    }
    plane.revive(&api_server);
    space
        .eventually("answer of the API server", PATIENCE, async || {
            supervise(&mut operator);
            space.try_kubectl(&["get", "flashjobs"]).ok()
        })
        .await;
    let births = plane.audit().flashes(&space.name);
    space
        .eventually("end of the job", seconds(240), async || {
            supervise(&mut operator);
            let job = space.try_kubectl(&["get", "flashjob", "job", "-o", "json"]);
            let job: Value = serde_json::from_str(&job.ok()?).ok()?;
            (condition(&job["status"], "Finished")["status"] == "True").then_some(())
        })
        .await;
    println!("{births:?} had begun before; the operator was started {starts} times again");
    assert!(births.len() < 6, "the outage came too late: {births:?}");
    assert!(starts > 0, "nobody leads without a lease");
    sent_once(&space, &fleet, "job").await;
    operator.signal(Signal::SIGTERM);
}

#[tokio::test]
async fn without_akri_a_job_says_so_and_begins_when_akri_and_its_devices_appear() {
    let disturbed = ControlPlane::disturb().await;
    let plane = disturbed.plane;
    let space = Space::on(plane, "no-akri").await;
    let fleet = space.fleet(healthy(2, 0.5)).await;
    let uuids = fleet.uuids();
    let definition = plane.kubectl(&["get", "crd", "instances.akri.sh", "-o", "json"]);
    let keys = uuids.iter().map(|uuid| instance_key(&space, uuid));
    let devices: Vec<_> = keys.map(|key| plane.take_out(&key)).collect();
    plane.kubectl(&["delete", "crd", "instances.akri.sh", "--timeout=60s"]);
    let _operator = space.operator(&[]);
    space.apply(&job("job", &uuids, &Value::Null).to_string());
    let waits = space
        .eventually("word of it", PATIENCE, async || {
            let job = space.job("job");
            let stalled = condition(&job.0["status"], "Stalled");
            (stalled["status"] == "True").then_some(job)
        })
        .await;
    let status = &waits.0["status"];
    assert_eq!(condition(status, "Stalled")["reason"], "AkriNotInstalled");
    says(
        &condition(status, "Stalled"),
        &["instances.akri.sh", "install Akri"],
    );
    assert_eq!(condition(status, "Accepted")["status"], "True");
    assert_eq!(
        condition(status, "Finished")["status"],
        "False",
        "{status:#}"
    );
    let mut definition: Value = serde_json::from_str(&definition).unwrap();
    definition["metadata"] = json!({"name": "instances.akri.sh"});
    definition["status"].take();
    plane.feed(&["create"], &definition.to_string()).unwrap();
    plane.kubectl(&[
        "wait",
        "--for=condition=Established",
        "crd/instances.akri.sh",
        "--timeout=60s",
    ]);
    for device in &devices {
        plane.put_back(device);
    }
    sent_once(&space, &fleet, "job").await;
    let healed = space.job("job");
    assert_eq!(condition(&healed.0["status"], "Stalled")["status"], "False");
}

#[tokio::test]
async fn a_uuid_whose_instance_appears_in_time_is_flashed() {
    let stage = Stage::healthy("appears", 2, 0.5, &[]).await;
    let uuids = stage.fleet.uuids();
    let plane = stage.space.control_plane;
    let late = plane.take_out(&instance_key(&stage.space, &uuids[1]));
    stage
        .space
        .eventually("absence of the Instance", PATIENCE, async || {
            let listed =
                stage
                    .space
                    .kubectl(&["get", "instances", "-o=jsonpath={.items[*].metadata.uid}"]);
            (!listed.contains(&uuids[1])).then_some(())
        })
        .await;
    stage
        .flash("job", &uuids, json!({"deviceDiscoveryTimeoutSeconds": 300}))
        .await;
    let waits = stage
        .stands("job", &uuids[1], "Pending", "DeviceNotFound")
        .await;
    says(&waits, &[&uuids[1], "it fails at"]);
    plane.put_back(&late);
    let status = stage.finished("job").await;
    for uuid in &uuids {
        let device = device_of(&status, uuid).unwrap();
        assert_eq!(device["reason"], "FirmwareSent", "{device:#}");
        assert_eq!(stage.flashes(uuid), 1);
    }
}

/// The FlashJob kind without rules, as an older release might have had it, until this is dropped.
struct OlderRules {
    plane: &'static ControlPlane,
    versions: Value,
}

const KIND: &str = "flashjobs.application.flashjob.nbfc.io";

impl OlderRules {
    async fn new(stage: &Stage) -> Self {
        let plane = stage.space.control_plane;
        let definition = plane.kubectl(&["get", "crd", KIND, "-o", "json"]);
        let definition: Value = serde_json::from_str(&definition).unwrap();
        let versions = definition["spec"]["versions"].clone();
        let mut loose = versions.clone();
        let rules = Self { plane, versions };
        loose[0]["schema"] = json!({"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}});
        loose[0].as_object_mut().unwrap().remove("selectableFields");
        rules.put(&loose);
        let probe = json!({
            "apiVersion": "application.flashjob.nbfc.io/v1alpha1", "kind": "FlashJob", "metadata": {"name": "probe"},
        });
        let space = &stage.space;
        let arguments = ["-n", &space.name, "create", "--dry-run=server"];
        space
            .eventually("the older rules", PATIENCE, async || {
                plane.feed(&arguments, &probe.to_string()).ok()
            })
            .await;
        rules
    }

    fn put(&self, versions: &Value) {
        let patch = json!({"spec": {"versions": versions}}).to_string();
        let change = ["patch", "crd", KIND, "--type=merge", "-p", &patch];
        self.plane.kubectl(&change);
    }
}

impl Drop for OlderRules {
    fn drop(&mut self) {
        self.put(&self.versions);
    }
}

#[tokio::test]
async fn a_job_that_cannot_be_read_says_so_keeps_its_status_and_goes_on_when_it_is_mended() {
    let disturbed = ControlPlane::disturb().await;
    let plane = disturbed.plane;
    let stage = Stage::on(plane, "unreadable", healthy(2, 0.5), &[]).await;
    let uuids = stage.fleet.uuids();
    stage.flash("begun", &uuids[..1], Value::Null).await;
    let before = stage.finished("begun").await;
    let older = OlderRules::new(&stage).await;
    let uuid = |value: &Value| json!({"spec": {"uuid": value}}).to_string();
    let edit = |name: &str, value: &Value| {
        let patch = uuid(value);
        let change = ["patch", "flashjob", name, "--type=merge", "-p", &patch];
        stage.space.kubectl(&change);
    };
    edit("begun", &json!("not a list"));
    let new = json!({
        "apiVersion": "application.flashjob.nbfc.io/v1alpha1", "kind": "FlashJob", "metadata": {"name": "new"},
        "spec": {"uuid": 7, "firmware": "f", "version": "1"},
    });
    stage.space.apply(&new.to_string());
    drop(older);
    let mut said = Vec::new();
    for name in ["begun", "new"] {
        let status = stage
            .space
            .eventually(&format!("word of {name}"), PATIENCE, async || {
                let status = stage.status(name).await;
                (condition(&status, "Accepted")["reason"] == "InvalidSpec").then_some(status)
            })
            .await;
        assert_eq!(condition(&status, "Accepted")["status"], "False");
        assert_eq!(condition(&status, "Stalled")["status"], "True");
        says(
            &condition(&status, "Stalled"),
            &["uuid", "kubectl edit flashjob"],
        );
        said.push(status);
    }
    for field in [
        "completedIndexes",
        "round",
        "selection",
        "devices",
        "counts",
    ] {
        assert_eq!(said[0][field], before[field], "{field}");
    }
    assert_eq!(condition(&said[1], "Failed")["status"], "True");
    assert_eq!(said[1]["phase"], "Failed");
    // Mended, it goes on from where it was.
    edit("begun", &json!(uuids));
    let after = stage
        .space
        .eventually("success of the mended job", PATIENCE, async || {
            let status = stage.status("begun").await;
            let done = condition(&status, "Complete")["status"] == "True";
            (done && status["completedIndexes"] == "0-1").then_some(status)
        })
        .await;
    assert_eq!(after["round"]["number"], 1, "{after:#}");
    assert_eq!(condition(&after, "Stalled")["status"], "False");
    assert_eq!(stage.flashes(&uuids[0]), 1, "not flashed again");
    // One that still cannot be read goes when it is deleted.
    stage
        .space
        .kubectl(&["delete", "flashjob", "new", "--timeout=60s"]);
}
