//! What real helm cannot be made to do, by scripts in its place: hang, flood, lie, leave children, be of another version.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use rstest::rstest;
use serde_json::json;
use tempfile::TempDir;

use super::*;
use helm_chart::{Chart, Metadata};

/// A directory with a `helm` that answers `version` and otherwise runs `body`.
fn stand_in(version: &str, body: &str) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("helm");
    let script = format!(
        "#!/bin/sh\nhere={}\n[ \"$1\" = version ] && {{ {version}; exit; }}\n{body}\n",
        directory.path().display()
    );
    let draft = directory.path().join("draft");
    fs::write(&draft, script).unwrap();
    fs::set_permissions(&draft, fs::Permissions::from_mode(0o755)).unwrap();
    // Written by another process: a test that forks at this moment would inherit the open file, and "text file busy" with it.
    let copied = std::process::Command::new("cp")
        .arg("-p")
        .args([&draft, &path])
        .status()
        .unwrap();
    assert!(copied.success());
    directory
}

fn settings(directory: &Path) -> Settings {
    Settings {
        binary: Some(directory.join("helm")),
        kubeconfig: Some("/nonexistent/kubeconfig".into()),
        processes: 1,
        timeout: Duration::from_secs(20),
        grace: Duration::from_millis(200),
        history_max: 7,
        hooks: false,
        directory_prefix: "example-helm-",
    }
}

async fn helm(body: &str) -> (Helm, TempDir) {
    let directory = stand_in("echo v4.3.1", body);
    (
        Helm::find(&settings(directory.path())).await.unwrap(),
        directory,
    )
}

fn uninstall() -> Operation {
    Operation::Uninstall(Uninstall {
        release: "greeting".into(),
        namespace: "lab".into(),
    })
}

fn upgrade() -> Upgrade {
    Upgrade {
        release: "greeting".into(),
        namespace: "lab".into(),
        chart: Arc::new(Chart {
            metadata: Metadata {
                name: "c".into(),
                version: "0.1.0".into(),
                api_version: "v2".into(),
                app_version: Some("2.0.0".into()),
                kube_version: None,
                raw: json!({}),
            },
            values: json!({"a": 1}).into(),
            schema: None,
            templates: Arc::new(vec![helm_chart::File {
                name: "templates/x.yaml".into(),
                data: b"a: b\n".to_vec(),
            }]),
            files: Arc::new(vec![helm_chart::File {
                name: ".helmignore".into(),
                data: b"*\n".to_vec(),
            }]),
        }),
        values: json!({"who": "a,b=c"}),
        attachment: Some(helm_chart::File {
            name: "example.com/note.txt".into(),
            data: b"mine".to_vec(),
        }),
        labels: BTreeMap::from([
            ("example.com/note".to_owned(), "mine".to_owned()),
            ("team".to_owned(), "lab".to_owned()),
        ]),
        description: "--set a=b, on one line".into(),
    }
}

/// Whether a process lives; a zombie does not.
fn lives(pid: &str) -> bool {
    fs::read_to_string(format!("/proc/{}/stat", pid.trim()))
        .is_ok_and(|stat| !stat.contains(") Z "))
}

async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..500 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never: {what}");
}

/// Whether every slot is taken: another operation waits, and gives up.
async fn is_full(helm: &Helm) -> bool {
    let wait = Duration::from_millis(20);
    let started = tokio::time::timeout(wait, helm.start(uninstall())).await;
    started.is_err()
}

fn read(directory: &TempDir, name: &str) -> String {
    fs::read_to_string(directory.path().join(name)).unwrap_or_default()
}

#[rstest]
#[case("echo v3.13.9", "helm 3.13.9; needed is 3.14.0")]
#[case("echo v5.0.0-rc.1", "helm 5.0.0-rc.1")]
#[case("echo '<no value>'", "is not a version")]
#[case("echo 'Error: broken' >&2; exit 3", "broken")]
#[tokio::test]
async fn a_helm_of_another_version_is_refused_with_what_was_found(
    #[case] version: &str,
    #[case] expected: &str,
) {
    let directory = stand_in(version, "");
    let error = Helm::find(&settings(directory.path()))
        .await
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains(expected), "{error}");
}

#[tokio::test]
async fn a_missing_helm_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let error = Helm::find(&settings(directory.path())).await.err().unwrap();
    assert!(
        matches!(error, HelmError::NotFound { .. })
            && error.to_string().starts_with("helm program /"),
        "{error}"
    );
}

#[tokio::test]
async fn an_upgrade_gets_files_and_flags_and_nothing_of_the_environment() {
    let (helm, directory) = helm(
        "printf '%s\\n' \"$@\" > $here/args; env > $here/env; cp -r \"$4\" $here/chart\n\
         for a in \"$@\"; do case $a in --values=*) cp ${a#--values=} $here/values; stat -c %a ${a#--values=} > $here/mode;; esac; done",
    )
    .await;
    let outcome = helm
        .start(Operation::Upgrade(Box::new(upgrade())))
        .await
        .unwrap()
        .await;
    // The script copies its fourth argument: upgrade --install NAME CHART.
    assert_eq!(outcome.result, Ok(()));
    let args = read(&directory, "args");
    for expected in [
        "upgrade\n--install\ngreeting\n",
        "\n--namespace=lab\n",
        "\n--description=--set a=b, on one line\n",
        "\n--history-max=7\n",
        "\n--reset-values\n",
        "\n--skip-crds\n",
        "\n--no-hooks\n",
        "\n--timeout=20s\n",
        "\n--labels=example.com/note=mine,team=lab\n",
    ] {
        assert!(args.contains(expected), "{expected:?} is not in {args}");
    }
    assert_eq!(
        (
            read(&directory, "values").as_str(),
            read(&directory, "mode").as_str()
        ),
        (r#"{"who":"a,b=c"}"#, "600\n")
    );
    assert_eq!(read(&directory, "chart/templates/x.yaml"), "a: b\n");
    assert!(read(&directory, "chart/Chart.yaml").contains(r#""appVersion":"2.0.0""#));
    assert_eq!(read(&directory, "chart/example.com/note.txt"), "mine");
    assert!(!directory.path().join("chart/.helmignore").exists());
    let env = read(&directory, "env");
    assert!(
        env.contains("KUBECONFIG=/nonexistent/kubeconfig\n") && env.contains("HELM_CACHE_HOME="),
        "{env}"
    );
    assert!(!env.contains("CARGO"), "{env}");
    let left: Vec<_> = fs::read_dir(helm.shared.program.directory())
        .unwrap()
        .flatten()
        .map(|entry| entry.file_name())
        .collect();
    assert_eq!(left, ["lock"], "nothing of the upgrade is left");
}

#[rstest]
#[case::hooks_of_the_chart_only_where_they_are_allowed(
    true,
    Operation::Upgrade(Box::new(upgrade())),
    false
)]
#[case::none_otherwise(false, Operation::Upgrade(Box::new(upgrade())), true)]
#[case::never_those_of_a_record(true, uninstall(), true)]
#[tokio::test]
async fn hooks_run_only_where_a_chart_was_checked_for_them(
    #[case] hooks: bool,
    #[case] operation: Operation,
    #[case] without: bool,
) {
    let directory = stand_in("echo v4.3.1", "printf '%s\\n' \"$@\" > $here/args");
    let settings = Settings {
        hooks,
        ..settings(directory.path())
    };
    let helm = Helm::find(&settings).await.unwrap();
    assert_eq!(helm.start(operation).await.unwrap().await.result, Ok(()));
    let arguments = read(&directory, "args");
    assert_eq!(arguments.contains("--no-hooks\n"), without, "{arguments}");
}

#[rstest]
#[case(|upgrade: &mut Upgrade| upgrade.release = "--debug".into())]
#[case(|upgrade: &mut Upgrade| { upgrade.labels.insert("team".into(), "a,owner=me".into()); })]
#[case(|upgrade: &mut Upgrade| { upgrade.labels.insert("team".into(), "null".into()); })]
#[case(|upgrade: &mut Upgrade| { upgrade.labels.insert("status".into(), "x".into()); })]
#[tokio::test]
async fn what_helm_would_misread_never_reaches_it(#[case] spoil: fn(&mut Upgrade)) {
    let (helm, _directory) = helm("exit 0").await;
    let mut upgrade = upgrade();
    spoil(&mut upgrade);
    let refused = helm.start(Operation::Upgrade(Box::new(upgrade))).await;
    assert!(
        matches!(refused, Err(StartError::Name(_) | StartError::Label { .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_full_house_makes_others_wait_and_a_waiter_gets_the_next_slot() {
    let (helm, directory) =
        helm("touch $here/began; while [ ! -e $here/go ]; do sleep 0.01; done").await;
    let first = helm.start(uninstall()).await.unwrap();
    assert!(is_full(&helm).await);
    fs::write(directory.path().join("go"), "").unwrap();
    let second = helm.start(uninstall()).await.unwrap();
    assert_eq!((first.await.result, second.await.result), (Ok(()), Ok(())));
}

#[tokio::test]
async fn a_helm_that_ignores_sigterm_is_killed_with_its_children() {
    let (helm, directory) = helm("trap '' TERM; sleep 60 & echo $! > $here/child; echo $$ > $here/pid; while :; do sleep 1; done").await;
    let running = helm.start(uninstall()).await.unwrap();
    eventually("helm has begun", || !read(&directory, "pid").is_empty()).await;
    running.stop();
    let failure = running.await.result.unwrap_err();
    assert_eq!((failure.reason, failure.exit_code), (Reason::Killed, None));
    for pid in ["pid", "child"] {
        let pid = read(&directory, pid);
        eventually("the process is gone", || !lives(&pid)).await;
    }
}

#[tokio::test]
async fn a_helm_that_is_asked_to_stop_may_tidy_up() {
    let (helm, directory) = helm(
        "trap 'echo tidy > $here/tidied; echo \"Error: context canceled\" >&2; exit 1' TERM; touch $here/began; while :; do sleep 0.01; done",
    )
    .await;
    let running = helm.start(uninstall()).await.unwrap();
    eventually("helm has begun", || directory.path().join("began").exists()).await;
    running.stop();
    let failure = running.await.result.unwrap_err();
    assert_eq!(read(&directory, "tidied"), "tidy\n");
    assert_eq!(failure.reason, Reason::Killed);
    assert!(failure.message.contains("context canceled"), "{failure}");
}

#[tokio::test]
async fn a_helm_that_takes_too_long_is_stopped() {
    let directory = stand_in("echo v3.14.0", "exec sleep 60");
    let settings = Settings {
        timeout: Duration::from_millis(100),
        ..settings(directory.path())
    };
    let failure = Helm::find(&settings)
        .await
        .unwrap()
        .start(uninstall())
        .await
        .unwrap()
        .await
        .result
        .unwrap_err();
    assert_eq!(failure.reason, Reason::Timeout);
}

#[tokio::test]
async fn stop_all_ends_every_process_and_starts_none_any_more() {
    let (helm, directory) = helm("echo $$ > $here/pid; exec sleep 60").await;
    let running = helm.start(uninstall()).await.unwrap();
    eventually("helm has begun", || !read(&directory, "pid").is_empty()).await;
    helm.stop_all(Duration::from_secs(1)).await;
    assert!(!lives(&read(&directory, "pid")));
    assert_eq!(running.await.result.unwrap_err().reason, Reason::Killed);
    assert_eq!(
        helm.start(uninstall()).await.err(),
        Some(StartError::Stopping)
    );
    assert_eq!(
        helm.start(uninstall()).await.err(),
        Some(StartError::Stopping)
    );
}

#[tokio::test]
async fn a_dropped_operation_goes_on_and_keeps_its_slot_until_it_ends() {
    let (helm, directory) =
        helm("touch $here/began; while [ ! -e $here/go ]; do sleep 0.01; done; touch $here/done")
            .await;
    drop(helm.start(uninstall()).await.unwrap());
    eventually("helm has begun", || directory.path().join("began").exists()).await;
    assert!(is_full(&helm).await);
    fs::write(directory.path().join("go"), "").unwrap();
    eventually("helm has ended", || directory.path().join("done").exists()).await;
}

#[tokio::test]
async fn a_flood_of_output_is_bounded_and_its_end_is_kept() {
    let (helm, _directory) = helm(
        "head -c 3000000 /dev/zero | tr '\\0' x; head -c 3000000 /dev/urandom >&2; printf '\\nError: the end\\n' >&2; exit 9",
    )
    .await;
    let outcome = helm.start(uninstall()).await.unwrap().await;
    let failure = outcome.result.unwrap_err();
    assert_eq!(
        (failure.reason, failure.message.as_str(), failure.exit_code),
        (Reason::Other, "the end", Some(9))
    );
    assert_eq!(outcome.stdout.len(), 64 << 10);
}

#[tokio::test]
async fn a_pipe_that_a_grandchild_keeps_open_delays_nobody() {
    let (helm, directory) = helm("sleep 30 & echo $! > $here/child; exit 0").await;
    let outcome = tokio::time::timeout(
        Duration::from_secs(10),
        helm.start(uninstall()).await.unwrap(),
    )
    .await
    .unwrap();
    assert_eq!(outcome.result, Ok(()));
    let child: i32 = read(&directory, "child").trim().parse().unwrap();
    // In its own group no longer followed: the test tidies up what it started.
    let _ = nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(child),
        nix::sys::signal::Signal::SIGKILL,
    );
}

#[tokio::test]
async fn a_helm_that_cannot_be_started_any_more_is_a_failure_not_a_panic() {
    let (helm, directory) = helm("exit 0").await;
    fs::remove_file(directory.path().join("helm")).unwrap();
    let outcome = helm.start(uninstall()).await.unwrap().await;
    assert!(outcome.result.is_err());
}

#[tokio::test]
async fn a_chart_file_that_leads_out_of_the_chart_starts_no_helm() {
    let (helm, directory) = helm("touch $here/ran").await;
    let mut upgrade = upgrade();
    Arc::make_mut(&mut Arc::make_mut(&mut upgrade.chart).files).push(helm_chart::File {
        name: "../out".into(),
        data: Vec::new(),
    });
    let failure = helm
        .start(Operation::Upgrade(Box::new(upgrade)))
        .await
        .unwrap()
        .await
        .result
        .unwrap_err();
    assert!(failure.message.contains("leads out"), "{failure}");
    assert!(!directory.path().join("ran").exists());
}

/// The parent's part is played by this test once more, in a process of its own that can be killed.
#[test]
fn a_helm_child_dies_with_its_parent() {
    const ROLE: &str = "HELM_RELEASE_TEST_PARENT";
    const NAME: &str = "command::tests::a_helm_child_dies_with_its_parent";
    if let Some(directory) = std::env::var_os(ROLE) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let helm = runtime
            .block_on(Helm::find(&settings(Path::new(&directory))))
            .unwrap();
        let running = runtime.block_on(async { helm.start(uninstall()).await.unwrap().await });
        panic!("helm ended by itself: {running:?}");
    }
    let directory = stand_in(
        "echo v4.3.1",
        "trap '' TERM HUP; echo $$ > $here/pid; while :; do sleep 0.1; done",
    );
    let mut parent = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", NAME])
        .env(ROLE, directory.path())
        .env("TMPDIR", directory.path())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(eventually("helm has begun", || {
        read(&directory, "pid").ends_with('\n')
    }));
    let pid = read(&directory, "pid");
    assert!(lives(&pid));
    parent.kill().unwrap();
    parent.wait().unwrap();
    runtime.block_on(eventually("helm is gone", || !lives(&pid)));
}

fn template() -> Operation {
    Operation::Template(Box::new(Template {
        upgrade: upgrade(),
        is_upgrade: true,
        kube_version: "v1.37.0".into(),
        api_versions: vec!["v1".into(), "apps/v1".into()],
    }))
}

#[tokio::test]
async fn a_template_is_told_what_the_cluster_is_and_skips_tests() {
    let (helm, _directory) = helm("printf '%s\\n' \"$@\"; ls \"$3\"").await;
    let outcome = helm.start(template()).await.unwrap().await;
    assert_eq!(outcome.result, Ok(()));
    for expected in [
        "template\ngreeting\n",
        "\n--namespace=lab\n--kube-version=v1.37.0\n--api-versions=v1,apps/v1\n--is-upgrade\n--skip-tests\n",
        "\nChart.yaml\n",
    ] {
        assert!(
            outcome.stdout.contains(expected),
            "{expected:?} is not in {}",
            outcome.stdout
        );
    }
}

#[tokio::test]
async fn half_a_manifest_is_a_failure() {
    let (helm, _directory) = helm("head -c 5000000 /dev/zero | tr '\\0' x").await;
    let outcome = helm.start(template()).await.unwrap().await;
    assert!(outcome.result.is_err() && outcome.stdout.is_empty());
}

#[tokio::test]
async fn a_lost_lease_starts_no_helm_and_gives_a_stubborn_one_little_time() {
    let directory = stand_in(
        "echo v4.3.1",
        "trap '' TERM; touch $here/began; while :; do sleep 0.1; done",
    );
    let settings = Settings {
        grace: Duration::from_mins(1),
        processes: 2,
        ..settings(directory.path())
    };
    let lease = Arc::new(std::sync::atomic::AtomicBool::new(true));
    let asked = Arc::clone(&lease);
    let helm = Helm::find(&settings)
        .await
        .unwrap()
        .only_while(move || asked.load(std::sync::atomic::Ordering::SeqCst));
    let running = helm.start(uninstall()).await.unwrap();
    eventually("helm has begun", || directory.path().join("began").exists()).await;
    lease.store(false, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(
        helm.start(uninstall()).await.err(),
        Some(StartError::Stopping)
    );
    tokio::time::timeout(
        Duration::from_secs(20),
        helm.stop_all(Duration::from_millis(50)),
    )
    .await
    .unwrap();
    assert_eq!(running.await.result.unwrap_err().reason, Reason::Killed);
}
