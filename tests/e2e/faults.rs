//! Whatever happens to requests and watches on their way to the API server and back: jobs end with the right verdicts, no device
//! is flashed twice, and nothing is left behind.

use rstest::rstest;
use serde_json::json;

use testbed::{
    Faults, Fleet, Params, Proxy, Space, Supervised, auditor::Auditor, job::job, proxy::Fault,
    seconds,
};

/// What a run is like.
struct Run {
    engine: &'static str,
    /// Share of the requests to which something happens.
    share: f64,
    devices: usize,
    parallelism: usize,
    /// Seconds until the job is to have ended.
    within: u64,
}

impl Run {
    fn arguments(&self) -> [&'static str; 6] {
        [
            "--engine",
            self.engine,
            "--cool-down-seconds",
            "2",
            "--helm-timeout-seconds",
            "20",
        ]
    }

    async fn fleet(&self, space: &Space) -> Fleet {
        let params = Params {
            devices: self.devices,
            flash_seconds: 2.0,
            address_delay_seconds: 0.2,
            reboot_seconds: 0.5,
            refused_share: 0.1,
            exit1_share: 0.05,
            ..Params::default()
        };
        space.fleet(params).await
    }
}

/// One run at a time: two of them are more than a small machine can do.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

fn seed() -> u64 {
    let seed = std::env::var("FLASHJOB_TEST_SEED")
        .map_or_else(|_| rand::random(), |seed| seed.parse().unwrap());
    println!("faults: FLASHJOB_TEST_SEED={seed}");
    seed
}

/// A job of such a run, from its beginning until nothing of it is left.
async fn goes_well(run: &Run, name: &str) {
    let _turn = TURN.lock().await;
    let space = Space::new(name).await;
    let auditor = Auditor::of(&space);
    let fleet = run.fleet(&space).await;
    let user = space.control_plane.operator_kubeconfig();
    let faults = Faults::everywhere(run.share);
    let proxy = Proxy::start(space.control_plane, user, seed(), faults).await;
    let mut supervised = Supervised::start_as(&space, proxy.kubeconfig(), &run.arguments());
    // The verdict is that on the transfer: what a device reports afterwards is not what is asked here.
    let spec = json!({
        "parallelism": run.parallelism, "activeDeadlineSecondsPerDevice": 120, "backoffLimitPerDevice": 0,
        "verification": {"mode": "None"},
    });
    space.apply(&job("faulty", &fleet.uuids(), &spec).to_string());
    let done = space
        .eventually("end of the job", seconds(run.within), async || {
            supervised.look();
            Some(space.job("faulty")).filter(|job| job.is("Finished"))
        })
        .await;
    println!(
        "{:?} happened; the operator was started {} times again",
        proxy.happened(),
        supervised.restarts
    );
    assert!(proxy.happened().values().sum::<usize>() > 0);
    space.assert_verdicts(&done, &fleet);
    space.assert_flashed(&fleet, 1);
    space.kubectl(&["delete", "flashjob", "faulty", "--wait=false"]);
    space
        .eventually("nothing left", seconds(run.within), async || {
            supervised.look();
            let jobs = ["get", "flashjobs", "--ignore-not-found", "-o", "name"];
            (space.kubectl(&jobs).is_empty() && space.left_behind().is_empty()).then_some(())
        })
        .await;
    space.assert_flashed(&fleet, 1);
    println!("{}", auditor.assert());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_ends_well_when_every_tenth_request_fails_and_watches_are_late_cut_and_expired() {
    let run = Run {
        engine: "native",
        share: 0.1,
        devices: 12,
        parallelism: 4,
        within: 180,
    };
    goes_well(&run, "faults").await;
}

/// Waits until that many writes were refused in all, lets everything through from then on, and returns how many they are now.
async fn refused_then_let_through(space: &Space, proxy: &Proxy, at_least: usize) -> usize {
    let happened = || proxy.happened().values().sum::<usize>();
    let refused = async || (happened() >= at_least).then_some(());
    space
        .eventually("refused writes", seconds(120), refused)
        .await;
    proxy.set(Faults::default());
    happened()
}

/// Flashes the whole fleet by the FlashJob `job`, which reads nothing back.
fn flash_unverified(space: &Space, fleet: &Fleet) {
    let spec = json!({"verification": {"mode": "None"}});
    space.apply(&job("job", &fleet.uuids(), &spec).to_string());
}

/// An admission webhook answers a DELETE with 409 as well, and so may any proxy: it proves nothing of the object.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_whose_delete_meets_a_conflict_is_not_forgotten() {
    let space = Space::new("conflict").await;
    let fleet = space.healthy(2, 4.0).await;
    let user = space.control_plane.operator_kubeconfig();
    let proxy = Proxy::start(space.control_plane, user, 1, Faults::default()).await;
    let _operator = space.operator_as(proxy.kubeconfig(), "operator", &["--engine", "native"]);
    flash_unverified(&space, &fleet);
    let deployed = async || {
        let releases = space.releases();
        let deployed = releases
            .iter()
            .filter(|release| release["status"] == "deployed");
        (deployed.count() == 2).then_some(())
    };
    space
        .eventually("two deployed releases", seconds(120), deployed)
        .await;
    proxy.set(Faults::always(Fault::Conflict, "/secrets"));
    refused_then_let_through(&space, &proxy, 2).await;
    space.finished("job", 120).await;
    let gone = async || space.releases().is_empty().then_some(());
    space.eventually("no release", seconds(60), gone).await;
    space.delete_job("job", 60).await;
    space.assert_flashed(&fleet, 1);
}

/// The same of the FlashJob itself: what was refused without a reason is tried again, though nothing happens to the object.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_finalizer_whose_write_meets_a_conflict_is_put_on_and_taken_off_later() {
    let space = Space::new("finalizer").await;
    let fleet = space.healthy(1, 0.5).await;
    let user = space.control_plane.operator_kubeconfig();
    let faults = Faults::always(Fault::Conflict, "/flashjobs/job");
    let proxy = Proxy::start(space.control_plane, user, 1, faults).await;
    let _operator = space.operator_as(proxy.kubeconfig(), "operator", &["--engine", "native"]);
    flash_unverified(&space, &fleet);
    let before = refused_then_let_through(&space, &proxy, 1).await;
    space.finished("job", 60).await;
    proxy.set(Faults::always(Fault::Conflict, "/flashjobs/job"));
    space.kubectl(&["delete", "flashjob", "job", "--wait=false"]);
    refused_then_let_through(&space, &proxy, before + 1).await;
    let gone = async || space.find_job("job").is_none().then_some(());
    space
        .eventually("end of the deletion", seconds(60), gone)
        .await;
    space.assert_flashed(&fleet, 1);
}

/// A kubelet that restarts it waits longer each time: what passes by itself is waited for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_that_starts_while_the_api_server_refuses_asks_again_and_still_stops_when_told()
{
    let space = Space::new("start").await;
    let user = space.control_plane.operator_kubeconfig();
    let faults = Faults::always(Fault::Unavailable, "");
    let proxy = Proxy::start(space.control_plane, user, 1, faults).await;
    let start = |name| space.operator_as(proxy.kubeconfig(), name, &["--engine", "native"]);
    let (mut stopped, mut operator) = (start("stopped"), start("operator"));
    for one in [&stopped, &operator] {
        let asks_again = async || one.log().contains("trying again").then_some(());
        space
            .eventually("another try", seconds(30), asks_again)
            .await;
    }
    assert!(stopped.terminate(seconds(5)).success());
    proxy.set(Faults::default());
    let leads = async || operator.log().contains("leading identity=").then_some(());
    space.eventually("leader", seconds(60), leads).await;
    assert_eq!(operator.ended(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_cannot_read_its_values_keeps_its_lease_says_so_and_goes_on_when_it_can() {
    let space = Space::new("unread").await;
    let fleet = space.healthy(1, 0.5).await;
    let values = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "values"}});
    space.apply(&values.to_string());
    let user = space.control_plane.operator_kubeconfig();
    let faults = Faults::always(Fault::Silence, "/configmaps");
    let proxy = Proxy::start(space.control_plane, user, 1, faults).await;
    let arguments = [
        "--engine",
        "native",
        "--flash-pod-values-configmap",
        "values",
    ];
    let mut operator = space.operator_as(proxy.kubeconfig(), "operator", &arguments);
    flash_unverified(&space, &fleet);
    let says_so = async || {
        let status = &space.job("job").0["status"];
        let message = status["message"].as_str().unwrap_or_default();
        message.contains("was not read yet").then_some(())
    };
    space.eventually("word of it", seconds(60), says_so).await;
    assert_eq!(operator.ended(), None, "its lease is kept");
    space.assert_flashed(&fleet, 0);
    proxy.set(Faults::default());
    space.finished("job", 120).await;
    space.assert_flashed(&fleet, 1);
    assert_eq!(operator.ended(), None);
}

#[rstest]
#[case::native_hundredth(Run { engine: "native", share: 0.01, devices: 200, parallelism: 20, within: 600 })]
#[case::native_tenth(Run { engine: "native", share: 0.1, devices: 100, parallelism: 20, within: 900 })]
#[case::native_half(Run { engine: "native", share: 0.5, devices: 20, parallelism: 10, within: 1800 })]
#[case::helm_hundredth(Run { engine: "helm", share: 0.01, devices: 30, parallelism: 6, within: 900 })]
#[case::helm_tenth(Run { engine: "helm", share: 0.1, devices: 20, parallelism: 4, within: 1800 })]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes half an hour: make chaos-api"]
async fn jobs_end_well_at_any_share_of_faults(#[case] run: Run) {
    let name = format!("faults-{}-{}", run.engine, run.share * 100.0);
    goes_well(&run, &name).await;
}

#[rstest]
#[case::log("/log")]
#[case::secrets("/secrets")]
#[case::pods("/pods")]
#[case::selection("/controllerrevisions")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: make chaos-api"]
async fn a_request_that_is_never_answered_is_given_up_and_the_job_goes_on(
    #[case] path: &'static str,
) {
    let space = Space::new("silence").await;
    let fleet = space.healthy(4, 2.0).await;
    let user = space.control_plane.operator_kubeconfig();
    let proxy = Proxy::start(space.control_plane, user, 1, Faults::default()).await;
    let arguments = ["--engine", "native", "--cool-down-seconds", "2"];
    let mut supervised = Supervised::start_as(&space, proxy.kubeconfig(), &arguments);
    let leads = async || {
        let log = supervised.log();
        log.contains("leading identity=").then_some(())
    };
    space.eventually("leader", seconds(60), leads).await;
    proxy.set(Faults::always(Fault::Silence, path));
    let spec = json!({"parallelism": 2, "verification": {"mode": "None"}});
    space.apply(&job("silent", &fleet.uuids(), &spec).to_string());
    let silent = async || (proxy.happened().len() == 1).then_some(());
    space.eventually("silence", seconds(60), silent).await;
    // Those that wait already are never answered, whatever happens to the others.
    proxy.set(Faults::default());
    let done = space
        .eventually("end of the job", seconds(180), async || {
            supervised.look();
            Some(space.job("silent")).filter(|job| job.is("Finished"))
        })
        .await;
    space.assert_verdicts(&done, &fleet);
    space.assert_flashed(&fleet, 1);
}
