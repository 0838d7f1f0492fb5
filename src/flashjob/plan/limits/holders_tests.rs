//! A job that cannot start because others hold every slot says so, and names them.

use rstest::rstest;
use serde_json::json;

use super::of_pool;
use crate::api::Reason;
use crate::flash_pod::pool::Pool;
use crate::flashjob::{
    fixtures::{Scene, at, identity, record, running, take_in},
    observe::{
        memory::{ValuesOf, ValuesTrial},
        objects::{AttemptKey, Identity},
    },
};
use helm_release::Status;

/// Somebody else's attempt that holds a slot.
fn holder(number: usize, namespace: &str, job: Option<&str>) -> Identity {
    let job_name = job.map(str::to_owned);
    Identity {
        key: AttemptKey {
            job_uid: format!("{namespace}/{job_name:?}").into(),
            id: format!("x{number}").into(),
        },
        uuid: format!("other-{number}").into(),
        endpoint: Some(format!("198.51.100.{number}:80")),
        namespace: namespace.into(),
        job_name,
        ..identity(0, "")
    }
}

/// A job of two devices beside these holders of slots, which are all that there are.
fn crowded(holders: &[Identity]) -> Scene {
    let mut scene = Scene::new(2);
    for holder in holders {
        let mut pod = running(holder);
        pod.sight.name = format!("pod-{}", holder.key.id);
        pod.sight.uid = holder.key.id.to_string();
        take_in(&mut scene.ledger, None, None, Some(pod));
    }
    scene.world.max_in_flight = holders.len();
    scene
}

fn strangers(count: usize) -> Vec<Identity> {
    (0..count)
        .map(|number| holder(number, "attic", None))
        .collect()
}

#[test]
fn a_job_that_waits_for_others_says_who_holds_how_many_slots() {
    let mut holders = strangers(110);
    holders.push(holder(200, "lab", Some("lamps-b")));
    holders.push(holder(201, "lab", Some("lamps-b")));
    holders.push(holder(202, "cellar", Some("\u{1b}[2Jlocks")));
    let scene = crowded(&holders);
    let plan = scene.plan(60);
    assert!(plan.begin.is_empty() && plan.contended);
    let status = scene.status(60);
    assert_eq!(status.reason.as_deref(), Some("SlotsFull"));
    assert_eq!(
        status.message.as_deref(),
        Some(
            "0 of 2 succeeded, 0 in flight; all 113 slots of the operator (--max-in-flight) are in use, none of them by this job: 110 \
             by objects of no known FlashJob in namespace attic, 2 by FlashJob lab/lamps-b, 1 by FlashJob \
             cellar/\\u{1b}[2Jlocks; its turn comes when one is free"
        )
    );
    let ready = status
        .conditions
        .iter()
        .find(|known| known.type_ == "Ready");
    let ready = ready.unwrap();
    assert_eq!(
        (ready.status.as_str(), ready.reason.as_str()),
        ("False", "SlotsFull")
    );
    assert!(
        ready.message.contains("110 by objects"),
        "{}",
        ready.message
    );
}

#[test]
fn who_holds_no_slot_is_not_named() {
    let mut scene = crowded(&strangers(3));
    let over = holder(7, "lab", Some("over"));
    let mut record = record(&over, Status::Failed, false);
    record.settled = Some(1);
    take_in(&mut scene.ledger, Some(record), None, None);
    let message = scene.status(60).message.unwrap();
    assert!(!message.contains("lab/over"), "{message}");
}

#[test]
fn a_job_that_waits_for_nothing_names_nobody() {
    let mut scene = crowded(&strangers(3));
    scene.stored(|status| status.completed_indexes = Some("0-1".into()));
    assert_eq!(scene.plan(60).pace.crowd, None);
}

#[test]
fn many_holders_are_named_by_the_largest() {
    let holders: Vec<Identity> = (0..9)
        .map(|number| holder(number, "lab", Some(&format!("job-{number}"))))
        .collect();
    let message = crowded(&holders).status(60).message.unwrap();
    assert!(message.contains("1 by FlashJob lab/job-0, "), "{message}");
    assert!(message.contains(", 4 by 4 more; its turn"), "{message}");
}

#[rstest]
#[case::one_slot_is_free(|scene: &mut Scene| scene.world.max_in_flight += 1)]
#[case::one_is_its_own(|scene: &mut Scene| take_in(&mut scene.ledger, None, None, Some(running(&identity(0, "a")))))]
fn a_job_that_has_or_finds_a_slot_is_in_progress(#[case] change: fn(&mut Scene)) {
    let mut scene = crowded(&strangers(3));
    change(&mut scene);
    assert_eq!(scene.status(60).reason.as_deref(), Some("InProgress"));
}

#[test]
fn who_they_are_is_said_anew_after_a_while_and_not_with_every_flash() {
    let mut scene = crowded(&strangers(3));
    let plan = scene.plan(60);
    let first = plan.pace.crowd.clone().unwrap();
    assert_eq!(plan.wake_at, Some(at(90)));
    scene.memory.slots_said = Some((at(60), first.message.clone()));
    let later = holder(9, "lab", Some("lamps-b"));
    let mut pod = running(&later);
    pod.sight.uid = "x9".into();
    take_in(&mut scene.ledger, None, None, Some(pod));
    let plan = scene.plan(89);
    assert_eq!(plan.pace.crowd, Some(first));
    assert_eq!(plan.wake_at, Some(at(90)));
    let plan = scene.plan(90);
    let said = plan.pace.crowd.unwrap().message;
    assert!(said.contains("1 by FlashJob lab/lamps-b"), "{said}");
    assert_eq!(plan.wake_at, Some(at(120)));
}

#[rstest]
#[case::others_have_all_of_it(2, 0, true)]
#[case::a_service_of_it_is_free(1, 0, false)]
#[case::one_of_its_own_devices_has_the_last_service(1, 1, false)]
fn a_job_waits_for_others_to_give_back_services_of_its_pool_where(
    #[case] others: usize,
    #[case] own: usize,
    #[case] waits: bool,
) {
    let mut scene = Scene::new(2);
    let pool = Pool::of(&json!({"service": {
        "mode": "Pool", "restrictToDevice": true, "type": "LoadBalancer", "pool": {"name": "pool", "size": 2},
    }}));
    let pool = pool.unwrap().unwrap();
    let others = (0..others).map(|number| holder(number, "lab", Some("lamps-b")));
    for who in others.chain((0..own).map(|index| identity(index, "a"))) {
        scene.ledger.begin_action(&who);
        scene.ledger.choose_service(&who, &pool).unwrap();
    }
    scene.memory.trial = Some(ValuesTrial {
        of: ValuesOf {
            generation: 1,
            chart: 1,
        },
        refusal: None,
        pool: Some(pool),
    });
    let reason = of_pool(&scene.observed()).map(|hold| hold.reason);
    assert_eq!(reason, waits.then_some(Reason::AddressInUse));
}
