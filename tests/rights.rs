//! The rights that the operator's chart gives, against what the API servers were asked in a whole run of the suite: every right is used,
//! and nothing that the operator asked for was refused, but what a test had refused on purpose.
//!
//! `make test` keeps the audit logs in `FLASHJOB_AUDIT_LOGS`, and calls this as its last step.

#![allow(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a test that cannot go on panics"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
    process::Command,
};

use jiff::Timestamp;
use serde_json::Value;
use testbed::audit::Request;

const OPERATOR: &str = "system:serviceaccount:flashjob-system:flashjob-operator";
const POLICY: &str = "flashjob-operator-confinement";

/// API group, resource and verb.
type Right = [String; 3];

/// What the operator asked for, and was refused.
#[derive(Debug, Default)]
struct Asked {
    used: BTreeMap<Right, usize>,
    refused: Vec<Request>,
}

/// The requests on one control plane. `expected` has lines of namespace, verb and resource.
fn look(requests: impl Iterator<Item = Request>, expected: &str, asked: &mut Asked) {
    let expected: Vec<Vec<&str>> = expected
        .lines()
        .map(|line| line.split(' ').collect())
        .collect();
    let mut deleted: BTreeMap<String, Timestamp> = BTreeMap::new();
    for request in requests {
        if request.user != OPERATOR {
            if request.verb == "delete" && request.resource == "namespaces" {
                deleted.entry(request.name).or_insert(request.received);
            }
            continue;
        }
        let by_policy = request.code >= 400 && request.message.contains(POLICY);
        if !request.lacked_right && !by_policy {
            if !request.resource.is_empty() {
                let right =
                    |verb: &str| [&request.group, &request.resource, verb].map(str::to_owned);
                *asked.used.entry(right(&request.verb)).or_default() += 1;
                // A server-side apply of what is not there needs both rights.
                if request.verb == "patch" && request.is_birth() {
                    *asked.used.entry(right("create")).or_default() += 1;
                }
            }
            continue;
        }
        let on_purpose = expected.iter().any(|line| {
            let is = |place: usize, found: &str| line[place] == "*" || line[place] == found;
            line[0] == request.namespace && is(1, &request.verb) && is(2, &request.resource)
        });
        // The bindings of a namespace go before its objects.
        let gone = deleted.get(&request.namespace);
        if !on_purpose && gone.is_none_or(|since| request.answered < *since) {
            asked.refused.push(request);
        }
    }
}

/// The rights in the roles that are bound to the operator's ServiceAccount, with the role.
fn given(chart: &[Value]) -> BTreeMap<Right, String> {
    let of_kind = |kind: &'static str| chart.iter().filter(move |object| object["kind"] == kind);
    let bindings = of_kind("ClusterRoleBinding").chain(of_kind("RoleBinding"));
    let to_operator = |binding: &&Value| binding["subjects"][0]["name"] == "flashjob-operator";
    let bound: BTreeSet<&str> = bindings
        .filter(to_operator)
        .filter_map(|binding| binding["roleRef"]["name"].as_str())
        .collect();
    let mut given = BTreeMap::new();
    for role in of_kind("ClusterRole").chain(of_kind("Role")) {
        let name = role["metadata"]["name"].as_str().unwrap();
        if !bound.contains(name) {
            continue;
        }
        for rule in role["rules"].as_array().unwrap() {
            let texts = |key: &str| -> Vec<String> {
                let list = rule[key].as_array().unwrap().iter();
                list.map(|one| one.as_str().unwrap().to_owned()).collect()
            };
            for group in texts("apiGroups") {
                for resource in texts("resources") {
                    for verb in texts("verbs") {
                        given.insert([group.clone(), resource.clone(), verb], name.to_owned());
                    }
                }
            }
        }
    }
    given
}

fn unused(given: &BTreeMap<Right, String>, asked: &Asked) -> Vec<String> {
    given
        .iter()
        .filter(|(right, _)| !asked.used.contains_key(*right))
        .map(|([group, resource, verb], role)| format!("{role}: {verb} {group}/{resource}"))
        .collect()
}

/// The operator's chart as the tests install it.
fn chart() -> Vec<Value> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let chart = root.join("charts/flashjob-operator");
    let output = Command::new("helm")
        .args([
            "template",
            "flashjob-operator",
            "--namespace=flashjob-system",
        ])
        .arg(chart)
        .arg("--values")
        .arg(root.join("tests/control-plane/operator-values.yaml"))
        .output()
        .expect("helm is on the PATH");
    assert!(output.status.success(), "{output:?}");
    serde_saphyr::from_multiple(&String::from_utf8(output.stdout).unwrap()).unwrap()
}

#[test]
#[ignore = "reads what a run of all other tests left: make test"]
fn every_right_of_the_chart_is_used_and_none_is_missing() {
    let logs = std::env::var("FLASHJOB_AUDIT_LOGS").expect("the directory of the audit logs");
    let mut asked = Asked::default();
    let mut files = 0;
    for entry in std::fs::read_dir(logs).unwrap() {
        let log = entry.unwrap().path();
        if log.extension().is_none_or(|extension| extension != "log") {
            continue;
        }
        files += 1;
        let expected = std::fs::read_to_string(log.with_extension("refusals")).unwrap_or_default();
        let lines = BufReader::new(File::open(&log).unwrap())
            .lines()
            .map_while(Result::ok);
        // The rest, by far the most, is not worth parsing.
        let concerns = |line: &String| line.contains(OPERATOR) || line.contains("\"namespaces\"");
        let requests = lines
            .filter(concerns)
            .filter_map(|line| Request::parse(&line));
        look(requests, &expected, &mut asked);
    }
    assert!(files > 0, "no run of the suite left its logs");
    for ([group, resource, verb], times) in &asked.used {
        println!("{times:8} {verb} {group}/{resource}");
    }
    let unused = unused(&given(&chart()), &asked);
    assert!(unused.is_empty(), "rights that nobody needs: {unused:#?}");
    assert!(asked.refused.is_empty(), "refused: {:#?}", asked.refused);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn request(verb: &str, resource: &str, namespace: &str, decision: &str) -> Request {
        of(OPERATOR, verb, resource, namespace, decision)
    }

    fn of(user: &str, verb: &str, resource: &str, namespace: &str, decision: &str) -> Request {
        let code = if decision == "allow" { 200 } else { 403 };
        let event = json!({
            "stage": "ResponseComplete", "verb": verb, "user": {"username": user}, "requestURI": "/api",
            "objectRef": {"resource": resource, "namespace": namespace, "name": namespace}, "responseStatus": {"code": code},
            "requestReceivedTimestamp": "2026-01-01T00:00:00Z", "stageTimestamp": "2026-01-01T00:00:01Z",
            "annotations": {"authorization.k8s.io/decision": decision},
        });
        Request::parse(&event.to_string()).unwrap()
    }

    fn looked(requests: &[Request], expected: &str) -> Asked {
        let mut asked = Asked::default();
        look(requests.iter().cloned(), expected, &mut asked);
        asked
    }

    #[test]
    fn a_right_is_used_when_a_request_needed_it_and_was_allowed() {
        let rule =
            json!({"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "patch"]});
        let chart = [
            json!({"kind": "Role", "metadata": {"name": "own"}, "rules": [rule]}),
            json!({"kind": "ClusterRole", "metadata": {"name": "people"}, "rules": [rule]}),
            json!({"kind": "RoleBinding", "roleRef": {"name": "own"}, "subjects": [{"name": "flashjob-operator"}]}),
        ];
        let requests = [
            request("get", "pods", "a", "allow"),
            request("patch", "pods", "a", "forbid"),
            of("someone", "list", "pods", "a", "allow"),
        ];
        let asked = looked(&requests, "");
        assert_eq!(
            unused(&given(&chart), &asked),
            ["own: list /pods", "own: patch /pods"]
        );
    }

    #[test]
    fn an_apply_that_creates_needs_the_right_to_create() {
        let mut apply = request("patch", "services", "a", "allow");
        let verbs = |asked: &Asked| asked.used.keys().map(|right| right[2].clone()).collect();
        let found: Vec<String> = verbs(&looked(std::slice::from_ref(&apply), ""));
        assert_eq!(found, ["patch"]);
        apply.code = 201;
        let found: Vec<String> = verbs(&looked(&[apply], ""));
        assert_eq!(found, ["create", "patch"]);
    }

    #[test]
    fn a_refusal_counts_unless_a_test_made_it_or_the_namespace_was_being_deleted() {
        let refused = request("get", "pods", "a", "forbid");
        let count = |before: &[Request], expected: &str| {
            let requests = [before, std::slice::from_ref(&refused)].concat();
            looked(&requests, expected).refused.len()
        };
        assert_eq!(count(&[], ""), 1);
        assert_eq!(count(&[], "b * *\na list pods\na get secrets\n"), 1);
        assert_eq!(count(&[], "a get pods\n"), 0);
        assert_eq!(count(&[], "a * *\n"), 0);
        let deletion = |name| of("someone", "delete", "namespaces", name, "allow");
        assert_eq!(count(&[deletion("b")], ""), 1);
        assert_eq!(count(&[deletion("a")], ""), 0);
    }

    #[test]
    fn what_the_confinement_refuses_counts_and_what_a_quota_refuses_does_not() {
        let mut denied = request("create", "pods", "a", "allow");
        denied.code = 403;
        denied.message = format!("ValidatingAdmissionPolicy '{POLICY}' denied request");
        assert_eq!(looked(std::slice::from_ref(&denied), "").refused.len(), 1);
        denied.message = "exceeded quota".into();
        let asked = looked(&[denied], "");
        assert_eq!((asked.refused.len(), asked.used.len()), (0, 1));
    }
}
