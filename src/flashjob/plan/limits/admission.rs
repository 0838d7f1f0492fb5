//! Devices of a job whose turn it is, under the limits of its classes: who may begin, who waits, and what is said of them. Pure.
//!
//! Made by `plan` once a pass; what it chooses counts at once.

use jiff::Timestamp;

use crate::flashjob::{
    observe::wait_queue::{Line, Turn, Waiter},
    plan::limits::capacity::{Full, Places},
};
use crate::{
    api::{DevicePhase, Reason},
    device::{Device, Footprint, Inventory},
    flashclass::Limit,
    flashjob::{
        observe::Observed,
        plan::{DeviceView, rollout::hold::Hold},
        spec::job::Job,
    },
    identifiers::Uuid,
};

/// Most devices of one full group that are listed one by one.
const MOST_OF_GROUP: usize = 3;
/// Most such devices in all.
const MOST_LISTED: usize = 30;
/// Most full groups of which the job speaks.
const MOST_SAID: usize = 3;

/// See the module's documentation.
#[derive(Debug)]
pub struct Crowd<'a> {
    job: &'a Job,
    inventory: &'a Inventory,
    waiting: &'a Line,
    places: Places<'a>,
    now: Timestamp,
    /// Most devices that stand in the line: more could not begin at once anyway.
    longest: usize,
    /// Full groups, in the order in which they were met, with the devices that wait for them.
    full: Vec<(Full, usize)>,
    line: Vec<Waiter>,
    listed: usize,
}

impl<'a> Crowd<'a> {
    /// What is in flight now, over all jobs, under the limits of the job's classes.
    #[must_use]
    pub fn new(observed: &Observed<'a>, now: Timestamp) -> Self {
        let limits: Vec<&'a Limit> = observed.terms.in_flight_limits().collect();
        let in_flight = observed.ledger.in_flight();
        let footprints = in_flight.map(|attempt| attempt.identity.footprint.as_deref());
        let longest = observed.effective().parallelism;
        Self {
            job: observed.job,
            inventory: observed.inventory,
            waiting: observed.line,
            places: Places::new(limits, footprints).keeping(observed.line, now),
            now,
            longest: usize::try_from(longest).unwrap_or(0),
            full: Vec::new(),
            line: Vec::new(),
            listed: 0,
        }
    }

    /// What the device shares, if it may begin; it counts from now on.
    ///
    /// # Errors
    /// What is said of it where it waits; none where the job speaks for it.
    pub fn admit(
        &mut self,
        index: usize,
        uuid: &Uuid,
        device: &Device,
    ) -> Result<Footprint, Option<Box<DeviceView>>> {
        let endpoint = device.endpoint.to_string();
        let footprint = self.inventory.footprint(&endpoint);
        let job = self.job;
        let known = self.waiting.find(&job.uid, index);
        let since = known.map_or(self.now, |waiter| waiter.since);
        let turn = Turn {
            since,
            job_uid: job.uid.clone(),
            index,
        };
        let Some(full) = self.places.full(&footprint, Some(&turn)) else {
            self.places.begin(&footprint, &turn);
            return Ok(footprint);
        };
        let message = full.message();
        let same = |(known, _): &&mut (Full, usize)| {
            known.limit == full.limit && known.group == full.group
        };
        let of_group = if let Some((_, devices)) = self.full.iter_mut().find(same) {
            *devices += 1;
            *devices
        } else {
            self.full.push((full, 1));
            1
        };
        self.join(Waiter {
            index,
            job: format!("{}/{}", job.namespace, job.name),
            since,
            needs: self.places.needs(&footprint),
        });
        if of_group > MOST_OF_GROUP || self.listed == MOST_LISTED {
            return Err(None);
        }
        self.listed += 1;
        Err(Some(Box::new(DeviceView {
            index: Some(index),
            uuid: uuid.clone(),
            endpoint: Some(endpoint),
            pod: None,
            phase: DevicePhase::Pending,
            reason: Reason::GroupFull,
            message,
            since: None,
        })))
    }

    /// The device waits for a slot of its job; if it stood in the line, it does not lose its turn by that.
    pub fn wait_for_slot(&mut self, index: usize) {
        let known = self.waiting.find(&self.job.uid, index);
        if let Some(known) = known {
            self.join(known.clone());
        }
    }

    fn join(&mut self, waiter: Waiter) {
        if self.line.len() < self.longest {
            self.line.push(waiter);
        }
    }

    /// Who stands in the line now, and what the job waits for, where limits alone keep it from using a slot that is free.
    #[must_use]
    pub fn close(self, slot: bool) -> (Vec<Waiter>, Option<Hold>) {
        let waiting: usize = self.full.iter().map(|(_, devices)| devices).sum();
        let said = self.full.iter().take(MOST_SAID);
        let mut said: Vec<String> = said
            .map(|(full, devices)| format!("{devices} wait: {}", full.message()))
            .collect();
        let more = self.full.iter().skip(MOST_SAID).map(|(_, devices)| devices);
        let more: usize = more.sum();
        if more > 0 {
            let groups = self.full.len() - MOST_SAID;
            said.push(format!(
                "{more} more wait for {groups} other groups that are full"
            ));
        }
        let hold = Hold {
            reason: Reason::GroupFull,
            message: said.join("; "),
            until: None,
        };
        (self.line, Some(hold).filter(|_| slot && waiting > 0))
    }
}
