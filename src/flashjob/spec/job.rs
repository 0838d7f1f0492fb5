//! A FlashJob parsed at the border: identity without options, defaults applied in one place, index sets ready to use. Pure.
//!
//! A stored object that the current schema would refuse still parses: it must be possible to finish and delete it.

use std::{collections::HashSet, marker::PhantomData, sync::Arc};

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{Resource, core::PartialObjectMeta};

pub use super::finals::Finals;
use super::{finals::index_set, intervals::Intervals, rerun, steps, tampered};
use crate::{
    api::{
        FlashJob, FlashJobSpec, FlashJobStatus, Guarded, JobValues, NEVER_OBSERVED, Round,
        rule::{FIRMWARE, IMAGE, MAX_UUIDS, UUID, VERSION},
    },
    device::Selector,
    flashclass::{Asks, DEFAULT_ACTIVE_DEADLINE_SECONDS},
    identifiers::{JobUid, Uuid},
    names::FINALIZER,
    seam::{Bug, planted},
};

/// See the module's documentation.
#[derive(Clone, Debug)]
pub struct Job {
    /// Name.
    pub name: String,
    /// Namespace.
    pub namespace: String,
    /// uid.
    pub uid: JobUid,
    /// Resource version, comparable within the kind.
    pub version: u64,
    /// Generation of the spec.
    pub generation: i64,
    /// Whether its deletion was asked for.
    pub deleting: bool,
    /// Whether the operator's finalizer is on it.
    pub has_finalizer: bool,
    /// The spec, or why it cannot be read.
    pub spec: Result<FlashJobSpec, String>,
    /// What in the spec cannot be carried out, if anything: today's rules, for objects stored under yesterday's.
    pub invalid: Option<String>,
    /// The status as it is stored, its texts bounded.
    pub status: FlashJobStatus,
    /// What of the stored status the operator cannot have written, if anything: nothing of it is acted upon or overwritten.
    pub tampered: Option<String>,
    /// Devices that are final in the current round, as stored.
    pub finals: Finals,
    /// Devices that the selector chose, by index, as stored.
    pub chosen: Intervals,
    /// UUIDs that the spec names.
    pub listed: Arc<HashSet<Uuid>>,
    /// The object as it was read, without its spec and status.
    pub object: PartialObjectMeta<FlashJob>,
}

impl Job {
    /// Parses what was read. None where the API server left out what it always sets.
    #[must_use]
    pub fn parse(guard: &Guarded<FlashJob>) -> Option<Self> {
        let spec = guard.0.as_ref().map(|object| object.spec.clone());
        let status = guard
            .0
            .as_ref()
            .ok()
            .and_then(|object| object.status.clone());
        let spec = spec.map_err(|unreadable| unreadable.error.clone());
        Self::of(guard.meta().clone(), spec, status.unwrap_or_default())
    }

    /// Parses the answer to a write.
    #[must_use]
    pub fn of_answer(object: FlashJob) -> Option<Self> {
        let status = object.status.unwrap_or_default();
        Self::of(object.metadata, Ok(object.spec), status)
    }

    fn of(
        metadata: ObjectMeta,
        spec: Result<FlashJobSpec, String>,
        mut status: FlashJobStatus,
    ) -> Option<Self> {
        status.observed_generation = status
            .observed_generation
            .filter(|seen| *seen != NEVER_OBSERVED);
        let tampered = tampered::take_in(&mut status);
        let spec = spec.map(as_planted);
        Some(Self {
            name: metadata.name.clone()?,
            namespace: metadata.namespace.clone()?,
            uid: metadata.uid.as_deref()?.into(),
            version: metadata.resource_version.as_deref()?.parse().ok()?,
            generation: metadata.generation.unwrap_or_default(),
            deleting: metadata.deletion_timestamp.is_some(),
            has_finalizer: metadata
                .finalizers
                .iter()
                .flatten()
                .any(|finalizer| finalizer == FINALIZER),
            invalid: spec.as_ref().ok().and_then(invalid),
            tampered,
            finals: Finals::of(&status),
            chosen: index_set(
                status
                    .selection
                    .as_ref()
                    .and_then(|selection| selection.selector_indexes.as_deref()),
                &status,
            ),
            listed: Arc::new(
                spec.iter()
                    .flat_map(|spec| spec.uuid.iter().map(|uuid| uuid.as_str().into()))
                    .collect(),
            ),
            spec,
            status,
            object: PartialObjectMeta {
                types: None,
                metadata,
                _phantom: PhantomData,
            },
        })
    }

    /// The whole object again; its spec is empty where it cannot be read.
    #[must_use]
    pub fn to_object(&self) -> FlashJob {
        FlashJob {
            metadata: self.object.metadata.clone(),
            spec: self.spec.clone().unwrap_or_default(),
            status: Some(self.status.clone()),
        }
    }

    /// What decides about its class; none where the spec cannot be read.
    #[must_use]
    pub fn asks(&self) -> Option<Asks<'_>> {
        let spec = self.spec.as_ref().ok()?;
        let stamped = self.status.flash_class.as_ref();
        Some(Asks {
            namespace: &self.namespace,
            spec,
            stamped: stamped.filter(|_| self.round_is_current()),
        })
    }

    /// Seconds that a flash may take.
    #[must_use]
    pub fn active_deadline_seconds(&self) -> i64 {
        let spec = self.spec.as_ref().ok();
        spec.and_then(|spec| spec.active_deadline_seconds_per_device)
            .unwrap_or(DEFAULT_ACTIVE_DEADLINE_SECONDS)
    }

    /// The round that the spec asks for, numbered `number`.
    #[must_use]
    pub fn wanted_round(&self, number: i64) -> Option<Round> {
        let spec = self.spec.as_ref().ok()?;
        Some(Round {
            number,
            firmware: spec.firmware.clone(),
            version: spec.version.clone(),
            flashjob_pod_image: spec
                .flashjob_pod_image
                .clone()
                .filter(|image| !image.is_empty()),
        })
    }

    /// Whether the operator has never stored a status: the CRD gives a new job the generation -1.
    #[must_use]
    pub fn is_unseen(&self) -> bool {
        self.status.observed_generation.is_none_or(|seen| seen < 0)
    }

    /// Whether the stored round is the one that the spec asks for.
    #[must_use]
    pub fn round_is_current(&self) -> bool {
        let same = |round: &Round| self.wanted_round(round.number).as_ref() == Some(round);
        self.status.round.as_ref().is_some_and(same) && !rerun::wants_round(self)
    }

    /// Whether the spec names the selected device at this index: its uuid does, or its selector did when it was carried out.
    #[must_use]
    pub fn wants(&self, index: usize, uuid: &Uuid) -> bool {
        self.spec.is_err() || self.chosen.contains(index) || self.listed.contains(uuid)
    }

    /// Whether the spec names no device and no way to find any.
    #[must_use]
    pub fn names_nothing(&self) -> bool {
        self.spec
            .as_ref()
            .is_ok_and(|spec| spec.uuid.is_empty() && spec.device_selector.is_none())
    }

    /// Whether the job says that nothing new starts.
    #[must_use]
    pub fn suspended(&self) -> bool {
        self.spec
            .as_ref()
            .is_ok_and(|spec| spec.suspend == Some(true))
    }

    /// When the job finished, if the stored status says so of the current generation.
    #[must_use]
    pub fn finished_at(&self) -> Option<Timestamp> {
        if self.status.observed_generation != Some(self.generation) {
            return None;
        }
        self.status.completion_time.as_ref().map(|time| time.0)
    }
}

/// The first field of a spec that today's rules refuse, and why.
fn invalid(spec: &FlashJobSpec) -> Option<String> {
    let fields = [
        ("firmware", Some(&spec.firmware), &FIRMWARE),
        ("version", Some(&spec.version), &VERSION),
        ("flashjobPodImage", spec.flashjob_pod_image.as_ref(), &IMAGE),
    ];
    for (name, text, rule) in fields {
        if let Some(text) = text.filter(|text| !rule.accepts(text)) {
            return Some(format!("spec.{name}: {text:?} {}", rule.message));
        }
    }
    if let Some(uuid) = spec.uuid.iter().find(|uuid| !UUID.accepts(uuid)) {
        return Some(format!("spec.uuid: {uuid:?} {}", UUID.message));
    }
    if spec.uuid.len() > MAX_UUIDS {
        return Some(format!(
            "spec.uuid: {} items, at most {MAX_UUIDS} are allowed",
            spec.uuid.len()
        ));
    }
    if let Some(fault) = spec.values.as_ref().and_then(JobValues::fault) {
        return Some(format!(
            "spec.values: {fault}; leave out what the chart or the class sets already"
        ));
    }
    if let Some(selector) = &spec.device_selector
        && let Err(error) = Selector::parse(selector)
    {
        return Some(format!("spec.deviceSelector: {error}"));
    }
    steps::invalid(spec)
}

/// The spec, without what a planted bug does not look at.
fn as_planted(mut spec: FlashJobSpec) -> FlashJobSpec {
    if planted(Bug::AllStepsAtOnce) {
        spec.steps.clear();
    }
    if planted(Bug::SentIsEnough) {
        spec.verification = None;
    }
    spec
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(spec: &serde_json::Value) -> Guarded<FlashJob> {
        serde_json::from_value(serde_json::json!({
            "apiVersion": "application.flashjob.nbfc.io/v1alpha1", "kind": "FlashJob",
            "metadata": {"name": "lamps", "namespace": "lab", "uid": "u-1", "resourceVersion": "12", "generation": 3},
            "spec": spec,
        }))
        .unwrap()
    }

    #[test]
    fn nulls_of_the_original_s_files_mean_absent() {
        let job = Job::parse(&object(&serde_json::json!({
            "uuid": ["a"], "firmware": "f", "version": "1", "hostEndpoint": null, "device": null, "parallelism": null,
        })))
        .unwrap();
        assert_eq!(job.spec.as_ref().unwrap().device, None);
        assert_eq!(job.spec.as_ref().unwrap().parallelism, None);
    }

    #[test]
    fn a_spec_that_cannot_be_read_still_gives_a_job_that_can_be_deleted() {
        let job = Job::parse(&object(&serde_json::json!({"uuid": "not a list"}))).unwrap();
        assert!(job.spec.is_err());
        assert_eq!(job.active_deadline_seconds(), 600);
        assert!(job.wanted_round(1).is_none());
    }

    #[test]
    fn values_that_are_too_many_are_refused_with_their_size_and_are_not_kept() {
        let values = |json: &str| {
            let spec =
                serde_json::json!({"uuid": ["a"], "firmware": "f", "version": "1", "values": "@"});
            let text =
                serde_json::json!({"metadata": object(&spec).meta(), "spec": spec}).to_string();
            let guard = serde_json::from_str(&text.replace("\"@\"", json)).unwrap();
            let job = Job::parse(&guard).unwrap();
            assert!(job.spec.is_ok(), "{:?}", job.spec);
            job.invalid
        };
        // The worst kind: each of these maps takes seven bytes of text and several hundred of memory.
        let many = format!("{{\"a\": [{}{{}}]}}", "{\"\": 0}, ".repeat(200_000));
        assert_eq!(
            values(&many).as_deref(),
            Some(
                "spec.values: 1400010 bytes as JSON, at most 32768 are allowed; \
                 leave out what the chart or the class sets already"
            )
        );
        let deep = format!("{}{{}}{}", "{\"a\": ".repeat(65), "}".repeat(65));
        assert_eq!(
            values(&deep).as_deref(),
            Some(
                "spec.values: maps and lists stand deeper in each other than 64 levels; \
                 leave out what the chart or the class sets already"
            )
        );
        assert_eq!(
            values(&format!("{{\"a\": \"{}\"}}", "x".repeat(32_000))),
            None
        );
    }

    #[test]
    fn a_change_of_the_firmware_asks_for_another_round() {
        let mut job = Job::parse(&object(
            &serde_json::json!({"uuid": ["a"], "firmware": "f", "version": "1"}),
        ))
        .unwrap();
        assert!(!job.round_is_current(), "no round yet");
        job.status.round = job.wanted_round(1);
        assert!(job.round_is_current());
        job.spec.as_mut().unwrap().firmware = "g".into();
        assert!(!job.round_is_current());
    }
    #[test]
    fn a_job_is_unseen_until_a_generation_of_it_was_observed() {
        let mut unseen = Vec::new();
        for generation in [None, Some(-2), Some(NEVER_OBSERVED), Some(0), Some(3)] {
            let of = serde_json::json!({"uuid": ["a"], "firmware": "f", "version": "1"});
            let mut job = Job::parse(&object(&of)).unwrap().to_object();
            job.status = Some(FlashJobStatus {
                observed_generation: generation,
                ..FlashJobStatus::default()
            });
            unseen.push(Job::of_answer(job).unwrap().is_unseen());
        }
        assert_eq!(unseen, [true, true, true, false, false]);
    }

    #[test]
    fn a_job_wants_what_it_lists_or_chose_and_everything_where_its_spec_cannot_be_read() {
        let of = serde_json::json!({"uuid": ["a"], "firmware": "f", "version": "1"});
        let mut job = Job::parse(&object(&of)).unwrap();
        job.chosen = Intervals::parse("1", 3).unwrap();
        let wanted =
            |job: &Job| [(0, "a"), (1, "b"), (2, "c")].map(|(at, id)| job.wants(at, &id.into()));
        assert_eq!(wanted(&job), [true, true, false]);
        job.spec = Err("unreadable".into());
        assert_eq!(wanted(&job), [true; 3]);
    }

    #[test]
    fn a_job_names_nothing_where_it_has_neither_uuids_nor_a_selector() {
        let names_nothing = |names: &serde_json::Value| {
            let mut of = serde_json::json!({"firmware": "f", "version": "1"});
            let names = names.as_object().cloned().unwrap();
            of.as_object_mut().unwrap().extend(names);
            Job::parse(&object(&of)).unwrap().names_nothing()
        };
        assert!(names_nothing(&serde_json::json!({"uuid": []})));
        assert!(!names_nothing(&serde_json::json!({"uuid": ["a"]})));
        let selector = serde_json::json!({"deviceSelector": {"namespaces": ["lab"]}});
        assert!(!names_nothing(&selector));
        let unreadable = serde_json::json!({"uuid": "not a list"});
        assert!(!names_nothing(&unreadable));
    }
}
