//! Which fields must be there: of an object that holds every kind of field, each one is left out in turn.

use std::collections::BTreeSet;

use super::*;

/// A Pod with every list and every map whose fields are listed.
fn full_pod() -> Value {
    let mut pod = attempt().remove(POD);
    let item = json!([{"key": "k", "path": "p", "mode": 256}]);
    let of_pod = json!({"apiVersion": "v1", "fieldPath": "metadata.name"});
    let resource =
        json!({"containerName": "flash-container", "resource": "limits.memory", "divisor": "1Mi"});
    let downward = json!([
        {"path": "p", "fieldRef": of_pod, "mode": 256}, {"path": "q", "resourceFieldRef": resource},
    ]);
    set(
        &mut pod,
        "/spec/imagePullSecrets",
        json!([{"name": "flash-tls"}]),
    );
    set(
        &mut pod,
        "/spec/securityContext/sysctls",
        json!([{"name": "net.ipv4.tcp_syncookies", "value": "1"}]),
    );
    set(
        &mut pod,
        "/spec/securityContext/seLinuxOptions",
        json!({"type": "container_t", "level": "s0"}),
    );
    set(
        &mut pod,
        "/spec/volumes",
        json!([
            {"name": "tmp", "emptyDir": {"sizeLimit": "1Gi"}},
            {"name": "a", "secret": {"secretName": "flash-tls", "items": item, "optional": true, "defaultMode": 256}},
            {"name": "b", "configMap": {"name": "flash-settings", "items": item, "optional": true, "defaultMode": 256}},
            {"name": "c", "downwardAPI": {"items": downward, "defaultMode": 256}},
            {"name": "d", "projected": {"defaultMode": 256, "sources": [
                {"secret": {"name": "flash-tls", "items": item, "optional": true}},
                {"configMap": {"name": "flash-settings", "items": item, "optional": true}},
                {"downwardAPI": {"items": downward}},
            ]}},
        ]),
    );
    let container = "/spec/containers/0";
    let mut inside =
        |path: &str, value: Value| set(&mut pod, &format!("{container}/{path}"), value);
    inside(
        "env/7",
        json!({"name": "A", "valueFrom": {"fieldRef": of_pod}}),
    );
    inside(
        "env/8",
        json!({"name": "B", "valueFrom": {"resourceFieldRef": resource}}),
    );
    inside(
        "env/9",
        json!({"name": "C", "valueFrom": {"configMapKeyRef": {"name": "flash-settings", "key": "k", "optional": true}}}),
    );
    inside(
        "env/10",
        json!({"name": "D", "valueFrom": {"secretKeyRef": {"name": "flash-tls", "key": "k", "optional": true}}}),
    );
    inside(
        "envFrom",
        json!([
            {"prefix": "X_", "configMapRef": {"name": "flash-settings", "optional": true}},
            {"secretRef": {"name": "flash-tls", "optional": true}},
        ]),
    );
    inside(
        "readinessProbe",
        json!({
            "exec": {"command": ["true"]}, "httpGet": {"path": "/", "port": 80, "scheme": "HTTP"}, "tcpSocket": {"port": 80},
            "initialDelaySeconds": 1, "periodSeconds": 1, "timeoutSeconds": 1, "successThreshold": 1, "failureThreshold": 1,
        }),
    );
    pod
}

/// The fields that are refused as missing when they are left out; `*` stands for any index.
fn required(object: &Value) -> BTreeSet<String> {
    let mut all = Vec::new();
    places(object, "", &mut all);
    let is_missed = |place: &String| {
        let (parent, key) = place.rsplit_once('/')?;
        let mut without = object.clone();
        let map = without.pointer_mut(parent)?.as_object_mut()?;
        map.remove(&key.replace("~1", "/"))?;
        let subject = Subject {
            source: "t.yaml",
            object: &without,
        };
        let refused = check(&[subject], Stage::BeforeAddress, &policy()).err()?;
        let mut missed = refused.0.iter().map(|violation| {
            violation.message == "is missing" && violation.path.to_string() == *place
        });
        missed.any(|missed| missed).then(|| generalised(place))
    };
    all.iter().filter_map(is_missed).collect()
}

fn generalised(place: &str) -> String {
    let parts = place.split('/');
    let parts = parts.map(|part| {
        if part.parse::<usize>().is_ok() {
            "*"
        } else {
            part
        }
    });
    parts.collect::<Vec<_>>().join("/")
}

fn set_of(paths: &[&str]) -> BTreeSet<String> {
    paths.iter().map(ToString::to_string).collect()
}

const OWNER: [&str; 4] = [
    "/metadata/ownerReferences/*/apiVersion",
    "/metadata/ownerReferences/*/kind",
    "/metadata/ownerReferences/*/name",
    "/metadata/ownerReferences/*/uid",
];

#[test]
fn a_pod_must_have_these_fields_and_may_lack_all_others() {
    let pod = full_pod();
    assert_eq!(found(std::slice::from_ref(&pod), &policy()), [""; 0]);
    let mut want = set_of(&[
        "/metadata",
        "/metadata/name",
        "/spec",
        "/spec/activeDeadlineSeconds",
        "/spec/containers",
        "/spec/containers/*/env/*/name",
        "/spec/containers/*/env/*/valueFrom/configMapKeyRef/key",
        "/spec/containers/*/env/*/valueFrom/configMapKeyRef/name",
        "/spec/containers/*/env/*/valueFrom/fieldRef/fieldPath",
        "/spec/containers/*/env/*/valueFrom/resourceFieldRef/resource",
        "/spec/containers/*/env/*/valueFrom/secretKeyRef/key",
        "/spec/containers/*/env/*/valueFrom/secretKeyRef/name",
        "/spec/containers/*/envFrom/*/configMapRef/name",
        "/spec/containers/*/envFrom/*/secretRef/name",
        "/spec/containers/*/image",
        "/spec/containers/*/name",
        "/spec/containers/*/ports/*/containerPort",
        "/spec/containers/*/readinessProbe/exec/command",
        "/spec/containers/*/readinessProbe/httpGet/port",
        "/spec/containers/*/readinessProbe/tcpSocket/port",
        "/spec/containers/*/volumeMounts/*/mountPath",
        "/spec/containers/*/volumeMounts/*/name",
        "/spec/imagePullSecrets/*/name",
        "/spec/restartPolicy",
        "/spec/securityContext/seccompProfile/type",
        "/spec/securityContext/sysctls/*/name",
        "/spec/securityContext/sysctls/*/value",
        "/spec/volumes/*/configMap/items/*/key",
        "/spec/volumes/*/configMap/items/*/path",
        "/spec/volumes/*/configMap/name",
        "/spec/volumes/*/downwardAPI/items/*/fieldRef/fieldPath",
        "/spec/volumes/*/downwardAPI/items/*/path",
        "/spec/volumes/*/downwardAPI/items/*/resourceFieldRef/resource",
        "/spec/volumes/*/name",
        "/spec/volumes/*/projected/sources",
        "/spec/volumes/*/projected/sources/*/configMap/items/*/key",
        "/spec/volumes/*/projected/sources/*/configMap/items/*/path",
        "/spec/volumes/*/projected/sources/*/configMap/name",
        "/spec/volumes/*/projected/sources/*/downwardAPI/items/*/fieldRef/fieldPath",
        "/spec/volumes/*/projected/sources/*/downwardAPI/items/*/path",
        "/spec/volumes/*/projected/sources/*/downwardAPI/items/*/resourceFieldRef/resource",
        "/spec/volumes/*/projected/sources/*/secret/items/*/key",
        "/spec/volumes/*/projected/sources/*/secret/items/*/path",
        "/spec/volumes/*/projected/sources/*/secret/name",
        "/spec/volumes/*/secret/items/*/key",
        "/spec/volumes/*/secret/items/*/path",
        "/spec/volumes/*/secret/secretName",
    ]);
    want.extend(set_of(&OWNER));
    assert_eq!(required(&pod), want);
}

#[test]
fn a_service_must_have_these_fields_and_may_lack_all_others() {
    let mut want = set_of(&[
        "/metadata",
        "/metadata/name",
        "/spec",
        "/spec/ports",
        "/spec/ports/*/port",
        "/spec/selector",
    ]);
    want.extend(set_of(&OWNER));
    assert_eq!(required(&attempt()[SERVICE]), want);
}
