//! Where a job stands for somebody who waits for its end. Pure.

use flashjob_operator::{
    api::{ConditionType, Reason, conditions::holds},
    flashjob::spec::job::Job,
};

/// See the module's documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Every device succeeded.
    Complete,
    /// It ended with a failed device, or could not be carried out.
    Failed,
    /// Nothing is in flight, and nothing goes on until a person acts.
    Waits,
    /// It goes on, or will.
    Goes,
}

/// Where a job stands. A status that speaks of an older spec says nothing of this one.
pub fn standing(job: &Job) -> Standing {
    let status = &job.status;
    if status.observed_generation != Some(job.generation) {
        return Standing::Goes;
    }
    let holds = |kind| holds(&status.conditions, kind);
    if holds(ConditionType::Complete) {
        return Standing::Complete;
    }
    if holds(ConditionType::Failed) {
        return Standing::Failed;
    }
    let counts = status.counts.unwrap_or_default();
    let held = holds(ConditionType::Suspended)
        || holds(ConditionType::Stalled)
        || status.is_for(Reason::AwaitingApproval)
        || status.is_for(Reason::ApproverUnknown);
    if held && counts.in_flight + counts.verifying == 0 {
        Standing::Waits
    } else {
        Standing::Goes
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::view::fixtures::{condition, job};

    #[rstest]
    #[case::complete(1, "AllSucceeded", &["Complete", "Finished"], 0, Standing::Complete)]
    #[case::failed(1, "DevicesFailed", &["Failed", "Finished", "Stalled"], 0, Standing::Failed)]
    #[case::under_way(1, "InProgress", &[], 2, Standing::Goes)]
    #[case::suspended(1, "Suspended", &["Suspended"], 0, Standing::Waits)]
    #[case::suspended_with_flashes_in_progress(1, "Suspended", &["Suspended"], 1, Standing::Goes)]
    #[case::stalled(1, "FlashClassNotFound", &["Stalled"], 0, Standing::Waits)]
    #[case::to_be_approved(1, "AwaitingApproval", &[], 0, Standing::Waits)]
    #[case::approved_by_nobody_knows_whom(1, "ApproverUnknown", &[], 0, Standing::Waits)]
    #[case::soaking(1, "StepSoaking", &[], 0, Standing::Goes)]
    #[case::ended_before_the_spec_was_changed(0, "AllSucceeded", &["Complete"], 0, Standing::Goes)]
    fn a_job_waits_for_a_person_only_when_nothing_is_in_flight(
        #[case] observed: i64,
        #[case] reason: &str,
        #[case] conditions: &[&str],
        #[case] in_flight: i64,
        #[case] expected: Standing,
    ) {
        let conditions: Vec<_> = conditions.iter().map(|kind| condition(kind)).collect();
        let job = job(
            &json!({"uuid": ["a"], "firmware": "f:1", "version": "1"}),
            &json!({
                "observedGeneration": observed, "reason": reason, "conditions": conditions,
                "counts": {"selected": 3, "inFlight": in_flight},
            }),
        );
        assert_eq!(standing(&job), expected);
    }
}
