//! The devices of a namespace, as cells that a script draws and as a table, with the versions that they report. Reads only.

use std::cmp::Reverse;

use axum::{
    extract::{Path, Query},
    http::StatusCode,
    response::Response,
};
use flashjob_operator::{
    api::Instance, cli::job::selection, cluster::clock::now, display, flashjob::spec::job::Job,
};
use futures::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    device,
    template::{Refusal, html},
};
use crate::{
    cluster::Caller,
    problem::Problem,
    route::{Name, Namespaced, flashjob, instances, jobs, whole},
    view::{self, FleetDevice, MOST_DEVICES, Selected, UNFIT, UNUSED, counted, fleet, versions},
};

/// Rows of one part of the table.
const ROWS: usize = 50;
/// Instances of one page that is read.
const INSTANCES: u32 = 500;
/// FlashJobs of one page that is read: each may be a megabyte.
const JOBS: u32 = 20;
/// Pages of FlashJobs that are read.
const PAGES: usize = 50;
/// The newest jobs, those that say where a device stands.
const NEWEST: usize = 100;
/// Selections that are read at the same time.
const AT_ONCE: usize = 8;

/// Which devices the table shows.
#[derive(Deserialize, Serialize, Clone, Debug, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Shown {
    from: usize,
    q: String,
}

/// What was read, and what was not.
struct Read {
    devices: Vec<FleetDevice>,
    unseen: Vec<String>,
}

/// The page.
pub async fn page(
    caller: Result<Caller, Problem>,
    Path(Namespaced { namespace }): Path<Namespaced>,
    Query(shown): Query<Shown>,
) -> Result<Response, Refusal> {
    let Read { devices, unseen } = read(&caller?, &namespace).await?;
    let words = view::words(&shown.q);
    let meant = devices.iter().filter(|device| device.is_meant(&words));
    let meant: Vec<_> = meant.collect();
    let phases = counted(meant.iter().map(|device| device.phase.as_str()));
    let phases = phases.into_iter();
    let phases: Vec<_> = phases
        .map(|(phase, devices)| json!({"phase": phase, "devices": devices, "tone": tone(phase)}))
        .collect();
    let rows = meant.iter().skip(shown.from).take(ROWS);
    let rows: Vec<_> = rows
        .map(|device| json!({"device": device, "tone": tone(&device.phase)}))
        .collect();
    let next = shown.from.saturating_add(ROWS);
    html(
        "fleet.html",
        &json!({
            "title": format!("Devices in {}", namespace.as_str()), "namespace": namespace.as_str(), "now": display::time(now()),
            "shown": shown, "unseen": unseen, "all": devices.len(), "matching": meant.len(), "phases": phases, "rows": rows,
            "next": (next < meant.len()).then_some(next), "kinds": versions(&meant),
            "data": view::drawn(&devices, tone).to_string(),
        }),
    )
}

/// How a device stands, as the name of a class of the style sheet.
fn tone(phase: &str) -> &'static str {
    match phase {
        UNUSED | UNFIT => "none",
        phase => device::tone(phase),
    }
}

/// The devices as far as the caller may see them. Without the right to list Instances there is what the jobs say.
async fn read(caller: &Caller, namespace: &Name) -> Result<Read, Problem> {
    let mut unseen = Vec::new();
    let mut found = Vec::new();
    let place = instances(namespace);
    let pages = MOST_DEVICES / INSTANCES as usize;
    let taken = whole(caller, &place, INSTANCES, pages, |object| {
        found.extend(serde_json::from_value::<Instance>(object).ok());
    });
    let (taken, jobs) = tokio::join!(taken, of_jobs(caller, namespace));
    let (jobs, more) = jobs?;
    let known = match taken {
        Ok(is_whole) => {
            if !is_whole {
                unseen.push(format!("Only the first {MOST_DEVICES} devices are shown."));
            }
            true
        }
        Err(problem) if problem.status == StatusCode::NOT_FOUND => true,
        Err(problem) => {
            unseen.push(format!(
                "Only devices that FlashJobs have selected are shown: {}",
                problem.detail
            ));
            false
        }
    };
    unseen.extend(more);
    Ok(Read {
        devices: fleet(known.then_some(&found), &jobs),
        unseen,
    })
}

/// The newest jobs with their selections, and what of them could not be read.
async fn of_jobs(
    caller: &Caller,
    namespace: &Name,
) -> Result<(Vec<Selected>, Option<String>), Problem> {
    let mut found: Vec<Job> = Vec::new();
    let mut left_out = false;
    let place = jobs(namespace);
    let read = whole(caller, &place, JOBS, PAGES, |object| {
        found.extend(job(object));
        // A namespace may have more of them than fit here.
        left_out |= found.len() >= 2 * NEWEST && keep_newest(&mut found);
    });
    let is_whole = read.await?;
    left_out |= keep_newest(&mut found);
    let reader = caller.reader();
    let read = found.into_iter().map(|job| {
        let reader = reader.clone();
        async move {
            let selection = selection(&reader, &job).await;
            (job, selection)
        }
    });
    let jobs: Vec<Selected> = stream::iter(read).buffered(AT_ONCE).collect().await;
    let unread = jobs.iter().any(|(_, selection)| selection.is_none());
    let words = if unread {
        let namespace = namespace.as_str();
        Some(format!(
            "Where a device stands that the status of its job does not list is not known: it takes the right to list \
             controllerrevisions in namespace {namespace}."
        ))
    } else if !is_whole || left_out {
        Some(format!(
            "Only the newest {NEWEST} FlashJobs are considered."
        ))
    } else {
        None
    };
    Ok((jobs, words))
}

/// Leaves the jobs whose rounds began last, newest first. Returns whether there were more.
fn keep_newest(jobs: &mut Vec<Job>) -> bool {
    jobs.sort_by_key(|job| {
        let selection = job.status.selection.as_ref();
        Reverse(selection.and_then(|selection| Some(selection.time.as_ref()?.0)))
    });
    let more = jobs.len() > NEWEST;
    jobs.truncate(NEWEST);
    more
}

/// A job of which a round has begun.
fn job(object: Value) -> Option<Job> {
    flashjob(object).filter(|job| job.status.round.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_jobs_those_whose_rounds_began_last_are_kept() {
        let began = |minute: usize| {
            let object = json!({
                "apiVersion": "application.flashjob.nbfc.io/v1alpha1", "kind": "FlashJob",
                "metadata": {"name": format!("job-{minute}"), "namespace": "demo", "uid": format!("u-{minute}"), "resourceVersion": "1"},
                "spec": {"uuid": ["a"], "firmware": "f:1", "version": "1"},
                "status": {
                    "round": {"number": 1, "firmware": "f:1", "version": "1"},
                    "selection": {"count": 1, "hash": "00", "time": format!("2026-11-30T{:02}:{:02}:00Z", minute / 60, minute % 60)},
                },
            });
            job(object).unwrap()
        };
        let mut jobs: Vec<Job> = (0..=NEWEST).map(began).collect();
        assert!(keep_newest(&mut jobs));
        assert_eq!(jobs.len(), NEWEST);
        assert_eq!(jobs[0].name, format!("job-{NEWEST}"));
        assert!(!jobs.iter().any(|job| job.name == "job-0"));
        assert!(!keep_newest(&mut jobs));
    }

    #[test]
    fn a_device_that_no_job_has_selected_has_a_shape_of_its_own() {
        assert_eq!((tone(UNUSED), tone(UNFIT)), ("none", "none"));
        assert_eq!(tone("Failed"), "bad");
    }
}
