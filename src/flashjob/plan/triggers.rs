//! Which jobs have to be looked at when a device came, went or changed, and when a lock or a slot was given up. Pure.
//!
//! Called by the `controller` for every event of an Instance and by `passes`: with a hundred jobs at once, to look at all of them
//! each time would cost more than everything else.

use crate::api::{ConditionType, Reason};
use crate::{
    api::conditions,
    flashjob::{observe::cache::Cache, plan::Plan, spec::job::Job},
    identifiers::{JobUid, Uuid},
};

/// What an event says of a device: its uid, and where it listens or listened before.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sighting {
    /// uid of the Instance.
    pub uid: Uuid,
    /// Normalised endpoints, before and after the event.
    pub endpoints: Vec<String>,
}

/// uids of the unfinished jobs that a device concerns: it is selected, in flight or read back, or the selection is not known.
#[must_use]
pub fn concerned(cache: &Cache, seen: &Sighting) -> Vec<JobUid> {
    let concerns = |job: &Job| {
        let Some(roster) = cache.rosters.get(&job.uid) else {
            return true;
        };
        let at = |endpoint: &String| {
            let recorded = |recorded: &Option<String>| recorded.as_ref() == Some(endpoint);
            let mut devices = job.status.devices.iter();
            roster.at_endpoint(endpoint).next().is_some()
                || devices.any(|device| recorded(&device.host_endpoint))
                || cache.ledger.jobs_at(endpoint).any(|uid| *uid == job.uid)
        };
        roster.index_of(&seen.uid).is_some() || seen.endpoints.iter().any(at)
    };
    let jobs = unfinished(cache).filter(|job| concerns(job));
    jobs.map(|job| job.uid.clone()).collect()
}

/// uids of the unfinished jobs that may wait for a lock or a slot which another job gives up: all but those of which the latest
/// plan says that they do not.
#[must_use]
pub fn contending(cache: &Cache) -> Vec<JobUid> {
    let contends = |job: &Job| {
        let memory = cache.memories.get(&job.uid);
        memory.is_none_or(|memory| !memory.content)
    };
    let jobs = unfinished(cache).filter(|job| contends(job));
    jobs.map(|job| job.uid.clone()).collect()
}

/// Whether nothing that a job plans waits for what another job holds.
#[must_use]
pub fn is_content(plan: &Plan) -> bool {
    let busy = plan
        .views
        .iter()
        .any(|view| matches!(view.reason, Reason::DeviceBusy | Reason::AddressInUse));
    !plan.contended && !busy
}

fn unfinished(cache: &Cache) -> impl Iterator<Item = &Job> {
    let finished = |job: &Job| conditions::holds(&job.status.conditions, ConditionType::Finished);
    let jobs = cache.jobs().map(AsRef::as_ref);
    jobs.filter(move |job| !finished(job))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::api::DeviceStatus;
    use crate::flashjob::fixtures::{JOB, Scene, endpoint, identity, uuid};

    fn cache(devices: usize) -> Cache {
        cache_of(Scene::new(devices))
    }

    fn cache_of(scene: Scene) -> Cache {
        let mut cache = Cache::default();
        cache.see_job(scene.job);
        let roster = scene.roster.map(std::sync::Arc::new);
        cache
            .rosters
            .extend(roster.map(|roster| (JOB.into(), roster)));
        cache
    }

    fn sighting(uid: &str, endpoints: &[String]) -> Sighting {
        Sighting {
            uid: uid.into(),
            endpoints: endpoints.to_vec(),
        }
    }

    #[rstest]
    #[case::selected_by_its_uid(uuid(1), &[], true)]
    #[case::another_uid_at_a_selected_endpoint("other".into(), &[endpoint(1)], true)]
    #[case::moved_away_from_a_selected_endpoint("other".into(), &["192.0.2.99:80".to_owned(), endpoint(0)], true)]
    #[case::of_another_job("other".into(), &[endpoint(7)], false)]
    fn a_device_concerns_the_jobs_that_selected_it(
        #[case] uid: Uuid,
        #[case] endpoints: &[String],
        #[case] concerned_: bool,
    ) {
        let uids = concerned(&cache(2), &sighting(uid.as_str(), endpoints));
        assert_eq!(uids == [JobUid::from(JOB)], concerned_);
    }

    #[test]
    fn a_device_concerns_the_job_that_has_an_attempt_where_it_is_now() {
        let mut cache = cache(1);
        let seen = sighting("other", &[endpoint(7)]);
        cache.ledger.begin_action(&identity(7, "a"));
        assert_eq!(concerned(&cache, &seen), [JobUid::from(JOB)]);
    }

    #[rstest]
    #[case::there(7, true)]
    #[case::elsewhere(8, false)]
    fn a_device_concerns_a_job_whose_status_tells_of_a_flash(
        #[case] recorded: usize,
        #[case] concerns: bool,
    ) {
        let mut scene = Scene::new(1);
        scene.stored(|status| {
            status.devices = vec![DeviceStatus {
                uuid: uuid(0).to_string(),
                host_endpoint: Some(endpoint(recorded)),
                phase: "Verifying".into(),
                ..DeviceStatus::default()
            }];
        });
        let uids = concerned(&cache_of(scene), &sighting("other", &[endpoint(7)]));
        assert_eq!(uids == [JobUid::from(JOB)], concerns);
    }

    #[test]
    fn a_device_concerns_a_job_whose_selection_is_not_known() {
        let mut cache = cache(1);
        cache.rosters.clear();
        assert_eq!(
            concerned(&cache, &sighting("other", &[])),
            [JobUid::from(JOB)]
        );
    }

    #[test]
    fn a_job_contends_until_a_plan_says_that_it_has_all_that_it_needs() {
        let mut cache = cache(1);
        assert_eq!(contending(&cache), [JobUid::from(JOB)]);
        cache.memory(&JOB.into()).content = true;
        assert!(contending(&cache).is_empty());
    }

    #[test]
    fn a_job_is_content_once_its_last_device_has_a_slot() {
        let mut scene = Scene::new(2);
        scene.world.max_in_flight = 1;
        assert!(!is_content(&scene.plan(0)));
        scene.world.max_in_flight = 2;
        assert!(is_content(&scene.plan(0)));
    }
}
