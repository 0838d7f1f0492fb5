//! `parallelism` of each job, and the bound over all jobs, are never exceeded.
//!
//! A device is in flight from its first object until Pod and Service are gone. Here it counts until its Pod has ended and the
//! delete of its Service has arrived: a little less, and beyond doubt.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::super::{
    Terms,
    history::{History, Moment},
    job::Job,
    report::{Report, Rule, Violation},
};

/// How long a limit that was lowered may still be followed: devices in flight end first, and an edit has to be seen.
const LOWERED: SignedDuration = SignedDuration::from_secs(60);

/// One attempt.
struct Flight<'a> {
    job: &'a str,
    born: &'a Moment,
    object: String,
    /// Not in flight any more from here on; none: until the end.
    over: Option<Timestamp>,
}

/// Checks both bounds; notes the peak.
pub fn never_exceeded(history: &History, terms: &Terms, report: &mut Report) {
    let mut flying: Vec<Flight<'_>> = Vec::new();
    for flight in flights(history) {
        flying.retain(|other| other.over.is_none_or(|over| over > flight.born.answered));
        flying.push(flight);
        let Some(newest) = flying.last() else {
            continue;
        };
        report.peak = report.peak.max(flying.len());
        let of_job = flying
            .iter()
            .filter(|other| other.job == newest.job)
            .count();
        let limit = history
            .jobs
            .get(newest.job)
            .and_then(|job| limit(job, newest.born));
        let mut say = |count: usize, limit: usize, of: &str| {
            report.violations.push(Violation {
                rule: Rule::Parallelism,
                object: newest.object.clone(),
                what: format!("{count} devices in flight{of}, allowed are {limit}"),
                proof: vec![newest.born.clone()],
            });
        };
        if let Some(limit) = limit.filter(|limit| of_job > *limit) {
            say(of_job, limit, " in one job");
        }
        if let Some(limit) = terms.max_in_flight.filter(|limit| flying.len() > *limit) {
            say(flying.len(), limit, " in all jobs");
        }
    }
}

/// All attempts, in the order of their births.
fn flights(history: &History) -> Vec<Flight<'_>> {
    type Object<'a> = (&'a str, &'a Moment, Option<&'a Moment>, String);
    let mut attempts: BTreeMap<&str, Vec<Object<'_>>> = BTreeMap::new();
    for ((namespace, name), service) in &history.services {
        let shown = format!("Service {namespace}/{name}");
        let object = (
            service.job.as_str(),
            &service.born,
            service.deleted.as_ref(),
            shown,
        );
        attempts.entry(&service.attempt).or_default().push(object);
    }
    for pod in history.pods.values().filter(|pod| pod.is_ours()) {
        let object = (pod.job.as_str(), &pod.seen, pod.end(), pod.shown());
        attempts.entry(&pod.attempt).or_default().push(object);
    }
    let mut flights: Vec<_> = attempts.into_values().filter_map(flight).collect();
    flights.sort_by_key(|flight| (flight.born.version, flight.born.answered));
    flights
}

fn flight<'a>(
    objects: Vec<(&'a str, &'a Moment, Option<&'a Moment>, String)>,
) -> Option<Flight<'a>> {
    let ends: Option<Vec<Timestamp>> = objects
        .iter()
        .map(|(_, _, end, _)| end.map(|end| end.received))
        .collect();
    let over = ends.and_then(|ends| ends.into_iter().max());
    let first = objects
        .into_iter()
        .min_by_key(|(_, born, ..)| (born.version, born.answered));
    first.map(|(job, born, _, object)| Flight {
        job,
        born,
        object,
        over,
    })
}

/// The most that was allowed at that moment or shortly before; none where nothing is known of the job.
fn limit(job: &Job, at: &Moment) -> Option<usize> {
    let recent = |moment: &Moment| {
        moment.answered
            > at.received
                .saturating_sub(LOWERED)
                .unwrap_or(Timestamp::MIN)
    };
    let before = job
        .stored
        .iter()
        .filter(|stored| !at.surely_before(&stored.moment));
    let before: Vec<_> = before.collect();
    let current = before.last().and_then(|stored| stored.parallelism);
    let lately = before.windows(2).filter(|pair| recent(&pair[1].moment));
    let lately = lately.filter_map(|pair| pair[0].parallelism);
    // Before a status says what holds, nothing is known.
    let limit = lately.chain(current).max()?;
    usize::try_from(limit).ok()
}
