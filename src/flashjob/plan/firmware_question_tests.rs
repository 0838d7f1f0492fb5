//! What a registry is asked about the firmware of a round.

use std::sync::Arc;

use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::{
    api::RegistryAccess,
    flashjob::fixtures::{classes, job_of, spec},
    provenance::fixtures::DIGEST,
};

/// What classes with these specs say, the first of which is that of the round.
fn terms(specs: &[Value]) -> Terms {
    let of = |spec: &Value| {
        let class = json!({"metadata": {"name": "plant"}, "spec": spec});
        Arc::clone(classes(&[class]).get("plant").unwrap())
    };
    Terms {
        classes: specs.iter().map(of).collect(),
        ..Terms::default()
    }
}

fn asked(firmware: &str, specs: &[Value]) -> Question {
    let mut wanted = spec(1);
    wanted["firmware"] = json!(firmware);
    question(&job_of(&wanted, None), &terms(specs)).unwrap()
}

fn access(secret: &str) -> RegistryAccess {
    RegistryAccess {
        pull_secret_names: vec![secret.into()],
        ..RegistryAccess::default()
    }
}

fn authority() -> Value {
    json!({"name": "release", "key": {"secretName": "keys"}})
}

fn check(enforced: bool) -> SignatureCheck {
    SignatureCheck {
        class: "plant".into(),
        enforced,
        authorities: vec![serde_json::from_value(authority()).unwrap()],
    }
}

#[test]
fn nothing_is_asked_for_where_no_class_asks() {
    let plain = Question {
        generation: 1,
        firmware: "registry/esp32:1".into(),
        ..Question::default()
    };
    assert_eq!(asked("registry/esp32:1", &[]), plain);
    assert_eq!(asked("registry/esp32:1", &[json!({})]), plain);
}

#[test]
fn nothing_is_asked_of_a_job_that_cannot_be_read() {
    let mut job = job_of(&spec(1), None);
    job.spec = Err("not a list".into());
    assert_eq!(question(&job, &Terms::default()), None);
}

#[rstest]
#[case::for_a_digest(json!({"requireFirmwareDigest": true}), false, true)]
#[case::for_receipts_which_name_a_digest(json!({"receipts": {"keySecretName": "key"}}), false, true)]
#[case::for_a_digest_that_is_named(json!({"requireFirmwareDigest": true}), true, false)]
#[case::for_receipts_of_what_is_named_by_digest(json!({"receipts": {"keySecretName": "key"}}), true, false)]
#[case::for_neither(json!({}), false, false)]
fn a_digest_is_required_where_a_class_asks(
    #[case] class: Value,
    #[case] named: bool,
    #[case] required: bool,
) {
    let firmware = if named {
        format!("registry/esp32@{DIGEST}")
    } else {
        "registry/esp32:1".to_owned()
    };
    let asked = asked(&firmware, &[class]);
    assert_eq!(asked.requires_digest, required);
    assert_eq!(asked.firmware, firmware);
}

#[test]
fn all_that_a_class_asks_of_firmware_and_flash_image_is_asked() {
    let class = json!({
        "firmwareVerification": {
            "mode": "Enforce", "requirePlatform": true, "registry": {"pullSecretNames": ["login"]}, "authorities": [authority()],
        },
        "receipts": {"keySecretName": "key"},
        "defaults": {"flashImage": "registry/flash:1"},
        "flashImageVerification": {"mode": "Warn", "registry": {"pullSecretNames": ["other"]}, "authorities": [authority()]},
    });
    let flash_image = Question {
        generation: 1,
        firmware: "registry/flash:1".into(),
        requires_digest: true,
        checks: vec![check(false)],
        access: access("other"),
        ..Question::default()
    };
    let expected = Question {
        generation: 1,
        firmware: "registry/esp32:1".into(),
        requires_digest: true,
        requires_platform: true,
        checks: vec![check(true)],
        receipt_key: Some("key".into()),
        access: access("login"),
        flash_image: Some(Box::new(flash_image)),
    };
    assert_eq!(asked("registry/esp32:1", &[class]), expected);
}

#[test]
fn signatures_are_not_asked_for_where_their_mode_is_off() {
    let class = json!({
        "firmwareVerification": {"mode": "Off", "authorities": [authority()]},
        "defaults": {"flashImage": "registry/flash:1"},
        "flashImageVerification": {"authorities": [authority()]},
    });
    let asked = asked("registry/esp32:1", &[class]);
    assert_eq!(asked.checks, []);
    let flash_image = asked.flash_image.unwrap();
    assert_eq!(
        (flash_image.checks, flash_image.requires_digest),
        (Vec::new(), true)
    );
}

#[test]
fn a_flash_image_that_only_another_class_of_the_job_asks_about_may_have_no_name() {
    let other =
        json!({"defaults": {"flashImage": "registry/flash:1"}, "flashImageVerification": {}});
    let asked = asked("registry/esp32:1", &[json!({}), other]);
    assert_eq!(
        asked.flash_image.unwrap().firmware,
        "(the flash chart's own)"
    );
}
