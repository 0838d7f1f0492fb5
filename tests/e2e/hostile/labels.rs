//! Labels that are taken off objects of ours.

use rstest::rstest;

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
