//! The steps of a rollout: those behind, the one that was reached, and those to come. Pure.

use flashjob_operator::{
    api::{FlashClass, StepState, StepStatus},
    display,
    flashclass::ClassSteps,
    flashjob::{
        plan::rollout::step_layout::Ladder,
        spec::{
            job::Job,
            step_state::{number_of, state_of},
        },
    },
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde::Serialize;
use utoipa::ToSchema;

/// Most steps that are told: a last step may repeat for each of 10 000 devices.
const MOST: usize = 10_000;

/// The steps of the round in progress.
#[derive(Serialize, ToSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Steps {
    /// How many there are, each repetition and the rest after the last one included where there are any; 0: the job has none.
    pub of: usize,
    /// The steps, in order.
    pub items: Vec<StepEntry>,
}

/// One step.
#[derive(Serialize, ToSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct StepEntry {
    /// Its number within the round, from 1.
    pub number: usize,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Done, Running, Soaking, AwaitingApproval or ToCome.
    pub state: String,
    /// Its own devices; absent where they cannot be told, because the class shapes the steps and cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub devices: Option<usize>,
    /// How long it is watched after its last device, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub soak_seconds: Option<i64>,
    /// Somebody has to approve it before the next one begins.
    pub requires_approval: bool,
    /// Of the step that was reached: final devices of it and those before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub done: Option<i64>,
    /// Of the step that was reached: devices of it and those before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<i64>,
    /// Of the step that was reached: devices of it and those before it that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<i64>,
    /// Of the step that was reached: since when it is in this state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// When its soak ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<String>,
}

/// The steps of a job. The status says where it stands; the spec and the class say how the steps are laid over the devices.
#[must_use]
pub fn steps(job: &Job, class: Option<&FlashClass>) -> Steps {
    let Some(reached) = &job.status.step else {
        return Steps {
            of: 0,
            items: Vec::new(),
        };
    };
    let number = number_of(reached);
    let of = usize::try_from(reached.of).unwrap_or(0).max(number);
    // Laid otherwise than the operator laid them, they tell nothing of the devices: a class may have changed since, or be hidden.
    let ladder = ladder(job, class).filter(|ladder| ladder.of().max(number) == of);
    let items = (1..=of.min(MOST)).map(|at| {
        let mut entry = entry(ladder.as_ref(), at);
        if at < number {
            "Done".clone_into(&mut entry.state);
        } else if at == number {
            reach(&mut entry, reached);
            // The status keeps the last step as it was when the job ended.
            if job.finished_at().is_some() && reached.done >= reached.devices {
                "Done".clone_into(&mut entry.state);
            }
        }
        entry
    });
    Steps {
        of,
        items: items.collect(),
    }
}

fn ladder(job: &Job, class: Option<&FlashClass>) -> Option<Ladder> {
    let spec = job.spec.as_ref().ok()?;
    let selected = usize::try_from(job.status.counts?.selected).ok()?;
    let class = class.map(|class| &class.spec);
    let first = class.and_then(|class| class.max_first_step_devices);
    let approvals = class.and_then(|class| class.approvals.as_ref());
    let class = ClassSteps {
        max_first: first.and_then(|first| usize::try_from(first).ok()),
        require_for: approvals
            .and_then(|approvals| approvals.require_for)
            .unwrap_or_default(),
    };
    Some(Ladder::new(&spec.steps, selected, class))
}

/// A step to come.
fn entry(ladder: Option<&Ladder>, number: usize) -> StepEntry {
    let step = ladder.and_then(|ladder| ladder.step(number));
    StepEntry {
        number,
        name: step.and_then(|step| step.name.clone()),
        state: "ToCome".to_owned(),
        devices: ladder.map(|ladder| ladder.own(number).len()),
        soak_seconds: step
            .and_then(|step| step.soak_seconds)
            .filter(|soak| *soak > 0),
        requires_approval: ladder.is_some_and(|ladder| ladder.asks_approval(number)),
        ..StepEntry::default()
    }
}

/// Says of the step that was reached what the status says.
fn reach(entry: &mut StepEntry, reached: &StepStatus) {
    let time = |time: &Option<Time>| time.as_ref().map(|time| display::time(time.0));
    state_of(reached).as_str().clone_into(&mut entry.state);
    entry.name = reached.name.clone().or(entry.name.take());
    entry.done = Some(reached.done);
    entry.total = Some(reached.devices);
    entry.failed = Some(reached.failed);
    entry.since = time(&reached.since);
    entry.ends_at = time(&reached.ends_at).filter(|_| state_of(reached) == StepState::Soaking);
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;
    use crate::view::fixtures::job_of;

    fn rollout(step: &Value) -> Job {
        job_of(
            &json!({"steps": [
                {"name": "canary", "devices": 1, "soakSeconds": 600, "requireApproval": true},
                {"name": "tenth", "devices": "10%"},
            ]}),
            &json!({"counts": {"selected": 50}, "step": step}),
        )
    }

    fn told(steps: &Steps) -> Vec<(usize, &str, Option<usize>)> {
        let items = steps.items.iter();
        let told = items.map(|step| (step.number, step.state.as_str(), step.devices));
        told.collect()
    }

    #[test]
    fn steps_are_behind_reached_or_to_come_each_with_its_own_devices() {
        let step =
            json!({"id": "1.2", "of": 3, "state": "Running", "devices": 5, "done": 3, "failed": 1});
        let steps = steps(&rollout(&step), None);
        assert_eq!(
            told(&steps),
            [
                (1, "Done", Some(1)),
                (2, "Running", Some(4)),
                (3, "ToCome", Some(45))
            ]
        );
        assert!(steps.items[0].requires_approval);
        assert_eq!(steps.items[0].soak_seconds, Some(600));
        let reached = &steps.items[1];
        assert_eq!((reached.done, reached.failed), (Some(3), Some(1)));
        assert_eq!(reached.name.as_deref(), Some("tenth"));
    }

    #[test]
    fn the_last_step_of_a_job_that_has_ended_is_done() {
        let step = json!({"id": "1.3", "of": 3, "state": "Running", "devices": 50, "done": 50, "failed": 1});
        let job = rollout(&step);
        assert_eq!(steps(&job, None).items[2].state, "Running");
        let ended = job_of(
            &json!({}),
            &json!({"counts": {"selected": 50}, "step": step, "completionTime": "2026-11-30T00:00:00Z"}),
        );
        assert_eq!(steps(&ended, None).items[2].state, "Done");
    }

    #[rstest]
    #[case::while_it_is_watched("Soaking", Some("2026-11-30T00:10:00Z"))]
    #[case::after_that("AwaitingApproval", None)]
    fn a_soak_ends_while_it_lasts(#[case] state: &str, #[case] expected: Option<&str>) {
        let step = json!({"id": "1.1", "of": 3, "state": state, "devices": 1, "done": 1, "failed": 0,
            "since": "2026-11-30T00:00:00Z", "endsAt": "2026-11-30T00:10:00Z"});
        let steps = steps(&rollout(&step), None);
        assert_eq!(steps.items[0].ends_at.as_deref(), expected);
        assert_eq!(
            steps.items[0].since.as_deref(),
            Some("2026-11-30T00:00:00Z")
        );
    }

    #[test]
    fn where_a_hidden_class_shapes_the_steps_nothing_is_said_of_their_devices() {
        // The class puts one before the first.
        let step = json!({"id": "1.1", "of": 4, "state": "AwaitingApproval", "devices": 0, "done": 0, "failed": 0, "name": "start"});
        let job = rollout(&step);
        assert_eq!(
            told(&steps(&job, None)),
            [
                (1, "AwaitingApproval", None),
                (2, "ToCome", None),
                (3, "ToCome", None),
                (4, "ToCome", None)
            ]
        );
        let class =
            json!({"metadata": {"name": "a"}, "spec": {"approvals": {"requireFor": "FirstStep"}}});
        let class: FlashClass = serde_json::from_value(class).unwrap();
        let known = steps(&job, Some(&class));
        assert_eq!(known.items[1].devices, Some(1));
        assert!(known.items[0].requires_approval);
    }

    #[test]
    fn a_job_without_steps_has_none() {
        let job = job_of(&json!({}), &json!({"counts": {"selected": 50}}));
        assert_eq!(steps(&job, None).of, 0);
    }
}
