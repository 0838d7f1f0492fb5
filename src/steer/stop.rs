//! The stop switch of a class: what became of it, and which flashes of its jobs are under way and end by themselves. Pure.

use std::{borrow::Borrow, collections::BTreeMap};

use kube::core::DynamicObject;

use crate::{
    cluster::{Suspension, other_holders},
    flashjob::spec::job::Job,
    names::SUSPEND_MANAGER,
};

/// FlashJobs with devices in flight, and how many those are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InFlight {
    /// FlashJobs.
    pub jobs: usize,
    /// Devices.
    pub devices: i64,
}

impl InFlight {
    /// What becomes of it, as the end of a sentence.
    #[must_use]
    pub fn ends(self) -> String {
        let Self { jobs, devices } = self;
        match devices {
            0 => "nothing of it is in flight".into(),
            _ => {
                format!("{devices} devices of {jobs} FlashJobs are in flight and end by themselves")
            }
        }
    }
}

/// What is in flight, by class: that of the round.
#[must_use]
pub fn by_class(jobs: impl Iterator<Item = impl Borrow<Job>>) -> BTreeMap<String, InFlight> {
    let mut found: BTreeMap<String, InFlight> = BTreeMap::new();
    for job in jobs {
        let status = &job.borrow().status;
        let devices = status.counts.map_or(0, |counts| counts.in_flight);
        let stamped = status.flash_class.as_ref().filter(|_| devices > 0);
        if let Some(class) = stamped {
            let of_class = found.entry(class.name.clone()).or_default();
            of_class.jobs += 1;
            of_class.devices += devices;
        }
    }
    found
}

/// Whether a class is suspended, as it is stored.
#[must_use]
pub fn is_suspended(class: &DynamicObject) -> bool {
    class.data["spec"]["suspend"] == true
}

/// What became of a class that was to be suspended, or to go on.
///
/// # Errors
/// What keeps it from being what was ordered.
pub fn outcome(
    before: &DynamicObject,
    now: &DynamicObject,
    suspension: Suspension,
) -> Result<String, String> {
    let by = |managers: Vec<&str>| match managers.as_slice() {
        [] => "somebody".to_owned(),
        some => some.join(" and "),
    };
    let overruled = || {
        let managers = other_holders(before, SUSPEND_MANAGER);
        if managers.is_empty() {
            String::new()
        } else {
            format!(", against {}, which may set it again", by(managers))
        }
    };
    match (suspension, is_suspended(before), is_suspended(now)) {
        (Suspension::Stop, true, true) => Ok("was suspended already".into()),
        (Suspension::Stop, false, true) => Ok(format!("suspended{}", overruled())),
        (Suspension::Stop, _, false) => {
            Err("is not suspended: something took it back at once".into())
        }
        (Suspension::Release | Suspension::Overrule, false, false) => {
            Ok("was not suspended".into())
        }
        (Suspension::Release, true, false) => Ok("resumed".into()),
        (Suspension::Overrule, true, false) => Ok(format!("resumed{}", overruled())),
        (Suspension::Release | Suspension::Overrule, _, true) => Err(format!(
            "stays suspended by {}",
            by(other_holders(now, SUSPEND_MANAGER))
        )),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;
    use crate::api::{FlashJob, Guarded};

    fn class(suspend: &Value, managers: &[&str]) -> DynamicObject {
        let managers: Vec<Value> = managers
            .iter()
            .map(|manager| {
                json!({"manager": manager, "operation": "Apply", "fieldsV1": {"f:spec": {"f:suspend": {}}}})
            })
            .collect();
        let other = json!({"manager": "helm", "operation": "Apply", "fieldsV1": {"f:spec": {"f:windows": {}}}});
        let all = [managers, vec![other]].concat();
        serde_json::from_value(json!({
            "apiVersion": "application.flashjob.nbfc.io/v1alpha1", "kind": "FlashClass",
            "metadata": {"name": "esp32", "managedFields": all},
            "spec": {"suspend": suspend},
        }))
        .unwrap()
    }

    #[rstest]
    #[case::stopped(Suspension::Stop, class(&Value::Null, &[]), class(&json!(true), &[SUSPEND_MANAGER]), Ok("suspended"))]
    #[case::stopped_already(Suspension::Stop, class(&json!(true), &["kubectl"]), class(&json!(true), &["kubectl"]), Ok("was suspended already"))]
    #[case::against_others(Suspension::Stop, class(&json!(false), &["flux"]), class(&json!(true), &[SUSPEND_MANAGER]),
        Ok("suspended, against flux, which may set it again"))]
    #[case::taken_back(Suspension::Stop, class(&Value::Null, &[]), class(&json!(false), &["flux"]),
        Err("is not suspended: something took it back at once"))]
    #[case::resumed(Suspension::Release, class(&json!(true), &[SUSPEND_MANAGER]), class(&Value::Null, &[]), Ok("resumed"))]
    #[case::not_suspended(Suspension::Release, class(&Value::Null, &[]), class(&Value::Null, &[]), Ok("was not suspended"))]
    #[case::by_others(Suspension::Release, class(&json!(true), &[SUSPEND_MANAGER, "kubectl-patch"]), class(&json!(true), &["kubectl-patch"]),
        Err("stays suspended by kubectl-patch"))]
    #[case::overruled(Suspension::Overrule, class(&json!(true), &["kubectl-patch"]), class(&json!(false), &[SUSPEND_MANAGER]),
        Ok("resumed, against kubectl-patch, which may set it again"))]
    fn what_is_said_of_a_class(
        #[case] suspension: Suspension,
        #[case] before: DynamicObject,
        #[case] now: DynamicObject,
        #[case] words: Result<&str, &str>,
    ) {
        let said = outcome(&before, &now, suspension);
        assert_eq!(said.as_deref().map_err(String::as_str), words);
    }

    #[test]
    fn what_is_in_flight_is_counted_by_the_class_of_the_round() {
        let job = |name: &str, class: &str, in_flight: i64| {
            let guard: Guarded<FlashJob> = serde_json::from_value(json!({
                "metadata": {"name": name, "namespace": "lab", "uid": name, "resourceVersion": "1"},
                "spec": {"uuid": ["a"], "firmware": "f:1", "version": "1", "flashClassName": "another"},
                "status": {"flashClass": {"name": class, "uid": "u", "generation": 1}, "counts": {"inFlight": in_flight}},
            }))
            .unwrap();
            Job::parse(&guard).unwrap()
        };
        let jobs = vec![
            job("a", "esp32", 3),
            job("b", "esp32", 2),
            job("c", "esp32", 0),
            job("d", "linux", 1),
        ];
        let found = by_class(jobs.into_iter());
        let counts = |jobs, devices| InFlight { jobs, devices };
        assert_eq!(found["esp32"], counts(2, 5));
        assert_eq!(found["linux"], counts(1, 1));
        assert_eq!(
            found["esp32"].ends(),
            "5 devices of 2 FlashJobs are in flight and end by themselves"
        );
        assert_eq!(InFlight::default().ends(), "nothing of it is in flight");
    }
}
