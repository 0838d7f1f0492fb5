//! Seals what the operator writes, and holds what it finds under a name of its own against what it would have written. Pure.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::{apps::v1::ControllerRevision, core::v1::Pod},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use serde_json::{Value, json};

use crate::{
    flash_pod::intent::{Intent, Record, Stored},
    flashjob::observe::{belief, ledger::ObjectKind},
    names::{
        ANNOTATION_ENDPOINT, ANNOTATION_POD_SEAL, ANNOTATION_SEAL, ANNOTATION_SERVICE_SEAL,
        LABEL_JOB_UID, LABEL_ROUND, LABEL_SEAL,
    },
    seal::{Seals, Subject, chart_digest, values_digest},
};
use helm_release::Key;

/// A rendered object with its seal; kinds that the operator does not watch need none.
pub(super) fn sealed(object: &Value, seals: &Seals) -> Value {
    let mut object = object.clone();
    let (kind, annotation) = match object["kind"].as_str() {
        Some("Pod") => (ObjectKind::Pod, ANNOTATION_POD_SEAL),
        Some("Service") => (ObjectKind::Service, ANNOTATION_SERVICE_SEAL),
        _ => return object,
    };
    let meta: ObjectMeta = serde_json::from_value(object["metadata"].clone()).unwrap_or_default();
    if let Some(subject) = belief::subject(&meta, kind) {
        object["metadata"]["annotations"][annotation] = json!(seals.seal(&subject));
    }
    object
}

/// The merge patch that takes an object over, with the seal of what the object says after it.
pub(super) fn sealed_patch(
    mut patch: Value,
    meta: &ObjectMeta,
    kind: ObjectKind,
    seals: &Seals,
) -> Value {
    let mut after = meta.clone();
    let texts = |field: &str| -> BTreeMap<String, String> {
        serde_json::from_value(patch["metadata"][field].clone()).unwrap_or_default()
    };
    let (labels, annotations) = (texts("labels"), texts("annotations"));
    after.labels.get_or_insert_default().extend(labels);
    after
        .annotations
        .get_or_insert_default()
        .extend(annotations);
    let annotation = match kind {
        ObjectKind::Pod => ANNOTATION_POD_SEAL,
        ObjectKind::Service | ObjectKind::Secret => ANNOTATION_SERVICE_SEAL,
    };
    if let Some(subject) = belief::subject(&after, kind) {
        patch["metadata"]["annotations"][annotation] = json!(seals.seal(&subject));
    }
    patch
}

/// The label that seals the release Secret of a revision.
pub(super) fn record_label(
    seals: &Seals,
    intent: &Intent,
    release: &str,
    revision: u32,
) -> BTreeMap<String, String> {
    let key = Key {
        release: release.to_owned(),
        revision,
    };
    let seal = seals.seal(&Subject {
        kind: ObjectKind::Secret.as_str(),
        namespace: &intent.job.namespace,
        name: &key.to_string(),
        job_uid: intent.job.uid.as_str(),
        attempt_id: intent.attempt_id.as_str(),
        round: i64::from(intent.round),
        uuid: "",
        endpoint: "",
    });
    [(LABEL_SEAL.to_owned(), seal)].into()
}

/// A new record with its content sealed.
pub(super) fn with_content(record: Record, seals: &Seals) -> Record {
    let chart = chart_digest(&record.chart);
    sealed_with(record, seals, chart, None)
}

/// A record that replaces another, sealed anew: of the chart nothing is said that was not so before.
pub(super) fn replacing(
    record: Record,
    stored: &Stored,
    seals: &Seals,
    pod_uid: Option<&str>,
) -> Record {
    let before = stored.record.attachment.as_ref();
    let before = before.and_then(|intent| intent.seal.as_ref());
    let chart = before.map_or_else(|| chart_digest(&record.chart), |seal| seal.chart.clone());
    let known = before.and_then(|seal| seal.pod_uid.as_deref());
    sealed_with(record, seals, chart, pod_uid.or(known))
}

fn sealed_with(record: Record, seals: &Seals, chart: String, pod_uid: Option<&str>) -> Record {
    let intent = record
        .attachment
        .as_ref()
        .map(|intent| seals.seal_content(intent, &record.config, chart, pod_uid));
    Record {
        attachment: intent,
        ..record
    }
}

/// What the seal of a frozen selection or class says: the attempt id stands for its content.
fn of_revision<'a>(revision: &'a ControllerRevision, digest: &'a str) -> Option<Subject<'a>> {
    let meta = &revision.metadata;
    let labels = meta.labels.as_ref();
    Some(Subject {
        kind: "ControllerRevision",
        namespace: meta.namespace.as_deref()?,
        name: meta.name.as_deref()?,
        job_uid: labels?.get(LABEL_JOB_UID)?,
        attempt_id: digest,
        round: labels?.get(LABEL_ROUND)?.parse().ok()?,
        uuid: "",
        endpoint: "",
    })
}

fn content_of(revision: &ControllerRevision) -> String {
    let data = revision.data.as_ref().map_or(&Value::Null, |data| &data.0);
    values_digest(&json!([data, revision.revision]))
}

/// A frozen selection or class with the seal of its content.
pub(super) fn sealed_revision(
    mut revision: ControllerRevision,
    seals: &Seals,
) -> ControllerRevision {
    let digest = content_of(&revision);
    if let Some(seal) = of_revision(&revision, &digest).map(|subject| seals.seal(&subject)) {
        let annotations = revision.metadata.annotations.get_or_insert_default();
        annotations.insert(ANNOTATION_SEAL.to_owned(), seal);
    }
    revision
}

/// Whether the operator wrote it, and nobody has altered it since.
pub(super) fn is_sealed_revision(revision: &ControllerRevision, seals: &Seals) -> bool {
    let annotations = revision.metadata.annotations.as_ref();
    let seal = annotations.and_then(|annotations| annotations.get(ANNOTATION_SEAL));
    let digest = content_of(revision);
    let subject = of_revision(revision, &digest);
    seal.zip(subject)
        .is_some_and(|(seal, subject)| seals.is_valid(seal, &subject))
}

/// Values with which helm renders sealed objects: their seals are among the operator's own annotations. That of the Pod is not
/// there before the Pod is: it could be read in the record, and a Pod of that name be made with it.
pub(super) fn sealed_values(
    values: &Value,
    intent: &Intent,
    release: &str,
    with_pod: bool,
    seals: &Seals,
) -> Value {
    let mut values = values.clone();
    let name = format!("{release}-{}", intent.attempt_id);
    let annotations = values.pointer_mut("/operator/annotations");
    let Some(annotations) = annotations.and_then(Value::as_object_mut) else {
        return values;
    };
    let endpoint = annotations.get(ANNOTATION_ENDPOINT).and_then(Value::as_str);
    let endpoint = endpoint.unwrap_or_default().to_owned();
    let seal = |kind: ObjectKind| {
        seals.seal(&Subject {
            kind: kind.as_str(),
            namespace: &intent.job.namespace,
            name: &name,
            job_uid: intent.job.uid.as_str(),
            attempt_id: intent.attempt_id.as_str(),
            round: i64::from(intent.round),
            uuid: intent.device.uuid.as_str(),
            endpoint: &endpoint,
        })
    };
    annotations.insert(
        ANNOTATION_SERVICE_SEAL.to_owned(),
        json!(seal(ObjectKind::Service)),
    );
    if with_pod {
        annotations.insert(ANNOTATION_POD_SEAL.to_owned(), json!(seal(ObjectKind::Pod)));
    }
    values
}

/// Whether a Pod that exists under the name of an attempt is the one that its leader created: it bears the seal, and what the
/// operator would post is what it has. A seal alone may have been copied from a Pod that was deleted since.
pub(super) fn is_as_posted(found: &Pod, posted: &Value, seals: &Seals) -> bool {
    if !belief::is_sealed(&found.metadata, ObjectKind::Pod, seals) {
        return false;
    }
    let found = serde_json::to_value(&found.spec).unwrap_or_default();
    holds(&found, &posted["spec"])
}

/// Whether an object has every field of another as it stands there. Entries of lists that have names are found by them: admission
/// adds containers and volumes. A list of texts or of variables has to be the same: what comes first counts there.
fn holds(found: &Value, posted: &Value) -> bool {
    match (found, posted) {
        (Value::Object(found), Value::Object(posted)) => posted.iter().all(|(key, wanted)| {
            let exact = matches!(key.as_str(), "env" | "envFrom" | "command" | "args");
            match found.get(key) {
                Some(found) if exact => same_list(found, wanted),
                Some(found) => holds(found, wanted),
                // The API server drops what is empty.
                None => is_empty(wanted),
            }
        }),
        (Value::Array(found), Value::Array(posted)) => posted.iter().all(|wanted| {
            let named =
                |one: &&Value| wanted.get("name").is_some() && one["name"] == wanted["name"];
            match found.iter().find(named) {
                Some(found) => holds(found, wanted),
                None => wanted.get("name").is_none() && found.iter().any(|one| holds(one, wanted)),
            }
        }),
        (found, posted) => found == posted,
    }
}

fn same_list(found: &Value, posted: &Value) -> bool {
    match (found.as_array(), posted.as_array()) {
        (Some(found), Some(posted)) => {
            let pairs = found.iter().zip(posted);
            found.len() == posted.len() && pairs.into_iter().all(|(one, other)| holds(one, other))
        }
        _ => found == posted,
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.values().all(is_empty),
        Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::{
        flashjob::fixtures::{identity, numbered},
        seal::tests::seals,
    };

    #[test]
    fn a_record_that_is_replaced_keeps_the_chart_of_its_seal() {
        let seals = seals(1, None);
        let observed = numbered(&identity(0, "a0"), 1, helm_release::Status::Deployed);
        let mut stored = Stored::clone(observed.stored.as_ref().unwrap());
        stored.record = with_content(stored.record, &seals);
        let digest = |record: &Record| record.attachment.clone().unwrap().seal.unwrap().chart;
        let before = digest(&stored.record);
        // As helm, or somebody else, wrote it down.
        stored.record.chart.values = json!({"externalIP": "192.0.2.66"}).into();
        let replaced = replacing(stored.record.clone(), &stored, &seals, None);
        assert_eq!(digest(&replaced), before);
    }

    fn pod() -> Value {
        json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {
                "name": "flash-a-b", "namespace": "lab",
                "labels": {
                    "flashjob.nbfc.io/job-uid": "u", "flashjob.nbfc.io/attempt": "b", "flashjob.nbfc.io/round": "1",
                    "uuid": "a",
                },
                "annotations": {"flashjob.nbfc.io/endpoint": "192.0.2.1:80"},
            },
            "spec": {
                "restartPolicy": "Never", "hostNetwork": false, "volumes": [{"name": "tmp", "emptyDir": {}}],
                "containers": [{
                    "name": "flash-container", "image": "r.example/flash:1",
                    "env": [{"name": "HOST_ENDPOINT", "value": "192.0.2.1"}, {"name": "EXTERNAL_IP", "value": "192.0.2.9"}],
                }],
            },
        })
    }

    /// As the API server has it: with defaults, a token and a sidecar.
    fn stored() -> Value {
        let mut pod = sealed(&pod(), &seals(1, None));
        pod["spec"]["schedulerName"] = json!("default-scheduler");
        pod["spec"].as_object_mut().unwrap().remove("hostNetwork");
        let sidecar = json!({"name": "proxy", "image": "r.example/proxy:1"});
        pod["spec"]["containers"]
            .as_array_mut()
            .unwrap()
            .insert(0, sidecar);
        let token = json!({"name": "kube-api-access", "projected": {}});
        pod["spec"]["volumes"].as_array_mut().unwrap().push(token);
        pod["spec"]["containers"][1]["imagePullPolicy"] = json!("IfNotPresent");
        pod
    }

    fn is_ours(found: Value) -> bool {
        is_as_posted(
            &serde_json::from_value(found).unwrap(),
            &pod(),
            &seals(1, None),
        )
    }

    #[test]
    fn a_pod_that_has_the_seal_and_what_was_posted_is_ours_whatever_admission_added() {
        assert!(is_ours(stored()));
    }

    #[rstest]
    #[case::no_seal("/metadata/annotations/flashjob.nbfc.io~1pod-seal", json!(null))]
    #[case::a_seal_of_another_kind("/metadata/annotations/flashjob.nbfc.io~1pod-seal", json!("service"))]
    #[case::another_image("/spec/containers/1/image", json!("r.example/evil:1"))]
    #[case::another_address("/spec/containers/1/env/1/value", json!("192.0.2.66"))]
    #[case::a_variable_before_ours("/spec/containers/1/env", json!([
        {"name": "MY_HOST_ENDPOINT", "value": "192.0.2.66"}, {"name": "HOST_ENDPOINT", "value": "192.0.2.1"},
        {"name": "EXTERNAL_IP", "value": "192.0.2.9"},
    ]))]
    #[case::another_name_of_the_container("/spec/containers/1/name", json!("other"))]
    #[case::another_volume("/spec/volumes/0/name", json!("other"))]
    #[case::a_restart_policy("/spec/restartPolicy", json!("Always"))]
    fn a_pod_that_differs_from_what_was_posted_is_not_ours(
        #[case] path: &str,
        #[case] value: Value,
    ) {
        let mut found = stored();
        let value = if value == json!("service") {
            let mut service = pod();
            service["kind"] = json!("Service");
            let service = sealed(&service, &seals(1, None));
            service["metadata"]["annotations"][ANNOTATION_SERVICE_SEAL].clone()
        } else {
            value
        };
        if value.is_null() {
            found["metadata"]["annotations"] = json!({});
        } else {
            *found.pointer_mut(path).unwrap() = value;
        }
        assert!(!is_ours(found));
    }

    fn slice() -> ControllerRevision {
        serde_json::from_value(json!({
            "metadata": {
                "name": "lamps-1-r1-0", "namespace": "lab", "labels": {LABEL_JOB_UID: "u", LABEL_ROUND: "1"},
            },
            "revision": 1, "data": {"round": 1, "first": 0, "devices": [{"uuid": "a"}]},
        }))
        .unwrap()
    }

    #[test]
    fn a_frozen_selection_is_believed_as_it_was_written() {
        let sealed = sealed_revision(slice(), &seals(1, None));
        let read = serde_json::from_value(serde_json::to_value(sealed).unwrap()).unwrap();
        assert!(is_sealed_revision(&read, &seals(1, None)));
        assert!(!is_sealed_revision(&read, &seals(2, None)), "another key");
        assert!(!is_sealed_revision(&slice(), &seals(1, None)), "no seal");
    }

    #[rstest]
    #[case::devices("/data/devices/0/uuid", json!("b"))]
    #[case::job("/metadata/labels/flashjob.nbfc.io~1job-uid", json!("v"))]
    #[case::round("/metadata/labels/flashjob.nbfc.io~1round", json!("2"))]
    #[case::name("/metadata/name", json!("lamps-1-r1-1"))]
    #[case::namespace("/metadata/namespace", json!("other"))]
    #[case::revision("/revision", json!(2))]
    fn a_frozen_selection_that_was_altered_or_copied_is_not_believed(
        #[case] path: &str,
        #[case] value: Value,
    ) {
        let mut object = serde_json::to_value(sealed_revision(slice(), &seals(1, None))).unwrap();
        *object.pointer_mut(path).unwrap() = value;
        let altered = serde_json::from_value(object).unwrap();
        assert!(!is_sealed_revision(&altered, &seals(1, None)));
    }
}
