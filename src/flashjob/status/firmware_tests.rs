use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use rstest::rstest;
use serde_json::json;

use super::*;
use crate::{
    flashclass::freeze,
    flashjob::{
        fixtures::{Scene, at, classes},
        observe::firmware::{FirmwareLookup, Question},
    },
    provenance::fixtures::DIGEST,
};

const REFERENCE: &str = "r.example/esp32@sha256:0e4f";

fn pinned() -> Provenance {
    Provenance::of(REFERENCE.into(), DIGEST)
}

/// An image that the class lets through with a warning.
fn unsigned() -> Provenance {
    Provenance {
        unverified: Some(Unverified {
            reason: Reason::IdentityMismatch.into(),
            message: "somebody signed it".into(),
        }),
        ..pinned()
    }
}

fn signed(identity: Option<&str>) -> Provenance {
    Provenance {
        authority: Some("release".into()),
        identity: identity.map(str::to_owned),
        ..pinned()
    }
}

/// A job whose round began with what a class froze of this firmware.
fn begun(firmware: Option<Provenance>) -> Scene {
    let classes = classes(&[json!({"metadata": {"name": "c"}, "spec": {}})]);
    let frozen = freeze(classes.get("c").unwrap(), 1).unwrap();
    let mut scene = Scene::new(1);
    scene.terms.frozen = Some(Arc::new(frozen.with_firmware(firmware)));
    scene
}

/// A job that asks for another round, which does not begin for this reason.
fn refused(reason: Reason) -> Scene {
    let mut scene = Scene::new(1);
    scene.edit(|spec| spec.firmware = "registry/esp32:2".into());
    let refusal = Refusal {
        reason,
        message: "why".into(),
    };
    scene.memory.firmware = Some(FirmwareLookup {
        question: Question {
            generation: scene.job.generation,
            ..Question::default()
        },
        since: at(0),
        answer: None,
        refusal: Some((refusal, at(99))),
        tries: 1,
    });
    scene
}

fn condition(status: &FlashJobStatus, kind: ConditionType) -> Option<&Condition> {
    let mut conditions = status.conditions.iter();
    conditions.find(|condition| condition.type_ == kind.as_str())
}

/// Status, reason and message of a condition, if it is there.
fn said(status: &FlashJobStatus, kind: ConditionType) -> Option<(&str, &str, &str)> {
    let Condition {
        status,
        reason,
        message,
        ..
    } = condition(status, kind)?;
    Some((status, reason, message))
}

#[test]
fn a_round_whose_digest_is_known_says_which_image_every_device_gets() {
    let mut scene = Scene::new(1);
    scene.edit(|spec| spec.firmware = "registry/esp32:2".into());
    let mut status = FlashJobStatus::default();
    say_firmware(&mut status, &scene.job, Some(&pinned()), at(7));
    assert_eq!(status.provenance, Some(pinned()));
    let message = format!("every device gets {REFERENCE}");
    assert_eq!(
        said(&status, KIND),
        Some(("True", "DigestPinned", message.as_str()))
    );
    let resolved = condition(&status, KIND).unwrap();
    assert_eq!(resolved.observed_generation, Some(2));
    assert_eq!(resolved.last_transition_time.0, at(7));
    assert_eq!(said(&status, SIGNED), None, "no class asks for a signature");
}

#[rstest]
#[case::by_a_name(signed(Some("release.pub")), ("True", "SignatureVerified", "release signed it: release.pub"))]
#[case::by_nobody_by_name(signed(None), ("True", "SignatureVerified", "release signed it: unnamed"))]
#[case::by_a_stranger(unsigned(), ("False", "IdentityMismatch", "somebody signed it"))]
fn the_status_says_who_signed_the_image_or_what_is_wrong_with_its_signature(
    #[case] firmware: Provenance,
    #[case] says: (&str, &str, &str),
) {
    let mut status = FlashJobStatus::default();
    say_firmware(&mut status, &Scene::new(1).job, Some(&firmware), at(7));
    assert_eq!(said(&status, SIGNED), Some(says));
}

#[test]
fn a_round_without_a_digest_says_nothing_of_firmware_and_keeps_all_other_conditions() {
    let scene = Scene::new(1);
    let mut status = scene.job.status.clone();
    let others = status.conditions.clone();
    say_firmware(&mut status, &scene.job, Some(&signed(None)), at(7));
    assert_eq!(status.conditions.len(), others.len() + 2);
    say_firmware(&mut status, &scene.job, None, at(8));
    assert_eq!(status.provenance, None);
    assert_eq!(status.conditions, others);
}

#[test]
fn a_registry_that_is_away_is_named_with_what_the_round_comes_to() {
    let mut status = FlashJobStatus::default();
    say_unresolved(&mut status, &Scene::new(1).job, "no connection", at(7));
    let message = format!("no connection; {GOES_ON}");
    assert_eq!(
        said(&status, KIND),
        Some(("False", "FirmwareUnreachable", message.as_str()))
    );
}

#[rstest]
#[case::unsigned(Reason::SignatureMissing, Some(SIGNED))]
#[case::altered(Reason::SignatureInvalid, Some(SIGNED))]
#[case::signed_by_a_stranger(Reason::IdentityMismatch, Some(SIGNED))]
#[case::not_there(Reason::FirmwareMissing, Some(KIND))]
#[case::of_no_platform(Reason::PlatformMissing, Some(KIND))]
#[case::a_key_that_cannot_sign_receipts(Reason::ReceiptKeyUnusable, None)]
#[case::another_image(Reason::FlashImageUnusable, None)]
fn a_round_that_does_not_begin_is_told_by_the_condition_that_its_reason_is_about(
    #[case] reason: Reason,
    #[case] told: Option<ConditionType>,
) {
    let scene = refused(reason);
    let mut status = FlashJobStatus::default();
    follow(&mut status, &scene.observed(), at(7));
    let says = Some(("False", reason.as_str(), "why"));
    for kind in [KIND, SIGNED] {
        let expected = says.filter(|_| told == Some(kind));
        assert_eq!(said(&status, kind), expected, "{kind:?}");
    }
    let composed = scene.status(7);
    assert_eq!(composed.reason.as_deref(), Some(reason.as_str()));
    assert_eq!(composed.message.as_deref(), Some("why"));
}

#[test]
fn the_answer_of_a_registry_keeps_a_round_from_beginning_only_where_it_is_about_that_round() {
    let answered = || refused(Reason::FirmwareMissing);
    let of = |scene: &Scene| refusal(&scene.observed()).map(|refusal| refusal.reason);
    assert_eq!(of(&answered()), Some(Reason::FirmwareMissing));

    let mut of_another_spec = answered();
    of_another_spec.edit(|spec| spec.firmware = "registry/esp32:3".into());
    assert_eq!(of(&of_another_spec), None);

    let mut of_a_round_that_began = answered();
    of_a_round_that_began.stored(|status| {
        let round = status.round.as_mut().unwrap();
        round.firmware = "registry/esp32:2".into();
    });
    assert_eq!(of(&of_a_round_that_began), None);

    let mut of_a_class_that_refuses = answered();
    of_a_class_that_refuses.terms.refusal = Some(Refusal {
        reason: Reason::FlashClassInvalid,
        message: "the class".into(),
    });
    assert_eq!(of(&of_a_class_that_refuses), None);

    let mut not_asked = answered();
    not_asked.memory.firmware = None;
    assert_eq!(of(&not_asked), None);
}

#[test]
fn what_a_round_began_with_is_said_whatever_the_status_says() {
    let scene = begun(Some(pinned()));
    let mut status = FlashJobStatus::default();
    follow(&mut status, &scene.observed(), at(7));
    assert_eq!(status.provenance, Some(pinned()));
    assert_eq!(said(&status, KIND).unwrap().1, "DigestPinned");
    status.provenance = Some(Provenance::of("r.example/another".into(), DIGEST));
    follow(&mut status, &scene.observed(), at(8));
    assert_eq!(status.provenance, Some(pinned()));
}

/// A status of which somebody says that a digest is known.
fn made_up(provenance: bool, condition: bool) -> FlashJobStatus {
    let mut status = FlashJobStatus::default();
    say_firmware(&mut status, &Scene::new(1).job, Some(&pinned()), at(1));
    status.provenance = status.provenance.filter(|_| provenance);
    if !condition {
        status.conditions.clear();
    }
    status
}

#[rstest]
#[case::as_provenance(made_up(true, false))]
#[case::as_a_condition(made_up(false, true))]
#[case::as_both(made_up(true, true))]
fn a_digest_that_the_round_did_not_begin_with_is_taken_out_of_the_status(
    #[case] told: FlashJobStatus,
) {
    let mut status = told;
    follow(&mut status, &begun(None).observed(), at(7));
    assert_eq!(status, FlashJobStatus::default());
}

#[test]
fn a_digest_stays_in_the_status_while_it_is_not_known_what_the_round_began_with() {
    let told = made_up(true, true);
    let mut status = told.clone();
    follow(&mut status, &Scene::new(1).observed(), at(7));
    assert_eq!(status, told);
}

#[test]
fn why_no_digest_is_known_stays_in_the_status_of_a_round_that_goes_by_the_tag() {
    let scene = begun(None);
    let mut status = FlashJobStatus::default();
    say_unresolved(&mut status, &scene.job, "no connection", at(1));
    let told = status.clone();
    follow(&mut status, &scene.observed(), at(7));
    assert_eq!(status, told);
}
