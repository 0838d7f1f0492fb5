//! Judges a run by what the API server saw, not by what the operator says: its audit log with the objects of the writes, and
//! the objects that are left at the end. Shares no code with the operator, and knows only the rules of flashing:
//!
//! 1. no device (endpoint) has two flash Pods alive at once;
//! 2. no flash Pod is created for a device after its success was stored, in that round;
//! 3. every flash that started has exactly one verdict, stored in the status; where its FlashJob is gone or in a later round, logged;
//! 4. `parallelism`, and the bound over all jobs, is never exceeded;
//! 5. at the end nothing is left but what the rules keep: the newest record of a failed device, until its job goes;
//! 6. the operator makes Pods, Services and Secrets only where a job of theirs is;
//! 7. a verdict is on a Pod that the operator made, in the namespace of the job;
//! 8. nothing that a stranger forged is in what the operator makes, and no right to the node.
//!
//! What strangers (`against`) make counts for nothing: no flash, no slot, no selection.
//!
//! ```no_run
//! # async fn run(space: testbed::Space) {
//! use testbed::auditor::Auditor;
//! let auditor = Auditor::of(&space).max_in_flight(20); // at the beginning: it reads the log from here on
//! // …
//! println!("{}", auditor.assert()); // at the end: panics with the report if a rule was broken
//! # }
//! ```
//! Where two moments cannot be put in order, it gives the benefit of the doubt: what it reports did happen.

mod history;
mod job;
mod leftover;
mod pod;
mod report;
mod rule;
#[cfg(test)]
mod tests;
mod work;
mod write;

use std::path::PathBuf;

pub use history::{History, Moment};
pub use leftover::Leftovers;
pub(crate) use leftover::stays;
pub use report::{Report, Rule};
pub use rule::newest;

use super::{ControlPlane, Space};

/// What the auditor has to know besides the log.
#[derive(Debug, Clone, Default)]
pub struct Terms {
    /// Most devices in flight at the same time, over all jobs; none: not checked.
    pub max_in_flight: Option<usize>,
    /// What the operators logged: the only place of a verdict whose job is gone.
    pub operator_logs: String,
    /// Users that are hostile: what they made is not the operator's, whatever it looks like.
    pub strangers: Vec<String>,
    /// Words of their forgeries.
    pub forged: Vec<String>,
    /// Id of the operator's token. By it, what the operator makes is looked at in every namespace; none: in those of the audit, as
    /// other tests beside have operators with the same name.
    pub credential: Option<String>,
}

impl Terms {
    /// Whether that user is hostile.
    pub fn is_stranger(&self, user: &str) -> bool {
        self.strangers.iter().any(|stranger| stranger == user)
    }
}

/// Judges what happens in some namespaces from its making on.
pub struct Auditor<'a> {
    spaces: Vec<&'a Space>,
    control_plane: &'static ControlPlane,
    log: PathBuf,
    since: u64,
    terms: Terms,
}

impl<'a> Auditor<'a> {
    /// An auditor of one namespace.
    pub fn of(space: &'a Space) -> Self {
        Self::of_all(&[space])
    }

    /// An auditor of several namespaces together, which share one operator: devices and the bound over all jobs know no namespace.
    pub fn of_all(spaces: &[&'a Space]) -> Self {
        let control_plane = spaces[0].control_plane;
        let log = control_plane.audit_log();
        Self {
            since: std::fs::metadata(&log).unwrap().len(),
            spaces: spaces.to_vec(),
            control_plane,
            log,
            terms: Terms::default(),
        }
    }

    /// Most devices in flight at the same time, over all jobs (`--max-in-flight`).
    #[must_use]
    pub const fn max_in_flight(mut self, devices: usize) -> Self {
        self.terms.max_in_flight = Some(devices);
        self
    }

    /// That user is hostile, and these words are in what it forges.
    #[must_use]
    pub fn against(mut self, user: &str, forged: &[&str]) -> Self {
        self.terms.strangers.push(user.to_owned());
        let words = forged.iter().map(|word| (*word).to_owned());
        self.terms.forged.extend(words);
        self
    }

    /// The operator's token has that id: what it makes is looked at in every namespace.
    #[must_use]
    pub fn operated_by(mut self, credential: String) -> Self {
        self.terms.credential = Some(credential);
        self
    }

    /// Judges everything so far. Meant for the end, when every job has finished or is gone: what is still there counts as left.
    pub fn report(&self) -> Report {
        let names: Vec<_> = self
            .spaces
            .iter()
            .map(|space| space.name.as_str())
            .collect();
        let logs = self.spaces.iter().map(|space| space.operator_logs());
        let terms = Terms {
            operator_logs: logs.collect(),
            ..self.terms.clone()
        };
        let mut history = History::read(&self.log, self.since, &names, &terms);
        let left = Leftovers::read(self.control_plane, &names);
        history.see_last(&left);
        rule::judge(&history, &left, &terms)
    }

    /// The report; panics with it when a rule was broken.
    pub fn assert(&self) -> Report {
        let report = self.report();
        assert!(report.violations.is_empty(), "{report}");
        report
    }
}
