//! What a class asks of approvals: of whom, of how many, and what happens where nobody can say who it was. Each person has a token
//! and rights of his own.

use serde_json::{Value, json};

use testbed::{
    Asking, ControlPlane, Fleet, Params, Space,
    job::{Seen, job},
    seconds,
};

/// How long after its creation the policy that stamps is trusted, and a little more.
const UPTAKE: u64 = 12;

/// Somebody with these ClusterRoles in the namespace.
fn person<'a>(space: &'a Space, name: &str, roles: &[&str]) -> Asking<'a> {
    let person = Asking::of_no_rights(space, name);
    for role in roles {
        let binding = format!("{name}-{role}");
        person.bind_as(
            &binding,
            "rolebinding",
            &format!("--clusterrole={role}"),
            &space.name,
        );
    }
    person
}

/// The one who asks for a round and may also approve, and two others who may approve.
fn people(space: &Space) -> [Asking<'_>; 3] {
    let approver = "flashjob-approver";
    [
        person(space, "requester", &["flashjob-editor", approver]),
        person(space, "one", &[approver]),
        person(space, "two", &[approver]),
    ]
}

/// Waits until the job has flashed each device once.
async fn ends_well(space: &Space, name: &str, fleet: &Fleet) {
    let done = space.finished(name, 120).await;
    assert!(done.is("Complete"), "{:#}", done.0["status"]);
    space.assert_flashed(fleet, 1);
}

fn user(space: &Space, name: &str) -> String {
    format!("system:serviceaccount:{}:{name}", space.name)
}

fn create(person: &Asking<'_>, object: &Value) -> Result<String, String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), object.to_string()).unwrap();
    kubectl(person, &["create", "-f", file.path().to_str().unwrap()])
}

/// kubectl, as somebody.
fn kubectl(person: &Asking<'_>, arguments: &[&str]) -> Result<String, String> {
    let own = ["--kubeconfig", person.kubeconfig.to_str().unwrap()];
    person.space.try_kubectl(&[&own, arguments].concat())
}

fn patch(person: &Asking<'_>, name: &str, patch: &Value) -> Result<String, String> {
    let patch = patch.to_string();
    kubectl(
        person,
        &["patch", "flashjob", name, "--type=merge", "-p", &patch],
    )
}

/// Approves step 1.1, as the plugin does: each decision has an id of its own.
fn approve(person: &Asking<'_>, name: &str, id: &str) -> Result<String, String> {
    let approval = json!({"step": "1.1", "decision": "Approve", "id": id, "reason": id});
    patch(person, name, &json!({"spec": {"approval": approval}}))
}

fn annotation(space: &Space, name: &str, key: &str) -> Value {
    space.job(name).0["metadata"]["annotations"][format!("flashjob.nbfc.io/{key}")].clone()
}

/// Who approved the step, as the status says.
fn approvers(job: &Seen) -> Vec<String> {
    let people = job.0["status"]["step"]["approvals"].as_array();
    let people = people.into_iter().flatten();
    people
        .map(|person| person["by"].as_str().unwrap().to_owned())
        .collect()
}

fn said(job: &Seen) -> String {
    job.0["status"]["message"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

/// A job of two devices, the first of which is a step that somebody has to approve, under a class of the test's own.
fn gated(space: &Space, name: &str, uuids: &[String]) -> Value {
    let class = format!("{}-locked", space.name);
    let steps = json!([{"name": "canary", "devices": 1, "requireApproval": true}]);
    job(
        name,
        uuids,
        &json!({"flashClassName": class, "steps": steps}),
    )
}

/// Waits until the policy that stamps is old enough to be believed of a job that is created now.
async fn until_stamped(space: &Space) {
    let get = [
        "get",
        "mutatingadmissionpolicy",
        "flashjob-stamps",
        "-o",
        "name",
    ];
    let there = async || space.try_kubectl(&get).ok();
    space
        .eventually("the policy that stamps", seconds(60), there)
        .await;
    tokio::time::sleep(seconds(UPTAKE)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_people_approve_and_neither_of_them_asked_for_the_round() {
    let space = Space::new("approvals-of-people").await;
    let fleet = space.healthy(2, 0.3).await;
    let rules = json!({"approvals": {"required": 2, "notRequester": true}});
    let editor = person(&space, "editor", &["flashjob-editor"]);
    let [requester, one, two] = people(&space);
    space.put_class(&format!("{}-locked", space.name), &rules);
    until_stamped(&space).await;
    let _operator = space.operator(&[]);

    // What is forged at the creation is overwritten, and so is what is forged later.
    let mut object = gated(&space, "locked", &fleet.uuids());
    object["metadata"]["annotations"] = json!({
        "flashjob.nbfc.io/requested-by": "nobody", "flashjob.nbfc.io/approved-by": "somebody",
        "flashjob.nbfc.io/approved-before": "another",
    });
    create(&requester, &object).unwrap();
    let asked = user(&space, "requester");
    assert_eq!(annotation(&space, "locked", "requested-by"), json!(asked));
    assert_eq!(annotation(&space, "locked", "approved-by"), Value::Null);
    let forged = json!({"flashjob.nbfc.io/requested-by": null, "flashjob.nbfc.io/approved-by": user(&space, "one"),
                        "flashjob.nbfc.io/approved-before": user(&space, "two")});
    patch(
        &editor,
        "locked",
        &json!({"metadata": {"annotations": forged}, "spec": {"parallelism": 2}}),
    )
    .unwrap();
    assert_eq!(annotation(&space, "locked", "requested-by"), json!(asked));
    assert_eq!(annotation(&space, "locked", "approved-by"), Value::Null);
    assert_eq!(annotation(&space, "locked", "approved-before"), Value::Null);

    let waiting = space.waits_for("locked", "AwaitingApproval").await;
    assert!(
        said(&waiting).contains("asks for 2 people, approved by nobody yet"),
        "{}",
        said(&waiting)
    );

    // Who has not the verb is refused by the API server; the older field says nobody's name.
    let refused = approve(&editor, "locked", "mine").unwrap_err();
    assert!(refused.contains("have the verb approve"), "{refused}");
    patch(&one, "locked", &json!({"spec": {"approvedStep": "1.1"}})).unwrap();
    let says = |job: &Seen, words: &str| said(job).contains(words);
    space
        .becomes("locked", "a field that says nobody's name", 60, |job| {
            says(job, "spec.approvedStep does not say who approves")
        })
        .await;

    // The requester has the verb, and is refused all the same.
    let refused = approve(&requester, "locked", "mine").unwrap_err();
    let words = format!(
        "{asked} asked for this round of FlashJob locked, so that another person has to approve it"
    );
    assert!(refused.contains(&words), "{refused}");
    assert_eq!(annotation(&space, "locked", "approved-by"), Value::Null);

    // One person is one, however often he says so.
    approve(&one, "locked", "first").unwrap();
    let first = [user(&space, "one")];
    let halfway = space
        .becomes("locked", "one approval", 60, |job| approvers(job) == first)
        .await;
    assert!(
        says(&halfway, &format!("approved by {}", first[0])),
        "{}",
        said(&halfway)
    );
    approve(&one, "locked", "first, again").unwrap();
    tokio::time::sleep(seconds(3)).await;
    assert_eq!(approvers(&space.job("locked")), first);
    assert_eq!(fleet.journal().len(), 1, "the canary alone was flashed");

    // The second lets it go on.
    approve(&two, "locked", "second").unwrap();
    assert_eq!(
        annotation(&space, "locked", "approved-before"),
        json!(first[0])
    );
    ends_well(&space, "locked", &fleet).await;
}

/// At the creation nobody knows the class of the round yet: the API server lets it pass, and the operator does not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_requester_approves_at_the_creation_does_not_count_and_two_others_do() {
    let space = Space::new("approvals-early").await;
    let fleet = space.healthy(2, 0.3).await;
    let [requester, one, two] = people(&space);
    let rules = json!({"approvals": {"required": 2, "notRequester": true}});
    space.put_class(&format!("{}-locked", space.name), &rules);
    until_stamped(&space).await;
    let _operator = space.operator(&[]);
    let asked = user(&space, "requester");
    let mut early = gated(&space, "early", &fleet.uuids());
    early["spec"]["approval"] = json!({"step": "1.1", "decision": "Approve"});
    create(&requester, &early).unwrap();
    assert_eq!(annotation(&space, "early", "approved-by"), json!(asked));
    space.waits_for("early", "AwaitingApproval").await;
    let ignored = space
        .becomes("early", "the requester's approval ignored", 90, |job| {
            job.condition("Accepted").1 == "ApprovalByRequester"
        })
        .await;
    assert!(
        said(&ignored).contains(&format!("the approval of {asked} does not count")),
        "{}",
        said(&ignored)
    );
    assert_eq!(approvers(&ignored), [""; 0]);
    let events = space.kubectl(&[
        "get",
        "events.events.k8s.io",
        "-o",
        "jsonpath={.items[*].reason}",
    ]);
    assert!(events.contains("ApprovalByRequester"), "{events}");
    approve(&one, "early", "first").unwrap();
    approve(&two, "early", "second").unwrap();
    ends_well(&space, "early", &fleet).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_approvals_count_though_the_operator_saw_only_the_second() {
    let space = Space::new("approvals-unseen").await;
    let fleet = space.healthy(2, 0.3).await;
    let [requester, one, _] = people(&space);
    space.put_class(
        &format!("{}-locked", space.name),
        &json!({"approvals": {"required": 2}}),
    );
    until_stamped(&space).await;
    let mut operator = space.operator(&[]);
    create(&requester, &gated(&space, "locked", &fleet.uuids())).unwrap();
    space.waits_for("locked", "AwaitingApproval").await;
    operator.kill();
    // Nobody minds that one of the two asked for the round.
    approve(&requester, "locked", "a").unwrap();
    approve(&one, "locked", "b").unwrap();
    let _operator = space.operator(&[]);
    ends_well(&space, "locked", &fleet).await;

    // A new round is asked for by whoever changes what is flashed.
    patch(&requester, "locked", &json!({"spec": {"parallelism": 1}})).unwrap();
    let admin = annotation(&space, "locked", "requested-by");
    space.patch_spec("locked", &json!({"version": "0.3.0"}));
    assert_ne!(annotation(&space, "locked", "requested-by"), admin);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_the_api_server_stamps_nobody_a_class_that_asks_lets_nothing_go_on_and_says_why() {
    // It stops by itself when this process has ended.
    let plane: &'static ControlPlane = Box::leak(Box::new(ControlPlane::start("stampless")));
    plane.install_operator(&["--set", "admission.stamps.enable=false"]);
    let space = Space::on(plane, "stampless").await;
    let fleet = space.healthy(4, 0.3).await;
    let uuids = fleet.uuids();
    space.put_class(
        &format!("{}-locked", space.name),
        &json!({"approvals": {"required": 1}}),
    );
    let approver = person(&space, "approver", &["flashjob-approver"]);
    let _operator = space.operator(&[]);
    space.apply(&gated(&space, "locked", &uuids[..2]).to_string());
    let unknown = space.waits_for("locked", "ApproverUnknown").await;
    assert!(
        said(&unknown).contains("needs Kubernetes 1.36 or newer"),
        "{}",
        said(&unknown)
    );
    let forged = json!({"flashjob.nbfc.io/approved-by": user(&space, "approver")});
    patch(
        &approver,
        "locked",
        &json!({"metadata": {"annotations": forged}}),
    )
    .unwrap();
    approve(&approver, "locked", "a").unwrap();

    // What stood there before the policy is not believed once it is there.
    let chart = concat!(env!("CARGO_MANIFEST_DIR"), "/charts/flashjob-operator");
    let can = "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy";
    let render = [
        "template",
        "op",
        chart,
        "--show-only",
        "templates/stamps.yaml",
        "--api-versions",
        can,
    ];
    space.apply(&space.helm(&render));
    space
        .becomes("locked", "a job that is older than the policy", 90, |job| {
            said(job).contains("the job is older than the policy flashjob-stamps")
        })
        .await;
    assert_eq!(fleet.journal().len(), 1, "the canary alone was flashed");
    until_stamped(&space).await;
    space.delete_job("locked", 60).await;
    space.apply(&gated(&space, "anew", &uuids[2..]).to_string());
    space.waits_for("anew", "AwaitingApproval").await;
    approve(&approver, "anew", "b").unwrap();
    let done = space.finished("anew", 120).await;
    assert!(done.is("Complete"), "{:#}", done.0["status"]);
    assert_eq!(approvers(&done), [user(&space, "approver")]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_failures_than_agreed_are_allowed_by_those_who_approve_where_the_class_says_so() {
    let space = Space::new("approvals-limits").await;
    let broken = Params {
        devices: 4,
        flash_seconds: 0.3,
        refused_share: 1.0,
        ..Params::default()
    };
    let fleet = space.fleet(broken).await;
    let editor = person(&space, "editor", &["flashjob-editor"]);
    let approver = person(&space, "approver", &["flashjob-approver"]);
    let class = format!("{}-locked", space.name);
    space.put_class(&class, &json!({"approvals": {"guardFailureLimits": true}}));
    let _operator = space.operator(&[]);
    let more = json!({"flashClassName": class, "parallelism": 1, "maxFailedDevices": 1});
    create(&editor, &job("bounded", &fleet.uuids(), &more)).unwrap();
    let stopped = async |devices: i64| {
        let stopped = space.becomes("bounded", "a stop", 90, |job| {
            job.is("Failed") && job.count("failed") == devices
        });
        assert_eq!(stopped.await.reason(), "MaxFailedDevicesExceeded");
    };
    stopped(2).await;

    let spec =
        |person: &Asking<'_>, spec: Value| patch(person, "bounded", &json!({ "spec": spec }));
    for limit in [json!(2), json!("50%"), Value::Null] {
        let refused = spec(&editor, json!({ "maxFailedDevices": limit })).unwrap_err();
        let words = "spec.maxFailedDevices of FlashJob bounded is raised by those who have the verb approve";
        assert!(refused.contains(words), "{limit}: {refused}");
    }
    let refused = spec(&editor, json!({"rerun": {"id": "again"}})).unwrap_err();
    assert!(
        refused.contains(
            "FlashJob bounded is stopped, and run again by those who have the verb approve"
        ),
        "{refused}"
    );
    // Less is no more, and the rest of the job is the editor's.
    spec(&editor, json!({"maxFailedDevices": 0, "parallelism": 2})).unwrap();
    spec(&editor, json!({"maxFailedDevices": 1})).unwrap_err();
    spec(&approver, json!({"maxFailedDevices": 2, "parallelism": 1})).unwrap();
    stopped(3).await;
    spec(&approver, json!({"rerun": {"id": "again"}})).unwrap();
    let goes_on = |job: &Seen| job.0["status"]["lastRerunID"] == "again";
    space.becomes("bounded", "a rerun", 90, goes_on).await;

    // Where the class does not say so, it is the editor's.
    space.put_class(&class, &json!({"suspend": false}));
    let free = async || spec(&editor, json!({"maxFailedDevices": "100%"})).ok();
    space
        .eventually("a class that guards nothing", seconds(60), free)
        .await;
}
