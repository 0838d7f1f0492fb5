//! The page of one device of a job: its attempts, versions, Pod, Service and the end of its log. Reads only.

use axum::{extract::Path, response::Response};
use flashjob_operator::{
    api::DeviceStatus, display, flashjob::explain::DeviceExplanation, flashjob::spec::job::Job,
};
use jiff::Timestamp;
use kube::{api::GetParams, core::Request};
use serde::Serialize;
use serde_json::{Value, json};

use super::template::{Refusal, html};
use crate::{
    cluster::Caller,
    problem::Problem,
    route::{Around, Name, OfDevice, OfJob, find, is_live, pods, services},
    view::{PodFacts, ServiceFacts},
};

/// An attempt of a device.
#[derive(Serialize, Clone, Debug, PartialEq, Eq)]
struct Try {
    number: usize,
    tone: &'static str,
    reason: String,
    is_last: bool,
}

/// What was read of an object, or why it was not.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Read<T> {
    facts: Option<T>,
    why_not: Option<String>,
}

/// The page.
pub async fn device(
    caller: Result<Caller, Problem>,
    Path(OfDevice {
        namespace,
        name,
        device,
    }): Path<OfDevice>,
) -> Result<Response, Refusal> {
    let caller = caller?;
    let place = OfJob { namespace, name };
    let around = Around::of(&caller, &place).await?;
    let known = around.known();
    let told = find(&caller, &around, &device).await?;
    let of_attempt = told.pod.clone().and_then(|pod| Name::try_from(pod).ok());
    let (pod, service) = match &of_attempt {
        Some(name) => {
            let pods = read(&caller, pods(&place.namespace), name, PodFacts::of);
            let services = read(&caller, services(&place.namespace), name, ServiceFacts::of);
            let (pod, service) = tokio::join!(pods, services);
            (Some(pod), Some(service))
        }
        None => (None, None),
    };
    let time = |time: Option<Timestamp>| time.map(display::time);
    let log = told.log_tail.as_deref().map(display::block);
    html(
        "device.html",
        &json!({
            "title": format!("Device {}", told.index.unwrap_or_default()), "namespace": place.namespace.as_str(),
            "name": place.name.as_str(), "now": display::time(known.now), "tone": tone(&told.phase), "device": &told,
            "started": time(told.start_time), "ended": time(told.completion_time), "next": time(told.next_time),
            "log": log, "live": is_live(&told), "tries": tries(known.job, &told), "pod": pod, "service": service,
        }),
    )
}

/// An object of the attempt; of what is gone or may not be read, the API server's words.
async fn read<T>(
    caller: &Caller,
    objects: Request,
    name: &Name,
    facts: impl FnOnce(Value) -> Option<T>,
) -> Read<T> {
    match caller
        .ask(objects.get(name.as_str(), &GetParams::default()))
        .await
    {
        Ok(answer) => {
            let facts = facts(answer.object);
            let unread = "the API server's answer cannot be read".to_owned();
            Read {
                why_not: facts.is_none().then_some(unread),
                facts,
            }
        }
        Err(problem) => Read {
            facts: None,
            why_not: Some(problem.detail),
        },
    }
}

/// The attempts of a device, oldest first.
fn tries(job: &Job, told: &DeviceExplanation) -> Vec<Try> {
    let is_it = |device: &&DeviceStatus| usize::try_from(device.index).ok() == told.index;
    let Some(device) = job.status.devices.iter().find(is_it) else {
        return Vec::new();
    };
    let earlier = device.earlier_failures.iter();
    let mut tries: Vec<Try> = earlier
        .enumerate()
        .map(|(at, reason)| Try {
            number: at + 1,
            tone: "bad",
            reason: reason.to_string(),
            is_last: false,
        })
        .collect();
    let begun = usize::try_from(device.attempts).unwrap_or(0);
    if begun > tries.len() {
        tries.push(Try {
            number: tries.len() + 1,
            tone: tone(&told.phase),
            reason: told.reason.clone(),
            is_last: true,
        });
    }
    tries
}

/// How a device stands, as the name of a class of the style sheet.
pub fn tone(phase: &str) -> &'static str {
    match phase {
        "Succeeded" => "good",
        "Failed" => "bad",
        "Skipped" => "skip",
        "Verifying" => "read",
        "Reserved" | "AwaitingAddress" | "Flashing" => "busy",
        "Waiting" => "held",
        _ => "patient",
    }
}
