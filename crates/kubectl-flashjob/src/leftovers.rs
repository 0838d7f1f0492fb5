//! What FlashJobs left in a namespace, and what `cleanup` does about it, in order. Pure.

use std::{collections::BTreeSet, fmt};

use flashjob_operator::{
    cluster::ObjectKey,
    names::{FINALIZER, TRACKING_FINALIZER},
};

/// An object that is left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// Which.
    pub key: ObjectKey,
    /// Its uid.
    pub uid: String,
    /// uid of its job.
    pub job_uid: String,
    /// Name of its job, where it says so.
    pub job_name: Option<String>,
    /// Name of its job as a label value, where it says so.
    pub job_label: Option<String>,
    /// Its finalizers.
    pub finalizers: Vec<String>,
    /// Whether it is being deleted.
    pub deleting: bool,
}

/// A flash Pod that is left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftPod {
    /// The object.
    pub left: Left,
    /// Whether it can no longer be flashing.
    pub ended: bool,
}

/// Everything that is left in a namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// `FlashJobs`.
    pub jobs: Vec<Left>,
    /// Flash Pods.
    pub pods: Vec<LeftPod>,
    /// Services and other objects of attempts.
    pub others: Vec<Left>,
    /// Release Secrets.
    pub secrets: Vec<Left>,
    /// Frozen selections.
    pub revisions: Vec<Left>,
}

impl Found {
    /// Every object.
    pub fn all(&self) -> impl Iterator<Item = &Left> {
        let pods = self.pods.iter().map(|pod| &pod.left);
        let rest = self
            .others
            .iter()
            .chain(&self.secrets)
            .chain(&self.revisions);
        self.jobs.iter().chain(pods).chain(rest)
    }

    /// Leaves only what `keep` says.
    pub fn retain(&mut self, keep: impl Fn(&Left) -> bool) {
        let Self {
            jobs,
            pods,
            others,
            secrets,
            revisions,
        } = self;
        pods.retain(|pod| keep(&pod.left));
        for list in [jobs, others, secrets, revisions] {
            list.retain(&keep);
        }
    }
}

/// One write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Delete the object with this uid.
    Delete {
        /// Which.
        key: ObjectKey,
        /// Its uid.
        uid: String,
    },
    /// Take a finalizer off the object with this uid.
    RemoveFinalizer {
        /// Which.
        key: ObjectKey,
        /// Its uid.
        uid: String,
        /// Its finalizers as they were seen.
        finalizers: Vec<String>,
        /// Which of them goes.
        finalizer: &'static str,
    },
}

impl Step {
    /// Whether this lets a `FlashJob` go: only when all of it is freed.
    #[must_use]
    pub fn frees_job(&self) -> bool {
        matches!(self, Self::RemoveFinalizer { finalizer, .. } if *finalizer == FINALIZER)
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Delete { key, .. } => write!(f, "delete {key}"),
            Self::RemoveFinalizer { key, finalizer, .. } => write!(f, "take {finalizer} off {key}"),
        }
    }
}

/// What is done, and what is left alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Writes, in order.
    pub steps: Vec<Step>,
    /// Pods that are flashing; nothing of their jobs' selections, records and addresses is touched.
    pub in_progress: Vec<ObjectKey>,
}

/// Frees everything but what a flash in progress needs: its Pod, and the Service, record, selection and job around it.
/// `now` interrupts flashes in progress too.
#[must_use]
pub fn plan(found: &Found, now: bool) -> Plan {
    let flashing: Vec<&LeftPod> = found.pods.iter().filter(|pod| !pod.ended && !now).collect();
    let busy: BTreeSet<&str> = flashing
        .iter()
        .map(|pod| pod.left.job_uid.as_str())
        .collect();
    let is_free = |left: &&Left| !busy.contains(left.job_uid.as_str());
    let mut steps = Vec::new();
    for pod in found.pods.iter().filter(|pod| pod.ended || now) {
        delete(&pod.left, &mut steps);
        remove_finalizer(&pod.left, TRACKING_FINALIZER, &mut steps);
    }
    for left in found.others.iter().chain(&found.secrets).filter(is_free) {
        delete(left, &mut steps);
        remove_finalizer(left, TRACKING_FINALIZER, &mut steps);
    }
    // The selection of a job that stays is what an operator needs to go on with it.
    let stays: BTreeSet<&str> = found
        .jobs
        .iter()
        .filter(|job| !job.deleting)
        .map(|job| job.job_uid.as_str())
        .collect();
    for left in found
        .revisions
        .iter()
        .filter(is_free)
        .filter(|left| !stays.contains(left.job_uid.as_str()))
    {
        delete(left, &mut steps);
    }
    for job in found.jobs.iter().filter(is_free) {
        remove_finalizer(job, FINALIZER, &mut steps);
    }
    Plan {
        steps,
        in_progress: flashing.iter().map(|pod| pod.left.key.clone()).collect(),
    }
}

fn delete(left: &Left, steps: &mut Vec<Step>) {
    if !left.deleting {
        steps.push(Step::Delete {
            key: left.key.clone(),
            uid: left.uid.clone(),
        });
    }
}

fn remove_finalizer(left: &Left, finalizer: &'static str, steps: &mut Vec<Step>) {
    if left.finalizers.iter().any(|one| one == finalizer) {
        steps.push(Step::RemoveFinalizer {
            key: left.key.clone(),
            uid: left.uid.clone(),
            finalizers: left.finalizers.clone(),
            finalizer,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(kind: &str, name: &str, job: &str) -> Left {
        Left {
            key: ObjectKey::new("v1", kind, "n", name),
            uid: format!("uid-{name}"),
            job_uid: job.to_owned(),
            job_name: None,
            job_label: None,
            finalizers: Vec::new(),
            deleting: false,
        }
    }

    fn world() -> Found {
        let pod = |name: &str, job: &str, ended| {
            let mut left = left("Pod", name, job);
            left.finalizers = vec![TRACKING_FINALIZER.to_owned()];
            LeftPod { left, ended }
        };
        let service = |name: &str, job: &str| {
            let mut left = left("Service", name, job);
            left.finalizers = vec![TRACKING_FINALIZER.to_owned()];
            left
        };
        let mut job = left("FlashJob", "job", "a");
        job.finalizers = vec!["other".to_owned(), FINALIZER.to_owned()];
        job.deleting = true;
        Found {
            jobs: vec![job],
            pods: vec![
                pod("ended", "a", true),
                pod("flashing", "a", false),
                pod("orphan", "b", true),
            ],
            others: vec![service("s-a", "a"), service("s-b", "b")],
            secrets: vec![left("Secret", "r-a", "a"), left("Secret", "r-b", "b")],
            revisions: vec![left("ControllerRevision", "c-a", "a")],
        }
    }

    fn words(plan: &Plan) -> Vec<String> {
        plan.steps.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_flash_in_progress_keeps_all_that_its_job_needs() {
        let plan = plan(&world(), false);
        assert_eq!(
            words(&plan),
            [
                "delete Pod n/ended",
                "take flashjob.nbfc.io/tracking off Pod n/ended",
                "delete Pod n/orphan",
                "take flashjob.nbfc.io/tracking off Pod n/orphan",
                "delete Service n/s-b",
                "take flashjob.nbfc.io/tracking off Service n/s-b",
                "delete Secret n/r-b",
            ]
        );
        assert_eq!(plan.in_progress, [ObjectKey::pod("n", "flashing")]);
    }

    #[test]
    fn now_frees_everything_and_the_job_last() {
        let plan = plan(&world(), true);
        let words = words(&plan);
        assert!(plan.in_progress.is_empty());
        assert!(words.contains(&"delete Pod n/flashing".to_owned()));
        assert!(words.contains(&"delete ControllerRevision n/c-a".to_owned()));
        let last = words.last().expect("a step");
        assert_eq!(
            last,
            "take application.flashjob.nbfc.io/flashjob-finalizer off FlashJob n/job"
        );
        assert!(plan.steps.last().is_some_and(Step::frees_job));
    }

    #[test]
    fn the_selection_of_a_job_that_stays_is_kept() {
        let mut found = world();
        found.jobs[0].deleting = false;
        assert!(
            !words(&plan(&found, true))
                .iter()
                .any(|step| step.contains("ControllerRevision"))
        );
    }

    #[test]
    fn what_is_being_deleted_is_not_deleted_again() {
        let mut found = world();
        found.pods[0].left.deleting = true;
        let words = words(&plan(&found, false));
        assert_eq!(words[0], "take flashjob.nbfc.io/tracking off Pod n/ended");
    }
}
