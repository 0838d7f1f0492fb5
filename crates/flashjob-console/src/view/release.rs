//! The Helm release of a device as its newest record has it: what was rendered, and which layer set each value. Pure.

use flashjob_operator::{
    display,
    flash_pod::intent::{Stored, is_foreign},
    flashclass::Frozen,
    flashjob::{
        blueprint::{Between, RecordedValue, recorded},
        spec::job::Job,
    },
};
use serde::Serialize;
use serde_json::Value;

/// Most bytes of a manifest, and most values, that are shown.
const MANIFEST: usize = 64 * 1024;
const VALUES: usize = 500;

/// A release in short.
#[derive(Serialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ReleaseFacts {
    name: String,
    revision: u32,
    status: &'static str,
    description: String,
    updated: Option<String>,
    chart: String,
    foreign: bool,
    manifest: String,
    is_cut: bool,
    values: Vec<ValueFacts>,
}

/// A value, and who set it.
#[derive(Serialize, Clone, Debug, PartialEq, Eq)]
pub struct ValueFacts {
    place: String,
    value: String,
    layer: &'static str,
}

/// What the round's class froze, as far as it is known.
#[derive(Debug)]
pub enum ClassOf {
    /// The round has none.
    None,
    /// It cannot be read.
    Unknown,
    /// This.
    Known(Box<Frozen>),
}

/// The newest of the revisions of a release.
#[must_use]
pub fn release(revisions: &[Stored], job: &Job, class: &ClassOf) -> Option<ReleaseFacts> {
    let stored = revisions
        .iter()
        .max_by_key(|stored| stored.record.version)?;
    let record = &stored.record;
    let updated = record.info.last_deployed.or(stored.modified_at);
    let manifest = record.manifest.trim();
    let end = manifest.floor_char_boundary(MANIFEST);
    let metadata = &record.chart.metadata;
    let chart = format!("{} {}", metadata.name, metadata.version);
    Some(ReleaseFacts {
        name: record.name.clone(),
        revision: record.version,
        status: record.info.status.as_str(),
        description: display::prose(&record.info.description, display::MESSAGE).into_owned(),
        updated: updated.map(display::time),
        chart: display::line(&chart, display::NAME).into_owned(),
        foreign: is_foreign(stored),
        manifest: display::block(&manifest[..end]).into_owned(),
        is_cut: end < manifest.len(),
        values: values(stored, job, class),
    })
}

fn values(stored: &Stored, job: &Job, class: &ClassOf) -> Vec<ValueFacts> {
    let intent = stored.record.attachment.as_ref();
    let round = job.status.round.as_ref();
    // Of another round the job and its class say nothing any more.
    let is_of_round = intent.is_some_and(|intent| {
        intent.job.uid == job.uid
            && round.is_some_and(|round| round.number == i64::from(intent.round))
    });
    let spec = job.spec.as_ref().ok();
    let said = spec.and_then(|spec| spec.values.as_ref());
    let said = said
        .and_then(|values| values.tree().ok())
        .map(Value::Object);
    let frozen = match class {
        ClassOf::Known(frozen) if is_of_round => Some(&**frozen),
        _ => None,
    };
    let pinned = frozen.and_then(|frozen| frozen.stored.firmware.as_ref());
    let pinned = pinned.and_then(|firmware| firmware.flash_image.as_ref());
    let pinned = pinned.map(|image| image.reference.as_str());
    let between = Between {
        job: said.as_ref(),
        class: frozen,
        class_is_unknown: !is_of_round || matches!(class, ClassOf::Unknown),
        flash_image: pinned.or_else(|| round?.flashjob_pod_image.as_deref()),
    };
    let told = recorded(&stored.record, between).into_iter();
    told.take(VALUES).map(ValueFacts::of).collect()
}

impl ValueFacts {
    fn of(recorded: RecordedValue) -> Self {
        let RecordedValue {
            place,
            value,
            layer,
        } = recorded;
        let value = match value {
            Value::String(text) => text,
            other => other.to_string(),
        };
        Self {
            place: display::line(&place.to_string(), display::PHRASE).into_owned(),
            value: display::line(&value, display::PHRASE).into_owned(),
            layer: layer.map_or(
                "not known: the class, the operator, or the job as it was",
                |layer| layer.words(),
            ),
        }
    }
}
