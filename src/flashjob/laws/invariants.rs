//! The laws: what must hold whenever something changes, and what must hold in the end.

use std::collections::BTreeMap;

use super::{
    GATEWAY, MAX_IN_FLIGHT, MAX_OF_GATEWAY, PARALLELISM,
    objects::{Api, Flash, pod_name},
};
use crate::flashjob::{
    observe::{
        objects::{Address, Identity, ObservedPod},
        stored,
    },
    spec::job::{Finals, Job},
    verdict::Outcome,
};
use helm_release::Status;

impl Api {
    /// No device has two live Pods, no limit is exceeded, no device is flashed twice in a round.
    pub fn check(&mut self) {
        let mut live: BTreeMap<&Option<String>, &str> = BTreeMap::new();
        let mut two = None;
        for pod in self.pods.values().filter(|pod| !pod.ended()) {
            let endpoint = &pod.sight.identity.endpoint;
            if let Some(other) = live.insert(endpoint, &pod.sight.name) {
                two = Some(format!(
                    "{endpoint:?} has two live Pods, {other} and {}",
                    pod.sight.name
                ));
            }
        }
        let mut slots: BTreeMap<&str, usize> = BTreeMap::new();
        for key in self.slots() {
            *slots.entry(&key.job_uid).or_default() += 1;
        }
        let exceeded = slots.values().any(|used| *used > PARALLELISM)
            || slots.values().sum::<usize>() > MAX_IN_FLIGHT;
        let limits = exceeded.then(|| format!("more slots are in use than there are: {slots:?}"));
        let mut ran: BTreeMap<(&str, i64, &str), usize> = BTreeMap::new();
        for flash in self.flashes.values().filter(|flash| flash.ran) {
            let who = &flash.identity;
            let device = (who.key.job_uid.as_str(), who.round, who.uuid.as_str());
            *ran.entry(device).or_default() += 1;
        }
        let allowed = 1 + self.retries;
        let twice = ran.iter().find(|(_, times)| **times > allowed);
        let twice = twice.map(|(device, times)| {
            format!("{device:?} was flashed {times} times in a round, allowed are {allowed}")
        });
        let lost = self.address_lost();
        if let Some(what) = two.or(limits).or_else(|| self.crowded()).or(twice).or(lost) {
            self.broken(|| what);
        }
    }

    /// A gateway with more devices in flight than its limit allows, by what they shared when they were recorded.
    fn crowded(&self) -> Option<String> {
        let mut behind: BTreeMap<&str, usize> = BTreeMap::new();
        let shared = self
            .slots()
            .into_iter()
            .filter_map(|key| self.shared.get(key));
        for gateway in shared
            .filter_map(|shared| shared.properties.get(GATEWAY))
            .flatten()
        {
            *behind.entry(gateway).or_default() += 1;
        }
        let over = behind.values().any(|many| *many > MAX_OF_GATEWAY);
        let exceeded = self.limited && over;
        exceeded.then(|| format!("a gateway has more devices in flight than its limit: {behind:?}"))
    }

    /// What must hold when a Pod is created for a device.
    pub fn check_launch(&mut self, who: &Identity) {
        let broken = self
            .launched_after_no_failure(who)
            .or_else(|| self.launched_before_its_step(who))
            .or_else(|| self.launched_after_success(who));
        if let Some(what) = broken {
            self.broken(|| what);
        }
    }

    /// Flashes of the same job in the same round.
    fn flashes_of_round(&self, who: &Identity) -> impl Iterator<Item = &Flash> {
        self.flashes.values().filter(move |flash| {
            let other = &flash.identity;
            (&other.key.job_uid, other.round) == (&who.key.job_uid, who.round)
        })
    }

    /// A flash that did not fail, or of which nobody knows how it ended, is not followed by another; unless the device is seen to
    /// be as it was.
    fn launched_after_no_failure(&self, who: &Identity) -> Option<String> {
        let mut earlier = self.flashes_of_round(who);
        let flash = earlier.find(|flash| {
            let failed = flash.result == Some(Outcome::Failed) || self.came_back_untouched(flash);
            flash.ran && flash.identity.uuid == who.uuid && !failed
        })?;
        Some(format!(
            "{who:?} is flashed again though {flash:?} did not fail"
        ))
    }

    /// No device of the second step begins as long as none of the first has its verdict.
    fn launched_before_its_step(&self, who: &Identity) -> Option<String> {
        let job = self.job_in_round(who).filter(|job| job.generation == 1)?;
        if !self.stepped || job.finals != Finals::default() {
            return None;
        }
        let mut uuids = self.flashes_of_round(who).map(|flash| &flash.identity.uuid);
        let other = uuids.find(|uuid| **uuid != who.uuid)?;
        Some(format!(
            "{who:?} begins before the first step, with {other}, has ended"
        ))
    }

    /// No device is flashed after its stored success in that round, under whichever of its UUIDs.
    fn launched_after_success(&self, who: &Identity) -> Option<String> {
        let job = self.job_in_round(who)?;
        let selection = self.selection(&who.key.job_uid, who.round);
        let succeeded = |uuid: &&str| {
            let index = selection.iter().position(|device| device.uuid == **uuid);
            index.is_some_and(|index| job.finals.succeeded.contains(index))
        };
        let others = self.flashes_of_round(who).map(|flash| &flash.identity);
        let twins = others.filter(|other| other.endpoint == who.endpoint);
        let uuids = twins.map(|other| other.uuid.as_str());
        let first = uuids.chain([who.uuid.as_str()]).find(succeeded)?;
        Some(format!("{who:?} is flashed again after {first} succeeded"))
    }

    /// The job, if it is there and still in the round of this attempt.
    fn job_in_round(&self, who: &Identity) -> Option<&Job> {
        let job = self.jobs.get(&who.key.job_uid)?;
        let round = job.status.round.as_ref()?;
        (round.number == who.round).then_some(job)
    }

    /// The tracking finalizer goes only after the end was read, and, where the job wants the verdict, stored.
    pub fn check_untracked(&mut self, pod: &ObservedPod) {
        let (flash, who) = (&self.flashes[&pod.sight.uid], &pod.sight.identity);
        if !flash.ran {
            return;
        }
        let unread = !flash.read && !flash.stripped;
        let wanted = self
            .job_in_round(who)
            .filter(|job| !job.deleting && job.round_is_current());
        let unstored = wanted.is_some_and(|job| {
            let index = self.index_of(who);
            index.is_some_and(|index| {
                let followed = stored::stage(job, index, &who.key.id).is_some();
                !job.finals.contains(index) && !followed
            })
        });
        if unread || unstored {
            let name = pod.sight.name.clone();
            self.broken(|| format!("{name} is let go before its verdict was stored"));
        }
    }

    fn index_of(&self, who: &Identity) -> Option<usize> {
        let selection = self.selection(&who.key.job_uid, who.round);
        selection.iter().position(|device| device.uuid == who.uuid)
    }

    /// The address that the device of a live Pod was told is its Service's, and the device of no other live Pod was told it.
    fn address_lost(&self) -> Option<String> {
        let mut told: BTreeMap<&str, &str> = BTreeMap::new();
        let live = self.pods.values().filter(|pod| !pod.ended());
        for pod in live.filter(|pod| !self.dead.contains(&pod.sight.name)) {
            let name = &pod.sight.name;
            let flash = &self.flashes[&pod.sight.uid];
            let service = self.services.get(name).map(|service| &service.address);
            let Address::Ipv4(address) = &flash.address else {
                return Some(format!("{name} was created without an address"));
            };
            if service != Some(&flash.address) {
                return Some(format!(
                    "{name} lives and was told {address}, its Service has {service:?}"
                ));
            }
            if let Some(other) = told.insert(address, name) {
                return Some(format!("{other} and {name} live and were told {address}"));
            }
        }
        None
    }

    /// What a removal of a Service has to keep to: it is asked of the Service as the API server has it.
    pub fn check_service_removal(&mut self, name: &str) {
        if let Some(service) = self.services.get(name) {
            let who = service.sight.identity.clone();
            self.check_removal(&who);
        }
    }

    /// The operator deletes neither Service nor record of an attempt whose Pod lives.
    pub fn check_removal(&mut self, who: &Identity) {
        let pod = self.pods.get(&pod_name(who)).filter(|pod| !pod.ended());
        if pod.is_some() {
            self.broken(|| format!("something of {who:?} is removed while its Pod lives"));
        }
    }

    /// Verdicts are never taken back or doubled; a success has its flash; what failed is not being flashed.
    pub fn check_verdicts(&mut self, job: &Job) {
        let Some(round) = job.status.round.as_ref().map(|round| round.number) else {
            return;
        };
        let known = self.jobs.get(&job.uid).filter(|known| {
            let number = known.status.round.as_ref().map(|round| round.number);
            number == Some(round)
        });
        let before = known.map(|known| known.finals.clone()).unwrap_or_default();
        if before == job.finals {
            return;
        }
        for (index, device) in self.selection(&job.uid, round).iter().enumerate() {
            let (then, now) = (verdicts(&before, index), verdicts(&job.finals, index));
            let what = if now.iter().filter(|holds| **holds).count() > 1 {
                "has two verdicts"
            } else if before.contains(index) && then != now {
                "has another verdict than before"
            } else if now[0] && !then[0] && !self.was_flashed(&job.uid, round, &device.uuid) {
                "succeeded without a flash"
            } else if now[1] && !then[1] && self.is_flashing(&job.uid, round, &device.uuid) {
                "failed while it is being flashed"
            } else if now[0] && !then[0] && self.is_unproven(job, device) {
                "succeeded without the version that its job expects"
            } else {
                continue;
            };
            self.broken(|| format!("device {index} of {} {what}", job.uid));
        }
    }

    fn was_flashed(&self, job: &str, round: i64, uuid: &str) -> bool {
        self.flashes.values().any(|flash| {
            let who = &flash.identity;
            let same =
                (who.key.job_uid.as_str(), who.round, who.uuid.as_str()) == (job, round, uuid);
            same && (flash.result == Some(Outcome::Succeeded) || flash.taken)
        })
    }

    fn is_flashing(&self, job: &str, round: i64, uuid: &str) -> bool {
        self.pods.values().any(|pod| {
            let who = &pod.sight.identity;
            let same =
                (who.key.job_uid.as_str(), who.round, who.uuid.as_str()) == (job, round, uuid);
            same && !pod.ended() && !self.dead.contains(&pod.sight.name)
        })
    }

    /// The operator's finalizer goes last.
    pub fn check_job_gone(&mut self, uid: &str) {
        let left = self.left_of(uid);
        if left > 0 {
            self.broken(|| format!("{left} objects of {uid} are left behind by its finalizer"));
        }
    }

    /// Somebody read how the flash of this Pod ended, or heard that the Pod is gone.
    pub fn end_was_read(&mut self, name: &str) {
        let flashes = self.flashes.values_mut();
        let of_pod = flashes.filter(|flash| pod_name(&flash.identity) == name);
        of_pod.for_each(|flash| flash.read = true);
    }

    /// Nothing is left but what the rules keep: failed records of jobs that exist. Every flash has its verdict.
    pub fn check_end(&mut self) {
        let failed = |record: &&crate::flashjob::observe::objects::ObservedRecord| {
            let uid = &record.sight.identity.key.job_uid;
            record.status == Status::Failed && self.jobs.contains_key(uid)
        };
        let record = self.records.values().find(|record| !failed(record));
        let left = [
            self.pods.keys().next().cloned(),
            self.services.keys().next().cloned(),
            record.map(|record| record.sight.name.clone()),
        ];
        let left = left.into_iter().flatten().next();
        let left = left.map(|name| format!("{name} is left behind"));
        let flashes = self.flashes.values().filter(|flash| flash.ran);
        let unread = flashes
            .clone()
            .find(|flash| !flash.read && !flash.stripped)
            .map(|flash| format!("nobody read the end of {:?}", flash.identity));
        let wrong = flashes
            .filter(|flash| !self.has_its_verdict(flash))
            .map(|flash| format!("the stored verdict is not that of {flash:?}"))
            .next();
        if let Some(what) = left.or(unread).or(wrong) {
            self.broken(|| what);
        }
    }

    /// The verdict of a device is that of its last flash; one that failed may have been followed by another. Where its version is
    /// read back, that decides.
    fn has_its_verdict(&self, flash: &Flash) -> bool {
        let who = &flash.identity;
        let (Some(job), Some(index)) = (self.job_in_round(who), self.index_of(who)) else {
            return true;
        };
        let of_round = self.flashes_of_round(who);
        let mut of_device = of_round.filter(|flash| flash.identity.uuid == who.uuid);
        if self.verified {
            let succeeded = job.finals.succeeded.contains(index);
            return job.finals.contains(index)
                && (!succeeded || of_device.any(|flash| flash.taken));
        }
        let mut ended_well = of_device.filter(|flash| {
            let lost = self.dead.contains(&pod_name(&flash.identity));
            flash.result == Some(Outcome::Succeeded) && !lost
        });
        let success = ended_well.next();
        let succeeded = success.is_some();
        // Where a person took the Pod away, a success may have been read before.
        let either = success.is_some_and(|flash| flash.stripped);
        job.finals.contains(index) && (either || job.finals.succeeded.contains(index) == succeeded)
    }
}

fn verdicts(finals: &Finals, index: usize) -> [bool; 3] {
    [
        finals.succeeded.contains(index),
        finals.failed.contains(index),
        finals.skipped.contains(index),
    ]
}
