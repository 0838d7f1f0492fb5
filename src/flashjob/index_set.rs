//! A set of indexes as batch/v1 Job writes it: `0-499,501`. Pure.
//!
//! Kept as ranges, so a fleet that goes well costs a few bytes. Used by `job` to read the stored status, by `status` to write it.

use std::fmt;

use thiserror::Error;

/// See the module's documentation. Equal sets are written alike.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IndexSet {
    /// First and last index of each range, ascending. Ranges neither overlap nor touch.
    ranges: Vec<(usize, usize)>,
}

/// Why a text is no index set.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum IndexSetError {
    /// An item is neither a number nor a range.
    #[error("index set item {item:?} is neither an index such as 7 nor a range such as 3-5")]
    NotARange {
        /// The item.
        item: String,
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

impl IndexSet {
    /// Reads a set. Items in any order and ranges that overlap are understood: to lose a set means to flash devices again.
    ///
    /// # Errors
    /// Where an item is no index and no range.
    pub fn parse(text: &str) -> Result<Self, IndexSetError> {
        let mut set = Self::default();
        if text.trim().is_empty() {
            return Ok(set);
        }
        for item in text.split(',').map(str::trim) {
            let (first, last) = parse_item(item)?;
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

impl fmt::Display for IndexSet {
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

fn parse_item(item: &str) -> Result<(usize, usize), IndexSetError> {
    let not_a_range = || IndexSetError::NotARange {
        item: item.chars().take(40).collect(),
    };
    let (first, last) = item.split_once('-').unwrap_or((item, item));
    let first = parse_index(first).ok_or_else(not_a_range)?;
    let last = parse_index(last).ok_or_else(not_a_range)?;
    if last < first {
        return Err(IndexSetError::Reversed { first, last });
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
        let set = IndexSet::parse(text).unwrap();
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
        assert!(IndexSet::parse(text).is_err());
    }

    #[test]
    fn the_largest_range_costs_nothing_and_does_not_overflow() {
        let mut set = IndexSet::parse(&format!("0-{}", usize::MAX)).unwrap();
        assert_eq!(set.len(), usize::MAX);
        assert!(!set.insert(usize::MAX));
    }

    proptest! {
        #[test]
        fn a_written_set_reads_back_equal(indexes in proptest::collection::btree_set(0_usize..300, 0..200)) {
            let mut set = IndexSet::default();
            for index in &indexes {
                prop_assert!(set.insert(*index));
                prop_assert!(!set.insert(*index));
            }
            prop_assert_eq!(&IndexSet::parse(&set.to_string()).unwrap(), &set);
            prop_assert_eq!(set.iter().collect::<BTreeSet<_>>(), indexes);
        }

        #[test]
        fn insertion_order_leaves_no_trace(mut indexes in proptest::collection::vec(0_usize..60, 0..60)) {
            let build = |indexes: &[usize]| {
                let mut set = IndexSet::default();
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
            if let Ok(set) = IndexSet::parse(&text) {
                prop_assert_eq!(IndexSet::parse(&set.to_string()).unwrap(), set);
            }
        }
    }
}
