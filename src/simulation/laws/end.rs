//! What must hold when everything has come to its end.

use crate::{
    api::{ConditionType, conditions},
    flashjob::verdict::Outcome,
    simulation::{laws::Flash, world::World},
};

use super::is_failed;

impl World {
    /// Whether every job is finished, and says so of every device that it names, in the round that its user asks for.
    pub fn is_finished(&self) -> bool {
        self.laws.jobs.values().all(|job| {
            let round = job.status.round.as_ref();
            let round = round.map_or(0, |round| round.number);
            let selection = self.laws.selection(&job.uid, round);
            let spec = job.spec.as_ref().expect("jobs of this world can be read");
            let all = spec.uuid.iter().all(|named| {
                let index = selection
                    .iter()
                    .position(|device| device.uuid.as_str() == *named);
                index.is_some_and(|index| job.finals.contains(index))
            });
            // A user may have changed the job a moment ago.
            all && job.round_is_current()
                && conditions::holds(&job.status.conditions, ConditionType::Finished)
        })
    }

    /// Nothing is left but what the rules keep: failed records of jobs that exist. Every flash has its verdict.
    pub fn check_end(&mut self) {
        let record = self.own("secrets").find(|(own, record)| {
            !is_failed(record) || !self.laws.jobs.contains_key(&own.who.key.job_uid)
        });
        let record = record.map(|(own, _)| own);
        let pod = self.own("pods").next().map(|(own, _)| own);
        let service = self.own("services").next().map(|(own, _)| own);
        let left = pod.or(service).or(record);
        let left = left.map(|own| format!("{} is left behind", own.key.name));
        let flashes = || self.laws.flashes.values().filter(|flash| flash.ran);
        let unread = flashes()
            .find(|flash| !flash.read && !flash.stripped)
            .map(|flash| format!("nobody read the end of {:?}", flash.who));
        let wrong = flashes()
            .find(|flash| !self.has_its_verdict(flash))
            .map(|flash| format!("the stored verdict is not that of {flash:?}"));
        if let Some(what) = left.or(unread).or(wrong) {
            self.broken(|| what);
        }
    }

    /// The verdict of a device is that of its last flash; one that failed may have been followed by another. Where its version is
    /// read back, that decides.
    fn has_its_verdict(&self, flash: &Flash) -> bool {
        let (who, laws) = (&flash.who, &self.laws);
        let (Some(job), Some(index)) = (laws.job_in_round(who), laws.index_of(who)) else {
            return true;
        };
        if self.shape.verified {
            // A device that is known under two UUIDs may have what a flash under the other one brought.
            let mut at_device = laws
                .flashes_of_round(who)
                .filter(|flash| flash.who.endpoint == who.endpoint);
            let succeeded = job.finals.succeeded.contains(index);
            return job.finals.contains(index)
                && (!succeeded || at_device.any(|flash| flash.taken));
        }
        let of_round = laws.flashes_of_round(who);
        let of_device = of_round.filter(|flash| flash.who.uuid == who.uuid);
        let mut ended_well = of_device.filter(|flash| {
            let mut pods = laws.own.iter();
            let pod = pods.find(|(_, own)| own.key == flash.key);
            let lost = pod.is_some_and(|(uid, _)| laws.dead.contains(uid));
            flash.result == Some(Outcome::Succeeded) && !lost
        });
        let success = ended_well.next();
        let succeeded = success.is_some();
        // Where a person took the Pod away, a success may have been read before.
        let either = success.is_some_and(|flash| flash.stripped);
        job.finals.contains(index) && (either || job.finals.succeeded.contains(index) == succeeded)
    }
}
