//! What must hold when an attempt begins, and when its Pod is created.

use std::sync::Arc;

use crate::{
    api::DevicePhase,
    flashjob::{
        observe::{objects::Identity, stored},
        spec::job::{Finals, Job},
        verdict::Outcome,
    },
    identifiers::Uuid,
    simulation::{laws::Laws, world::World},
};

impl World {
    /// A device that a stored status says is flashed or read back is not begun by anybody.
    pub fn check_begin(&mut self, who: &Identity) {
        let occupies = |job: &&Arc<Job>| {
            let mut devices = job.status.devices.iter();
            !job.deleting
                && devices.any(|device| {
                    let open = |index: usize| !job.finals.contains(index);
                    let mut phases = [DevicePhase::Flashing, DevicePhase::Verifying].into_iter();
                    phases.any(|phase| device.is(phase))
                        && stored::index_of(device).is_some_and(open)
                        && device.host_endpoint == who.endpoint
                })
        };
        let holder = self.laws.jobs.values().find(occupies);
        if let Some(holder) = holder.map(|job| job.uid.clone()) {
            self.broken(|| {
                format!("{who:?} begins while {holder} flashes the device or reads it back")
            });
        }
    }

    /// What must hold when a Pod is created for a device.
    pub fn check_launch(&mut self, who: &Identity) {
        let laws = &self.laws;
        let broken = laws
            .launched_after_no_failure(who)
            .or_else(|| laws.launched_before_its_step(who))
            .or_else(|| laws.launched_after_success(who));
        if let Some(what) = broken {
            self.broken(|| what);
        }
    }
}

impl Laws {
    /// A flash that did not fail, or of which nobody knows how it ended, is not followed by another; unless the device is seen to
    /// be as it was.
    fn launched_after_no_failure(&self, who: &Identity) -> Option<String> {
        let mut earlier = self.flashes_of_round(who);
        let flash = earlier.find(|flash| {
            let failed = flash.result == Some(Outcome::Failed) || self.came_back_untouched(flash);
            flash.ran && flash.who.uuid == who.uuid && !failed
        })?;
        Some(format!(
            "{who:?} is flashed again though {flash:?} did not fail"
        ))
    }

    /// No device of the second step begins as long as none of the first has its verdict.
    fn launched_before_its_step(&self, who: &Identity) -> Option<String> {
        let job = self.job_in_round(who).filter(|job| job.generation == 1)?;
        if !self.shape.stepped || job.finals != Finals::default() {
            return None;
        }
        let mut uuids = self.flashes_of_round(who).map(|flash| &flash.who.uuid);
        let other = uuids.find(|uuid| **uuid != who.uuid)?;
        Some(format!(
            "{who:?} begins before the first step, with {other}, has ended"
        ))
    }

    /// No device is flashed after its stored success in that round, under whichever of its UUIDs.
    fn launched_after_success(&self, who: &Identity) -> Option<String> {
        let job = self.job_in_round(who)?;
        let selection = self.selection(&who.key.job_uid, who.round);
        let succeeded = |uuid: &&Uuid| {
            let index = selection.iter().position(|device| device.uuid == **uuid);
            index.is_some_and(|index| job.finals.succeeded.contains(index))
        };
        let others = self.flashes_of_round(who).map(|flash| &flash.who);
        let twins = others.filter(|other| other.endpoint == who.endpoint);
        let uuids = twins.map(|other| &other.uuid);
        let first = uuids.chain([&who.uuid]).find(succeeded)?;
        Some(format!("{who:?} is flashed again after {first} succeeded"))
    }
}
