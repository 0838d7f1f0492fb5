//! From a device to objects through the shipped chart: values, schema, rendering, guard; and what happens to those who try to
//! get more than a flash out of it.

#![expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

use std::path::Path;
use std::sync::{Arc, LazyLock};

use flashjob_operator::flash_pod::device_values::{
    DeviceContext, DeviceFacts, DeviceValues, JobFacts, ReleaseFacts,
};
use flashjob_operator::flash_pod::guard::{Owner, Policy, Stage, Subject, check};
use flashjob_operator::flash_pod::layers::{Layers, merge};
use helm_chart::Chart;
use helm_chart::engine::{Limits, Program, Release};
use helm_chart::pointer::Pointer;
use helm_chart::schema::Schema;
use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};

struct Flash {
    chart: Chart,
    schema: Schema,
    device: DeviceValues,
    program: Program,
}

static FLASH: LazyLock<Flash> = LazyLock::new(|| {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("charts/flash-pod");
    let chart = Chart::load(&directory).unwrap();
    let file = chart
        .files
        .iter()
        .find(|file| file.name == "device-values.yaml")
        .unwrap();
    let text = std::str::from_utf8(&file.data).unwrap();
    Flash {
        schema: Schema::compile(chart.schema.as_ref().unwrap()).unwrap(),
        device: DeviceValues::compile(text, "device-values.yaml").unwrap(),
        program: Program::compile(&chart).unwrap(),
        chart,
    }
});

fn context() -> DeviceContext {
    DeviceContext {
        device: DeviceFacts {
            uuid: "d95c7c2d-7dc5-427b-9bf7-51a5d299c99e".into(),
            endpoint: "192.0.2.31:8080".into(),
            address: "192.0.2.31".into(),
            kind: "esp32s3".into(),
            application_type: "thermo".into(),
            ..DeviceFacts::default()
        },
        job: JobFacts {
            name: "rollout".into(),
            namespace: "fleet".into(),
            uid: "1f0b0bb3".into(),
            firmware: "registry.example.org/fleet/thermo:0.2.0".into(),
            version: "0.2.0".into(),
        },
        release: ReleaseFacts {
            name: "flash-d95c7c2d".into(),
            attempt: "k3v9x0q2ab".into(),
        },
    }
}

fn owned(external_ip: &str) -> Value {
    json!({
        "externalIP": external_ip,
        "activeDeadlineSeconds": 600,
        "operator": {
            "attempt": "k3v9x0q2ab",
            "app": "rollout",
            "finalizers": ["flashjob.nbfc.io/tracking"],
            "ownerReferences": [{
                "apiVersion": "application.flashjob.nbfc.io/v1alpha1", "kind": "FlashJob",
                "name": "rollout", "uid": "1f0b0bb3", "controller": true,
            }],
            "labels": {"flashjob.nbfc.io/job-uid": "1f0b0bb3"},
        },
    })
}

fn policy() -> Policy {
    Policy {
        namespace: "fleet".into(),
        release: "flash-d95c7c2d".into(),
        attempt: "k3v9x0q2ab".into(),
        endpoint: Some("192.0.2.31:8080".into()),
        labels: [("flashjob.nbfc.io/job-uid".to_owned(), "1f0b0bb3".to_owned())].into(),
        owner: Some(Owner {
            api_version: "application.flashjob.nbfc.io/v1alpha1".into(),
            kind: "FlashJob".into(),
            name: "rollout".into(),
            uid: "1f0b0bb3".into(),
        }),
        finalizers: vec!["flashjob.nbfc.io/tracking".into()],
        images: vec!["harbor.nbfc.io/nubificus/iot/*".parse().unwrap()],
        ..Policy::default()
    }
}

fn values(
    job: &Value,
    allowed: &[&str],
    external_ip: &str,
    context: &DeviceContext,
) -> Result<Value, String> {
    let allowed: Vec<Pointer> = allowed.iter().map(|path| path.parse().unwrap()).collect();
    let layers = Layers {
        chart: &FLASH.chart.values,
        operator: None,
        class: None,
        job: Some(job),
        device: Some(&FLASH.device),
        owned: &owned(external_ip),
        allowed: &allowed,
        opens: "",
    };
    merge(&layers, context)
        .map(|merged| merged.values)
        .map_err(|error| error.to_string())
}

/// Renders and guards; what the guard says, or the objects.
fn objects(values: &Value, stage: Stage) -> Result<Vec<Value>, String> {
    let release = Release {
        name: "flash-d95c7c2d".into(),
        namespace: "fleet".into(),
        revision: 1,
        is_install: true,
        is_upgrade: false,
    };
    let rendered = FLASH
        .program
        .render(values, &release, &Arc::default(), &Limits::default())
        .map_err(|error| error.to_string())?;
    let subjects: Vec<_> = rendered.documents.iter().map(Subject::from).collect();
    check(&subjects, stage, &policy()).map_err(|refused| refused.to_string())?;
    Ok(rendered
        .documents
        .into_iter()
        .map(|document| document.object)
        .collect())
}

fn variable<'a>(pod: &'a Value, name: &str) -> Option<&'a str> {
    let env = pod.pointer("/spec/containers/0/env")?.as_array()?;
    env.iter().find(|variable| variable["name"] == name)?["value"].as_str()
}

#[test]
fn the_service_comes_first_and_the_pod_with_its_address() {
    let values_before = values(&json!({}), &[], "", &context()).unwrap();
    FLASH.schema.validate(&values_before).unwrap();
    let before = objects(&values_before, Stage::BeforeAddress).unwrap();
    assert_eq!(
        before
            .iter()
            .map(|object| &object["kind"])
            .collect::<Vec<_>>(),
        ["Service"]
    );

    let values = values(&json!({}), &[], "198.51.100.7", &context()).unwrap();
    FLASH.schema.validate(&values).unwrap();
    let objects = objects(&values, Stage::Complete).unwrap();
    assert_eq!(objects[0], before[0], "the Service stays as it is");
    let expected = [
        ("FIRMWARE", "registry.example.org/fleet/thermo:0.2.0"),
        ("UUID", "d95c7c2d-7dc5-427b-9bf7-51a5d299c99e"),
        ("HOST_ENDPOINT", "192.0.2.31:8080"),
        ("DEVICE", "esp32s3"),
        ("APPLICATION_TYPE", "thermo"),
        ("VERSION", "0.2.0"),
        ("EXTERNAL_IP", "198.51.100.7"),
    ];
    for (name, value) in expected {
        assert_eq!(variable(&objects[1], name), Some(value), "{name}");
    }
}

#[rstest]
#[case(json!({"serviceAccountName": "admin"}), "/serviceAccountName", "service account \"admin\"")]
#[case(json!({"automountServiceAccountToken": true}), "/automountServiceAccountToken", "default service account")]
#[case(json!({"podSecurityContext": {"seccompProfile": {"type": "Unconfined"}}}), "/podSecurityContext", "/spec/securityContext/seccompProfile/type")]
#[case(json!({"securityContext": {"privileged": true}}), "/securityContext", "privileged")]
#[case(json!({"extraVolumes": [{"name": "root", "hostPath": {"path": "/"}}]}), "/extraVolumes", "/spec/volumes/1/hostPath")]
#[case(json!({"tls": {"secretName": "other"}}), "/tls/secretName", "Secret \"other\"")]
#[case(json!({"imagePullSecrets": [{"name": "other"}]}), "/imagePullSecrets", "Secret \"other\"")]
#[case(json!({"image": {"reference": "evil.example.org/miner:1"}}), "/image/reference", "image \"evil.example.org/miner:1\"")]
#[case(json!({"networkPolicy": {"enabled": true}}), "/networkPolicy", "NetworkPolicy is not allowed")]
fn an_opened_value_is_no_way_around_the_guard(
    #[case] job: Value,
    #[case] path: &str,
    #[case] why: &str,
) {
    let closed = values(&job, &[], "198.51.100.7", &context()).unwrap_err();
    assert!(closed.contains(path), "{closed}");
    let opened = values(&job, &[path], "198.51.100.7", &context()).unwrap();
    FLASH.schema.validate(&opened).unwrap();
    let refused = objects(&opened, Stage::Complete).unwrap_err();
    assert!(refused.contains(why), "{refused}");
}

#[rstest]
#[case("x\n  hostNetwork: true")]
#[case("x\"\n  hostNetwork: true\n  y: \"")]
#[case("$(UUID)")]
#[case("{{ .Release.Name }}")]
#[case("{{ device.uuid }}")]
#[case("---\nkind: Pod")]
fn a_firmware_that_is_more_than_a_reference_is_refused_and_harmless(#[case] firmware: &str) {
    let mut context = context();
    context.job.firmware = firmware.to_owned();
    let values = values(&json!({}), &[], "198.51.100.7", &context).unwrap();
    let broken = FLASH.schema.validate(&values).unwrap_err().to_string();
    assert!(broken.contains("'/firmware'"), "{broken}");
    // Had it got past the schema, it would have stayed a text.
    let objects = objects(&values, Stage::Complete).unwrap();
    assert_eq!(objects[1]["spec"].get("hostNetwork"), None);
    assert_eq!(
        variable(&objects[1], "FIRMWARE").unwrap(),
        firmware.replace('$', "$$")
    );
}

#[test]
fn the_last_characters_of_unicode_reach_the_pod_as_they_are() {
    let mut context = context();
    context.device.application_type = "\u{10ff80}\u{10ffff}".to_owned();
    let values = values(&json!({}), &[], "198.51.100.7", &context).unwrap();
    let objects = objects(&values, Stage::Complete).unwrap();
    assert_eq!(
        variable(&objects[1], "APPLICATION_TYPE").unwrap(),
        "\u{10ff80}\u{10ffff}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_a_device_says_stays_a_text(
        application in "[^\\x00]{0,12}", version in "[ -~\\n]{1,12}", firmware in "[ -~\\n\\t:{}$\"'#-]{1,12}",
    ) {
        let mut context = context();
        context.device.application_type = application.clone();
        context.job.version = version.clone();
        context.job.firmware = firmware.clone();
        let values = values(&json!({}), &[], "198.51.100.7", &context).unwrap();
        let objects = objects(&values, Stage::Complete).unwrap();
        prop_assert_eq!(objects.len(), 2);
        for (name, value) in [("APPLICATION_TYPE", application), ("VERSION", version), ("FIRMWARE", firmware)] {
            prop_assert_eq!(variable(&objects[1], name).unwrap(), value.replace('$', "$$"));
        }
    }
}
