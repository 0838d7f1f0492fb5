//! Short outages of what the operator stands on: the API server, its store, the operator's own token.

use std::path::PathBuf;

use nix::sys::signal::Signal;
use rstest::rstest;
use serde_json::{Value, json};

use super::{PATIENCE, condition, disturbances::sent_once, healthy};
use testbed::{
    ControlPlane, Fleet, Space, Supervised, control_plane::OPERATOR_NAMESPACE, job::job, seconds,
};

/// Six devices, two at a time, of which the first are being flashed.
pub(super) async fn begun(space: &Space) -> Fleet {
    let fleet = space.fleet(healthy(6, 6.0)).await;
    let spec = json!({"parallelism": 2, "activeDeadlineSecondsPerDevice": 300});
    space.apply(&job("job", &fleet.uuids(), &spec).to_string());
    space
        .eventually("flashes in progress", PATIENCE, async || {
            (fleet.journal().len() >= 2).then_some(())
        })
        .await;
    fleet
}

/// Waits for the job's end, whether the API server answers or not.
async fn ends(space: &Space, supervised: &mut Supervised<'_>) {
    space
        .eventually("end of the job", seconds(300), async || {
            supervised.look();
            let job = space.try_kubectl(&["get", "flashjob", "job", "-o", "json"]);
            let job: Value = serde_json::from_str(&job.ok()?).ok()?;
            (condition(&job["status"], "Finished")["status"] == "True").then_some(())
        })
        .await;
}

async fn pass(supervised: &mut Supervised<'_>, time: u64) {
    for _ in 0..time {
        tokio::time::sleep(seconds(1)).await;
        supervised.look();
    }
}

#[rstest]
#[case::store_that_stops("etcd")]
#[case::api_server_that_is_killed_and_restarted("kube-apiserver")]
#[tokio::test]
#[ignore = "takes minutes: make chaos-api"]
async fn a_short_outage_loses_nothing_and_the_job_goes_on(#[case] program: &str) {
    let disturbed = ControlPlane::disturb().await;
    let plane = disturbed.plane;
    let space = Space::on(plane, "short-outage").await;
    let mut supervised = Supervised::start_as(&space, plane.operator_kubeconfig(), &[]);
    let fleet = begun(&space).await;
    if program == "etcd" {
        plane.signal(program, Signal::SIGSTOP);
        pass(&mut supervised, 20).await;
        plane.signal(program, Signal::SIGCONT);
    } else {
        let killed = plane.kill(program);
        plane.revive(&killed);
    }
    ends(&space, &mut supervised).await;
    println!("started {} times again", supervised.restarts);
    sent_once(&space, &fleet, "job").await;
}

/// A kubeconfig whose token lives as long as a Secret of that name, and the file of the token.
fn mortal_token(plane: &ControlPlane, name: &str) -> (PathBuf, PathBuf) {
    let file = plane.directory().join(format!("{name}.token"));
    write_token(plane, name, &file);
    let kubeconfig = std::fs::read_to_string(plane.operator_kubeconfig()).unwrap();
    let (old, new) = (plane.directory().join("operator.token"), &file);
    let [old, new] = [&old, new].map(|path| path.to_str().unwrap());
    let path = plane.directory().join(format!("{name}.kubeconfig"));
    std::fs::write(&path, kubeconfig.replace(old, new)).unwrap();
    (path, file)
}

fn write_token(plane: &ControlPlane, secret: &str, file: &PathBuf) {
    let of = ["-n", OPERATOR_NAMESPACE];
    plane.kubectl(&[&of[..], &["create", "secret", "generic", secret]].concat());
    let bound = ["--bound-object-kind=Secret", "--bound-object-name", secret];
    let create = ["create", "token", "flashjob-operator"];
    let token = plane.kubectl(&[&of[..], &create, &bound].concat());
    std::fs::write(file, token.trim()).unwrap();
}

/// From now on nobody is admitted with the token that is bound to this Secret.
fn expire(plane: &ControlPlane, secret: &str) {
    plane.kubectl(&["-n", OPERATOR_NAMESPACE, "delete", "secret", secret]);
}

#[rstest]
#[case::rotated_in_time("token-rotated", true)]
#[case::expired_before_the_next_one_comes("token-expired", false)]
#[tokio::test]
#[ignore = "takes minutes: make chaos-api"]
async fn a_token_that_is_rotated_or_expires_loses_nothing(
    #[case] name: &str,
    #[case] timely: bool,
) {
    let space = Space::new(name).await;
    let plane = space.control_plane;
    plane.operator_kubeconfig();
    let (old, new) = (format!("{}-old", space.name), format!("{}-new", space.name));
    let (kubeconfig, file) = mortal_token(plane, &old);
    let mut supervised = Supervised::start_as(&space, &kubeconfig, &[]);
    if timely {
        // The file is read again every minute.
        write_token(plane, &new, &file);
        pass(&mut supervised, 70).await;
    }
    let fleet = begun(&space).await;
    expire(plane, &old);
    if !timely {
        // Longer than an API server remembers whom it admitted.
        pass(&mut supervised, 20).await;
        write_token(plane, &new, &file);
    }
    ends(&space, &mut supervised).await;
    println!("started {} times again", supervised.restarts);
    assert!(!timely || supervised.restarts == 0, "{}", supervised.log());
    sent_once(&space, &fleet, "job").await;
    expire(plane, &new);
}
