//! Records that go away between the operator's look and helm's: helm counts revisions from what it finds itself.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

use helm_release::Status;
use serde_json::json;

use super::{
    editor::Editor,
    forgery::Forged,
    lab::{Lab, one_slow, text},
};
use testbed::{ControlPlane, job::job};

/// A helm program before which the record in `forged.json` of its directory goes away, and after which it is back.
struct Helm {
    directory: PathBuf,
}

impl Helm {
    /// In a directory of this test's own.
    fn new(test: &str) -> Self {
        let plane = ControlPlane::shared();
        let directory = plane.directory().join(test);
        fs::create_dir_all(&directory).unwrap();
        let (helm, kubectl) = (plane.tool("helm"), plane.tool("kubectl"));
        let script = format!(
            r#"#!/bin/sh
as_mallory() {{
  {kubectl} --kubeconfig={kubeconfig} --as="$(cat {directory}/user)" --namespace="$(cat {directory}/namespace)" "$@" >>{directory}/log 2>&1
}}
[ "$1" = upgrade ] && [ -e {directory}/forged.json ] || exec {helm} "$@"
as_mallory delete --ignore-not-found -f {directory}/forged.json
{helm} "$@"
code=$?
as_mallory create -f {directory}/forged.json
exit $code
"#,
            kubectl = kubectl.display(),
            kubeconfig = plane.kubeconfig("admin").display(),
            directory = directory.display(),
            helm = helm.display(),
        );
        let this = Self { directory };
        fs::write(this.path(), script).unwrap();
        fs::set_permissions(this.path(), fs::Permissions::from_mode(0o755)).unwrap();
        this
    }

    fn path(&self) -> PathBuf {
        self.directory.join("helm")
    }

    fn write(&self, file: &str, content: &str) {
        fs::write(self.directory.join(file), content).unwrap();
    }
}

/// Helm writes revisions 1 and 2 where the operator counted on 6 each time.
#[tokio::test]
async fn a_revision_that_helm_numbers_differently_is_found_by_its_seal_and_sealed_under_its_own_name()
 {
    let helm = Helm::new("helm-counts");
    let path = helm.path();
    let arguments = ["--helm-path", path.to_str().unwrap()];
    let params = one_slow(0.5);
    let lab = Lab::new("helm-counts", "helm", params, &arguments).await;
    let mallory = Editor::of(&lab.space);
    let uuids = lab.fleet.uuids();
    let spec = json!({"suspend": true, "verification": {"mode": "None"}});
    lab.space.apply(&job("job", &uuids, &spec).to_string());
    let forgery = Forged {
        job: "job",
        job_uid: &lab.job_uid("job"),
        namespace: &lab.space.name,
        uuid: &uuids[0],
        endpoint: "192.0.2.7:80",
        revision: 5,
        // Helm says that it is over: it does not keep the device from being begun.
        status: Status::Failed,
    };
    let forgery = forgery.secret();
    helm.write("user", &mallory.user);
    helm.write("namespace", &lab.space.name);
    mallory.creates(&forgery);
    // The operator sees it before the job goes on.
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    helm.write("forged.json", &forgery.to_string());
    lab.flash("job", &uuids);

    let done = lab.space.finished("job", 120).await;
    assert_eq!(done.count("succeeded"), 1, "{:#}", done.0);
    assert_eq!(lab.births("pods").len(), 1);
    let written: Vec<String> = lab.births("secrets");
    let revisions: Vec<&str> = written
        .iter()
        .filter_map(|name| name.rsplit_once('.').map(|(_, revision)| revision))
        .collect();
    assert_eq!(revisions, ["v1", "v2"], "{written:?}");
    let log = fs::read_to_string(helm.directory.join("log")).unwrap();
    let name = text(&forgery["metadata"]["name"]);
    assert!(log.contains(&format!("\"{name}\" deleted")), "{log}");
    lab.assert_no_overlap();
}
