//! Which image a round flashes: when its registry is asked, what the answer means for the round, and what is frozen of it. Pure.
//!
//! A round without an answer goes on with the tag, as long as no class asks for more: a registry that is away must not stand in the way of
//! a fleet that can be flashed.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::{
    api::{Provenance, Reason, Refusal, SelectedDevice, rule::MAX_PLATFORMS},
    flashjob::observe::firmware::{FirmwareLookup, Question},
    provenance::{FirmwareImage, RegistryError, digest_of, pin},
};

/// How old an answer may be when its round begins.
const FRESH: SignedDuration = SignedDuration::from_secs(60);
/// First pause before a registry that did not answer is asked again; it doubles.
const AGAIN: SignedDuration = SignedDuration::from_secs(15);
/// How long an answer that keeps a round from beginning stands.
const SLOWLY: SignedDuration = SignedDuration::from_secs(300);

/// What is to be done about the firmware of a round that wants to begin.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Ask the registry.
    Ask,
    /// It has been asked, at that time.
    Wait(Timestamp),
    /// Begin with this image.
    Pin(Box<FirmwareImage>),
    /// Begin with the tag, for this reason.
    TakeTag(String),
    /// Do not begin before that time, unless the spec or the class changes.
    Refuse(Timestamp),
}

/// What is to be done, by what was asked and answered so far.
#[must_use]
pub fn next(lookup: Option<&FirmwareLookup>, question: &Question, now: Timestamp) -> Step {
    let Some(lookup) = lookup.filter(|lookup| lookup.question == *question) else {
        return Step::Ask;
    };
    let Some((at, answer)) = &lookup.answer else {
        return Step::Wait(lookup.since);
    };
    if let Some((_, until)) = &lookup.refusal {
        return if now < *until {
            Step::Refuse(*until)
        } else {
            Step::Ask
        };
    }
    if now.duration_since(*at) > FRESH {
        return Step::Ask;
    }
    match answer {
        Ok(image) => Step::Pin(Box::new(image.clone())),
        Err(error) => Step::TakeTag(error.to_string()),
    }
}

/// Why a round does not begin with this answer, and until when that stands; `tries` questions were answered so before.
#[must_use]
pub fn refusal(
    answer: &Result<FirmwareImage, RegistryError>,
    question: &Question,
    tries: u32,
    now: Timestamp,
) -> Option<(Refusal, Timestamp)> {
    let refused = |reason, message, pause| {
        let until = now.checked_add(pause).unwrap_or(Timestamp::MAX);
        Some((Refusal { reason, message }, until))
    };
    match answer {
        Ok(_) => None,
        Err(error @ RegistryError::Unreachable { .. }) => {
            let asks = match (question.requires_digest, question.requires_platform) {
                (false, false) => return None,
                (_, true) => {
                    "a FlashClass asks for platforms (firmwareVerification.requirePlatform): the registry is asked again"
                }
                (true, false) => {
                    "a FlashClass asks for firmware by digest: the registry is asked again, or write spec.firmware as NAME@sha256:DIGEST"
                }
            };
            let message = format!("{error}; {asks}");
            let pause = AGAIN.saturating_mul(1 << tries.min(4)).min(SLOWLY);
            refused(Reason::FirmwareUnreachable, message, pause)
        }
        Err(error @ RegistryError::Missing { .. }) => refused(
            Reason::FirmwareMissing,
            format!("{error}; nothing starts; push it, or correct spec.firmware"),
            SLOWLY,
        ),
        Err(error @ RegistryError::Unusable { .. }) => refused(
            Reason::FirmwareUnusable,
            format!("{error}; nothing starts; push it anew, or correct spec.firmware"),
            SLOWLY,
        ),
    }
}

/// What of the selection the image is not for, in words.
#[must_use]
pub fn shortage(image: &FirmwareImage, devices: &[SelectedDevice]) -> Option<String> {
    let shortage = image.shortage(types(devices))?;
    Some(format!("{}: {shortage}", image.reference))
}

/// Why a round does not begin whose image lacks platforms that a class asks for.
#[must_use]
pub fn short(shortage: &str, now: Timestamp) -> (Refusal, Timestamp) {
    let message = format!(
        "{shortage}; nothing starts: spec.firmwareVerification.requirePlatform of the FlashClass; push an image that has them, or select \
         other devices"
    );
    let refusal = Refusal {
        reason: Reason::PlatformMissing,
        message,
    };
    (refusal, now.checked_add(SLOWLY).unwrap_or(Timestamp::MAX))
}

/// What is frozen of firmware that is named by its digest, where the registry did not say what is in it.
#[must_use]
pub fn named_by_digest(firmware: &str) -> Option<Provenance> {
    let digest = digest_of(firmware)?;
    Some(Provenance::of(firmware.to_owned(), digest))
}

/// What is frozen of an image that the registry served at that time; `firmware` is the reference as the job names it.
#[must_use]
pub fn frozen(
    firmware: &str,
    image: &FirmwareImage,
    devices: &[SelectedDevice],
    at: Timestamp,
) -> Provenance {
    let mut platforms = BTreeMap::new();
    for kind in types(devices) {
        if platforms.len() == MAX_PLATFORMS {
            break;
        }
        if let Some((kind, digest)) = image.platforms.of(kind) {
            platforms.insert(kind.to_owned(), digest.to_owned());
        }
    }
    Provenance {
        platforms,
        resolved_at: Some(Time(at)),
        ..Provenance::of(pin(firmware, &image.digest), &image.digest)
    }
}

fn types(devices: &[SelectedDevice]) -> impl Iterator<Item = &str> {
    devices
        .iter()
        .filter_map(|device| device.device_type.as_deref())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::{
        api::RegistryAccess,
        provenance::fixtures::{self, DIGEST},
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
            access: RegistryAccess::default(),
        }
    }

    fn image() -> FirmwareImage {
        fixtures::image("registry.example.com/esp32:1", &["esp32s3", "esp32"])
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
        answer: Result<FirmwareImage, RegistryError>,
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
        let answered = answered(1, Ok(image()), question.clone());
        assert_eq!(
            next(Some(&answered), &question, at(2)),
            Step::Pin(Box::new(image()))
        );
    }

    #[rstest]
    #[case::an_old_answer(Ok(image()), 62, 1)]
    #[case::an_old_silence(Err(away()), 62, 1)]
    #[case::an_answer_about_another_spec(Ok(image()), 2, 2)]
    #[case::a_refusal_of_long_ago(Err(missing()), 301, 1)]
    #[case::a_refusal_of_another_spec(Err(missing()), 2, 2)]
    fn a_registry_is_asked_anew(
        #[case] answer: Result<FirmwareImage, RegistryError>,
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
        let frozen = frozen("registry.example.com/esp32:1", &image(), &devices, at(3));
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
}
