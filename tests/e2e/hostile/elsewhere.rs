//! Attacks from another namespace, of which the victim's operator carries out FlashJobs, too.

use flashjob_operator::names::{LABEL_ATTEMPT, LABEL_JOB_UID, LABEL_ROUND};
use rstest::rstest;
use serde_json::{Value, json};

use super::{
    forgery::forged,
    lab::{Editor, Lab, copied, one_slow, set_status, text},
};
use testbed::Space;

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
    copied_objects(&lab, &evil).await;
}

/// A Service, a Pod and a record in another namespace with labels and seals of the victim's, each of them further than the victim's.
pub async fn copied_objects(lab: &Lab, evil: &Space) {
    let mallory = Editor::of(evil);
    let uuid = lab.fleet.uuids().remove(0);
    lab.flash("job", std::slice::from_ref(&uuid));

    // It has an address before the victim's has one.
    let service = lab.object("services", &format!("flash-{uuid}")).await;
    let name = text(&service["metadata"]["name"]).to_owned();
    mallory.creates(&copied(&service, &evil.name));
    let address = json!({"status": {"loadBalancer": {"ingress": [{"ip": "198.51.100.66"}]}}});
    set_status(evil, "service", &name, &address);

    let pod = lab.pod(&uuid).await;
    let env = pod["spec"]["containers"][0]["env"].as_array().unwrap();
    let external = env.iter().find(|one| one["name"] == "EXTERNAL_IP").unwrap();
    assert_ne!(external["value"], "198.51.100.66", "{pod:#}");

    mallory.creates_ended_copy(&pod);
    let endpoint = text(&lab.device("job", &uuid)["hostEndpoint"]).to_owned();
    let of_job = lab.job_uid("job");
    mallory.creates(&forged(&of_job, "job", &evil.name, &uuid, &endpoint));

    let done = lab.space.finished("job", 120).await;
    assert_eq!(done.device(&uuid)["pod"], name.as_str(), "{:#}", done.0);
    assert_eq!(done.count("succeeded"), 1, "{:#}", done.0);
    lab.space.assert_flashed(&lab.fleet, 1);
    let theirs = evil.kubectl(&["get", "pods,services,secrets", "-o", "name"]);
    let theirs = theirs.lines().filter(|line| line.contains("flash-"));
    assert_eq!(theirs.count(), 3, "they are left alone");
}

#[tokio::test]
async fn pods_with_labels_in_another_namespace_take_no_slot() {
    let evil = elsewhere("slots").await;
    let watch = ["--watch-namespaces", &evil.name, "--max-in-flight=2"];
    let lab = Lab::new("slots", "native", one_slow(0.5), &watch).await;
    labelled_pods(&lab, &evil).await;
}

/// More Pods in another namespace that claim to be flashes than may be in flight: two, by the operator's arguments.
pub async fn labelled_pods(lab: &Lab, evil: &Space) {
    let mallory = Editor::of(evil);
    for number in 0..4 {
        mallory.creates(&labelled_pod(number));
    }
    lab.flash("job", &lab.fleet.uuids());
    let done = lab.space.finished("job", 120).await;
    assert_eq!(done.count("succeeded"), 1, "{:#}", done.0);
}

/// A Pod with the labels of a flash, which no node takes.
fn labelled_pod(number: usize) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": format!("flash-u{number}-a{number}"), "labels": {
            LABEL_JOB_UID: format!("job-{number}"), LABEL_ATTEMPT: format!("a{number}"), LABEL_ROUND: "1",
            "uuid": format!("u{number}"),
        }},
        "spec": {"nodeSelector": {"no": "node"}, "containers": [{"name": "flash-container", "image": "registry.example.com/any:1"}]},
    })
}
