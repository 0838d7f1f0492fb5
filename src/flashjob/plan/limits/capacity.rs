//! Whether limits have a place for one more device, among those in flight and those for whom places are kept. Pure.

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;

use crate::flashjob::observe::wait_queue::{Line, Turn};
use crate::{
    device::Footprint,
    flashclass::{Group, Limit},
};

/// See the module's documentation.
#[derive(Clone, Debug)]
pub struct Places<'a> {
    limits: Vec<&'a Limit>,
    used: HashMap<Group, usize>,
    /// Devices in flight of which it is not known what they share.
    everywhere: usize,
    /// Who has waited long for a place in a group, in turn.
    kept: HashMap<&'a Group, Vec<Kept<'a>>>,
}

#[derive(Clone, Debug)]
struct Kept<'a> {
    turn: Turn,
    max: usize,
    job: &'a str,
}

/// A limit that has no place for a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Full {
    /// The limit.
    pub limit: Limit,
    /// The group that is full.
    pub group: Group,
    /// Devices in flight that count on it.
    pub used: usize,
    /// Those of them of which it is not known what they share.
    pub unknown: usize,
    /// The job of the device for which the next place is kept, if it is.
    pub kept_for: Option<String>,
}

impl<'a> Places<'a> {
    /// Counts what is in flight.
    #[must_use]
    pub fn new<'b>(
        limits: impl IntoIterator<Item = &'a Limit>,
        in_flight: impl IntoIterator<Item = Option<&'b Footprint>>,
    ) -> Self {
        let mut places = Self {
            limits: limits.into_iter().collect(),
            used: HashMap::new(),
            everywhere: 0,
            kept: HashMap::new(),
        };
        if !places.limits.is_empty() {
            in_flight.into_iter().for_each(|one| places.take(one));
        }
        places
    }

    /// Keeps places for those in the line who have waited long.
    #[must_use]
    pub fn keeping(mut self, line: &'a Line, now: Timestamp) -> Self {
        if self.limits.is_empty() {
            return self;
        }
        for (turn, waiter) in line.patient(now) {
            for (group, max) in &waiter.needs {
                self.kept.entry(group).or_default().push(Kept {
                    turn: turn.clone(),
                    max: *max,
                    job: &waiter.job,
                });
            }
        }
        let lists = self.kept.values_mut();
        lists.for_each(|list| list.sort_by(|one, other| one.turn.cmp(&other.turn)));
        self
    }

    /// A device begins: it counts, and nothing is kept for it any more.
    pub fn begin(&mut self, footprint: &Footprint, turn: &Turn) {
        self.take(Some(footprint));
        let lists = self.kept.values_mut();
        lists.for_each(|list| list.retain(|kept| kept.turn != *turn));
    }

    /// A device is in flight; none where it is not known what it shares.
    pub fn take(&mut self, footprint: Option<&Footprint>) {
        let Some(footprint) = footprint else {
            self.everywhere += 1;
            return;
        };
        let groups = self.limits.iter().flat_map(|limit| limit.groups(footprint));
        let groups: BTreeSet<Group> = groups.collect();
        for group in groups {
            *self.used.entry(group).or_default() += 1;
        }
    }

    /// The first limit that has no place for this device; `turn` is its turn, if it has one.
    #[must_use]
    pub fn full(&self, footprint: &Footprint, turn: Option<&Turn>) -> Option<Full> {
        self.limits.iter().find_map(|limit| {
            let mut groups = limit.groups(footprint).into_iter();
            groups.find_map(|group| self.full_in(limit, group, turn))
        })
    }

    fn full_in(&self, limit: &Limit, group: Group, turn: Option<&Turn>) -> Option<Full> {
        let used = self.used.get(&group).copied().unwrap_or_default() + self.everywhere;
        let kept_for = if used < limit.max {
            Some(self.kept_for(limit, &group, turn, used)?.to_owned())
        } else {
            None
        };
        Some(Full {
            limit: limit.clone(),
            group,
            used,
            unknown: self.everywhere,
            kept_for,
        })
    }

    /// The job of the one whose place would be taken, if one would. Those before it in the line have to find theirs under their
    /// own limits, which may be lower than this one.
    fn kept_for(
        &self,
        limit: &Limit,
        group: &Group,
        turn: Option<&Turn>,
        used: usize,
    ) -> Option<&str> {
        let list = self.kept.get(group)?;
        let mut before = list
            .iter()
            .take_while(|kept| turn.is_none_or(|turn| kept.turn < *turn))
            .enumerate();
        let taken = before
            .find(|(ahead, kept)| used + ahead + 1 >= kept.max || used + ahead + 1 >= limit.max);
        taken.map(|(_, kept)| kept.job)
    }

    /// The places that this device needs.
    #[must_use]
    pub fn needs(&self, footprint: &Footprint) -> Vec<(Group, usize)> {
        let mut needs: Vec<(Group, usize)> = Vec::new();
        for limit in &self.limits {
            for group in limit.groups(footprint) {
                match needs.iter_mut().find(|(known, _)| *known == group) {
                    Some((_, max)) => *max = limit.max.min(*max),
                    None => needs.push((group, limit.max)),
                }
            }
        }
        needs
    }
}

impl Full {
    /// The limit, what it counts and what frees a place, in words.
    #[must_use]
    pub fn message(&self) -> String {
        let Self {
            limit, group, used, ..
        } = self;
        let counted = format!(
            "FlashClass {} allows at most {} devices in flight {group} (spec.inFlightLimits, counted over all FlashJobs)",
            limit.class, limit.max
        );
        let unknown = match self.unknown {
            0 => String::new(),
            some => format!(
                ", {some} of them counted on everything because their release records cannot be read"
            ),
        };
        match &self.kept_for {
            Some(job) => format!(
                "{counted}; {used} are{unknown}, and the next place is kept for a device of FlashJob {job} that has waited longer"
            ),
            None => format!(
                "{counted} and {used} are{unknown}; the next begins when one of them has ended"
            ),
        }
    }
}
