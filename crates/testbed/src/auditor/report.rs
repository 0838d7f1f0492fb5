//! What an audit found, as a person reads it.

use std::fmt;

use super::Moment;

/// A rule of flashing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// No device has two flash Pods alive at once.
    OneFlashAtATime,
    /// No flash Pod is created for a device after its success was stored.
    NoFlashAfterSuccess,
    /// Every flash that started has exactly one verdict.
    OneVerdict,
    /// `parallelism`, and the bound over all jobs, is never exceeded.
    Parallelism,
    /// Nothing is left but what the rules keep.
    NothingLeft,
    /// The operator makes Pods, Services and Secrets only in the namespace of a job of theirs.
    OwnNamespace,
    /// A verdict is on a Pod that the operator made in the namespace of the job.
    OwnVerdict,
    /// Nothing of a forgery is in what the operator makes, and no right to the node.
    NothingForged,
}

/// A rule that was broken.
#[derive(Debug, Clone)]
pub struct Violation {
    /// Which one.
    pub rule: Rule,
    /// Kind, namespace and name of the object that shows it.
    pub object: String,
    /// What happened.
    pub what: String,
    /// The writes that prove it.
    pub proof: Vec<Moment>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}: {}", self.rule, self.object, self.what)?;
        for moment in &self.proof {
            let version = moment
                .version
                .map_or_else(|| "-".into(), |version| version.to_string());
            write!(
                f,
                "\n    {} to {}, resourceVersion {version}, auditID {}",
                moment.received, moment.answered, moment.audit_id
            )?;
        }
        Ok(())
    }
}

/// What an audit found.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// FlashJobs seen.
    pub jobs: usize,
    /// Flash Pods created.
    pub pods: usize,
    /// Flash Pods whose container ran.
    pub flashes: usize,
    /// Flashes whose verdict was stored or, where there was no status to hold it, logged.
    pub verdicts: usize,
    /// Most devices in flight at the same time, at least.
    pub peak: usize,
    /// Rules that were broken.
    pub violations: Vec<Violation>,
}

impl Report {
    /// Adds another one, of other devices or another time.
    pub fn add(&mut self, other: Self) {
        self.jobs += other.jobs;
        self.pods += other.pods;
        self.flashes += other.flashes;
        self.verdicts += other.verdicts;
        self.peak = self.peak.max(other.peak);
        self.violations.extend(other.violations);
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} FlashJobs, {} flash Pods, {} flashes started, {} verdicts, at most {} devices in flight, {} violations",
            self.jobs,
            self.pods,
            self.flashes,
            self.verdicts,
            self.peak,
            self.violations.len()
        )?;
        for violation in &self.violations {
            write!(f, "\n  {violation}")?;
        }
        Ok(())
    }
}
