//! Flashes of which the stored status is all that is left: the API server is asked for their Pods. Pure.
//!
//! Called by `plan` after the attempts that are known.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{DeviceView, Plan, current_roster};
use crate::flashjob::observe::Observed;
use crate::{
    api::{DevicePhase, Reason},
    flashjob::{
        observe::{
            objects::{AttemptKey, Identity},
            stored,
        },
        plan::attempt::Action,
        spec::job::Job,
    },
    identifiers::AttemptId,
};

/// Id of the attempt of which the stored status says that it flashes the device at this index.
pub(super) fn flashing_attempt(job: &Job, index: usize) -> Option<AttemptId> {
    let device = stored::entry(job, index)?;
    stored::attempt_id(device).filter(|_| device.is(DevicePhase::Flashing))
}

/// Row 6, where nothing at all is left: the stored status shows a flash of which no object remains.
pub(super) fn plan_vanished(
    observed: &Observed<'_>,
    active: &mut BTreeMap<usize, AttemptKey>,
    now: Timestamp,
    plan: &mut Plan,
) {
    let job = observed.job;
    let Some(roster) = current_roster(observed) else {
        return;
    };
    for device in job
        .status
        .devices
        .iter()
        .filter(|device| device.is(DevicePhase::Flashing))
    {
        let Ok(index) = usize::try_from(device.index) else {
            continue;
        };
        let (Some(selected), Some(id)) = (roster.devices().get(index), stored::attempt_id(device))
        else {
            continue;
        };
        let memory = observed.memory;
        let settled = job.finals.contains(index) || memory.refused.contains_key(&index);
        if settled || active.contains_key(&index) {
            continue;
        }
        let key = AttemptKey {
            job_uid: job.uid.clone(),
            id: id.clone(),
        };
        active.insert(index, key.clone());
        let trouble = memory
            .trouble
            .get(&id)
            .filter(|trouble| trouble.until > now);
        plan.wake(trouble.map(|trouble| trouble.until));
        plan.views.push(DeviceView {
            index: Some(index),
            uuid: selected.uuid.clone(),
            endpoint: device.host_endpoint.clone(),
            pod: device.pod.clone(),
            phase: DevicePhase::Flashing,
            reason: Reason::Interrupted,
            message: "nothing is left of its release; the API server is being asked for its Pod"
                .into(),
            since: device.start_time.as_ref().map(|time| time.0),
        });
        if trouble.is_some() || memory.verdicts.contains_key(&id) {
            continue;
        }
        let identity = Identity {
            key,
            job_name: Some(job.name.clone()),
            namespace: job.namespace.clone(),
            round: roster.round,
            uuid: selected.uuid.clone(),
            endpoint: device.host_endpoint.clone(),
            footprint: None,
        };
        plan.actions.push((identity, Action::ConfirmInterrupted));
    }
}
