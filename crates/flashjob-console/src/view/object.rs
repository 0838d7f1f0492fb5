//! The Pod and the Service of an attempt, as the API server has them. Pure.

use flashjob_operator::display;
use k8s_openapi::api::core::v1::{ContainerState, Pod, Service};
use serde::Serialize;
use serde_json::Value;

/// Most ports and addresses that are told.
const MOST: usize = 10;

/// A Pod in short.
#[derive(Serialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct PodFacts {
    /// Its name.
    pub name: String,
    /// Pending, Running, Succeeded, Failed or Unknown.
    pub phase: String,
    /// Node that it runs on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// When it was accepted by a node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started: Option<String>,
    /// Each container, and what it does.
    pub containers: Vec<String>,
    /// It is being deleted.
    pub deleting: bool,
}

/// A Service in short.
#[derive(Serialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ServiceFacts {
    /// Its name.
    pub name: String,
    /// LoadBalancer, NodePort or ClusterIP.
    pub kind: String,
    /// Addresses that a load balancer gave it; none: it waits for one, or needs none.
    pub addresses: Vec<String>,
    /// Ports that devices dial.
    pub ports: Vec<i32>,
    /// It is being deleted.
    pub deleting: bool,
}

impl PodFacts {
    /// Of a Pod as it is stored; none where it cannot be read.
    #[must_use]
    pub fn of(object: Value) -> Option<Self> {
        let pod: Pod = serde_json::from_value(object).ok()?;
        let status = pod.status.unwrap_or_default();
        let containers = status.container_statuses.unwrap_or_default();
        let containers = containers.iter().take(MOST).map(|container| {
            let state = container.state.as_ref().map(state).unwrap_or_default();
            format!("{} {state}", container.name)
        });
        Some(Self {
            name: pod.metadata.name.unwrap_or_default(),
            phase: status.phase.unwrap_or_default(),
            node: pod.spec.and_then(|spec| spec.node_name),
            started: status.start_time.map(|time| display::time(time.0)),
            containers: containers.collect(),
            deleting: pod.metadata.deletion_timestamp.is_some(),
        })
    }
}

fn state(state: &ContainerState) -> String {
    if let Some(ended) = &state.terminated {
        let reason = ended.reason.as_deref().unwrap_or("ended");
        return format!("{reason}, exit code {}", ended.exit_code);
    }
    if state.running.is_some() {
        return "runs".to_owned();
    }
    let waiting = state.waiting.as_ref();
    let reason = waiting.and_then(|waiting| waiting.reason.as_deref());
    format!("waits: {}", reason.unwrap_or("no reason is given"))
}

impl ServiceFacts {
    /// Of a Service as it is stored; none where it cannot be read.
    #[must_use]
    pub fn of(object: Value) -> Option<Self> {
        let service: Service = serde_json::from_value(object).ok()?;
        let spec = service.spec.unwrap_or_default();
        let balancer = service.status.and_then(|status| status.load_balancer);
        let ingress = balancer.and_then(|balancer| balancer.ingress);
        let ingress = ingress.unwrap_or_default().into_iter().take(MOST);
        let ports = spec.ports.unwrap_or_default().into_iter().take(MOST);
        Some(Self {
            name: service.metadata.name.unwrap_or_default(),
            kind: spec.type_.unwrap_or_default(),
            addresses: ingress.filter_map(|one| one.ip.or(one.hostname)).collect(),
            ports: ports.map(|port| port.port).collect(),
            deleting: service.metadata.deletion_timestamp.is_some(),
        })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case(json!({"running": {"startedAt": null}}), "flash runs")]
    #[case(json!({"waiting": {"reason": "ImagePullBackOff"}}), "flash waits: ImagePullBackOff")]
    #[case(json!({"terminated": {"reason": "Error", "exitCode": 1}}), "flash Error, exit code 1")]
    fn a_pod_says_what_its_containers_do(#[case] state: Value, #[case] expected: &str) {
        let pod = PodFacts::of(json!({
            "metadata": {"name": "flash-a-1"}, "spec": {"nodeName": "node-1", "containers": []},
            "status": {"phase": "Running", "startTime": "2026-11-30T00:00:00Z", "containerStatuses": [{
                "name": "flash", "state": state, "ready": true, "restartCount": 0, "image": "i", "imageID": "i",
            }]},
        }));
        let pod = pod.unwrap();
        assert_eq!(pod.containers, [expected]);
        assert_eq!(pod.node.as_deref(), Some("node-1"));
        assert_eq!(pod.started.as_deref(), Some("2026-11-30T00:00:00Z"));
    }

    #[test]
    fn a_service_says_where_devices_reach_it() {
        let service = ServiceFacts::of(json!({
            "metadata": {"name": "flash-a-1"}, "spec": {"type": "LoadBalancer", "ports": [{"port": 4433}]},
            "status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.7"}]}},
        }));
        let service = service.unwrap();
        assert_eq!(service.addresses, ["192.0.2.7"]);
        assert_eq!(service.ports, [4433]);
    }
}
