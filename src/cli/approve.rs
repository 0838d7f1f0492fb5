//! `flashjob-operator approve`: lets a rollout go on after a step that somebody has to look at. Run by a person, with that
//! person's rights.

use std::{process::ExitCode, time::Duration};

use super::{Failure, connection::Connection, job::find_job, print};
use crate::{
    api::{FlashJobStatus, StepState},
    cluster::{Reader, approve_step},
    flashjob::{
        plan::rollout::steps::title,
        spec::step_state::{parse_id, state_of},
    },
};

/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Options of `approve`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  \
    flashjob-operator approve my-job -n demo\n  \
    flashjob-operator approve my-job -n demo --step 1.2\n\n\
    Rights: get and patch flashjobs in the namespace; the ClusterRole flashjob-editor gives them.\n\n\
    Exit codes: 0 approved, 1 nothing waits for approval or something failed.")]
pub struct Approve {
    /// Name of the FlashJob.
    #[arg(value_name = "JOB")]
    job: String,

    #[command(flatten)]
    connection: Connection,

    /// Namespace. Unset: that of the kubeconfig's context.
    #[arg(long, short)]
    namespace: Option<String>,

    /// ROUND.STEP to approve, with the steps before it, as status.step.id shows it. It may be a later step of the round in
    /// progress. Unset: the step that waits.
    #[arg(long, value_name = "ROUND.STEP")]
    step: Option<String>,
}

/// What is to be approved, and what is said of it.
#[derive(Debug, PartialEq, Eq)]
struct Approval {
    step: String,
    note: String,
}

impl Approve {
    /// Approves the step.
    ///
    /// # Errors
    /// When nothing waits for approval, or the cluster refuses.
    pub async fn run(&self) -> Result<ExitCode, Failure> {
        let clients = self.connection.writing(PATIENCE).await?;
        let namespace = clients.namespace(self.namespace.as_deref()).to_owned();
        let name = &self.job;
        let job = find_job(&Reader::new(clients.read, PATIENCE), &namespace, name).await?;
        let approval = decide(&job.status, self.step.as_deref())?;
        let of = (namespace.as_str(), name.as_str(), job.uid.as_str());
        approve_step(&clients.write, of, &approval.step).await?;
        print(&format!("{namespace}/{name}: {}\n", approval.note))?;
        Ok(ExitCode::SUCCESS)
    }
}

/// What may be approved of this job.
fn decide(status: &FlashJobStatus, wanted: Option<&str>) -> Result<Approval, String> {
    let Some(step) = &status.step else {
        return Err("nothing waits for approval: the job has no step in progress".to_owned());
    };
    let (round, number) =
        parse_id(&step.id).ok_or_else(|| format!("status.step.id {:?} cannot be read", step.id))?;
    let done = format!(
        "{} of {} devices done, {} failed",
        step.done, step.devices, step.failed
    );
    let waits = state_of(step) == StepState::AwaitingApproval;
    let Some(wanted) = wanted else {
        return if waits {
            let note = format!("approved step {}: {done}", title(step));
            Ok(Approval {
                step: step.id.clone(),
                note,
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
    let note = if asked == number && waits {
        format!("approved step {}: {done}", title(step))
    } else {
        format!(
            "approved step {wanted} ahead: step {} is {}, {done}",
            title(step),
            step.state
        )
    };
    Ok(Approval {
        step: wanted.to_owned(),
        note,
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
    #[case::the_step_that_waits("AwaitingApproval", None, Ok(("2.2", "approved step 2.2 (tenth): 50 of 50 devices done, 1 failed")))]
    #[case::the_same_by_its_id("AwaitingApproval", Some("2.2"), Ok(("2.2", "approved step 2.2 (tenth): 50 of 50 devices done, 1 failed")))]
    #[case::a_later_one("AwaitingApproval", Some("2.3"), Ok(("2.3", "approved step 2.3 ahead: step 2.2 (tenth) is AwaitingApproval")))]
    #[case::one_that_runs("Running", Some("2.2"), Ok(("2.2", "approved step 2.2 ahead: step 2.2 (tenth) is Running")))]
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
            (Ok(approval), Ok((step, note))) => {
                assert_eq!(approval.step, step);
                assert!(approval.note.starts_with(note), "{approval:?}");
            }
            (Err(error), Err(says)) => assert!(error.starts_with(says), "{error}"),
            _ => panic!("{decided:?} is not {answer:?}"),
        }
    }

    #[test]
    fn a_job_without_steps_has_nothing_to_approve() {
        let error = decide(&FlashJobStatus::default(), None).unwrap_err();
        assert!(error.starts_with("nothing waits for approval"), "{error}");
    }
}
