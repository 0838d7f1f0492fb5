//! An upgrade from the last version without seals: what it left, this one cannot tell from a forgery.

use flashjob_operator::{
    flash_pod::intent::Stored,
    names::{ANNOTATION_POD_SEAL, ANNOTATION_SEAL, ANNOTATION_SERVICE_SEAL, LABEL_SEAL},
};
use helm_release::SECRET_TYPE;
use k8s_openapi::api::core::v1::Secret;
use rstest::rstest;
use serde_json::{Value, json};

use super::lab::{Lab, PATIENCE, one_slow, text};
use testbed::{Space, job::Seen};

/// Every object of this kind (its plural) in a namespace.
fn all(space: &Space, plural: &str) -> Vec<Value> {
    let list: Value = serde_json::from_str(&space.kubectl(&["get", plural, "-o", "json"])).unwrap();
    list["items"].as_array().unwrap().clone()
}

/// Makes of what the operator left what the last version without seals left of the same flash.
fn unseal(lab: &Lab) {
    let space = &lab.space;
    let bare = json!({"metadata": {"annotations": {
        ANNOTATION_POD_SEAL: null, ANNOTATION_SERVICE_SEAL: null, ANNOTATION_SEAL: null,
    }}});
    let bare = bare.to_string();
    for plural in ["pods", "services", "controllerrevisions"] {
        for object in all(space, plural) {
            let name = text(&object["metadata"]["name"]);
            space.kubectl(&["patch", plural, name, "--type=merge", "-p", &bare]);
            // Services had no finalizer.
            if plural == "services" {
                let free = r#"{"metadata": {"finalizers": null}}"#;
                space.kubectl(&["patch", plural, name, "--type=merge", "-p", free]);
            }
        }
    }
    let records = all(space, "secrets");
    let records: Vec<_> = records
        .into_iter()
        .filter(|secret| secret["type"] == SECRET_TYPE)
        .collect();
    assert!(!records.is_empty());
    for record in records {
        let replace = ["-n", &space.name, "replace"];
        let bare = unsealed(record).to_string();
        space.control_plane.feed(&replace, &bare).unwrap();
    }
    lab.system
        .kubectl(&["delete", "secret", "flashjob-operator-seal"]);
    for plural in ["pods", "services", "controllerrevisions", "secrets"] {
        let left = format!("{:?}", all(space, plural));
        assert!(!left.contains("-seal") && !left.contains("/seal"), "{left}");
    }
}

/// A release Secret without its label of a seal, and without any seal in its record.
fn unsealed(mut secret: Value) -> Value {
    let parsed: Secret = serde_json::from_value(secret.clone()).unwrap();
    let stored = Stored::from_secret(&parsed).unwrap();
    let mut record = stored.record.clone();
    record.attachment.as_mut().unwrap().seal = None;
    let seals = [ANNOTATION_POD_SEAL, ANNOTATION_SERVICE_SEAL];
    if let Some(values) = record.config.pointer_mut("/operator/annotations") {
        values
            .as_object_mut()
            .unwrap()
            .retain(|key, _| !seals.contains(&key.as_str()));
    }
    let of_seal = |line: &&str| !seals.iter().any(|seal| line.contains(seal));
    let lines: Vec<_> = record.manifest.lines().filter(of_seal).collect();
    record.manifest = lines.join("\n");
    let written = stored.replace(&record, jiff::Timestamp::now()).unwrap();
    secret["data"] = serde_json::to_value(&written).unwrap()["data"].clone();
    let labels = secret["metadata"]["labels"].as_object_mut().unwrap();
    labels.remove(LABEL_SEAL).unwrap();
    secret
}

/// The commands that the operator gives for this job, in its own message, its conditions and its devices.
fn commands(lab: &Lab, job: &str) -> Vec<String> {
    let found = lab.space.find_job(job).unwrap_or_default();
    let lists = ["devices", "conditions"].map(|list| found["status"][list].as_array());
    let told = lists.into_iter().flatten().flatten();
    let told = told.chain([&found["status"]]);
    let messages = told.map(|one| text(&one["message"]));
    let commands = messages.filter_map(|message| Some(&message[message.rfind("kubectl ")?..]));
    let ends = commands.filter_map(|command| command.split(", ").next());
    ends.map(str::to_owned).collect()
}

/// Runs what the operator says of this job, each command once, until it is as wanted.
async fn heed(lab: &Lab, job: &str, until: impl Fn(Option<Seen>) -> bool) {
    let mut heeded: Vec<String> = Vec::new();
    let what = format!("end of what FlashJob {job} says");
    lab.space
        .eventually(&what, PATIENCE, async || {
            let mut told = commands(lab, job).into_iter();
            if let Some(command) = told.find(|command| !heeded.contains(command)) {
                let words: Vec<&str> = command.split(' ').skip(1).collect();
                lab.space.kubectl(&[&words[..], &["--wait=false"]].concat());
                heeded.push(command);
            }
            until(lab.space.find_job(job).map(Seen)).then_some(())
        })
        .await;
}

/// A flash in flight of a job that was begun without seals, and this operator, which has said so; the name of the Pod.
async fn upgraded(name: &str, engine: &str) -> (Lab, String) {
    // The flash outlasts a restart of the operator.
    let name = format!("{name}-{engine}");
    let mut lab = Lab::new(&name, engine, one_slow(60.0), &[]).await;
    let uuids = lab.fleet.uuids();
    lab.flash("job", &uuids);
    lab.stands("job", &uuids[0], "Flashing").await;
    let pod = text(&lab.pod(&uuids[0]).await["metadata"]["name"]).to_owned();
    lab.meanwhile(unseal);

    let lost = lab.space.waits_for("job", "SelectionLost").await;
    let message = text(&lost.0["status"]["message"]);
    let named = |one: &Value| message.contains(text(&one["metadata"]["name"]));
    let revisions = all(&lab.space, "controllerrevisions");
    assert!(revisions.iter().any(named), "{message}");
    let notes = [
        "get",
        "events.v1.events.k8s.io",
        "-o=jsonpath={.items[*].note}",
    ];
    for kind in ["Pod", "Service"] {
        let said = format!("{kind} {pod} names this device and bears no seal of this operator");
        lab.space
            .eventually(&format!("a word about the {kind}"), PATIENCE, async || {
                lab.space.kubectl(&notes).contains(&said).then_some(())
            })
            .await;
    }
    (lab, pod)
}

/// Waits until the flash has ended well: nothing was begun beside it.
async fn ends_alone(lab: &Lab, pod: &str) {
    let phase = ["get", "pod", pod, "-o=jsonpath={.status.phase}"];
    lab.space
        .eventually("the end of the flash", PATIENCE, async || {
            (lab.space.kubectl(&phase) == "Succeeded").then_some(())
        })
        .await;
    assert_eq!(lab.births("pods"), [pod], "no second flash");
}

#[rstest]
#[case::native("native")]
#[case::helm("helm")]
#[tokio::test]
async fn a_flash_from_before_there_were_seals_has_no_second_beside_it_until_what_is_said_was_done(
    #[case] engine: &str,
) {
    let (lab, pod) = upgraded("upgrade", engine).await;
    let uuids = lab.fleet.uuids();
    lab.flash("again", &uuids);
    let kept = lab.stands("again", &uuids[0], "SealUnknown").await;
    let free = format!("kubectl delete pod {pod} -n {}", lab.space.name);
    assert!(text(&kept["message"]).ends_with(&free), "{kept:#}");
    ends_alone(&lab, &pod).await;

    heed(&lab, "job", |job| {
        job.is_some_and(|job| !job.0["metadata"]["deletionTimestamp"].is_null())
    })
    .await;
    heed(&lab, "again", |job| {
        job.is_some_and(|job| job.is("Finished"))
    })
    .await;
    let again = lab.space.job("again");
    assert_eq!(again.count("succeeded"), 1, "{:#}", again.0);
    lab.space.assert_flashed(&lab.fleet, 2);
}

#[rstest]
#[case::native("native")]
#[case::helm("helm")]
#[tokio::test]
async fn a_job_from_before_there_were_seals_is_deleted_as_it_says_and_flashes_its_device_when_applied_again(
    #[case] engine: &str,
) {
    let (lab, pod) = upgraded("renewed", engine).await;
    ends_alone(&lab, &pod).await;
    heed(&lab, "job", |job| job.is_none()).await;
    assert_eq!(lab.births("pods"), [&pod[..]], "no second flash");

    // The device has another uid since it was flashed.
    let instance = lab.object("instances.akri.sh", "").await;
    let uuid = text(&instance["metadata"]["uid"]).to_owned();
    lab.flash("job", &[uuid]);
    let done = lab.space.finished("job", 300).await;
    assert_eq!(done.count("succeeded"), 1, "{:#}", done.0);
    assert_eq!(lab.births("pods").len(), 2);
    lab.assert_no_overlap();
}
