//! Devices that wait for a place under a limit, of all jobs, so that none waits for ever. Pure; lost in a crash without harm.
//!
//! A device that finds a place takes it, so that none is held up by a device that cannot begin anyway. But a device that has waited
//! for long, because it needs several places at once or because others are quicker, has its places kept: those that came later
//! do not take them, and so they come free.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::{flashclass::Group, identifiers::JobUid};

/// How long a device waits before its places are kept for it.
pub const PATIENCE: SignedDuration = SignedDuration::from_secs(60);

/// A device in the line.
#[derive(Clone, Debug, PartialEq)]
pub struct Waiter {
    /// Index in the selection of its job.
    pub index: usize,
    /// Its job, in words.
    pub job: String,
    /// Since when it waits.
    pub since: Timestamp,
    /// The places that it needs, each with the most devices there may be in that group before it begins.
    pub needs: Vec<(Group, usize)>,
}

/// See the module's documentation.
#[derive(Clone, Debug, Default)]
pub struct Line {
    /// By job uid.
    jobs: BTreeMap<JobUid, Vec<Waiter>>,
    left: bool,
}

/// Whose turn it is: those who came first, in the order of jobs and devices where they came at once.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Turn {
    /// Since when.
    pub since: Timestamp,
    /// uid of the job.
    pub job_uid: JobUid,
    /// Index in the selection.
    pub index: usize,
}

impl Line {
    /// These devices of a job wait now, and no others.
    pub fn stand(&mut self, job_uid: &JobUid, waiters: Vec<Waiter>) {
        let staying: BTreeSet<usize> = waiters.iter().map(|waiter| waiter.index).collect();
        let gone = |waiter: &Waiter| !staying.contains(&waiter.index);
        self.left |= self.of(job_uid).iter().any(gone);
        if waiters.is_empty() {
            self.jobs.remove(job_uid);
        } else {
            self.jobs.insert(job_uid.clone(), waiters);
        }
    }

    /// Whether anybody left since this was last asked: places may be kept for nobody any more.
    pub fn take_left(&mut self) -> bool {
        std::mem::take(&mut self.left)
    }

    /// The devices of a job that wait.
    #[must_use]
    pub fn of(&self, job_uid: &JobUid) -> &[Waiter] {
        self.jobs.get(job_uid).map_or(&[], Vec::as_slice)
    }

    /// The device of a job, if it waits.
    #[must_use]
    pub fn find(&self, job_uid: &JobUid, index: usize) -> Option<&Waiter> {
        let mut waiters = self.of(job_uid).iter();
        waiters.find(|waiter| waiter.index == index)
    }

    /// Those for whom places are kept.
    pub fn patient(&self, now: Timestamp) -> impl Iterator<Item = (Turn, &Waiter)> {
        let all = self
            .jobs
            .iter()
            .flat_map(|(job, waiters)| waiters.iter().map(move |waiter| (job, waiter)));
        let long = all.filter(move |(_, waiter)| now.duration_since(waiter.since) >= PATIENCE);
        long.map(|(job_uid, waiter)| {
            let turn = Turn {
                since: waiter.since,
                job_uid: job_uid.clone(),
                index: waiter.index,
            };
            (turn, waiter)
        })
    }
}
