use serde_json::json;

use super::*;
use crate::{
    flash_pod::guard::Policy,
    flashjob::{
        blueprint::Settings,
        fixtures::{Scene, at, instance_with, spec, uuid},
    },
    identifiers::Uuid,
    operator::flash_chart,
};

fn flash_pod() -> FlashPod {
    flash_pod_with(None)
}

/// The chart with values of the administrator.
fn flash_pod_with(values: Option<&str>) -> FlashPod {
    let chart = flash_chart(None).unwrap();
    let images = vec!["*".parse().unwrap()];
    let settings = Settings {
        operator_values: values.map(|values| (values.to_owned(), "values.yaml".to_owned())),
        policy: Policy {
            images,
            service_accounts: vec!["default".into()],
            ..Policy::default()
        },
        ..Settings::default()
    };
    FlashPod::load(chart, &settings, 0).unwrap()
}

fn rung(name: &str, end: usize, limit: Option<usize>) -> Rung {
    Rung {
        name: (!name.is_empty()).then(|| name.to_owned()),
        end,
        limit,
        ..Rung::default()
    }
}

fn asking(scene: &Scene, rungs: &[Rung], limit: Option<usize>) -> Forecast {
    asking_with(&flash_pod(), scene, rungs, limit)
}

fn asking_with(
    flash_pod: &FlashPod,
    scene: &Scene,
    rungs: &[Rung],
    limit: Option<usize>,
) -> Forecast {
    let effective = scene.observed().effective().clone();
    forecast(&Asked {
        not_seen: &[],
        observed: &scene.observed(),
        flash_pod,
        classes: &["esp32".into()],
        refusal: None,
        waits: None,
        not_selectable: None,
        rungs,
        limit,
        effective: &effective,
        now: at(1000),
    })
}

/// Six devices in three steps: one is broken, one unknown, and two Instances stand for one device.
fn mixed() -> Scene {
    let mut spec = spec(6);
    spec["parallelism"] = json!(2);
    spec["verification"] = json!({"mode": "None"});
    let mut scene = Scene::of(&spec);
    scene.inventory.apply(&instance_with(
        uuid(2).as_str(),
        &json!({"HOST_ENDPOINT": "lamp.example", "DEVICE": "esp32s3"}),
    ));
    scene.inventory.delete(&uuid(4));
    scene.inventory.apply(&instance_with(
        uuid(5).as_str(),
        &json!({"HOST_ENDPOINT": "192.0.2.1", "DEVICE": "esp32s3", "VERSION": "0.1.0"}),
    ));
    let uuids: Vec<Uuid> = (0..6).map(uuid).collect();
    let devices = crate::device::select(&uuids, &scene.inventory);
    scene.roster = Some(crate::flashjob::observe::selection::Selection::new(
        1, devices,
    ));
    scene
}

fn three_steps() -> [Rung; 3] {
    [
        Rung {
            soak_seconds: 600,
            approval: true,
            ..rung("canary", 1, Some(0))
        },
        rung("half", 3, Some(1)),
        rung("", 6, None),
    ]
}

#[test]
fn a_forecast_says_the_order_the_steps_what_is_refused_and_the_bounds() {
    let forecast = asking(&mixed(), &three_steps(), Some(2));
    insta::assert_snapshot!(text(&forecast));
    insta::assert_json_snapshot!(forecast);
}

#[test]
fn what_is_refused_may_stop_the_job_by_itself() {
    let mut rungs = three_steps();
    rungs[1].limit = Some(0);
    let failures = asking(&mixed(), &rungs, None).failures;
    assert_eq!(failures.foreseen, 1);
    assert_eq!(failures.stops_at.as_deref(), Some("step 2 (half)"));
    let whole = [rung("", 6, None)];
    let failures = asking(&mixed(), &whole, Some(0)).failures;
    assert_eq!(failures.stops_at.as_deref(), Some("spec.maxFailedDevices"));
    assert_eq!(asking(&mixed(), &whole, Some(1)).failures.stops_at, None);
}

#[test]
fn values_that_the_job_may_not_set_are_refused_with_path_and_owner() {
    let mut spec = spec(1);
    spec["values"] = json!({"resources": {"limits": {"memory": "1Gi"}}});
    let forecast = asking(&Scene::of(&spec), &[rung("", 1, None)], None);
    let device = &forecast.devices[0];
    assert_eq!(
        (device.fate, device.reason.as_deref()),
        (Fate::Refused, Some("ValueNotAllowed"))
    );
    assert!(
        device.message.as_ref().unwrap().contains("/resources"),
        "{device:?}"
    );
}

#[test]
fn a_mismatch_is_refused_only_where_the_job_asks_for_that() {
    let mut strict = spec(1);
    strict["device"] = json!("esp32");
    let fate = |spec: &serde_json::Value| {
        asking(&Scene::of(spec), &[rung("", 1, None)], None).devices[0].fate
    };
    assert_eq!(fate(&strict), Fate::Flashed);
    strict["mismatchPolicy"] = json!("Fail");
    assert_eq!(fate(&strict), Fate::Refused);
}

#[test]
fn without_steps_and_limits_nothing_stops_the_job_and_that_is_said() {
    let forecast = asking(&Scene::new(3), &[rung("", 3, None)], None);
    assert_eq!(forecast.failures.at_most, 3);
    assert!(text(&forecast).contains("Nothing stops the job"));
}

#[test]
fn retries_read_back_and_cool_downs_lengthen_the_bound() {
    let seconds = |more: serde_json::Value| {
        let mut spec = spec(4);
        spec["parallelism"] = json!(2);
        for (field, value) in more.as_object().unwrap() {
            spec[field] = value.clone();
        }
        let duration = asking(&Scene::of(&spec), &[rung("", 4, None)], None).duration;
        duration.seconds_at_most
    };
    let none = json!({"verification": {"mode": "None"}});
    assert_eq!(seconds(none), 2 * (600 + 90));
    let read_back = json!({"verification": {"timeoutSeconds": 60}});
    assert_eq!(seconds(read_back), 2 * (660 + 90));
    let retried = json!({"verification": {"mode": "None"}, "backoffLimitPerDevice": 1});
    assert_eq!(seconds(retried), 2 * (600 + 90 + 600 + 90));
}

#[test]
fn the_bound_says_what_it_counts() {
    let mut spec = spec(1);
    spec["backoffLimitPerDevice"] = json!(2);
    spec["verification"] = json!({"timeoutSeconds": 60});
    let rungs = [Rung {
        soak_seconds: 5,
        ..rung("", 1, None)
    }];
    let counted = asking(&Scene::of(&spec), &rungs, None).duration.counted;
    assert_eq!(
        counted,
        [
            "flashes of 10 min each",
            "3 tries of every device, with the waits between them",
            "1 min of reading back the version after each try",
            "1 min 30 s of cool-down after each try, as if each were cut off",
            "the watching of steps",
        ]
    );
}

#[test]
fn devices_that_share_what_a_class_limits_take_turns() {
    let mut spec = spec(6);
    spec["parallelism"] = json!(4);
    spec["verification"] = json!({"mode": "None"});
    let mut scene = Scene::of(&spec);
    let deadline = scene
        .observed()
        .effective()
        .active_deadline_seconds_per_device;
    let limits = json!([{"by": "Configuration", "max": 2}, {"by": "Node", "max": 9}]);
    let object = json!({"metadata": {"name": "esp32"}, "spec": {"inFlightLimits": limits}});
    let class = crate::flashjob::fixtures::classes(&[object]);
    scene.terms.classes = vec![std::sync::Arc::clone(class.get("esp32").unwrap())];
    let foretold = asking(&scene, &[rung("", 6, None)], None);
    assert_eq!(foretold.duration.seconds_at_most, 3 * (deadline + 90));
    let text = text(&foretold);
    assert!(
        text.contains(
            "Devices that take turns, for what they share is limited\n  6 devices of Configuration lamps: at most 2 in flight, over all \
             FlashJobs (FlashClass esp32)\n"
        ),
        "{text}"
    );
}

#[test]
fn what_a_device_says_is_one_line_of_the_forecast_and_what_is_not_selected_is_told() {
    let hostile = "0.1\u{1b}[2J\u{202e}\nFORGED: line";
    let mut scene = Scene::of(&spec(2));
    scene.inventory.apply(&instance_with(
        uuid(1).as_str(),
        &json!({"HOST_ENDPOINT": "192.0.2.2", "DEVICE": hostile, "VERSION": hostile}),
    ));
    let uuids: Vec<Uuid> = (0..2).map(uuid).collect();
    let devices = crate::device::select(&uuids, &scene.inventory);
    scene.roster = Some(crate::flashjob::observe::selection::Selection::new(
        1, devices,
    ));
    let mut forecast = asking(&scene, &[rung("", 2, None)], None);
    forecast.not_selectable = Some(crate::api::NotSelectable {
        count: 23,
        examples: vec![
            format!("Instance lab/a: {hostile}"),
            "Instance lab/b: odd".into(),
        ],
    });
    let text = text(&forecast);
    let hidden = |letter: char| letter != '\n' && crate::display::is_hidden(letter);
    assert!(!text.chars().any(hidden), "{text}");
    assert!(
        !text.lines().any(|line| line.starts_with("FORGED")),
        "{text}"
    );
    let told = "Meant by spec.deviceSelector, but not selected: they cannot be flashed\n  Instance lab/a: \
                0.1\\u{1b}[2J\\u{202e}\\nFORGED: line\n  Instance lab/b: odd\n  and 21 more\n";
    assert!(text.contains(told), "{text}");
}

#[test]
fn no_more_devices_are_in_flight_than_the_pool_has_services() {
    let mut spec = spec(6);
    spec["parallelism"] = json!(3);
    let rungs = [rung("", 6, None)];
    let seconds = |values| {
        let flash_pod = flash_pod_with(values);
        let forecast = asking_with(&flash_pod, &Scene::of(&spec), &rungs, None);
        forecast.duration.seconds_at_most
    };
    let pool = "service: {mode: Pool, pool: {size: 1}}";
    assert_eq!(seconds(Some(pool)), 3 * seconds(None));
    let enough = "service: {mode: Pool, pool: {size: 8}}";
    assert_eq!(seconds(Some(enough)), seconds(None));
}
