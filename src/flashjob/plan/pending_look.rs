//! Which of the devices that have not begun a pass looks at, in order. Pure; called by `queue`.

use std::collections::{BTreeSet, HashMap};

use super::{DeviceView, queue::LOOKED_AT};
use crate::flashjob::{
    observe::{Observed, memory::PendingLook, wait_queue::Waiter},
    spec::intervals::Intervals,
};

/// Goes through them once, from the first.
#[derive(Debug)]
pub(super) struct Look {
    /// Those at which every pass looks.
    always: BTreeSet<usize>,
    /// Where it begins to look at others, by turns.
    from: usize,
    /// At how many of those it looks yet.
    left: usize,
    /// The first index that was not come to.
    at: usize,
    /// Where the next pass begins to look at others, as far as it is known.
    next: usize,
}

impl Look {
    /// Continues where the previous pass stopped. Every pass looks at devices that the previous one reported on, that wait in line for a
    /// place, that were tried before, or that failed before (`failed`, by index).
    pub(super) fn new(
        observed: &Observed<'_>,
        failed: &HashMap<usize, usize>,
        reachable: &Intervals,
    ) -> Self {
        let memory = observed.memory;
        let line = observed.line.of(&observed.job.uid).iter();
        let always = memory.look.told.iter().chain(memory.waiting.keys());
        let always = always.chain(failed.keys()).copied();
        let always = always.chain(line.map(|waiter| waiter.index));
        let from = memory.look.next;
        Self {
            always: always.filter(|index| reachable.contains(*index)).collect(),
            from: reachable.first_from(from).map_or(0, |_| from),
            left: LOOKED_AT,
            at: 0,
            next: 0,
        }
    }

    /// The next device to look at, of those that may begin: where one may begin at once, whichever comes next.
    pub(super) fn next(&mut self, reachable: &Intervals, may_begin: bool) -> Option<usize> {
        let by_turns = reachable.first_from(self.at.max(self.from));
        let by_turns = by_turns.filter(|_| self.left > 0);
        let always = self.always.range(self.at..).next().copied();
        let first = reachable.first_from(self.at).filter(|_| may_begin);
        let index = [by_turns, always, first].into_iter().flatten().min()?;
        self.at = index + 1;
        if by_turns == Some(index) {
            self.left -= 1;
            self.next = self.at;
        }
        Some(index)
    }

    /// What the next pass has to know: which devices this one reported on, and where it stopped. The next pass starts over once every device
    /// has had its turn.
    pub(super) fn close(self, views: &[DeviceView], line: &[Waiter]) -> PendingLook {
        let of_pending = views.iter().filter(|view| view.since.is_none());
        let told = of_pending.filter_map(|view| view.index);
        PendingLook {
            next: if self.left > 0 { 0 } else { self.next },
            told: told.chain(line.iter().map(|waiter| waiter.index)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use jiff::SignedDuration;
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::{
        api::{MismatchPolicy, Reason},
        flashjob::{
            fixtures::{Scene, at, instance, instance_with, uuid},
            plan::Plan,
        },
    };

    /// More devices than a pass looks at by turns.
    const MANY: usize = 2 * LOOKED_AT + 500;

    /// Plans, and remembers where the pass ended.
    fn pass(scene: &mut Scene, second: i64) -> Plan {
        let plan = scene.plan(second);
        scene.memory.look = plan.look.clone();
        scene.memory.refused.extend(plan.refuse.iter().cloned());
        for index in plan.missing.keys() {
            let since = scene.memory.missing_since.entry(*index);
            since.or_insert(at(second));
        }
        plan
    }

    fn waiting_for_slots(devices: usize) -> Scene {
        let mut scene = Scene::new(devices);
        scene.world.max_in_flight = 0;
        scene
    }

    #[test]
    fn every_one_of_many_devices_has_its_turn_and_then_they_begin_anew() {
        let mut scene = waiting_for_slots(MANY);
        scene.edit(|spec| {
            spec.device = Some("esp32c3".into());
            spec.mismatch_policy = Some(MismatchPolicy::Fail);
        });
        let mut refused = BTreeSet::new();
        for (second, most, next) in [
            (1, LOOKED_AT, LOOKED_AT),
            (2, LOOKED_AT, 2 * LOOKED_AT),
            (3, 500, 0),
        ] {
            let plan = pass(&mut scene, second);
            assert_eq!((plan.refuse.len(), plan.look.next), (most, next));
            refused.extend(plan.refuse.iter().map(|(index, _)| *index));
            assert_eq!(plan.queued, MANY - refused.len());
        }
        assert_eq!(refused.len(), MANY);
    }

    #[test]
    fn a_device_of_which_something_was_said_is_looked_at_in_every_pass() {
        let mut scene = waiting_for_slots(MANY);
        let gone = MANY - 1;
        scene.inventory.delete(&uuid(gone));
        // It was selected while it was there: only its endpoint could tell where it is.
        let until = |plan: &Plan| plan.missing.get(&gone).copied();
        assert_eq!(until(&pass(&mut scene, 1)), None, "not its turn yet");
        assert_eq!(until(&pass(&mut scene, 2)), None);
        let first = until(&pass(&mut scene, 3));
        assert!(first.is_some());
        for second in 4..8 {
            let plan = pass(&mut scene, second);
            assert_eq!(until(&plan), first, "it fails when it would have");
            assert_eq!((plan.queued, plan.views.len()), (MANY - 1, 1));
        }
        scene.inventory.apply(&instance(uuid(gone).as_str(), gone));
        let plan = pass(&mut scene, 8);
        assert_eq!((plan.queued, plan.views.len()), (MANY, 0));
    }

    #[test]
    fn slots_are_filled_from_the_first_device_on_wherever_the_turns_are() {
        let mut scene = waiting_for_slots(MANY);
        pass(&mut scene, 1);
        scene.world.max_in_flight = 3;
        // The first device is busy elsewhere: it is passed over, and spoken of.
        let busy = json!({"HOST_ENDPOINT": "192.0.2.9:1", "DEVICE": "esp32s3"});
        scene.inventory.apply(&instance_with("uuid-0", &busy));
        scene.memory.waiting.insert(
            0,
            crate::flashjob::observe::memory::Waiting {
                reason: Reason::AddressPending,
                message: "no address".into(),
                until: at(60),
                tries: 1,
            },
        );
        let plan = scene.plan(2);
        let begun: Vec<usize> = plan.begin.iter().map(|begin| begin.index).collect();
        assert_eq!(begun, [1, 2, 3]);
        let said: Vec<_> = plan
            .views
            .iter()
            .map(|view| (view.index, view.reason))
            .collect();
        assert_eq!(said, [(Some(0), Reason::BackOff)]);
        assert_eq!(plan.queued, MANY - 4);
        assert_eq!(plan.look.next, 2 * LOOKED_AT);
    }

    #[rstest]
    #[case::one(1)]
    #[case::as_many_as_have_a_turn(LOOKED_AT)]
    fn all_of_a_few_devices_are_looked_at_in_every_pass(#[case] devices: usize) {
        let mut scene = waiting_for_slots(devices);
        for second in 1..4 {
            let plan = pass(&mut scene, second);
            assert_eq!(plan.queued, devices);
            scene.inventory.delete(&uuid(devices - 1));
            let plan = pass(&mut scene, second);
            assert_eq!(plan.missing.len(), 1, "at once");
            let back = instance(uuid(devices - 1).as_str(), devices - 1);
            scene.inventory.apply(&back);
        }
    }

    #[test]
    fn the_next_turn_comes_by_itself() {
        let mut scene = waiting_for_slots(LOOKED_AT + 1);
        let plan = pass(&mut scene, 1);
        assert_eq!(
            plan.wake_at,
            at(1).checked_add(SignedDuration::from_secs(1)).ok()
        );
        scene.edit(|spec| spec.suspend = Some(true));
        let plan = pass(&mut scene, 2);
        assert_eq!(
            (plan.queued, plan.wake_at),
            (LOOKED_AT + 1, None),
            "nobody's turn"
        );
    }
}
