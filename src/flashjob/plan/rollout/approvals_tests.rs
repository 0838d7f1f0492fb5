use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::flashjob::fixtures::at;

fn rules(required: usize, not_requester: bool) -> ApprovalRules {
    ApprovalRules {
        class: "locked".into(),
        required,
        not_requester,
    }
}

fn stamps(requested: &str, approved: &str, before: &str) -> Stamps {
    let name = |name: &str| Some(name.to_owned()).filter(|name| !name.is_empty());
    Stamps {
        requested_by: name(requested),
        approved_by: name(approved),
        approved_before: name(before),
    }
}

fn spec(more: &Value) -> FlashJobSpec {
    let mut spec = json!({"firmware": "f", "version": "1"});
    for (field, value) in more.as_object().unwrap() {
        spec[field] = value.clone();
    }
    serde_json::from_value(spec).unwrap()
}

fn approves(step: &str) -> Value {
    json!({"approval": {"step": step, "decision": "Approve", "reason": "it hums"}})
}

/// In round 1, of which nothing is stored yet.
fn found(
    more: &Value,
    rules: Option<&ApprovalRules>,
    stamps: Result<&Stamps, &str>,
    stored: Option<&StepStatus>,
) -> Approvals {
    approvals(&Asked {
        spec: &spec(more),
        round: 1,
        stored,
        rules,
        stamps,
        now: at(5),
    })
}

fn names(of: &Approvals) -> Vec<&str> {
    of.people.iter().map(|person| person.by.as_str()).collect()
}

fn words(of: &Approvals) -> &str {
    of.lacks.as_ref().map_or("", |lack| lack.words.as_str())
}

#[rstest]
#[case::the_older_field(json!({"approvedStep": "1.2"}), 2)]
#[case::the_newer_one(approves("1.3"), 3)]
#[case::of_another_round(approves("2.3"), 0)]
#[case::a_denial(json!({"approval": {"step": "1.3", "decision": "Deny"}}), 0)]
#[case::nothing(json!({}), 0)]
fn where_no_class_asks_what_stands_in_the_spec_counts(#[case] more: Value, #[case] through: usize) {
    let of = found(&more, None, Err("nobody knows"), None);
    assert_eq!((of.through, of.lacks), (through, None));
    assert_eq!(of.people, []);
}

#[test]
fn whose_approval_it_is_is_kept_though_no_class_asks() {
    let of = found(&approves("1.1"), None, Ok(&stamps("ann", "ann", "")), None);
    let ann = StepApproval {
        by: "ann".into(),
        step: "1.1".into(),
        at: Some(Time(at(5))),
        reason: Some("it hums".into()),
    };
    assert_eq!((of.through, of.people), (1, vec![ann]));
}

/// Rows of what a class may ask, by who asked for the round, who approved and who approved before.
#[rstest]
#[case::one_person(1, false, ("ann", "ben", ""), 1, "")]
#[case::the_requester_where_nobody_minds(1, false, ("ann", "ann", ""), 1, "")]
#[case::another_person(1, true, ("ann", "ben", ""), 1, "")]
#[case::the_requester(1, true, ("ann", "ann", ""), 0, "the approval of ann does not count, for ann asked for this round")]
#[case::nobody(1, true, ("ann", "", ""), 0, "")]
#[case::one_of_two(2, false, ("ann", "ben", ""), 0, "FlashClass locked asks for 2 people, approved by ben")]
#[case::two_of_two(2, false, ("ann", "cat", "ben"), 1, "FlashClass locked asks for 2 people, approved by ben, cat")]
#[case::the_requester_and_another(2, false, ("ann", "ann", "ben"), 1, "approved by ben, ann")]
#[case::the_requester_is_none_of_two(2, true, ("ann", "ann", "ben"), 0, "the approval of ann does not count")]
#[case::the_requester_before_another(2, true, ("ann", "ben", "ann"), 0, "approved by ben")]
#[case::two_others(2, true, ("ann", "cat", "ben"), 1, "approved by ben, cat")]
#[case::nobody_of_two(2, false, ("ann", "", ""), 0, "approved by nobody yet")]
fn a_class_asks_for_people(
    #[case] required: usize,
    #[case] not_requester: bool,
    #[case] (requested, approved, before): (&str, &str, &str),
    #[case] through: usize,
    #[case] says: &str,
) {
    let stamps = stamps(requested, approved, before);
    let rules = rules(required, not_requester);
    let of = found(&approves("1.1"), Some(&rules), Ok(&stamps), None);
    assert_eq!(of.through, through, "{of:?}");
    assert!(words(&of).contains(says), "{:?}", of.lacks);
    assert_eq!(words(&of).is_empty(), says.is_empty(), "{:?}", of.lacks);
    let lack = of.lacks.unwrap();
    assert_eq!(lack.reason, Reason::AwaitingApproval);
    assert_eq!(
        lack.refused,
        not_requester && [approved, before].contains(&requested)
    );
}

#[rstest]
#[case::the_api_server_does_not_stamp(
    Err("the API server stamps nobody's name"),
    "that is not known: the API server stamps nobody's name"
)]
#[case::nobody_asked_for_the_round(
    Ok(stamps("", "ben", "")),
    "nobody is stamped as the one who asked for the round"
)]
fn where_nobody_is_known_nobody_s_approval_counts(
    #[case] stamps: Result<Stamps, &str>,
    #[case] says: &str,
) {
    let stamps = stamps.as_ref().map_err(|why| *why);
    let of = found(&approves("1.1"), Some(&rules(1, true)), stamps, None);
    assert_eq!(of.through, 0);
    assert!(words(&of).ends_with(says), "{:?}", of.lacks);
    assert_eq!(of.lacks.unwrap().reason, Reason::ApproverUnknown);
}

#[test]
fn the_older_field_does_not_say_who_and_does_not_count() {
    let more = json!({"approvedStep": "1.1"});
    let of = found(
        &more,
        Some(&rules(1, false)),
        Ok(&stamps("ann", "", "")),
        None,
    );
    assert_eq!(of.through, 0);
    assert!(
        words(&of).starts_with("spec.approvedStep does not say who approves"),
        "{:?}",
        of.lacks
    );
}

#[test]
fn the_second_approval_adds_to_the_first_and_the_newest_step_of_both_is_approved() {
    let two = rules(2, true);
    let first = found(
        &approves("1.3"),
        Some(&two),
        Ok(&stamps("ann", "ben", "")),
        None,
    );
    assert_eq!((first.through, names(&first)), (0, vec!["ben"]));
    let stored = StepStatus {
        id: "1.1".into(),
        approvals: first.people,
        ..StepStatus::default()
    };
    // Another step, so the API server does not remember who was before.
    let of = |by: &str, step: &str| {
        let stamps = stamps("ann", by, "");
        found(&approves(step), Some(&two), Ok(&stamps), Some(&stored))
    };
    assert_eq!(
        (of("ben", "1.1").through, names(&of("ben", "1.1"))),
        (0, vec!["ben"])
    );
    assert_eq!(
        (of("cat", "1.1").through, names(&of("cat", "1.1"))),
        (1, vec!["ben", "cat"])
    );
    assert_eq!(of("cat", "1.4").through, 3);
    // Who was known stays known while the API server cannot be asked, and nothing goes on by it.
    let lost = found(
        &approves("1.1"),
        Some(&two),
        Err("not asked"),
        Some(&stored),
    );
    assert_eq!((lost.through, names(&lost)), (0, vec!["ben"]));
}

#[test]
fn only_so_many_people_are_kept() {
    let mut stored = StepStatus::default();
    for number in 0..20 {
        let stamps = stamps("ann", &format!("user-{number}"), "");
        stored.approvals = found(&approves("1.1"), None, Ok(&stamps), Some(&stored)).people;
    }
    assert_eq!(stored.approvals.len(), MAX_APPROVALS);
    // A later step needs people, too: who approved an earlier one makes room.
    let stamps = stamps("ann", "late", "");
    let of = found(&approves("1.2"), None, Ok(&stamps), Some(&stored));
    assert_eq!(of.people.len(), MAX_APPROVALS);
    assert_eq!(
        (names(&of)[0], names(&of)[MAX_APPROVALS - 1]),
        ("user-1", "late")
    );
}

#[test]
fn who_approved_an_earlier_step_is_kept_and_counts_for_no_later_one() {
    let two = rules(2, false);
    let person = |by: &str, step: &str| StepApproval {
        by: by.into(),
        step: step.into(),
        ..StepApproval::default()
    };
    let stored = StepStatus {
        id: "1.2".into(),
        approvals: vec![person("ben", "1.1"), person("cat", "1.1")],
        ..StepStatus::default()
    };
    let of = found(
        &approves("1.2"),
        Some(&two),
        Ok(&stamps("ann", "cat", "")),
        Some(&stored),
    );
    assert_eq!((of.through, names(&of)), (1, vec!["ben", "cat"]));
    assert!(words(&of).ends_with("approved by cat"), "{:?}", of.lacks);
    assert_eq!(of.people[1].step, "1.2");
}

#[test]
fn nothing_goes_on_by_who_was_known_while_the_api_server_cannot_be_asked() {
    let ben = StepApproval {
        by: "ben".into(),
        step: "1.1".into(),
        ..StepApproval::default()
    };
    let stored = StepStatus {
        id: "1.1".into(),
        approvals: vec![ben],
        ..StepStatus::default()
    };
    let one = rules(1, false);
    let of = |stamps: Result<&Stamps, &str>| {
        let of = found(&approves("1.1"), Some(&one), stamps, Some(&stored));
        (of.through, names(&of).join(", "))
    };
    let known = stamps("ann", "ben", "");
    assert_eq!(of(Ok(&known)), (1, "ben".to_owned()));
    assert_eq!(of(Err("not asked")), (0, "ben".to_owned()));
}

#[rstest]
#[case::nothing_is_approved(json!({}))]
#[case::a_step_of_another_round_is(approves("2.1"))]
#[case::a_step_is_denied(json!({"approval": {"step": "1.1", "decision": "Deny"}}))]
fn who_wrote_into_the_spec_approved_nothing_where(#[case] more: Value) {
    let stamps = stamps("ann", "ben", "cat");
    assert_eq!(found(&more, None, Ok(&stamps), None).people, []);
}
