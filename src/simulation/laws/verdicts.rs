//! Verdicts are never taken back or doubled; a success has its flash; what failed is not being flashed.

use crate::{
    api::{Reason, SelectedDevice},
    flashjob::{
        observe::stored,
        spec::job::{Finals, Job},
        verdict::Outcome,
    },
    identifiers::{JobUid, Uuid},
    simulation::{laws::Own, world::World},
};

impl World {
    /// Compares the verdicts of a status that is stored with those before it.
    pub fn check_verdicts(&mut self, job: &Job) {
        let Some(round) = job.status.round.as_ref().map(|round| round.number) else {
            return;
        };
        let known = self.laws.jobs.get(&job.uid).filter(|known| {
            let number = known.status.round.as_ref().map(|round| round.number);
            number == Some(round)
        });
        let before = known.map(|known| known.finals.clone()).unwrap_or_default();
        if before == job.finals {
            return;
        }
        for (index, device) in self.laws.selection(&job.uid, round).iter().enumerate() {
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
            } else if now[1] && !then[1] && self.is_given_up_early(job, index, device) {
                "was given up before its retries were used up"
            } else {
                continue;
            };
            self.broken(|| format!("device {index} of {} {what}", job.uid));
        }
    }

    fn was_flashed(&self, job: &JobUid, round: i64, uuid: &Uuid) -> bool {
        self.laws.flashes.values().any(|flash| {
            let who = &flash.who;
            let same = (&who.key.job_uid, who.round, &who.uuid) == (job, round, uuid);
            same && (flash.result == Some(Outcome::Succeeded) || flash.taken)
        })
    }

    fn is_flashing(&self, job: &JobUid, round: i64, uuid: &Uuid) -> bool {
        let dead = &self.laws.dead;
        self.live_pods().any(|(Own { who, .. }, pod)| {
            let same = (&who.key.job_uid, who.round, &who.uuid) == (job, round, uuid);
            same && !dead.contains(crate::simulation::attempt::uid(pod))
        })
    }

    /// Whether a device failed for good, of what another try might mend, after fewer tries than its job allows.
    fn is_given_up_early(&self, job: &Job, index: usize, device: &SelectedDevice) -> bool {
        let mut devices = job.status.devices.iter();
        let of_flash = devices.any(|status| {
            stored::index_of(status) == Some(index)
                && status.reason.as_deref() == Some(Reason::FlashFailed.as_str())
        });
        let named = job
            .spec
            .as_ref()
            .is_ok_and(|spec| spec.uuid.iter().any(|named| *named == device.uuid.as_str()));
        let wanted = named && job.round_is_current() && !job.deleting;
        let round = job.status.round.as_ref().map_or(0, |round| round.number);
        let ran = self.laws.flashes.values().filter(|flash| {
            let who = &flash.who;
            flash.ran && (&who.key.job_uid, who.round, &who.uuid) == (&job.uid, round, &device.uuid)
        });
        of_flash && wanted && ran.count() <= self.shape.retries
    }

    /// Whether a device has not the version that its job reads back.
    fn is_unproven(&self, job: &Job, device: &SelectedDevice) -> bool {
        let at = device.endpoint.as_ref();
        let version = at.and_then(|at| self.laws.versions.get(at));
        let expected = job.status.round.as_ref().map(|round| &round.version);
        self.shape.verified && !job.deleting && version != expected
    }
}

fn verdicts(finals: &Finals, index: usize) -> [bool; 3] {
    [
        finals.succeeded.contains(index),
        finals.failed.contains(index),
        finals.skipped.contains(index),
    ]
}
