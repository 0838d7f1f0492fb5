//! Release records that nobody sealed.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use flashjob_operator::names::{LABEL_ATTEMPT, LABEL_JOB_UID, LABEL_ROUND};
use rstest::rstest;
use serde_json::{Value, json};

use super::{
    forgery::forged,
    lab::{Editor, Lab, QUIET, one_slow, text},
};
use testbed::job::job;

#[rstest]
#[case::native("native")]
#[case::helm("helm")]
#[tokio::test]
async fn a_forged_record_of_a_job_is_never_rendered_and_keeps_its_device_until_it_is_gone(
    #[case] engine: &str,
) {
    let lab = Lab::new(&format!("forged-{engine}"), engine, one_slow(0.5), &[]).await;
    record_of_a_job(&lab).await;
}

/// A forged record of a device of the victim's job, there before that device begins.
pub async fn record_of_a_job(lab: &Lab) {
    let mallory = Editor::of(&lab.space);
    let uuid = lab.fleet.uuids().remove(0);
    // The job waits, so that the record is there before its device begins.
    let uuids = std::slice::from_ref(&uuid);
    let spec = json!({"suspend": true, "verification": {"mode": "None"}});
    lab.space.apply(&job("job", uuids, &spec).to_string());
    let (of_job, namespace) = (lab.job_uid("job"), &lab.space.name);
    let forgery = forged(&of_job, "job", namespace, &uuid, "192.0.2.7:80");
    mallory.creates(&forgery);
    lab.flash("job", uuids);
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
    record_of_an_unknown_job(&lab).await;
}

/// A forged record with hooks of a job that nobody knows.
pub async fn record_of_an_unknown_job(lab: &Lab) {
    let mallory = Editor::of(&lab.space);
    let unknown = "00000000-0000-0000-0000-000000000666";
    let uuid = "7e4a6e7b-bee6-4fac-bdea-43d671baaa15";
    let forgery = forged(unknown, "gone", &lab.space.name, uuid, "192.0.2.7:80");
    mallory.creates(&forgery);
    // The sweep comes by every five seconds; a job that is carried out meanwhile shows that the operator is at work.
    lab.flash("job", &lab.fleet.uuids());
    let done = lab.space.finished("job", 120).await;
    assert_eq!(done.count("succeeded"), 1, "{:#}", done.0);
    tokio::time::sleep(QUIET).await;
    let name = text(&forgery["metadata"]["name"]);
    lab.space.kubectl(&["get", "secret", name]);
    let audit = lab.space.control_plane.audit();
    let hook = audit.0.iter().find(|request| request.name == "evil-hook");
    assert_eq!(hook, None);
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
