//! What `cleanup` frees once the operator is gone: nothing of a flash in progress, until it is told so.

use serde_json::json;
use testbed::{Space, healthy, job::job, seconds};

use super::{ends, person};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cleanup_leaves_a_flash_in_progress_alone_and_with_now_frees_all_and_the_job_last() {
    let space = Space::new("plugin-cleanup").await;
    let fleet = space.fleet(healthy(1, 300.0)).await;
    let viewer = person(&space, "flashjob-viewer");
    let mut operator = space.operator(&["--engine", "native"]);
    let spec = json!({"activeDeadlineSecondsPerDevice": 900});
    space.apply(&job("left", &fleet.uuids(), &spec).to_string());
    let flashing = async || {
        let devices = space.job("left").0["status"]["devices"].clone();
        (devices[0]["reason"] == "Flashing").then_some(())
    };
    space.eventually("a flash", seconds(60), flashing).await;
    operator.kill();

    let admin = space.control_plane.kubeconfig("admin");
    let admin = ["--kubeconfig", admin.to_str().unwrap()];
    let cleanup = |more: &[&str], code| {
        ends(
            &viewer,
            &[&["cleanup", "left"], more, &admin].concat(),
            code,
        )
        .0
    };
    // The key of the operator's seals is a Secret, too, and no FlashJob's.
    let records = [
        "get",
        "secrets",
        "-o",
        "name",
        "--field-selector",
        "type=helm.sh/release.v1",
    ];
    let there = || {
        space.kubectl(&["get", "flashjobs,pods,services", "-o", "name"]) + &space.kubectl(&records)
    };
    let before = there();
    let said = cleanup(&["--now", "--dry-run"], 0);
    assert!(said.contains("would "), "{said}");
    let said = cleanup(&[], 1);
    assert!(
        said.contains("flashes in progress that were left alone: 1"),
        "{said}"
    );
    assert_eq!(there(), before);

    cleanup(&["--now"], 0);
    let freed = async || {
        let left = there();
        let mut left = left.lines();
        left.all(|line| line.starts_with("flashjob.")).then_some(())
    };
    space
        .eventually("nothing but the FlashJob", seconds(60), freed)
        .await;
    // Nobody holds the FlashJob any more.
    space.kubectl(&["delete", "flashjob", "left", "--timeout=20s"]);
    let nothing = async || {
        let (said, _) = ends(&viewer, &[&["cleanup"][..], &admin].concat(), 0);
        said.contains("nothing to free").then_some(())
    };
    space
        .eventually("nothing to free", seconds(30), nothing)
        .await;
}
