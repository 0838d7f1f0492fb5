//! Fields of a status that the API server accepted and did not store: the installed CRD is older than the operator. Pure.
//!
//! A rollout stands on what is stored, so nothing of the job starts before all of it is. Called with the answer to every status
//! write; `plan` and `status` go by what is remembered of it.

use std::{borrow::Cow, collections::BTreeSet};

use serde_json::Value;

use super::memory::Memory;
use crate::api::Refusal;
use crate::{
    api::{FlashJobStatus, Reason},
    names::GROUP,
};

/// Most fields that are remembered of one job.
const MAX_FIELDS: usize = 50;
/// How often it is tried again whether they are stored by now.
pub const PROBE_SECONDS: f64 = 30.0;
/// Stands for any place in a list.
const ANY: &str = "*";

/// Fields that are known not to be stored, as JSON pointers with `*` for places in lists, after a write of this status and its
/// answer. What this write did not hold stays as it was known.
#[must_use]
pub fn after(
    known: &BTreeSet<String>,
    written: &FlashJobStatus,
    stored: Option<&FlashJobStatus>,
) -> BTreeSet<String> {
    // Nearly always; a status of many devices is large.
    if known.is_empty() && stored == Some(written) {
        return BTreeSet::new();
    }
    let json = |status: &FlashJobStatus| serde_json::to_value(status).unwrap_or_default();
    let (written, stored) = (json(written), stored.map(json).unwrap_or_default());
    let mut fields: BTreeSet<String> = known
        .iter()
        .filter(|path| !holds(&written, path))
        .cloned()
        .collect();
    missing(&written, &stored, "", &mut fields);
    fields
}

fn missing(written: &Value, stored: &Value, path: &str, fields: &mut BTreeSet<String>) {
    if fields.len() >= MAX_FIELDS {
        return;
    }
    match (written, stored) {
        (Value::Object(written), Value::Object(stored)) => {
            for (name, value) in written {
                let path = format!("{path}/{name}");
                match stored.get(name) {
                    Some(stored) => missing(value, stored, &path, fields),
                    None => drop(fields.insert(path)),
                }
            }
        }
        (Value::Array(written), Value::Array(stored)) => {
            for (written, stored) in written.iter().zip(stored) {
                missing(written, stored, &format!("{path}/{ANY}"), fields);
            }
        }
        (Value::Object(written), Value::Null) => {
            fields.extend(written.keys().map(|name| format!("{path}/{name}")));
        }
        _ => {}
    }
}

/// Whether a value has something at a path.
fn holds(value: &Value, path: &str) -> bool {
    let Some(rest) = path.strip_prefix('/') else {
        return true;
    };
    let (name, rest) = rest.find('/').map_or((rest, ""), |end| rest.split_at(end));
    match value {
        Value::Array(items) if name == ANY => items.iter().any(|item| holds(item, rest)),
        Value::Object(fields) => fields.get(name).is_some_and(|field| holds(field, rest)),
        _ => false,
    }
}

/// A status without the fields that are not stored anyway: whether it says anything new is told by the others.
#[must_use]
pub fn without<'a>(
    status: &'a FlashJobStatus,
    fields: &BTreeSet<String>,
) -> Cow<'a, FlashJobStatus> {
    if fields.is_empty() {
        return Cow::Borrowed(status);
    }
    let mut json = serde_json::to_value(status).unwrap_or_default();
    for path in fields {
        remove(&mut json, path);
    }
    serde_json::from_value(json).map_or(Cow::Borrowed(status), Cow::Owned)
}

fn remove(value: &mut Value, path: &str) {
    let Some(rest) = path.strip_prefix('/') else {
        return;
    };
    let (name, rest) = rest.find('/').map_or((rest, ""), |end| rest.split_at(end));
    match value {
        Value::Array(items) if name == ANY => {
            for item in items {
                remove(item, rest);
            }
        }
        Value::Object(fields) if rest.is_empty() => drop(fields.remove(name)),
        Value::Object(fields) => {
            if let Some(field) = fields.get_mut(name) {
                remove(field, rest);
            }
        }
        _ => {}
    }
}

/// Why nothing of the job starts, if fields of its status are not stored.
#[must_use]
pub fn refusal(memory: &Memory) -> Option<Refusal> {
    let fields = &memory.pruned;
    let first = fields.first()?;
    let more = match fields.len() - 1 {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Some(Refusal {
        reason: Reason::CRDOutdated,
        message: format!(
            "the API server does not store status{}{more}: the CRD flashjobs.{GROUP} is older than the operator, and nothing \
             starts; apply the CRDs of this version: flashjob-operator crds | kubectl apply --server-side --force-conflicts -f -",
            first.replace('/', ".")
        ),
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::{
        api::{DeviceStatus, Round, StepStatus},
        flashjob::fixtures::Scene,
    };

    fn full() -> FlashJobStatus {
        FlashJobStatus {
            round: Some(Round::default()),
            step: Some(StepStatus {
                id: "1.1".into(),
                reached: vec!["a".into()],
                ..StepStatus::default()
            }),
            devices: vec![
                DeviceStatus::default(),
                DeviceStatus {
                    earlier_failures: vec!["Evicted".into()],
                    ..DeviceStatus::default()
                },
            ],
            ..FlashJobStatus::default()
        }
    }

    fn of(fields: &[&str]) -> BTreeSet<String> {
        fields.iter().map(|field| (*field).to_owned()).collect()
    }

    #[rstest]
    #[case::nothing(|_: &mut FlashJobStatus| {}, &[])]
    #[case::a_field(|status: &mut FlashJobStatus| status.round = None, &["/round"])]
    #[case::a_field_of_a_field(
        |status: &mut FlashJobStatus| status.step.as_mut().unwrap().reached.clear(),
        &["/step/reached"]
    )]
    #[case::a_field_of_some_in_a_list(
        |status: &mut FlashJobStatus| status.devices[1].earlier_failures.clear(),
        &["/devices/*/earlierFailures"]
    )]
    fn what_was_written_and_is_not_in_the_answer_is_not_stored(
        #[case] prune: fn(&mut FlashJobStatus),
        #[case] expected: &[&str],
    ) {
        let mut answer = full();
        prune(&mut answer);
        let found = after(&BTreeSet::new(), &full(), Some(&answer));
        assert_eq!(found, of(expected));
        assert_eq!(without(&full(), &found), without(&answer, &found));
        assert_eq!(after(&found, &full(), Some(&full())), of(&[]), "mended");
    }

    #[test]
    fn another_value_is_stored_all_the_same() {
        let mut answer = full();
        answer.devices[0].index = 7;
        assert_eq!(after(&BTreeSet::new(), &full(), Some(&answer)), of(&[]));
    }

    #[test]
    fn without_any_status_every_field_is_missing() {
        let found = after(&BTreeSet::new(), &full(), None);
        assert_eq!(found, of(&["/devices", "/round", "/step"]));
    }

    #[test]
    fn a_write_that_does_not_hold_a_field_proves_nothing_about_it() {
        let known = of(&["/step/reached"]);
        let plain = FlashJobStatus::default();
        assert_eq!(after(&known, &plain, Some(&plain)), known);
    }

    #[test]
    fn nothing_starts_and_the_job_is_stalled_until_all_of_the_status_is_stored() {
        let mut scene = Scene::new(2);
        scene.memory.pruned = of(&["/step/reached"]);
        assert!(scene.plan(60).begin.is_empty());
        let status = scene.status(60);
        assert_eq!(status.reason.as_deref(), Some("CRDOutdated"));
        let message = status.message.unwrap();
        assert!(message.contains("status.step.reached"), "{message}");
        assert_eq!(status.phase.as_deref(), Some("InProgress"));
        let stalled = status
            .conditions
            .iter()
            .find(|known| known.type_ == "Stalled");
        assert_eq!(stalled.unwrap().status, "True");
        scene.memory.pruned.clear();
        assert_eq!(scene.plan(61).begin.len(), 2);
    }
}
