//! What a FlashJob that is being deleted still waits for, until when, and what ends it. Pure.
//!
//! Called by `describe`.

use crate::flashjob::status::counts::Tally;
use crate::{
    api::{FlashJobStatus, Reason},
    display,
    flashjob::{plan::Cooling, spec::job::Job},
    names::LABEL_JOB_UID,
};

/// Most objects that are named in a message.
const MOST_NAMED: usize = 5;

/// Reason and message of the condition `Draining`. The command is given only where no flash would be interrupted by it.
pub(super) fn draining(job: &Job, status: &FlashJobStatus, tally: &Tally) -> (Reason, String) {
    // Asked for only where no attempt of the job is known: counts without a selection are those of an earlier operator.
    if !tally.left.is_empty() {
        return (Reason::Deleting, remaining(job, &tally.left));
    }
    let in_flight = status.counts.map_or(0, |counts| counts.in_flight);
    let flashing = (in_flight > 0).then(|| {
        let deadline = status
            .effective
            .as_ref()
            .map_or(0, |effective| effective.active_deadline_seconds_per_device);
        format!(
            "{} in flight, at most {} min",
            devices(in_flight),
            (deadline + 59) / 60
        )
    });
    let cools = tally.cooling.map(|Cooling { devices: some, until }| {
        let some = devices(i64::try_from(some).unwrap_or(i64::MAX));
        format!(
            "{some} cooling down until {} after a transfer that was cut off: a device may still be dialling the address \
             that it was told, so nothing else may flash it",
            display::time(until)
        )
    });
    match (flashing, cools) {
        (Some(flashing), Some(cools)) => (Reason::Deleting, format!("{flashing}; {cools}")),
        (Some(flashing), None) => (Reason::Deleting, flashing),
        (None, Some(cools)) => (
            Reason::CoolingDown,
            format!(
                "{cools}; to free them now instead: kubectl flashjob cleanup {} -n {}",
                job.name, job.namespace
            ),
        ),
        (None, None) => (
            Reason::Deleting,
            "nothing is in flight; what is left is being removed".to_owned(),
        ),
    }
}

/// What keeps the job though nothing is in flight that the operator knows of.
fn remaining(job: &Job, left: &[String]) -> String {
    let Job { namespace, uid, .. } = job;
    let named = left.iter().take(MOST_NAMED).cloned().collect::<Vec<_>>();
    let more = match left.len().saturating_sub(MOST_NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!(
        "no flash that the operator knows of is in flight, but there is still {}{more} with label {LABEL_JOB_UID}={uid}, which it \
         does not know; take the label off, or when you are sure that no device is being flashed: kubectl delete \
         secrets,services,pods -n {namespace} -l {LABEL_JOB_UID}={uid}",
        named.join(", "),
    )
}

fn devices(count: i64) -> String {
    match count {
        1 => "1 device".to_owned(),
        _ => format!("{count} devices"),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::flashjob::fixtures::{Scene, at, spec};

    const DIALLING: &str = "after a transfer that was cut off: a device may still be dialling the address that it was told, so \
                            nothing else may flash it";
    const COMMAND: &str = "; to free them now instead: kubectl flashjob cleanup lamps -n lab";

    fn counted(in_flight: i64) -> FlashJobStatus {
        let status = json!({
            "counts": {
                "selected": 4, "pending": 0, "inFlight": in_flight, "verifying": 0, "waiting": 0, "succeeded": 0, "failed": 0,
                "skipped": 0,
            },
        });
        serde_json::from_value(status).unwrap()
    }

    #[rstest]
    #[case::flashes(2, None, Reason::Deleting, "2 devices in flight, at most 10 min".into())]
    #[case::a_cool_down(0, Some(1), Reason::CoolingDown, format!("1 device cooling down until 1970-01-01T00:01:40Z {DIALLING}{COMMAND}"))]
    #[case::cool_downs(0, Some(3), Reason::CoolingDown, format!("3 devices cooling down until 1970-01-01T00:01:40Z {DIALLING}{COMMAND}"))]
    #[case::a_command_that_would_interrupt_a_flash_is_not_offered(
        1, Some(1), Reason::Deleting,
        format!("1 device in flight, at most 10 min; 1 device cooling down until 1970-01-01T00:01:40Z {DIALLING}"),
    )]
    #[case::neither(0, None, Reason::Deleting, "nothing is in flight; what is left is being removed".into())]
    fn a_job_that_is_deleted_says_what_it_waits_for(
        #[case] in_flight: i64,
        #[case] cooling: Option<usize>,
        #[case] reason: Reason,
        #[case] message: String,
    ) {
        let job = Scene::of(&spec(1)).job;
        let mut status = counted(in_flight);
        status.effective = Some(Scene::of(&spec(1)).observed().effective().clone());
        let until = at(100);
        let cooling = cooling.map(|devices| Cooling { devices, until });
        let tally = Tally {
            cooling,
            ..Tally::default()
        };
        assert_eq!(draining(&job, &status, &tally), (reason, message));
    }

    #[rstest]
    #[case::one(1, "still Secret copy-1 with label flashjob.nbfc.io/job-uid=")]
    #[case::many(7, "copy-4, Secret copy-5 and 2 more with label")]
    fn what_keeps_a_job_though_nothing_known_is_in_flight_is_named_whatever_was_counted(
        #[case] left: usize,
        #[case] words: &str,
    ) {
        let job = Scene::of(&spec(1)).job;
        let tally = Tally {
            left: (1..=left)
                .map(|number| format!("Secret copy-{number}"))
                .collect(),
            ..Tally::default()
        };
        let (reason, message) = draining(&job, &counted(1), &tally);
        assert_eq!(reason, Reason::Deleting);
        assert!(message.contains(words), "{message}");
        let command = format!(
            ": kubectl delete secrets,services,pods -n lab -l {LABEL_JOB_UID}={}",
            job.uid
        );
        assert!(message.ends_with(&command), "{message}");
    }
}
