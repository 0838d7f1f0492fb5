//! The receipts of a round as an OCI artifact: one layer with a receipt a line, whose subject is the firmware. Pure.

use serde_json::{Value, json};

use super::RoundStatement;
use crate::provenance::{
    reference::sha256,
    upload::{Artifact, Described},
};

/// What the artifact is, and what its layer holds: signed statements, one a line.
pub const ARTIFACT: &str = "application/vnd.nbfc.flashjob.receipts.v1";
const LINES: &str = "application/vnd.nbfc.flashjob.receipts.v1+jsonl";
const EMPTY: &str = "application/vnd.oci.empty.v1+json";

/// The receipts of a round, which `round` is about, with the firmware that they refer to where its registry still has it.
#[must_use]
pub fn artifact(lines: Vec<u8>, round: &RoundStatement, subject: Option<&Described>) -> Artifact {
    let told = &round.predicate;
    let descriptor = |kind: &str, bytes: &[u8]| json!({"mediaType": kind, "digest": sha256(bytes), "size": bytes.len()});
    let mut layer = descriptor(LINES, &lines);
    layer["annotations"] = json!({"org.opencontainers.image.title": "receipts.jsonl"});
    let config = b"{}".to_vec();
    let mut manifest = json!({
        "schemaVersion": 2,
        "mediaType": Artifact::MANIFEST,
        "artifactType": ARTIFACT,
        "config": descriptor(EMPTY, &config),
        "layers": [layer],
        "annotations": {
            "flashjob.nbfc.io/job": format!("{}/{}", told.job.namespace, told.job.name),
            "flashjob.nbfc.io/job-uid": told.job.uid,
            "flashjob.nbfc.io/round": told.round.to_string(),
            "flashjob.nbfc.io/merkle-root": told.merkle_root,
        },
    });
    if let Some(subject) = subject {
        manifest["subject"] = subject.descriptor();
    }
    Artifact {
        tag: tag(round),
        kind: ARTIFACT,
        blobs: vec![config, lines],
        manifest: Value::to_string(&manifest).into_bytes(),
        subject: subject.map(|subject| subject.digest.clone()),
    }
}

/// Name of the round's receipts in their repository: devices that fail and are flashed again give another one.
fn tag(round: &RoundStatement) -> String {
    let told = &round.predicate;
    let root: String = told.merkle_root.chars().take(12).collect();
    let name = format!("receipts-{}-{}-{root}", told.job.uid, told.round);
    let allowed = |letter: &char| letter.is_ascii_alphanumeric() || "-._".contains(*letter);
    name.chars().filter(allowed).take(128).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provenance::receipts::{JobReference, RoundPredicate};

    fn round() -> RoundStatement {
        let predicate = RoundPredicate {
            job: JobReference {
                namespace: "lab".into(),
                name: "thermo".into(),
                uid: "0f3c-11".into(),
            },
            round: 2,
            count: 1,
            merkle_root: "0123456789abcdef".into(),
            results: "S".into(),
        };
        RoundStatement::of_round(
            "registry.example.com/esp32@sha256:aa",
            "sha256:aa",
            predicate,
        )
    }

    #[test]
    fn the_manifest_names_job_round_root_and_firmware() {
        let subject = Described {
            media_type: "application/vnd.oci.image.index.v1+json".into(),
            digest: "sha256:aa".into(),
            size: 7,
        };
        let made = artifact(b"line\n".to_vec(), &round(), Some(&subject));
        assert_eq!(made.tag, "receipts-0f3c-11-2-0123456789ab");
        let manifest: Value = serde_json::from_slice(&made.manifest).unwrap();
        insta::assert_json_snapshot!(manifest);
        let digests: Vec<_> = made.blobs.iter().map(|blob| sha256(blob)).collect();
        assert_eq!(manifest["config"]["digest"], digests[0].as_str());
        assert_eq!(manifest["layers"][0]["digest"], digests[1].as_str());
    }

    #[test]
    fn without_the_firmware_in_its_registry_there_is_no_subject() {
        let made = artifact(Vec::new(), &round(), None);
        let manifest: Value = serde_json::from_slice(&made.manifest).unwrap();
        assert_eq!((manifest.get("subject"), made.subject), (None, None));
    }
}
