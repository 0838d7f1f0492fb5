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

/// Longest text of a set, in bytes: one of every other of 100 000 devices takes 294 444.
const MAX_TEXT: usize = 384 * 1024;

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
        ranges.sort_unstable();
        Ok(Self::of_sorted(ranges))
    }

    /// Every index below `end`.
    #[must_use]
    pub fn below(end: usize) -> Self {
        let ranges = end.checked_sub(1).map(|last| (0, last));
        Self {
            ranges: ranges.into_iter().collect(),
        }
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

    /// Number of indexes in the set that are below `end`.
    #[must_use]
    pub fn count_below(&self, end: usize) -> usize {
        let before = self.ranges.partition_point(|(first, _)| *first < end);
        self.ranges[..before]
            .iter()
            .fold(0_usize, |sum, (first, last)| {
                let last = (*last).min(end - 1);
                sum.saturating_add(last - first).saturating_add(1)
            })
    }

    /// The index at this place, from 0, of all that are in the set.
    #[must_use]
    pub fn nth(&self, place: usize) -> Option<usize> {
        let mut left = place;
        self.ranges.iter().find_map(|(first, last)| {
            if left <= last - first {
                return Some(first + left);
            }
            left -= last - first + 1;
            None
        })
    }

    /// The first index of the set that is not below `from`.
    #[must_use]
    pub fn first_from(&self, from: usize) -> Option<usize> {
        let at = self.ranges.partition_point(|(_, last)| *last < from);
        self.ranges.get(at).map(|(first, _)| from.max(*first))
    }

    /// The indexes that are in this set, in the other, or in both.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let mut ranges: Vec<_> = self.ranges.iter().chain(&other.ranges).copied().collect();
        ranges.sort_unstable();
        Self::of_sorted(ranges)
    }

    /// The indexes that are in both sets.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let mut ranges = Vec::new();
        let mut others = other.ranges.iter().peekable();
        for (first, last) in &self.ranges {
            while others.next_if(|(_, end)| end < first).is_some() {}
            while let Some((start, end)) = others.peek().filter(|(start, _)| start <= last) {
                ranges.push((*first.max(start), *last.min(end)));
                if end > last {
                    break;
                }
                others.next();
            }
        }
        Self { ranges }
    }

    /// The indexes of this set that are not in the other.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        let mut ranges = Vec::new();
        let mut others = other.ranges.iter().peekable();
        for (first, last) in &self.ranges {
            let mut rest = Some(*first);
            while others.next_if(|(_, end)| end < first).is_some() {}
            while let Some((start, end)) = others.peek().filter(|(start, _)| start <= last) {
                let before = rest.filter(|from| from < start);
                ranges.extend(before.map(|from| (from, start - 1)));
                rest = end.checked_add(1);
                if end > last {
                    break;
                }
                others.next();
            }
            let rest = rest.filter(|from| from <= last);
            ranges.extend(rest.map(|from| (from, *last)));
        }
        Self { ranges }
    }

    /// Joins ranges that are in the order of their first indexes.
    fn of_sorted(ranges: impl IntoIterator<Item = (usize, usize)>) -> Self {
        let mut joined: Vec<(usize, usize)> = Vec::new();
        for (first, last) in ranges {
            match joined.last_mut() {
                Some((_, end)) if first <= end.saturating_add(1) => *end = last.max(*end),
                _ => joined.push((first, last)),
            }
        }
        Self { ranges: joined }
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

/// Indexes in any order.
impl FromIterator<usize> for Intervals {
    fn from_iter<T: IntoIterator<Item = usize>>(indexes: T) -> Self {
        let mut indexes: Vec<usize> = indexes.into_iter().collect();
        indexes.sort_unstable();
        Self::of_sorted(indexes.into_iter().map(|index| (index, index)))
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
#[path = "intervals_tests.rs"]
mod tests;
