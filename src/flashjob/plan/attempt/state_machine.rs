//! What happens next to one attempt: one total function over what is known of it. Pure.
//!
//! An *attempt* is (job uid, round, attempt number) with its own object names, so nothing of another attempt is mistaken for it.
//! The Pod outranks the record: as long as a Pod lives, something is being flashed, whatever Helm's record says.
//! Called by `plan` for every attempt in the ledger.

/// What is known of the attempt's Pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PodState {
    /// No Pod.
    None,
    /// Alive, or being deleted and not ended.
    Alive,
    /// Ended: phase Succeeded or Failed, deleted before it was bound to a node, or lost with its node.
    Ended,
}

/// The verdict of the attempt, as far as it is *stored*.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    /// None is stored.
    None,
    /// The transfer verdict is stored; the version is being read back.
    Verifying,
    /// The final verdict is stored.
    Final,
}

/// What is known of the newest revision of the release, where it bears this attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordState {
    /// No revision bears this attempt.
    None {
        /// The stored device record says `Flashing`: a Pod once was.
        was_flashing: bool,
    },
    /// `pending-install`, `pending-upgrade` or `pending-rollback`.
    Pending {
        /// A helm process of this operator is writing it.
        live_child: bool,
    },
    /// `deployed`.
    Deployed {
        /// The Pod stands in its manifest.
        pod: bool,
    },
    /// `failed`.
    Failed {
        /// The Pod stands in its manifest.
        pod: bool,
    },
    /// `superseded`: the revision that superseded it is gone.
    Superseded,
    /// `uninstalling`, `uninstalled` or `unknown`.
    Ending {
        /// The Pod stands in its manifest, or was seen.
        pod: bool,
    },
}

/// What is known of the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobState {
    /// It exists and the attempt is of its current round.
    Exists,
    /// It is being deleted, gone, recreated with another uid, or in a later round.
    Leaving,
}

/// What to do next. Numbers are those of the nine writes of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Row 1: the Pod is flashing; wait for its end.
    Flashing,
    /// Row 1: the Pod is flashing but the record does not say so yet: write 5.
    MarkDeployed,
    /// Row 2: read the Pod's verdict and store it: 6 and 7.
    ReadVerdict,
    /// Row 3: Pod and Service go, the record stays as the lock; the version is read back.
    ReadBack,
    /// Rows 4 and 5: remove what is left: 8.
    Finish,
    /// Row 6: a Pod once was and is not seen; look at the API server itself, then the verdict is Interrupted.
    ConfirmInterrupted,
    /// Row 6: somebody uninstalls what was never launched; look at the API server itself, then the device begins anew.
    ConfirmUnlaunched,
    /// Row 7: a helm process is at work.
    AwaitHelm,
    /// Row 8: recorded but not started: ask the gates, then 2, 3, 4.
    Reserved,
    /// Row 9: the attempt is over and holds no lock.
    Over,
    /// Row 10: not begun: ask the gates, then 1.
    NotBegun,
}

/// Decides what to do next. Total: every combination has exactly one answer; the first matching row wins.
#[must_use]
pub fn next(pod: PodState, stored: Stored, record: RecordState, job: JobState) -> Next {
    match (pod, stored, job) {
        (PodState::Alive, _, _) => match record {
            RecordState::Pending { live_child: false } => Next::MarkDeployed,
            RecordState::Pending { live_child: true }
            | RecordState::None { .. }
            | RecordState::Deployed { .. }
            | RecordState::Failed { .. }
            | RecordState::Superseded
            | RecordState::Ending { .. } => Next::Flashing,
        },
        (PodState::Ended, Stored::None, _) => Next::ReadVerdict,
        (PodState::None | PodState::Ended, Stored::Verifying, JobState::Exists) => Next::ReadBack,
        // A job that leaves has nobody to read a version back for.
        (PodState::None | PodState::Ended, Stored::Verifying, JobState::Leaving)
        | (PodState::None | PodState::Ended, Stored::Final, _) => Next::Finish,
        (PodState::None, Stored::None, JobState::Leaving) => match record {
            RecordState::Pending { live_child: true } => Next::AwaitHelm,
            _ => Next::Finish,
        },
        (PodState::None, Stored::None, JobState::Exists) => without_pod(record),
    }
}

/// Rows 6 to 10: no Pod, no verdict, and a job that wants one.
const fn without_pod(record: RecordState) -> Next {
    match record {
        RecordState::Deployed { pod: true }
        | RecordState::Failed { pod: true }
        | RecordState::Superseded
        | RecordState::Ending { pod: true }
        | RecordState::None { was_flashing: true } => Next::ConfirmInterrupted,
        RecordState::Ending { pod: false } => Next::ConfirmUnlaunched,
        RecordState::Pending { live_child: true } => Next::AwaitHelm,
        RecordState::Pending { live_child: false } | RecordState::Deployed { pod: false } => {
            Next::Reserved
        }
        RecordState::Failed { pod: false } => Next::Over,
        RecordState::None {
            was_flashing: false,
        } => Next::NotBegun,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const PODS: [PodState; 3] = [PodState::None, PodState::Alive, PodState::Ended];
    const STORED: [Stored; 3] = [Stored::None, Stored::Verifying, Stored::Final];
    const JOBS: [JobState; 2] = [JobState::Exists, JobState::Leaving];
    const RECORDS: [RecordState; 11] = [
        RecordState::None {
            was_flashing: false,
        },
        RecordState::None { was_flashing: true },
        RecordState::Pending { live_child: false },
        RecordState::Pending { live_child: true },
        RecordState::Deployed { pod: false },
        RecordState::Deployed { pod: true },
        RecordState::Failed { pod: false },
        RecordState::Failed { pod: true },
        RecordState::Superseded,
        RecordState::Ending { pod: false },
        RecordState::Ending { pod: true },
    ];

    /// The rows of the design's table, each as a predicate and its answers, in order: an independent statement of the rule.
    fn rows(pod: PodState, stored: Stored, record: RecordState, job: JobState) -> Vec<(u8, Next)> {
        let none = matches!(
            record,
            RecordState::None {
                was_flashing: false
            }
        );
        let live = matches!(record, RecordState::Pending { live_child: true });
        let pending = matches!(record, RecordState::Pending { live_child: false });
        let reserved = pending || matches!(record, RecordState::Deployed { pod: false });
        let had_pod = matches!(
            record,
            RecordState::Deployed { pod: true }
                | RecordState::Failed { pod: true }
                | RecordState::Superseded
                | RecordState::Ending { pod: true }
                | RecordState::None { was_flashing: true }
        );
        let uninstalled = record == RecordState::Ending { pod: false };
        let exists = job == JobState::Exists;
        let absent = pod == PodState::None && stored == Stored::None;
        let mut matching = Vec::new();
        if pod == PodState::Alive {
            matching.push((
                1,
                if pending {
                    Next::MarkDeployed
                } else {
                    Next::Flashing
                },
            ));
        }
        if pod == PodState::Ended && stored == Stored::None {
            matching.push((2, Next::ReadVerdict));
        }
        if pod != PodState::Alive && stored == Stored::Verifying {
            matching.push((3, if exists { Next::ReadBack } else { Next::Finish }));
        }
        if pod != PodState::Alive && stored == Stored::Final {
            matching.push((4, Next::Finish));
        }
        if absent && !exists && !live {
            matching.push((5, Next::Finish));
        }
        if absent && exists && had_pod {
            matching.push((6, Next::ConfirmInterrupted));
        }
        if absent && exists && uninstalled {
            matching.push((6, Next::ConfirmUnlaunched));
        }
        if absent && live {
            matching.push((7, Next::AwaitHelm));
        }
        if absent && exists && reserved {
            matching.push((8, Next::Reserved));
        }
        if absent && exists && matches!(record, RecordState::Failed { pod: false }) {
            matching.push((9, Next::Over));
        }
        if absent && exists && none {
            matching.push((10, Next::NotBegun));
        }
        matching
    }

    #[test]
    fn every_combination_has_exactly_one_row_and_gets_its_answer() {
        let mut seen = std::collections::BTreeSet::new();
        for pod in PODS {
            for stored in STORED {
                for record in RECORDS {
                    for job in JOBS {
                        let matching = rows(pod, stored, record, job);
                        assert_eq!(
                            matching.len(),
                            1,
                            "{pod:?} {stored:?} {record:?} {job:?}: {matching:?}"
                        );
                        assert_eq!(
                            next(pod, stored, record, job),
                            matching[0].1,
                            "{pod:?} {stored:?} {record:?} {job:?}"
                        );
                        seen.insert(matching[0].0);
                    }
                }
            }
        }
        assert_eq!(
            seen.into_iter().collect::<Vec<_>>(),
            (1..=10).collect::<Vec<u8>>(),
            "every row is reached"
        );
    }

    #[rstest]
    #[case::row_1_a_living_pod_outranks_an_uninstalling_record(
        PodState::Alive,
        Stored::None,
        RecordState::Ending { pod: true },
        JobState::Exists,
        Next::Flashing
    )]
    #[case::row_1_a_living_pod_outranks_the_job_being_deleted(PodState::Alive, Stored::None, RecordState::Deployed { pod: true }, JobState::Leaving, Next::Flashing)]
    #[case::row_1_a_launched_pod_with_a_pending_record_is_marked_deployed(PodState::Alive, Stored::None, RecordState::Pending { live_child: false }, JobState::Exists, Next::MarkDeployed)]
    #[case::row_1_a_missing_record_is_not_recreated(PodState::Alive, Stored::None, RecordState::None { was_flashing: true }, JobState::Exists, Next::Flashing)]
    #[case::row_2_an_ended_pod_gives_its_verdict_before_anything_is_removed(PodState::Ended, Stored::None, RecordState::None { was_flashing: false }, JobState::Leaving, Next::ReadVerdict)]
    #[case::row_3_read_back_keeps_the_record(PodState::Ended, Stored::Verifying, RecordState::Deployed { pod: true }, JobState::Exists, Next::ReadBack)]
    #[case::row_4_a_stored_verdict_is_finished(PodState::Ended, Stored::Final, RecordState::Deployed { pod: true }, JobState::Exists, Next::Finish)]
    #[case::row_5_a_reserved_device_of_a_deleted_job_is_uninstalled(PodState::None, Stored::None, RecordState::Pending { live_child: false }, JobState::Leaving, Next::Finish)]
    #[case::row_6_a_vanished_pod_is_never_restarted(PodState::None, Stored::None, RecordState::Deployed { pod: true }, JobState::Exists, Next::ConfirmInterrupted)]
    #[case::row_6_a_vanished_pod_of_an_uninstalled_release_is_never_restarted(PodState::None, Stored::None, RecordState::Ending { pod: true }, JobState::Exists, Next::ConfirmInterrupted)]
    #[case::row_6_what_was_uninstalled_before_its_pod_was_created_begins_anew(PodState::None, Stored::None, RecordState::Ending { pod: false }, JobState::Exists, Next::ConfirmUnlaunched)]
    #[case::row_7_a_live_helm_is_left_alone(PodState::None, Stored::None, RecordState::Pending { live_child: true }, JobState::Leaving, Next::AwaitHelm)]
    #[case::row_8_a_crash_before_the_pod_goes_on(PodState::None, Stored::None, RecordState::Pending { live_child: false }, JobState::Exists, Next::Reserved)]
    #[case::row_9_a_failed_record_without_pod_is_over(PodState::None, Stored::None, RecordState::Failed { pod: false }, JobState::Exists, Next::Over)]
    #[case::row_10_nothing_is_known(PodState::None, Stored::None, RecordState::None { was_flashing: false }, JobState::Exists, Next::NotBegun)]
    fn each_row(
        #[case] pod: PodState,
        #[case] stored: Stored,
        #[case] record: RecordState,
        #[case] job: JobState,
        #[case] want: Next,
    ) {
        assert_eq!(next(pod, stored, record, job), want);
    }
}
