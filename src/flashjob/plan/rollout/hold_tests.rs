//! The message of a step that waits for approval.

use rstest::rstest;

use super::*;
use crate::{
    api::{FlashClassRef, FlashJobStatus},
    flashjob::fixtures::{job_of, spec},
};

fn lack(reason: Reason, words: &str) -> Lack {
    Lack {
        reason,
        words: words.into(),
        refused: false,
    }
}

const COMMAND: &str = "; approve it with: kubectl flashjob approve lamps -n lab --step 1.1";

#[rstest]
#[case::the_first_device(
    0,
    None,
    None,
    "no device is flashed before somebody approves step 1.1",
    COMMAND
)]
#[case::the_first_device_as_a_class_asks(
    0,
    Some("locked"),
    None,
    "no device is flashed before somebody approves step 1.1 (FlashClass locked: spec.approvals.requireFor)",
    COMMAND
)]
#[case::devices_that_have_ended(
    3,
    Some("locked"),
    None,
    "step 1.1 is done, 1 of 3 devices failed",
    COMMAND
)]
#[case::another_person(
    3,
    Some("locked"),
    Some(lack(Reason::AwaitingApproval, "two people are asked")),
    "step 1.1 is done, 1 of 3 devices failed; two people are asked",
    COMMAND
)]
#[case::an_api_server_that_knows_nobody(
    3,
    Some("locked"),
    Some(lack(Reason::ApproverUnknown, "nobody is known")),
    "step 1.1 is done, 1 of 3 devices failed; nobody is known",
    ""
)]
fn a_step_that_is_to_be_approved_says_what_it_waits_for(
    #[case] devices: i64,
    #[case] class: Option<&str>,
    #[case] lack: Option<Lack>,
    #[case] says: &str,
    #[case] helps: &str,
) {
    let status = FlashJobStatus {
        flash_class: class.map(|name| FlashClassRef {
            name: name.into(),
            ..FlashClassRef::default()
        }),
        ..FlashJobStatus::default()
    };
    let job = job_of(&spec(1), Some(&status));
    let step = StepStatus {
        id: "1.1".into(),
        devices,
        failed: 1,
        ..StepStatus::default()
    };
    let hold = Hold::of_step(&job, &step, StepState::AwaitingApproval, lack.as_ref());
    assert_eq!(hold.message, format!("{says}{helps}"));
    let reason = lack.map_or(Reason::AwaitingApproval, |lack| lack.reason);
    assert_eq!((hold.reason, hold.until), (reason, None));
}
