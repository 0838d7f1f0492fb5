//! What a FlashClass says that can mean nothing, and what is told of one that is suspended.

use flashjob_operator::api::rule;
use serde_json::{Value, json};

use testbed::{ControlPlane, Space};

use super::{PATIENCE, administrators::told, condition, says};

/// A class for the namespaces whose label `team` meets a requirement.
fn selecting(requirement: &Value) -> Value {
    let mut requirement = requirement.clone();
    requirement["key"] = json!("team");
    json!({"allowedJobNamespaces": {"from": "Selector", "selector": {"matchExpressions": [requirement]}}})
}

#[tokio::test]
async fn what_no_class_can_mean_is_refused_at_once_in_the_words_of_the_operator() {
    let plane = ControlPlane::shared();
    plane.operator_kubeconfig(); // its chart brings the CRDs
    let apply = |spec: &Value| {
        let name = "never-meant";
        let class = json!({
            "apiVersion": "application.flashjob.nbfc.io/v1alpha1", "kind": "FlashClass", "metadata": {"name": name}, "spec": spec,
        });
        plane.feed(&["create", "--dry-run=server"], &class.to_string())
    };
    let labels = json!({"matchLabels": {"team": "red"}});
    for (spec, field, words) in [
        (
            json!({"allowedJobNamespaces": {"from": "Selector"}}),
            "spec.allowedJobNamespaces.selector",
            rule::SELECTOR_NEEDED,
        ),
        (
            json!({"deviceNamespaces": {"from": "Same", "selector": labels}}),
            "spec.deviceNamespaces.selector",
            rule::SELECTOR_NEEDLESS,
        ),
        (
            json!({"deviceNamespaces": {"selector": labels}}),
            "spec.deviceNamespaces.selector",
            rule::SELECTOR_NEEDLESS,
        ),
        (
            selecting(&json!({"operator": "Maybe"})),
            "spec.allowedJobNamespaces.selector.matchExpressions[0]",
            rule::LABEL_OPERATOR,
        ),
        (
            selecting(&json!({"operator": "NotIn", "values": []})),
            "spec.allowedJobNamespaces.selector.matchExpressions[0]",
            rule::NO_VALUES,
        ),
        (
            selecting(&json!({"operator": "Exists", "values": ["red"]})),
            "spec.allowedJobNamespaces.selector.matchExpressions[0]",
            rule::NEEDLESS_VALUES,
        ),
        (
            json!({"inFlightLimits": [{"by": "Property", "max": 3}]}),
            "spec.inFlightLimits[0]",
            rule::PROPERTY_NEEDED,
        ),
        (
            json!({"inFlightLimits": [{"by": "Node", "property": "GATEWAY", "max": 3}]}),
            "spec.inFlightLimits[0]",
            rule::PROPERTY_NEEDLESS,
        ),
        (
            json!({"inFlightLimits": [{"by": "Node"}]}),
            "spec.inFlightLimits[0].max",
            "Required value",
        ),
        (
            json!({"workload": {"volumeTypes": ["hostPath"]}}),
            "spec.workload.volumeTypes[0]",
            rule::HOST_PATH,
        ),
        (
            json!({"workload": {"kinds": ["ConfigMap"]}}),
            "spec.workload.kinds[0]",
            rule::NOT_A_KIND,
        ),
        (
            json!({"windows": [{"start": "22:00"}]}),
            "spec.windows[0].durationSeconds",
            "Required value",
        ),
        (
            json!({"deviceFilter": {"matchExpressions": [{"property": "A", "operator": "In"}]}}),
            "spec.deviceFilter.matchExpressions[0]",
            rule::NO_VALUES,
        ),
    ] {
        let complaint = apply(&spec).expect_err(&spec.to_string());
        let said = complaint.contains(field) && complaint.contains(words);
        assert!(said, "{spec}: {complaint}");
    }
    let meant = json!({
        "allowedJobNamespaces": {"from": "Selector", "selector": labels}, "deviceNamespaces": {"from": null, "selector": null},
        "inFlightLimits": [{"by": "Property", "property": "GATEWAY", "max": 3}, {"by": null, "property": null, "max": 1}],
        "workload": {"volumeTypes": ["persistentVolumeClaim"], "kinds": ["v1/ConfigMap", "batch/v1/Job"]},
    });
    for meant in [
        meant,
        selecting(&json!({"operator": "In", "values": ["red", "blue"]})),
        selecting(&json!({"operator": "Exists"})),
        selecting(&json!({"operator": "DoesNotExist", "values": null})),
    ] {
        apply(&meant).unwrap_or_else(|complaint| panic!("{meant}: {complaint}"));
    }
}

#[tokio::test]
async fn a_class_says_who_stopped_it_and_since_when_and_that_it_goes_on() {
    let space = Space::new("stopped-class").await;
    let _operator = space.operator(&[]);
    let class = format!("{}-lamps", space.name);
    space.put_class(&class, &json!({"maxParallelism": 2}));
    let binary = testbed::plugin().display().to_string();
    let order = |what: &str| {
        let mut command = space.control_plane.command(&binary);
        let output = command.args([what, "--class", &class]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    };
    let until = async |suspended: &str| {
        let what = format!("Suspended: {suspended} of its last generation");
        let seen = space.eventually(&what, PATIENCE, async || {
            let class = space.kubectl(&["get", "flashclass", &class, "-o", "json"]);
            let class: Value = serde_json::from_str(&class).unwrap();
            let shown = condition(&class["status"], "Suspended");
            let generation = &class["metadata"]["generation"];
            let last = class["status"]["observedGeneration"] == *generation
                && shown["observedGeneration"] == *generation;
            (last && shown["status"] == suspended).then_some(shown)
        });
        seen.await
    };
    until("False").await;
    let who =
        space
            .control_plane
            .kubectl(&["auth", "whoami", "-o=jsonpath={.status.userInfo.username}"]);
    let by = format!("suspended by {who}");
    order("stop");
    let shown = until("True").await;
    let resume = format!("kubectl flashjob resume --class {class}");
    says(&shown, &[&class, &by, &resume]);
    assert_eq!(shown["reason"], "Suspended");
    assert!(shown["lastTransitionTime"].is_string(), "{shown}");
    told(&space, "Normal", "FlashClass", "default", &[&class, &by]).await;
    order("resume");
    until("False").await;
    let goes_on = format!("FlashClass {class} goes on");
    told(&space, "Normal", "FlashClass", "default", &[&goes_on]).await;
    let class = space.kubectl(&["get", "flashclass", &class, "-o", "json"]);
    assert!(!class.contains("suspended-by"), "{class}");
}
