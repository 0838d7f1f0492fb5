//! What is true of the phases that one job shows one after the other.

use proptest::{array::uniform3, collection::vec, prelude::*};
use rstest::rstest;

use crate::{
    api::{FlashJobStatus, Reason},
    flashjob::{
        fixtures::{
            Scene, address, ended, found, identity, record, running, service, take_in, waiting,
        },
        verdict::Outcome,
    },
};
use helm_release::Status;

/// Where a device stands when a status is made.
#[derive(Clone, Copy, Debug)]
enum Stands {
    Pending,
    Flashing,
    TriedAgainLater,
    Succeeded,
    Failed,
}

use Stands::{Failed, Flashing, Pending, Succeeded, TriedAgainLater};

/// The status after that of a job whose devices stand so now.
fn next(before: Option<FlashJobStatus>, devices: [Stands; 3], suspended: bool) -> FlashJobStatus {
    let mut scene = Scene::new(devices.len());
    if let Some(before) = before {
        scene.store(before);
    }
    scene.edit(|spec| spec.suspend = suspended.then_some(true));
    for (index, stands) in devices.into_iter().enumerate() {
        let who = identity(index, &format!("a{index}"));
        let pod = match stands {
            Pending => continue,
            TriedAgainLater => {
                let waiting = waiting(Reason::BackOff);
                scene.memory.waiting.insert(index, waiting);
                continue;
            }
            Flashing => running(&who),
            Succeeded | Failed => ended(&who),
        };
        let verdict = match stands {
            Succeeded => Some((Outcome::Succeeded, Reason::FirmwareSent)),
            Failed => Some((Outcome::Failed, Reason::TransferFailed)),
            Pending | TriedAgainLater | Flashing => None,
        };
        if let Some((outcome, reason)) = verdict {
            let found = found(Some(index), outcome, reason);
            scene.memory.verdicts.insert(who.key.id.clone(), found);
        }
        take_in(
            &mut scene.ledger,
            Some(record(&who, Status::Deployed, true)),
            Some(service(&who, address())),
            Some(pod),
        );
    }
    scene.status(60)
}

fn phases(stages: &[([Stands; 3], bool)]) -> Vec<String> {
    let mut status = None;
    let stages = stages.iter();
    let shown = stages.map(|(devices, suspended)| {
        let now = next(status.take(), *devices, *suspended);
        let phase = now.phase.as_deref().unwrap_or_default().to_owned();
        status = Some(now);
        phase
    });
    shown.collect()
}

#[rstest]
#[case::between_two_devices(&[([Pending; 3], false), ([Flashing, Pending, Pending], false), ([Succeeded, Pending, Pending], false),
    ([Succeeded, Flashing, Pending], false)], &["InProgress", "Running", "Running", "Running"])]
#[case::while_a_device_is_tried_again(&[([Flashing; 3], false), ([TriedAgainLater; 3], false), ([Flashing; 3], false),
    ([Succeeded; 3], false)], &["Running", "Running", "Running", "Completed"])]
#[case::suspended(&[([Flashing, Pending, Pending], false), ([Flashing, Pending, Pending], true), ([Succeeded, Pending, Pending], true)],
    &["Running", "Running", "InProgress"])]
fn a_job_runs_between_two_devices_as_well(
    #[case] stages: &[([Stands; 3], bool)],
    #[case] expected: &[&str],
) {
    assert_eq!(phases(stages), expected);
}

fn stands() -> impl Strategy<Value = Stands> {
    prop_oneof![
        Just(Pending),
        Just(Flashing),
        Just(TriedAgainLater),
        Just(Succeeded),
        Just(Failed)
    ]
}

proptest! {
    #[test]
    fn once_a_job_runs_it_goes_on_running_until_it_ends_or_is_suspended(
        stages in vec((uniform3(stands()), any::<bool>()), 1..10)
    ) {
        let shown = phases(&stages);
        for (pair, (_, suspended)) in shown.windows(2).zip(&stages[1..]) {
            prop_assert!(pair != ["Running", "InProgress"] || *suspended, "{shown:?}");
        }
    }
}
