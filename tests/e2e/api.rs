//! What a real API server makes of the FlashJob kind. Each test installs the definition under a group of its own, so that
//! one that changes it disturbs no other.

use flashjob_operator::api::{crd, rule};
use serde_json::{Value, json};

use testbed::{ControlPlane, Space, seconds};

const ORIGINAL_GROUP: &str = "application.flashjob.nbfc.io";
const FINALIZER: &str = "application.flashjob.nbfc.io/flashjob-finalizer";

/// The FlashJob kind under a group of its own, and a namespace.
struct Kind {
    space: Space,
    group: String,
}

impl Kind {
    async fn new(name: &str) -> Self {
        let space = Space::on(ControlPlane::with_namesakes(), name).await;
        let group = format!("{}.flashjob.test", space.name);
        let kind = Self { space, group };
        kind.install(&kind.definition()).await;
        kind
    }

    /// Name of the resource, as kubectl takes it.
    fn resource(&self) -> String {
        format!("flashjobs.{}", self.group)
    }

    fn definition(&self) -> Value {
        let mut definition = serde_json::to_value(crd::flashjob()).unwrap();
        definition["metadata"]["name"] = json!(self.resource());
        definition["spec"]["group"] = json!(self.group);
        definition
    }

    /// The definition as it would be if it knew no rules.
    fn loose_definition(&self) -> Value {
        let mut definition = self.definition();
        let version = &mut definition["spec"]["versions"][0];
        version["schema"] = json!({"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}});
        version.as_object_mut().unwrap().remove("selectableFields");
        definition
    }

    async fn install(&self, definition: &Value) {
        let control_plane = self.space.control_plane;
        control_plane
            .feed(
                &["apply", "--server-side", "--force-conflicts"],
                &definition.to_string(),
            )
            .unwrap();
        // The server serves the kind, and swaps its schema, a moment after the object has changed.
        let loose = definition["spec"]["versions"][0]["selectableFields"].is_null();
        self.space
            .eventually("the definition to be served", seconds(30), async || {
                let probe = self.job("probe", json!({"firmware": "", "version": ""}));
                match self.feed(&["create", "--dry-run=server"], &probe) {
                    Ok(_) => loose.then_some(()),
                    Err(complaint) => (!loose && complaint.contains("spec.firmware")).then_some(()),
                }
            })
            .await;
    }

    fn job(&self, name: &str, spec: Value) -> Value {
        let mut job = json!({
            "apiVersion": format!("{}/v1alpha1", self.group), "kind": "FlashJob", "metadata": {"name": name},
        });
        if !spec.is_null() {
            job["spec"] = spec;
        }
        job
    }

    fn feed(&self, arguments: &[&str], object: &Value) -> Result<String, String> {
        let arguments = [&["-n", &self.space.name], arguments].concat();
        self.space
            .control_plane
            .feed(&arguments, &object.to_string())
    }

    fn get(&self, name: &str) -> Value {
        let json = self
            .space
            .kubectl(&["get", &self.resource(), name, "-o", "json"]);
        serde_json::from_str(&json).unwrap()
    }

    fn gone(&self, name: &str) -> bool {
        let found = self.space.kubectl(&[
            "get",
            &self.resource(),
            name,
            "--ignore-not-found",
            "-o",
            "name",
        ]);
        found.is_empty()
    }
}

/// The sample in the original's form.
fn original_sample() -> String {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/deploy/samples/flashjob-original.yaml"
    );
    std::fs::read_to_string(path).unwrap()
}

/// Fields of a spec that are there and not null.
fn set_fields(spec: &Value) -> Vec<&str> {
    spec.as_object()
        .unwrap()
        .iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(name, _)| name.as_str())
        .collect()
}

#[tokio::test]
async fn a_file_of_the_original_operator_is_accepted_unchanged_however_it_is_applied() {
    let kind = Kind::new("api-original").await;
    let file = original_sample().replace(ORIGINAL_GROUP, &kind.group);
    let apply = |verb: &[&str]| {
        let arguments = [&["-n", &kind.space.name], verb].concat();
        kind.space.control_plane.feed(&arguments, &file).unwrap();
        kind.get("flashjob-original")
    };

    // Client-side: the nulls vanish, and applying again changes nothing.
    let created = apply(&["apply"]);
    let fields = created["spec"]
        .as_object()
        .unwrap()
        .keys()
        .collect::<Vec<_>>();
    assert_eq!(fields, ["firmware", "uuid", "version"]);
    assert_eq!(apply(&["apply"])["metadata"]["generation"], 1);
    kind.space
        .kubectl(&["delete", &kind.resource(), "flashjob-original"]);

    // Server-side: the API server keeps them, and they mean the same.
    let created = apply(&["apply", "--server-side"]);
    assert_eq!(
        set_fields(&created["spec"]),
        ["firmware", "uuid", "version"]
    );
    assert_eq!(
        apply(&["apply", "--server-side"])["metadata"]["generation"],
        1
    );
}

#[tokio::test]
async fn a_null_stays_as_it_was_written_and_means_something_only_in_values() {
    let kind = Kind::new("api-nulls").await;
    let spec = json!({
        "firmware": "f", "version": "1", "uuid": null, "parallelism": null, "mismatchPolicy": null,
        "activeDeadlineSecondsPerDevice": null, "deviceDiscoveryTimeoutSeconds": null,
        "ttlSecondsAfterFinished": null, "values": {"resources": null, "image": {"tag": null}},
    });
    let job = kind.job("nulls", spec);
    // A plain POST, because kubectl removes nulls itself.
    let path = format!(
        "/apis/{}/v1alpha1/namespaces/{}/flashjobs",
        kind.group, kind.space.name
    );
    let control_plane = kind.space.control_plane;
    control_plane
        .feed(&["create", "--raw", &path], &job.to_string())
        .unwrap();
    let stored = kind.get("nulls")["spec"].clone();
    assert_eq!(set_fields(&stored), ["firmware", "values", "version"]);
    // A null in values removes the chart's value, as in Helm.
    assert_eq!(
        stored["values"],
        json!({"resources": null, "image": {"tag": null}})
    );
}

#[tokio::test]
async fn a_bad_spec_is_refused_in_words_that_help() {
    let kind = Kind::new("api-refused").await;
    let refused = |spec: Value, words: &[&str]| {
        let complaint = kind.feed(&["create"], &kind.job("bad", spec)).unwrap_err();
        for word in words {
            assert!(complaint.contains(word), "no `{word}` in: {complaint}");
        }
    };
    let no_breaks = "must be an OCI reference such as registry.example.com/esp32:1.2.0";
    refused(
        json!({"firmware": "x\n  hostNetwork: true", "version": "1"}),
        &["spec.firmware", no_breaks, "no spaces or line breaks"],
    );
    for reference in ["oci://r.io/x:1", "r.io/ESP32:1", "x@sha256:abc"] {
        refused(
            json!({"firmware": reference, "version": "1"}),
            &[
                "spec.firmware",
                no_breaks,
                "no oci:// or https:// before it",
            ],
        );
        refused(
            json!({"firmware": "f", "version": "1", "flashjobPodImage": reference}),
            &["spec.flashjobPodImage", "must be a container image"],
        );
    }
    let time = "before the year 9999; leave the field out where there is no limit";
    for field in ["notBefore", "notAfter"] {
        for text in [
            "9999-12-31T23:59:59Z",
            "9999-01-01T00:00:00Z",
            "0000-12-31T23:59:59Z",
            "2026-01-01T00:00:00+99:99",
            "2026-01-01t00:00:00z",
        ] {
            refused(
                json!({"firmware": "f", "version": "1", field: text}),
                &[field, time],
            );
        }
        let of_type = "must be of type date-time";
        for text in [
            "2026-02-30T00:00:00Z",
            "2026-06-30T23:59:60Z",
            "2026-01-01T00:00:00",
            "",
        ] {
            refused(
                json!({"firmware": "f", "version": "1", field: text}),
                &[field, of_type],
            );
        }
    }
    refused(
        json!({"firmware": "", "version": "1"}),
        &["spec.firmware", no_breaks],
    );
    refused(
        json!({"firmware": "f".repeat(513), "version": "1"}),
        &["spec.firmware: Too long", "512"],
    );
    refused(
        json!({"firmware": "f", "version": "1 2"}),
        &["spec.version", "must be a version such as 1.2.0"],
    );
    refused(
        json!({}),
        &["spec.firmware: Required", "spec.version: Required"],
    );
    refused(Value::Null, &["spec is required"]);
    refused(
        json!({"firmware": "f", "version": "1", "uuid": ["a", "NOT-A-UID"]}),
        &[
            "spec.uuid[1]",
            "must be the metadata.uid of an Akri Instance",
            "kubectl get instances",
        ],
    );
    refused(
        json!({"firmware": "f", "version": "1", "parallelism": 0}),
        &["spec.parallelism", "greater than or equal to 1"],
    );
    refused(
        json!({"firmware": "f", "version": "1", "mismatchPolicy": "Maybe"}),
        &["spec.mismatchPolicy", "\"Ignore\", \"Warn\", \"Fail\""],
    );
    refused(
        json!({"firmware": "f", "version": "1", "flashjobPodImage": "i\nx: y"}),
        &["spec.flashjobPodImage", "must be a container image"],
    );
}

/// A requirement on the property VERSION, in a selector.
fn requirement(rest: &Value) -> Value {
    let mut one = json!({"property": "VERSION"});
    for (field, value) in rest.as_object().unwrap() {
        one[field] = value.clone();
    }
    json!({"deviceSelector": {"matchExpressions": [one]}})
}

fn ranges(range: &str) -> Value {
    requirement(&json!({"operator": "VersionIn", "values": [range]}))
}

impl Kind {
    /// What the API server says of a job with this in its spec.
    fn try_with(&self, more: &Value) -> Result<String, String> {
        let mut spec = json!({"firmware": "f", "version": "1"});
        for (field, value) in more.as_object().unwrap() {
            spec[field] = value.clone();
        }
        self.feed(&["create", "--dry-run=server"], &self.job("tried", spec))
    }

    fn refuses(&self, more: &Value, field: &str, words: &str) {
        let complaint = self.try_with(more).expect_err(&more.to_string());
        let said = complaint.contains(field) && complaint.contains(words);
        assert!(said, "{more}: {complaint}");
    }
}

#[tokio::test]
async fn what_can_never_run_is_refused_at_once_in_the_words_of_the_operator() {
    let kind = Kind::new("api-never").await;
    for until in ["2026-12-01T00:00:00Z", "2026-12-02T01:00:00+01:00"] {
        let times = json!({"notBefore": "2026-12-02T00:00:00Z", "notAfter": until});
        kind.refuses(&times, "spec.notAfter", rule::TIMES_ORDER);
    }
    let of_steps = |sizes: Value| {
        let steps = sizes.as_array().unwrap().iter();
        let steps: Vec<Value> = steps.map(|size| json!({"devices": size})).collect();
        kind.refuses(&json!({"steps": steps}), "spec.steps", rule::STEPS_GROW);
    };
    of_steps(json!([5, 5]));
    of_steps(json!([9, "50%", 10, "9%"]));
    for repeats in [
        json!([{"devices": 5, "repeat": true}, {"devices": 9}]),
        json!([{"devices": 5, "repeat": true}, {"devices": 9, "repeat": true}]),
    ] {
        kind.refuses(&json!({"steps": repeats}), "spec.steps", rule::REPEAT_LAST);
    }
    for (more, field) in [
        (
            json!({"windows": [{"start": "22:00"}]}),
            "spec.windows[0].durationSeconds",
        ),
        (
            json!({"windows": [{"durationSeconds": 3600}]}),
            "spec.windows[0].start",
        ),
        (json!({"rerun": {}}), "spec.rerun.id"),
        (json!({"rerun": {"devices": "All"}}), "spec.rerun.id"),
        (
            requirement(&json!({"values": ["1"]})),
            "matchExpressions[0].operator",
        ),
    ] {
        kind.refuses(&more, field, "Required value");
    }
    for (requires, words) in [
        (json!({"operator": "In"}), rule::NO_VALUES),
        (json!({"operator": "NotIn", "values": []}), rule::NO_VALUES),
        (
            json!({"operator": "Exists", "values": ["1"]}),
            rule::NEEDLESS_VALUES,
        ),
        (
            json!({"operator": "In", "values": ["1", " "]}),
            rule::EMPTY_VALUE,
        ),
        (
            json!({"operator": "VersionIn", "values": ["1.2.0"]}),
            rule::BARE_VERSION,
        ),
        (
            json!({"operator": "VersionIn", "values": [">=1.0.0, 2"]}),
            rule::BARE_VERSION,
        ),
        (
            json!({"operator": "VersionIn", "values": ["newest"]}),
            rule::NOT_A_RANGE,
        ),
        (
            json!({"operator": "VersionIn", "values": [">1 <2"]}),
            rule::NOT_A_RANGE,
        ),
    ] {
        kind.refuses(
            &requirement(&requires),
            "spec.deviceSelector.matchExpressions[0]",
            words,
        );
    }
    let properties = json!({"deviceSelector": {"matchProperties": {"DEVICE": ""}}});
    kind.refuses(
        &properties,
        "spec.deviceSelector.matchProperties",
        "must not be empty",
    );
    for deadline in [1, 19] {
        let deadline = json!({"activeDeadlineSecondsPerDevice": deadline});
        let field = "spec.activeDeadlineSecondsPerDevice";
        kind.refuses(&deadline, field, rule::DEADLINE_TOO_SHORT);
    }
    let of_akri = "must be the metadata.uid of an Akri Instance";
    kind.refuses(&json!({"uuid": ["lamp-1"]}), "spec.uuid[0]", of_akri);
    kind.refuses(
        &json!({"firmware": "http://x/y"}),
        "spec.firmware",
        "must be an OCI reference",
    );
}

#[tokio::test]
async fn what_can_run_is_accepted_however_odd_it_looks() {
    let kind = Kind::new("api-odd").await;
    for more in [
        json!({"notBefore": "2026-12-01T00:00:00Z", "notAfter": "2026-12-02T00:00:00Z"}),
        json!({"notBefore": "2026-12-01T00:00:00Z"}),
        json!({"steps": [{"devices": 1}, {"devices": "10%"}, {"devices": 60}, {"devices": "80%"}]}),
        json!({"steps": [{"devices": 9}, {"devices": 5, "repeat": true}]}),
        json!({"steps": [{"devices": 5, "repeat": null}, {"devices": 9, "repeat": false}, {"devices": 5, "repeat": true}]}),
        json!({"windows": [{"start": "22:00", "durationSeconds": 3600}]}),
        json!({"rerun": {"id": "again"}}),
        json!({"activeDeadlineSecondsPerDevice": 20}),
        ranges(">=1.0.0, <1.4.0"),
        ranges("~0.9"),
        ranges("^ 1.2"),
        ranges("1.*"),
        ranges("*"),
        ranges("=1.2.0-rc.1"),
        requirement(&json!({"operator": "Exists", "values": []})),
    ] {
        let answer = kind.try_with(&more);
        answer.unwrap_or_else(|complaint| panic!("{more}: {complaint}"));
    }
}

#[tokio::test]
async fn a_stored_job_that_can_never_run_may_still_be_changed_elsewhere() {
    let kind = Kind::new("api-never-kept").await;
    kind.install(&kind.loose_definition()).await;
    let never = json!({
        "firmware": "f", "version": "1", "uuid": ["lamp-1"],
        "notBefore": "2026-12-02T00:00:00Z", "notAfter": "2026-12-01T00:00:00Z",
        "steps": [{"devices": 5}, {"devices": 5}], "windows": [{"start": "22:00"}], "rerun": {},
        "activeDeadlineSecondsPerDevice": 5,
        "deviceSelector": {"matchExpressions": [{"property": "A", "operator": "In"}]},
    });
    kind.feed(&["create"], &kind.job("never", never)).unwrap();
    kind.install(&kind.definition()).await;
    let patch = |patch: &str| {
        let arguments = [
            "patch",
            &kind.resource(),
            "never",
            "--type=merge",
            "-p",
            patch,
        ];
        kind.space.try_kubectl(&arguments)
    };
    patch(r#"{"spec": {"suspend": true}}"#).unwrap();
    patch(r#"{"spec": {"parallelism": 3, "steps": [{"devices": 5}, {"devices": 6}]}}"#).unwrap();
    let complaint = patch(r#"{"spec": {"notAfter": "2026-11-01T00:00:00Z"}}"#).unwrap_err();
    assert!(complaint.contains(rule::TIMES_ORDER), "{complaint}");
    patch(r#"{"spec": {"notAfter": null}}"#).unwrap();
    let deadline = r#"{"spec": {"activeDeadlineSecondsPerDevice": 6}}"#;
    let complaint = patch(deadline).unwrap_err();
    assert!(complaint.contains(rule::DEADLINE_TOO_SHORT), "{complaint}");
    patch(&deadline.replace('6', "60")).unwrap();
}

#[tokio::test]
async fn large_jobs_and_odd_names_are_accepted() {
    let kind = Kind::new("api-large").await;
    let spec = |uuids: usize| {
        let uuids: Vec<_> = (0..uuids)
            .map(|i| format!("7e4a6e7b-bee6-4fac-bdea-{i:012}"))
            .collect();
        json!({"firmware": "f", "version": "1", "uuid": uuids})
    };
    kind.feed(&["apply"], &kind.job("large", spec(5_000)))
        .unwrap();
    let complaint = kind
        .feed(&["create"], &kind.job("larger", spec(5_001)))
        .unwrap_err();
    assert!(
        complaint.contains("must have at most 5000 items"),
        "{complaint}"
    );
    for name in ["9-lives", &format!("1{}", "a".repeat(252))] {
        kind.feed(&["create"], &kind.job(name, spec(1))).unwrap();
        assert_eq!(kind.get(name)["metadata"]["name"], *name);
    }
}

#[tokio::test]
async fn an_object_older_than_the_rules_gets_its_status_and_loses_its_finalizer() {
    let kind = Kind::new("api-ratchet").await;
    kind.install(&kind.loose_definition()).await;
    let stored = [
        (
            "texts",
            json!({"firmware": "x\n  hostNetwork: true", "version": "a b", "uuid": ["NO"]}),
        ),
        (
            "references",
            json!({"firmware": "oci://r.io/x:1", "version": "1", "flashjobPodImage": "r.io/ESP32:1"}),
        ),
        (
            "times",
            json!({"firmware": "f", "version": "1", "notBefore": "9999-12-31T23:59:59Z"}),
        ),
        (
            "bounds",
            json!({"firmware": "f", "version": "1", "parallelism": 0, "mismatchPolicy": "Maybe"}),
        ),
        ("no-firmware", json!({"uuid": ["a"]})),
        ("no-spec", Value::Null),
        (
            "too-many",
            json!({
                "firmware": "f", "version": "1", "uuid": (0..6_000).map(|i| format!("u{i}")).collect::<Vec<_>>(),
            }),
        ),
    ];
    for (name, spec) in stored.clone() {
        let mut job = kind.job(name, spec);
        job["metadata"]["finalizers"] = json!([FINALIZER]);
        kind.feed(&["create"], &job).unwrap();
    }
    kind.install(&kind.definition()).await;

    for (name, _) in stored {
        let mut job = kind.get(name);
        job["status"] = json!({"phase": "Failed", "reason": "InvalidSpec", "conditions": [{
            "type": "Accepted", "status": "False", "reason": "InvalidSpec", "message": "m",
            "lastTransitionTime": "2026-01-02T03:04:05Z",
        }]});
        kind.feed(&["replace", "--subresource=status"], &job)
            .unwrap();
        assert_eq!(kind.get(name)["status"]["reason"], "InvalidSpec", "{name}");

        let resource = kind.resource();
        kind.space
            .kubectl(&["delete", &resource, name, "--wait=false"]);
        let none = r#"{"metadata":{"finalizers":[]}}"#;
        kind.space
            .kubectl(&["patch", &resource, name, "--type=merge", "-p", none]);
        assert!(kind.gone(name), "{name}");
    }
}

#[tokio::test]
async fn kubectl_shows_a_job_in_one_line_and_explains_its_fields() {
    let kind = Kind::new("api-columns").await;
    let spec = json!({"firmware": "registry.example.com/f:1", "version": "1.2.0"});
    kind.feed(&["create"], &kind.job("shown", spec)).unwrap();
    let mut job = kind.get("shown");
    job["status"] = json!({
        "phase": "Running", "reason": "InProgress", "progress": "37/500", "counts": {"failed": 3},
        "round": {"number": 2}, "flashClass": {"name": "esp32"}, "provenance": {"shortDigest": "0e4f1ba5bb4d"}, "nextTime": "2099-01-02T03:04:05Z",
    });
    kind.feed(&["replace", "--subresource=status"], &job)
        .unwrap();

    let rows = |arguments: &[&str]| {
        let table = kind
            .space
            .kubectl(&[&["get", &kind.resource()], arguments].concat());
        let words = |line: &str| {
            line.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        table.lines().map(words).collect::<Vec<_>>()
    };
    let table = rows(&[]);
    assert_eq!(
        table[0],
        [
            "NAME", "PHASE", "PROGRESS", "FAILED", "REASON", "VERSION", "AGE"
        ]
    );
    assert_eq!(
        table[1][..6],
        ["shown", "Running", "37/500", "3", "InProgress", "1.2.0"]
    );
    let wide = rows(&["-o", "wide"]);
    assert_eq!(
        wide[0][7..],
        ["FIRMWARE", "DIGEST", "CLASS", "ROUND", "NEXT"]
    );
    assert_eq!(
        wide[1][7..],
        [
            "registry.example.com/f:1",
            "0e4f1ba5bb4d",
            "esp32",
            "2",
            "2099-01-02T03:04:05Z"
        ]
    );
    assert_eq!(rows(&["--field-selector", "status.phase=Running"]).len(), 2);
    assert_eq!(rows(&["--field-selector", "spec.version=1.2.1"]).len(), 0);

    let explained = kind
        .space
        .kubectl(&["explain", &format!("{}.spec", kind.resource())]);
    assert!(
        explained.contains("firmware\t<string> -required-"),
        "{explained}"
    );
    assert!(explained.contains("Unset: 600."), "{explained}");
}
