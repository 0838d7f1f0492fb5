//! What the audit log tells of one run: rate, latency, writes. Reads the log from where it stood when the run began.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{BufRead, BufReader, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use serde::Deserialize;

use super::measurement::percentile;

/// The log of one run.
pub struct Log {
    path: PathBuf,
    offset: u64,
}

/// One answered request, as far as it matters here.
struct Request {
    verb: String,
    user: String,
    resource: String,
    name: String,
    code: i64,
    received: Timestamp,
    answered: Timestamp,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    #[serde(borrow)]
    stage: Cow<'a, str>,
    #[serde(borrow)]
    verb: Cow<'a, str>,
    #[serde(borrow, rename = "requestURI")]
    request_uri: Cow<'a, str>,
    #[serde(borrow)]
    user: User<'a>,
    #[serde(borrow)]
    object_ref: Option<ObjectRef<'a>>,
    response_status: Option<ResponseStatus>,
    request_received_timestamp: Timestamp,
    stage_timestamp: Timestamp,
}

#[derive(Deserialize)]
struct User<'a> {
    #[serde(borrow)]
    username: Cow<'a, str>,
}

#[derive(Default, Deserialize)]
struct ObjectRef<'a> {
    #[serde(borrow, default)]
    resource: Cow<'a, str>,
    #[serde(borrow, default)]
    subresource: Cow<'a, str>,
    #[serde(borrow, default)]
    namespace: Cow<'a, str>,
    #[serde(borrow, default)]
    name: Cow<'a, str>,
}

#[derive(Deserialize)]
struct ResponseStatus {
    #[serde(default)]
    code: i64,
}

/// What a log says of a run.
#[derive(Default)]
pub struct Seen {
    /// Seconds from the first write for a device to the end of the last slot.
    pub flashing_seconds: f64,
    /// Devices whose Pod and Service are gone.
    pub freed: usize,
    /// Requests of who flashes, by the API server's verb.
    pub ours: BTreeMap<String, usize>,
    /// Writes of who flashes.
    pub writes: usize,
    /// Writes of statuses, by `FlashJob`, in the order of their times.
    pub status_writes: BTreeMap<String, Vec<Timestamp>>,
    /// From the creation of a FlashJob to the POST of the next Pod, in milliseconds, ascending.
    pub job_to_pod_ms: Vec<f64>,
    /// From a slot's end to the next POST.
    pub latency_ms: Option<(f64, f64)>,
}

impl Log {
    /// The log from now on.
    pub fn from_now(directory: &Path) -> Self {
        let path = directory.join("audit.log");
        let offset = std::fs::metadata(&path).map_or(0, |file| file.len());
        Self { path, offset }
    }

    /// What it says since, of one namespace. `user` flashes, with that many slots.
    pub fn read(&self, namespace: &str, user: &str, slots: usize) -> Seen {
        let mut file = File::open(&self.path).unwrap();
        file.seek(SeekFrom::Start(self.offset)).unwrap();
        let mut seen = Seen::default();
        let mut begun: BTreeMap<String, Timestamp> = BTreeMap::new();
        let mut freed: BTreeMap<String, Timestamp> = BTreeMap::new();
        let (mut jobs, mut pods) = (Vec::new(), Vec::new());
        for line in BufReader::new(file).split(b'\n') {
            let Some((request, of)) = parse(&line.unwrap()) else {
                continue;
            };
            if request.user == user {
                *seen.ours.entry(metric_verb(&request)).or_default() += 1;
                seen.writes += usize::from(is_write(&request));
            }
            if of != namespace || request.code >= 300 {
                continue;
            }
            if request.resource == "flashjobs/status" && is_write(&request) {
                let times = seen.status_writes.entry(request.name.clone()).or_default();
                times.push(request.answered);
            }
            if request.code == 201 && request.verb == "create" {
                match request.resource.as_str() {
                    "flashjobs" => jobs.push(request.received),
                    "pods" => pods.push(request.received),
                    _ => {}
                }
            }
            let Some(device) = uuid_in(&request.name) else {
                continue;
            };
            let born = request.code == 201 && request.user == user;
            if born && matches!(request.resource.as_str(), "secrets" | "services") {
                let first = begun.entry(device.clone()).or_insert(request.received);
                *first = request.received.min(*first);
            }
            let ends = match request.resource.as_str() {
                "pods" => matches!(request.verb.as_str(), "delete" | "patch"),
                "services" => request.verb == "delete",
                _ => false,
            };
            if ends {
                let last = freed.entry(device).or_insert(request.answered);
                *last = request.answered.max(*last);
            }
        }
        seen.finish(&begun, &freed, slots);
        seen.job_to_pod_ms = first_pods(jobs, pods);
        seen
    }
}

impl Seen {
    fn finish(
        &mut self,
        begun: &BTreeMap<String, Timestamp>,
        freed: &BTreeMap<String, Timestamp>,
        slots: usize,
    ) {
        let begun: BTreeSet<(Timestamp, &String)> =
            begun.iter().map(|(device, at)| (*at, device)).collect();
        let mut ends: Vec<Timestamp> = freed.values().copied().collect();
        ends.sort_unstable();
        self.freed = ends.len();
        if let (Some((first, _)), Some(last)) = (begun.first(), ends.last()) {
            self.flashing_seconds = last.duration_since(*first).as_secs_f64();
        }
        // With that many slots, the n-th to be freed is the one that the device after the first that many gets.
        let next = begun.iter().skip(slots).map(|(at, _)| *at);
        let mut latencies: Vec<f64> = next
            .zip(&ends)
            .map(|(posted, freed)| posted.duration_since(*freed).as_secs_f64().max(0.0) * 1000.0)
            .collect();
        latencies.sort_by(f64::total_cmp);
        self.latency_ms = percentile(&latencies, 0.5).zip(percentile(&latencies, 0.99));
    }
}

/// Milliseconds from each job to the first Pod after it, ascending.
fn first_pods(jobs: Vec<Timestamp>, mut pods: Vec<Timestamp>) -> Vec<f64> {
    pods.sort_unstable();
    let waits = jobs.into_iter().filter_map(|created| {
        let pod = pods.iter().find(|pod| **pod >= created)?;
        Some(pod.duration_since(created).as_secs_f64() * 1000.0)
    });
    let mut waits: Vec<f64> = waits.collect();
    waits.sort_by(f64::total_cmp);
    waits
}

fn parse(line: &[u8]) -> Option<(Request, String)> {
    // A line that is being written is left out.
    let event: Event<'_> = serde_json::from_slice(line).ok()?;
    if event.stage != "ResponseComplete" || event.request_uri.contains("dryRun=All") {
        return None;
    }
    let of = event.object_ref.unwrap_or_default();
    let resource = if of.subresource.is_empty() {
        of.resource.into_owned()
    } else {
        format!("{}/{}", of.resource, of.subresource)
    };
    // Only what is applied says whether with force; every patch may name its field manager.
    let apply = event.request_uri.contains("force=") && event.verb == "patch";
    let request = Request {
        verb: if apply {
            "apply".to_owned()
        } else {
            event.verb.into_owned()
        },
        user: event.user.username.into_owned(),
        resource,
        name: of.name.into_owned(),
        code: event.response_status.map_or(0, |status| status.code),
        received: event.request_received_timestamp,
        answered: event.stage_timestamp,
    };
    Some((request, of.namespace.into_owned()))
}

fn is_write(request: &Request) -> bool {
    !matches!(request.verb.as_str(), "get" | "list" | "watch")
}

/// The verb as the API server's metrics have it.
fn metric_verb(request: &Request) -> String {
    match request.verb.as_str() {
        "create" => "POST".to_owned(),
        "update" => "PUT".to_owned(),
        "get" if request.resource == "pods/log" => "CONNECT".to_owned(),
        other => other.to_uppercase(),
    }
}

/// The UUID in the name of an object of a device.
fn uuid_in(name: &str) -> Option<String> {
    let is_uuid = |text: &&[u8]| {
        text.iter().enumerate().all(|(place, byte)| match place {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
    };
    let found = name.as_bytes().windows(36).find(is_uuid)?;
    String::from_utf8(found.to_vec()).ok()
}
