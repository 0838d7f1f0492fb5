//! What is told of order and pace when a stored status replaces another. Pure; called by `news`.

use crate::api::{ConditionType, FlashJobStatus, Reason, StepState, StepStatus, conditions};
use crate::flashjob::{
    plan::rollout::steps::{place_of, title},
    spec::step_state::state_of,
};

/// Something to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Somebody should look at it.
    pub warning: bool,
    /// In one word.
    pub reason: Reason,
    /// Id of the step it is about: events about several steps stay apart by it.
    pub step: Option<String>,
    /// In words.
    pub note: String,
}

impl Told {
    fn of(reason: Reason, note: String) -> Self {
        Self {
            warning: false,
            reason,
            step: None,
            note,
        }
    }

    fn about(reason: Reason, step: &StepStatus, note: String) -> Self {
        Self {
            step: Some(step.id.clone()),
            ..Self::of(reason, note)
        }
    }

    fn warning(self) -> Self {
        Self {
            warning: true,
            ..self
        }
    }
}

/// What is to be told.
#[must_use]
pub fn told(before: &FlashJobStatus, now: &FlashJobStatus) -> Vec<Told> {
    let mut list = of_steps(before.step.as_ref(), now);
    let suspended =
        |status: &FlashJobStatus| conditions::holds(&status.conditions, ConditionType::Suspended);
    let message = || now.message.clone().unwrap_or_default();
    match (suspended(before), suspended(now)) {
        (false, true) => list.push(Told::of(suspended_by(now), message())),
        (true, false) => list.push(Told::of(Reason::Resumed, message())),
        (true, true) | (false, false) => {}
    }
    let stop = now
        .stop
        .as_ref()
        .filter(|stop| before.stop.as_ref() != Some(stop));
    if let Some(stop) = stop {
        let note = format!("{}; nothing new starts", stop.message);
        list.push(
            Told::of(
                crate::flashjob::plan::rollout::failure_limits::reason(stop),
                note,
            )
            .warning(),
        );
    }
    if before.stop.is_some() && now.stop.is_none() && same_round(before, now) {
        list.push(Told::of(Reason::Resumed, message()));
    }
    let ignored = [Reason::ApprovalForOtherRound, Reason::ApprovalByRequester];
    list.extend(ignored.into_iter().filter_map(|reason| {
        let note = ignored_approval(now, reason)?;
        let known = ignored_approval(before, reason);
        (known.as_ref() != Some(&note)).then(|| Told::of(reason, note).warning())
    }));
    list
}

/// What the condition `Accepted` says of an approval that does not count, for this reason.
fn ignored_approval(status: &FlashJobStatus, reason: Reason) -> Option<String> {
    let mut conditions = status.conditions.iter();
    let accepted = conditions.find(|known| known.type_ == ConditionType::Accepted.as_str());
    let said = accepted.filter(|known| known.reason == reason.as_str());
    said.map(|known| known.message.clone())
}

fn same_round(before: &FlashJobStatus, now: &FlashJobStatus) -> bool {
    let number = |status: &FlashJobStatus| status.round.as_ref().map(|round| round.number);
    number(before) == number(now)
}

/// Whether job or class suspended it.
fn suspended_by(status: &FlashJobStatus) -> Reason {
    let mut conditions = status.conditions.iter();
    let condition = conditions.find(|known| known.type_ == ConditionType::Suspended.as_str());
    if condition.is_some_and(|known| known.reason == Reason::ClassSuspended.as_str()) {
        Reason::ClassSuspended
    } else {
        Reason::Suspended
    }
}

fn of_steps(before: Option<&StepStatus>, now: &FlashJobStatus) -> Vec<Told> {
    let Some(step) = &now.step else {
        return Vec::new();
    };
    let mut list = Vec::new();
    let same = before.is_some_and(|before| before.id == step.id);
    if !same {
        if let Some(ended) = before.filter(|before| same_round_of(before, step)) {
            let note = format!("step {} ended", title(ended));
            list.push(Told::about(Reason::StepEnded, ended, note));
        }
        let note = format!("step {} begins: {} devices", place_of(step), step.devices);
        list.push(Told::about(Reason::StepStarted, step, note));
    }
    let state = state_of(step);
    if same && before.is_some_and(|before| state_of(before) == state) {
        return list;
    }
    let devices = format!("{} of {} devices failed", step.failed, step.devices);
    match (state, &step.ends_at) {
        (StepState::Soaking, Some(at)) => {
            let note = format!(
                "step {} is done, {devices}; it is watched until {}",
                title(step),
                at.0
            );
            list.push(Told::about(Reason::StepSoaking, step, note));
        }
        (StepState::AwaitingApproval, _) => {
            let note = now.message.clone().unwrap_or_default();
            list.push(Told::about(Reason::AwaitingApproval, step, note));
        }
        (StepState::Running | StepState::Soaking, _) => {}
    }
    list
}

fn same_round_of(one: &StepStatus, other: &StepStatus) -> bool {
    let round = |step: &StepStatus| {
        crate::flashjob::spec::step_state::parse_id(&step.id).map(|(round, _)| round)
    };
    round(one) == round(other)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::{
        api::{StopStatus, conditions::set},
        flashjob::fixtures::at,
    };

    fn step(id: &str, state: StepState) -> StepStatus {
        StepStatus {
            id: id.into(),
            name: Some("canary".into()),
            state: state.as_str().into(),
            ends_at: Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(at(60))),
            ..StepStatus::default()
        }
    }

    fn status(step: Option<StepStatus>) -> FlashJobStatus {
        FlashJobStatus {
            step,
            ..FlashJobStatus::default()
        }
    }

    #[rstest]
    #[case::the_first_step(None, step("1.1", StepState::Running), &[Reason::StepStarted])]
    #[case::nothing_new(Some(step("1.1", StepState::Running)), step("1.1", StepState::Running), &[])]
    #[case::a_soak(Some(step("1.1", StepState::Running)), step("1.1", StepState::Soaking), &[Reason::StepSoaking])]
    #[case::an_approval(Some(step("1.1", StepState::Soaking)), step("1.1", StepState::AwaitingApproval), &[Reason::AwaitingApproval])]
    #[case::the_next_step(Some(step("1.1", StepState::Soaking)), step("1.2", StepState::Running), &[Reason::StepEnded, Reason::StepStarted])]
    #[case::a_step_that_grew(Some(step("1.1", StepState::Soaking)), step("1.1", StepState::Running), &[])]
    #[case::another_round(Some(step("1.2", StepState::Running)), step("2.1", StepState::Running), &[Reason::StepStarted])]
    fn steps_are_told_of(
        #[case] before: Option<StepStatus>,
        #[case] now: StepStatus,
        #[case] reasons: &[Reason],
    ) {
        let told = told(&status(before), &status(Some(now)));
        assert_eq!(
            told.iter().map(|told| told.reason).collect::<Vec<_>>(),
            reasons
        );
        assert!(told.iter().all(|told| told.step.is_some() && !told.warning));
    }

    #[test]
    fn suspension_its_end_and_a_stop_are_told_once() {
        let suspended = |holds| {
            let mut status = status(None);
            let reason = if holds {
                Reason::Suspended
            } else {
                Reason::NotRequested
            };
            set(
                &mut status.conditions,
                ConditionType::Suspended,
                holds,
                reason,
                String::new(),
                1,
                at(0),
            );
            status
        };
        let reasons = |before: &FlashJobStatus, now: &FlashJobStatus| {
            told(before, now)
                .iter()
                .map(|told| told.reason)
                .collect::<Vec<_>>()
        };
        assert_eq!(
            reasons(&suspended(false), &suspended(true)),
            [Reason::Suspended]
        );
        assert_eq!(reasons(&suspended(true), &suspended(true)), []);
        assert_eq!(
            reasons(&suspended(true), &suspended(false)),
            [Reason::Resumed]
        );
        let stopped = FlashJobStatus {
            stop: Some(StopStatus {
                reason: "StepFailed".into(),
                ..StopStatus::default()
            }),
            ..FlashJobStatus::default()
        };
        let stop = told(&status(None), &stopped);
        assert_eq!(
            (stop.len(), stop[0].reason, stop[0].warning),
            (1, Reason::StepFailed, true)
        );
        assert_eq!(reasons(&stopped, &stopped), []);
        assert_eq!(reasons(&stopped, &status(None)), [Reason::Resumed]);
    }

    #[test]
    fn an_approval_that_is_ignored_is_told_when_it_is_another_one() {
        let approval = |message: &str| {
            let mut status = status(None);
            let reason = Reason::ApprovalForOtherRound;
            set(
                &mut status.conditions,
                ConditionType::Accepted,
                true,
                reason,
                message.into(),
                1,
                at(0),
            );
            status
        };
        assert_eq!(told(&status(None), &approval("2.1")).len(), 1);
        assert_eq!(told(&approval("2.1"), &approval("2.1")).len(), 0);
        assert_eq!(told(&approval("2.1"), &approval("2.2")).len(), 1);
    }
    /// A status whose condition of this kind is true, for this reason, beside one of another kind.
    fn with(kind: ConditionType, reason: Reason, message: &str) -> FlashJobStatus {
        let mut status = status(None);
        for (kind, reason, message) in [
            (ConditionType::Draining, Reason::Deleting, "not this one"),
            (kind, reason, message),
        ] {
            set(
                &mut status.conditions,
                kind,
                true,
                reason,
                message.into(),
                1,
                at(0),
            );
        }
        status
    }

    #[rstest]
    #[case::for_another_round(Reason::ApprovalForOtherRound)]
    #[case::by_who_asked(Reason::ApprovalByRequester)]
    fn an_approval_that_is_ignored_is_told_with_its_reason_and_in_words(#[case] reason: Reason) {
        let ignored = with(ConditionType::Accepted, reason, "2.1 was approved");
        let expected = Told {
            warning: true,
            reason,
            step: None,
            note: "2.1 was approved".into(),
        };
        assert_eq!(told(&status(None), &ignored), [expected]);
    }

    #[rstest]
    #[case::the_job(Reason::Suspended)]
    #[case::its_class(Reason::ClassSuspended)]
    fn a_suspension_is_told_with_who_asked_for_it(#[case] reason: Reason) {
        let suspended = FlashJobStatus {
            message: Some("nothing new starts".into()),
            ..with(ConditionType::Suspended, reason, "why")
        };
        let expected = Told {
            warning: false,
            reason,
            step: None,
            note: "nothing new starts".into(),
        };
        assert_eq!(told(&status(None), &suspended), [expected]);
    }

    #[rstest]
    #[case::of_the_same_round(1, &[Reason::Resumed])]
    #[case::of_the_next_round(2, &[])]
    fn a_round_is_resumed_where_its_own_stop_is_over(
        #[case] round: i64,
        #[case] reasons: &[Reason],
    ) {
        let of = |number: i64| FlashJobStatus {
            round: Some(crate::api::Round {
                number,
                ..Default::default()
            }),
            ..FlashJobStatus::default()
        };
        let stopped = FlashJobStatus {
            stop: Some(StopStatus::default()),
            ..of(1)
        };
        let told = told(&stopped, &of(round));
        let said: Vec<_> = told.iter().map(|told| told.reason).collect();
        assert_eq!(said, reasons);
    }
}
