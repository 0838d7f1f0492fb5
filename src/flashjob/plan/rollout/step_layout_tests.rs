//! How steps are laid over selected devices.

use proptest::prelude::*;
use rstest::rstest;

use super::*;
use crate::flashjob::plan::rollout::fixtures::{repeating, steps};

fn bounded(max_first: Option<usize>) -> ClassSteps {
    ClassSteps {
        max_first,
        ..ClassSteps::default()
    }
}

#[rstest]
#[case::no_steps(RequireFor::FirstStep, &[], None, &[0], &[true, false])]
#[case::no_steps_under_every_step(RequireFor::EveryStep, &[], None, &[0], &[true, false])]
#[case::the_first_step_alone(RequireFor::FirstStep, &["1", "4"], None, &[0, 1, 4], &[true, false, false])]
#[case::every_step(RequireFor::EveryStep, &["1", "4"], None, &[0, 1, 4], &[true, true, true])]
#[case::one_step_over_all(RequireFor::FirstStep, &["100%"], None, &[0, 10], &[true, false])]
#[case::the_class_gives_a_first_step(RequireFor::EveryStep, &[], Some(2), &[0, 2], &[true, true, false])]
#[case::the_class_caps_the_first_step_of_the_job(RequireFor::FirstStep, &["5"], Some(2), &[0, 2], &[true, false])]
#[case::none(RequireFor::None, &["1"], None, &[1], &[false, false])]
fn where_a_class_has_steps_approved_one_without_devices_comes_first(
    #[case] require_for: RequireFor,
    #[case] sizes: &[&str],
    #[case] max_first: Option<usize>,
    #[case] ends: &[usize],
    #[case] asks: &[bool],
) {
    let class = ClassSteps {
        max_first,
        require_for,
    };
    let ladder = Ladder::new(&steps(sizes), 10, class);
    assert_eq!(ladder.ends, ends);
    let asked: Vec<bool> = (1..=asks.len())
        .map(|number| ladder.asks_approval(number))
        .collect();
    assert_eq!(asked, asks);
    assert_eq!(ladder.given(99).len(), sizes.len(), "the job's own alone");
    assert_eq!(ladder.given(ladder.lead()).len(), 0);
    assert_eq!(ladder.own(1), 0..ladder.end(1));
}

#[test]
fn each_repetition_of_a_step_is_approved_under_every_step() {
    let class = ClassSteps {
        require_for: RequireFor::EveryStep,
        ..ClassSteps::default()
    };
    let ladder = Ladder::new(&repeating(&["5"]), 12, class);
    assert_eq!(ladder.ends, [0, 5, 10, 12]);
    assert!((1..=4).all(|number| ladder.asks_approval(number)));
    let part = |number| ladder.repetition(number).map(|part| (part.number, part.of));
    assert_eq!([1, 2, 4].map(part), [None, Some((1, 3)), Some((3, 3))]);
}

#[rstest]
#[case::a_count_and_percentages(&["1", "10%", "50%", "100%"], 500, None, &[1, 50, 250, 500], 4)]
#[case::percentages_round_up(&["1", "10%"], 33, None, &[1, 4], 3)]
#[case::no_more_than_there_are(&["2", "50"], 20, None, &[2, 20], 2)]
#[case::a_step_that_does_not_grow_is_empty(&["3", "10%"], 10, None, &[3, 3], 3)]
#[case::the_class_caps_the_first_step_alone(&["10", "50%"], 100, Some(4), &[4, 50], 3)]
#[case::the_class_gives_a_first_step(&[], 100, Some(4), &[4], 2)]
#[case::the_class_allows_all(&[], 3, Some(4), &[3], 1)]
#[case::no_steps(&[], 100, None, &[], 1)]
fn steps_end_at(
    #[case] sizes: &[&str],
    #[case] selected: usize,
    #[case] max_first: Option<usize>,
    #[case] ends: &[usize],
    #[case] of: usize,
) {
    let ladder = Ladder::new(&steps(sizes), selected, bounded(max_first));
    assert_eq!(ladder.ends, ends);
    assert_eq!(ladder.of(), of);
}

#[rstest]
#[case::fives_to_the_end(&["5"], 12, None, &[5, 10, 12])]
#[case::fives_that_end_with_the_devices(&["5"], 10, None, &[5, 10])]
#[case::after_a_canary(&["1", "5"], 12, None, &[1, 6, 11, 12])]
#[case::as_many_as_the_step_before(&["5", "5"], 12, None, &[5, 10, 12])]
#[case::a_share_of_all_rounded_up(&["10%"], 25, None, &[3, 6, 9, 12, 15, 18, 21, 24, 25])]
#[case::everything_at_once(&["100%"], 7, None, &[7])]
#[case::fewer_than_one_repetition(&["1", "5"], 3, None, &[1, 3])]
#[case::nothing_is_left_for_it(&["100%", "5"], 7, None, &[7, 7])]
#[case::no_devices(&["5"], 0, None, &[0])]
#[case::the_class_bounds_the_first_repetition_alone(&["5"], 12, Some(2), &[2, 7, 12])]
fn a_last_step_that_repeats_goes_on_to_the_end(
    #[case] sizes: &[&str],
    #[case] selected: usize,
    #[case] max_first: Option<usize>,
    #[case] ends: &[usize],
) {
    let ladder = Ladder::new(&repeating(sizes), selected, bounded(max_first));
    assert_eq!(ladder.ends, ends);
    assert_eq!(ladder.of(), ends.len(), "no rest follows");
    assert_eq!(ladder.given(99).len(), sizes.len());
}

#[test]
fn a_repetition_is_numbered_from_the_step_s_first() {
    let ladder = Ladder::new(&repeating(&["1", "5"]), 12, bounded(None));
    let of = |number| {
        let found = ladder.repetition(number);
        found.map(|repetition| (repetition.number, repetition.of))
    };
    assert_eq!(
        [1, 2, 3, 4].map(of),
        [None, Some((1, 3)), Some((2, 3)), Some((3, 3))]
    );
    assert_eq!(of(6), Some((5, 5)), "devices were taken away meanwhile");
    assert_eq!(
        Ladder::new(&steps(&["1"]), 12, bounded(None)).repetition(2),
        None
    );
}

proptest! {
    /// Every device is in exactly one step or repetition, in the order of the selection, and no repetition is larger
    /// than its size.
    #[test]
    fn every_device_is_in_one_repetition(
        first in proptest::option::of(1_usize..9),
        size in 1_usize..9,
        percent in proptest::bool::ANY,
        selected in 0_usize..200,
    ) {
        let size = if percent { format!("{size}%") } else { size.to_string() };
        let sizes: Vec<String> = first.map(|first| first.to_string()).into_iter().chain([size]).collect();
        let sizes: Vec<&str> = sizes.iter().map(String::as_str).collect();
        let list = repeating(&sizes);
        let ladder = Ladder::new(&list, selected, bounded(None));
        let most = int_or_percent::at_least_one(&list[sizes.len() - 1].devices, selected).unwrap();
        let places: Vec<usize> = (1..=ladder.of()).flat_map(|number| ladder.own(number)).collect();
        prop_assert_eq!(places, (0..selected).collect::<Vec<_>>());
        for number in sizes.len()..=ladder.of() {
            prop_assert!(ladder.own(number).len() <= most);
            prop_assert_eq!(ladder.repetition(number).map(|part| part.number), Some(number + 1 - sizes.len()));
        }
    }
}

#[test]
fn own_devices_are_those_that_the_steps_before_leave() {
    let ladder = Ladder::new(&steps(&["1", "10%", "50%"]), 100, bounded(None));
    let own: Vec<_> = (1..=4).map(|number| ladder.own(number)).collect();
    assert_eq!(own, [0..1, 1..10, 10..50, 50..100]);
    assert_eq!(
        ladder.own(6),
        50..100,
        "steps were taken out of the spec: the rest is what no step has"
    );
    assert_eq!(ladder.end(4), 100, "the rest follows");
}

#[test]
fn the_step_that_the_class_gives_is_none_of_the_job_s() {
    assert!(Ladder::new(&[], 100, bounded(Some(4))).given(1).is_empty());
    assert_eq!(
        Ladder::new(&steps(&["1", "2"]), 100, bounded(Some(4)))
            .given(9)
            .len(),
        2
    );
}

#[rstest]
#[case::of_the_first(RequireFor::FirstStep, 1)]
#[case::of_every_step(RequireFor::EveryStep, 1)]
#[case::of_none(RequireFor::None, 0)]
fn one_step_comes_before_those_of_the_job_where_a_class_asks_for_the_approval(
    #[case] require_for: RequireFor,
    #[case] lead: usize,
) {
    let class = ClassSteps {
        require_for,
        ..ClassSteps::default()
    };
    assert_eq!(Ladder::new(&steps(&["1"]), 10, class).lead(), lead);
}
