//! The page of one job: how far it is, why nothing starts, what failed, what a person may order, and its devices. Reads only: orders go
//! to the API.

use axum::{
    extract::{Path, Query},
    response::Response,
};
use flashjob_operator::{
    api::DevicePhase, display, flashjob::explain, flashjob::plan::rollout::steps::approvers,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    device,
    row::tone,
    template::{Refusal, html},
};
use crate::{
    cluster::Caller,
    problem::Problem,
    route::{Around, OfJob, SUSPENSIONS, dynamic},
    view::{StepEntry, Steps, Wanted, entries, failures, orders, page, plot, progress, steps},
};

/// Devices of one part of the list.
const DEVICES: usize = 50;
/// Steps before and after the one that was reached which the bar shows.
const NEAR: usize = 3;

/// Which devices are shown. A form sends what was not chosen as an empty text.
#[derive(Deserialize, Serialize, Clone, Debug, Default)]
#[serde(deny_unknown_fields, default)]
pub struct Shown {
    from: usize,
    phase: String,
    reason: String,
    q: String,
}

/// The page.
pub async fn job(
    caller: Result<Caller, Problem>,
    Path(place): Path<OfJob>,
    Query(shown): Query<Shown>,
) -> Result<Response, Refusal> {
    let caller = caller?;
    let (namespace, name) = (place.namespace.as_str(), place.name.as_str());
    let (around, rights) =
        tokio::join!(Around::of(&caller, &place), caller.rights(namespace, name));
    let around = around?;
    let known = around.known();
    let job = known.job;
    let object = dynamic(&around.found.object)?;
    let devices = page(entries(job, known.selection), &wanted(&shown));
    let rows = devices.items.iter();
    let rows = rows.map(|device| json!({"device": device, "tone": device::tone(&device.phase)}));
    let rows: Vec<_> = rows.collect();
    let phases: Vec<_> = DevicePhase::ALL
        .iter()
        .map(|phase| phase.as_str())
        .collect();
    let step = job.status.step.as_ref();
    let spec = job.spec.as_ref().ok();
    html(
        "job.html",
        &json!({
            "title": job.name, "namespace": namespace, "name": name, "now": display::time(known.now), "tone": tone(job),
            "job": explain::job(&known), "firmware": spec.map(|spec| &spec.firmware), "version": spec.map(|spec| &spec.version),
            "progress": progress(job), "plot": plot(job, known.now), "steps": bar(steps(job, known.class)), "approvals": step.and_then(approvers),
            "failures": failures(&known), "orders": orders(job, &object, SUSPENSIONS, rights),
            "rows": rows, "selected": devices.selected, "matching": devices.matching, "next": devices.next, "shown": shown, "phases": phases, "unseen": around.unseen(),
        }),
    )
}

fn wanted(shown: &Shown) -> Wanted {
    let chosen = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    Wanted {
        from: shown.from,
        limit: DEVICES,
        phase: chosen(&shown.phase),
        reason: chosen(&shown.reason),
        text: chosen(&shown.q),
    }
}

/// The steps that the bar has room for: the first, the last, and those around the one that was reached. Each says how many steps are left
/// out before it.
pub fn bar(steps: Steps) -> Value {
    let Steps { of, items } = steps;
    let is_reached = |step: &StepEntry| step.done.is_some();
    let reached = items.iter().position(is_reached).unwrap_or(0);
    let last = items.len().saturating_sub(1);
    let mut shown: Vec<Value> = Vec::new();
    let mut left_out = 0;
    for (at, step) in items.iter().enumerate() {
        if at != 0 && at != last && at.abs_diff(reached) > NEAR {
            left_out += 1;
            continue;
        }
        let soak = step.soak_seconds.map(explain::span);
        shown.push(json!({
            "step": step, "reached": is_reached(step), "soak": soak, "leftOut": left_out, "tone": tone_of(step),
        }));
        left_out = 0;
    }
    json!({"of": of, "items": shown})
}

fn tone_of(step: &StepEntry) -> &'static str {
    match step.state.as_str() {
        "Done" => "good",
        "Running" => "busy",
        "Soaking" => "read",
        "AwaitingApproval" => "held",
        _ => "patient",
    }
}
