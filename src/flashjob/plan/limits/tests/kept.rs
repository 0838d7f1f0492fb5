//! Places that are kept for those who have waited long.

use super::*;
use crate::flashjob::observe::wait_queue::{Line, Turn, Waiter};

fn limit(by: LimitBy, max: i32) -> Limit {
    let limit = json!({"by": format!("{by:?}"), "max": max});
    Limit::parse("esp32", &serde_json::from_value(limit).unwrap()).unwrap()
}

fn on(nodes: &[&str]) -> Footprint {
    Footprint {
        nodes: nodes.iter().map(ToString::to_string).collect(),
        ..Footprint::default()
    }
}

fn waiter(index: usize, limit: &Limit, footprint: &Footprint) -> Waiter {
    let places = Places::new([limit], []);
    Waiter {
        index,
        job: format!("lab/{index}"),
        since: at(0),
        needs: places.needs(footprint),
    }
}

fn turn(index: usize) -> Turn {
    Turn {
        since: at(0),
        job_uid: "job".into(),
        index,
    }
}

/// Whether a device that comes now finds a place at this node.
fn finds_a_place(places: &Places<'_>, node: &str) -> bool {
    places.full(&on(&[node]), None).is_none()
}

#[test]
fn who_begins_gives_up_the_places_that_were_kept_for_it_and_for_nobody_else() {
    let limit = limit(LimitBy::Node, 2);
    let mut line = Line::default();
    let waiters = [0, 1].map(|index| waiter(index, &limit, &on(&["n1"])));
    line.stand(&"job".into(), waiters.to_vec());
    let now = at(0) + PATIENCE;
    let mut places = Places::new([&limit], []).keeping(&line, now);
    assert!(!finds_a_place(&places, "n1"), "both places are kept");
    assert!(finds_a_place(&places, "n2"));
    places.begin(&on(&["n2"]), &turn(0));
    assert!(finds_a_place(&places, "n1"), "one of them is not any more");
    places.take(Some(&on(&["n1"])));
    assert!(!finds_a_place(&places, "n1"), "the other one still is");
}

#[test]
fn a_place_is_kept_under_the_limit_of_the_one_who_takes_it_too() {
    let (wide, strict) = (limit(LimitBy::Node, 5), limit(LimitBy::Node, 2));
    let mut line = Line::default();
    line.stand(&"job".into(), vec![waiter(0, &wide, &on(&["n1"]))]);
    let now = at(0) + PATIENCE;
    let places = |limit, used: usize| {
        let node = on(&["n1"]);
        let in_flight = std::iter::repeat_n(Some(&node), used);
        let places = Places::new([limit], in_flight).keeping(&line, now);
        finds_a_place(&places, "n1")
    };
    assert!(places(&strict, 0), "there is one for each of them");
    assert!(!places(&strict, 1), "the last one is kept");
    assert!(places(&wide, 3), "there is one for each of them");
    assert!(!places(&wide, 4), "the last one is kept");
}

#[rstest]
#[case::and_none_would_be_left(1, false)]
#[case::and_there_is_one_for_each_of_them(0, true)]
fn a_place_is_kept_under_the_lower_limit_of_the_one_who_waits(
    #[case] used: usize,
    #[case] begins: bool,
) {
    let (wide, strict) = (limit(LimitBy::Node, 5), limit(LimitBy::Node, 2));
    let node = on(&["n1"]);
    let mut line = Line::default();
    line.stand(&"job".into(), vec![waiter(0, &strict, &node)]);
    let in_flight = std::iter::repeat_n(Some(&node), used);
    let places = Places::new([&wide], in_flight).keeping(&line, at(0) + PATIENCE);
    assert_eq!(finds_a_place(&places, "n1"), begins);
}

#[test]
fn of_two_limits_on_one_group_the_lower_one_is_needed() {
    let (wide, strict) = (limit(LimitBy::Node, 5), limit(LimitBy::Node, 2));
    for limits in [[&wide, &strict], [&strict, &wide]] {
        let needs = Places::new(limits, []).needs(&on(&["n1"]));
        let most: Vec<_> = needs.iter().map(|(_, max)| *max).collect();
        assert_eq!(most, [2]);
    }
}

#[test]
fn a_line_knows_who_stands_in_it_and_who_has_left() {
    let limit = limit(LimitBy::Node, 1);
    let mut line = Line::default();
    assert!(!line.take_left());
    let waiters = [1, 2].map(|index| waiter(index, &limit, &on(&["n1"])));
    line.stand(&"job".into(), waiters.to_vec());
    assert!(!line.take_left());
    let found = line.find(&"job".into(), 2).map(|waiter| waiter.index);
    assert_eq!(found, Some(2));
    assert_eq!(line.find(&"job".into(), 3), None);
    line.stand(&"job".into(), Vec::new());
    assert!(line.take_left());
    assert!(!line.take_left(), "it is told once");
}
