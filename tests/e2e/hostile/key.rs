//! The key of the seals: lost, replaced, rotated.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use flashjob_operator::names::{LABEL_JOB_UID, SEAL_KEY_TYPE};
use rstest::rstest;
use serde_json::json;

use super::lab::{Lab, PATIENCE, QUIET, one_slow, text};
use testbed::job::Seen;

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
    lab.assert_no_overlap();
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
