//! The status of a FlashJob that today's types cannot hold: what is wrong is said in it, and all else in it stays. Pure.
//!
//! Called by `reconcile` through `act`. The stored status is JSON here, because it may be what cannot be read.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json, value::RawValue};

use crate::api::{
    ConditionType, FlashJobSpec, FlashJobStatus, Phase, RawObject, Reason, read_part,
};
use crate::{api::conditions, flashjob::spec::job::Job};

/// Fields of an object, each as text.
type Fields<'a> = BTreeMap<String, &'a RawValue>;

/// Largest status that is read to be amended: more than any that the operator writes.
const MAX_STATUS_BYTES: usize = 1024 * 1024;

/// The status of the stored object with what is wrong; none where it says so already. `error` is what the parser said.
///
/// A job of which nothing was begun has failed. One that began is stalled: its flashes in progress keep their Pods, and with
/// them their verdicts, until it can be read again; what was finished stays so.
#[must_use]
pub fn amend(object: &RawObject, job: &Job, error: &str, now: Timestamp) -> Option<Value> {
    let stored = object.status.as_deref().map_or(Value::Null, tree);
    let mut status = stored.as_object().cloned().unwrap_or_default();
    let faults = faults(object);
    let what = if faults.is_empty() {
        error.to_owned()
    } else {
        faults.join("; ")
    };
    let message = format!(
        "the FlashJob cannot be read: {what}; edit it with: kubectl edit flashjob {} -n {}",
        job.name, job.namespace
    );
    let begun = status.get("round").is_some_and(|round| !round.is_null());
    let words = json!({
        "observedGeneration": job.generation, "reason": Reason::InvalidSpec.as_str(), "message": message,
    });
    status.extend(words.as_object().cloned().unwrap_or_default());
    if !begun {
        status.insert("phase".into(), Phase::Failed.as_str().into());
    }
    let mut set = vec![
        (ConditionType::Accepted, false),
        (ConditionType::Ready, false),
        (ConditionType::Stalled, true),
    ];
    if !begun {
        let failed = [
            (ConditionType::FailureTarget, true),
            (ConditionType::Failed, true),
            (ConditionType::Finished, true),
        ];
        set.extend(failed);
    }
    set_conditions(&mut status, &set, &message, (job.generation, now));
    let amended = Value::Object(status);
    (amended != stored).then_some(amended)
}

/// A stored status; null where it is larger than any that the operator writes, and so not its own.
fn tree(status: &RawValue) -> Value {
    let own = Some(status.get()).filter(|text| text.len() <= MAX_STATUS_BYTES);
    own.and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default()
}

/// Every field of spec and status that cannot be read by itself, and why.
fn faults(object: &RawObject) -> Vec<String> {
    let complete = r#""firmware":"f","version":"1","#;
    let spec = faults_in::<FlashJobSpec>(object.spec.as_deref(), "spec", complete);
    let status = faults_in::<FlashJobStatus>(object.status.as_deref(), "status", "");
    spec.into_iter().chain(status).collect()
}

/// The fields that make what can be read (`complete`) unreadable, each by itself. No tree is built of them: they may be anything.
fn faults_in<T: DeserializeOwned>(
    part: Option<&RawValue>,
    name: &str,
    complete: &str,
) -> Vec<String> {
    let fields = part.and_then(|part| serde_json::from_str::<Fields<'_>>(part.get()).ok());
    let fault = |(field, value): (String, &RawValue)| {
        let kept: String = complete
            .split_inclusive(',')
            .filter(|pair| !pair.starts_with(&format!("\"{field}\":")))
            .collect();
        let probe = format!("{{{kept}{}:{value}}}", Value::from(field));
        let probe = RawValue::from_string(probe).ok()?;
        read_part::<T>(name, &probe).err()
    };
    fields.into_iter().flatten().filter_map(fault).collect()
}

/// Sets conditions among those that can be read; one that cannot stays as it is, unless it is of a type that is set.
fn set_conditions(
    status: &mut Map<String, Value>,
    set: &[(ConditionType, bool)],
    message: &str,
    (generation, now): (i64, Timestamp),
) {
    let known = status.remove("conditions");
    let mut list = known.and_then(|known| known.as_array().cloned());
    let list = list.get_or_insert_default();
    for (kind, holds) in set {
        let place = list.iter().position(|it| it["type"] == kind.as_str());
        let stored =
            place.and_then(|place| serde_json::from_value::<Condition>(list[place].clone()).ok());
        let mut one: Vec<Condition> = stored.into_iter().collect();
        let (reason, words) = (Reason::InvalidSpec, message.to_owned());
        conditions::set(&mut one, *kind, *holds, reason, words, generation, now);
        let condition = one.first().map(|condition| json!(condition));
        match (place, condition) {
            (Some(place), Some(condition)) => list[place] = condition,
            (None, Some(condition)) => list.push(condition),
            (_, None) => {}
        }
    }
    status.insert("conditions".into(), Value::Array(std::mem::take(list)));
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::flashjob::fixtures::{at, job_of};

    fn job() -> Job {
        job_of(&json!({"uuid": "not a list"}), None)
    }

    fn amend(object: &Value, job: &Job, error: &str, now: Timestamp) -> Option<Value> {
        let mut object = object.clone();
        object["metadata"] = json!({});
        super::amend(&serde_json::from_value(object).unwrap(), job, error, now)
    }

    fn condition(status: &Value, kind: &str) -> Value {
        let conditions = status["conditions"].as_array().unwrap();
        let mut of_kind = conditions.iter().filter(|it| it["type"] == kind);
        let found = of_kind.next().cloned().unwrap_or_default();
        assert!(of_kind.next().is_none(), "{kind} twice in {status:#}");
        found
    }

    #[rstest]
    #[case::absent(Value::Null)]
    #[case::empty(json!({}))]
    #[case::no_map(json!("lost"))]
    #[case::conditions_that_are_no_list(json!({"conditions": 7}))]
    fn a_job_of_which_nothing_was_begun_has_failed(#[case] stored: Value) {
        let object = json!({"spec": {"uuid": "not a list", "firmware": "f"}, "status": stored});
        let status = amend(&object, &job(), "unreadable", at(9)).unwrap();
        assert_eq!(
            (
                &status["phase"],
                &status["reason"],
                &status["observedGeneration"]
            ),
            (&json!("Failed"), &json!("InvalidSpec"), &json!(1))
        );
        for (kind, holds) in [
            ("Accepted", "False"),
            ("Ready", "False"),
            ("Stalled", "True"),
            ("Failed", "True"),
            ("Finished", "True"),
        ] {
            let found = condition(&status, kind);
            assert_eq!(
                (&found["status"], &found["reason"]),
                (&json!(holds), &json!("InvalidSpec")),
                "{kind}"
            );
            let message = found["message"].as_str().unwrap();
            assert!(
                message.contains("spec.uuid: invalid type")
                    && message.contains("kubectl edit flashjob lamps -n lab")
            );
        }
    }

    #[test]
    fn a_job_that_began_is_stalled_and_keeps_everything_that_is_stored() {
        let stored = json!({
            "phase": "Running", "round": {"number": 2}, "completedIndexes": "0-3", "devices": [{"index": 4, "phase": "Flashing"}],
            "unknown": {"to": "today's types"}, "counts": "unreadable",
            "conditions": [
                {"type": "Finished", "status": "False"}, {"type": 7},
                {"type": "Stalled", "status": "False", "reason": "Healthy", "message": "", "lastTransitionTime": at(1).to_string()},
            ],
        });
        let object = json!({"spec": {"version": "1"}, "status": stored});
        let status = amend(&object, &job(), "no firmware", at(9)).unwrap();
        let message = status["message"].as_str().unwrap();
        assert!(message.contains("status.counts"), "{message}");
        for field in [
            "phase",
            "round",
            "completedIndexes",
            "devices",
            "unknown",
            "counts",
        ] {
            assert_eq!(status[field], stored[field], "{field}");
        }
        assert_eq!(condition(&status, "Finished"), stored["conditions"][0]);
        assert_eq!(status["conditions"][1], stored["conditions"][1]);
        let stalled = condition(&status, "Stalled");
        assert_eq!(
            (&stalled["status"], &stalled["lastTransitionTime"]),
            (&json!("True"), &json!(at(9).to_string()))
        );
        assert_eq!(condition(&status, "Failed"), Value::Null);
    }

    #[test]
    fn what_is_said_once_is_not_written_again() {
        let amend = |status: &Value, error, second| {
            let object = json!({"status": status});
            amend(&object, &job(), error, at(second))
        };
        let first = amend(&json!({}), "no firmware", 9).unwrap();
        let message = first["message"].as_str().unwrap();
        assert!(message.contains("no firmware"), "{message}");
        assert_eq!(amend(&first, "no firmware", 20), None);
        assert!(amend(&first, "something else", 20).is_some());
    }
    #[rstest]
    #[case::beside_those_that_every_spec_has(
        json!({"uuid": 7, "firmware": "f", "version": "1"}),
        "spec.uuid: invalid type: integer `7`, expected a sequence"
    )]
    #[case::one_that_every_spec_has(
        json!({"uuid": ["a"], "firmware": 7, "version": "1"}),
        "spec.firmware: invalid type: integer `7`, expected a string"
    )]
    fn the_field_that_cannot_be_read_is_named_and_no_other(
        #[case] spec: Value,
        #[case] what: &str,
    ) {
        let object = json!({"spec": spec});
        let status = amend(&object, &job(), "unreadable", at(9)).unwrap();
        let message = format!(
            "the FlashJob cannot be read: {what}; edit it with: kubectl edit flashjob lamps -n lab"
        );
        assert_eq!(status["message"], message.as_str());
    }
}
