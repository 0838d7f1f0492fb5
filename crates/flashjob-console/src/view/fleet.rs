//! The devices of a namespace, as Akri discovered them, with what the FlashJobs of the namespace say of each. Pure.

use std::collections::{BTreeMap, HashMap};

use flashjob_operator::{
    api::{Instance, SelectedDevice},
    cli::history::normal,
    device::Device,
    display,
    flashjob::spec::job::Job,
};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::device::{DeviceEntry, entries};

/// Most devices that a fleet has here.
pub const MOST: usize = 20_000;
/// Most types and most versions of a type that have bars of their own.
const BARS: usize = 12;
/// Phase of a device that no FlashJob has selected.
pub const UNUSED: &str = "NotSelected";
/// Phase of a device whose Instance says too little for a flash.
pub const UNFIT: &str = "NotFlashable";
/// Phases of a device that something is done with.
const BUSY: [&str; 5] = [
    "Reserved",
    "AwaitingAddress",
    "Flashing",
    "Verifying",
    "Waiting",
];

/// A device of the namespace.
#[derive(Serialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct FleetDevice {
    /// Name of its Instance; empty where it has none now.
    pub name: String,
    /// uid of its Instance, or what the job calls it.
    pub uuid: String,
    /// Where it listens.
    pub endpoint: String,
    /// Its type.
    pub kind: String,
    /// Version that it reports.
    pub version: String,
    /// Its phase in the newest job that selected it.
    pub phase: String,
    /// That job.
    pub job: Option<String>,
    /// Its index there.
    pub index: Option<usize>,
}

/// A job with its frozen selection, as far as that can be read.
pub type Selected = (Job, Option<Vec<SelectedDevice>>);

/// What a job says of a device.
struct Standing<'a> {
    job: &'a Job,
    since: Option<Timestamp>,
    entry: DeviceEntry,
    found: bool,
}

impl Standing<'_> {
    fn is_busy(&self) -> bool {
        BUSY.contains(&self.entry.phase.as_str())
    }

    /// Whether this is what holds of a device of which a job says that.
    fn outweighs(&self, other: &Self) -> bool {
        (self.is_busy(), self.since) >= (other.is_busy(), other.since)
    }
}

fn text(text: &str) -> String {
    display::line(text, display::NAME).into_owned()
}

/// What the jobs say, by endpoint, or by UUID where they know no endpoint.
fn standings(jobs: &[Selected]) -> HashMap<String, Standing<'_>> {
    let mut known: HashMap<String, Standing<'_>> = HashMap::new();
    for (job, selection) in jobs {
        let since = job.status.selection.as_ref();
        let since = since.and_then(|selection| Some(selection.time.as_ref()?.0));
        for entry in entries(job, selection.as_deref()) {
            let endpoint = entry.endpoint.as_deref().map(normal);
            let Some(key) = endpoint.or_else(|| entry.uuid.clone()) else {
                continue;
            };
            let standing = Standing {
                job,
                since,
                entry,
                found: false,
            };
            if known
                .get(&key)
                .is_none_or(|before| standing.outweighs(before))
            {
                known.insert(key, standing);
            }
        }
    }
    known
}

/// The devices, by type and name. Those of jobs that no Instance tells of any more are among them as long as something is done with
/// them or it went wrong; all of them where the Instances are not known.
#[must_use]
pub fn fleet(instances: Option<&[Instance]>, jobs: &[Selected]) -> Vec<FleetDevice> {
    let mut known = standings(jobs);
    let mut devices: Vec<FleetDevice> = instances
        .unwrap_or_default()
        .iter()
        .map(|instance| present(instance, &mut known))
        .collect();
    let of_jobs = known.into_values().filter(|standing| !standing.found);
    let shown = |standing: &Standing<'_>| {
        instances.is_none() || standing.is_busy() || standing.entry.phase == "Failed"
    };
    devices.extend(of_jobs.filter(shown).map(|standing| absent(&standing)));
    devices.sort_by(|a, b| (&a.kind, &a.name, &a.uuid).cmp(&(&b.kind, &b.name, &b.uuid)));
    devices.truncate(MOST);
    devices
}

fn present(instance: &Instance, known: &mut HashMap<String, Standing<'_>>) -> FleetDevice {
    let meta = &instance.metadata;
    let property = |name: &str| {
        let value = instance.spec.broker_properties.get(name);
        value.map(|value| text(value)).unwrap_or_default()
    };
    let name = meta.name.as_deref().unwrap_or_default();
    let uuid = meta.uid.as_deref().unwrap_or_default();
    let endpoint = property("HOST_ENDPOINT");
    let key = normal(&endpoint);
    let key = if known.contains_key(&key) {
        key
    } else {
        uuid.to_owned()
    };
    let mut device = FleetDevice {
        name: text(name),
        uuid: text(uuid),
        endpoint,
        kind: property("DEVICE"),
        version: property("VERSION"),
        phase: UNUSED.to_owned(),
        job: None,
        index: None,
    };
    if let Some(standing) = known.get_mut(&key) {
        standing.found = true;
        device.phase.clone_from(&standing.entry.phase);
        device.job = Some(standing.job.name.clone());
        device.index = Some(standing.entry.index);
    } else if Device::parse(instance).is_err() {
        UNFIT.clone_into(&mut device.phase);
    }
    device
}

fn absent(standing: &Standing<'_>) -> FleetDevice {
    let Standing { job, entry, .. } = standing;
    let bounded = |told: &Option<String>| told.as_deref().map(text).unwrap_or_default();
    FleetDevice {
        name: String::new(),
        uuid: bounded(&entry.uuid),
        endpoint: bounded(&entry.endpoint),
        kind: bounded(&entry.device),
        version: bounded(&entry.to_version),
        phase: entry.phase.clone(),
        job: Some(job.name.clone()),
        index: Some(entry.index),
    }
}

impl FleetDevice {
    /// Whether each of these words is in one of its texts.
    #[must_use]
    pub fn is_meant(&self, words: &[String]) -> bool {
        let job = self.job.as_deref().unwrap_or_default();
        let texts = [
            &self.name,
            &self.uuid,
            &self.endpoint,
            &self.kind,
            &self.version,
            &self.phase,
            job,
        ];
        have(texts, words)
    }
}

/// Whether each of these words, in small letters, is in one of the texts.
#[must_use]
pub fn have<'a>(texts: impl IntoIterator<Item = &'a str>, words: &[String]) -> bool {
    let texts: Vec<_> = texts.into_iter().map(str::to_lowercase).collect();
    let found = |word: &String| texts.iter().any(|text| text.contains(word));
    words.iter().all(found)
}

/// The words of a filter, in small letters.
#[must_use]
pub fn words(filter: &str) -> Vec<String> {
    filter.split_whitespace().map(str::to_lowercase).collect()
}

/// How many devices have each text, the most frequent first.
pub fn counted<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<(&'a str, usize)> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for text in texts {
        *counts.entry(text).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(_, devices)| std::cmp::Reverse(*devices));
    counts
}

/// Devices of a type by the version that they report.
#[derive(Serialize, Clone, Debug, PartialEq, Eq)]
pub struct KindVersions<'a> {
    kind: &'a str,
    devices: usize,
    versions: Vec<(&'a str, usize)>,
    /// Devices of versions that have no bar.
    others: usize,
}

/// The types with the most devices, each with the versions that most of them report.
#[must_use]
pub fn versions<'a>(devices: &[&'a FleetDevice]) -> Vec<KindVersions<'a>> {
    let kinds = counted(devices.iter().map(|device| device.kind.as_str()));
    let of = |(kind, count): (&'a str, usize)| {
        let of_kind = devices.iter().filter(|device| device.kind == kind);
        let mut versions = counted(of_kind.map(|device| device.version.as_str()));
        let others = versions.split_off(versions.len().min(BARS));
        KindVersions {
            kind,
            devices: count,
            versions,
            others: others.iter().map(|(_, devices)| devices).sum(),
        }
    };
    kinds.into_iter().take(BARS).map(of).collect()
}

/// The devices for the script that draws them: texts that repeat stand once, and each device is a list.
#[must_use]
pub fn drawn(devices: &[FleetDevice], tone: fn(&str) -> &'static str) -> Value {
    let mut tables = [
        Table::default(),
        Table::default(),
        Table::default(),
        Table::default(),
    ];
    let rows: Vec<Value> = devices
        .iter()
        .map(|device| {
            let [kinds, versions, phases, jobs] = &mut tables;
            json!([
                device.name,
                device.uuid,
                device.endpoint,
                kinds.place(&device.kind),
                versions.place(&device.version),
                phases.place(&device.phase),
                device.job.as_deref().map(|job| jobs.place(job)),
                device.index,
            ])
        })
        .collect();
    let [kinds, versions, phases, jobs] = tables.map(|table| table.texts);
    let tones: Vec<_> = phases.iter().map(|phase| tone(phase)).collect();
    json!({"kinds": kinds, "versions": versions, "phases": phases, "tones": tones, "jobs": jobs, "devices": rows})
}

/// Texts, each once.
#[derive(Default)]
struct Table {
    texts: Vec<String>,
    places: HashMap<String, usize>,
}

impl Table {
    fn place(&mut self, text: &str) -> usize {
        if let Some(place) = self.places.get(text) {
            return *place;
        }
        let place = self.texts.len();
        self.texts.push(text.to_owned());
        self.places.insert(text.to_owned(), place);
        place
    }
}

#[cfg(test)]
#[path = "fleet_tests.rs"]
mod tests;
