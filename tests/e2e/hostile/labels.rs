//! Labels that are taken off objects of ours.

use rstest::rstest;

use serde_json::json;

use super::lab::{Editor, Lab, PATIENCE, one_slow, text};
use testbed::Params;

/// What takes every label of the operator's off an object.
const ALL_LABELS: [&str; 4] = [
    "flashjob.nbfc.io/job-uid-",
    "flashjob.nbfc.io/attempt-",
    "flashjob.nbfc.io/round-",
    "uuid-",
];

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
    lab.restart();
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

/// Takes the labels off an object of a flash while no operator runs; its name.
async fn unlabelled(lab: &mut Lab, kind: &str, prefix: &str) -> String {
    let object = lab.object(kind, prefix).await;
    let name = text(&object["metadata"]["name"]).to_owned();
    lab.meanwhile(|lab| {
        Editor::of(&lab.space)
            .does(&["label", kind, &name, "flashjob.nbfc.io/job-uid-", "uuid-"])
            .unwrap();
    });
    name
}

/// What is recorded and has no Pod yet goes on as the same attempt.
#[rstest]
#[tokio::test]
async fn what_waits_for_its_address_goes_on_whatever_labels_it_lost_while_no_operator_ran(
    #[values("native", "helm")] engine: &str,
    #[values(("services", "flash-"), ("secrets", "sh.helm.release.v1.flash-"))] of: (&str, &str),
) {
    let (kind, prefix) = of;
    let params = Params {
        address_delay_seconds: 40.0,
        ..one_slow(1.0)
    };
    let mut lab = Lab::new(&format!("early-{engine}-{kind}"), engine, params, &[]).await;
    let uuid = lab.fleet.uuids().remove(0);
    lab.flash("job", std::slice::from_ref(&uuid));
    lab.stands("job", &uuid, "AddressPending").await;
    let name = unlabelled(&mut lab, kind, &format!("{prefix}{uuid}")).await;
    let done = lab.space.finished("job", 240).await;
    let device = done.device(&uuid);
    assert_eq!(
        (&device["reason"], &device["attempts"]),
        (&json!("FirmwareSent"), &json!(1)),
        "{device:#}"
    );
    lab.space.assert_flashed(&lab.fleet, 1);
    assert_eq!(lab.births("services").len(), 1, "{device:#}");
    lab.space.delete_job("job", 60).await;
    let left = lab.space.try_kubectl(&["get", kind, &name]);
    assert!(left.is_err(), "{left:?}");
}

#[rstest]
#[case::service("services", "flash-")]
#[case::record("secrets", "sh.helm.release.v1.flash-")]
#[tokio::test]
async fn what_else_of_a_flash_lost_its_labels_while_no_operator_ran_is_found_and_goes_with_it(
    #[case] kind: &str,
    #[case] prefix: &str,
) {
    let mut lab = Lab::new(&format!("bare-{kind}"), "native", one_slow(45.0), &[]).await;
    let uuid = lab.fleet.uuids().remove(0);
    lab.flash("job", std::slice::from_ref(&uuid));
    lab.stands("job", &uuid, "Flashing").await;
    let name = unlabelled(&mut lab, kind, &format!("{prefix}{uuid}")).await;
    let label = "-o=jsonpath={.metadata.labels.flashjob\\.nbfc\\.io/job-uid}";
    let wanted = lab.job_uid("job");
    lab.space
        .eventually("labels that are put back", PATIENCE, async || {
            let found = lab.space.try_kubectl(&["get", kind, &name, label]).ok()?;
            (found == wanted).then_some(())
        })
        .await;
    let done = lab.space.finished("job", 120).await;
    assert_eq!(done.device(&uuid)["reason"], "FirmwareSent", "{:#}", done.0);
    let events = lab.space.kubectl(&["get", "events.events.k8s.io"]);
    assert!(!events.contains("AddressLost"), "{events}");
    lab.space.assert_flashed(&lab.fleet, 1);
    lab.space.delete_job("job", 60).await;
    let left = lab.space.try_kubectl(&["get", kind, &name]);
    assert!(left.is_err(), "{left:?}");
}

#[rstest]
#[case::native("native")]
#[case::helm("helm")]
#[tokio::test]
async fn a_flash_that_lost_all_labels_while_no_operator_ran_holds_its_slot(#[case] engine: &str) {
    let two = Params {
        devices: 2,
        ..one_slow(45.0)
    };
    let name = format!("slot-{engine}");
    let mut lab = Lab::new(&name, engine, two, &["--max-in-flight=1"]).await;
    let uuids = lab.fleet.uuids();
    lab.flash("first", &uuids[..1]);
    lab.stands("first", &uuids[0], "Flashing").await;
    lab.meanwhile(|lab| {
        let mallory = Editor::of(&lab.space);
        for kind in ["pods", "services", "secrets"] {
            let strip = [&["label", kind, "--all"][..], &ALL_LABELS].concat();
            mallory.does(&strip).unwrap();
        }
        lab.flash("second", &uuids[1..]);
    });
    lab.space
        .eventually("a job that waits for a slot", PATIENCE, async || {
            let job = lab.space.find_job("second")?;
            (job["status"]["reason"] == "SlotsFull").then_some(())
        })
        .await;
    assert_eq!(lab.births("pods").len(), 1);
    for (job, uuid) in [("first", &uuids[0]), ("second", &uuids[1])] {
        let done = lab.space.finished(job, 180).await;
        assert_eq!(done.device(uuid)["reason"], "FirmwareSent", "{:#}", done.0);
    }
    lab.space.assert_flashed(&lab.fleet, 1);
}

/// What is left is its seal: the confinement lets the operator put back the rest.
#[tokio::test]
async fn a_service_that_lost_its_labels_and_its_finalizer_gets_its_labels_back() {
    let lab = Lab::new("seal-alone", "native", one_slow(30.0), &[]).await;
    let uuid = lab.fleet.uuids().remove(0);
    lab.flash("job", std::slice::from_ref(&uuid));
    lab.stands("job", &uuid, "Flashing").await;
    let service = lab.object("services", &format!("flash-{uuid}")).await;
    let name = text(&service["metadata"]["name"]);
    let nothing = json!({"metadata": {"finalizers": null, "labels": null}}).to_string();
    Editor::of(&lab.space)
        .does(&["patch", "service", name, "--type=merge", "-p", &nothing])
        .unwrap();
    let label = "-o=jsonpath={.metadata.labels.flashjob\\.nbfc\\.io/job-uid}";
    let wanted = lab.job_uid("job");
    lab.space
        .eventually("labels that are put back", PATIENCE, async || {
            let found = lab.space.try_kubectl(&["get", "service", name, label]);
            (found.ok()? == wanted).then_some(())
        })
        .await;
    let done = lab.space.finished("job", 120).await;
    assert_eq!(done.device(&uuid)["reason"], "FirmwareSent", "{:#}", done.0);
    lab.space.assert_flashed(&lab.fleet, 1);
    lab.space.delete_job("job", 60).await;
    let audit = lab.space.control_plane.audit();
    let refused = audit.0.iter().filter(|request| {
        request.namespace == lab.space.name
            && request.code == 403
            && request.user.contains("flashjob-operator")
    });
    assert_eq!(refused.collect::<Vec<_>>(), Vec::<&_>::new());
}
