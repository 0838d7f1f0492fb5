//! Devices that are being flashed or read back, by what the stored status of their jobs says: nobody else begins them meanwhile.
//! Pure.
//!
//! The release record is a lock, too, but may be deleted by hand, with everything else of a flash: then it is not known what the
//! device has until a verdict is stored. What the original operator began has none. Part of the `ledger`, which is told of every
//! job that is read or written.

use std::collections::{BTreeMap, HashMap};

use super::stored;
use crate::flashjob::{
    observe::objects::{AttemptKey, Identity},
    spec::job::Job,
};
use crate::{api::DevicePhase, device::Endpoint, identifiers::JobUid};

/// See the module's documentation.
#[derive(Debug, Default)]
pub struct Occupied {
    by_job: HashMap<JobUid, BTreeMap<String, Identity>>,
}

impl Occupied {
    /// Takes in what a job's status says now. Returns whether a device is free that was not before.
    pub fn see(&mut self, job: &Job) -> bool {
        let now = occupied(job);
        let before = if now.is_empty() {
            self.by_job.remove(&job.uid)
        } else {
            self.by_job.insert(job.uid.clone(), now)
        };
        let now = self.by_job.get(&job.uid);
        let kept = |endpoint: &String| now.is_some_and(|now| now.contains_key(endpoint));
        before.is_some_and(|before| before.keys().any(|endpoint| !kept(endpoint)))
    }

    /// A job is gone. Returns whether a device is free that was not before.
    pub fn forget(&mut self, job_uid: &JobUid) -> bool {
        self.by_job.remove(job_uid).is_some()
    }

    /// Who flashes the device at this endpoint, or reads it back, if anybody does.
    #[must_use]
    pub fn at(&self, endpoint: &str) -> Option<&Identity> {
        self.by_job.values().find_map(|of_job| of_job.get(endpoint))
    }
}

/// Devices that a job flashes or reads back, by normalised endpoint. Where the job is being deleted nobody waits for what they
/// report.
fn occupied(job: &Job) -> BTreeMap<String, Identity> {
    let Some(round) = job.status.round.as_ref().filter(|_| !job.deleting) else {
        return BTreeMap::new();
    };
    let open = |index: usize| !job.finals.contains(index);
    let devices = job.status.devices.iter().filter(|device| {
        let in_use = [DevicePhase::Flashing, DevicePhase::Verifying];
        let in_use = in_use.into_iter().any(|phase| device.is(phase));
        in_use && stored::index_of(device).is_some_and(open)
    });
    let identified = devices.filter_map(|device| {
        let endpoint = device.host_endpoint.as_deref()?.parse::<Endpoint>().ok()?;
        let endpoint = endpoint.to_string();
        let identity = Identity {
            key: AttemptKey {
                job_uid: job.uid.clone(),
                id: stored::attempt_id(device).unwrap_or_default(),
            },
            job_name: Some(job.name.clone()),
            namespace: job.namespace.clone(),
            round: round.number,
            uuid: device.uuid.as_str().into(),
            endpoint: Some(endpoint.clone()),
            footprint: None,
        };
        Some((endpoint, identity))
    });
    identified.collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::{
        api::{DeviceStatus, Reason},
        flashjob::fixtures::{JOB, Scene, endpoint, identity, take_in, uuid},
    };

    fn entry(phase: DevicePhase) -> DeviceStatus {
        DeviceStatus {
            index: 0,
            uuid: uuid(0).to_string(),
            host_endpoint: Some(endpoint(0)),
            phase: phase.as_str().into(),
            pod: Some(format!("flash-{}-a", uuid(0))),
            ..DeviceStatus::default()
        }
    }

    fn scene(phase: DevicePhase, completed: Option<&str>, deleting: bool) -> Scene {
        let mut scene = Scene::new(2);
        scene.stored(|status| {
            status.devices = vec![entry(phase)];
            status.completed_indexes = completed.map(str::to_owned);
        });
        scene.job.deleting = deleting;
        scene
    }

    #[rstest]
    #[case::read_back(DevicePhase::Verifying, None, false, true)]
    #[case::final_meanwhile(DevicePhase::Verifying, Some("0"), false, false)]
    #[case::deleted(DevicePhase::Verifying, None, true, false)]
    #[case::waits_for_its_next_attempt(DevicePhase::Waiting, None, false, false)]
    #[case::flashed(DevicePhase::Flashing, None, false, true)]
    #[case::flashed_and_deleted(DevicePhase::Flashing, None, true, false)]
    #[case::reserved(DevicePhase::Reserved, None, false, false)]
    #[case::ended(DevicePhase::Succeeded, None, false, false)]
    fn a_device_is_held_as_long_as_a_stored_status_says_that_it_is_flashed_or_read_back(
        #[case] phase: DevicePhase,
        #[case] completed: Option<&str>,
        #[case] deleting: bool,
        #[case] held: bool,
    ) {
        let mut occupied = Occupied::default();
        assert!(!occupied.see(&scene(phase, completed, deleting).job));
        assert_eq!(occupied.at(&endpoint(0)).is_some(), held);
        assert!(occupied.at(&endpoint(1)).is_none());
    }

    #[test]
    fn a_device_is_freed_once_by_its_verdict_or_with_its_job() {
        let mut occupied = Occupied::default();
        let held = scene(DevicePhase::Verifying, None, false).job;
        occupied.see(&held);
        assert!(!occupied.see(&held), "nothing changed");
        let done = scene(DevicePhase::Succeeded, Some("0"), false).job;
        assert!(occupied.see(&done));
        assert!(!occupied.see(&done));
        occupied.see(&held);
        assert!(occupied.forget(&JOB.into()) && !occupied.forget(&JOB.into()));
        assert!(occupied.at(&endpoint(0)).is_none());
    }

    #[rstest]
    fn no_other_job_begins_a_device_that_is_flashed_or_read_back_without_a_record(
        #[values(DevicePhase::Flashing, DevicePhase::Verifying)] phase: DevicePhase,
    ) {
        let mut scene = Scene::new(2);
        let mut other = scene_of_another(phase);
        scene.ledger.see_job(&other);
        let plan = scene.plan(70);
        let begun: Vec<_> = plan.begin.iter().map(|begin| begin.index).collect();
        assert_eq!(begun, [1]);
        let view = plan
            .views
            .iter()
            .find(|view| view.index == Some(0))
            .unwrap();
        assert_eq!(view.reason, Reason::DeviceBusy);
        assert!(
            view.message.contains("FlashJob lab/other"),
            "{}",
            view.message
        );

        other.status.devices.clear();
        scene.ledger.see_job(&other);
        assert!(scene.ledger.take_freed(), "who waits is told");
        assert_eq!(scene.plan(71).begin.len(), 2);
    }

    fn scene_of_another(phase: DevicePhase) -> Job {
        let mut job = scene(phase, None, false).job;
        job.uid = "job-2".into();
        job.name = "other".into();
        job
    }

    #[test]
    fn the_record_names_the_holder_where_there_is_one() {
        let mut scene = Scene::new(1);
        let record = crate::flashjob::fixtures::record(
            &identity(0, "a"),
            helm_release::Status::Deployed,
            true,
        );
        take_in(&mut scene.ledger, Some(record), None, None);
        scene
            .ledger
            .see_job(&scene_of_another(DevicePhase::Verifying));
        let holder = scene.ledger.holder_of(&endpoint(0)).unwrap();
        assert_eq!(holder.key.job_uid, JOB.into());
    }
}
