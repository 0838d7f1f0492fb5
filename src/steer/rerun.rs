//! Devices that are flashed again: those that failed, or all of them. Pure.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::new_id;
use crate::{
    api::{ConditionType, conditions::holds},
    flashjob::spec::job::Job,
};

/// Which devices are flashed again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// Those that failed or never started, in this round.
    Failed,
    /// All of them, in a new round.
    All,
}

/// What is written for it.
#[must_use]
pub fn spec(which: Which, now: Timestamp) -> Value {
    let devices = match which {
        Which::Failed => "Failed",
        Which::All => "All",
    };
    // Each new text acts once.
    json!({"rerun": {"id": new_id(now), "devices": devices}})
}

/// What is said of it.
///
/// # Errors
/// Why it would do nothing, with the command that helps.
pub fn decide(job: &Job, which: Which) -> Result<String, String> {
    let Job {
        name, namespace, ..
    } = job;
    if job.deleting {
        return Err("it is being deleted: nothing new starts".into());
    }
    let status = &job.status;
    let counts = status.counts.unwrap_or_default();
    let begun = status.round.is_some();
    if !begun {
        return Err(format!(
            "no round of it has begun: nothing can be flashed again; see: kubectl flashjob get {name} -n {namespace}"
        ));
    }
    if which == Which::All {
        return Ok(format!(
            "flashes all {} devices again, in a new round",
            counts.selected
        ));
    }
    let ended = holds(&status.conditions, ConditionType::Failed) || status.stop.is_some();
    match counts.failed {
        0 if ended => Ok("goes on with the devices that never started".to_owned()),
        0 if holds(&status.conditions, ConditionType::Complete) => Err(format!(
            "every device succeeded: there is nothing to retry; to flash all of them again: \
             kubectl flashjob rerun {name} --all -n {namespace}"
        )),
        0 => Err(format!(
            "no device of it has failed; see: kubectl flashjob get {name} -n {namespace}"
        )),
        1 => Ok("flashes 1 device again that failed".to_owned()),
        failed => Ok(format!("flashes {failed} devices again that failed")),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::steer::fixtures::{at, condition, job, rollout};

    fn ended(kind: &str, counts: &Value) -> Job {
        job(
            &json!({"uuid": ["a"], "firmware": "f:1", "version": "1"}),
            &json!({
                "observedGeneration": 1, "round": {"number": 1, "firmware": "f:1", "version": "1"},
                "conditions": [condition(kind)], "counts": counts,
            }),
        )
    }

    #[rstest]
    #[case::some_failed(rollout(), Which::Failed, Ok("flashes 2 devices again that failed"))]
    #[case::all(
        rollout(),
        Which::All,
        Ok("flashes all 120 devices again, in a new round")
    )]
    #[case::never_started(ended("Failed", &json!({"selected": 3, "pending": 3})), Which::Failed,
        Ok("goes on with the devices that never started"))]
    #[case::none_failed(ended("Complete", &json!({"selected": 3, "succeeded": 3})), Which::Failed,
        Err("every device succeeded: there is nothing to retry"))]
    #[case::none_failed_yet(ended("Accepted", &json!({"selected": 3, "inFlight": 3})), Which::Failed,
        Err("no device of it has failed"))]
    #[case::not_begun(job(&json!({"uuid": ["a"]}), &json!({})), Which::All, Err("no round of it has begun"))]
    fn a_retry_that_would_do_nothing_is_refused(
        #[case] job: Job,
        #[case] which: Which,
        #[case] expected: Result<&str, &str>,
    ) {
        match (decide(&job, which), expected) {
            (Ok(said), Ok(words)) => assert_eq!(said, words),
            (Err(said), Err(words)) => assert!(said.starts_with(words), "{said}"),
            (said, _) => panic!("{said:?} is not {expected:?}"),
        }
    }

    #[test]
    fn each_rerun_has_an_id_of_its_own() {
        let first = spec(Which::Failed, at(0));
        assert_eq!(
            first,
            json!({"rerun": {"id": "2026-11-30T00:53:20.000Z", "devices": "Failed"}})
        );
        assert_ne!(spec(Which::All, at(0)), first);
    }
}
