//! A set of indexes as batch/v1 Job writes it: `0-499,501`. Pure.
//!
//! Kept as ranges, so a fleet that goes well costs a few bytes. Used by `job` to read the stored status, by `status` to write it.

use std::fmt;

use thiserror::Error;

use crate::display;

/// See the module's documentation. Equal sets are written alike.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Intervals {
    /// First and last index of each range, ascending. Ranges neither overlap nor touch.
    ranges: Vec<(usize, usize)>,
}

/// Why a text is not an index set.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum IndexSetError {
    /// An item is neither a number nor a range.
    #[error("index set item {item:?} is neither an index such as 7 nor a range such as 3-5")]
    NotARange {
        /// The item.
        item: String,
    },
    /// An index is not below the limit.
    #[error("index set item {item:?} is not below {limit}")]
    OutOfRange {
        /// The item.
        item: String,
        /// The limit.
        limit: usize,
    },
    /// It is longer than any set of that many indexes.
    #[error("an index set of {bytes} bytes is longer than one may be: at most {limit}")]
    TooLong {
        /// Its bytes.
        bytes: usize,
        /// Most bytes.
        limit: usize,
    },
    /// A range ends before it begins.
    #[error("index set range {first}-{last} ends before it begins")]
    Reversed {
        /// First index as written.
        first: usize,
        /// Last index as written.
        last: usize,
    },
}

/// Longest text of a set, in bytes: one of 10 000 single indexes fits twice.
const MAX_TEXT: usize = 128 * 1024;

impl Intervals {
    /// Reads a set of indexes below `limit`. Items in any order and ranges that overlap are understood: to lose a set means to flash
    /// devices again.
    ///
    /// # Errors
    /// Where the text is too long, or an item is not an index and no range, or not below the limit.
    pub fn parse(text: &str, limit: usize) -> Result<Self, IndexSetError> {
        if text.len() > MAX_TEXT {
            return Err(IndexSetError::TooLong {
                bytes: text.len(),
                limit: MAX_TEXT,
            });
        }
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        let items = text.split(',').map(str::trim);
        let mut ranges = items
            .map(|item| parse_item(item, limit))
            .collect::<Result<Vec<_>, _>>()?;
        // In order, each is added at the end: any other order would cost the square of their number.
        ranges.sort_unstable();
        let mut set = Self::default();
        for (first, last) in ranges {
            set.insert_range(first, last);
        }
        Ok(set)
    }

    /// Adds an index; false if it was in the set.
    pub fn insert(&mut self, index: usize) -> bool {
        let new = !self.contains(index);
        if new {
            self.insert_range(index, index);
        }
        new
    }

    /// Whether the index is in the set.
    #[must_use]
    pub fn contains(&self, index: usize) -> bool {
        let after = self.ranges.partition_point(|(first, _)| *first <= index);
        after > 0 && index <= self.ranges[after - 1].1
    }

    /// Number of indexes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ranges.iter().fold(0_usize, |sum, (first, last)| {
            sum.saturating_add(last - first).saturating_add(1)
        })
    }

    /// Whether it has no index.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// The indexes, ascending.
    pub fn iter(&self) -> impl Iterator<Item = usize> {
        self.ranges.iter().flat_map(|(first, last)| *first..=*last)
    }

    /// Whether some index is in both.
    #[must_use]
    pub fn meets(&self, other: &Self) -> bool {
        let mut others = other.ranges.iter().peekable();
        self.ranges.iter().any(|(first, last)| {
            while others.next_if(|(_, end)| end < first).is_some() {}
            others.peek().is_some_and(|(start, _)| start <= last)
        })
    }

    /// Adds a range and joins it with those that it overlaps or touches.
    fn insert_range(&mut self, first: usize, last: usize) {
        let ranges = &mut self.ranges;
        let from = ranges.partition_point(|(_, end)| end.saturating_add(1) < first);
        let to = ranges.partition_point(|(start, _)| *start <= last.saturating_add(1));
        let joined = ranges[from..to].iter();
        let joined = joined.fold((first, last), |(first, last), (start, end)| {
            (first.min(*start), last.max(*end))
        });
        ranges.splice(from..to, [joined]);
    }
}

impl fmt::Display for Intervals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (first, last)) in self.ranges.iter().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            if first == last {
                write!(f, "{comma}{first}")?;
            } else {
                write!(f, "{comma}{first}-{last}")?;
            }
        }
        Ok(())
    }
}

fn parse_item(item: &str, limit: usize) -> Result<(usize, usize), IndexSetError> {
    let shown = || display::line(item, 40).into_owned();
    let not_a_range = || IndexSetError::NotARange { item: shown() };
    let (first, last) = item.split_once('-').unwrap_or((item, item));
    let first = parse_index(first).ok_or_else(not_a_range)?;
    let last = parse_index(last).ok_or_else(not_a_range)?;
    if last < first {
        return Err(IndexSetError::Reversed { first, last });
    }
    if last >= limit {
        return Err(IndexSetError::OutOfRange {
            item: shown(),
            limit,
        });
    }
    Ok((first, last))
}

/// Digits only: the standard parser would take a sign.
fn parse_index(text: &str) -> Option<usize> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        text.parse().ok()
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
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
    fn sets_meet_where_an_index_is_in_both(
        #[case] one: &str,
        #[case] other: &str,
        #[case] meet: bool,
    ) {
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
                limit: 131_072
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
    }
}
