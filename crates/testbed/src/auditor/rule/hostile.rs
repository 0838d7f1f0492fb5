//! Nobody's words are believed but the operator's own: what it makes is where its job is, verdicts are on Pods that it made, and
//! nothing of a forgery is in what it makes.

use std::collections::BTreeSet;

use super::{
    super::{
        Terms,
        history::History,
        job::{Entry, Job, Stored},
        report::{Rule, Violation},
        work::Work,
    },
    verdict::is_verdict,
};

/// Name of the Secret in the operator's own namespace that holds the key of its seals.
const SEAL: &str = "flashjob-operator-seal";
/// Reasons that only a flash gives, besides those of attempts that never came to a Pod.
const OF_A_FLASH: [&str; 11] = [
    "FirmwareSent",
    "AttestationRefused",
    "TransferFailed",
    "FirmwareNotFound",
    "ContactFailed",
    "AgentFailed",
    "FlashFailed",
    "Verifying",
    "Verified",
    "VersionMismatch",
    "NotSeen",
];

/// Pods, Services and Secrets that the operator made elsewhere than where a job of theirs is.
pub fn own_namespace(history: &History) -> Vec<Violation> {
    let kinds = ["pods", "services", "secrets"];
    let of_kinds = |work: &&Work| kinds.contains(&work.resource.as_str());
    let stray = |work: &&Work| match work.resource.as_str() {
        "secrets" => !is_secret_at_home(history, work),
        _ => !work
            .job()
            .is_some_and(|job| lives(history, &job, &work.namespace)),
    };
    let broken = history.made.iter().filter(of_kinds).filter(stray);
    broken.map(stray_object).collect()
}

fn stray_object(work: &Work) -> Violation {
    Violation {
        rule: Rule::OwnNamespace,
        object: work.shown(),
        what: format!(
            "made by the operator, and no job of it is in {}",
            work.namespace
        ),
        proof: vec![work.moment.clone()],
    }
}

fn lives(history: &History, job: &str, namespace: &str) -> bool {
    let found = history.jobs.get(job);
    found.is_some_and(|job| job.namespace == namespace)
}

/// Whether it is the operator's key, or the record of a device that a job of its namespace selected: of Secrets the log tells
/// no more than the name.
fn is_secret_at_home(history: &History, work: &Work) -> bool {
    let Some(uuid) = work.device_of_record() else {
        return work.name == SEAL && history.homes.contains(&work.namespace);
    };
    history.selections.iter().any(|((job, _), devices)| {
        lives(history, job, &work.namespace) && devices.values().any(|device| device.uuid == uuid)
    })
}

/// Words of a forgery, and rights to the node, in what the operator made.
pub fn nothing_forged(history: &History, terms: &Terms) -> Vec<Violation> {
    let mut broken = Vec::new();
    for work in &history.made {
        let text = work.object.to_string();
        let words = terms.forged.iter().map(String::as_str);
        let mut words = words.chain(["\"privileged\":true", "\"hostNetwork\":true"]);
        if let Some(found) = words.find(|word| text.contains(word) || work.name.contains(word)) {
            broken.push(Violation {
                rule: Rule::NothingForged,
                object: work.shown(),
                what: format!("made by the operator, and holds {found}"),
                proof: vec![work.moment.clone()],
            });
        }
    }
    broken
}

/// Verdicts on devices for which the operator made no Pod in the namespace of the job.
/// Without strangers, Pods of the original operator, which are taken over, count, too.
pub fn own_verdict(history: &History, terms: &Terms) -> Vec<Violation> {
    let mut broken = Vec::new();
    for (uid, job) in &history.jobs {
        let made = Made::of(history, terms, (uid, job));
        let mut said = BTreeSet::new();
        for stored in &job.stored {
            for entry in stored.entries.iter().filter(|entry| is_verdict(entry)) {
                let is_own = made.explains(stored, entry);
                if !is_own && said.insert((&entry.uuid, &entry.pod)) {
                    broken.push(foreign_verdict(job, stored, entry));
                }
            }
        }
    }
    broken
}

fn foreign_verdict(job: &Job, stored: &Stored, entry: &Entry) -> Violation {
    let Entry {
        uuid,
        pod,
        phase,
        reason,
    } = entry;
    let pod = if pod.is_empty() { "no Pod" } else { pod };
    Violation {
        rule: Rule::OwnVerdict,
        object: job.shown.clone(),
        what: format!(
            "says {phase} ({reason}) of device {uuid} by {pod}, for which the operator made no Pod in {}",
            job.namespace
        ),
        proof: vec![stored.moment.clone()],
    }
}

/// What the operator made for a job, in its namespace.
struct Made<'a> {
    pods: BTreeSet<&'a str>,
    devices: BTreeSet<(i64, &'a str)>,
}

impl<'a> Made<'a> {
    fn of(history: &'a History, terms: &Terms, (uid, job): (&str, &Job)) -> Self {
        let any = terms.strangers.is_empty();
        let own = history.pods.values().filter(|pod| {
            (any || pod.is_ours()) && pod.job == uid && pod.namespace == job.namespace
        });
        let own: Vec<_> = own.collect();
        // Creates of which nobody knows whether they were carried out count, too.
        let asked = history.made.iter().filter(|work| {
            work.resource == "pods"
                && work.namespace == job.namespace
                && work.job().as_deref() == Some(uid)
        });
        Self {
            pods: own
                .iter()
                .map(|pod| pod.name.as_str())
                .chain(asked.map(|work| work.name.as_str()))
                .collect(),
            devices: own
                .iter()
                .map(|pod| (pod.round, pod.uuid.as_str()))
                .collect(),
        }
    }

    fn explains(&self, stored: &Stored, entry: &Entry) -> bool {
        if entry.pod.is_empty() {
            return !OF_A_FLASH.contains(&entry.reason.as_str())
                || self.devices.contains(&(stored.round, &entry.uuid));
        }
        self.pods.contains(entry.pod.as_str())
    }
}
