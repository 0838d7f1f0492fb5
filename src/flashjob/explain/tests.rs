use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use rstest::rstest;
use serde_json::json;

use super::*;
use crate::{
    api::{Effective, FlashClassRef, FlashJobStatus, Reason, SelectionStatus},
    flashjob::fixtures::{at, endpoint, job_of, spec, uuid},
    identifiers::Uuid,
};

fn selection(devices: usize) -> Vec<SelectedDevice> {
    (0..devices)
        .map(|index| SelectedDevice {
            uuid: uuid(index),
            endpoint: Some(endpoint(index)),
            device_type: Some("esp32s3".into()),
            application_type: Some("lamp".into()),
            version: Some("0.1.0".into()),
            instance: Some(format!("lab/i-{index}")),
        })
        .collect()
}

fn entry(index: usize, phase: DevicePhase, reason: Reason, message: &str) -> DeviceStatus {
    DeviceStatus {
        index: i64::try_from(index).unwrap(),
        uuid: uuid(index).to_string(),
        host_endpoint: Some(endpoint(index)),
        phase: phase.as_str().into(),
        reason: Some(reason.as_str().into()),
        message: Some(message.to_owned()).filter(|message| !message.is_empty()),
        ..DeviceStatus::default()
    }
}

fn condition(kind: ConditionType, holds: bool) -> Condition {
    Condition {
        type_: kind.as_str().into(),
        status: if holds { "True" } else { "False" }.into(),
        reason: "Because".into(),
        message: String::new(),
        observed_generation: Some(1),
        last_transition_time: Time(at(0)),
    }
}

/// A round of ten devices in its second step, as the operator stores it.
fn under_way() -> FlashJobStatus {
    FlashJobStatus {
        observed_generation: Some(1),
        phase: Some("Running".into()),
        reason: Some("InProgress".into()),
        message: Some("2 of 10 succeeded; 2 in flight, 4 pending, 1 waiting, 1 failed".into()),
        next_time: Some(Time(at(1060))),
        start_time: Some(Time(at(0))),
        flash_class: Some(FlashClassRef {
            name: "esp32".into(),
            uid: "c".into(),
            generation: 3,
            ..FlashClassRef::default()
        }),
        effective: Some(Effective {
            parallelism: 2,
            ..Effective::default()
        }),
        selection: Some(SelectionStatus {
            count: 10,
            ..SelectionStatus::default()
        }),
        round: Some(Round {
            number: 1,
            firmware: "registry/esp32:1".into(),
            version: "0.2.0".into(),
            flashjob_pod_image: None,
        }),
        step: Some(StepStatus {
            id: "1.2".into(),
            name: Some("half".into()),
            of: 3,
            devices: 8,
            done: 3,
            failed: 1,
            state: "Running".into(),
            since: Some(Time(at(500))),
            ..StepStatus::default()
        }),
        counts: Some(Counts {
            selected: 10,
            pending: 4,
            in_flight: 2,
            waiting: 1,
            succeeded: 2,
            failed: 1,
            ..Counts::default()
        }),
        completed_indexes: Some("0-1".into()),
        failed_indexes: Some("2".into()),
        devices: vec![
            DeviceStatus {
                release: Some("flash-uuid-3".into()),
                pod: Some("flash-uuid-3-abc".into()),
                attempts: 1,
                from_version: Some("0.1.0".into()),
                start_time: Some(Time(at(990))),
                ..entry(3, DevicePhase::Flashing, Reason::Flashing, "")
            },
            DeviceStatus {
                attempts: 1,
                start_time: Some(Time(at(980))),
                next_time: Some(Time(at(1100))),
                ..entry(
                    4,
                    DevicePhase::AwaitingAddress,
                    Reason::AddressPending,
                    "Service flash-uuid-4-d has no address yet",
                )
            },
            DeviceStatus {
                attempts: 1,
                next_time: Some(Time(at(1060))),
                ..entry(
                    5,
                    DevicePhase::Waiting,
                    Reason::BackOff,
                    "try 1 was given up (PodNotStarted): it did not start",
                )
            },
            DeviceStatus {
                release: Some("flash-uuid-2".into()),
                pod: Some("flash-uuid-2-xyz".into()),
                attempts: 2,
                from_version: Some("0.1.0".into()),
                start_time: Some(Time(at(600))),
                completion_time: Some(Time(at(700))),
                log_tail: Some("Verified device\nCould not apply OTA".into()),
                ..entry(
                    2,
                    DevicePhase::Failed,
                    Reason::TransferFailed,
                    "the transfer broke off",
                )
            },
        ],
        conditions: vec![condition(ConditionType::Finished, false)],
        ..FlashJobStatus::default()
    }
}

fn explained(status: &FlashJobStatus) -> Explanation {
    let selection = selection(10);
    let job_of = job_of(&spec(10), Some(status));
    job(&Known {
        job: &job_of,
        selection: Some(&selection),
        class: None,
        watched: None,
        now: at(1000),
    })
}

fn one(status: &FlashJobStatus, uuid: &Uuid, present: Option<&Present>) -> DeviceExplanation {
    let selection = selection(10);
    let job_of = job_of(&spec(10), Some(status));
    let known = Known {
        job: &job_of,
        selection: Some(&selection),
        class: None,
        watched: None,
        now: at(1000),
    };
    device(&known, uuid, present)
}

#[test]
fn a_job_under_way_says_what_is_in_flight_what_waits_what_comes_next_and_what_helps() {
    insta::assert_snapshot!(job_text(&explained(&under_way())));
}

#[test]
fn a_finished_job_says_how_it_ended_and_how_to_flash_the_rest_again() {
    let mut status = under_way();
    status.phase = Some("Failed".into());
    status.reason = Some("DevicesFailed".into());
    status.message = Some("9 of 10 succeeded, 1 failed".into());
    status.step = None;
    status.next_time = None;
    status.completion_time = Some(Time(at(900)));
    status.completed_indexes = Some("0-1,3-9".into());
    status.devices.retain(|device| device.index == 2);
    status.counts = Some(Counts {
        selected: 10,
        succeeded: 9,
        failed: 1,
        ..Counts::default()
    });
    status.conditions = vec![condition(ConditionType::Finished, true)];
    insta::assert_snapshot!(job_text(&explained(&status)));
}

#[test]
fn a_job_that_nobody_looked_at_says_so() {
    let job_of = job_of(&spec(2), None);
    let known = Known {
        job: &job_of,
        selection: None,
        class: None,
        watched: None,
        now: at(1000),
    };
    insta::assert_snapshot!(job_text(&job(&known)));
}

#[test]
fn a_uuid_that_cannot_be_placed_without_instances_is_not_said_to_be_of_no_device() {
    let stranger = one(&under_way(), &"stranger".into(), None);
    assert_eq!(stranger.reason, "NotRequested");
    let unsure = stranger.without_instances("you may not list instances.akri.sh");
    assert_eq!(unsure.reason, "Unknown");
    let words = "not known: you may not list instances.akri.sh";
    assert!(unsure.message.ends_with(words), "{}", unsure.message);
    let known = one(&under_way(), &uuid(0), None);
    assert_eq!(known.clone().without_instances("why"), known);
}

#[test]
fn the_json_form_holds_the_same() {
    insta::assert_json_snapshot!(explained(&under_way()));
}

#[test]
fn a_class_that_is_suspended_or_refused_is_said_with_the_command_of_its_administrator() {
    let job_of = job_of(&spec(10), Some(&under_way()));
    let mut class: FlashClass = serde_json::from_value(json!({
        "apiVersion": "application.flashjob.nbfc.io/v1alpha1", "kind": "FlashClass",
        "metadata": {"name": "esp32"}, "spec": {"suspend": true},
    }))
    .unwrap();
    let explained = |class: &FlashClass| {
        job(&Known {
            job: &job_of,
            selection: None,
            class: Some(class),
            watched: None,
            now: at(1000),
        })
    };
    let said = explained(&class);
    assert!(said.class.unwrap().suspended);
    let commands: Vec<_> = said
        .advice
        .iter()
        .map(|advice| advice.command.as_str())
        .collect();
    assert!(
        commands.contains(&"kubectl flashjob resume --class esp32"),
        "{commands:?}"
    );
    class.spec.suspend = None;
    class.status = serde_json::from_value(json!({"conditions": [{
        "type": "Accepted", "status": "False", "reason": "InvalidSpec", "message": "windows[0]: no such time zone",
        "lastTransitionTime": "1970-01-01T00:00:00Z",
    }]}))
    .unwrap();
    let refused = explained(&class).class.unwrap().refused;
    assert_eq!(refused.as_deref(), Some("windows[0]: no such time zone"));
}

#[rstest]
#[case::in_flight(3)]
#[case::failed(2)]
#[case::waiting(5)]
#[case::done_and_not_listed(0)]
#[case::not_begun(6)]
#[case::of_a_later_step(9)]
fn every_device_is_explained(#[case] index: usize) {
    let present = Present {
        instance: "lab/i-new".into(),
        uuid: "uuid-new".into(),
        version: Some("0.2.0".into()),
    };
    let present = (index == 0).then_some(&present);
    let text = device_text(&one(&under_way(), &uuid(index), present));
    insta::assert_snapshot!(format!("device_{index}"), text);
}

#[test]
fn a_device_that_is_not_the_job_s_is_told_from_one_that_is_not_selected_yet() {
    let unknown = one(&under_way(), &"other".into(), None);
    assert_eq!((unknown.phase.as_str(), unknown.index), ("Unknown", None));
    let mut spec = spec(10);
    spec["uuid"].as_array_mut().unwrap().push("new".into());
    let job_of = job_of(&spec, Some(&under_way()));
    let selection = selection(10);
    let known = Known {
        job: &job_of,
        selection: Some(&selection),
        class: None,
        watched: None,
        now: at(1000),
    };
    let soon = device(&known, &"new".into(), None);
    assert_eq!(
        (soon.phase.as_str(), soon.reason.as_str()),
        ("Pending", "Queued")
    );
}

/// What a status without room for the device says of it.
#[rstest]
#[case::slots_are_in_use(7, json!({}), "SlotsFull", None)]
#[case::slots_of_the_operator_are_in_use(7, json!({"counts": {"selected": 10, "pending": 4, "inFlight": 1}}), "Queued", None)]
#[case::its_step_has_not_come(8, json!({}), "StepNotReached", None)]
#[case::the_step_before_is_watched(
    8, json!({"step": {"id": "1.2", "devices": 8, "state": "Soaking", "endsAt": "1970-01-01T00:20:34Z"}}), "StepSoaking", Some(1234)
)]
#[case::the_step_before_waits_for_approval(8, json!({"step": {"id": "1.2", "devices": 8, "state": "AwaitingApproval"}}), "AwaitingApproval", None)]
#[case::the_job_is_suspended(8, json!({"reason": "Suspended", "nextTime": null}), "Suspended", None)]
#[case::no_window_is_open(7, json!({"reason": "WindowClosed"}), "WindowClosed", Some(1060))]
#[case::the_operator_has_not_looked(7, json!({"observedGeneration": null}), "Queued", None)]
fn a_device_without_an_entry_has_exactly_one_reason(
    #[case] index: usize,
    #[case] change: serde_json::Value,
    #[case] reason: &str,
    #[case] until: Option<i64>,
) {
    let mut status = serde_json::to_value(under_way()).unwrap();
    for (field, value) in change.as_object().unwrap() {
        status[field] = value.clone();
    }
    let status: FlashJobStatus = serde_json::from_value(status).unwrap();
    let device = one(&status, &uuid(index), None);
    assert_eq!(
        (device.phase.as_str(), device.reason.as_str()),
        ("Pending", reason)
    );
    assert_eq!(device.next_time, until.map(at));
    let groups = explained(&status).not_begun;
    assert!(
        groups.iter().any(|group| group.reason == reason),
        "{groups:?}"
    );
    let devices: usize = groups.iter().map(|group| group.devices).sum();
    assert_eq!(devices, 4, "each once: {groups:?}");
}

#[test]
fn a_device_of_the_original_operator_has_no_release() {
    let mut status = under_way();
    status.devices[0].release = None;
    status.devices[0].pod = Some("lamps-flashing-pod-uuid-3".into());
    let device = one(&status, &uuid(3), None);
    assert_eq!(device.release, None);
    assert!(
        !device
            .advice
            .iter()
            .any(|advice| advice.command.starts_with("helm"))
    );
}

#[rstest]
#[case(0, "0 s")]
#[case(59, "59 s")]
#[case(60, "1 min")]
#[case(3_725, "1 h 2 min")]
#[case(172_800 + 60, "2 d 1 min")]
fn spans_have_their_two_largest_units(#[case] seconds: i64, #[case] text: &str) {
    assert_eq!(text::span(seconds), text);
}

#[test]
fn every_reason_that_waits_for_a_person_comes_with_a_command() {
    for reason in [
        Reason::AwaitingApproval,
        Reason::ApproverUnknown,
        Reason::Suspended,
        Reason::ClassSuspended,
        Reason::FlashClassNotFound,
        Reason::InvalidSpec,
        Reason::SelectionLost,
        Reason::DevicesFailed,
        Reason::AkriNotInstalled,
    ] {
        let mut status = under_way();
        status.reason = Some(reason.as_str().into());
        status.devices.clear();
        let advice = explained(&status).advice;
        assert!(!advice.is_empty(), "{reason}");
        for advice in advice {
            assert!(
                advice.command.contains("kubectl")
                    || advice.command.starts_with("flashjob-operator")
            );
        }
    }
}

#[test]
fn what_others_wrote_is_one_line_and_names_in_commands_are_names() {
    let hostile = "0.1\u{1b}[2J\u{9b}31m\u{202e}\nFORGED: line";
    let mut status = under_way();
    for device in &mut status.devices {
        device.message = Some(hostile.into());
        device.from_version = Some(hostile.into());
        device.host_endpoint = Some(hostile.into());
        device.log_tail = Some(hostile.into());
    }
    for place in [1, 3] {
        status.devices[place].uuid = "a; rm -rf /".into();
    }
    status.message = Some(hostile.into());
    status.phase = Some(hostile.into());
    let present = Present {
        instance: "lab/i-3".into(),
        uuid: hostile.into(),
        version: Some(hostile.into()),
    };
    let job = job_text(&explained(&status));
    let device = device_text(&one(&status, &uuid(3), Some(&present)));
    for text in [&job, &device] {
        let hidden = |letter: char| letter != '\n' && crate::display::is_hidden(letter);
        assert!(!text.chars().any(hidden), "{text}");
        assert!(
            !text.lines().any(|line| line.starts_with("FORGED")),
            "{text}"
        );
        assert!(text.contains("0.1\\u{1b}[2J"), "{text}");
    }
    assert!(job.contains("-l uuid=UUID"), "{job}");
    let commands = job.split("What you can do").nth(1).unwrap();
    assert!(!commands.contains("rm -rf"), "{commands}");
    assert!(commands.contains("explain lamps UUID -n lab"), "{commands}");
    let tail = "End of the log\n  0.1\\u{1b}[2J\\u{9b}31m\\u{202e}\n  FORGED: line";
    assert!(device.contains(tail), "{device}");
}

#[test]
fn without_the_selection_the_groups_are_the_same_or_said_to_be_unknown() {
    let status = under_way();
    let job_of = job_of(&spec(10), Some(&status));
    let selection = selection(10);
    let without = Known {
        job: &job_of,
        selection: None,
        class: None,
        watched: None,
        now: at(1000),
    };
    let with = Known {
        selection: Some(&selection),
        ..without
    };
    let groups = |known: &Known<'_>| -> Vec<(String, usize)> {
        let groups = job(known).not_begun.into_iter();
        groups.map(|group| (group.reason, group.devices)).collect()
    };
    let all = groups(&with);
    assert_eq!(groups(&without), all, "by the counts alone");
    assert_eq!(all.last().unwrap(), &("StepNotReached".to_owned(), 2));
    // Of one device nobody can tell without the order of them.
    let of_one = device(&without, &uuid(9), None);
    assert_eq!(of_one.reason, "Unknown");
    let words = "you may not list ControllerRevisions in namespace lab";
    assert!(of_one.message.contains(words), "{}", of_one.message);
}

#[test]
fn a_job_that_is_suspended_waits_for_no_time_and_one_that_ended_has_no_step_in_progress() {
    let mut status = FlashJobStatus {
        reason: Some("Suspended".into()),
        ..under_way()
    };
    let said = explained(&status);
    assert!(
        said.not_begun.iter().all(|group| group.until.is_none()),
        "{said:?}"
    );
    let looks = "the operator looks at the job again";
    assert!(said.next.iter().all(|next| next.what != looks), "{said:?}");
    status.conditions = vec![condition(ConditionType::Finished, true)];
    status.completion_time = Some(Time(at(900)));
    let text = job_text(&explained(&status));
    assert!(text.contains("Step 1.2 (half) of 3: Ended,"), "{text}");
}

#[rstest]
#[case::it_may_not_be_known(
    None,
    "the operator has not looked at the job yet; it never does if namespace lab is not among those that it watches"
)]
#[case::it_is_watched(Some(true), "the operator has not looked at the job yet")]
#[case::it_is_not_watched(
    Some(false),
    "the operator does not look at namespace lab: an administrator can add it to watchNamespaces of the operator's chart"
)]
fn a_job_without_a_status_says_whether_its_namespace_is_watched(
    #[case] watched: Option<bool>,
    #[case] words: &str,
) {
    let as_the_api_server_makes_it = FlashJobStatus {
        observed_generation: Some(-1),
        ..FlashJobStatus::default()
    };
    let job_of = job_of(&spec(10), Some(&as_the_api_server_makes_it));
    let explanation = job(&Known {
        job: &job_of,
        selection: None,
        class: None,
        watched,
        now: at(1000),
    });
    assert_eq!(explanation.message.as_deref(), Some(words));
}
