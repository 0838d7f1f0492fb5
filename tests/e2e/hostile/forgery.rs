//! A release record that only its author's wishes stand behind.

use std::collections::BTreeMap;

use flashjob_operator::{
    names::{LABEL_ATTEMPT, LABEL_JOB_UID, LABEL_ROUND},
    release::{
        ApplyMethod, FrozenDevice, Info, Intent, JobRef, Record, Stamp, Status, attempt_id, secret,
    },
};
use helm_chart::{Chart, File, Metadata};
use serde_json::{Value, json};

/// A record as an operator without seals would believe it: consistent, with labels, a chart of the author's and a command.
pub fn forged(job_uid: &str, job: &str, namespace: &str, uuid: &str, endpoint: &str) -> Value {
    let id = attempt_id(job_uid, 1, 1, "forged");
    let record = Record {
        name: format!("flash-{uuid}"),
        namespace: namespace.to_owned(),
        version: 1,
        apply_method: ApplyMethod::ServerSide,
        config: json!({"externalIP": "192.0.2.66"}),
        manifest: String::new(),
        info: Info {
            status: Status::PendingInstall,
            ..Info::default()
        },
        chart: chart(job_uid, &id, uuid, endpoint),
        hooks: vec![hook()],
        intent: Some(Intent {
            job: JobRef {
                name: job.to_owned(),
                namespace: namespace.to_owned(),
                uid: job_uid.to_owned(),
            },
            round: 1,
            attempt: 1,
            nonce: "forged".into(),
            attempt_id: id,
            index: 0,
            firmware: "registry.example.com/evil:1".into(),
            version: "6.6.6".into(),
            device: FrozenDevice {
                uuid: uuid.to_owned(),
                endpoint: endpoint.to_owned(),
                ..FrozenDevice::default()
            },
            seal: None,
        }),
    };
    let stamp = Stamp::Created(jiff::Timestamp::now());
    let secret = secret(&record, &BTreeMap::new(), stamp).unwrap();
    let mut value = serde_json::to_value(&secret).unwrap();
    value["apiVersion"] = json!("v1");
    value["kind"] = json!("Secret");
    value
}

fn chart(job_uid: &str, id: &str, uuid: &str, endpoint: &str) -> Chart {
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

/// What `helm uninstall` would run: a privileged Pod in a namespace of Kubernetes.
fn hook() -> Value {
    json!({
        "name": "evil", "kind": "Pod", "path": "evil/templates/hook.yaml", "events": ["pre-delete", "post-delete"],
        "manifest": "apiVersion: v1\nkind: Pod\nmetadata:\n  name: evil-hook\n  namespace: kube-system\nspec:\n  containers:\n  - \
                     {name: c, image: registry.example.com/evil:1, securityContext: {privileged: true}}\n",
    })
}
