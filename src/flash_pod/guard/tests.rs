use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Map, json};

use super::*;
use helm_chart::yaml;

mod edges;
mod required;

const SERVICE: usize = 0;
const POD: usize = 1;

/// What the shipped chart yields for one attempt: Service, then Pod.
fn attempt() -> Vec<Value> {
    yaml::parse_all(include_str!("testdata/attempt.yaml")).unwrap()
}

fn policy() -> Policy {
    let texts = |texts: &[&str]| {
        texts
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<String>>()
    };
    Policy {
        namespace: "fleet".into(),
        release: "flash-d95c7c2d".into(),
        attempt: "k3v9x0q2ab".into(),
        endpoint: Some("192.0.2.31:8080".into()),
        labels: [
            (
                "flashjob.nbfc.io/job-uid",
                "1f0b0bb3-8e0c-4b0c-bd8d-6b7f4d1f5a11",
            ),
            ("flashjob.nbfc.io/round", "1"),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into(),
        owner: Some(Owner {
            api_version: "application.flashjob.nbfc.io/v1alpha1".into(),
            kind: "FlashJob".into(),
            name: "rollout-of-thermo".into(),
            uid: "1f0b0bb3-8e0c-4b0c-bd8d-6b7f4d1f5a11".into(),
        }),
        finalizers: texts(&["flashjob.nbfc.io/tracking"]),
        secrets: texts(&["flash-tls"]),
        config_maps: texts(&["flash-settings"]),
        service_accounts: texts(&["flasher"]),
        images: vec!["harbor.nbfc.io/nubificus/iot/*".parse().unwrap()],
        ..Policy::default()
    }
}

fn found(objects: &[Value], policy: &Policy) -> Vec<String> {
    let rendered: Vec<_> = objects
        .iter()
        .map(|object| Subject {
            source: "t.yaml",
            object,
        })
        .collect();
    let violations = check(&rendered, Stage::Complete, policy)
        .err()
        .map(|refused| refused.0)
        .unwrap_or_default();
    violations
        .into_iter()
        .map(|violation| violation.path.to_string())
        .collect()
}

/// Puts `value` at `path`; the last index of a list may be one past its end.
fn set(object: &mut Value, path: &str, value: Value) {
    let (parent, key) = path.rsplit_once('/').unwrap();
    let key = key.replace("~1", "/");
    if object.pointer(parent).is_none() {
        set(object, parent, json!({}));
    }
    match object.pointer_mut(parent).unwrap() {
        Value::Object(map) => {
            map.insert(key, value);
        }
        Value::Array(items) if key.parse() == Ok(items.len()) => items.push(value),
        Value::Array(items) => items[key.parse::<usize>().unwrap()] = value,
        other => panic!("{other} holds nothing"),
    }
}

fn changed(index: usize, path: &str, value: Value) -> Vec<Value> {
    let mut objects = attempt();
    set(&mut objects[index], path, value);
    objects
}

#[test]
fn what_the_shipped_chart_yields_is_allowed() {
    assert_eq!(found(&attempt(), &policy()), [""; 0]);
}

#[test]
fn the_shipped_chart_with_everything_switched_on_is_allowed_once_listed() {
    let objects = yaml::parse_all(include_str!("testdata/everything.yaml")).unwrap();
    let mut policy = policy();
    policy
        .secrets
        .extend(["pull".into(), "firmware-registry".into()]);
    policy.images = vec!["registry.example.org:5000/flash@*".parse().unwrap()];
    assert_eq!(
        found(&objects, &policy),
        ["/kind"],
        "a NetworkPolicy is the administrator's to add"
    );
    let kind = Kind {
        api_version: "networking.k8s.io/v1".into(),
        kind: "NetworkPolicy".into(),
    };
    policy.extra_kinds = vec![kind];
    assert_eq!(found(&objects, &policy), [""; 0]);
}

#[rstest]
#[case::text("/spec/containers/0/args", json!([1]), "/spec/containers/0/args/0", "must be a text")]
#[case::word_of_a_list("/spec/containers/0/imagePullPolicy", json!(1), "/spec/containers/0/imagePullPolicy", "must be a text")]
#[case::whole_number("/spec/containers/0/ports/0/containerPort", json!("x"), "/spec/containers/0/ports/0/containerPort", "must be a whole number")]
#[case::yes_or_no("/spec/containers/0/volumeMounts/0/readOnly", json!("yes"), "/spec/containers/0/volumeMounts/0/readOnly", "must be true or false")]
#[case::text_or_number("/spec/containers/0/resources/limits/memory", json!([]), "/spec/containers/0/resources/limits/memory", "must be a text or a number")]
#[case::list("/spec/containers/0/args", json!("x"), "/spec/containers/0/args", "must be a list")]
#[case::map("/metadata/labels", json!([]), "/metadata/labels", "must be a map")]
#[case::fields("/spec/containers/0/resources", json!([]), "/spec/containers/0/resources", "must be a map")]
#[case::behind_a_rule("/metadata/name", json!([]), "/metadata/name", "must be a text")]
fn what_has_the_wrong_type_is_told_the_right_one(
    #[case] path: &str,
    #[case] value: Value,
    #[case] place: &str,
    #[case] message: &str,
) {
    let objects = changed(POD, path, value);
    let rendered: Vec<_> = objects
        .iter()
        .map(|object| Subject {
            source: "t.yaml",
            object,
        })
        .collect();
    let refused = check(&rendered, Stage::Complete, &policy()).unwrap_err().0;
    let at_place = refused
        .iter()
        .filter(|violation| violation.path.to_string() == place);
    let messages: Vec<_> = at_place.map(|violation| &*violation.message).collect();
    assert!(messages.contains(&message), "{messages:?}");
}

#[rstest]
// Pod Security baseline
#[case("/spec/hostNetwork", json!(true))]
#[case("/spec/hostPID", json!(true))]
#[case("/spec/hostIPC", json!(true))]
#[case("/spec/securityContext/windowsOptions", json!({"hostProcess": true}))]
#[case("/spec/containers/0/securityContext/windowsOptions", json!({"hostProcess": true}))]
#[case("/spec/containers/0/securityContext/privileged", json!(true))]
#[case("/spec/containers/0/securityContext/capabilities/add", json!(["SYS_ADMIN"]))]
#[case("/spec/containers/0/securityContext/capabilities/add", json!(["CHOWN", "NET_RAW"]))]
#[case("/spec/containers/0/securityContext/capabilities/add", json!(["ALL"]))]
#[case("/spec/containers/0/securityContext/capabilities/add", json!(["CAP_CHOWN"]))]
#[case("/spec/volumes/1", json!({"name": "v", "hostPath": {"path": "/"}}))]
#[case("/spec/containers/0/ports/0/hostPort", json!(4433))]
#[case("/spec/securityContext/appArmorProfile", json!({"type": "Unconfined"}))]
#[case("/spec/containers/0/securityContext/appArmorProfile", json!({"type": "Unconfined"}))]
#[case("/metadata/annotations/container.apparmor.security.beta.kubernetes.io~1flash-container", json!("unconfined"))]
#[case("/spec/securityContext/seLinuxOptions", json!({"type": "spc_t"}))]
#[case("/spec/securityContext/seLinuxOptions", json!({"user": "root"}))]
#[case("/spec/containers/0/securityContext/seLinuxOptions", json!({"role": "sysadm_r"}))]
#[case("/spec/containers/0/securityContext/procMount", json!("Unmasked"))]
#[case("/spec/securityContext/seccompProfile", json!({"type": "Unconfined"}))]
#[case("/spec/containers/0/securityContext/seccompProfile", json!({"type": "Unconfined"}))]
#[case("/spec/securityContext/sysctls", json!([{"name": "kernel.msgmax", "value": "1"}]))]
// Fields that are not listed
#[case("/spec/nodeName", json!("master"))]
#[case("/spec/ephemeralContainers", json!([{"name": "x", "image": "x", "securityContext": {"privileged": true}}]))]
#[case("/spec/serviceAccount", json!("admin"))]
#[case("/spec/shareProcessNamespace", json!(true))]
#[case("/spec/priority", json!(1))]
#[case("/spec/overhead", json!({}))]
#[case("/spec/hostname", json!("x"))]
#[case("/spec/readinessGates", json!([]))]
#[case("/spec/schedulingGates", json!([{"name": "never"}]))]
#[case("/spec/resourceClaims", json!([]))]
#[case("/spec/hostnetwork", json!(false))]
#[case("/spec/containers/0/lifecycle", json!({"preStop": {"exec": {"command": ["x"]}}}))]
#[case("/spec/containers/0/livenessProbe", json!({}))]
#[case("/spec/containers/0/volumeDevices", json!([]))]
#[case("/spec/containers/0/tty", json!(true))]
#[case("/spec/containers/0/volumeMounts/0/mountPropagation", json!("Bidirectional"))]
#[case("/spec/containers/0/readinessProbe", json!({"tcpSocket": {"port": 1, "host": "192.0.2.1"}}))]
#[case("/status", json!({"phase": "Succeeded"}))]
#[case("/metadata/generateName", json!("x"))]
#[case("/metadata/uid", json!("x"))]
#[case("/metadata/deletionTimestamp", json!("2020-01-01T00:00:00Z"))]
// How it ends
#[case("/spec/restartPolicy", json!("Always"))]
#[case("/spec/restartPolicy", json!(null))]
#[case("/spec/activeDeadlineSeconds", json!(null))]
#[case("/spec/activeDeadlineSeconds", json!(0))]
#[case("/spec/activeDeadlineSeconds", json!(1.5))]
#[case("/spec/containers", json!([]))]
// Who it is
#[case("/spec/serviceAccountName", json!("admin"))]
#[case("/spec/automountServiceAccountToken", json!(true))]
#[case("/spec/automountServiceAccountToken", json!(null))]
#[case("/spec/imagePullSecrets", json!([{"name": "other"}]))]
#[case("/spec/containers/0/image", json!("docker.io/library/miner"))]
#[case("/spec/containers/0/image", json!("harbor.nbfc.io/nubificus/iot/x:1\n    hostNetwork: true"))]
#[case("/spec/initContainers", json!([{"name": "x", "image": "miner"}]))]
#[case("/spec/initContainers", json!([{"name": "x", "image": "harbor.nbfc.io/nubificus/iot/x", "securityContext": {"privileged": true}}]))]
#[case("/spec/initContainers", json!([{"name": "x", "image": "harbor.nbfc.io/nubificus/iot/x", "restartPolicy": "Always"}]))]
// What it reads
#[case("/spec/volumes/0/secret", json!({"secretName": "flash-tls"}))]
#[case("/spec/volumes/1", json!({"name": "v", "secret": {"secretName": "other"}}))]
#[case("/spec/volumes/1", json!({"name": "v", "secret": {}}))]
#[case("/spec/volumes/1", json!({"name": "v", "configMap": {"name": "other"}}))]
#[case("/spec/volumes/1", json!({"name": "v", "projected": {"sources": [{"secret": {"name": "other"}}]}}))]
#[case("/spec/volumes/1", json!({"name": "v", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}}))]
#[case("/spec/volumes/1", json!({"name": "v", "persistentVolumeClaim": {"claimName": "x"}}))]
#[case("/spec/volumes/1", json!({"name": "v", "csi": {"driver": "x"}}))]
#[case("/spec/volumes/1", json!({"name": "v", "nfs": {}}))]
#[case("/spec/volumes/1", json!({"name": "v"}))]
#[case("/spec/containers/0/env/7", json!({"name": "A", "valueFrom": {"secretKeyRef": {"name": "other", "key": "k"}}}))]
#[case("/spec/containers/0/env/7", json!({"name": "A", "valueFrom": {"configMapKeyRef": {"name": "other", "key": "k"}}}))]
#[case("/spec/containers/0/env/7", json!({"name": "A", "valueFrom": {"fileKeyRef": {}}}))]
#[case("/spec/containers/0/envFrom", json!([{"secretRef": {"name": "other"}}]))]
#[case("/spec/containers/0/envFrom", json!([{"configMapRef": {"name": "other"}}]))]
#[case("/spec/containers/0/envFrom", json!([{"prefix": "X_HOST_ENDPOINT"}]))]
#[case("/spec/containers/0/env/7", json!({"name": "LD_PRELOAD", "value": "/tmp/x.so"}))]
#[case("/spec/containers/0/env/7", json!({"name": "LD_LIBRARY_PATH", "value": "/tmp"}))]
#[case("/spec/containers/0/env/7", json!({"name": "LD_AUDIT", "value": "/tmp/x.so"}))]
#[case("/spec/containers/0/env/7", json!({"name": "PATH", "value": "/tmp"}))]
#[case("/spec/containers/0/env/7", json!({"name": "HTTP_PROXY", "value": "http://192.0.2.99"}))]
#[case("/spec/containers/0/env/7", json!({"name": "https_proxy", "value": "http://192.0.2.99"}))]
#[case("/spec/containers/0/env/7", json!({"name": "NO_PROXY", "value": "*"}))]
#[case("/spec/containers/0/env/7", json!({"name": "All_Proxy", "value": "x"}))]
#[case("/spec/containers/0/env/7", json!({"name": "SSL_CERT_FILE", "value": "/tmp/ca.pem"}))]
#[case("/spec/containers/0/env/7", json!({"name": "GLIBC_TUNABLES", "value": "x"}))]
#[case("/spec/containers/0/env/7", json!({"name": "FIRMWARE", "value": "registry.example.org/other:1"}))]
#[case("/spec/containers/0/env/7", json!({"name": "EXTERNAL_IP", "value": "192.0.2.99"}))]
#[case("/spec/initContainers", json!([{"name": "x", "image": "harbor.nbfc.io/nubificus/iot/x", "env": [{"name": "LD_PRELOAD", "value": "x"}]}]))]
// Which device it flashes
#[case("/spec/containers/0/env/7", json!({"name": "AHOST_ENDPOINT", "value": "192.0.2.99"}))]
#[case("/spec/containers/0/env/2/value", json!("192.0.2.99"))]
#[case("/spec/containers", json!([{"name": "x", "image": "harbor.nbfc.io/nubificus/iot/x"}]))]
// Whose it is
#[case("/metadata/name", json!("other-k3v9x0q2ab"))]
#[case("/metadata/name", json!("flash-d95c7c2d-other"))]
#[case("/metadata/name", json!("flash-d95c7c2dd-k3v9x0q2ab"))]
#[case("/metadata/name", json!("flash-d95c7c2d"))]
#[case("/metadata/name", json!(format!("flash-d95c7c2d-{}-k3v9x0q2ab", "x".repeat(50))))]
#[case("/metadata/namespace", json!("kube-system"))]
#[case("/metadata/namespace", json!(""))]
#[case("/metadata/labels/flashjob.nbfc.io~1job-uid", json!("other"))]
#[case("/metadata/labels/flashjob.nbfc.io~1attempt", json!("other"))]
#[case("/metadata/labels/flashjob.nbfc.io~1round", json!(null))]
#[case("/metadata/ownerReferences", json!([]))]
#[case("/metadata/ownerReferences/0/uid", json!("other"))]
#[case("/metadata/ownerReferences/0/controller", json!(false))]
#[case("/metadata/ownerReferences/1", json!({"apiVersion": "v1", "kind": "Node", "name": "n", "uid": "u"}))]
#[case("/metadata/finalizers", json!([]))]
#[case("/metadata/finalizers/1", json!("example.org/stuck"))]
fn a_pod_with_this_is_refused_at_the_field(#[case] path: &str, #[case] value: Value) {
    let refused = found(&changed(POD, path, value), &policy());
    assert!(!refused.is_empty(), "{path} was allowed");
    let is_near = |place: &String| {
        (place.starts_with(path) || path.starts_with(place.as_str()))
            && place.matches('/').count() > 1
            || *place == path
    };
    let field = path
        .trim_end_matches(|c: char| c.is_ascii_digit())
        .trim_end_matches('/');
    assert!(
        refused
            .iter()
            .all(|place| is_near(place) || place.starts_with(field)),
        "{path}: {refused:?}"
    );
}

#[test]
fn a_variable_that_steers_the_image_is_refused_at_its_name_unless_an_administrator_sets_it() {
    let objects = changed(
        POD,
        "/spec/containers/0/env/7",
        json!({"name": "HTTPS_PROXY", "value": "http://proxy.example:3128"}),
    );
    let subjects: Vec<_> = objects
        .iter()
        .map(|object| Subject {
            source: "t.yaml",
            object,
        })
        .collect();
    let refused = check(&subjects, Stage::Complete, &policy()).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "t.yaml Pod flash-d95c7c2d-k3v9x0q2ab: /spec/containers/0/env/7/name: variable \"HTTPS_PROXY\" is not allowed: an \
         administrator may set it in the values of operator or class"
    );
    let named = Policy {
        variables: vec!["HTTPS_PROXY".into()],
        ..policy()
    };
    assert_eq!(found(&objects, &named), [""; 0]);
    let harmless = json!({"name": "LOADER", "value": "1"});
    assert_eq!(
        found(
            &changed(POD, "/spec/containers/0/env/7", harmless),
            &policy()
        ),
        [""; 0]
    );
}

#[rstest]
#[case("/spec/type", json!("ExternalName"))]
#[case("/spec/externalName", json!("example.org"))]
#[case("/spec/externalIPs", json!(["192.0.2.1"]))]
#[case("/spec/clusterIP", json!("198.51.100.1"))]
#[case("/spec/healthCheckNodePort", json!(30000))]
#[case("/spec/selector", json!({}))]
#[case("/spec/selector", json!(null))]
#[case("/spec/selector", json!({"app": "dice-auth-service"}))]
#[case("/spec/selector/flashjob.nbfc.io~1attempt", json!("other"))]
#[case("/spec/ports", json!([]))]
#[case("/spec/ports", json!(null))]
#[case("/spec/ports/0/nodePort", json!(22))]
#[case("/spec/ports/0/protocol", json!("SCTP"))]
#[case("/spec/ports/0/port", json!("4433"))]
#[case("/metadata/finalizers", json!(["example.org/stuck"]))]
#[case("/metadata/finalizers", json!(["flashjob.nbfc.io/tracking", "example.org/stuck"]))]
#[case("/metadata/ownerReferences", json!(null))]
#[case("/metadata/name", json!("dice-auth-service"))]
#[case("/metadata/namespace", json!("kube-system"))]
#[case("/metadata/labels", json!(null))]
#[case("/status", json!({}))]
fn a_service_with_this_is_refused_at_the_field(#[case] path: &str, #[case] value: Value) {
    let refused = found(&changed(SERVICE, path, value), &policy());
    assert!(!refused.is_empty(), "{path} was allowed");
    assert!(
        refused.iter().all(|place| place.starts_with(path)),
        "{path}: {refused:?}"
    );
}

#[rstest]
#[case("/spec/hostNetwork", json!(false))]
#[case("/spec/hostNetwork", json!(null))]
#[case("/spec/affinity", json!({"nodeAffinity": {}}))]
#[case("/spec/serviceAccountName", json!("flasher"))]
#[case("/spec/serviceAccountName", json!(""))]
#[case("/spec/initContainers", json!([{"name": "x", "image": "harbor.nbfc.io/nubificus/iot/x"}]))]
#[case("/spec/containers/0/command", json!(["/flash"]))]
#[case("/spec/containers/0/securityContext/capabilities/add", json!(["CHOWN"]))]
#[case("/spec/securityContext/sysctls", json!([{"name": "net.ipv4.tcp_syncookies", "value": "1"}]))]
#[case("/spec/securityContext/seLinuxOptions", json!({"type": "container_t", "level": "s0"}))]
#[case("/spec/volumes/1", json!({"name": "v", "secret": {"secretName": "flash-tls"}}))]
#[case("/spec/volumes/1", json!({"name": "v", "configMap": {"name": "flash-settings"}}))]
#[case("/spec/volumes/1", json!({"name": "v", "projected": {"sources": [{"secret": {"name": "flash-tls"}}, {"downwardAPI": {"items": []}}]}}))]
#[case("/spec/containers/0/envFrom", json!([{"configMapRef": {"name": "flash-settings"}}]))]
#[case("/metadata/namespace", json!(null))]
#[case("/metadata/annotations/container.apparmor.security.beta.kubernetes.io~1x", json!("runtime/default"))]
#[case("/metadata/labels/team", json!("iot"))]
fn a_pod_with_this_is_allowed(#[case] path: &str, #[case] value: Value) {
    assert_eq!(found(&changed(POD, path, value), &policy()), [""; 0]);
}

#[rstest]
#[case::the_flashs_own(json!(4433), true)]
#[case::another_port(json!(22), false)]
#[case::a_text(json!("4433"), false)]
fn the_port_of_the_flash_alone_is_opened_on_the_node(#[case] port: Value, #[case] opened: bool) {
    let objects = changed(POD, "/spec/containers/0/ports/0/hostPort", port);
    let open = Policy {
        flash_port_on_node: true,
        ..policy()
    };
    assert_eq!(found(&objects, &open).is_empty(), opened);
    assert_eq!(found(&objects, &policy()).len(), 1);
}

#[rstest]
#[case(HostAccess::Network, "/spec/hostNetwork", json!(true))]
#[case(HostAccess::Network, "/spec/containers/0/ports/0/hostPort", json!(4433))]
#[case(HostAccess::Processes, "/spec/hostPID", json!(true))]
#[case(HostAccess::Processes, "/spec/hostIPC", json!(true))]
#[case(HostAccess::Paths, "/spec/volumes/1", json!({"name": "v", "hostPath": {"path": "/dev"}}))]
#[case(HostAccess::Kernel, "/spec/containers/0/securityContext/privileged", json!(true))]
#[case(HostAccess::Kernel, "/spec/containers/0/securityContext/capabilities/add", json!(["NET_RAW"]))]
fn the_node_is_reached_only_by_the_access_that_is_allowed(
    #[case] access: HostAccess,
    #[case] path: &str,
    #[case] value: Value,
) {
    let objects = changed(POD, path, value);
    for host in [
        HostAccess::Network,
        HostAccess::Processes,
        HostAccess::Paths,
        HostAccess::Kernel,
    ] {
        let policy = Policy {
            host: [host].into(),
            ..policy()
        };
        assert_eq!(
            found(&objects, &policy).is_empty(),
            host == access,
            "{host:?}"
        );
    }
}

#[test]
fn a_further_kind_of_volume_is_the_administrators_to_add() {
    let claim = json!({"name": "v", "persistentVolumeClaim": {"claimName": "cache"}});
    let objects = changed(POD, "/spec/volumes/1", claim);
    let allowed = Policy {
        volume_kinds: vec!["persistentVolumeClaim".into()],
        ..policy()
    };
    assert_eq!(found(&objects, &allowed), [""; 0]);
    let not_by_name = Policy {
        volume_kinds: vec!["hostPath".into()],
        ..policy()
    };
    let objects = changed(
        POD,
        "/spec/volumes/1",
        json!({"name": "v", "hostPath": {"path": "/"}}),
    );
    assert_eq!(found(&objects, &not_by_name), ["/spec/volumes/1/hostPath"]);
}

#[rstest]
#[case("v1", "Secret")]
#[case("v1", "List")]
#[case("apps/v1", "Deployment")]
#[case("apps/v1", "Pod")]
#[case("v1", "pod")]
#[case("", "")]
fn another_kind_is_refused(#[case] api_version: &str, #[case] kind: &str) {
    let mut objects = attempt();
    objects.push(
        json!({"apiVersion": api_version, "kind": kind, "metadata": objects[SERVICE]["metadata"]}),
    );
    assert_eq!(found(&objects, &policy()), ["/kind"]);
}

#[test]
fn a_kind_that_was_added_is_still_tied_to_the_attempt() {
    let kind = Kind {
        api_version: "v1".into(),
        kind: "ConfigMap".into(),
    };
    let policy = Policy {
        extra_kinds: vec![kind],
        ..policy()
    };
    let mut objects = attempt();
    objects.push(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": objects[SERVICE]["metadata"], "data": {}}));
    assert_eq!(found(&objects, &policy), ["/metadata/finalizers"]);
    let metadata = objects[2]["metadata"].as_object_mut().unwrap();
    metadata.remove("finalizers");
    assert_eq!(found(&objects, &policy), [""; 0]);
    set(&mut objects[2], "/metadata/namespace", json!("kube-system"));
    assert_eq!(found(&objects, &policy), ["/metadata/namespace"]);
    objects[2] = json!({"apiVersion": "v1", "kind": "ConfigMap"});
    assert_eq!(found(&objects, &policy), ["/metadata"]);
}

#[test]
fn a_chart_may_leave_the_finalizer_of_its_service_to_the_operator() {
    let objects = changed(SERVICE, "/metadata/finalizers", json!([]));
    assert_eq!(found(&objects, &policy()), [""; 0]);
}

#[test]
fn a_flash_is_one_pod() {
    let objects = attempt();
    let rendered = |indexes: &[usize]| {
        let of = |index: &usize| Subject {
            source: "t.yaml",
            object: &objects[*index],
        };
        indexes.iter().map(of).collect::<Vec<_>>()
    };
    let allowed = |indexes: &[usize], stage| check(&rendered(indexes), stage, &policy()).is_ok();
    assert!(allowed(&[SERVICE], Stage::BeforeAddress));
    assert!(allowed(&[SERVICE, POD], Stage::BeforeAddress));
    assert!(allowed(&[POD], Stage::Complete));
    assert!(!allowed(&[SERVICE], Stage::Complete));
    assert!(!allowed(&[SERVICE, POD, POD], Stage::Complete));
    assert!(!allowed(&[SERVICE, POD, POD], Stage::BeforeAddress));
    assert!(allowed(&[SERVICE; MAX_OBJECTS], Stage::BeforeAddress));
    assert!(!allowed(&[SERVICE; MAX_OBJECTS + 1], Stage::BeforeAddress));
}

#[test]
fn a_message_names_object_field_and_what_to_do() {
    let objects = changed(POD, "/spec/serviceAccountName", json!("admin"));
    let rendered = Subject {
        source: "flash-pod/templates/pod.yaml",
        object: &objects[POD],
    };
    let violations = check(&[rendered], Stage::Complete, &policy()).unwrap_err();
    assert_eq!(
        violations.to_string(),
        "flash-pod/templates/pod.yaml Pod flash-d95c7c2d-k3v9x0q2ab: /spec/serviceAccountName: \
         service account \"admin\" is not allowed: an administrator may list it"
    );
}

/// Every place of a document that a guard reads, lists entered.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                places(value, &format!("{at}/{}", key.replace('/', "~1")), found);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                places(value, &format!("{at}/{index}"), found);
            }
        }
        _ => {}
    }
}

#[test]
fn a_value_of_another_type_is_refused_everywhere() {
    for (index, object) in attempt().iter().enumerate() {
        let mut all = Vec::new();
        places(object, "", &mut all);
        for place in all.iter().filter(|place| !place.is_empty()) {
            let here = object.pointer(place).unwrap();
            for odd in [
                json!("odd"),
                json!(-7.5),
                json!([[1]]),
                json!({"odd": {}}),
                json!(true),
            ] {
                let is_same_type = std::mem::discriminant(here) == std::mem::discriminant(&odd);
                // Ports and quantities are texts or numbers.
                let is_scalar = place.contains("/resources/")
                    || place.ends_with("/sizeLimit")
                    || place.ends_with("/targetPort");
                if is_same_type || (is_scalar && (odd.is_string() || odd.is_number())) {
                    continue;
                }
                assert!(
                    !found(&changed(index, place, odd.clone()), &policy()).is_empty(),
                    "{place}: {odd}"
                );
            }
        }
    }
}

#[test]
fn an_unlisted_field_is_refused_wherever_fields_are_listed() {
    // Below these, keys are free.
    let free = ["labels", "annotations", "selector", "limits", "requests"];
    for (index, object) in attempt().iter().enumerate() {
        let mut all = Vec::new();
        places(object, "", &mut all);
        for place in all
            .iter()
            .filter(|place| object.pointer(place).is_some_and(Value::is_object))
        {
            if free.iter().any(|key| place.ends_with(&format!("/{key}"))) {
                continue;
            }
            let path = format!("{place}/unlisted");
            for value in [json!(1), json!(null), json!({}), json!("x")] {
                assert_eq!(
                    found(&changed(index, &path, value), &policy()),
                    [path.as_str()]
                );
            }
        }
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,4}".prop_map(Value::from),
        prop::sample::select(vec!["v1", "Pod", "Service", "Never", "ClusterIP"])
            .prop_map(Value::from),
    ];
    let keys = prop::sample::select(vec![
        "apiVersion",
        "kind",
        "metadata",
        "spec",
        "name",
        "labels",
        "containers",
        "env",
        "volumes",
        "image",
        "value",
        "securityContext",
        "secret",
        "hostPath",
        "ports",
        "selector",
        "ownerReferences",
        "x",
    ]);
    leaf.prop_recursive(5, 60, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::btree_map(keys.clone(), inner, 0..6).prop_map(|map| {
                Value::Object(
                    map.into_iter()
                        .map(|(key, value)| (key.to_owned(), value))
                        .collect::<Map<_, _>>(),
                )
            }),
        ]
    })
}

proptest! {
    #[test]
    fn nothing_panics_and_nothing_foreign_is_allowed(mut object in any_json(), kind in prop::sample::select(vec!["Pod", "Service"])) {
        if let Some(map) = object.as_object_mut() {
            map.insert("apiVersion".into(), json!("v1"));
            map.insert("kind".into(), json!(kind));
        }
        prop_assert!(!found(&[object], &policy()).is_empty());
    }

    #[test]
    fn no_part_of_an_attempt_can_be_swapped_for_garbage_without_a_panic(
        index in 0..2_usize, place in any::<prop::sample::Index>(), value in any_json(),
    ) {
        let mut all = Vec::new();
        places(&attempt()[index], "", &mut all);
        let place = &all[place.index(all.len() - 1) + 1];
        let _ = found(&changed(index, place, value), &policy());
    }
}
