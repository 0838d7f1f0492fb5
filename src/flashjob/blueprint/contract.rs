//! What a flash chart has to render so that the operator can serve it: the part of the contract that is not about safety. Pure.
//!
//! The guard says what a chart may not do; this says what it must. Both engines and `kubectl flashjob render` ask it about the same
//! objects, before anything of an attempt is created. The list for people is in the chart's README.

use serde_json::Value;

use crate::{
    flash_pod::service_mode::{NODE_ADDRESS, NODE_ADDRESS_FIELD},
    names::FLASH_CONTAINER,
};
use helm_chart::engine::Document;

/// Variables that the flash image needs, and must not find empty.
const NEEDED: [&str; 5] = [
    "FIRMWARE",
    "HOST_ENDPOINT",
    "DEVICE",
    "VERSION",
    "EXTERNAL_IP",
];
/// Variables that belong to every flash, though a device may have nothing to say there.
const PRESENT: [&str; 2] = ["UUID", "APPLICATION_TYPE"];

/// What keeps the operator from serving a chart that renders these objects; `name` is that of the attempt's Service and Pod. An attempt that
/// is `of_pool` leases a Service that is not the release's.
///
/// # Errors
/// All of it, in words.
pub(super) fn check(documents: &[Document], name: &str, of_pool: bool) -> Result<(), String> {
    let mut broken = Vec::new();
    let (services, pods) = (of_kind(documents, "Service"), of_kind(documents, "Pod"));
    match services[..] {
        [_] if of_pool => broken.push(
            "it renders a Service although service.mode is Pool: the device dials one that stays, which the operator keeps itself"
                .to_owned(),
        ),
        [_] => {}
        [] if of_pool => {}
        [] => broken.push(
            "it renders no Service: the device dials its address, and by it the operator tells how far an attempt is; where the \
             address is known beforehand (externalIP), a Service of type ClusterIP will do"
                .to_owned(),
        ),
        _ => broken.push(format!(
            "it renders {} Services: an attempt has exactly one",
            services.len()
        )),
    }
    for document in services.iter().chain(&pods) {
        let found = document.object["metadata"]["name"].as_str();
        if found != Some(name) {
            let (source, kind) = (&document.source, document.object["kind"].as_str());
            let kind = kind.unwrap_or_default();
            broken.push(format!("{source}: {kind}: metadata.name must be {name:?}"));
        }
    }
    for pod in pods {
        let problems = container(&pod.object["spec"]).into_iter();
        broken.extend(problems.map(|problem| format!("{}: Pod: {problem}", pod.source)));
    }
    if broken.is_empty() {
        return Ok(());
    }
    Err(format!(
        "the flash chart cannot be served: {}",
        broken.join("; ")
    ))
}

fn of_kind<'a>(documents: &'a [Document], kind: &str) -> Vec<&'a Document> {
    let is_kind = |document: &&Document| {
        document.object["apiVersion"] == "v1" && document.object["kind"] == kind
    };
    documents.iter().filter(is_kind).collect()
}

/// What the flash container lacks.
fn container(spec: &Value) -> Vec<String> {
    let containers = spec["containers"].as_array().map(Vec::as_slice);
    let named = |container: &&Value| container["name"] == FLASH_CONTAINER;
    let Some(container) = containers.unwrap_or_default().iter().find(named) else {
        return vec![format!(
            "spec.containers has none named {FLASH_CONTAINER}: it is the one whose state and log are read"
        )];
    };
    let env = container["env"].as_array().map(Vec::as_slice);
    let env = env.unwrap_or_default();
    let mut broken = Vec::new();
    for name in NEEDED.iter().chain(&PRESENT) {
        let mut of_name = env.iter().filter(|variable| variable["name"] == *name);
        let value = match (of_name.next(), of_name.next()) {
            (Some(variable), None) if *name == "EXTERNAL_IP" && is_of_node(variable) => continue,
            (Some(variable), None) => variable.get("value").and_then(Value::as_str),
            (None, _) => None,
            (Some(_), Some(_)) => {
                broken.push(format!(
                    "{FLASH_CONTAINER}: the variable {name} is there twice"
                ));
                continue;
            }
        };
        match value {
            None => broken.push(format!(
                "{FLASH_CONTAINER}: the variable {name} is missing, or is not a plain value"
            )),
            Some("") if NEEDED.contains(name) => {
                broken.push(format!("{FLASH_CONTAINER}: the variable {name} is empty"));
            }
            Some(NODE_ADDRESS) if *name == "EXTERNAL_IP" => broken.push(format!(
                "{FLASH_CONTAINER}: the variable {name} is {NODE_ADDRESS:?}: with service.mode HostPort it has to be the field {NODE_ADDRESS_FIELD}"
            )),
            Some(_) => {}
        }
    }
    broken
}

/// Whether a variable is the address of the Pod's node.
fn is_of_node(variable: &Value) -> bool {
    let field = variable.pointer("/valueFrom/fieldRef/fieldPath");
    field.is_some_and(|field| field == NODE_ADDRESS_FIELD)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    const NAME: &str = "flash-a-1";

    fn documents(pod: Option<Value>, services: usize) -> Vec<Document> {
        let document = |source: &str, object| Document {
            source: format!("c/templates/{source}.yaml"),
            text: String::new(),
            object,
        };
        let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": NAME}});
        let services = (0..services).map(|_| document("service", service.clone()));
        let pods = pod.into_iter().map(|pod| document("pod", pod));
        services.chain(pods).collect()
    }

    fn pod() -> Value {
        let env = NEEDED.map(|name| json!({"name": name, "value": "x"}));
        let more = PRESENT.map(|name| json!({"name": name, "value": ""}));
        let env = [env.to_vec(), more.to_vec()].concat();
        json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": NAME},
            "spec": {"containers": [{"name": "sidecar"}, {"name": FLASH_CONTAINER, "env": env}]},
        })
    }

    #[test]
    fn a_service_alone_and_a_service_with_its_pod_are_served() {
        assert_eq!(check(&documents(None, 1), NAME, false), Ok(()));
        assert_eq!(check(&documents(Some(pod()), 1), NAME, false), Ok(()));
    }

    #[test]
    fn the_address_of_the_node_is_served() {
        let mut pod = pod();
        let env = &mut pod["spec"]["containers"][1]["env"][4];
        *env = json!({"name": "EXTERNAL_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.hostIP"}}});
        assert_eq!(check(&documents(Some(pod), 1), NAME, false), Ok(()));
    }

    #[rstest]
    #[case::another_field(1, |pod: &mut Value| pod["spec"]["containers"][1]["env"][4] = json!({"name": "EXTERNAL_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}), "the variable EXTERNAL_IP is missing, or is not a plain value")]
    #[case::no_service(0, |_: &mut Value| {}, "it renders no Service")]
    #[case::two_services(2, |_: &mut Value| {}, "it renders 2 Services: an attempt has exactly one")]
    #[case::another_name(1, |pod: &mut Value| pod["metadata"]["name"] = json!("flash-a-x-1"), "c/templates/pod.yaml: Pod: metadata.name must be \"flash-a-1\"")]
    #[case::another_container(1, |pod: &mut Value| pod["spec"]["containers"][1]["name"] = json!("flasher"), "spec.containers has none named flash-container")]
    #[case::no_variables(1, |pod: &mut Value| pod["spec"]["containers"][1]["env"] = json!(null), "flash-container: the variable FIRMWARE is missing")]
    #[case::none_of_a_name(1, |pod: &mut Value| pod["spec"]["containers"][1]["env"][4]["name"] = json!("IP"), "the variable EXTERNAL_IP is missing")]
    #[case::an_optional_one(1, |pod: &mut Value| pod["spec"]["containers"][1]["env"][5]["name"] = json!("ID"), "the variable UUID is missing")]
    #[case::no_node(1, |pod: &mut Value| pod["spec"]["containers"][1]["env"][4]["value"] = json!("node"), "the variable EXTERNAL_IP is \"node\": with service.mode HostPort it has to be the field status.hostIP")]
    #[case::from_elsewhere(1, |pod: &mut Value| pod["spec"]["containers"][1]["env"][0] = json!({"name": "FIRMWARE", "valueFrom": {}}), "the variable FIRMWARE is missing, or is not a plain value")]
    #[case::empty(1, |pod: &mut Value| pod["spec"]["containers"][1]["env"][2]["value"] = json!(""), "the variable DEVICE is empty")]
    #[case::twice(1, |pod: &mut Value| pod["spec"]["containers"][1]["env"][6]["name"] = json!("VERSION"), "the variable VERSION is there twice")]
    fn what_the_operator_cannot_serve_is_named(
        #[case] services: usize,
        #[case] spoil: fn(&mut Value),
        #[case] says: &str,
    ) {
        let mut pod = pod();
        spoil(&mut pod);
        let broken = check(&documents(Some(pod), services), NAME, false).unwrap_err();
        assert!(
            broken.starts_with("the flash chart cannot be served: "),
            "{broken}"
        );
        assert!(broken.contains(says), "{broken}");
    }
}
