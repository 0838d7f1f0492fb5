//! Every flash that started has exactly one verdict, and what is stored is not taken back.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::super::{
    Terms,
    history::{History, Moment},
    job::{Entry, Job, Stored},
    leftover::Leftovers,
    pod::Pod,
    report::{Report, Rule, Violation},
};

/// What a status says of an attempt that is over.
const OVER: [&str; 3] = ["Waiting", "Succeeded", "Failed"];
/// What it says of one that has ended, and may be decided by the version that is read back.
const READ_BACK: &str = "Verifying";

/// What the statuses said of one Pod, in order, without repetitions.
type Said<'a> = Vec<(&'a Moment, &'a Entry)>;

/// Checks that every flash has one verdict; counts flashes with one.
pub fn one_verdict(history: &History, left: &Leftovers, terms: &Terms, report: &mut Report) {
    for (uid, job) in &history.jobs {
        report.violations.extend(taken_back(job));
        report
            .violations
            .extend(success_without_flash(history, uid, job));
    }
    let ended = |line: &&str| line.contains("flash ended");
    let logged: Vec<&str> = terms.operator_logs.lines().filter(ended).collect();
    let said: HashMap<&str, HashMap<&str, Said<'_>>> = history
        .jobs
        .iter()
        .map(|(uid, job)| (uid.as_str(), said_of(job)))
        .collect();
    for pod in history.pods.values().filter(|pod| pod.ran.is_some()) {
        let nothing = Said::new();
        let said = said
            .get(pod.job.as_str())
            .and_then(|pods| pods.get(pod.name.as_str()));
        let said = said.unwrap_or(&nothing);
        report.violations.extend(second_verdict(pod, said));
        let verdict = said.iter().any(|(_, entry)| is_verdict(entry))
            || joined(history, pod)
            || (is_past(history, left, pod) && is_logged(history, pod, &logged));
        if verdict {
            report.verdicts += 1;
        } else {
            report.violations.push(Violation {
                rule: Rule::OneVerdict,
                object: pod.shown(),
                what: format!(
                    "flashed device {} in round {} and has no verdict",
                    pod.uuid, pod.round
                ),
                proof: pod.ran.iter().chain(&pod.ended).cloned().collect(),
            });
        }
    }
}

/// Whether it says how a flash ended.
pub(super) fn is_verdict(entry: &Entry) -> bool {
    entry.phase == READ_BACK || OVER.contains(&entry.phase.as_str())
}

fn said_of(job: &Job) -> HashMap<&str, Said<'_>> {
    let mut pods: HashMap<&str, Said<'_>> = HashMap::new();
    for stored in &job.stored {
        for entry in stored.entries.iter().filter(|entry| !entry.pod.is_empty()) {
            let said = pods.entry(&entry.pod).or_default();
            if said.last().is_none_or(|(_, last)| *last != entry) {
                said.push((&stored.moment, entry));
            }
        }
    }
    pods
}

/// A verdict that was followed by another one.
fn second_verdict(pod: &Pod, said: &Said<'_>) -> Option<Violation> {
    let first = said
        .iter()
        .position(|(_, entry)| OVER.contains(&entry.phase.as_str()))?;
    let ((at, verdict), rest) = (said[first], &said[first + 1..]);
    let (again, other) = rest.first()?;
    Some(Violation {
        rule: Rule::OneVerdict,
        object: pod.shown(),
        what: format!(
            "was judged {} ({}) and then {} ({})",
            verdict.phase, verdict.reason, other.phase, other.reason
        ),
        proof: vec![at.clone(), (*again).clone()],
    })
}

/// Whether its device became final after it began, and no other flash of the round can be what decided: where the entries of a
/// large job were left out for size, its index is all there is.
fn joined(history: &History, pod: &Pod) -> bool {
    let key = (pod.job.clone(), pod.round);
    let selection = history.selections.get(&key).into_iter().flatten();
    let mut index = selection
        .filter(|(_, device)| device.uuid == pod.uuid)
        .map(|(index, _)| *index);
    let (Some(index), Some(job)) = (index.next_back(), history.jobs.get(&pod.job)) else {
        return false;
    };
    let later = |other: &&Pod| {
        other.job == pod.job
            && other.round == pod.round
            && other.uuid == pod.uuid
            && other.ran.is_some()
            && pod.seen.earlier_than(&other.seen)
    };
    let is_final = |stored: &&Stored| {
        stored.round == pod.round
            && pod.seen.earlier_than(&stored.moment)
            && (stored.completed.contains(&index) || stored.failed.contains(&index))
    };
    !history.pods.values().any(|other| later(&other)) && job.stored.iter().any(|it| is_final(&it))
}

/// Whether no status can hold its verdict: its FlashJob is gone, or in a later round.
fn is_past(history: &History, left: &Leftovers, pod: &Pod) -> bool {
    let lives = left
        .jobs
        .iter()
        .any(|job| job["metadata"]["uid"] == pod.job.as_str());
    let stored = history
        .jobs
        .get(&pod.job)
        .into_iter()
        .flat_map(|job| &job.stored);
    !lives || stored.into_iter().any(|stored| stored.round > pod.round)
}

fn is_logged(history: &History, pod: &Pod, logged: &[&str]) -> bool {
    let note = format!("round {}, device {} ", pod.round, pod.uuid);
    logged.iter().any(|line| line.contains(&pod.attempt))
        || history.notes.iter().any(|text| text.contains(&note))
}

/// Final devices of a round that a later status does not call so any more. Only a rerun sends failed ones again.
fn taken_back(job: &Job) -> Vec<Violation> {
    let mut broken = Vec::new();
    let mut say = |what: String, proof: &[&Stored]| {
        broken.push(Violation {
            rule: Rule::OneVerdict,
            object: job.shown.clone(),
            what,
            proof: proof.iter().map(|stored| stored.moment.clone()).collect(),
        });
    };
    for stored in &job.stored {
        let both: Vec<_> = stored.completed.intersection(&stored.failed).collect();
        if !both.is_empty() {
            say(
                format!("devices {both:?} both succeeded and failed"),
                &[stored],
            );
        }
    }
    for pair in job.stored.windows(2) {
        let [before, after] = pair else { continue };
        if before.round != after.round {
            continue;
        }
        let mut lost: BTreeSet<_> = before.completed.difference(&after.completed).collect();
        if before.rerun == after.rerun {
            lost.extend(before.failed.difference(&after.failed));
        }
        if !lost.is_empty() {
            say(
                format!(
                    "the verdicts on devices {lost:?} of round {} were taken back",
                    after.round
                ),
                &[before, after],
            );
        }
    }
    broken
}

fn success_without_flash(history: &History, uid: &str, job: &Job) -> Vec<Violation> {
    let mut first: BTreeMap<(i64, u64), &Moment> = BTreeMap::new();
    for stored in &job.stored {
        for index in &stored.completed {
            first
                .entry((stored.round, *index))
                .or_insert(&stored.moment);
        }
    }
    let flashed: BTreeSet<(i64, &str)> = history
        .pods
        .values()
        .filter(|pod| pod.job == uid && pod.namespace == job.namespace && pod.ran.is_some())
        .map(|pod| (pod.round, pod.uuid.as_str()))
        .collect();
    let broken = first.into_iter().filter_map(|((round, index), moment)| {
        let device = history
            .selections
            .get(&(uid.to_owned(), round))?
            .get(&index)?;
        (!flashed.contains(&(round, device.uuid.as_str()))).then(|| Violation {
            rule: Rule::OneVerdict,
            object: job.shown.clone(),
            what: format!(
                "device {index} ({}) succeeded in round {round} without a flash",
                device.uuid
            ),
            proof: vec![moment.clone()],
        })
    });
    broken.collect()
}
