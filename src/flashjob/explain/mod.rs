//! A FlashJob in plain words: what is in flight, what waits and why, what comes next and when, and what a person can do. Pure.
//!
//! Made from what is stored alone: nothing is decided anew, so that it says what the operator says. Called by `kubectl flashjob
//! explain`; `text` prints it.

mod advice;
mod device;
mod group;
mod next;
mod outlook;
mod text;
mod waits;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use self::{group::not_begun, next::next};
use crate::api::{
    ConditionType, Counts, DevicePhase, DeviceStatus, FlashClass, Round, SelectedDevice,
    StepStatus, Word,
};
use crate::flashjob::spec::job::Job;

pub(crate) use self::text::{heading, line};
pub use self::{
    advice::Advice,
    device::{DeviceExplanation, Present, device},
    group::Group,
    next::Next,
    outlook::seconds_left,
    text::{device_text, job_text, span},
};

/// Most devices of one list that are named one by one.
const MOST_LISTED: usize = 20;

/// What was read of a job and around it.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// The job.
    pub job: &'a Job,
    /// The frozen selection of its round; none where it cannot be read.
    pub selection: Option<&'a [SelectedDevice]>,
    /// Its class; none where there is none, or it may not be read.
    pub class: Option<&'a FlashClass>,
    /// Whether the operator watches the namespace of the job; none where its settings may not be read.
    pub watched: Option<bool>,
    /// The current time.
    pub now: Timestamp,
}

/// See the module's documentation.
#[derive(Serialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// Name of the job.
    pub job: String,
    /// Its namespace.
    pub namespace: String,
    /// When this was said.
    #[schemars(with = "String")]
    pub time: Timestamp,
    /// `InProgress`, `Running`, `Completed` or `Failed`; none before the operator has looked at the job.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// Why, in one word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Why, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The status speaks of an older spec: the operator has not looked at the newest one.
    pub outdated: bool,
    /// It is being deleted.
    pub deleting: bool,
    /// What its deletion waits for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub draining: Option<String>,
    /// When it finished.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub finished_at: Option<Timestamp>,
    /// The round.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub round: Option<Round>,
    /// The class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<ClassWords>,
    /// The step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<StepStatus>,
    /// Devices by state.
    pub counts: Counts,
    /// What is in flight or read back.
    pub in_flight: Vec<DeviceLine>,
    /// What waits for a reason of its own.
    pub waiting: Vec<DeviceLine>,
    /// Devices that no entry speaks of and that have not begun, by what they wait for.
    pub not_begun: Vec<Group>,
    /// What failed, newest first; all of it is in `status.failedIndexes`.
    pub failed: Vec<DeviceLine>,
    /// What comes next, soonest first.
    pub next: Vec<Next>,
    /// What a person can do.
    pub advice: Vec<Advice>,
}

/// What the job's class says to it now.
#[derive(Serialize, JsonSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ClassWords {
    /// Its name.
    pub name: String,
    /// Whether it could be read.
    pub readable: bool,
    /// Nothing new of any job of it starts.
    pub suspended: bool,
    /// Why it cannot be used, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// One device in a list.
#[derive(Serialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct DeviceLine {
    /// Place in the selection, from 0.
    pub index: i64,
    /// UUID.
    pub uuid: String,
    /// Its endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Where it stands.
    pub phase: String,
    /// Why, in one word.
    pub reason: String,
    /// Why, in words.
    pub message: String,
    /// When its attempt began.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub since: Option<Timestamp>,
    /// When it goes on by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub until: Option<Timestamp>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub ended: Option<Timestamp>,
}

/// Explains a job.
#[must_use]
pub fn job(known: &Known<'_>) -> Explanation {
    let status = &known.job.status;
    let mut lists = Lists::of(&status.devices);
    let mut explanation = Explanation {
        job: known.job.name.clone(),
        namespace: known.job.namespace.clone(),
        time: known.now,
        phase: status.phase.as_ref().map(Word::to_string),
        reason: status.reason.as_ref().map(Word::to_string),
        message: status.message.clone().or_else(|| unseen_yet(known)),
        outdated: status.observed_generation != Some(known.job.generation),
        deleting: known.job.deleting,
        draining: draining(known.job),
        finished_at: finished_at(known.job),
        round: status.round.clone(),
        class: class(known),
        step: status.step.clone(),
        counts: status.counts.unwrap_or_default(),
        not_begun: not_begun(known),
        next: Vec::new(),
        advice: Vec::new(),
        in_flight: std::mem::take(&mut lists.in_flight),
        waiting: std::mem::take(&mut lists.waiting),
        failed: lists.failed,
    };
    explanation.next = next(known, &explanation);
    explanation.advice = advice::of_job(known, &explanation);
    explanation
}

/// Why the job has no status, where it has none.
fn unseen_yet(known: &Known<'_>) -> Option<String> {
    let unseen = known.job.is_unseen() && !known.job.deleting;
    unseen.then(|| waits::unseen(known))
}

struct Lists {
    in_flight: Vec<DeviceLine>,
    waiting: Vec<DeviceLine>,
    failed: Vec<DeviceLine>,
}

impl Lists {
    fn of(devices: &[DeviceStatus]) -> Self {
        let mut lists = Self {
            in_flight: Vec::new(),
            waiting: Vec::new(),
            failed: Vec::new(),
        };
        for device in devices {
            let list = match device.phase.known() {
                Some(
                    DevicePhase::Reserved
                    | DevicePhase::AwaitingAddress
                    | DevicePhase::Flashing
                    | DevicePhase::Verifying,
                ) => &mut lists.in_flight,
                Some(DevicePhase::Pending | DevicePhase::Waiting) => &mut lists.waiting,
                Some(DevicePhase::Failed) => &mut lists.failed,
                Some(DevicePhase::Succeeded | DevicePhase::Skipped) | None => continue,
            };
            list.push(device_line(device));
        }
        lists.in_flight.sort_by_key(|device| device.index);
        lists.waiting.sort_by_key(|device| device.index);
        lists
    }
}

fn device_line(device: &DeviceStatus) -> DeviceLine {
    DeviceLine {
        index: device.index,
        uuid: device.uuid.clone(),
        endpoint: device.host_endpoint.clone(),
        phase: device.phase.to_string(),
        reason: device.reason.clone().unwrap_or_default().to_string(),
        message: device.message.clone().unwrap_or_default(),
        since: device.start_time.as_ref().map(|time| time.0),
        until: device.next_time.as_ref().map(|time| time.0),
        ended: device.completion_time.as_ref().map(|time| time.0),
    }
}

fn holds(job: &Job, kind: ConditionType) -> bool {
    crate::api::conditions::holds(&job.status.conditions, kind)
}

fn draining(job: &Job) -> Option<String> {
    let mut conditions = job.status.conditions.iter();
    let kind = ConditionType::Draining.as_str();
    let draining = conditions.find(|known| known.type_ == kind && known.status == "True")?;
    Some(draining.message.clone())
}

fn finished_at(job: &Job) -> Option<Timestamp> {
    let time = job.status.completion_time.as_ref()?;
    holds(job, ConditionType::Finished).then_some(time.0)
}

fn class(known: &Known<'_>) -> Option<ClassWords> {
    let stamped = known.job.status.flash_class.as_ref();
    let named = known.job.spec.as_ref().ok();
    let name = stamped
        .map(|class| class.name.clone())
        .or_else(|| named?.flash_class_name.clone())
        .or_else(|| known.class?.metadata.name.clone())?;
    let conditions = known
        .class
        .and_then(|class| class.status.as_ref())
        .map(|status| status.conditions.as_slice())
        .unwrap_or_default();
    let refused = conditions
        .iter()
        .find(|condition| condition.type_ == "Accepted" && condition.status == "False");
    Some(ClassWords {
        name,
        readable: known.class.is_some(),
        suspended: known
            .class
            .is_some_and(|class| class.spec.suspend == Some(true)),
        refused: refused.map(|condition| condition.message.clone()),
    })
}

#[cfg(test)]
mod tests;
