use proptest::prelude::*;
use rstest::rstest;
use serde_json::json;

use super::*;
use crate::{
    api::{RequireFor, RolloutStep},
    flashclass::ClassSteps,
    flashjob::{
        fixtures::at,
        plan::rollout::{
            approvals::{Asked, approvals},
            fixtures::{Fate, members, repeating, steps},
        },
    },
};

/// Five devices in steps of 1 and 3, the rest following.
struct Walk {
    steps: Vec<RolloutStep>,
    class: ClassSteps,
    fates: Vec<Fate>,
    approved: Option<&'static str>,
    stopped: bool,
    stored: Option<StepStatus>,
}

impl Walk {
    fn new() -> Self {
        Self {
            steps: steps(&["1", "3"]),
            class: ClassSteps::default(),
            fates: vec![Fate::Open; 5],
            approved: None,
            stopped: false,
            stored: None,
        }
    }

    fn end(&mut self, places: impl IntoIterator<Item = usize>) {
        places
            .into_iter()
            .for_each(|place| self.fates[place] = Fate::Done);
    }

    /// The step that is reached at this second, stored as the next one's past.
    fn look(&mut self, second: i64) -> StepStatus {
        let ladder = Ladder::new(&self.steps, self.fates.len(), self.class);
        let members = members(&self.fates);
        let by = Advance {
            ladder: &ladder,
            members: &members,
            round: 1,
            approvals: &approved(self.approved),
            stopped: self.stopped,
            now: at(second),
        };
        self.stored = advance(self.stored.as_ref(), &by);
        self.stored.clone().unwrap()
    }

    /// Id and state at this second.
    fn at(&mut self, second: i64) -> (String, String) {
        let step = self.look(second);
        (step.id, step.state.to_string())
    }
}

/// What the spec alone approves, in the first round.
fn approved(step: Option<&str>) -> Approvals {
    let spec = json!({"firmware": "f", "version": "1", "approvedStep": step});
    approvals(&Asked {
        spec: &serde_json::from_value(spec).unwrap(),
        round: 1,
        stored: None,
        rules: None,
        stamps: Err("nobody asked"),
        now: at(0),
    })
}

fn is(id: &str, state: StepState) -> (String, String) {
    (id.into(), state.as_str().into())
}

#[test]
fn a_step_ends_when_all_its_devices_are_final_and_the_rest_follows() {
    let mut walk = Walk::new();
    assert_eq!(walk.at(1), is("1.1", StepState::Running));
    walk.end([1, 2, 3, 4]);
    assert_eq!(
        walk.at(2),
        is("1.1", StepState::Running),
        "others do not count"
    );
    walk.fates = vec![Fate::Open; 5];
    walk.end([0]);
    assert_eq!(walk.at(3), is("1.2", StepState::Running));
    walk.end([1]);
    assert_eq!(walk.at(4), is("1.2", StepState::Running));
    walk.end([2]);
    let rest = walk.look(5);
    assert_eq!(
        (rest.id.as_str(), rest.of, rest.devices, rest.done),
        ("1.3", 3, 5, 3)
    );
    assert_eq!(rest.name, None);
    assert_eq!(rest.since, Some(Time(at(5))));
}

#[test]
fn a_failed_device_is_final_and_counted() {
    let mut walk = Walk::new();
    walk.fates[0] = Fate::Failed;
    let step = walk.look(1);
    assert_eq!(
        (step.id.as_str(), step.devices, step.done, step.failed),
        ("1.2", 3, 1, 1)
    );
}

#[test]
fn a_step_is_watched_for_its_soak_even_when_nobody_looks_meanwhile() {
    let mut walk = Walk::new();
    walk.steps[0].soak_seconds = Some(60);
    walk.end([0]);
    let soaking = walk.look(100);
    assert_eq!(soaking.state, "Soaking");
    assert_eq!(
        (soaking.since, soaking.ends_at),
        (Some(Time(at(100))), Some(Time(at(160))))
    );
    assert_eq!(
        walk.look(159).ends_at,
        Some(Time(at(160))),
        "a look does not begin it anew"
    );
    let next = walk.look(160);
    assert_eq!((next.id.as_str(), next.ends_at), ("1.2", None));
}

#[test]
fn the_soak_comes_before_the_approval_and_an_approval_ends_no_soak() {
    let mut walk = Walk::new();
    walk.steps[0].soak_seconds = Some(60);
    walk.steps[0].require_approval = Some(true);
    walk.end([0]);
    walk.approved = Some("1.1");
    assert_eq!(walk.at(0), is("1.1", StepState::Soaking));
    walk.approved = None;
    assert_eq!(
        walk.at(60),
        is("1.2", StepState::Running),
        "approvals are latched"
    );
    let mut walk = Walk {
        approved: None,
        stored: None,
        ..walk
    };
    assert_eq!(walk.at(0), is("1.1", StepState::Soaking));
    let waits = walk.look(60);
    assert_eq!(
        (waits.state.as_str(), waits.ends_at),
        ("AwaitingApproval", None)
    );
    assert_eq!(walk.at(9_999), is("1.1", StepState::AwaitingApproval));
}

#[rstest]
#[case::this_step("1.1", Some("1.2"))]
#[case::a_later_step_and_those_before_it("1.2", Some("1.3"))]
#[case::another_round("2.1", None)]
#[case::nonsense("1", None)]
#[case::step_zero("1.0", None)]
fn an_approval_is_of_a_step_and_those_before_it_in_its_round(
    #[case] approval: &'static str,
    #[case] reaches: Option<&str>,
) {
    let mut walk = Walk::new();
    for step in &mut walk.steps {
        step.require_approval = Some(true);
    }
    walk.end([0, 1, 2]);
    assert_eq!(walk.at(0), is("1.1", StepState::AwaitingApproval));
    walk.approved = Some(approval);
    let step = walk.look(1);
    match reaches {
        // The second step's devices are final as well: it waits for its own approval, unless it has it.
        Some("1.3") => assert_eq!((step.id.as_str(), step.approved_through), ("1.3", Some(2))),
        Some(_) => {
            assert_eq!(
                (step.id.as_str(), step.state.as_str()),
                ("1.2", "AwaitingApproval")
            );
            assert_eq!(step.approved_through, Some(1));
        }
        None => assert_eq!((step.id.as_str(), step.approved_through), ("1.1", None)),
    }
}

#[test]
fn a_step_that_grows_runs_again_and_the_round_never_goes_back() {
    let mut walk = Walk::new();
    walk.steps = steps(&["20%", "3"]);
    walk.steps[0].soak_seconds = Some(60);
    walk.end([0]);
    assert_eq!(walk.at(0), is("1.1", StepState::Soaking));
    walk.fates.extend([Fate::Open; 5]);
    assert_eq!(
        walk.at(10),
        is("1.1", StepState::Running),
        "20% of 10 are 2 devices"
    );
    walk.end([1]);
    assert_eq!(walk.at(20), is("1.1", StepState::Soaking));
    assert_eq!(walk.at(80), is("1.2", StepState::Running));
    walk.fates.extend([Fate::Open; 90]);
    assert_eq!(
        walk.at(81),
        is("1.2", StepState::Running),
        "20% of 100 are 20 devices, but the first step is over"
    );
}

#[test]
fn an_empty_step_is_not_watched_but_still_asks_for_approval() {
    let mut walk = Walk::new();
    walk.steps = steps(&["2", "10%"]);
    walk.steps[1].soak_seconds = Some(60);
    walk.end([0, 1]);
    assert_eq!(walk.at(0), is("1.3", StepState::Running));
    walk.stored = None;
    walk.steps[1].require_approval = Some(true);
    assert_eq!(walk.at(0), is("1.2", StepState::AwaitingApproval));
}

#[test]
fn each_repetition_is_a_step_with_soak_and_approval_of_its_own() {
    let mut walk = Walk::new();
    walk.steps = repeating(&["1", "2"]);
    walk.steps[1].name = Some("pair".into());
    walk.steps[1].soak_seconds = Some(60);
    walk.steps[1].require_approval = Some(true);
    walk.end([0, 1]);
    let first = walk.look(0);
    assert_eq!(title(&first), "1.2 (pair 1 of 2)");
    assert_eq!((first.of, first.devices, first.done), (3, 3, 2));
    walk.end([2]);
    assert_eq!(walk.at(0), is("1.2", StepState::Soaking));
    assert_eq!(walk.at(60), is("1.2", StepState::AwaitingApproval));
    walk.approved = Some("1.2");
    let second = walk.look(61);
    assert_eq!(title(&second), "1.3 (pair 2 of 2)");
    assert_eq!((second.devices, second.reached.len()), (5, 2));
    walk.end([3, 4]);
    assert_eq!(
        walk.at(62),
        is("1.3", StepState::Running),
        "nothing follows"
    );
    walk.fates.extend([Fate::Open; 2]);
    assert_eq!(
        walk.at(63),
        is("1.3", StepState::Soaking),
        "devices were added: the approval of 1.2 is none of 1.3"
    );
    assert_eq!(walk.at(123), is("1.3", StepState::AwaitingApproval));
    assert_eq!(walk.look(123).repetitions, Some(3));
}

#[test]
fn a_repetition_beyond_the_devices_that_are_left_waits_for_more() {
    let mut walk = Walk::new();
    walk.steps = repeating(&["2"]);
    walk.end(0..4);
    assert_eq!(walk.at(0), is("1.3", StepState::Running));
    walk.fates.truncate(2);
    let step = walk.look(1);
    assert_eq!((step.id.as_str(), step.of, step.devices), ("1.3", 3, 2));
    walk.fates.extend([Fate::Open; 4]);
    assert_eq!(walk.look(2).devices, 6);
}

#[test]
fn nothing_is_waited_for_where_nothing_follows() {
    let mut walk = Walk::new();
    walk.steps[1].require_approval = Some(true);
    walk.steps[1].soak_seconds = Some(60);
    walk.fates.truncate(3);
    walk.end([0]);
    assert_eq!(walk.at(0), is("1.2", StepState::Running));
    walk.end([1, 2]);
    assert_eq!(walk.at(0), is("1.2", StepState::Running));
    walk.fates.push(Fate::Open);
    assert_eq!(
        walk.at(1),
        is("1.2", StepState::Soaking),
        "a device was added"
    );
}

#[test]
fn a_stopped_job_goes_to_no_other_step_and_still_counts() {
    let mut walk = Walk::new();
    walk.at(0);
    walk.stopped = true;
    walk.end([0, 1]);
    let step = walk.look(1);
    assert_eq!(
        (step.id.as_str(), step.state.as_str(), step.done),
        ("1.1", "Running", 1)
    );
}

#[test]
fn another_round_begins_with_its_first_step() {
    let mut walk = Walk::new();
    walk.end([0]);
    walk.stored = Some(StepStatus {
        id: "7.3".into(),
        approved_through: Some(2),
        ..StepStatus::default()
    });
    walk.steps[0].require_approval = Some(true);
    let step = walk.look(0);
    assert_eq!((step.id.as_str(), step.approved_through), ("1.1", None));
}

#[rstest]
#[case::with_steps(&["1", "3"], RequireFor::FirstStep, ("1.3", StepState::Running))]
#[case::each_of_them(&["1", "3"], RequireFor::EveryStep, ("1.2", StepState::AwaitingApproval))]
#[case::without_steps(&[], RequireFor::FirstStep, ("1.2", StepState::Running))]
#[case::without_steps_there_is_one(&[], RequireFor::EveryStep, ("1.2", StepState::Running))]
#[case::one_step_over_all(&["100%"], RequireFor::FirstStep, ("1.2", StepState::Running))]
fn a_class_has_the_first_device_wait_for_an_approval_whatever_the_job_says(
    #[case] sizes: &[&str],
    #[case] require_for: RequireFor,
    #[case] after_the_first: (&str, StepState),
) {
    let mut walk = Walk::new();
    walk.steps = steps(sizes);
    walk.class.require_for = require_for;
    assert_eq!(walk.at(0), is("1.1", StepState::AwaitingApproval));
    let step = walk.look(0);
    assert_eq!(
        (step.name.as_deref(), step.devices, step.reached.len()),
        (Some("start"), 0, 0)
    );
    walk.approved = Some("1.1");
    assert_eq!(walk.at(1), is("1.2", StepState::Running));
    walk.end([0]);
    let (id, state) = after_the_first;
    assert_eq!(walk.at(2), is(id, state));
}

#[test]
fn a_job_without_steps_has_none() {
    let ladder = Ladder::new(&[], 1, ClassSteps::default());
    let members = members(&[Fate::Open]);
    let by = Advance {
        ladder: &ladder,
        members: &members,
        round: 1,
        approvals: &approved(Some("1.1")),
        stopped: false,
        now: at(0),
    };
    assert_eq!(advance(None, &by), None);
}

proptest! {
    /// However devices end and time passes, no step is passed before all its devices are final and it was approved.
    #[test]
    fn no_step_is_passed_early(
        ends in proptest::collection::vec((0_usize..12, 0_i64..40), 1..40),
        approvals in proptest::collection::vec(proptest::bool::ANY, 3),
        require_for in proptest::sample::select(vec![RequireFor::None, RequireFor::FirstStep, RequireFor::EveryStep]),
    ) {
        let mut walk = Walk::new();
        walk.steps = steps(&["1", "30%", "70%"]);
        walk.fates = vec![Fate::Open; 12];
        for (step, wanted) in walk.steps.iter_mut().zip(&approvals) {
            step.require_approval = Some(*wanted);
        }
        walk.class.require_for = require_for;
        let (mut second, mut before) = (0, 1);
        for (place, wait) in ends {
            walk.end([place]);
            second += wait;
            let step = walk.look(second);
            let number = number_of(&step);
            prop_assert!(number >= before);
            let ladder = Ladder::new(&walk.steps, 12, walk.class);
            prop_assert!(walk.fates[..ladder.end(number - 1)].iter().all(|fate| *fate == Fate::Done));
            let passed = (1..number).any(|number| ladder.asks_approval(number));
            prop_assert!(!passed, "nobody approved");
            let again = walk.look(second);
            prop_assert_eq!(again, step, "a second look changes nothing");
            before = number;
        }
    }
}

#[rstest]
#[case::nobody(&[], None)]
#[case::one_who_says_why(&[("ben", "1.1", Some("it hums"))], Some("1.1 by ben (it hums)"))]
#[case::two(&[("ben", "1.1", None), ("c\u{7}at", "1.2", Some("fine"))], Some("1.1 by ben, 1.2 by c\\u{7}at (fine)"))]
fn who_approved_which_step_and_why_is_told_where_somebody_is_known(
    #[case] people: &[(&str, &str, Option<&str>)],
    #[case] told: Option<&str>,
) {
    let approval = |(by, step, reason): &(&str, &str, Option<&str>)| StepApproval {
        by: (*by).to_owned(),
        step: (*step).to_owned(),
        reason: reason.map(str::to_owned),
        at: None,
    };
    let step = StepStatus {
        approvals: people.iter().map(approval).collect(),
        ..StepStatus::default()
    };
    assert_eq!(approvers(&step).as_deref(), told);
}
