//! Objects as an attacker makes them: copies of the operator's, and release records that were made up.

use std::collections::BTreeMap;

use flashjob_operator::{
    flash_pod::intent::{FrozenDevice, Intent, JobRef, Record, attempt_id},
    names::{LABEL_ATTEMPT, LABEL_JOB_UID, LABEL_ROUND},
};
use helm_chart::{Chart, File, Metadata};
use helm_release::{ApplyMethod, Info, Stamp, Status, secret};
use serde_json::{Value, json};

/// The same object as a user would make it who copies it: without what the API server gives, in this namespace.
pub fn copied(object: &Value, namespace: &str) -> Value {
    let mut copy = object.clone();
    let metadata = copy["metadata"].as_object_mut().unwrap();
    for field in [
        "uid",
        "resourceVersion",
        "creationTimestamp",
        "managedFields",
        "generation",
    ] {
        metadata.remove(field);
    }
    metadata.remove("ownerReferences");
    metadata.remove("deletionTimestamp");
    metadata.remove("deletionGracePeriodSeconds");
    metadata.insert("namespace".into(), json!(namespace));
    let top = copy.as_object_mut().unwrap();
    top.remove("status");
    if let Some(spec) = copy.get_mut("spec").and_then(Value::as_object_mut) {
        for field in ["clusterIP", "clusterIPs", "nodeName", "healthCheckNodePort"] {
            spec.remove(field);
        }
    }
    copy
}

/// What stands in what is forged here, and nowhere else.
pub const WORDS: [&str; 3] = ["registry.example.com/evil", "evil-hook", "evil-pod"];

/// A Pod that no editor may create: in kube-system, with every right on the node.
fn privileged(name: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: {name}\n  namespace: kube-system\nspec:\n  containers:\n  - {{name: c, \
         image: registry.example.com/evil:1, securityContext: {{privileged: true}}}}\n"
    )
}

/// A release record as an operator without seals would believe it: consistent, with labels, a chart of the author's and a command,
/// with a hook and a manifest of which helm would make and delete Pods.
pub struct Forged<'a> {
    pub job: &'a str,
    pub job_uid: &'a str,
    pub namespace: &'a str,
    pub uuid: &'a str,
    pub endpoint: &'a str,
    pub revision: u32,
    pub status: Status,
}

/// The first revision of such a record, as if it were being installed.
pub fn forged(job_uid: &str, job: &str, namespace: &str, uuid: &str, endpoint: &str) -> Value {
    let forged = Forged {
        job,
        job_uid,
        namespace,
        uuid,
        endpoint,
        revision: 1,
        status: Status::PendingInstall,
    };
    forged.secret()
}

impl Forged<'_> {
    /// The Secret that holds it.
    pub fn secret(&self) -> Value {
        let record = self.record();
        let stamp = Stamp::Created(jiff::Timestamp::now());
        let secret = secret(&record, &BTreeMap::new(), stamp).unwrap();
        let mut value = serde_json::to_value(&secret).unwrap();
        value["apiVersion"] = json!("v1");
        value["kind"] = json!("Secret");
        value
    }

    fn record(&self) -> Record {
        let intent = self.intent();
        Record {
            name: format!("flash-{}", self.uuid),
            namespace: self.namespace.to_owned(),
            version: self.revision,
            apply_method: ApplyMethod::ServerSide,
            config: json!({"externalIP": "192.0.2.66"}),
            manifest: format!(
                "---\n# Source: evil/templates/pod.yaml\n{}",
                privileged("evil-pod")
            ),
            info: Info {
                status: self.status,
                ..Info::default()
            },
            chart: self.chart(intent.attempt_id.as_str()),
            hooks: vec![json!({
                "name": "evil", "kind": "Pod", "path": "evil/templates/hook.yaml",
                "events": ["pre-install", "pre-upgrade", "pre-delete", "post-delete"], "manifest": privileged("evil-hook"),
            })],
            attachment: Some(intent),
        }
    }

    fn chart(&self, id: &str) -> Chart {
        let Self {
            job_uid,
            uuid,
            endpoint,
            ..
        } = self;
        let pod = format!(
            "apiVersion: v1\nkind: Pod\nmetadata:\n  name: flash-{uuid}-{id}\n  labels: {{{LABEL_JOB_UID}: {job_uid}, {LABEL_ATTEMPT}: \
             {id}, {LABEL_ROUND}: \"1\", uuid: {uuid}}}\n  annotations: {{flashjob.nbfc.io/endpoint: \"{endpoint}\"}}\nspec:\n  \
             restartPolicy: Never\n  containers:\n  - name: flash-container\n    image: registry.example.com/evil:1\n"
        );
        Chart {
            metadata: Metadata {
                name: "evil".into(),
                version: "1.0.0".into(),
                api_version: "v2".into(),
                app_version: None,
                kube_version: None,
                raw: json!({"name": "evil", "version": "1.0.0", "apiVersion": "v2"}),
            },
            values: json!({}).into(),
            schema: None,
            templates: vec![File {
                name: "templates/pod.yaml".into(),
                data: pod.into_bytes(),
            }]
            .into(),
            files: Vec::new().into(),
        }
    }

    fn intent(&self) -> Intent {
        Intent {
            job: JobRef {
                name: self.job.to_owned(),
                namespace: self.namespace.to_owned(),
                uid: self.job_uid.into(),
            },
            round: 1,
            attempt: 1,
            nonce: "forged".into(),
            attempt_id: attempt_id(&self.job_uid.into(), 1, 1, "forged"),
            index: 0,
            firmware: "registry.example.com/evil:1".into(),
            version: "6.6.6".into(),
            device: FrozenDevice {
                uuid: self.uuid.into(),
                endpoint: self.endpoint.to_owned(),
                ..FrozenDevice::default()
            },
            pool_service: None,
            seal: None,
        }
    }
}
