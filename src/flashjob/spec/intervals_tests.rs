//! Index sets: read, written, and combined.

use std::collections::BTreeSet;

use proptest::prelude::*;
use rstest::rstest;

use super::*;

#[rstest]
#[case::nothing("", "", 0)]
#[case::one("7", "7", 1)]
#[case::as_jobs_write_it("0-499,501", "0-499,501", 501)]
#[case::neighbours_are_joined("1,2,3", "1-3", 3)]
#[case::order_does_not_matter("9,0-3", "0-3,9", 5)]
#[case::overlaps_are_joined("0-5,3-9,9", "0-9", 10)]
#[case::spaces_around_items(" 1 , 3 ", "1,3", 2)]
fn a_set_is_written_in_its_shortest_form(
    #[case] text: &str,
    #[case] written: &str,
    #[case] len: usize,
) {
    let set = Intervals::parse(text, usize::MAX).unwrap();
    assert_eq!(set.to_string(), written);
    assert_eq!(set.len(), len);
}

#[rstest]
#[case::word("a")]
#[case::sign("+1")]
#[case::negative("-1")]
#[case::open_range("3-")]
#[case::two_dashes("1-2-3")]
#[case::empty_item("1,,2")]
#[case::reversed("5-3")]
#[case::beyond_every_index("99999999999999999999999")]
fn what_is_no_set_is_refused(#[case] text: &str) {
    assert!(Intervals::parse(text, usize::MAX).is_err());
}

#[rstest]
#[case::apart("0-3,9", "4-8", false)]
#[case::one_in_both("0-3,9", "9-12", true)]
#[case::within("5", "0-10", true)]
#[case::interleaved("0,2,4", "1,3,5", false)]
#[case::nothing("", "0-10", false)]
fn sets_meet_where_an_index_is_in_both(#[case] one: &str, #[case] other: &str, #[case] meet: bool) {
    let [one, other] = [one, other].map(|text| Intervals::parse(text, 20).unwrap());
    assert_eq!((one.meets(&other), other.meets(&one)), (meet, meet));
}

#[rstest]
#[case::below("0-1", 2, None)]
#[case::none_at_all("", 0, None)]
#[case::the_limit("2", 2, Some("index set item \"2\" is not below 2"))]
#[case::far_beyond(
    "0-99999999999999",
    2,
    Some("index set item \"0-99999999999999\" is not below 2")
)]
#[case::beyond_all_numbers(
    "0-99999999999999999999",
    2,
    Some("index set item \"0-99999999999999999999\" is neither")
)]
#[case::a_terminal_escape("\u{1b}[2J", 2, Some("index set item \"\\\\u{1b}[2J\" is neither"))]
fn an_index_that_nothing_has_is_refused(
    #[case] text: &str,
    #[case] limit: usize,
    #[case] says: Option<&str>,
) {
    let read = Intervals::parse(text, limit).map_err(|error| error.to_string());
    match says {
        None => assert!(read.is_ok(), "{read:?}"),
        Some(says) => assert!(read.as_ref().unwrap_err().starts_with(says), "{read:?}"),
    }
}

#[test]
fn a_set_in_the_worst_order_is_read_at_once_and_one_that_is_too_long_not_at_all() {
    let worst = |first: usize| {
        let items = (0..first).rev().step_by(2).map(|index| index.to_string());
        items.collect::<Vec<_>>().join(",")
    };
    let set = Intervals::parse(&worst(40_000), 40_000).unwrap();
    assert_eq!(set.len(), 20_000);
    let text = worst(400_000);
    let error = Intervals::parse(&text, 400_000).unwrap_err();
    assert_eq!(
        error,
        IndexSetError::TooLong {
            bytes: text.len(),
            limit: 393_216
        }
    );
}

#[test]
fn the_largest_range_costs_nothing_and_does_not_overflow() {
    let last = usize::MAX - 1;
    let mut set = Intervals::parse(&format!("0-{last}"), usize::MAX).unwrap();
    assert_eq!(set.len(), usize::MAX);
    assert!(!set.insert(last));
    assert!(set.insert(usize::MAX));
    assert_eq!(set.len(), usize::MAX, "as many as can be counted");
}

proptest! {
    #[test]
    fn a_written_set_reads_back_equal(indexes in proptest::collection::btree_set(0_usize..300, 0..200)) {
        let mut set = Intervals::default();
        for index in &indexes {
            prop_assert!(set.insert(*index));
            prop_assert!(!set.insert(*index));
        }
        prop_assert_eq!(&Intervals::parse(&set.to_string(), usize::MAX).unwrap(), &set);
        prop_assert_eq!(set.iter().collect::<BTreeSet<_>>(), indexes);
    }

    #[test]
    fn insertion_order_leaves_no_trace(mut indexes in proptest::collection::vec(0_usize..60, 0..60)) {
        let build = |indexes: &[usize]| {
            let mut set = Intervals::default();
            for index in indexes { set.insert(*index); }
            set
        };
        let one = build(&indexes);
        indexes.reverse();
        let other = build(&indexes);
        prop_assert_eq!(one.len(), indexes.iter().collect::<BTreeSet<_>>().len());
        prop_assert_eq!(one, other);
    }

    #[test]
    fn no_text_makes_it_panic(text in "[0-9,\\- a]{0,40}") {
        if let Ok(set) = Intervals::parse(&text, usize::MAX) {
            prop_assert_eq!(Intervals::parse(&set.to_string(), usize::MAX).unwrap(), set);
        }
    }

    #[test]
    fn sets_are_combined_as_sets_of_single_indexes_are(
        one in proptest::collection::btree_set(0_usize..60, 0..40),
        other in proptest::collection::btree_set(0_usize..60, 0..40),
        at in 0_usize..70,
    ) {
        let [a, b] = [&one, &other].map(|set| set.iter().copied().collect::<Intervals>());
        let listed = |set: Intervals| set.iter().collect::<BTreeSet<_>>();
        prop_assert_eq!(listed(a.union(&b)), &one | &other);
        prop_assert_eq!(listed(a.intersection(&b)), &one & &other);
        prop_assert_eq!(listed(a.without(&b)), &one - &other);
        prop_assert_eq!(a.union(&b), Intervals::parse(&a.union(&b).to_string(), 70).unwrap(), "joined");
        prop_assert_eq!(a.intersection(&Intervals::below(at)).len(), a.count_below(at));
        prop_assert_eq!(a.count_below(at), one.range(..at).count());
        prop_assert_eq!(a.first_from(at), one.range(at..).next().copied());
        prop_assert_eq!(a.nth(at), one.iter().nth(at).copied());
    }
}

#[rstest]
#[case::as_long_as_may_be(0, Ok("7".to_owned()))]
#[case::a_byte_longer(1, Err(IndexSetError::TooLong { bytes: MAX_TEXT + 1, limit: MAX_TEXT }))]
fn a_text_is_read_up_to_its_longest(
    #[case] more: usize,
    #[case] read: Result<String, IndexSetError>,
) {
    let text = "7".to_owned() + &" ".repeat(MAX_TEXT + more - 1);
    let set = Intervals::parse(&text, 8);
    assert_eq!(set.map(|set| set.to_string()), read);
}
