//! Pods that a person brought in with helm from a release of ours: locked, followed to their end, never counted. Pure; called
//! by `plan`.
//!
//! They bear the job's uid but an attempt id that the operator never gave, so they look like an attempt of which only the Pod
//! is left. What gives them away is that the device has another attempt, which is the operator's own.

use super::{
    attempts::{Ending, Stage},
    ledger::{Attempt, Ledger},
};
use crate::api::Reason;

/// Whether this attempt is not the operator's: it has no record, while another attempt at the same device in the same round
/// has one that holds the lock, or is the one of which the stored status says that it flashes (`flashing`: its id). The
/// operator begins nothing beside an attempt that holds its lock.
#[must_use]
pub fn is_foreign(ledger: &Ledger, attempt: &Attempt, flashing: Option<&str>) -> bool {
    let identity = &attempt.identity;
    if attempt.step || attempt.record().is_some() {
        return false;
    }
    let same_device = |other: &Attempt| {
        other.identity.uuid == identity.uuid && other.identity.round == identity.round
    };
    let own = ledger.of_job(&identity.key.job_uid).any(|(key, other)| {
        *key != identity.key && same_device(other) && other.record().is_some() && other.locks()
    });
    own || flashing.is_some_and(|id| id != identity.key.id)
}

/// What stands in the place of a verdict: a foreign Pod has none.
#[must_use]
pub fn ending() -> Ending {
    Ending {
        succeeded: false,
        reason: Reason::ForeignRevision,
        message: "this Pod is not the operator's: what it did is not counted".into(),
        at: None,
        stage: Stage::Final,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use crate::{
        api::DeviceStatus,
        flashjob::{
            attempts::{PodRemoval, Step},
            fixtures::{
                Scene, address, ended, endpoint, identity, record, running, service, take_in, uuid,
            },
        },
        release::Status,
    };

    const FOREIGN: &str = "byhand";

    /// The operator's own attempt, in flight.
    fn flies(scene: &mut Scene) {
        let who = identity(0, "a0");
        let own = record(&who, Status::Deployed, true);
        take_in(
            &mut scene.ledger,
            Some(own),
            Some(service(&who, address())),
            Some(running(&who)),
        );
    }

    /// Its Pod has vanished; the record stands.
    fn has_a_record(scene: &mut Scene) {
        let own = record(&identity(0, "a0"), Status::Superseded, true);
        take_in(&mut scene.ledger, Some(own), None, None);
    }

    /// Nothing of it is left but what the stored status says.
    fn is_stored(scene: &mut Scene) {
        scene.stored(|status| {
            status.devices = vec![DeviceStatus {
                index: 0,
                uuid: uuid(0),
                host_endpoint: Some(endpoint(0)),
                pod: Some(format!("flash-{}-a0", uuid(0))),
                phase: "Flashing".into(),
                ..DeviceStatus::default()
            }];
        });
    }

    fn steps(scene: &Scene, id: &str) -> Vec<Step> {
        let steps = scene.plan(1).steps.into_iter();
        let of = steps.filter(|(identity, _)| identity.key.id == id);
        of.map(|(_, step)| step).collect()
    }

    #[rstest]
    #[case::in_flight(flies, &[])]
    #[case::with_a_record(has_a_record, &[Step::ConfirmInterrupted])]
    #[case::in_the_stored_status(is_stored, &[Step::ConfirmInterrupted])]
    fn a_pod_beside_an_attempt_of_ours_is_followed_and_removed_and_gives_no_verdict(
        #[case] own: fn(&mut Scene),
        #[case] wanted: &[Step],
    ) {
        let who = identity(0, FOREIGN);
        let mut scene = Scene::new(1);
        own(&mut scene);
        take_in(&mut scene.ledger, None, None, Some(running(&who)));
        assert_eq!(steps(&scene, FOREIGN), [], "it runs");
        assert!(scene.plan(1).begin.is_empty(), "it holds the lock");

        let over = crate::flashjob::sight::PodSight {
            sight: crate::flashjob::sight::Sight {
                version: 9,
                ..ended(&who).sight
            },
            ..ended(&who)
        };
        take_in(&mut scene.ledger, None, None, Some(over));
        let [Step::Remove(removal)] = &steps(&scene, FOREIGN)[..] else {
            panic!("{:?}", steps(&scene, FOREIGN))
        };
        assert_eq!(
            (removal.pod, removal.untrack),
            (Some(PodRemoval::Ended), true)
        );
        assert_eq!(steps(&scene, "a0"), wanted);
        let plan = scene.plan(1);
        let pods = plan.views.iter().map(|view| view.pod.clone());
        let foreign = |pod: &String| pod.ends_with(FOREIGN);
        assert!(!pods.flatten().any(|pod| foreign(&pod)), "{:?}", plan.views);
    }

    #[rstest]
    #[case::nothing_else(None)]
    #[case::an_attempt_that_failed_before(Some(Status::Failed))]
    fn the_only_attempt_that_can_be_ours_gives_its_verdict_though_its_record_was_deleted(
        #[case] before: Option<Status>,
    ) {
        let mut scene = Scene::new(1);
        let before = before.map(|status| record(&identity(0, "a0"), status, true));
        take_in(&mut scene.ledger, before, None, None);
        take_in(
            &mut scene.ledger,
            None,
            None,
            Some(ended(&identity(0, "a1"))),
        );
        assert_eq!(steps(&scene, "a1"), [Step::ReadVerdict]);
    }

    #[test]
    fn a_pod_of_another_device_or_round_is_judged_by_its_own_attempts() {
        let mut scene = Scene::new(2);
        flies(&mut scene);
        take_in(
            &mut scene.ledger,
            None,
            None,
            Some(ended(&identity(1, "b"))),
        );
        assert_eq!(steps(&scene, "b"), [Step::ReadVerdict]);
    }
}
