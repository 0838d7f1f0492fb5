//! The approval of a step of a rollout that somebody has to look at. Pure.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::new_id;
use crate::{
    api::{FlashJobStatus, StepState},
    flashjob::{
        plan::rollout::steps::title,
        spec::step_state::{parse_id, state_of},
    },
};

/// What is to be approved, and what is said of it.
#[derive(Debug, PartialEq, Eq)]
pub struct Approval {
    /// `ROUND.STEP`.
    pub step: String,
    /// The step, and how far it is.
    pub what: String,
}

/// What is written for a decision. Each has an id of its own: a second person's approval of a step is another one, though it says
/// the same.
#[must_use]
pub fn decision(step: &str, decision: &str, reason: Option<&str>, now: Timestamp) -> Value {
    let mut written = json!({"step": step, "decision": decision, "id": new_id(now)});
    if let Some(reason) = reason {
        written["reason"] = json!(reason);
    }
    written
}

/// What may be approved of this job.
///
/// # Errors
/// Why nothing is.
pub fn decide(status: &FlashJobStatus, wanted: Option<&str>) -> Result<Approval, String> {
    let Some(step) = &status.step else {
        return Err("nothing waits for approval: the job has no step in progress".to_owned());
    };
    let (round, number) =
        parse_id(&step.id).ok_or_else(|| format!("status.step.id {:?} cannot be read", step.id))?;
    let done = if step.devices == 0 {
        "the first device is flashed once it is approved".to_owned()
    } else {
        format!(
            "{} of {} devices done, {} failed",
            step.done, step.devices, step.failed
        )
    };
    let waits = state_of(step) == StepState::AwaitingApproval;
    let Some(wanted) = wanted else {
        return if waits {
            let what = format!("step {}: {done}", title(step));
            Ok(Approval {
                step: step.id.clone(),
                what,
            })
        } else {
            Err(format!(
                "nothing waits for approval: step {} is {}, {done}",
                title(step),
                step.state
            ))
        };
    };
    let (of, asked) = parse_id(wanted)
        .ok_or_else(|| format!("--step {wanted:?} is not ROUND.STEP, such as {}", step.id))?;
    if of != round {
        return Err(format!(
            "--step {wanted} is of round {of}, the job is in round {round}: an approval counts for its own round only"
        ));
    }
    if asked < number {
        return Err(format!(
            "step {wanted} is over: the job has reached step {}, {}",
            title(step),
            step.state
        ));
    }
    if i64::try_from(asked).is_ok_and(|asked| asked > step.of) {
        return Err(format!(
            "there is no step {wanted}: round {round} has {} steps",
            step.of
        ));
    }
    let what = if asked == number && waits {
        format!("step {}: {done}", title(step))
    } else {
        format!(
            "step {wanted} ahead: step {} is {}, {done}",
            title(step),
            step.state
        )
    };
    Ok(Approval {
        step: wanted.to_owned(),
        what,
    })
}

/// What may be denied of this job: any step of the round in progress that is not over.
///
/// # Errors
/// Why nothing is.
pub fn decide_against(status: &FlashJobStatus, wanted: Option<&str>) -> Result<Approval, String> {
    let Some(reached) = &status.step else {
        return Err("nothing can be denied: the job has no step in progress".to_owned());
    };
    let step = decide(status, Some(wanted.unwrap_or(&reached.id)))?.step;
    Ok(Approval {
        what: format!("step {step}: nothing new of the round starts"),
        step,
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::api::StepStatus;

    fn status(state: &str) -> FlashJobStatus {
        let step = StepStatus {
            id: "2.2".into(),
            name: Some("tenth".into()),
            of: 4,
            devices: 50,
            done: 50,
            failed: 1,
            state: state.into(),
            ..StepStatus::default()
        };
        FlashJobStatus {
            step: Some(step),
            ..FlashJobStatus::default()
        }
    }

    #[rstest]
    #[case::the_step_that_waits("AwaitingApproval", None, Ok(("2.2", "step 2.2 (tenth): 50 of 50 devices done, 1 failed")))]
    #[case::the_same_by_its_id("AwaitingApproval", Some("2.2"), Ok(("2.2", "step 2.2 (tenth): 50 of 50 devices done, 1 failed")))]
    #[case::a_later_one("AwaitingApproval", Some("2.3"), Ok(("2.3", "step 2.3 ahead: step 2.2 (tenth) is AwaitingApproval")))]
    #[case::one_that_runs("Running", Some("2.2"), Ok(("2.2", "step 2.2 ahead: step 2.2 (tenth) is Running")))]
    #[case::none_waits(
        "Soaking",
        None,
        Err("nothing waits for approval: step 2.2 (tenth) is Soaking")
    )]
    #[case::of_another_round(
        "AwaitingApproval",
        Some("1.2"),
        Err("--step 1.2 is of round 1, the job is in round 2")
    )]
    #[case::one_that_is_over("AwaitingApproval", Some("2.1"), Err("step 2.1 is over"))]
    #[case::one_that_there_is_not(
        "AwaitingApproval",
        Some("2.5"),
        Err("there is no step 2.5: round 2 has 4 steps")
    )]
    #[case::no_step(
        "AwaitingApproval",
        Some("two"),
        Err("--step \"two\" is not ROUND.STEP, such as 2.2")
    )]
    fn what_may_be_approved(
        #[case] state: &str,
        #[case] wanted: Option<&str>,
        #[case] answer: Result<(&str, &str), &str>,
    ) {
        let decided = decide(&status(state), wanted);
        match (&decided, answer) {
            (Ok(approval), Ok((step, what))) => {
                assert_eq!(approval.step, step);
                assert!(approval.what.starts_with(what), "{approval:?}");
            }
            (Err(error), Err(says)) => assert!(error.starts_with(says), "{error}"),
            _ => panic!("{decided:?} is not {answer:?}"),
        }
    }

    #[test]
    fn a_decision_says_the_step_and_why_under_an_id_of_its_own() {
        let at = |millisecond| Timestamp::from_millisecond(millisecond).unwrap();
        let one = decision("1.1", "Approve", None, at(1_500));
        assert_eq!(
            one,
            json!({"step": "1.1", "decision": "Approve", "id": "1970-01-01T00:00:01.500Z"})
        );
        let other = decision("1.1", "Approve", Some("it hums"), at(1_501));
        assert_ne!(one["id"], other["id"]);
        assert_eq!(other["reason"], "it hums");
    }

    #[test]
    fn a_job_without_steps_has_nothing_to_approve() {
        let error = decide(&FlashJobStatus::default(), None).unwrap_err();
        assert!(error.starts_with("nothing waits for approval"), "{error}");
        let error = decide_against(&FlashJobStatus::default(), None).unwrap_err();
        assert_eq!(
            error,
            "nothing can be denied: the job has no step in progress"
        );
    }

    #[rstest]
    #[case::the_one_that_runs(None, Ok("2.2"))]
    #[case::one_to_come(Some("2.3"), Ok("2.3"))]
    #[case::one_that_is_over(
        Some("2.1"),
        Err("step 2.1 is over: the job has reached step 2.2 (tenth), Running")
    )]
    fn what_may_be_denied(#[case] wanted: Option<&str>, #[case] answer: Result<&str, &str>) {
        let decided = decide_against(&status("Running"), wanted);
        let step = decided.map(|denial| denial.step);
        assert_eq!(step.as_deref().map_err(String::as_str), answer, "{step:?}");
    }
}
