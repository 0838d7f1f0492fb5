//! A CRD that is older than the operator: the API server drops what it does not know, and nothing is started on that ground.

use serde_json::{Value, json};

use testbed::{ControlPlane, Space, job::job, seconds};

const CRD: &str = "flashjobs.application.flashjob.nbfc.io";

/// The operator's CRD without `status.step.reached`, until this is dropped.
struct Outdated(&'static ControlPlane);

impl Outdated {
    fn on(plane: &'static ControlPlane) -> Self {
        let mut crd: Value =
            serde_json::from_str(&plane.kubectl(&["get", "crd", CRD, "-o", "json"])).unwrap();
        let path =
            "/spec/versions/0/schema/openAPIV3Schema/properties/status/properties/step/properties";
        let step = crd.pointer_mut(path).unwrap().as_object_mut().unwrap();
        step.remove("reached").unwrap();
        plane.feed(&["replace"], &crd.to_string()).unwrap();
        Self(plane)
    }
}

impl Drop for Outdated {
    fn drop(&mut self) {
        let file = format!("{}/crds/{CRD}.yaml", env!("CARGO_MANIFEST_DIR"));
        let crd = std::fs::read_to_string(file).unwrap();
        let apply = ["apply", "--server-side", "--force-conflicts"];
        self.0.feed(&apply, &crd).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_api_server_does_not_store_is_said_and_nothing_starts_until_it_does() {
    let disturbed = ControlPlane::disturb().await;
    let plane = disturbed.plane;
    plane.operator_kubeconfig();
    let space = Space::on(plane, "outdated").await;
    let outdated = Outdated::on(plane);
    // The API server takes a moment to serve another schema.
    tokio::time::sleep(seconds(5)).await;
    let fleet = space.healthy(2, 0.5).await;
    let operator = space.operator(&[]);
    let steps = json!({"steps": [{"devices": 1}]});
    space.apply(&job("steps", &fleet.uuids(), &steps).to_string());
    let stalled = space
        .becomes("steps", "a job that says so", 120, |job| {
            job.is("Stalled") && job.0["status"]["reason"] == "CRDOutdated"
        })
        .await;
    let message = stalled.0["status"]["message"].as_str().unwrap();
    assert!(
        message.contains("status.step.reached") && message.contains("flashjob-operator crds"),
        "{message}"
    );
    space
        .eventually("an event that says so", seconds(30), async || {
            let reasons = "-o=jsonpath={.items[*].reason}";
            let events = space.kubectl(&["get", "events", reasons]);
            events.contains("CRDOutdated").then_some(())
        })
        .await;
    assert!(operator.log().contains("CRDOutdated"));
    let written = || {
        let audit = plane.audit();
        audit.status_writes("flashjobs", &space.name, "steps").len()
    };
    let before = written();
    tokio::time::sleep(seconds(6)).await;
    assert!(written() <= before + 1, "it is not written again and again");
    assert!(fleet.journal().is_empty(), "nothing starts");

    drop(outdated);
    let done = space.finished("steps", 180).await;
    assert!(done.is("Complete"), "{:#}", done.0["status"]);
    space.assert_flashed(&fleet, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_nobody_has_looked_at_says_so_to_those_who_wait_by_kstatus() {
    let space = Space::new("unseen").await;
    space.control_plane.operator_kubeconfig();
    let uuids = ["00000000-0000-4000-8000-000000000001".to_owned()];
    let unseen = job("unseen", &uuids, &json!({"suspend": true})).to_string();
    space.apply(&unseen);
    assert_eq!(
        space.job("unseen").0["status"],
        json!({"observedGeneration": -1})
    );
    // A status of the client's own does not get in its way, and applying it again changes nothing.
    let again = space.apply(&unseen);
    assert!(again.contains("serverside-applied"), "{again}");
    let client_side = ["-n", &space.name, "create"];
    let other = unseen.replace("\"unseen\"", "\"other\"");
    space.control_plane.feed(&client_side, &other).unwrap();
    assert_eq!(
        space.job("other").0["status"],
        json!({"observedGeneration": -1})
    );
    let _operator = space.operator(&[]);
    space
        .becomes("unseen", "a look of the operator", 60, |job| {
            job.0["status"]["observedGeneration"] == job.0["metadata"]["generation"]
        })
        .await;
}
