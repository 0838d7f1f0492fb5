//! What GitOps tools make of a FlashJob's status: kstatus, by which Flux and Helm wait, and Argo CD with `deploy/argocd/health.lua`.
//! Both are the real ones, run by the program in `tests/gitops`.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use super::{
    fixtures::{Scene, found, spec},
    verdict::Outcome,
};
use crate::api::{FlashJobStatus, NEVER_OBSERVED, Reason};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The words of kstatus and Argo CD, and Argo CD's message, for each object.
fn judged(objects: &Value) -> Vec<[String; 3]> {
    let mut go = Command::new("go")
        .args(["run", ".", "../../deploy/argocd/health.lua"])
        .current_dir(format!("{ROOT}/tests/gitops"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("go is installed");
    let mut stdin = go.stdin.take().expect("a pipe");
    stdin
        .write_all(objects.to_string().as_bytes())
        .expect("sent");
    drop(stdin);
    let output = go.wait_with_output().expect("an end");
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).expect("text");
    let words = |line: &str| {
        let mut words = line.splitn(3, '\t').map(str::to_owned);
        std::array::from_fn(|_| words.next().unwrap_or_default())
    };
    text.lines().map(words).collect()
}

fn object(generation: i64, status: &FlashJobStatus) -> Value {
    json!({
        "apiVersion": "application.flashjob.nbfc.io/v1alpha1", "kind": "FlashJob",
        "metadata": {"name": "lamps", "namespace": "lab", "generation": generation},
        "status": status,
    })
}

fn ended(outcome: Outcome, reason: Reason) -> FlashJobStatus {
    let mut scene = Scene::new(1);
    let verdict = found(Some(0), outcome, reason);
    scene.memory.verdicts.insert("a0".into(), verdict);
    scene.status(60)
}

/// Two devices under a spec with more in it; the first has succeeded, if so.
fn paced(more: &Value, first_is_done: bool) -> FlashJobStatus {
    let mut spec = spec(2);
    for (name, value) in more.as_object().expect("a map") {
        spec[name] = value.clone();
    }
    let mut scene = Scene::of(&spec);
    // The step is stored before its devices count.
    scene.store(scene.status(50));
    if first_is_done {
        let verdict = found(Some(0), Outcome::Succeeded, Reason::FirmwareSent);
        scene.memory.verdicts.insert("a0".into(), verdict);
        scene.store(scene.status(55));
    }
    scene.status(60)
}

#[test]
fn flux_helm_and_argo_cd_tell_what_runs_from_what_is_done_and_what_needs_help() {
    let running = Scene::new(1).status(60);
    let complete = ended(Outcome::Succeeded, Reason::FirmwareSent);
    let failed = ended(Outcome::Failed, Reason::AttestationRefused);
    let mut scene = Scene::new(1);
    scene.world.akri_installed = false;
    let stalled = scene.status(60);
    let approving = paced(
        &json!({"steps": [{"devices": 1, "requireApproval": true}]}),
        true,
    );
    let soaking = paced(
        &json!({"steps": [{"devices": 1, "soakSeconds": 600}]}),
        true,
    );
    let early = paced(&json!({"notBefore": "2099-01-01T00:00:00Z"}), false);
    let suspended = paced(&json!({"suspend": true}), false);
    let mut of_class = Scene::new(1);
    of_class.terms.suspended = Some("FlashClass esp32 is suspended".into());
    let of_class = of_class.status(60);
    let mut leaving = object(1, &running);
    leaving["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    let mut unseen = object(1, &running);
    unseen["status"] = json!({"observedGeneration": NEVER_OBSERVED});
    let cases = [
        ("running", object(1, &running), "InProgress", "Progressing"),
        ("complete", object(1, &complete), "Current", "Healthy"),
        // kstatus knows no condition Failed: Stalled says it.
        ("failed", object(1, &failed), "Failed", "Degraded"),
        ("stalled", object(1, &stalled), "Failed", "Degraded"),
        ("edited", object(2, &complete), "InProgress", "Progressing"),
        ("deleted", leaving, "Terminating", "Progressing"),
        ("unseen", unseen, "InProgress", "Progressing"),
        // kstatus has no word for waiting for a person.
        (
            "awaiting approval",
            object(1, &approving),
            "InProgress",
            "Suspended",
        ),
        (
            "suspended",
            object(1, &suspended),
            "InProgress",
            "Suspended",
        ),
        (
            "class suspended",
            object(1, &of_class),
            "InProgress",
            "Suspended",
        ),
        ("soaking", object(1, &soaking), "InProgress", "Progressing"),
        ("too early", object(1, &early), "InProgress", "Progressing"),
    ];
    let objects: Vec<&Value> = cases.iter().map(|case| &case.1).collect();
    let judged = judged(&json!(objects));
    for ((name, _, kstatus, argo), [by_kstatus, by_argo, message]) in cases.iter().zip(&judged) {
        assert_eq!(
            (by_kstatus, by_argo),
            (&(*kstatus).to_owned(), &(*argo).to_owned()),
            "{name}"
        );
        assert!(!message.is_empty(), "{name}");
    }
    assert_eq!(judged.len(), cases.len());
    assert!(
        judged[2][2].starts_with("1/1 DevicesFailed: 0 of 1 succeeded"),
        "{judged:?}"
    );
}
