//! The rules, each a function from what happened to what was broken. Pure.

mod hostile;
mod parallelism;
mod verdict;

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{
    Terms,
    history::{History, LABEL_JOB_UID, Moment, label},
    job::indexes,
    leftover::Leftovers,
    pod::Pod,
    report::{Report, Rule, Violation},
};

/// Judges what happened and what is left.
pub fn judge(history: &History, left: &Leftovers, terms: &Terms) -> Report {
    let mut report = Report {
        jobs: history.jobs.len(),
        pods: history.pods.len(),
        flashes: history
            .pods
            .values()
            .filter(|pod| pod.ran.is_some())
            .count(),
        ..Report::default()
    };
    report.violations.extend(one_flash_at_a_time(history));
    report.violations.extend(no_flash_after_success(history));
    verdict::one_verdict(history, left, terms, &mut report);
    parallelism::never_exceeded(history, terms, &mut report);
    report.violations.extend(nothing_left(history, left));
    report.violations.extend(hostile::own_namespace(history));
    report
        .violations
        .extend(hostile::own_verdict(history, terms));
    let forged = hostile::nothing_forged(history, terms);
    report.violations.extend(forged);
    report
}

fn one_flash_at_a_time(history: &History) -> Vec<Violation> {
    let mut devices: BTreeMap<&str, Vec<&Pod>> = BTreeMap::new();
    for pod in history.pods.values() {
        devices.entry(&pod.endpoint).or_default().push(pod);
    }
    let mut broken = Vec::new();
    for (endpoint, mut pods) in devices {
        pods.sort_by_key(|pod| (pod.seen.version, pod.seen.answered));
        for (position, second) in pods.iter().enumerate().filter(|(_, pod)| pod.is_ours()) {
            let gone = |end: &Moment| !second.seen.surely_before(end);
            let overlaps = |first: &&&Pod| !first.end().is_some_and(gone);
            broken.extend(pods[..position].iter().filter(overlaps).map(|first| {
                Violation {
                    rule: Rule::OneFlashAtATime,
                    object: second.shown(),
                    what: format!(
                        "created for device {endpoint} while {} was alive",
                        first.shown()
                    ),
                    proof: [Some(&first.seen), Some(&second.seen), first.end()]
                        .into_iter()
                        .flatten()
                        .cloned()
                        .collect(),
                }
            }));
        }
    }
    broken
}

/// First status that says of a device that it succeeded, by job, round and either name of the device.
type Successes<'a> = HashMap<(&'a str, i64, &'a str), (&'a Moment, &'a (String, String))>;

fn successes(history: &History) -> Successes<'_> {
    let mut first = Successes::new();
    for (uid, job) in &history.jobs {
        for stored in &job.stored {
            let Some(selection) = history.selections.get(&(uid.clone(), stored.round)) else {
                continue;
            };
            let devices = stored
                .completed
                .iter()
                .filter_map(|index| selection.get(index));
            for device in devices {
                for name in [Some(&device.uuid), device.endpoint.as_ref()]
                    .into_iter()
                    .flatten()
                {
                    first
                        .entry((uid, stored.round, name))
                        .or_insert((&stored.moment, &stored.firmware));
                }
            }
        }
    }
    first
}

fn no_flash_after_success(history: &History) -> Vec<Violation> {
    let successes = successes(history);
    let pods = history.pods.values().filter(|pod| pod.is_ours());
    let broken = pods.filter_map(|pod| {
        let by = |name| successes.get(&(pod.job.as_str(), pod.round, name));
        let (success, (firmware, version)) = by(&pod.uuid).or_else(|| by(&pod.endpoint))?;
        let same = *firmware == pod.firmware && *version == pod.version;
        (same && success.surely_before(&pod.created)).then(|| Violation {
            rule: Rule::NoFlashAfterSuccess,
            object: pod.shown(),
            what: format!(
                "created for device {} ({}) after its success with {firmware} {version} was stored in round {}",
                pod.uuid, pod.endpoint, pod.round
            ),
            proof: vec![(*success).clone(), pod.created.clone()],
        })
    });
    broken.collect()
}

fn nothing_left(history: &History, left: &Leftovers) -> Vec<Violation> {
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let shown = |object: &serde_json::Value| {
        let meta = &object["metadata"];
        format!(
            "{} {}/{}",
            text(&object["kind"]),
            text(&meta["namespace"]),
            text(&meta["name"])
        )
    };
    let broken = |object: &serde_json::Value, what: &str| Violation {
        rule: Rule::NothingLeft,
        object: shown(object),
        what: what.to_owned(),
        proof: Vec::new(),
    };
    let uid = |object: &serde_json::Value| text(&object["metadata"]["uid"]);
    let jobs: HashMap<String, &serde_json::Value> =
        left.jobs.iter().map(|job| (uid(job), job)).collect();
    let mut all = Vec::new();
    for job in &left.jobs {
        if job["metadata"]["deletionTimestamp"].is_string() {
            all.push(broken(job, "its deletion has not ended"));
        }
    }
    for object in &left.objects {
        let Some(job) = label(object, LABEL_JOB_UID) else {
            continue;
        };
        if object["kind"] != "ControllerRevision" {
            all.push(broken(object, "left although every flash is over"));
        } else if !jobs.contains_key(&job) {
            all.push(broken(object, "left although its FlashJob is gone"));
        }
    }
    for record in newest(&left.records) {
        // Releases of others are nobody's business here.
        let Some(owner) = label(record, LABEL_JOB_UID) else {
            continue;
        };
        let release = label(record, "name").unwrap_or_default();
        let status = label(record, "status").unwrap_or_default();
        let Some(job) = jobs.get(&owner) else {
            all.push(broken(record, "left although its FlashJob is gone"));
            continue;
        };
        if status != "failed" {
            all.push(broken(
                record,
                &format!("left with status {status}: no flash is under way"),
            ));
        } else if has_completed(history, job, release.trim_start_matches("flash-")) {
            all.push(broken(record, "left although its device succeeded"));
        }
    }
    all
}

fn has_completed(history: &History, job: &serde_json::Value, uuid: &str) -> bool {
    let of_job = job["metadata"]["uid"].as_str().unwrap_or_default();
    let round = job["status"]["round"]["number"].as_i64().unwrap_or(0);
    let completed = indexes(&job["status"]["completedIndexes"]);
    let selection = history.selections.get(&(of_job.to_owned(), round));
    selection
        .into_iter()
        .flatten()
        .any(|(index, device)| device.uuid == uuid && completed.contains(index))
}

/// The newest revision of each release; those before it are its history.
pub fn newest(records: &[serde_json::Value]) -> Vec<&serde_json::Value> {
    let revision = |record: &serde_json::Value| {
        label(record, "version").and_then(|text| text.parse::<u64>().ok())
    };
    let mut sorted: Vec<_> = records.iter().collect();
    sorted.sort_by_key(|record| std::cmp::Reverse(revision(record)));
    let mut seen = HashSet::new();
    sorted.retain(|record| {
        let namespace = record["metadata"]["namespace"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        seen.insert((namespace, label(record, "name")))
    });
    sorted
}
