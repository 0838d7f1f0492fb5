//! Devices as they really are, and Akri, which finds them again some time after they were flashed.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::{
    DEVICES, GATEWAY, GATEWAYS,
    objects::{Api, Flash},
    world::World,
};
use crate::{
    api::{DevicePhase, Instance, SelectedDevice},
    flashjob::{
        fixtures::{endpoint, instance, uuid},
        observe::{
            objects::{AttemptKey, Identity},
            stored,
        },
        spec::job::Job,
        verdict::Outcome,
    },
};

pub use crate::simulation::devices::{AWAITED, Ending, FACTORY};

/// Time from the end of a flash until Akri finds the device again, in milliseconds.
const AWAY: i64 = 30_000;
impl Api {
    /// An Instance of the device at the endpoint of an index, behind one of the gateways, as Akri makes it now.
    pub fn instance_of(&self, uid: &str, index: usize, gateway: usize) -> Instance {
        let mut found = instance(uid, index);
        found.metadata.creation_timestamp = Some(Time(self.time()));
        let at = endpoint(index);
        let version = self.versions.get(&at).map_or(FACTORY, String::as_str);
        let properties = &mut found.spec.broker_properties;
        properties.insert("VERSION".into(), version.into());
        properties.insert(GATEWAY.into(), GATEWAYS[gateway % GATEWAYS.len()].into());
        found
    }

    /// The version that an attempt brings: that of its round.
    fn version_of(&self, who: &Identity) -> String {
        let job = self.jobs.get(&who.key.job_uid);
        let round = job.and_then(|job| job.status.round.as_ref());
        let round = round.filter(|round| round.number == who.round);
        round.map_or_else(
            || format!("of round {}", who.round),
            |round| round.version.clone(),
        )
    }

    /// A flash that ran has ended: the device may have taken the firmware, and Akri loses it for a while.
    pub fn flashed(&mut self, pod_uid: &str, ending: Ending) {
        let who = self.flashes[pod_uid].identity.clone();
        let Some(at) = who.endpoint.clone().filter(|_| self.verified) else {
            return;
        };
        if ending.taken && ending.outcome != Outcome::Failed {
            self.versions.insert(at.clone(), self.version_of(&who));
            self.flashes.get_mut(pod_uid).unwrap().taken = true;
        }
        self.away.insert(at, self.now + AWAY);
    }

    /// What a status that is being stored says of devices that are read back.
    pub fn note_read_back(&mut self, job: &Job) {
        let devices = job.status.devices.iter();
        let verifying = devices.filter(|device| stored::is(device, DevicePhase::Verifying));
        let keys = verifying
            .filter_map(stored::attempt_id)
            .map(|id| AttemptKey {
                job_uid: job.uid.clone(),
                id: id.to_owned(),
            });
        self.read_back.extend(keys);
    }

    /// A device that a stored status says is flashed or read back is not begun by anybody.
    pub fn check_begin(&mut self, who: &Identity) {
        let occupies = |job: &&Arc<Job>| {
            let mut devices = job.status.devices.iter();
            !job.deleting
                && devices.any(|device| {
                    let open = |index: usize| !job.finals.contains(index);
                    let mut phases = [DevicePhase::Flashing, DevicePhase::Verifying].into_iter();
                    phases.any(|phase| stored::is(device, phase))
                        && stored::index_of(device).is_some_and(open)
                        && device.host_endpoint == who.endpoint
                })
        };
        let holder = self.jobs.values().find(occupies);
        if let Some(holder) = holder.map(|job| job.uid.clone()) {
            self.broken(|| {
                format!("{who:?} begins while {holder} flashes the device or reads it back")
            });
        }
    }

    /// Whether a device has not the version that its job reads back.
    pub fn is_unproven(&self, job: &Job, device: &SelectedDevice) -> bool {
        let at = device.endpoint.as_ref();
        let version = at.and_then(|at| self.versions.get(at));
        let expected = job.status.round.as_ref().map(|round| &round.version);
        self.verified && !job.deleting && version != expected
    }

    /// Whether a device may be seen to be as it was before a flash of which nobody knows how it ended.
    pub fn came_back_untouched(&self, flash: &Flash) -> bool {
        let unread = flash.stripped || flash.result != Some(Outcome::Succeeded);
        self.verified && !flash.taken && unread
    }
}

impl World {
    /// Akri finds the devices whose time has come, each under another uid. Returns whether there were any.
    pub fn find_devices(&mut self) -> bool {
        let now = self.api.now;
        let due = |index: &usize| {
            self.api
                .away
                .get(&endpoint(*index))
                .is_some_and(|at| *at <= now)
        };
        let due: Vec<usize> = (0..DEVICES).filter(due).collect();
        for index in &due {
            self.api.away.remove(&endpoint(*index));
            for uid in self.uids_at(*index) {
                self.api.drop_instance(&uid);
            }
            self.find_device(*index);
        }
        !due.is_empty()
    }

    /// Akri finds the device at the endpoint of an index under a uid of its own.
    pub fn find_device(&mut self, index: usize) {
        self.renamed += 1;
        let gateway = self.chance.draw(GATEWAYS.len());
        let uid = format!("new-{}", self.renamed);
        self.api
            .put_instance(self.api.instance_of(&uid, index, gateway));
    }

    fn uids_at(&self, index: usize) -> Vec<String> {
        let at = endpoint(index);
        let there =
            |found: &&Arc<Instance>| found.spec.broker_properties.get("HOST_ENDPOINT") == Some(&at);
        let found = self.api.instances.values().filter(there);
        found
            .filter_map(|found| found.metadata.uid.clone())
            .collect()
    }

    /// What a user names who looks at the Instances now; a device that is away is named as it was once.
    pub fn names_of_devices(&self) -> Vec<String> {
        let mut names: Vec<String> = (0..DEVICES).flat_map(|index| self.uids_at(index)).collect();
        let before = (0..DEVICES).map(uuid).filter(|uuid| !names.contains(uuid));
        let missing = before
            .take(DEVICES.saturating_sub(names.len()))
            .collect::<Vec<_>>();
        names.extend(missing);
        names
    }
}
