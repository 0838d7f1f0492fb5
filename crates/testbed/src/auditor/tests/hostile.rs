//! What strangers do counts for nothing, and what the operator does by their word is found.

use super::*;

const MALLORY: &str = "mallory";

impl Story {
    /// Mallory does something, as an administrator who impersonates her.
    fn mallory(&mut self, act: impl FnOnce(&mut Self)) {
        (self.user, self.impersonates) = ("admin", MALLORY);
        act(self);
        (self.user, self.impersonates) = (OPERATOR, "");
    }

    /// Something happens in another namespace.
    fn elsewhere(&mut self, namespace: &'static str, act: impl FnOnce(&mut Self)) {
        self.namespace = namespace;
        act(self);
        self.namespace = "lab";
    }

    fn make(&mut self, resource: &str, name: &str, object: Value) {
        self.code = 201;
        self.write("create", resource, name, object);
        self.code = 200;
    }

    /// The audit log has no bodies of Secrets.
    fn secret(&mut self, name: &str) {
        self.make("secrets", name, json!({}));
        let mut line: Value = serde_json::from_str(&self.lines.pop().unwrap()).unwrap();
        line.as_object_mut().unwrap().remove("responseObject");
        self.lines.push(line.to_string());
    }

    fn against_mallory() -> Self {
        let mut story = Self::new();
        story.terms.strangers = vec![MALLORY.into()];
        story.terms.forged = vec!["registry.example.com/evil".into(), "evil-hook".into()];
        story.terms.credential = Some(CREDENTIAL.into());
        story
    }
}

#[test]
fn what_a_stranger_makes_is_no_flash_takes_no_slot_selects_nothing_and_needs_no_verdict() {
    let mut story = Story::against_mallory();
    story.service(0, 1);
    story.create(0, 1);
    story.run(0, 1);
    story.mallory(|story| {
        // Of the device that is being flashed, and of all others, more than the job's parallelism.
        for index in 0..4 {
            story.service(index, 7);
            story.create(index, 7);
        }
        // One that gets its labels only later.
        story.code = 201;
        let bare = json!({"metadata": {"labels": {}}});
        story.pod("create", "pods", (0, 8), &bare);
        story.code = 200;
        story.pod("patch", "pods", (0, 8), &json!({}));
        let devices = json!([{"uuid": uuid(3), "endpoint": endpoint(0)}]);
        let copy = json!({"metadata": {"uid": "copy", "labels": labels(0, 0)}, "data": {"round": 1, "first": 9, "devices": devices}});
        story.make("controllerrevisions", "copy", copy);
    });
    (0..4).for_each(|index| story.run(index, 7));
    story.end(0, 1);
    story.store(&json!({"completedIndexes": "0", "devices": [entry(0, 1, "Succeeded")]}));
    let report = story.judge(true);
    assert_eq!(broken(&report), [], "{report}");
    assert_eq!(
        (report.pods, report.flashes, report.verdicts, report.peak),
        (1, 1, 1, 1)
    );
}

#[test]
fn a_flash_whose_labels_somebody_took_off_or_changed_is_followed_to_its_end() {
    let mut story = Story::against_mallory();
    story.create(0, 1);
    let strip = json!({"metadata": {"labels": {}}});
    let alter = json!({"metadata": {"labels": {"flashjob.nbfc.io/job-uid": "other", "flashjob.nbfc.io/attempt": "other", "flashjob.nbfc.io/round": "9"}}});
    for change in [&strip, &alter] {
        story.mallory(|story| story.pod("patch", "pods", (0, 1), change));
    }
    let ran = json!({"metadata": {"labels": {}}, "spec": {"nodeName": "n"}, "status": {"containerStatuses": [{"state": {"running": {}}}]}});
    story.pod("patch", "pods/status", (0, 1), &ran);
    let missing = story.clone().judge(true);
    assert_eq!(broken(&missing), [Rule::OneVerdict], "{missing}");
    // Its end is seen, too: the next flash of the device is not blamed for it.
    story.pod(
        "patch",
        "pods/status",
        (0, 1),
        &json!({"metadata": {"labels": {}}, "status": {"phase": "Failed"}}),
    );
    story.store(&json!({"devices": [entry(0, 1, "Waiting")]}));
    story.flash_again(0);
    let report = story.judge(true);
    assert_eq!(broken(&report), [], "{report}");
    assert_eq!(report.flashes, 2);
}

#[test]
fn a_second_flash_by_the_operator_is_found_whatever_strangers_do_beside() {
    let mut story = Story::against_mallory();
    story.create(0, 1);
    story.run(0, 1);
    // She ends a copy of it, and the operator believes her.
    story.mallory(|story| {
        story.create(0, 7);
        story.end(0, 7);
    });
    story.store(&json!({"devices": [entry(0, 1, "Waiting")]}));
    story.create(0, 2);
    let report = story.judge(true);
    assert_eq!(broken(&report), [Rule::OneFlashAtATime], "{report}");
}

#[rstest]
#[case::pod("pods", pod(0, 1))]
#[case::service("services", json!({"metadata": {"uid": "s", "labels": labels(0, 1)}}))]
#[case::without_a_label("services", json!({"metadata": {"uid": "s"}}))]
#[case::secret("secrets", json!({}))]
fn what_the_operator_makes_where_its_job_is_not_is_found_in_whatever_namespace(
    #[case] resource: &str,
    #[case] object: Value,
    #[values("lab-of-mallory", "kube-system")] namespace: &'static str,
) {
    let mut story = Story::against_mallory();
    let record = format!("sh.helm.release.v1.flash-{}.v1", uuid(0));
    story.elsewhere(namespace, |story| match resource {
        "secrets" => story.secret(&record),
        _ => story.make(resource, &name(0, 1), object),
    });
    let report = story.judge(true);
    assert_eq!(broken(&report), [Rule::OwnNamespace], "{report}");
}

#[test]
fn a_patch_of_what_is_there_makes_nothing_though_nobody_knows_whether_it_was_carried_out() {
    let mut story = Story::against_mallory();
    story.code = 504;
    let free = json!({"metadata": {"uid": "any", "finalizers": null}});
    story.write("patch", "services", &name(0, 1), free.clone());
    story.write("patch", "pods", &name(0, 1), free);
    story.code = 200;
    story.flash(0);
    let report = story.judge(true);
    assert_eq!(broken(&report), [], "{report}");
    assert_eq!(report.flashes, 1, "the Pod is told by its own labels");
}

#[rstest]
#[case::record_of_a_device_of_the_job(format!("sh.helm.release.v1.flash-{}.v3", uuid(1)), false, &[])]
#[case::record_of_another(format!("sh.helm.release.v1.flash-{}.v1", uuid(7)), false, &[Rule::OwnNamespace])]
#[case::the_key_beside_the_lease("flashjob-operator-seal".into(), true, &[])]
#[case::the_key_elsewhere("flashjob-operator-seal".into(), false, &[Rule::OwnNamespace])]
#[case::any_other("anything".into(), true, &[Rule::OwnNamespace])]
fn secrets_of_the_operator_are_records_of_devices_that_a_job_there_selected_and_its_key_at_home(
    #[case] name: String,
    #[case] at_home: bool,
    #[case] expected: &[Rule],
) {
    let mut story = Story::against_mallory();
    if at_home {
        story.write("update", "leases", "flashjob-operator", json!({}));
    }
    story.secret(&name);
    let report = story.judge(true);
    assert_eq!(broken(&report), expected, "{report}");
}

#[test]
fn another_operator_s_objects_and_a_stranger_s_are_not_held_against_this_one() {
    let mut story = Story::against_mallory();
    story.elsewhere("lab-of-others", |story| story.service(0, 1));
    let others = story.lines.pop().unwrap().replace(CREDENTIAL, "JTI=other");
    story.lines.push(others);
    story.mallory(|story| {
        story.elsewhere("lab-of-mallory", |story| story.service(0, 1));
        story.make("secrets", "anything", json!({}));
    });
    let report = story.judge(true);
    assert_eq!(broken(&report), [], "{report}");
}

#[rstest]
#[case::of_a_stranger_s_pod("Succeeded", name(0, 7), "FirmwareSent")]
#[case::of_a_pod_that_nobody_made("Failed", name(0, 9), "TransferFailed")]
#[case::of_no_pod("Failed", String::new(), "TransferFailed")]
#[case::being_read_back("Verifying", name(0, 7), "Verifying")]
fn a_verdict_on_a_device_for_which_the_operator_made_no_pod_is_found(
    #[case] phase: &str,
    #[case] pod: String,
    #[case] reason: &str,
) {
    let mut story = Story::against_mallory();
    story.mallory(|story| {
        story.create(0, 7);
        story.end(0, 7);
    });
    let mut said = entry(0, 7, phase);
    said["reason"] = json!(reason);
    said["pod"] = json!(pod);
    if pod.is_empty() {
        said.as_object_mut().unwrap().remove("pod");
    }
    story.store(&json!({"devices": [said]}));
    let report = story.judge(true);
    assert_eq!(broken(&report), [Rule::OwnVerdict], "{report}");
}

#[rstest]
#[case::among_strangers(&[MALLORY], &[Rule::OwnVerdict])]
#[case::alone(&[], &[])]
fn a_verdict_on_a_pod_that_was_taken_over_is_blamed_only_where_there_are_strangers(
    #[case] strangers: &[&str],
    #[case] expected: &[Rule],
) {
    let mut story = Story::new();
    story.terms.strangers = strangers.iter().map(|&name| name.to_owned()).collect();
    story.user = "system:serviceaccount:original:controller";
    story.create(0, 1);
    story.user = OPERATOR;
    story.run(0, 1);
    story.end(0, 1);
    story.store(&json!({"completedIndexes": "0", "devices": [entry(0, 1, "Succeeded")]}));
    let report = story.judge(true);
    assert_eq!(broken(&report), expected, "{report}");
}

#[test]
fn a_verdict_on_a_pod_in_another_namespace_than_the_job_s_is_found() {
    let mut story = Story::against_mallory();
    story.elsewhere("lab-of-mallory", |story| {
        story.create(0, 1);
        story.run(0, 1);
        story.end(0, 1);
    });
    story.store(&json!({"completedIndexes": "0", "devices": [entry(0, 1, "Succeeded")]}));
    let report = story.judge_in(true, &["lab", "lab-of-mallory"]);
    assert_eq!(
        broken(&report),
        [Rule::OneVerdict, Rule::OwnNamespace, Rule::OwnVerdict],
        "{report}"
    );
}

#[rstest]
#[case::before_any_pod("NoAddress", 200, &[])]
#[case::a_create_whose_answer_was_lost("Interrupted", 504, &[])]
fn a_device_that_never_came_to_a_pod_and_a_create_whose_answer_was_lost_are_not_blamed(
    #[case] reason: &str,
    #[case] code: i64,
    #[case] expected: &[Rule],
) {
    let mut story = Story::against_mallory();
    let mut said = entry(0, 1, "Failed");
    said["reason"] = json!(reason);
    if code >= 500 {
        story.code = code;
        story.pod("create", "pods", (0, 1), &json!({}));
        story.code = 200;
    } else {
        said.as_object_mut().unwrap().remove("pod");
    }
    story.store(&json!({"failedIndexes": "0", "devices": [said]}));
    let report = story.judge(true);
    assert_eq!(broken(&report), expected, "{report}");
}

#[rstest]
#[case::image(json!({"spec": {"containers": [{"image": "registry.example.com/evil:1"}]}}))]
#[case::hook(json!({"metadata": {"annotations": {"by": "evil-hook"}}}))]
#[case::privileged(json!({"spec": {"containers": [{"securityContext": {"privileged": true}}]}}))]
#[case::on_the_node_s_network(json!({"spec": {"hostNetwork": true}}))]
fn a_forgery_in_what_the_operator_or_helm_with_its_rights_made_is_found(
    #[case] part: Value,
    #[values(OPERATOR, MALLORY)] maker: &'static str,
) {
    let mut story = Story::against_mallory();
    let mut object = json!({"metadata": {"uid": "forged", "labels": labels(0, 1)}});
    for (key, value) in part.as_object().unwrap() {
        for (field, value) in value.as_object().unwrap() {
            object[key][field] = value.clone();
        }
    }
    let make = |story: &mut Story| story.make("networkpolicies", "any", object);
    let expected: &[Rule] = if maker == OPERATOR {
        make(&mut story);
        &[Rule::NothingForged]
    } else {
        story.mallory(make);
        &[]
    };
    let report = story.judge(true);
    assert_eq!(broken(&report), expected, "{report}");
}
