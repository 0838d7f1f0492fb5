//! What a plan is made from, and what follows from that alone. Pure.

use crate::flashjob::spec::selector;
use std::{cell::OnceCell, collections::HashMap};

use crate::{
    api::{Effective, FlashJobSpec, Refusal},
    device::Inventory,
    flashclass::{ClassPace, OperatorDefaults, Terms},
    flashjob::{
        observe::{
            bounds::Bounds, ledger::Ledger, memory::Memory, selection::Selection, stored,
            wait_queue::Line, waits::Moment,
        },
        spec::{intervals::Intervals, job::Job, stamps::Stamping},
    },
};

/// Everything that a plan is made from.
#[derive(Clone, Debug)]
pub struct Observed<'a> {
    /// The job as it was last read or written.
    pub job: &'a Job,
    /// The frozen selection of the current round.
    pub roster: Option<&'a Selection>,
    /// Akri's devices.
    pub inventory: &'a Inventory,
    /// Objects, locks and slots.
    pub ledger: &'a Ledger,
    /// Devices of all jobs that wait for a place under a limit.
    pub line: &'a Line,
    /// What the leader remembers of this job.
    pub memory: &'a Memory,
    /// What the job's classes make of it.
    pub terms: &'a Terms,
    /// The rest of the world.
    pub world: &'a World,
    /// What follows from the above.
    pub derived: Derived,
}

/// What follows from an observation and is asked for every device: found out once, when it is first asked for.
#[derive(Clone, Debug, Default)]
pub struct Derived {
    effective: OnceCell<Effective>,
    selector_is_current: OnceCell<bool>,
    round_is_current: OnceCell<bool>,
    recorded: OnceCell<HashMap<String, Vec<usize>>>,
    wanted: OnceCell<Intervals>,
}

impl Observed<'_> {
    /// What the class adds to the job's order and pace.
    #[must_use]
    pub fn class_pace(&self) -> ClassPace<'_> {
        self.terms.pace()
    }

    /// What holds of the job after defaults and ceilings.
    #[must_use]
    pub fn effective(&self) -> &Effective {
        self.derived.effective.get_or_init(|| {
            let fallback = FlashJobSpec::default();
            let spec = self.job.spec.as_ref().unwrap_or(&fallback);
            self.terms.effective(spec, &self.world.operator)
        })
    }

    /// Indexes of devices of which their record tells that they were at this endpoint: some were missing when they were selected,
    /// others were found elsewhere since.
    pub(crate) fn recorded_at(&self, endpoint: &str) -> &[usize] {
        let recorded = self.derived.recorded.get_or_init(|| {
            let mut recorded: HashMap<String, Vec<usize>> = HashMap::new();
            for device in &self.job.status.devices {
                if let (Some(index), Some(endpoint)) =
                    (stored::index_of(device), &device.host_endpoint)
                {
                    recorded.entry(endpoint.clone()).or_default().push(index);
                }
            }
            recorded
        });
        recorded.get(endpoint).map_or(&[], Vec::as_slice)
    }

    /// Indexes of the selected devices that the spec names: see [`Job::wants`].
    pub(crate) fn wanted(&self) -> &Intervals {
        self.derived.wanted.get_or_init(|| {
            let Some(roster) = self.roster else {
                return Intervals::default();
            };
            let all = Intervals::below(roster.devices().len());
            if self.job.spec.is_err() {
                return all;
            }
            let listed = self.job.listed.iter();
            let listed = listed.filter_map(|uuid| roster.index_of(uuid)).collect();
            all.intersection(&self.job.chosen).union(&listed)
        })
    }

    /// Whether the stored selection was taken with the selector of the spec.
    #[must_use]
    pub fn selector_is_current(&self) -> bool {
        let current = &self.derived.selector_is_current;
        *current.get_or_init(|| selector::selector_is_current(self.job))
    }

    /// Whether the stored round is the one that the spec asks for.
    #[must_use]
    pub fn round_is_current(&self) -> bool {
        let current = &self.derived.round_is_current;
        *current.get_or_init(|| self.job.round_is_current())
    }
}

/// What is true for all jobs.
#[derive(Clone, Debug)]
pub struct World {
    /// Akri's Instance kind exists.
    pub akri_installed: bool,
    /// Whether the API server stamps who asks and who approves.
    pub stamping: Stamping,
    /// Why the flash chart cannot be used, if so.
    pub chart: Option<Refusal>,
    /// Slots of all jobs together.
    pub max_in_flight: usize,
    /// What holds of jobs where neither they nor their classes say it.
    pub operator: OperatorDefaults,
    /// Bounds of waiting.
    pub bounds: Bounds,
    /// The moment at which the plan is made, by the clock that waiting is measured by.
    pub steady: Moment,
}
