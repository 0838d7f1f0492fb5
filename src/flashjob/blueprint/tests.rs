use include_dir::{Dir, include_dir};
use rstest::rstest;
use serde_json::json;

use super::*;
use crate::{
    flash_pod::intent::Record,
    flashjob::{
        blueprint::preflight::try_one,
        fixtures::{JOB, at, instance, job_of, spec, uuid},
    },
    names::{
        ANNOTATION_ENDPOINT, ANNOTATION_RELEASE_NAME, LABEL_JOB_UID, LABEL_MANAGED_BY, LABEL_ROUND,
        TRACKING_FINALIZER,
    },
};
use helm_chart::{File, engine::Rendered, feature::Feature};
use helm_release::{ApplyMethod, Info, Status};

static FLASH_POD: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/charts/flash-pod");

fn flash_pod_with(
    operator: Option<&str>,
    change: impl FnOnce(&mut Chart),
) -> Result<FlashPod, Refusal> {
    flash_pod_allowing(&[], operator, change)
}

fn flash_pod_allowing(
    features: &[Feature],
    operator: Option<&str>,
    change: impl FnOnce(&mut Chart),
) -> Result<FlashPod, Refusal> {
    let mut chart = Chart::from_embedded(&FLASH_POD).unwrap();
    change(&mut chart);
    let images = ["harbor.nbfc.io/*", "registry/*"]
        .map(|pattern| pattern.parse().unwrap())
        .into();
    let settings = Settings {
        operator_values: operator.map(|text| (text.to_owned(), "operator".to_owned())),
        allowed_value_paths: vec!["/resources".into(), "/podLabels".into()],
        policy: Policy {
            images,
            ..Policy::default()
        },
        markers: Markers::default(),
        features: features.iter().copied().collect(),
        capabilities: Capabilities::default(),
    };
    FlashPod::load(chart, &settings, 1)
}

/// Adds a file to a chart's templates.
fn add_template(chart: &mut Chart, name: &str, text: &str) {
    Arc::make_mut(&mut chart.templates).push(File {
        name: format!("templates/{name}"),
        data: text.as_bytes().to_vec(),
    });
}

fn flash_pod() -> FlashPod {
    flash_pod_with(None, |_| {}).unwrap()
}

fn device() -> Device {
    Device::parse(&instance(uuid(0).as_str(), 0)).unwrap()
}

/// The blueprint of a job with these values.
fn blueprint_of(
    flash_pod: &FlashPod,
    values: &Value,
    image: Option<&str>,
) -> Result<Blueprint, Refusal> {
    blueprint_for(flash_pod, values, image, &device())
}

fn blueprint_for(
    flash_pod: &FlashPod,
    values: &Value,
    image: Option<&str>,
    device: &Device,
) -> Result<Blueprint, Refusal> {
    let mut wanted = spec(1);
    wanted["values"] = values.clone();
    wanted["flashjobPodImage"] = json!(image);
    let job = job_of(&wanted, None);
    let round = job.wanted_round(3).unwrap();
    let attempt = AttemptOf {
        index: 0,
        uuid: &uuid(0),
        device,
        shared: None,
        number: 1,
        nonce: "n",
    };
    flash_pod.blueprint(&job, &round, &attempt)
}

/// The device with another text in one property.
fn device_with(property: &str, text: &str) -> Device {
    let mut instance = instance(uuid(0).as_str(), 0);
    let properties = &mut instance.spec.broker_properties;
    properties.insert(property.to_owned(), text.to_owned());
    Device::parse(&instance).unwrap()
}

#[rstest]
#[case::a_control_character("APPLICATION_TYPE", "lamp\u{1}", None)]
#[case::a_board_that_is_no_name("DEVICE", "esp32 s3\n", None)]
#[case::through_the_administrator_s_values(
    "SITE",
    "hunter 2",
    Some("tls: {secretName: '{{ device.properties.SITE }}'}")
)]
fn a_device_s_own_text_that_breaks_the_schema_is_the_device_s_fault_and_names_the_property(
    #[case] property: &str,
    #[case] text: &str,
    #[case] operator: Option<&str>,
) {
    let flash_pod = flash_pod_with(operator, |_| {}).unwrap();
    let odd = device_with(property, text);
    let refusal = blueprint_for(&flash_pod, &json!({}), None, &odd).unwrap_err();
    assert_eq!(refusal.reason, Reason::DeviceInvalid, "{refusal:?}");
    for words in ["Instance lab/i-uuid-0", property, "values.schema.json"] {
        assert!(refusal.message.contains(words), "{refusal:?}");
    }
    assert!(!refusal.message.contains(text), "{refusal:?}");
}

#[rstest]
#[case::the_job_s_values(None, json!({"resources": "plenty"}))]
#[case::the_administrator_s_template(Some("tls: {secretName: '{{ job.name }} {{ device.type }}'}"), json!({}))]
fn a_mistake_that_is_not_the_device_s_is_not_its_fault_where_it_is_odd_as_well(
    #[case] operator: Option<&str>,
    #[case] values: Value,
) {
    let flash_pod = flash_pod_with(operator, |_| {}).unwrap();
    let reason = if operator.is_some() {
        Reason::ChartInvalid
    } else {
        Reason::ValuesInvalid
    };
    for device in [device(), device_with("APPLICATION_TYPE", "lamp\u{1}")] {
        let refusal = blueprint_for(&flash_pod, &values, None, &device).unwrap_err();
        assert_eq!(refusal.reason, reason, "{refusal:?}");
        let named = refusal
            .message
            .starts_with("flashPod.values of the operator (");
        assert_eq!(named, operator.is_some(), "{refusal:?}");
    }
}

#[rstest]
#[case::an_unknown_key(
    "nodeSelectr: {zone: lab}",
    "/nodeSelectr: the chart's values.schema.json has no such key"
)]
#[case::a_value("tls: {secretName: 'A!'}", "/tls/secretName: value does not match")]
#[case::another_type("resources: much", "/resources: value is not of type \"object\"")]
fn administrator_s_values_that_break_the_schema_are_found_when_they_are_loaded(
    #[case] operator: &str,
    #[case] says: &str,
) {
    let refusal = flash_pod_with(Some(operator), |_| {}).unwrap_err();
    assert_eq!(refusal.reason, Reason::ChartInvalid);
    let layer = "flashPod.values of the operator (";
    for words in [layer, says] {
        assert!(refusal.message.contains(words), "{}", refusal.message);
    }
}

#[rstest]
#[case::the_device_s_type("DEVICE", "x Verified device", None)]
#[case::its_application("APPLICATION_TYPE", "Firmware sent to IoT", None)]
#[case::a_failure("APPLICATION_TYPE", "x: Could not apply OTA", None)]
#[case::through_the_administrator_s_values(
    "SITE",
    "Verified device",
    Some("podLabels: {site: 'at {{ device.properties.SITE }}'}")
)]
fn a_property_that_holds_a_verdict_marker_is_refused_before_the_flash(
    #[case] property: &str,
    #[case] text: &str,
    #[case] operator: Option<&str>,
) {
    let flash_pod = flash_pod_with(operator, |_| {}).unwrap();
    let liar = device_with(property, text);
    let refusal = blueprint_for(&flash_pod, &json!({}), None, &liar).unwrap_err();
    assert_eq!(refusal.reason, Reason::DeviceInvalid, "{refusal:?}");
    for words in [
        "Instance lab/i-uuid-0",
        property,
        "is what the flash image logs",
    ] {
        assert!(refusal.message.contains(words), "{refusal:?}");
    }
}

#[rstest]
#[case::the_job_s(None, json!({"podLabels": {"a/b": "Verified device"}}), "value /podLabels/a~1b: \"Verified device\"")]
#[case::the_administrator_s(
    Some("extraEnv: [{name: A, value: 'Not verified device'}]"),
    json!({}),
    "value /extraEnv/0/value: \"Not verified device\""
)]
fn a_value_that_holds_a_verdict_marker_is_refused_with_its_path(
    #[case] operator: Option<&str>,
    #[case] values: Value,
    #[case] words: &str,
) {
    let flash_pod = flash_pod_with(operator, |_| {}).unwrap();
    let refusal = blueprint_for(&flash_pod, &values, None, &device()).unwrap_err();
    assert_eq!(refusal.reason, Reason::ValueNotAllowed, "{refusal:?}");
    assert!(refusal.message.starts_with(words), "{refusal:?}");
}

#[test]
fn markers_of_another_image_are_refused_in_their_stead() {
    let mut flash_pod = flash_pod();
    flash_pod.markers.verified = vec!["*lamp ok".to_owned()];
    let honest = device_with("APPLICATION_TYPE", "Verified device");
    blueprint_for(&flash_pod, &json!({}), None, &honest).unwrap();
    let liar = device_with("APPLICATION_TYPE", "a lamp ok");
    let refusal = blueprint_for(&flash_pod, &json!({}), None, &liar).unwrap_err();
    assert!(refusal.message.contains("\"lamp ok\""), "{refusal:?}");
}

fn complete(flash_pod: &FlashPod, blueprint: &Blueprint) -> Result<Rendered, Refusal> {
    flash_pod.objects(
        &blueprint.intent,
        &blueprint.release,
        1,
        &blueprint.merged.overrides,
        Some("198.51.100.7"),
    )
}

fn pod_of(rendered: &Rendered) -> Value {
    Parts::of(rendered, "flash-uuid-0", "lab").pod.unwrap()
}

fn env(pod: &Value, name: &str) -> Value {
    let env = pod["spec"]["containers"][0]["env"].as_array().unwrap();
    env.iter().find(|env| env["name"] == name).unwrap()["value"].clone()
}

#[test]
fn the_shipped_chart_is_rendered_in_process() {
    let flash_pod = flash_pod();
    assert_eq!(flash_pod.unsupported, None);
    assert!(flash_pod.native());
}

#[test]
fn a_schema_that_only_helm_can_check_leaves_the_chart_to_the_helm_engine() {
    let cycle = br##"{"properties": {"v": {"$ref": "#/properties/v"}}}"##;
    let flash_pod =
        flash_pod_with(None, |chart| chart.schema = Some(cycle.as_slice().into())).unwrap();
    assert!(!flash_pod.native());
    let words = flash_pod.unsupported.unwrap();
    assert!(words.contains("only the helm engine checks it"), "{words}");
}

#[test]
fn without_an_address_there_is_a_service_and_no_pod() {
    let flash_pod = flash_pod();
    let blueprint = blueprint_of(&flash_pod, &json!({}), None).unwrap();
    let rendered = flash_pod
        .objects(
            &blueprint.intent,
            &blueprint.release,
            1,
            &blueprint.merged.overrides,
            None,
        )
        .unwrap();
    let parts = Parts::of(&rendered, &blueprint.release, "lab");
    assert!(parts.pod.is_none());
    assert_eq!(
        parts
            .others
            .iter()
            .map(|object| object["kind"].clone())
            .collect::<Vec<_>>(),
        ["Service"]
    );
    assert!(
        parts
            .manifest_without_pod
            .starts_with("---\n# Source: flash-pod/templates/service.yaml\n")
    );
}

#[test]
fn the_pod_is_born_owned_labelled_named_and_tracked() {
    let flash_pod = flash_pod();
    let blueprint = blueprint_of(&flash_pod, &json!({}), None).unwrap();
    let pod = pod_of(&complete(&flash_pod, &blueprint).unwrap());
    let metadata = &pod["metadata"];
    let id = &blueprint.intent.attempt_id;
    assert_eq!(metadata["name"], json!(format!("flash-uuid-0-{id}")));
    assert_eq!(metadata["namespace"], "lab");
    assert_eq!(metadata["finalizers"], json!([TRACKING_FINALIZER]));
    assert_eq!(metadata["ownerReferences"][0]["uid"], JOB);
    assert_eq!(metadata["ownerReferences"][0]["controller"], true);
    assert_eq!(
        (
            &metadata["labels"][LABEL_JOB_UID],
            &metadata["labels"][LABEL_ROUND]
        ),
        (&json!(JOB), &json!("3"))
    );
    assert_eq!(
        (&metadata["labels"]["app"], &metadata["labels"]["uuid"]),
        (&json!("lamps"), &json!("uuid-0"))
    );
    assert_eq!(metadata["labels"][LABEL_MANAGED_BY], "Helm");
    assert_eq!(
        metadata["annotations"][ANNOTATION_RELEASE_NAME],
        "flash-uuid-0"
    );
    assert_eq!(metadata["annotations"][ANNOTATION_ENDPOINT], "192.0.2.1:80");
    assert_eq!(pod["spec"]["activeDeadlineSeconds"], 600);
    assert_eq!(pod["spec"]["restartPolicy"], "Never");
    let want = [
        ("FIRMWARE", "registry/esp32:1"),
        ("UUID", "uuid-0"),
        ("HOST_ENDPOINT", "192.0.2.1:80"),
        ("DEVICE", "esp32s3"),
        ("APPLICATION_TYPE", "lamp"),
        ("VERSION", "0.2.0"),
        ("EXTERNAL_IP", "198.51.100.7"),
    ];
    for (name, value) in want {
        assert_eq!(env(&pod, name), json!(value), "{name}");
    }
}

#[test]
fn what_was_seen_of_a_rendered_pod_names_its_attempt() {
    let flash_pod = flash_pod();
    let blueprint = blueprint_of(&flash_pod, &json!({}), None).unwrap();
    let mut pod = pod_of(&complete(&flash_pod, &blueprint).unwrap());
    pod["metadata"]["uid"] = json!("p");
    pod["metadata"]["resourceVersion"] = json!("7");
    let seen = crate::flashjob::observe::parse::pod(&serde_json::from_value(pod).unwrap()).unwrap();
    assert_eq!(
        (seen.sight.identity.key.id, seen.sight.identity.round),
        (blueprint.intent.attempt_id, 3)
    );
    assert_eq!(
        seen.sight.identity.endpoint.as_deref(),
        Some("192.0.2.1:80")
    );
}

#[test]
fn a_job_sets_the_paths_that_are_open_to_it() {
    let flash_pod = flash_pod();
    let values =
        json!({"resources": {"limits": {"memory": "512Mi"}}, "podLabels": {"team": "lamps"}});
    let blueprint = blueprint_of(&flash_pod, &values, None).unwrap();
    let pod = pod_of(&complete(&flash_pod, &blueprint).unwrap());
    assert_eq!(
        pod["spec"]["containers"][0]["resources"]["limits"]["memory"],
        "512Mi"
    );
    assert_eq!(pod["metadata"]["labels"]["team"], "lamps");
}

#[rstest]
#[case::a_path_that_is_not_open(json!({"serviceAccountName": "admin"}), Reason::ValueNotAllowed, "/serviceAccountName")]
#[case::the_device_s_firmware(json!({"firmware": "other"}), Reason::ValueConflict, "/firmware")]
#[case::the_device_s_endpoint(json!({"device": {"endpoint": "192.0.2.99"}}), Reason::ValueConflict, "/device")]
#[case::the_operator_s_own(json!({"operator": {"finalizers": []}}), Reason::ValueConflict, "/operator")]
#[case::the_operator_s_deadline(json!({"activeDeadlineSeconds": 1}), Reason::ValueConflict, "/activeDeadlineSeconds")]
#[case::a_value_that_breaks_the_schema(json!({"resources": "much"}), Reason::ValuesInvalid, "values.schema.json")]
fn a_job_value_is_refused_and_the_message_names_the_path(
    #[case] values: Value,
    #[case] reason: Reason,
    #[case] names: &str,
) {
    let refusal = blueprint_of(&flash_pod(), &values, None).unwrap_err();
    assert_eq!(refusal.reason, reason, "{}", refusal.message);
    assert!(refusal.message.contains(names), "{}", refusal.message);
}

#[test]
fn the_administrator_s_values_hold_for_all_devices() {
    let operator = "nodeSelector: {zone: lab}\npodLabels: {type: \"{{ device.type }}\"}\n";
    let flash_pod = flash_pod_with(Some(operator), |_| {}).unwrap();
    let blueprint = blueprint_of(&flash_pod, &json!({}), None).unwrap();
    let pod = pod_of(&complete(&flash_pod, &blueprint).unwrap());
    assert_eq!(pod["spec"]["nodeSelector"], json!({"zone": "lab"}));
    assert_eq!(pod["metadata"]["labels"]["type"], "esp32s3");
}

#[rstest]
#[case::broken_yaml("a: [")]
#[case::unknown_function("a: \"{{ env() }}\"")]
fn administrator_s_values_that_cannot_be_used_are_found_when_they_are_loaded(
    #[case] operator: &str,
) {
    let refusal = flash_pod_with(Some(operator), |_| {}).unwrap_err();
    assert_eq!(refusal.reason, Reason::ChartInvalid);
    assert!(refusal.message.contains("operator"), "{}", refusal.message);
}

#[test]
fn the_job_s_image_replaces_the_chart_s_where_the_patterns_allow_it() {
    let flash_pod = flash_pod();
    let blueprint = blueprint_of(&flash_pod, &json!({}), Some("registry/flash:2")).unwrap();
    let pod = pod_of(&complete(&flash_pod, &blueprint).unwrap());
    assert_eq!(pod["spec"]["containers"][0]["image"], "registry/flash:2");
    let blueprint =
        blueprint_of(&flash_pod, &json!({}), Some("elsewhere.example/flash:2")).unwrap();
    let refusal = complete(&flash_pod, &blueprint).unwrap_err();
    assert_eq!(refusal.reason, Reason::GuardRefused);
    assert!(refusal.message.contains("image"), "{}", refusal.message);
}

#[test]
fn a_firmware_that_got_past_every_check_is_one_harmless_text() {
    let flash_pod = flash_pod();
    let mut wanted = spec(1);
    wanted["firmware"] = json!("x\n  hostNetwork: true");
    let job = job_of(&wanted, None);
    let round = job.wanted_round(1).unwrap();
    let device = device();
    let attempt = AttemptOf {
        index: 0,
        uuid: &uuid(0),
        device: &device,
        shared: None,
        number: 1,
        nonce: "n",
    };
    let Ok(blueprint) = flash_pod.blueprint(&job, &round, &attempt) else {
        return;
    };
    let Ok(rendered) = complete(&flash_pod, &blueprint) else {
        return;
    };
    assert_eq!(pod_of(&rendered)["spec"]["hostNetwork"], Value::Null);
}

#[rstest]
#[case::host_network(
    "  restartPolicy: Never\n",
    "  restartPolicy: Never\n  hostNetwork: true\n",
    "hostNetwork"
)]
#[case::another_namespace(
    "namespace: {{ .Release.Namespace }}",
    "namespace: kube-system",
    "namespace"
)]
fn the_guard_refuses_what_a_changed_template_lets_in(
    #[case] from: &str,
    #[case] to: &str,
    #[case] names: &str,
) {
    let flash_pod = flash_pod_with(None, |chart| {
        let pod = Arc::make_mut(&mut chart.templates)
            .iter_mut()
            .find(|file| file.name.ends_with("pod.yaml"))
            .unwrap();
        let text = String::from_utf8(pod.data.clone()).unwrap();
        assert!(
            text.contains(from),
            "the template was changed: adapt this test"
        );
        pod.data = text.replacen(from, to, 1).into_bytes();
    })
    .unwrap();
    let blueprint = blueprint_of(&flash_pod, &json!({}), None).unwrap();
    let refusal = complete(&flash_pod, &blueprint).unwrap_err();
    assert_eq!(refusal.reason, Reason::GuardRefused, "{}", refusal.message);
    assert!(refusal.message.contains(names), "{}", refusal.message);
}

fn record_of(flash_pod: &FlashPod, blueprint: &Blueprint) -> Record {
    Record {
        name: blueprint.release.clone(),
        namespace: "lab".into(),
        version: 1,
        apply_method: ApplyMethod::ServerSide,
        config: blueprint.merged.overrides.clone(),
        manifest: String::new(),
        info: Info {
            first_deployed: Some(at(1)),
            last_deployed: Some(at(1)),
            deleted: None,
            status: Status::PendingInstall,
            description: String::new(),
            notes: String::new(),
        },
        chart: flash_pod.chart_for(&blueprint.intent.version),
        hooks: Vec::new(),
        attachment: Some(blueprint.intent.clone()),
    }
}

#[test]
fn a_resumed_record_renders_the_same_bytes_whatever_the_chart_is_now() {
    let first = flash_pod();
    let blueprint = blueprint_of(&first, &json!({}), None).unwrap();
    let record = record_of(&first, &blueprint);
    let want = complete(&first, &blueprint).unwrap().manifest;
    let same = first
        .stored_objects(&record, &blueprint.intent, Some("198.51.100.7"))
        .unwrap();
    assert_eq!(same.manifest, want);
    let other = flash_pod_with(Some("nodeSelector: {zone: other}\n"), |chart| {
        Arc::make_mut(&mut chart.templates)
            .retain(|file| !file.name.ends_with("networkpolicy.yaml"));
    })
    .unwrap();
    let resumed = other
        .stored_objects(&record, &blueprint.intent, Some("198.51.100.7"))
        .unwrap();
    assert_eq!(resumed.manifest, want);
}

fn another_endpoint(record: &mut Record, _: &mut Intent) {
    record.config["device"]["endpoint"] = json!("192.0.2.99");
}
fn another_device(_: &mut Record, intent: &mut Intent) {
    intent.device.endpoint = "192.0.2.99".into();
}
fn another_attempt(_: &mut Record, intent: &mut Intent) {
    intent.attempt_id = "0000000000".into();
}
fn another_job(_: &mut Record, intent: &mut Intent) {
    intent.job.uid = "job-2".into();
}
fn no_finalizer(record: &mut Record, _: &mut Intent) {
    record.config["operator"]["finalizers"] = json!(["example.com/mine"]);
}
fn a_service_account(record: &mut Record, _: &mut Intent) {
    record.config["serviceAccountName"] = json!("admin");
}
fn another_image(record: &mut Record, _: &mut Intent) {
    record.config["image"] = json!({"reference": "elsewhere.example/x:1"});
}
fn privileged(record: &mut Record, _: &mut Intent) {
    record.config["securityContext"] = json!({"privileged": true});
}

#[rstest]
#[case::another_endpoint_in_the_values(another_endpoint)]
#[case::another_device_in_the_intent(another_device)]
#[case::another_attempt(another_attempt)]
#[case::another_job(another_job)]
#[case::another_finalizer(no_finalizer)]
#[case::a_service_account(a_service_account)]
#[case::another_image(another_image)]
#[case::privileges(privileged)]
fn a_resumed_record_that_was_altered_is_refused(#[case] alter: fn(&mut Record, &mut Intent)) {
    let flash_pod = flash_pod();
    let blueprint = blueprint_of(&flash_pod, &json!({}), None).unwrap();
    let mut record = record_of(&flash_pod, &blueprint);
    let mut intent = blueprint.intent.clone();
    alter(&mut record, &mut intent);
    let refusal = flash_pod
        .stored_objects(&record, &intent, Some("198.51.100.7"))
        .unwrap_err();
    assert_eq!(refusal.reason, Reason::GuardRefused, "{}", refusal.message);
}

#[test]
fn an_intent_whose_parts_contradict_its_id_is_not_consistent() {
    let blueprint = blueprint_of(&flash_pod(), &json!({}), None).unwrap();
    assert!(blueprint.intent.is_consistent());
    let changes: [fn(&mut Intent); 3] = [
        |intent| intent.nonce = "m".into(),
        |intent| intent.round = 4,
        |intent| intent.attempt = 2,
    ];
    for change in changes {
        let mut altered = blueprint.intent.clone();
        change(&mut altered);
        assert!(!altered.is_consistent());
    }
}

#[rstest]
#[case::short("lamps", "lamps")]
#[case::exactly_as_long_as_allowed(&"a".repeat(63), &"a".repeat(63))]
fn a_name_that_fits_is_its_own_label(#[case] name: &str, #[case] label: &str) {
    assert_eq!(label_value(name), label);
}

#[test]
fn long_names_become_different_valid_labels() {
    let label = |end: &str| label_value(&format!("{}.{end}", "a".repeat(53)).repeat(4));
    let labels = [label("x"), label("y")];
    assert_ne!(labels[0], labels[1]);
    for label in labels {
        assert!(
            label.len() <= 63 && label.ends_with(|last: char| last.is_ascii_alphanumeric()),
            "{label}"
        );
    }
}

#[test]
fn a_chart_that_no_engine_may_render_is_refused_when_it_is_loaded() {
    let change = |chart: &mut Chart| add_template(chart, "x.yaml", "# {{ now }}");
    let refusal = flash_pod_with(None, change).unwrap_err();
    assert_eq!(refusal.reason, Reason::ChartInvalid);
    let says = "templates/x.yaml:1: function \"now\" is not supported";
    assert!(refusal.message.contains(says), "{}", refusal.message);

    let allowed = flash_pod_allowing(&[Feature::Random], None, change).unwrap();
    assert!(!allowed.native(), "it is left to helm");
    assert_eq!(allowed.used.to_string(), "random");
    assert!(flash_pod().used.is_empty());
}

#[test]
fn a_recorded_chart_is_asked_the_same_before_helm_gets_it() {
    let flash_pod = flash_pod();
    let with = |text: &str| {
        let mut chart = (*flash_pod.chart).clone();
        add_template(&mut chart, "x.yaml", text);
        chart
    };
    assert_eq!(flash_pod.renders(&flash_pod.chart), Ok(true));
    assert_eq!(flash_pod.renders(&with("# plain")), Ok(true));
    assert_eq!(flash_pod.renders(&with("# {{ duration 5 }}")), Ok(false));
    let refusal = flash_pod
        .renders(&with("# {{ lookup \"\" \"\" \"\" \"\" }}"))
        .unwrap_err();
    assert_eq!(refusal.reason, Reason::ChartInvalid);
    let says =
        "the recorded chart: chart flash-pod is refused: templates/x.yaml:1: function \"lookup\"";
    assert!(refusal.message.starts_with(says), "{}", refusal.message);

    let mut asks = (*flash_pod.chart).clone();
    asks.schema = Some(br#"{"$ref": "http://example.org/x"}"#.as_slice().into());
    let refusal = flash_pod.renders(&asks).unwrap_err();
    assert!(
        refusal.message.contains("$ref to http://example.org/x"),
        "{}",
        refusal.message
    );
}

#[rstest]
#[case::another_object("Service", &[], Some("hooks are refused unless an administrator allows them"))]
#[case::allowed("Service", &[Feature::Hooks], None)]
#[case::the_pod_never("Pod", &[Feature::Hooks], Some("the Pod is a hook"))]
fn a_hook_that_values_made_is_refused(
    #[case] kind: &str,
    #[case] features: &[Feature],
    #[case] says: Option<&str>,
) {
    let flash_pod = flash_pod_allowing(features, None, |_| {}).unwrap();
    let blueprint = blueprint_of(&flash_pod, &json!({}), None).unwrap();
    let mut documents = complete(&flash_pod, &blueprint).unwrap().documents;
    for document in documents
        .iter_mut()
        .filter(|document| document.object["kind"] == kind)
    {
        document.object["metadata"]["annotations"]["helm.sh/hook"] = json!("pre-install");
    }
    let asked = flash_pod.guard(&documents, &blueprint.intent, &blueprint.release, true);
    match says {
        None => assert_eq!(asked, Ok(())),
        Some(says) => {
            let refusal = asked.unwrap_err();
            assert_eq!(refusal.reason, Reason::GuardRefused);
            assert!(refusal.message.contains(says), "{}", refusal.message);
        }
    }
}

/// What both engines say of a chart whose template has this in place of that.
fn served_with(file: &str, that: &str, this: &str) -> Result<Rendered, Refusal> {
    let flash_pod = flash_pod_with(None, |chart| {
        let templates = Arc::make_mut(&mut chart.templates);
        let name = format!("templates/{file}");
        let file = templates.iter_mut().find(|file| file.name == name).unwrap();
        let text = String::from_utf8(file.data.clone()).unwrap();
        assert!(text.contains(that), "{that} is not in {text}");
        file.data = text.replace(that, this).into_bytes();
    })?;
    let blueprint = blueprint_of(&flash_pod, &json!({}), None)?;
    complete(&flash_pod, &blueprint)
}

#[rstest]
#[case::no_service(
    "service.yaml",
    "kind: Service",
    "kind: ServiceAccount",
    Reason::GuardRefused,
    "ServiceAccount is not allowed"
)]
#[case::another_container(
    "pod.yaml",
    "- name: flash-container",
    "- name: flasher",
    Reason::ChartInvalid,
    "none named flash-container"
)]
#[case::no_deadline(
    "pod.yaml",
    "activeDeadlineSeconds: {{ .Values.activeDeadlineSeconds | int64 }}",
    "",
    Reason::GuardRefused,
    "/spec/activeDeadlineSeconds: is missing"
)]
#[case::another_restart_policy(
    "pod.yaml",
    "restartPolicy: Never",
    "restartPolicy: OnFailure",
    Reason::GuardRefused,
    "/spec/restartPolicy"
)]
#[case::a_variable_less(
    "pod.yaml",
    "- name: APPLICATION_TYPE",
    "- name: APPLICATION",
    Reason::ChartInvalid,
    "the variable APPLICATION_TYPE is missing"
)]
#[case::an_empty_variable(
    "pod.yaml",
    "value: {{ .Values.externalIP | include \"flash-pod.verbatim\" }}",
    "value: \"\"",
    Reason::ChartInvalid,
    "the variable EXTERNAL_IP is empty"
)]
fn a_chart_that_the_operator_cannot_serve_is_refused(
    #[case] file: &str,
    #[case] that: &str,
    #[case] this: &str,
    #[case] reason: Reason,
    #[case] says: &str,
) {
    let refusal = served_with(file, that, this).unwrap_err();
    assert_eq!(refusal.reason, reason, "{}", refusal.message);
    assert!(refusal.message.contains(says), "{}", refusal.message);
}

#[rstest]
#[case::while_the_address_is_unknown(None)]
#[case::when_it_is_known(Some("198.51.100.7"))]
fn a_chart_without_a_service_is_refused_before_anything_is_created(#[case] address: Option<&str>) {
    let flash_pod = flash_pod_with(None, |chart| {
        Arc::make_mut(&mut chart.templates).retain(|file| file.name != "templates/service.yaml");
    })
    .unwrap();
    let blueprint = blueprint_of(&flash_pod, &json!({}), None).unwrap();
    let (intent, values) = (&blueprint.intent, &blueprint.merged.overrides);
    let refusal = flash_pod
        .objects(intent, &blueprint.release, 1, values, address)
        .unwrap_err();
    assert_eq!(refusal.reason, Reason::ChartInvalid);
    let says = "the flash chart cannot be served: it renders no Service";
    assert!(refusal.message.starts_with(says), "{}", refusal.message);
}

#[test]
fn a_chart_that_takes_too_much_is_the_charts_fault() {
    let endless = "kind: Service {{ range 100000000 }}{{ end }}";
    let refusal = served_with("service.yaml", "kind: Service", endless).unwrap_err();
    assert_eq!(refusal.reason, Reason::ChartInvalid);
    for part in [
        "templates/service.yaml",
        "the templates take too many steps",
        "5000000 steps, 32 MiB and 10 s",
    ] {
        assert!(
            refusal.message.contains(part),
            "{part} is not in {}",
            refusal.message
        );
    }
}

#[test]
fn what_a_chart_says_of_itself_is_bounded() {
    let long = "kind: {{ fail (repeat 1000000 \"x\") }}";
    let refusal = served_with("service.yaml", "kind: Service", long).unwrap_err();
    assert_eq!(refusal.reason, Reason::RenderFailed);
    assert!(
        refusal.message.chars().count() <= 4_001,
        "{}",
        refusal.message.len()
    );
}

/// A chart whose Service has a rendering that grows with a value which jobs may set.
fn growing() -> FlashPod {
    flash_pod_with(None, |chart| {
        let templates = Arc::make_mut(&mut chart.templates);
        let service = templates
            .iter_mut()
            .find(|file| file.name == "templates/service.yaml")
            .unwrap();
        let more = b"{{ range int .Values.podLabels.n }}{{ end }}";
        service.data.splice(0..0, more.iter().copied());
    })
    .unwrap()
}

#[rstest]
#[case::small(json!({"podLabels": {"n": "5"}}), None)]
#[case::large(json!({"podLabels": {"n": "999999999"}}), Some("spec.values: without them the flash chart can be used, with them: "))]
fn what_only_a_jobs_values_make_too_much_is_the_jobs_fault(
    #[case] values: Value,
    #[case] says: Option<&str>,
) {
    let mut wanted = spec(1);
    wanted["values"] = values;
    let job = job_of(&wanted, None);
    let round = job.wanted_round(1).unwrap();
    let tried = try_one(&growing(), &job, &round, &uuid(0), &device());
    match says {
        None => assert_eq!(tried, Ok(None)),
        Some(says) => {
            let refusal = tried.unwrap_err();
            assert_eq!(refusal.reason, Reason::GuardRefused);
            assert!(refusal.message.starts_with(says), "{}", refusal.message);
        }
    }
}

/// A chart that runs the text of a value, and prints by the format of another one.
fn reads_texts(chart: &mut Chart) {
    chart.schema = None;
    let text = "kind: ConfigMap\na: {{ tpl (.Values.podLabels.text | default \"\") . }}\n\
                b: {{ printf (.Values.podLabels.format | default \"%v\") .Values.podLabels | len }}\n";
    add_template(chart, "text.yaml", text);
}

/// Values of the administrator with a format that only helm has.
const OF_HELM: &str = "podLabels: {format: '%p'}";

#[test]
fn a_chart_that_only_helm_renders_with_the_administrators_values_is_left_to_helm_when_it_is_loaded()
{
    let flash_pod = flash_pod_allowing(&[Feature::Tpl], Some(OF_HELM), reads_texts).unwrap();
    assert!(!flash_pod.native());
    let words = flash_pod.unsupported.unwrap();
    for part in [
        "values: /podLabels/format: %p is not supported",
        "not a mistake in the chart",
    ] {
        assert!(words.contains(part), "{words}");
    }
    assert!(flash_pod_with(None, reads_texts).unwrap().native());
}

#[test]
fn helm_is_not_given_text_to_run_that_nobody_checked_unless_that_is_allowed() {
    let refusal = flash_pod_with(Some(OF_HELM), reads_texts).unwrap_err();
    assert_eq!(refusal.reason, Reason::ChartInvalid);
    for part in [
        "templates/text.yaml:2: function \"tpl\"",
        "--chart-allow=tpl",
    ] {
        assert!(refusal.message.contains(part), "{}", refusal.message);
    }
}

#[test]
fn a_job_whose_value_calls_a_function_of_helm_is_refused_by_name_when_it_is_tried() {
    let flash_pod = flash_pod_with(None, reads_texts).unwrap();
    let values = json!({"podLabels": {"text": "{{ toToml .Values }}"}});
    let blueprint = blueprint_of(&flash_pod, &values, None).unwrap();
    let refusal = complete(&flash_pod, &blueprint).unwrap_err();
    assert_eq!(refusal.reason, Reason::RenderFailed);
    for part in [
        "templates/text.yaml:2",
        "function \"toToml\" is not supported",
        "not a mistake in the chart",
    ] {
        assert!(refusal.message.contains(part), "{}", refusal.message);
    }
}

/// A class that sets one value and knows an image.
fn frozen_class() -> crate::flashclass::Frozen {
    let class = json!({
        "metadata": {"name": "esp32", "uid": "c", "generation": 1, "resourceVersion": "1"},
        "spec": {"defaults": {"values": {"podLabels": {"team": "lamps"}}}},
    });
    let guard: crate::api::Guarded<crate::api::FlashClass> = serde_json::from_value(class).unwrap();
    crate::flashclass::freeze(&crate::flashclass::Class::parse(&guard).unwrap(), 3).unwrap()
}

#[test]
fn a_recorded_value_has_the_layer_that_set_it_when_the_attempt_was_made() {
    let class = Arc::new(frozen_class());
    let flash_pod = FlashPod {
        class: Some(Arc::clone(&class)),
        ..flash_pod_with(Some("nodeSelector: {site: '{{ device.type }}'}"), |_| {}).unwrap()
    };
    let values = json!({"resources": {"limits": {"memory": "64Mi"}}});
    let image = "registry/flash:2";
    let blueprint = blueprint_of(&flash_pod, &values, Some(image)).unwrap();
    let record = record_of(&flash_pod, &blueprint);
    let between = Between {
        job: Some(&values),
        class: Some(&class),
        flash_image: Some(image),
        class_is_unknown: false,
    };
    let told = recorded(&record, between);
    let layers: std::collections::BTreeMap<_, _> = told
        .into_iter()
        .map(|value| (value.place, value.layer.unwrap()))
        .collect();
    assert_eq!(layers, blueprint.merged.origin);
    let all: std::collections::BTreeSet<_> = layers.values().copied().collect();
    assert_eq!(all.len(), 6, "every layer set something: {all:?}");
}

#[test]
fn what_a_class_that_cannot_be_read_or_a_changed_job_may_have_set_is_nobody_s_for_certain() {
    let flash_pod =
        flash_pod_with(Some("nodeSelector: {site: '{{ device.type }}'}"), |_| {}).unwrap();
    let set = json!({"resources": {"limits": {"memory": "64Mi"}}});
    let record = record_of(&flash_pod, &blueprint_of(&flash_pod, &set, None).unwrap());
    let changed = json!({"resources": {"limits": {"memory": "32Mi"}}});
    let between = Between {
        job: Some(&changed),
        class_is_unknown: true,
        ..Between::default()
    };
    let told = recorded(&record, between);
    let layer = |place: &str| {
        let place: Pointer = place.parse().unwrap();
        let found = told.iter().find(|value| value.place == place);
        found
            .unwrap_or_else(|| panic!("{place} is not there"))
            .layer
    };
    assert_eq!(layer("/nodeSelector/site"), None);
    assert_eq!(layer("/resources/limits/memory"), None);
    assert_eq!(
        layer("/activeDeadlineSeconds"),
        Some(crate::flash_pod::layers::Layer::Attempt)
    );
}
