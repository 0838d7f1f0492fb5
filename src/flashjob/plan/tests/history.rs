//! Attempts of devices that failed for good.

use super::{attempts_seen::troubled, *};
use crate::flashjob::{
    fixtures::numbered,
    plan::attempt::{Action, RecordRemoval, Removal},
};

/// The device failed, which is stored, and the record is all that is left of its attempt.
fn failed() -> Scene {
    let mut scene = Scene::new(1);
    scene.stored(|status| status.failed_indexes = Some("0".into()));
    let record = numbered(&identity(0, "a0"), 1, Status::Failed);
    scene.ledger.see_record(record);
    scene
}

fn removes(removal: Removal) -> Vec<(crate::flashjob::observe::objects::Identity, Action)> {
    vec![(identity(0, "a0"), Action::Remove(removal))]
}

#[rstest]
#[case::of_its_round(|_: &mut Scene| ())]
#[case::of_a_job_that_cannot_be_read(unreadable)]
fn the_trouble_of_an_attempt_that_is_history_is_not_waited_for(#[case] change: fn(&mut Scene)) {
    let mut scene = failed();
    change(&mut scene);
    troubled(&mut scene);
    let plan = scene.plan(1);
    assert_eq!((plan.actions, plan.wake_at), (Vec::new(), None));
}

fn succeeded_after_all(scene: &mut Scene) {
    scene.stored(|status| status.completed_indexes = Some("0".into()));
}
fn was_skipped_after_all(scene: &mut Scene) {
    scene.stored(|status| status.skipped_indexes = Some("0".into()));
}

#[rstest]
#[case::whose_job_is_being_deleted(deleting)]
#[case::whose_round_is_being_replaced(another_round)]
#[case::whose_device_succeeded_after_all(succeeded_after_all)]
#[case::whose_device_was_skipped_after_all(was_skipped_after_all)]
fn the_record_of_an_attempt_is_not_kept_as_history(#[case] change: fn(&mut Scene)) {
    let mut scene = failed();
    change(&mut scene);
    let removal = Removal {
        record: RecordRemoval::Delete,
        ..Removal::default()
    };
    assert_eq!(scene.plan(1).actions, removes(removal));
}

#[test]
fn the_service_of_an_attempt_that_failed_goes_though_its_record_says_so_already() {
    let mut scene = failed();
    let left = service(&identity(0, "a0"), address());
    scene.ledger.see_service(left);
    let removal = Removal {
        free: true,
        service: true,
        ..Removal::default()
    };
    assert_eq!(scene.plan(1).actions, removes(removal));
}
