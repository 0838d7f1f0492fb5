//! A release as the native engine leaves it: record, Service and Pod.

use std::collections::BTreeMap;
use std::sync::Arc;

use flashjob_operator::flash_pod::intent::{
    FrozenDevice, InstanceRef, Intent, JobRef, Record, attempt_id,
};
use flashjob_operator::names::{
    ANNOTATION_RELEASE_NAME, ANNOTATION_RELEASE_NAMESPACE, FIELD_MANAGER,
};
use helm_chart::{Chart, File, Metadata};
use helm_release::{ApplyMethod, Info, Stamp, Status, secret};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::cluster::Cluster;

const SERVICE: &str = "apiVersion: v1
kind: Service
metadata:
  name: {{ .Release.Name }}
spec:
  selector: {app: x}
  ports:
  - port: 4433
";
const POD: &str = "{{- if .Values.externalIP }}
apiVersion: v1
kind: Pod
metadata:
  name: {{ .Release.Name }}
spec:
  restartPolicy: Never
{{- if .Values.hostNetwork }}
  hostNetwork: true
{{- end }}
  containers:
  - name: flash-container
    image: {{ .Values.image | quote }}
    env:
    - name: EXTERNAL_IP
      value: {{ .Values.externalIP | quote }}
{{- end }}
";

/// A chart with a Service, and a Pod once there is an address.
pub fn chart() -> Chart {
    Chart {
        metadata: Metadata {
            name: "flash-test".into(),
            version: "0.1.0".into(),
            api_version: "v2".into(),
            app_version: Some("2.0.0".into()),
            kube_version: None,
            raw: json!({"description": "test"}),
        },
        values: json!({"externalIP": "", "hostNetwork": false, "image": "example.invalid/flash:1", "text": ""}).into(),
        schema: Some(br#"{"type":"object","additionalProperties":false,"properties":{"externalIP":{"type":"string"},"hostNetwork":{"type":"boolean"},"image":{"type":"string"},"text":{"type":"string"}}}"#.as_slice().into()),
        templates: Arc::new(vec![
            File { name: "templates/pod.yaml".into(), data: POD.into() },
            File { name: "templates/service.yaml".into(), data: SERVICE.into() },
        ]),
        files: Arc::new(vec![File { name: "device-values.yaml".into(), data: b"firmware: x\n".to_vec() }]),
    }
}

pub fn intent() -> Intent {
    let uid = "5f0c7a52-8a51-4bb3-9d0e-2b8f1a2c3d4e";
    Intent {
        job: JobRef {
            name: "job".into(),
            namespace: "lab".into(),
            uid: uid.into(),
        },
        round: 1,
        attempt: 1,
        nonce: "n".into(),
        attempt_id: attempt_id(&uid.into(), 1, 1, "n"),
        index: 0,
        firmware: "example.invalid/firmware:2".into(),
        version: "2.0.0".into(),
        device: FrozenDevice {
            uuid: "7e4a6e7b-bee6-4fac-bdea-43d671baaa15".into(),
            endpoint: "192.0.2.7".into(),
            instance: InstanceRef {
                name: "i".into(),
                namespace: "akri".into(),
            },
            ..FrozenDevice::default()
        },
        pool_service: None,
        seal: None,
    }
}

/// What Helm makes of a template of [`chart`] with an address and the chart's own values.
fn rendered(file: &str, template: &str, release: &str) -> String {
    let body = template
        .replace("{{- if .Values.hostNetwork }}\n  hostNetwork: true\n", "")
        .replace("{{ .Release.Name }}", release)
        .replace("{{ .Values.image | quote }}", "\"example.invalid/flash:1\"")
        .replace("{{ .Values.externalIP | quote }}", "\"192.0.2.50\"");
    let lines: Vec<_> = body
        .lines()
        .filter(|line| !line.starts_with("{{-"))
        .collect();
    format!(
        "---\n# Source: flash-test/templates/{file}\n{}\n",
        lines.join("\n")
    )
}

/// The record of a release: with its Pod where it is past its beginning.
pub fn record(cluster: &Cluster, release: &str, revision: u32, status: Status) -> Record {
    let mut manifest = rendered("service.yaml", SERVICE, release);
    if status != Status::PendingInstall {
        manifest += &rendered("pod.yaml", POD, release);
    }
    let now = Timestamp::from_second(1_767_225_600).unwrap();
    Record {
        name: release.into(),
        namespace: cluster.namespace.clone(),
        version: revision,
        apply_method: ApplyMethod::ServerSide,
        config: json!({"externalIP": "192.0.2.50"}),
        manifest,
        info: Info {
            first_deployed: Some(now),
            last_deployed: Some(now),
            deleted: None,
            status,
            description: format!("told by {status}"),
            notes: "look at the log".into(),
        },
        chart: chart(),
        hooks: Vec::new(),
        attachment: Some(intent()),
    }
}

/// Puts record and objects into the cluster as the native engine does.
pub fn install(cluster: &Cluster, record: &Record) {
    let documents = serde_saphyr::from_multiple::<Value>(&record.manifest).unwrap();
    for mut object in documents {
        object["metadata"]["labels"] = json!({"app.kubernetes.io/managed-by": "Helm"});
        object["metadata"]["annotations"] = json!({ANNOTATION_RELEASE_NAME: record.name, ANNOTATION_RELEASE_NAMESPACE: record.namespace});
        let manager = format!("--field-manager={FIELD_MANAGER}");
        cluster.kubectl(
            &["apply", "--server-side", &manager, "-f", "-"],
            &object.to_string(),
        );
    }
    let user = BTreeMap::from([("team".to_owned(), "lab".to_owned())]);
    cluster.create(
        &secret(
            record,
            &user,
            Stamp::Created(Timestamp::from_second(1_767_225_600).unwrap()),
        )
        .unwrap(),
    );
}
