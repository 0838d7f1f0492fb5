//! When a registry is asked, and what its answers come to.

use rstest::rstest;
use serde_json::json;

use super::*;
use crate::{
    api::RegistryAccess,
    provenance::{
        fixtures::{self, DIGEST},
        signatures::Signed,
    },
};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn question() -> Question {
    Question {
        generation: 1,
        firmware: "registry.example.com/esp32:1".into(),
        requires_digest: false,
        requires_platform: false,
        checks: Vec::new(),
        receipt_key: None,
        access: RegistryAccess::default(),
        flash_image: None,
    }
}

fn image() -> FirmwareImage {
    fixtures::image("registry.example.com/esp32:1", &["esp32s3", "esp32"])
}

fn resolved(signed: Vec<Signed>) -> Resolved {
    let image = image();
    Resolved {
        image,
        signed,
        receipt_fault: None,
        flash_image: None,
    }
}

fn away() -> RegistryError {
    RegistryError::Unreachable {
        host: "registry.example.com".into(),
        cause: "no connection".into(),
    }
}

fn missing() -> RegistryError {
    RegistryError::Missing {
        host: "registry.example.com".into(),
        reference: "registry.example.com/esp32:1".into(),
    }
}

fn answered(
    second: i64,
    answer: Result<Resolved, RegistryError>,
    question: Question,
) -> FirmwareLookup {
    let refusal = refusal(&answer, &question, 0, at(second));
    FirmwareLookup {
        question,
        since: at(0),
        answer: Some((at(second), answer)),
        refusal,
        tries: 1,
    }
}

#[test]
fn a_registry_is_asked_once_and_its_answer_begins_the_round() {
    let question = question();
    assert_eq!(next(None, &question, at(0)), Step::Ask);
    let asked = FirmwareLookup::asked(question.clone(), None, at(0));
    assert_eq!(next(Some(&asked), &question, at(1)), Step::Wait(at(0)));
    let answered = answered(1, Ok(resolved(Vec::new())), question.clone());
    for second in [2, 61] {
        assert_eq!(
            next(Some(&answered), &question, at(second)),
            Step::Pin(Box::new(resolved(Vec::new()))),
            "an answer is fresh for a minute"
        );
    }
}

#[rstest]
#[case::an_old_answer(Ok(resolved(Vec::new())), 62, 1)]
#[case::an_old_silence(Err(away()), 62, 1)]
#[case::an_answer_about_another_spec(Ok(resolved(Vec::new())), 2, 2)]
#[case::a_refusal_of_long_ago(Err(missing()), 301, 1)]
#[case::a_refusal_of_another_spec(Err(missing()), 2, 2)]
fn a_registry_is_asked_anew(
    #[case] answer: Result<Resolved, RegistryError>,
    #[case] second: i64,
    #[case] generation: i64,
) {
    let answered = answered(1, answer, question());
    let question = Question {
        generation,
        ..question()
    };
    assert_eq!(next(Some(&answered), &question, at(second)), Step::Ask);
}

#[test]
fn a_registry_that_is_away_leaves_the_tag_unless_a_class_asks_for_a_digest() {
    let silent = answered(1, Err(away()), question());
    assert_eq!(
        next(Some(&silent), &question(), at(2)),
        Step::TakeTag("registry registry.example.com: no connection".into())
    );
    let strict = Question {
        requires_digest: true,
        ..question()
    };
    let silent = answered(1, Err(away()), strict.clone());
    assert_eq!(next(Some(&silent), &strict, at(2)), Step::Refuse(at(16)));
    let pauses = [0, 1, 4, 9].map(|tries| {
        let (refusal, until) = refusal(&Err(away()), &strict, tries, at(0)).unwrap();
        assert_eq!(refusal.reason, Reason::FirmwareUnreachable);
        until
    });
    assert_eq!(pauses, [at(15), at(30), at(240), at(240)]);
}

#[test]
fn a_registry_that_is_away_keeps_a_round_from_beginning_whose_class_asks_for_platforms() {
    let strict = Question {
        requires_platform: true,
        ..question()
    };
    let silent = answered(1, Err(away()), strict.clone());
    assert_eq!(next(Some(&silent), &strict, at(2)), Step::Refuse(at(16)));
    let (refusal, _) = silent.refusal.unwrap();
    assert_eq!(
        refusal.message,
        "registry registry.example.com: no connection; a FlashClass asks for platforms (firmwareVerification.requirePlatform): the \
         registry is asked again"
    );
}

#[test]
fn a_digest_in_the_spec_is_known_without_a_registry() {
    let reference = format!("registry.example.com/esp32@{DIGEST}");
    let known = named_by_digest(&reference).unwrap();
    assert_eq!(
        (&known.reference, known.digest.as_str()),
        (&reference, DIGEST)
    );
    assert_eq!(named_by_digest("registry.example.com/esp32:1"), None);
}

#[test]
fn a_registry_without_the_image_keeps_the_round_from_beginning() {
    let lookup = answered(1, Err(missing()), question());
    assert_eq!(
        next(Some(&lookup), &question(), at(300)),
        Step::Refuse(at(301))
    );
    let (refusal, _) = lookup.refusal.unwrap();
    assert_eq!(refusal.reason, Reason::FirmwareMissing);
    assert!(
        refusal
            .message
            .ends_with("push it, or correct spec.firmware"),
        "{}",
        refusal.message
    );
}

fn device(kind: &str) -> SelectedDevice {
    let uuid = "5f0c9a6e-0000-4000-8000-000000000001";
    serde_json::from_value(json!({"uuid": uuid, "type": kind})).unwrap()
}

#[test]
fn what_is_frozen_names_the_digest_and_the_images_of_the_selected_devices() {
    let devices = [device("esp32-s3"), device("stm32")];
    let frozen = frozen(
        "registry.example.com/esp32:1",
        (&resolved(Vec::new()), &question()),
        &devices,
        at(3),
    );
    let expected = json!({
        "reference": format!("registry.example.com/esp32@{DIGEST}"),
        "digest": DIGEST,
        "shortDigest": &DIGEST["sha256:".len()..][..12],
        "platforms": {"esp32s3": image().platforms.of("esp32s3").unwrap().1},
        "resolvedAt": "1970-01-01T00:00:03Z",
    });
    assert_eq!(serde_json::to_value(&frozen).unwrap(), expected);
    let short = shortage(&image(), &devices).unwrap();
    assert_eq!(
        short,
        "registry.example.com/esp32:1: the image has no custom/stm32 (1 device); it has custom/esp32, custom/esp32s3"
    );
}

fn check(class: &str, enforced: bool) -> SignatureCheck {
    SignatureCheck {
        class: class.into(),
        enforced,
        authorities: Vec::new(),
    }
}

fn signer(authority: &str) -> Signer {
    Signer {
        authority: authority.into(),
        identity: format!("{authority}.pub"),
    }
}

#[rstest]
#[case(Fault::Missing, Reason::SignatureMissing, "it has no signature")]
#[case(
    Fault::Invalid("it is about another image".into()),
    Reason::SignatureInvalid,
    "no signature holds: it is about another image"
)]
#[case(
    Fault::Stranger("somebody".into()),
    Reason::IdentityMismatch,
    "it is signed, and not by whom the class trusts: somebody"
)]
fn an_image_without_a_trusted_signature_keeps_a_round_from_beginning_where_a_class_enforces_one(
    #[case] fault: Fault,
    #[case] reason: Reason,
    #[case] said: &str,
) {
    let strict = Question {
        checks: vec![check("fleet", false), check("plant", true)],
        ..question()
    };
    let found = resolved(vec![Ok(signer("release")), Err(fault)]);
    let lookup = answered(1, Ok(found), strict.clone());
    assert_eq!(next(Some(&lookup), &strict, at(300)), Step::Refuse(at(301)));
    let (refusal, _) = lookup.refusal.unwrap();
    assert_eq!(refusal.reason, reason);
    let message = format!(
        "registry.example.com/esp32:1: {said}; nothing starts: spec.firmwareVerification of FlashClass plant; sign {DIGEST}, or correct \
         spec.firmware"
    );
    assert_eq!(refusal.message, message);
}

/// A question that asks about the flash image, too, with or without a signature.
fn with_flash_image(checks: Vec<SignatureCheck>) -> Question {
    Question {
        flash_image: Some(Box::new(Question {
            firmware: "registry.example.com/flash:1".into(),
            checks,
            ..question()
        })),
        ..question()
    }
}

fn with_answer(flash_image: Result<Resolved, RegistryError>) -> Resolved {
    Resolved {
        flash_image: Some(Box::new(flash_image)),
        ..resolved(vec![])
    }
}

#[rstest]
#[case::missing(Err(missing()), 301)]
#[case::away(Err(away()), 16)]
#[case::unsigned(Ok(resolved(vec![Err(Fault::Missing)])), 301)]
fn a_round_does_not_begin_without_the_flash_image_that_a_class_asks_for(
    #[case] found: Result<Resolved, RegistryError>,
    #[case] until: i64,
) {
    let question = with_flash_image(vec![check("plant", true)]);
    let lookup = answered(1, Ok(with_answer(found)), question.clone());
    assert_eq!(
        next(Some(&lookup), &question, at(2)),
        Step::Refuse(at(until))
    );
    let (refusal, _) = lookup.refusal.unwrap();
    assert_eq!(refusal.reason, Reason::FlashImageUnusable);
    assert!(
        refusal.message.contains("spec.flashImageVerification"),
        "{refusal:?}"
    );
}

#[test]
fn the_flash_image_is_frozen_with_its_digest_and_who_signed_it() {
    let question = with_flash_image(vec![check("plant", true)]);
    let found = with_answer(Ok(resolved(vec![Ok(signer("release"))])));
    let frozen = frozen("esp32:1", (&found, &question), &[], at(3));
    let image = frozen.flash_image.unwrap();
    assert_eq!(image.image, "registry.example.com/flash:1");
    assert_eq!(
        image.reference,
        format!("registry.example.com/flash@{DIGEST}")
    );
    assert_eq!(image.authority.as_deref(), Some("release"));
    let warned = with_flash_image(vec![check("plant", false)]);
    let found = with_answer(Ok(resolved(vec![Err(Fault::Missing)])));
    let frozen = super::frozen("esp32:1", (&found, &warned), &[], at(3));
    let unverified = frozen.flash_image.unwrap().unverified.unwrap();
    assert_eq!(unverified.reason(), Reason::SignatureMissing);
}

#[test]
fn receipts_that_cannot_be_signed_keep_a_round_from_beginning() {
    let question = Question {
        receipt_key: Some("key".into()),
        ..question()
    };
    let found = Resolved {
        receipt_fault: Some("Secret operator/key, which a FlashClass names, does not exist".into()),
        ..resolved(vec![])
    };
    let lookup = answered(1, Ok(found), question.clone());
    assert_eq!(next(Some(&lookup), &question, at(2)), Step::Refuse(at(16)));
    let (refusal, _) = lookup.refusal.unwrap();
    assert_eq!(refusal.reason, Reason::ReceiptKeyUnusable);
    assert!(refusal.message.ends_with(
        "does not exist; nothing starts: a FlashClass asks for receipts (spec.receipts)"
    ));
}

#[test]
fn a_class_that_warns_lets_the_round_begin_and_what_is_wrong_is_frozen() {
    let warned = Question {
        checks: vec![check("fleet", false)],
        ..question()
    };
    let found = resolved(vec![Err(Fault::Missing)]);
    let lookup = answered(1, Ok(found.clone()), warned.clone());
    let step = next(Some(&lookup), &warned, at(2));
    assert_eq!(step, Step::Pin(Box::new(found.clone())));
    let frozen = frozen("esp32:1", (&found, &warned), &[], at(3));
    let unverified = frozen.unverified.unwrap();
    assert_eq!(unverified.reason(), Reason::SignatureMissing);
    assert_eq!(
        unverified.message,
        "registry.example.com/esp32:1: it has no signature; FlashClass fleet warns of it"
    );
    assert_eq!((frozen.authority, frozen.verified_at), (None, None));
}

#[test]
fn what_is_frozen_names_everybody_whose_signature_a_class_asked_for() {
    let strict = Question {
        checks: vec![check("fleet", true), check("plant", true)],
        ..question()
    };
    let found = resolved(vec![Ok(signer("release")), Ok(signer("plant"))]);
    let frozen = frozen("esp32:1", (&found, &strict), &[], at(3));
    assert_eq!(frozen.authority.as_deref(), Some("release, plant"));
    assert_eq!(frozen.identity.as_deref(), Some("release.pub, plant.pub"));
    assert_eq!(frozen.verified_at, Some(Time(at(3))));
    assert_eq!(frozen.unverified, None);
}

#[test]
fn a_registry_that_is_away_keeps_a_round_from_beginning_whose_class_enforces_signatures() {
    let strict = Question {
        checks: vec![check("plant", true)],
        ..question()
    };
    let silent = answered(1, Err(away()), strict.clone());
    assert_eq!(next(Some(&silent), &strict, at(2)), Step::Refuse(at(16)));
    let (refusal, _) = silent.refusal.unwrap();
    assert_eq!(
        refusal.message,
        "registry registry.example.com: no connection; a FlashClass asks for signatures (firmwareVerification.mode): the registry is \
         asked again"
    );
    let warned = Question {
        checks: vec![check("plant", false)],
        ..question()
    };
    let silent = answered(1, Err(away()), warned.clone());
    let step = next(Some(&silent), &warned, at(2));
    let tag = "registry registry.example.com: no connection".to_owned();
    assert_eq!(step, Step::TakeTag(tag));
}

#[rstest]
#[case(Ok(resolved(vec![])), "pinned")]
#[case(Ok(resolved(vec![Ok(signer("release"))])), "verified")]
#[case(Ok(resolved(vec![Ok(signer("release")), Err(Fault::Missing)])), "unsigned")]
#[case(Err(missing()), "missing")]
#[case(Err(away()), "unreachable")]
fn what_came_of_a_question_is_one_word(
    #[case] answer: Result<Resolved, RegistryError>,
    #[case] word: &str,
) {
    assert_eq!(outcome(&answer), word);
}

#[rstest]
#[case::by_digest(
    Question { requires_digest: true, ..question() },
    "a FlashClass asks for firmware by digest: the registry is asked again, or write spec.firmware as NAME@sha256:DIGEST"
)]
#[case::whose_receipts_name_a_digest(
    Question { receipt_key: Some("key".into()), ..question() },
    "a FlashClass asks for receipts (spec.receipts), which name a digest: the registry is asked again"
)]
#[case::whose_flash_image_is_asked_about(
    Question { flash_image: Some(Box::new(question())), ..question() },
    "a FlashClass verifies the flash image (spec.flashImageVerification), and both images are looked up together: the registry is asked \
     again"
)]
fn a_registry_that_is_away_keeps_a_round_from_beginning_that_a_class_wants(
    #[case] strict: Question,
    #[case] asks: &str,
) {
    let (refusal, until) = refusal(&Err(away()), &strict, 0, at(1)).unwrap();
    assert_eq!(
        (refusal.reason, until),
        (Reason::FirmwareUnreachable, at(16))
    );
    let message = format!("registry registry.example.com: no connection; {asks}");
    assert_eq!(refusal.message, message);
}

#[test]
fn signatures_of_firmware_whose_registry_is_away_are_told_as_not_known() {
    let unverified = not_checked("no connection");
    assert_eq!(unverified.reason(), Reason::FirmwareUnreachable);
    assert_eq!(
        unverified.message,
        "its signatures are not known: no connection"
    );
}
