//! The page of one device of a job: what became of it, versions, Pod, Service, release and the end of its log. Reads only.

use axum::{extract::Path, response::Response};
use flashjob_operator::{device::StoredSlice, display, flashclass::thaw, flashjob::spec::job::Job};
use kube::{
    api::{GetParams, ListParams},
    core::Request,
};
use serde::Serialize;
use serde_json::{Value, json};

use super::template::{Refusal, html};
use crate::{
    cluster::Caller,
    problem::Problem,
    route::{
        Around, Name, OfDevice, OfJob, RECORDS, find, is_live, pods, secrets, services, stored,
    },
    view::{ClassOf, PodFacts, ReleaseFacts, ServiceFacts, release, timeline},
};

/// Most revisions of a release that are read.
const REVISIONS: u32 = 20;

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
    let release = match &told.release {
        Some(name) => Some(release_of(&caller, &place.namespace, name, known.job).await),
        None => None,
    };
    let seen = pod.as_ref().and_then(|pod| pod.facts.as_ref());
    let moments = timeline(known.job, &told, seen, tone(&told.phase));
    let log = told.log_tail.as_deref().map(display::block);
    html(
        "device.html",
        &json!({
            "title": format!("Device {}", told.index.unwrap_or_default()), "namespace": place.namespace.as_str(),
            "name": place.name.as_str(), "now": display::time(known.now), "tone": tone(&told.phase), "device": &told,
            "next": told.next_time.map(display::time), "log": log, "live": is_live(&told), "moments": moments, "pod": pod,
            "service": service, "release": release,
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

/// The release of the device, as its newest record has it.
async fn release_of(
    caller: &Caller,
    namespace: &Name,
    name: &str,
    job: &Job,
) -> Read<ReleaseFacts> {
    let refused = |why: String| Read {
        facts: None,
        why_not: Some(why),
    };
    let parameters = ListParams {
        label_selector: Some(format!("{RECORDS},name={name}")),
        limit: Some(REVISIONS),
        ..ListParams::default()
    };
    let mut list = match caller.ask(secrets(namespace).list(&parameters)).await {
        Ok(answer) => answer.object,
        Err(problem) => return refused(problem.detail),
    };
    let Value::Array(items) = list["items"].take() else {
        return refused("the API server's answer cannot be read".to_owned());
    };
    let records: Vec<_> = items.into_iter().filter_map(stored).collect();
    let facts = release(&records, job, &class_of(caller, job).await);
    let gone =
        "It is gone: the release of a device is kept while it is flashed, and after a failure.";
    Read {
        why_not: facts.is_none().then(|| gone.to_owned()),
        facts,
    }
}

/// What the class of the round froze, as far as the caller may read it.
async fn class_of(caller: &Caller, job: &Job) -> ClassOf {
    let (Some(stamp), Some(round)) = (&job.status.flash_class, &job.status.round) else {
        return ClassOf::None;
    };
    let mut revisions = Vec::new();
    // Only the class is needed; the devices stored next to it may number a hundred thousand and are dropped.
    let take = |mut revision| {
        StoredSlice::take(&mut revision);
        revisions.push(revision);
    };
    let reader = caller.reader();
    if let Err(error) = reader.revisions(&job.namespace, &job.uid, take).await {
        tracing::debug!(error = %error, "what the round froze of its class cannot be read");
    }
    let frozen = thaw(&revisions, stamp, round.number);
    frozen.map_or(ClassOf::Unknown, |frozen| ClassOf::Known(Box::new(frozen)))
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
