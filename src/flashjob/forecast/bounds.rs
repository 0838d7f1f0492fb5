//! What can go wrong at most, and how long it can take: bounds that follow from steps, limits and deadlines alone. Pure.

use crate::flashjob::plan::attempt::retry::back_off;

/// One step of a rollout, or the rest after the last one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stage {
    /// Its own devices, without those of the steps before.
    pub devices: usize,
    /// Devices of it that may fail; none where only the job's own limit counts.
    pub limit: Option<usize>,
    /// Seconds that it is watched after its last device.
    pub soak_seconds: i64,
}

/// The most devices that can fail before the job stops, counting those in flight at that moment: each stage may be left with
/// as many failures as it allows, and the one failure more that stops the job comes while others are in flight.
#[must_use]
pub fn most_failures(stages: &[Stage], limit: Option<usize>, in_flight: usize) -> usize {
    let stopping = |limit: usize| limit.saturating_add(in_flight.max(1));
    let (mut before, mut most) = (0_usize, 0_usize);
    for stage in stages {
        let here = stage.limit.map_or(usize::MAX, stopping).min(stage.devices);
        most = most.max(before + here);
        before += stage.limit.unwrap_or(usize::MAX).min(stage.devices);
    }
    most.min(limit.map_or(usize::MAX, stopping))
}

/// How long one device may take, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// Deadline of one flash.
    pub deadline: i64,
    /// Tries after the first one.
    pub retries: i64,
    /// Time in which it has to be back; 0 where nothing is read back.
    pub verification: i64,
    /// How long a transfer that was cut off keeps the address and the slot of its device.
    pub cool_down: i64,
}

impl Times {
    /// All tries of a device, each as long as it may be and cut off at its end: the next one waits for back-off and cool-down,
    /// and the last one keeps the slot until it has cooled down.
    #[must_use]
    pub fn longest(&self) -> i64 {
        let retries = usize::try_from(self.retries).unwrap_or(0);
        // No job has more retries than this; the bound is one for any number.
        let waits = (1..=retries.min(10_000)).fold(0_i64, |sum, failures| {
            sum.saturating_add(back_off(failures).max(self.cool_down))
        });
        let waits = waits.saturating_add(self.cool_down);
        let tries = self.retries.max(0).saturating_add(1);
        let each = self.deadline.saturating_add(self.verification);
        each.saturating_mul(tries).saturating_add(waits)
    }
}

/// Seconds that so many turns take at most, if every device takes as long as it may.
#[must_use]
pub fn longest_turns(turns: usize, times: &Times) -> i64 {
    i64::try_from(turns)
        .unwrap_or(i64::MAX)
        .saturating_mul(times.longest())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn stage(devices: usize, limit: Option<usize>) -> Stage {
        Stage {
            devices,
            limit,
            soak_seconds: 0,
        }
    }

    #[rstest]
    #[case::nothing_limits_it(&[stage(500, None)], None, 10, 500)]
    #[case::a_limit_and_those_in_flight(&[stage(500, None)], Some(25), 10, 35)]
    #[case::a_limit_of_zero_one_at_a_time(&[stage(500, None)], Some(0), 1, 1)]
    #[case::no_more_than_there_are(&[stage(5, None)], Some(4), 10, 5)]
    #[case::a_canary_alone(&[stage(1, Some(0)), stage(499, None)], Some(25), 10, 35)]
    #[case::steps_without_a_limit_of_the_job(&[stage(1, Some(0)), stage(49, Some(4)), stage(450, Some(0))], None, 10, 14)]
    #[case::the_rest_has_no_limit_of_its_own(&[stage(1, Some(0)), stage(49, Some(4)), stage(450, None)], None, 10, 454)]
    #[case::the_tighter_limit_counts(&[stage(50, Some(40)), stage(450, Some(0))], Some(5), 2, 7)]
    #[case::no_devices(&[], None, 10, 0)]
    fn the_most_devices_that_can_fail(
        #[case] stages: &[Stage],
        #[case] limit: Option<usize>,
        #[case] in_flight: usize,
        #[case] most: usize,
    ) {
        assert_eq!(most_failures(stages, limit, in_flight), most);
    }

    #[rstest]
    #[case::one_try(600, 0, 0, 0, 600)]
    #[case::read_back(600, 0, 300, 0, 900)]
    #[case::two_retries_wait_10_and_20_seconds(600, 2, 0, 0, 1_830)]
    #[case::waits_end_at_ten_minutes(0, 8, 0, 0, 10 + 20 + 40 + 80 + 160 + 320 + 600 + 600)]
    #[case::one_try_cools_down_in_its_slot(600, 0, 0, 90, 690)]
    #[case::a_retry_waits_for_the_cool_down(600, 1, 0, 90, 600 + 90 + 600 + 90)]
    #[case::the_longer_of_back_off_and_cool_down_counts(0, 5, 0, 90, 90 + 90 + 90 + 90 + 160 + 90)]
    #[case::nonsense_retries(600, -1, 0, 0, 600)]
    fn a_device_takes_at_most(
        #[case] deadline: i64,
        #[case] retries: i64,
        #[case] verification: i64,
        #[case] cool_down: i64,
        #[case] longest: i64,
    ) {
        let times = Times {
            deadline,
            retries,
            verification,
            cool_down,
        };
        assert_eq!(times.longest(), longest);
    }

    #[test]
    fn turns_follow_each_other() {
        let times = Times {
            deadline: 600,
            ..Times::default()
        };
        assert_eq!(
            [0, 1, 3].map(|turns| longest_turns(turns, &times)),
            [0, 600, 1_800]
        );
    }

    /// A job that goes as badly as `fates` say, always the first in flight ending first: how many devices failed in the end.
    fn run(stages: &[Stage], limit: Option<usize>, in_flight: usize, fates: &[bool]) -> usize {
        let mut fates = fates.iter().copied();
        let mut total = 0;
        for stage in stages {
            let (mut failed, mut running, mut left) = (0, 0, stage.devices);
            loop {
                let stopped = limit.is_some_and(|limit| total > limit)
                    || stage.limit.is_some_and(|limit| failed > limit);
                if !stopped {
                    let begun = left.min(in_flight - running);
                    running += begun;
                    left -= begun;
                }
                if running == 0 && (stopped || left == 0) {
                    if stopped {
                        return total;
                    }
                    break;
                }
                running -= 1;
                if fates.next().unwrap_or(true) {
                    failed += 1;
                    total += 1;
                }
            }
        }
        total
    }

    proptest! {
        #[test]
        fn no_run_has_more_failures_than_foretold(
            stages in prop::collection::vec((0_usize..8, prop::option::of(0_usize..4)), 1..4),
            limit in prop::option::of(0_usize..10),
            in_flight in 1_usize..5,
            fates in prop::collection::vec(any::<bool>(), 0..24),
        ) {
            let stages: Vec<_> = stages.into_iter().map(|(devices, limit)| stage(devices, limit)).collect();
            prop_assert!(run(&stages, limit, in_flight, &fates) <= most_failures(&stages, limit, in_flight));
        }
    }
}
