//! Each rule on a log that was made up: kept, and broken.

mod hostile;

use jiff::{SignedDuration, Timestamp};
use rstest::rstest;
use serde_json::{Value, json};

use super::{History, Leftovers, Report, Rule, Terms, rule::judge};

const OPERATOR: &str = "system:serviceaccount:flashjob-system:flashjob-operator";
const CREDENTIAL: &str = "JTI=of-the-operator";
const JOB: &str = "11111111-0000-0000-0000-000000000000";

/// A log as the API server writes it; every write is a second after the one before.
#[derive(Clone)]
struct Story {
    lines: Vec<String>,
    version: u64,
    user: &'static str,
    /// As whom that user asks; empty: as itself.
    impersonates: &'static str,
    namespace: &'static str,
    code: i64,
    left: Leftovers,
    terms: Terms,
    status: Value,
    spec: Value,
}

impl Story {
    /// A job of devices 0 to 3, its round 1 open.
    fn new() -> Self {
        let mut story = Self {
            lines: Vec::new(),
            version: 100,
            user: OPERATOR,
            impersonates: "",
            namespace: "lab",
            code: 200,
            left: Leftovers::default(),
            terms: Terms::default(),
            status: json!({"round": {"number": 1, "firmware": "esp32:1", "version": "0.2.0"}, "effective": {"parallelism": 2}}),
            spec: json!({"parallelism": 2}),
        };
        let devices: Vec<_> = (0..4)
            .map(|index| json!({"uuid": uuid(index), "endpoint": endpoint(index)}))
            .collect();
        let slice = json!({
            "metadata": {"name": "job-r1-0", "uid": "slice", "labels": labels(0, 0)},
            "data": {"round": 1, "first": 0, "devices": devices},
        });
        story.write("create", "controllerrevisions", "job-r1-0", slice);
        story.store(&json!({}));
        story
    }

    fn write(&mut self, verb: &str, resource: &str, name: &str, mut object: Value) {
        self.version += 1;
        let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        let second = i64::try_from(self.version).unwrap();
        let received = Timestamp::from_second(1_000_000 + second).unwrap();
        let answered = received + SignedDuration::from_millis(10);
        let mut line = json!({
            "auditID": format!("id-{}", self.version), "stage": "ResponseComplete", "verb": verb,
            "requestURI": "/", "user": {"username": self.user}, "responseStatus": {"code": self.code},
            "objectRef": {"resource": resource, "subresource": subresource, "namespace": self.namespace, "name": name},
            "requestReceivedTimestamp": received, "stageTimestamp": answered,
        });
        if self.user == OPERATOR {
            line["user"]["extra"] =
                json!({"authentication.kubernetes.io/credential-id": [CREDENTIAL]});
        }
        if !self.impersonates.is_empty() {
            line["impersonatedUser"] = json!({"username": self.impersonates});
        }
        let body = if self.code < 300 {
            "responseObject"
        } else {
            "requestObject"
        };
        line[body] = object;
        self.lines.push(line.to_string());
    }

    /// A write to a Pod that leaves it so.
    fn pod(&mut self, verb: &str, resource: &str, (index, attempt): (usize, usize), more: &Value) {
        let mut object = pod(index, attempt);
        for part in ["metadata", "spec", "status"] {
            for (key, value) in more[part].as_object().into_iter().flatten() {
                object[part][key] = value.clone();
            }
        }
        self.write(verb, resource, &name(index, attempt), object);
    }

    fn create(&mut self, index: usize, attempt: usize) {
        self.code = 201;
        self.pod("create", "pods", (index, attempt), &json!({}));
        self.code = 200;
    }

    fn run(&mut self, index: usize, attempt: usize) {
        let running = json!({"spec": {"nodeName": "n"}, "status": {"phase": "Running", "containerStatuses": [{"state": {"running": {}}}]}});
        self.pod("patch", "pods/status", (index, attempt), &running);
    }

    fn end(&mut self, index: usize, attempt: usize) {
        let ended = json!({"spec": {"nodeName": "n"}, "status": {"phase": "Succeeded", "containerStatuses": [{"state": {"terminated": {"exitCode": 0}}}]}});
        self.pod("patch", "pods/status", (index, attempt), &ended);
    }

    fn service(&mut self, index: usize, attempt: usize) {
        self.code = 201;
        let object = json!({"metadata": {"uid": format!("service-{index}-{attempt}"), "labels": labels(index, attempt)}});
        self.write("patch", "services", &name(index, attempt), object);
        self.code = 200;
    }

    fn delete_service(&mut self, index: usize, attempt: usize) {
        self.write("delete", "services", &name(index, attempt), json!({}));
    }

    /// A status with these fields.
    fn store(&mut self, fields: &Value) {
        for (key, value) in fields.as_object().into_iter().flatten() {
            self.status[key] = value.clone();
        }
        let object = self.job();
        self.write("update", "flashjobs/status", "job", object);
    }

    fn job(&self) -> Value {
        json!({"kind": "FlashJob", "metadata": {"name": "job", "namespace": "lab", "uid": JOB}, "spec": self.spec, "status": self.status})
    }

    /// A whole flash of a device that succeeds.
    fn flash(&mut self, index: usize) {
        self.service(index, 1);
        self.create(index, 1);
        self.run(index, 1);
        self.end(index, 1);
        self.store(&json!({"completedIndexes": index.to_string(), "devices": [entry(index, 1, "Succeeded")]}));
        self.delete_service(index, 1);
    }

    fn judge(self, job_stays: bool) -> Report {
        self.judge_in(job_stays, &["lab"])
    }

    fn judge_in(mut self, job_stays: bool, namespaces: &[&str]) -> Report {
        if job_stays {
            let mut job = self.job();
            job["metadata"]["resourceVersion"] = json!((self.version + 1).to_string());
            self.left.jobs.push(job);
        }
        let mut history = History::of_lines(&self.lines, namespaces, &self.terms);
        history.see_last(&self.left);
        judge(&history, &self.left, &self.terms)
    }
}

fn uuid(index: usize) -> String {
    format!("00000000-0000-0000-0000-00000000000{index}")
}

fn endpoint(index: usize) -> String {
    format!("192.0.2.{index}")
}

fn attempt_id(index: usize, attempt: usize) -> String {
    format!("attempt{index}{attempt}")
}

fn name(index: usize, attempt: usize) -> String {
    format!("flash-{}-{}", uuid(index), attempt_id(index, attempt))
}

fn labels(index: usize, attempt: usize) -> Value {
    json!({"flashjob.nbfc.io/job-uid": JOB, "flashjob.nbfc.io/round": "1", "flashjob.nbfc.io/attempt": attempt_id(index, attempt)})
}

fn pod(index: usize, attempt: usize) -> Value {
    let env = [
        ("FIRMWARE", "esp32:1".to_owned()),
        ("VERSION", "0.2.0".into()),
        ("UUID", uuid(index)),
        ("HOST_ENDPOINT", endpoint(index)),
    ];
    let env: Vec<_> = env
        .iter()
        .map(|(name, value)| json!({"name": name, "value": value}))
        .collect();
    json!({
        "kind": "Pod",
        "metadata": {"name": name(index, attempt), "namespace": "lab", "uid": format!("pod-{index}-{attempt}"), "labels": labels(index, attempt)},
        "spec": {"containers": [{"name": "flash-container", "env": env}]}, "status": {"phase": "Pending"},
    })
}

fn entry(index: usize, attempt: usize, phase: &str) -> Value {
    json!({"index": index, "uuid": uuid(index), "pod": name(index, attempt), "phase": phase, "reason": "Because"})
}

fn record(index: usize, revision: u64, status: &str) -> Value {
    let mut labels = labels(index, 1);
    for (key, value) in [
        ("name", format!("flash-{}", uuid(index))),
        ("status", status.into()),
        ("version", revision.to_string()),
    ] {
        labels[key] = value.into();
    }
    json!({"kind": "Secret", "metadata": {"name": format!("sh.helm.release.v1.flash-{}.v{revision}", uuid(index)), "namespace": "lab", "labels": labels}})
}

/// The rules that were broken, without repetitions.
fn broken(report: &Report) -> Vec<Rule> {
    let mut rules: Vec<_> = report
        .violations
        .iter()
        .map(|violation| violation.rule)
        .collect();
    rules.sort();
    rules.dedup();
    rules
}

#[test]
fn a_run_that_keeps_the_rules_is_found_to_keep_them() {
    let mut story = Story::new();
    story.flash(0);
    // One that fails, is tried again, and is read back in between.
    story.service(1, 1);
    story.create(1, 1);
    story.run(1, 1);
    story.store(&json!({"devices": [entry(1, 1, "Flashing")]}));
    story.end(1, 1);
    story.store(&json!({"devices": [entry(1, 1, "Verifying")]}));
    story.delete_service(1, 1);
    story.store(&json!({"devices": [entry(1, 1, "Waiting")]}));
    story.service(1, 2);
    story.create(1, 2);
    story.run(1, 2);
    story.end(1, 2);
    story.store(&json!({"failedIndexes": "1", "devices": [entry(1, 2, "Failed")]}));
    story.delete_service(1, 2);
    story.left.records = vec![record(1, 1, "failed"), record(1, 2, "failed")];
    story.left.objects =
        vec![json!({"kind": "ControllerRevision", "metadata": {"labels": labels(0, 0)}})];
    let report = story.judge(true);
    assert_eq!(broken(&report), [], "{report}");
    assert_eq!(
        (
            report.jobs,
            report.pods,
            report.flashes,
            report.verdicts,
            report.peak
        ),
        (1, 3, 3, 3, 1)
    );
}

#[test]
fn a_pod_for_a_device_whose_other_pod_has_not_ended_is_found_with_its_name_times_and_audit_ids() {
    let mut story = Story::new();
    story.create(0, 1);
    story.run(0, 1);
    story.create(0, 2);
    story.end(0, 1);
    story.run(0, 2);
    story.end(0, 2);
    story.store(&json!({"completedIndexes": "0", "devices": [entry(0, 1, "Waiting"), entry(0, 2, "Succeeded")]}));
    let report = story.judge(true);
    assert_eq!(broken(&report), [Rule::OneFlashAtATime], "{report}");
    let text = report.to_string();
    for part in [
        name(0, 1),
        name(0, 2),
        "192.0.2.0:80".into(),
        "auditID id-105".into(),
        "1970-01-12T13:48:25Z".into(),
    ] {
        assert!(text.contains(&part), "{part} is not in:\n{text}");
    }
}

#[test]
fn a_second_name_of_an_endpoint_is_the_same_device() {
    let mut story = Story::new();
    story.create(0, 1);
    let mut second = pod(1, 1);
    second["spec"]["containers"][0]["env"][3]["value"] = json!("192.0.2.0:80");
    story.code = 201;
    story.write("create", "pods", &name(1, 1), second);
    assert_eq!(broken(&story.judge(true)), [Rule::OneFlashAtATime]);
}

#[test]
fn a_pod_after_one_that_was_deleted_before_it_came_to_a_node_is_no_second_flash() {
    let mut story = Story::new();
    story.create(0, 1);
    story.pod(
        "delete",
        "pods",
        (0, 1),
        &json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}),
    );
    story.flash_again(0);
    let report = story.judge(true);
    assert_eq!(broken(&report), [], "{report}");
}

#[rstest]
#[case::cut_off(504, &[])]
#[case::refused(409, &[Rule::OneFlashAtATime])]
fn a_delete_whose_answer_nobody_saw_may_have_ended_a_pod_that_was_on_no_node(
    #[case] code: i64,
    #[case] expected: &[Rule],
) {
    let mut story = Story::new();
    story.create(0, 1);
    story.code = code;
    story.write("delete", "pods", &name(0, 1), json!({}));
    story.code = 200;
    story.flash_again(0);
    let report = story.judge(true);
    assert_eq!(broken(&report), expected, "{report}");
}

impl Story {
    /// A whole flash of a device as its second attempt.
    fn flash_again(&mut self, index: usize) {
        self.create(index, 2);
        self.run(index, 2);
        self.end(index, 2);
        self.store(&json!({"completedIndexes": index.to_string(), "devices": [entry(index, 2, "Succeeded")]}));
    }
}

#[test]
fn a_pod_after_the_stored_success_of_its_device_is_found() {
    let mut story = Story::new();
    story.flash(0);
    story.create(0, 2);
    let report = story.judge(true);
    assert_eq!(broken(&report), [Rule::NoFlashAfterSuccess], "{report}");
}

#[test]
fn a_pod_after_a_stored_success_is_found_though_the_answer_to_its_create_was_lost() {
    let mut story = Story::new();
    story.flash(0);
    story.code = 504;
    story.pod("create", "pods", (0, 2), &json!({}));
    story.code = 200;
    story.pod(
        "patch",
        "pods/status",
        (0, 2),
        &json!({"status": {"phase": "Pending"}}),
    );
    let report = story.judge(true);
    assert_eq!(broken(&report), [Rule::NoFlashAfterSuccess], "{report}");
}

#[test]
fn a_success_that_is_stored_after_the_pod_was_created_says_nothing_about_it() {
    let mut story = Story::new();
    story.service(0, 1);
    story.create(0, 1);
    story.run(0, 1);
    story.end(0, 1);
    // Never ran, and was created before.
    story.create(0, 2);
    story.pod(
        "delete",
        "pods",
        (0, 2),
        &json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}),
    );
    story.store(&json!({"completedIndexes": "0", "devices": [entry(0, 1, "Succeeded")]}));
    let report = story.judge(true);
    assert_eq!(broken(&report), [], "{report}");
}

#[test]
fn the_same_device_in_the_next_round_is_flashed_again_without_blame() {
    let mut story = Story::new();
    story.flash(0);
    story.store(&json!({"completedIndexes": null, "devices": [], "round": {"number": 2, "firmware": "esp32:1", "version": "0.2.0"}}));
    let mut second = pod(0, 2);
    second["metadata"]["labels"]["flashjob.nbfc.io/round"] = json!("2");
    story.code = 201;
    story.write("create", "pods", &name(0, 2), second);
    let report = story.judge(true);
    assert_eq!(broken(&report), [], "{report}");
}

#[test]
fn a_flash_without_a_verdict_is_found() {
    let mut story = Story::new();
    story.create(0, 1);
    story.run(0, 1);
    story.end(0, 1);
    let report = story.judge(true);
    assert_eq!(broken(&report), [Rule::OneVerdict], "{report}");
    assert_eq!((report.flashes, report.verdicts), (1, 0));
}

#[test]
fn a_verdict_that_was_stored_by_a_write_whose_answer_was_lost_is_seen_in_the_object_that_is_left() {
    let mut story = Story::new();
    story.create(0, 1);
    story.run(0, 1);
    story.end(0, 1);
    story.code = 504;
    story.store(&json!({"failedIndexes": "0", "devices": [entry(0, 1, "Failed")]}));
    let report = story.judge(true);
    assert_eq!(broken(&report), [], "{report}");
    assert_eq!(report.verdicts, 1);
}

#[test]
fn a_pod_that_never_started_needs_no_verdict() {
    let mut story = Story::new();
    story.create(0, 1);
    let made_up = json!({"spec": {"nodeName": "n"}, "status": {"phase": "Failed", "containerStatuses": [{"state": {"terminated": {"reason": "ContainerStatusUnknown"}}}]}});
    story.pod("patch", "pods/status", (0, 1), &made_up);
    let report = story.judge(true);
    assert_eq!(broken(&report), [], "{report}");
}

#[rstest]
#[case::gone_and_logged(false, true, &[])]
#[case::gone_and_not_logged(false, false, &[Rule::OneVerdict])]
#[case::there_and_only_logged(true, true, &[Rule::OneVerdict])]
fn the_log_is_the_place_of_a_verdict_only_where_the_job_is_gone(
    #[case] job_stays: bool,
    #[case] logged: bool,
    #[case] expected: &[Rule],
) {
    let mut story = Story::new();
    story.create(0, 1);
    story.run(0, 1);
    story.end(0, 1);
    if logged {
        story.terms.operator_logs = format!(
            "INFO flash ended attempt={:?} reason=Verified\n",
            attempt_id(0, 1)
        );
    }
    let report = story.judge(job_stays);
    assert_eq!(broken(&report), expected, "{report}");
}

#[test]
fn an_index_alone_is_a_verdict_where_the_entries_were_left_out_for_size() {
    let mut story = Story::new();
    story.create(0, 1);
    story.run(0, 1);
    story.end(0, 1);
    story.store(&json!({"failedIndexes": "0"}));
    let report = story.judge(true);
    assert_eq!(broken(&report), [], "{report}");
}

#[rstest]
#[case::another_word(json!({"devices": [entry(0, 1, "Failed")]}))]
#[case::taken_back(json!({"completedIndexes": null, "devices": []}))]
#[case::both(json!({"failedIndexes": "0"}))]
#[case::without_a_flash(json!({"completedIndexes": "0,3"}))]
fn a_verdict_that_is_changed_doubled_or_made_up_is_found(#[case] status: Value) {
    let mut story = Story::new();
    story.flash(0);
    story.store(&status);
    let report = story.judge(true);
    assert_eq!(broken(&report), [Rule::OneVerdict], "{report}");
}

#[test]
fn a_rerun_may_send_failed_devices_again() {
    let mut story = Story::new();
    story.create(0, 1);
    story.run(0, 1);
    story.end(0, 1);
    story.store(&json!({"failedIndexes": "0", "devices": [entry(0, 1, "Failed")]}));
    story.store(&json!({"failedIndexes": null, "devices": [], "lastRerunID": "monday"}));
    story.flash_again(0);
    let report = story.judge(true);
    assert_eq!(broken(&report), [], "{report}");
}

#[rstest]
#[case::as_many_as_allowed(2, None, &[])]
#[case::one_more(3, None, &[Rule::Parallelism])]
#[case::more_than_all_jobs_may_have(2, Some(1), &[Rule::Parallelism])]
fn devices_in_flight_are_counted_from_their_first_object_on(
    #[case] devices: usize,
    #[case] max_in_flight: Option<usize>,
    #[case] expected: &[Rule],
) {
    let mut story = Story::new();
    story.terms.max_in_flight = max_in_flight;
    (0..devices).for_each(|index| story.service(index, 1));
    let report = story.judge(true);
    assert_eq!(broken(&report), expected, "{report}");
    assert_eq!(report.peak, devices);
}

#[test]
fn a_device_is_in_flight_until_pod_and_service_are_over() {
    let begin = || {
        let mut story = Story::new();
        story.spec = json!({"parallelism": 1});
        story.store(&json!({}));
        // What held before the limit was lowered no longer counts.
        story.version += 100;
        story.flash(0);
        story
    };
    let mut kept = begin();
    kept.service(1, 1);
    let report = kept.judge(true);
    assert_eq!(broken(&report), [], "{report}");
    let mut early = begin();
    early.lines.pop();
    early.service(1, 1);
    assert_eq!(broken(&early.judge(true)), [Rule::Parallelism]);
}

#[test]
fn a_limit_that_was_lowered_does_not_blame_those_in_flight() {
    let mut story = Story::new();
    story.service(0, 1);
    story.spec = json!({"parallelism": 1});
    let edited = story.job();
    story.write("patch", "flashjobs", "job", edited);
    story.service(1, 1);
    let report = story.judge(true);
    assert_eq!(broken(&report), [], "{report}");
}

#[rstest]
#[case::pod(pod(0, 1))]
#[case::service(json!({"kind": "Service", "metadata": {"name": "flash", "labels": labels(0, 1)}}))]
fn an_object_of_an_attempt_must_not_be_left(#[case] object: Value) {
    let mut story = Story::new();
    story.left.objects.push(object);
    assert_eq!(broken(&story.judge(true)), [Rule::NothingLeft]);
}

#[rstest]
#[case::failed(true, 1, "failed", &[])]
#[case::deployed(true, 1, "deployed", &[Rule::NothingLeft])]
#[case::of_a_device_that_succeeded(true, 0, "failed", &[Rule::NothingLeft])]
#[case::of_a_job_that_is_gone(false, 1, "failed", &[Rule::NothingLeft])]
fn only_the_failed_record_of_a_failed_device_of_a_job_that_exists_is_kept(
    #[case] job_stays: bool,
    #[case] index: usize,
    #[case] status: &str,
    #[case] expected: &[Rule],
) {
    let mut story = Story::new();
    story.flash(0);
    story.left.records.push(record(index, 1, status));
    let report = story.judge(job_stays);
    assert_eq!(broken(&report), expected, "{report}");
}

#[test]
fn a_job_whose_deletion_never_ends_and_a_selection_without_its_job_are_left() {
    let mut story = Story::new();
    story
        .left
        .objects
        .push(json!({"kind": "ControllerRevision", "metadata": {"labels": labels(0, 0)}}));
    assert_eq!(broken(&story.judge(false)), [Rule::NothingLeft]);
    let mut story = Story::new();
    let mut job = story.job();
    job["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    story.left.jobs.push(job);
    assert_eq!(broken(&story.judge(false)), [Rule::NothingLeft]);
}

#[test]
fn what_is_answered_at_the_same_time_is_not_put_in_an_order() {
    let mut story = Story::new();
    story.create(0, 1);
    // Its end and the next creation: neither answer tells a version, and the two overlap.
    story.end(0, 1);
    story.create(0, 2);
    let without_versions = |line: &String| {
        let mut line: Value = serde_json::from_str(line).unwrap();
        if line["objectRef"]["resource"] == "pods" {
            line["responseObject"]["metadata"]["resourceVersion"] = json!("");
            line["requestReceivedTimestamp"] = json!("1970-01-12T13:48:20Z");
        }
        line.to_string()
    };
    story.lines = story.lines.iter().map(without_versions).collect();
    let report = story.judge(true);
    assert!(
        !broken(&report).contains(&Rule::OneFlashAtATime),
        "{report}"
    );
}
