use rstest::rstest;
use serde_json::{Value, json};

use super::*;

const OWN: &str = "flashjob-system";

fn memory(ignored: &[&str]) -> Memory {
    Memory {
        own: OWN.into(),
        ignored: ignored.iter().map(|&one| one.into()).collect(),
        leases: BTreeMap::new(),
    }
}

fn lease(namespace: &str, holder: &str, renewals: i64, seconds: i32) -> Lease {
    let renewed = format!("2020-01-01T00:00:{renewals:02}.000000Z"); // years ago by any clock
    serde_json::from_value(json!({
        "metadata": {"name": names::LEASE, "namespace": namespace, "resourceVersion": "1"},
        "spec": {"holderIdentity": holder, "leaseDurationSeconds": seconds, "renewTime": renewed},
    }))
    .expect("a Lease")
}

fn leases(leases: impl IntoIterator<Item = Lease>) -> Traces {
    Traces {
        leases: leases.into_iter().collect(),
        ..Traces::default()
    }
}

fn leader(namespace: &str, holder: &str) -> Rival {
    Rival::Leader {
        namespace: namespace.into(),
        holder: holder.into(),
    }
}

const fn at(seconds: u64) -> Duration {
    Duration::from_secs(1000 + seconds)
}

#[test]
fn a_foreign_lease_counts_from_the_first_sight_until_it_was_unchanged_for_its_duration() {
    let mut memory = memory(&[]);
    let mut look = |renewals, second| {
        let seen = leases([lease("other", "pod_1", renewals, 15)]);
        memory.look(seen, at(second))
    };
    let there = [leader("other", "pod_1")];
    assert_eq!(look(1, 0), there);
    assert_eq!(look(1, 14), there);
    assert_eq!(look(2, 14), there, "renewed");
    assert_eq!(look(2, 28), there);
    assert_eq!(look(2, 29), []);
    assert_eq!(look(3, 30), there, "it came back");
}

#[rstest]
#[case::own(OWN, "pod_1", &[])]
#[case::given_up("other", "", &[])]
#[case::ignored("other", "pod_1", &["other"])]
fn a_lease_that_is_in_nobodys_way_does_not_count(
    #[case] namespace: &str,
    #[case] holder: &str,
    #[case] ignored: &[&str],
) {
    let seen = leases([lease(namespace, holder, 1, 15)]);
    assert_eq!(memory(ignored).look(seen, at(0)), []);
}

#[test]
fn a_lease_of_a_century_is_believed_for_two_minutes() {
    let mut memory = memory(&[]);
    let mut look = |second| {
        let seen = leases([lease("other", "forged", 1, i32::MAX)]);
        memory.look(seen, at(second)).len()
    };
    assert_eq!((look(0), look(119), look(120)), (1, 1, 0));
}

#[test]
fn a_holder_of_any_length_is_shown_in_part_and_on_one_line() {
    let seen = leases([lease(
        "other",
        &format!("\u{1b}[2J{}", "x".repeat(1 << 20)),
        1,
        15,
    )]);
    let found = memory(&[]).look(seen, at(0));
    let text = InTheWay(&found).to_string();
    assert!(text.len() < 1024 && !text.contains('\u{1b}'), "{text}");
}

#[test]
fn a_lease_that_was_deleted_is_forgotten() {
    let mut memory = memory(&[]);
    let seen = leases([lease("other", "pod_1", 1, 15)]);
    assert_eq!(memory.look(seen.clone(), at(0)).len(), 1);
    assert_eq!(memory.look(Traces::default(), at(1)), []);
    assert_eq!(
        memory.look(seen, at(20)).len(),
        1,
        "seen for the first time again"
    );
}

fn deployment(replicas: &Value, env: &Value, image: &str) -> Deployment {
    serde_json::from_value(json!({
        "metadata": {"name": names::ORIGINAL_DEPLOYMENT, "namespace": "operator-system"},
        "spec": {
            "replicas": replicas, "selector": {},
            "template": {"spec": {"containers": [{"name": "manager", "image": image, "env": env}]}},
        },
    }))
    .expect("a Deployment")
}

#[rstest]
#[case::by_its_variable(deployment(&json!(1), &json!([{"name": "FLASHJOB_IMAGE", "value": "a"}]), "any:1"), Some(1))]
#[case::by_its_image(deployment(&json!(2), &json!([]), "registry.example.org/flashjob_operator:1"), Some(2))]
#[case::replicas_by_default(deployment(&Value::Null, &json!([]), "flashjob:1"), Some(1))]
#[case::scaled_down(deployment(&json!(0), &json!([]), "flashjob:1"), None)]
#[case::of_others(deployment(&json!(1), &json!([{"name": "A"}]), "registry.example.org/shop:1"), None)]
fn the_original_counts_while_it_is_scaled_up(
    #[case] deployment: Deployment,
    #[case] replicas: Option<i32>,
) {
    let seen = Traces {
        deployments: vec![deployment],
        ..Traces::default()
    };
    let expected: Vec<_> = replicas
        .map(|replicas| Rival::Original {
            namespace: "operator-system".into(),
            replicas,
        })
        .into_iter()
        .collect();
    assert_eq!(memory(&[]).look(seen.clone(), at(0)), expected);
    assert_eq!(memory(&["operator-system"]).look(seen, at(0)), []);
}

#[test]
fn the_message_says_who_is_in_the_way_and_how_to_end_it() {
    let original = Rival::Original {
        namespace: "operator-system".into(),
        replicas: 1,
    };
    let text = InTheWay(&[leader("blue", "pod_1"), original]).to_string();
    for part in [
        "Lease blue/338c7440.flashjob.nbfc.io is held by \"pod_1\"",
        "kubectl get deployments -n blue",
        "Deployment operator-system/operator-controller-manager has 1 replicas",
        "kubectl scale deployment -n operator-system operator-controller-manager --replicas=0",
        "docs/migration.md",
        "--ignored-operators",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}
