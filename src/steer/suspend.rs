//! The suspension of a job, and its end. Pure.

use kube::api::DynamicObject;

use crate::{api::Reason, cluster::other_holders, flashjob::spec::job::Job};

fn is_suspended(job: &DynamicObject) -> bool {
    job.data["spec"]["suspend"] == true
}

/// What is said of a job that was suspended.
///
/// # Errors
/// When something took it back at once.
pub fn suspended(before: &Job, now: &DynamicObject) -> Result<String, String> {
    if !is_suspended(now) {
        return Err("is not suspended: something took it back at once".into());
    }
    let was = if before.suspended() {
        "was suspended already"
    } else {
        "suspended"
    };
    Ok(format!("{was}{}", in_flight(before)))
}

/// Devices that end by themselves.
fn in_flight(job: &Job) -> String {
    let counts = job.status.counts.unwrap_or_default();
    match counts.in_flight {
        0 => "; nothing of it is in flight".to_owned(),
        1 => "; 1 device is in flight and ends by itself".to_owned(),
        devices => format!("; {devices} devices are in flight and end by themselves"),
    }
}

/// What is said of a job that was let go on: by the field manager `own`, which has given its claim up.
///
/// # Errors
/// Why it does not, with the command that helps.
pub fn resumed(before: &Job, now: &DynamicObject, own: &str) -> Result<String, String> {
    let Job {
        name, namespace, ..
    } = before;
    let others = other_holders(now, own);
    let others = if others.is_empty() {
        "somebody".to_owned()
    } else {
        others.join(" and ")
    };
    if is_suspended(now) {
        return Err(format!(
            "stays suspended by {others}; let it go on with: kubectl flashjob resume {name} -n {namespace} --force"
        ));
    }
    if before.status.is_for(Reason::ClassSuspended) {
        let class = before.status.flash_class.as_ref();
        let class = class.map_or("its class", |class| class.name.as_str());
        return Err(format!(
            "is not suspended itself, but {class} is: an administrator lets all jobs of it go on"
        ));
    }
    let was = if before.suspended() {
        "resumed"
    } else {
        "was not suspended"
    };
    Ok(was.to_owned())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;
    use crate::steer::fixtures::{job, rollout};

    const MANAGER: &str = "kubectl-flashjob-suspend";

    fn object(suspend: &Value, managers: &[&str]) -> DynamicObject {
        let managers: Vec<Value> = managers
            .iter()
            .map(|manager| {
                json!({"manager": manager, "operation": "Apply", "fieldsV1": {"f:spec": {"f:suspend": {}}}})
            })
            .collect();
        serde_json::from_value(json!({
            "apiVersion": "application.flashjob.nbfc.io/v1alpha1", "kind": "FlashJob",
            "metadata": {"name": "thermo", "managedFields": managers}, "spec": {"suspend": suspend},
        }))
        .unwrap()
    }

    fn stopped() -> Job {
        job(
            &json!({"uuid": ["a"], "firmware": "f:1", "version": "1", "suspend": true}),
            &json!({}),
        )
    }

    #[rstest]
    #[case::under_way(rollout(), json!(true), Ok("suspended; 3 devices are in flight and end by themselves"))]
    #[case::already(stopped(), json!(true), Ok("was suspended already; nothing of it is in flight"))]
    #[case::taken_back(
        rollout(),
        Value::Null,
        Err("is not suspended: something took it back at once")
    )]
    fn a_job_that_is_suspended_says_what_is_in_flight(
        #[case] before: Job,
        #[case] suspend: Value,
        #[case] expected: Result<&str, &str>,
    ) {
        let said = suspended(&before, &object(&suspend, &[MANAGER]));
        assert_eq!(said.as_deref().map_err(String::as_str), expected);
    }

    #[rstest]
    #[case::resumed(stopped(), Value::Null, &[], Ok("resumed"))]
    #[case::was_not(rollout(), Value::Null, &[], Ok("was not suspended"))]
    #[case::by_others(stopped(), json!(true), &[MANAGER, "flux"],
        Err("stays suspended by flux; let it go on with: kubectl flashjob resume thermo -n demo --force"))]
    fn a_job_that_somebody_else_has_suspended_stays_so(
        #[case] before: Job,
        #[case] suspend: Value,
        #[case] managers: &[&str],
        #[case] expected: Result<&str, &str>,
    ) {
        let said = resumed(&before, &object(&suspend, managers), MANAGER);
        assert_eq!(said.as_deref().map_err(String::as_str), expected);
    }
}
