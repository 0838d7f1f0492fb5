//! The operator aborts before and after each of its writes, one after the other, and the next one carries on: nothing is lost,
//! nothing is flashed twice.
//!
//! All points of an engine are hit in one namespace: each operator is armed with the next one, so that it mostly dies where the
//! last one left off.

use std::{
    collections::HashSet,
    os::unix::process::ExitStatusExt,
    time::{Duration, Instant},
};

use flashjob_operator::crash::{Point, Side, Write};
use k8s_openapi::api::{
    coordination::v1::Lease,
    core::v1::{Secret, Service},
};
use kube::{
    Api,
    api::{
        ApiResource, DeleteParams, DynamicObject, GroupVersionKind, ListParams, Patch, PatchParams,
        PostParams,
    },
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use rstest::rstest;
use serde_json::{Value, json};

use crate::{adoption::Original, helm_engine::upgrades, host_port, pool};
use testbed::{Fleet, Operator, Params, Space, auditor::Auditor, job::job, seconds};

/// Where the operator has to be brought to by other means: a job that cannot be read needs a CRD without rules.
const ELSEWHERE: [Write; 1] = [Write::UnreadableStatus];
/// How long an operator is waited for until it is given more to do.
const MORE: Duration = seconds(4);
/// How long it may take to come to its point.
const PATIENCE: Duration = seconds(240);
/// Jobs that may be under way at the same time: a machine that is slow already gets no more to do.
const UNDER_WAY: usize = 4;

/// Arguments of an operator that loses no time with its lease, with a crash point.
pub fn arguments<'a>(engine: &'a str, point: Option<&'a str>) -> Vec<&'a str> {
    let mut arguments = vec![
        "--engine",
        engine,
        "--cool-down-seconds",
        "1",
        "--retry-base-seconds",
        "1",
        "--helm-timeout-seconds",
        "5",
        "--write-timeout-ms",
        "1500",
        "--renew-period-ms",
        "500",
    ];
    arguments.extend(point.into_iter().flat_map(|point| ["--crash-at", point]));
    arguments
}

/// Asserts that an operator which has ended aborted at its crash point.
pub fn assert_aborted(operator: &mut Operator, point: &str) {
    let status = operator.ended().unwrap();
    let log = operator.log();
    assert_eq!(
        status.signal(),
        Some(Signal::SIGABRT as i32),
        "{point}: {status}\n{log}"
    );
    let said = format!("crash point {point} reached");
    assert!(log.contains(&said), "{said}: not in the log");
}

/// A namespace in which operators die.
struct Stage<'a> {
    space: &'a Space,
    engine: &'static str,
    /// Class of its jobs, where they name one.
    class: Option<String>,
    healthy: Fleet,
    refused: Fleet,
    jobs: Api<DynamicObject>,
    next: (usize, usize),
    made: usize,
}

impl<'a> Stage<'a> {
    async fn new(space: &'a Space, engine: &'static str, class: Option<String>) -> Self {
        space.control_plane.operator_kubeconfig(); // its chart brings the CRDs
        let params = |devices, refused_share| Params {
            devices,
            refused_share,
            flash_seconds: 0.3,
            address_delay_seconds: 0.0,
            ..Params::default()
        };
        let healthy = space.fleet(params(150, 0.0)).await;
        let refused = space.fleet(params(30, 1.0)).await;
        let kind = GroupVersionKind::gvk("application.flashjob.nbfc.io", "v1alpha1", "FlashJob");
        let jobs = Api::namespaced_with(
            space.client.clone(),
            &space.name,
            &ApiResource::from_gvk(&kind),
        );
        Self {
            space,
            engine,
            class,
            healthy,
            refused,
            jobs,
            next: (0, 0),
            made: 0,
        }
    }

    /// A device that no job has named yet.
    fn device(&mut self, succeeds: bool) -> String {
        let (fleet, next) = if succeeds {
            (&self.healthy, &mut self.next.0)
        } else {
            (&self.refused, &mut self.next.1)
        };
        *next += 1;
        fleet.uuids()[*next - 1].clone()
    }

    /// A job for one more device.
    async fn begin(&mut self, succeeds: bool) {
        let device = self.device(succeeds);
        let spec = json!({"verification": {"mode": "None"}});
        self.create(&[device], &spec).await;
    }

    /// A job whose selector finds no device: without a slice of a selection its class is stored by itself.
    async fn select_nothing(&mut self) {
        let spec = json!({"uuid": null, "deviceSelector": {"configurations": ["none"]}});
        self.create(&[], &spec).await;
    }

    async fn create(&mut self, devices: &[String], spec: &Value) {
        self.made += 1;
        let mut object = job(&format!("job-{}", self.made), devices, spec);
        if let Some(class) = &self.class {
            object["spec"]["flashClassName"] = class.as_str().into();
        }
        let object = serde_json::from_value(object).unwrap();
        let created = self.jobs.create(&PostParams::default(), &object).await;
        created.unwrap();
    }

    async fn all(&self) -> Vec<DynamicObject> {
        self.jobs.list(&ListParams::default()).await.unwrap().items
    }

    /// Names of the jobs that have finished, or have not, or of which devices failed.
    async fn those(&self, which: impl Fn(&Value) -> bool) -> Vec<String> {
        let alive = |job: &DynamicObject| job.metadata.deletion_timestamp.is_none();
        let all = self.all().await.into_iter().filter(alive);
        all.filter(|job| which(&job.data["status"]))
            .filter_map(|job| job.metadata.name)
            .collect()
    }

    async fn patch(&self, name: &str, patch: &Value) {
        let parameters = PatchParams::default();
        self.jobs
            .patch(name, &parameters, &Patch::Merge(patch))
            .await
            .unwrap();
    }

    /// Lets the write be made, sooner or later.
    async fn provoke(&mut self, write: Write) {
        match write {
            Write::SelectionDelete | Write::FinalizerOff => {
                match self.those(finished).await.first() {
                    Some(name) => drop(
                        self.jobs
                            .delete(name, &DeleteParams::default())
                            .await
                            .unwrap(),
                    ),
                    None => self.begin(true).await,
                }
            }
            Write::JobDelete => match self.those(finished).await.first() {
                Some(name) => {
                    self.patch(name, &json!({"spec": {"ttlSecondsAfterFinished": 0}}))
                        .await;
                }
                None => self.begin(true).await,
            },
            Write::RerunStatus => match self.those(has_failed).await.first() {
                Some(name) => {
                    self.made += 1;
                    let rerun = json!({"spec": {"rerun": {"id": format!("again-{}", self.made), "devices": "Failed"}}});
                    self.patch(name, &rerun).await;
                }
                None => self.begin(false).await,
            },
            Write::SelectionStatus => self.select_more().await,
            Write::ClassFreeze => self.select_nothing().await,
            Write::ClassStatus => self.make_class(),
            Write::AdoptService | Write::AdoptPod => self.inherit(),
            Write::LeaseTake | Write::LeaseRenew | Write::LeaseRelease => {}
            _ => {
                let fails = write == Write::RecordFailed;
                // What the last operator had begun leads there, too; what a killed helm left only after its time-out.
                let native = self.engine == "native" && !fails;
                let enough = if native { 1 } else { UNDER_WAY };
                if self.those(|status| !finished(status)).await.len() < enough {
                    self.begin(!fails).await;
                }
            }
        }
    }

    /// One more device for the newest job.
    async fn select_more(&mut self) {
        let Some(name) = self.those(has_selected).await.pop() else {
            return self.begin(true).await;
        };
        let spec = self.jobs.get(&name).await.unwrap().data["spec"].clone();
        let mut uuids: Vec<Value> = spec["uuid"].as_array().cloned().unwrap();
        uuids.push(self.device(true).into());
        self.patch(&name, &json!({"spec": {"uuid": uuids}})).await;
    }

    /// A class of which nothing has been said yet: by this operator or, classes being the cluster's, by that of another test.
    fn make_class(&mut self) {
        self.made += 1;
        let name = format!("{}-{}", self.space.name, self.made);
        let class = json!({"apiVersion": "application.flashjob.nbfc.io/v1alpha1", "kind": "FlashClass", "metadata": {"name": name}, "spec": {}});
        self.space.apply(&class.to_string());
    }

    /// A device that the original operator is flashing.
    fn inherit(&mut self) {
        self.next.0 += 1;
        self.made += 1;
        let device = self.healthy.devices()[self.next.0 - 1].clone();
        let name = format!("job-{}", self.made);
        let original = Original::took_up(
            self.space,
            &name,
            std::slice::from_ref(&device.uuid),
            // The operator runs already: it must not be quicker than what it is to find.
            &json!({"suspend": true}),
        );
        original.flash(&device, true);
        self.space.patch_spec(&name, &json!({"suspend": false}));
    }

    /// An operator comes to this point and dies there.
    async fn crash(&mut self, point: Point) {
        let name = point.to_string();
        self.provoke(point.write).await;
        let mut operator = self.next_operator(Some(&name)).await;
        let leads = |operator: &Operator| operator.log().matches("leading identity=").count();
        let mut before = leads(&operator);
        let (begin, mut more, mut asked) = (Instant::now(), MORE, false);
        loop {
            if operator.ended().is_some() {
                if operator
                    .ended()
                    .and_then(|status| status.signal())
                    .is_some()
                {
                    break;
                }
                // It ended by itself, such as one that could not keep its lease on a busy machine: the next one tries.
                operator = self.next_operator(Some(&name)).await;
                (before, asked) = (leads(&operator), false);
            }
            assert!(
                begin.elapsed() < PATIENCE,
                "{name} was not reached\n{}",
                self.space.dump()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
            match point.write {
                Write::LeaseRelease if !asked && leads(&operator) > before => {
                    operator.signal(Signal::SIGTERM);
                    asked = true;
                }
                Write::RecordSettle => self.end_helm(operator.pid()).await,
                Write::ServiceHold => self.strip_services().await,
                _ => {}
            }
            if begin.elapsed() > more {
                more += MORE;
                self.provoke(point.write).await;
            }
        }
        assert_aborted(&mut operator, &name);
    }

    /// The next operator; the lease of the one that died is taken away, so that it need not wait for its end.
    async fn next_operator(&self, point: Option<&str>) -> Operator {
        let leases: Api<Lease> = Api::namespaced(self.space.client.clone(), &self.space.name);
        let (delete, all) = (DeleteParams::default(), ListParams::default());
        leases.delete_collection(&delete, &all).await.unwrap();
        let kubeconfig = self.space.control_plane.operator_kubeconfig();
        self.space
            .operator_again(kubeconfig, "operator", &arguments(self.engine, point))
    }

    /// A person takes the finalizers off the Services of flashes that are under way.
    async fn strip_services(&self) {
        let services: Api<Service> = Api::namespaced(self.space.client.clone(), &self.space.name);
        let bare = Patch::Merge(json!({"metadata": {"finalizers": null}}));
        for service in services.list(&ListParams::default()).await.unwrap().items {
            let parameters = PatchParams::default();
            let name = service.metadata.name.unwrap_or_default();
            // It may be gone.
            let _ = services.patch(&name, &parameters, &bare).await;
        }
    }

    /// Kills helm once it has written that it is about to install or to upgrade.
    async fn end_helm(&self, operator: u32) {
        let secrets: Api<Secret> = Api::namespaced(self.space.client.clone(), &self.space.name);
        let pending = ListParams::default().labels("status in (pending-install,pending-upgrade)");
        if !secrets
            .list_metadata(&pending)
            .await
            .unwrap()
            .items
            .is_empty()
        {
            for pid in upgrades(operator) {
                let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
        }
    }

    /// Lets an operator without a crash point do the rest; waits until nothing is under way any more.
    async fn settle(&self) {
        let mut operator = self.next_operator(None).await;
        self.space
            .eventually("end of all jobs", seconds(180), async || {
                if operator.ended().is_some() {
                    operator = self.next_operator(None).await;
                }
                let over = |job: &DynamicObject| {
                    job.metadata.deletion_timestamp.is_none() && finished(&job.data["status"])
                };
                (self.all().await.iter().all(over) && self.space.is_at_rest()).then_some(())
            })
            .await;
        assert!(operator.terminate(seconds(60)).success());
    }
}

fn finished(status: &Value) -> bool {
    let conditions = status["conditions"].as_array();
    let is = |condition: &Value| condition["type"] == "Finished" && condition["status"] == "True";
    conditions.into_iter().flatten().any(is)
}

/// Whether its round has devices.
fn has_selected(status: &Value) -> bool {
    status["selection"]["count"].as_i64() > Some(0)
}

fn has_failed(status: &Value) -> bool {
    finished(status) && status["failedIndexes"].is_string()
}

/// The writes that another engine makes otherwise, or after other ones.
fn is_the_engine_s(write: Write) -> bool {
    write.engine().is_some()
        || matches!(
            write,
            Write::Status
                | Write::PodUntrack
                | Write::PodDelete
                | Write::ServiceDelete
                | Write::RecordFailed
        )
}

#[rstest]
#[case::native("native", has_services_of_its_own)]
#[case::helm("helm", is_the_engine_s)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_that_dies_before_or_after_any_of_its_writes_leaves_nothing_wrong(
    #[case] engine: &'static str,
    #[case] which: fn(Write) -> bool,
) {
    let space = Space::new(&format!("crash-{engine}")).await;
    die_at_each_point(&space, (engine, None), which).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: make chaos-api"]
async fn an_operator_with_helm_that_dies_before_or_after_any_of_its_writes_leaves_nothing_wrong() {
    let space = Space::new("crash-helm").await;
    die_at_each_point(&space, ("helm", None), has_services_of_its_own).await;
}

#[rstest]
#[case::native("native")]
#[case::helm("helm")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: make chaos-api"]
async fn an_operator_that_dies_while_devices_dial_their_nodes_leaves_nothing_wrong(
    #[case] engine: &'static str,
) {
    let space = Space::on(host_port::plane(), &format!("crash-{engine}")).await;
    space.control_plane.operator_kubeconfig();
    let class = host_port::class(&space, host_port::FIRST);
    die_at_each_point(&space, (engine, Some(class)), has_services_of_its_own).await;
}

/// A Service of a pool is leased, and never made for one device.
fn is_of_a_pool(write: Write) -> bool {
    !matches!(write, Write::ServiceApply | Write::ServiceDelete)
}

#[rstest]
#[case::native("native")]
#[case::helm("helm")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: make chaos-api"]
async fn an_operator_that_dies_while_devices_share_a_pool_leaves_nothing_wrong(
    #[case] engine: &'static str,
) {
    let space = Space::on(pool::plane(), &format!("crash-{engine}")).await;
    space.control_plane.operator_kubeconfig();
    let class = pool::class(&space, 3);
    die_at_each_point(&space, (engine, Some(class)), is_of_a_pool).await;
}

/// Elsewhere each device has a Service of its own.
fn has_services_of_its_own(write: Write) -> bool {
    write != Write::ServiceLease
}

async fn die_at_each_point(
    space: &Space,
    (engine, class): (&'static str, Option<String>),
    which: fn(Write) -> bool,
) {
    let begin = Instant::now();
    let auditor = Auditor::of(space);
    let mut stage = Stage::new(space, engine, class).await;
    space.copy_role();
    // Something that has finished, for what can only be done to that.
    for succeeds in [true, true, false] {
        stage.begin(succeeds).await;
    }
    stage.settle().await;
    let points = Point::of_engine(engine);
    let points: Vec<_> = points
        .into_iter()
        .filter(|point| !ELSEWHERE.contains(&point.write) && which(point.write))
        .collect();
    for &point in &points {
        stage.crash(point).await;
        println!("{:>4} s: {engine} died {point}", begin.elapsed().as_secs());
    }
    stage.settle().await;
    let hit: HashSet<_> = points.iter().copied().collect();
    println!(
        "{engine}: {} points in {} s",
        hit.len(),
        begin.elapsed().as_secs()
    );
    let sides = |write: Write| {
        points
            .iter()
            .filter(|point| point.write == write)
            .map(|point| point.side)
            .collect::<Vec<_>>()
    };
    assert!(
        sides(Write::Status) == [Side::Before, Side::After],
        "{points:?}"
    );
    let report = auditor.assert();
    println!("{report}");
    for fleet in [&stage.healthy, &stage.refused] {
        let journal = fleet.journal();
        assert!(
            !journal.iter().any(|flash| flash.overlapped),
            "{journal:#?}"
        );
    }
}
