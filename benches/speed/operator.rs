//! One run of an operator: its own process, with the rights that its chart gives it, over a fleet of its own.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use super::{
    audit::{Log, Seen},
    counters::{self, Requests},
    jobs::{self, Followed, Progress},
    machine::load,
    measurement::{Contestant, Run, Scenario, Share, float, percentile},
    process,
};
use testbed::{ControlPlane, Fleet, MAX_ADDRESSES, Operator, Params, Space, seconds};

/// Who the operator is to the API server.
pub const USER: &str = "system:serviceaccount:flashjob-system:flashjob-operator";
/// Seconds of a flash.
const FLASH_SECONDS: f64 = 0.3;

/// The devices of a scenario. All share the faults of a real fleet: half are refused, a quarter each break off and exit badly.
pub async fn fleet(scenario: &Scenario, space: &Space) -> Fleet {
    space
        .fleet(Params {
            devices: scenario.devices,
            flash_seconds: FLASH_SECONDS,
            address_delay_seconds: scenario.address_delay_seconds,
            refused_share: scenario.faults / 2.0,
            transfer_failed_share: scenario.faults / 4.0,
            exit1_share: scenario.faults / 4.0,
            addresses: MAX_ADDRESSES,
            ..Params::default()
        })
        .await
}

/// CPU seconds of a control plane.
struct Cpu {
    api_server: f64,
    /// Of all its programs, with the simulated node.
    all: f64,
}

impl Cpu {
    fn of(plane: &ControlPlane) -> Self {
        let seconds = |program: &str| process::cpu_seconds(plane.pid(program));
        let api_server = seconds("kube-apiserver");
        let others = ["etcd", "kube-controller-manager", "kube-scheduler", "kwok"];
        Self {
            api_server,
            all: api_server + others.map(seconds).iter().sum::<f64>(),
        }
    }
}

/// What was counted before a run.
pub struct Before {
    log: Log,
    requests: Requests,
    cpu: Cpu,
    load: f64,
    began: Instant,
}

impl Before {
    /// Takes the counters.
    pub async fn take(space: &Space) -> Self {
        let directory = space.control_plane.directory();
        Self {
            log: Log::from_now(directory),
            requests: counters::requests(&space.client).await,
            cpu: Cpu::of(space.control_plane),
            load: load(),
            began: Instant::now(),
        }
    }

    /// What the run came to, as far as API server and audit log tell it.
    pub async fn run(self, scenario: &Scenario, space: &Space, user: &str) -> (Run, Seen) {
        let job_seconds = self.began.elapsed().as_secs_f64();
        let cpu = Cpu::of(space.control_plane);
        let after = counters::requests(&space.client).await;
        let seen = self.log.read(&space.name, user, scenario.parallelism);
        let devices = float(seen.freed);
        let requests = after.iter().map(|(verb, count)| {
            let all = count - self.requests.get(verb).copied().unwrap_or_default();
            let ours = float(seen.ours.get(verb).copied().unwrap_or_default());
            let share = Share {
                ours: ours / devices,
                rest: (all - ours).max(0.0) / devices,
            };
            (verb.clone(), share)
        });
        let run = Run {
            devices_per_second: float(seen.freed) / seen.flashing_seconds.max(0.001),
            job_seconds,
            requests: requests
                .filter(|(_, share)| share.ours + share.rest > 0.0)
                .collect(),
            writes_per_device: float(seen.writes) / devices,
            control_plane_cpu_ms_per_device: (cpu.all - self.cpu.all) * 1000.0 / devices,
            api_server_cpu_ms_per_device: (cpu.api_server - self.cpu.api_server) * 1000.0 / devices,
            slot_to_post_p50_ms: seen.latency_ms.map(|(p50, _)| p50),
            slot_to_post_p99_ms: seen.latency_ms.map(|(_, p99)| p99),
            job_to_pod_p50_ms: percentile(&seen.job_to_pod_ms, 0.5).filter(|_| scenario.one_by_one),
            status_writes: seen.status_writes.values().map(Vec::len).sum(),
            load: [self.load, load()],
            ..Run::default()
        };
        match scenario.first {
            None => assert_eq!(seen.freed, scenario.devices, "every device is flashed once"),
            Some(first) => assert!(seen.freed >= first, "{} of {first}", seen.freed),
        }
        (run, seen)
    }
}

/// Flashes a fleet with an operator.
pub async fn run(scenario: &Scenario, original: Option<&Path>) -> Run {
    let space = Space::on(ControlPlane::shared(), "speed").await;
    let fleet = fleet(scenario, &space).await;
    space.control_plane.operator_kubeconfig();
    let mut process = Process::start(scenario, &space, original);
    process.leads().await;
    let mut followed = Followed::begin(&space);
    let before = Before::take(&space).await;
    let cpu = process::cpu_seconds(process.pid());
    let jobs = jobs::of(scenario, &fleet, &space);
    let created = jobs.len();
    for (number, job) in (1..).zip(jobs) {
        jobs::create(&space, job).await;
        if scenario.one_by_one {
            followed.finished(number).await;
        }
    }
    let progress = if let Some(first) = scenario.first {
        let progress = followed.succeeded(first).await;
        jobs::suspend(&space, "speed").await;
        progress
    } else {
        followed.finished(created).await
    };
    removed(&space).await;
    let cpu = process::cpu_seconds(process.pid()) - cpu;
    let memory = process::peak_memory_mib(process.pid());
    let status_bytes = process.status_bytes();
    let (run, seen) = before.run(scenario, &space, process.user()).await;
    Run {
        cpu_ms_per_device: Some(cpu * 1000.0 / float(seen.freed)),
        peak_memory_mib: memory,
        ..with_status(run, &seen, &progress, status_bytes)
    }
}

fn with_status(run: Run, seen: &Seen, progress: &Progress, bytes: Option<f64>) -> Run {
    let size = bytes.map_or(0.0, |bytes| bytes / float(run.status_writes.max(1)));
    // A new round and a job's end are written at once; what is paced lies between.
    let gaps = seen.status_writes.values().flat_map(|times| {
        let paced = times.get(2..times.len().saturating_sub(1)).unwrap_or(&[]);
        paced
            .windows(2)
            .map(|pair| pair[1].duration_since(pair[0]).as_secs_f64())
    });
    let wanted = (size / 100_000.0).max(1.0);
    Run {
        largest_job_kib: float(progress.largest) / 1024.0,
        status_bytes_per_second: bytes.map(|bytes| bytes / run.job_seconds.max(0.001)),
        status_gap_ratio: gaps.min_by(f64::total_cmp).map(|gap| gap / wanted),
        ..run
    }
}

/// Waits until nothing is left of the devices but the records of those that failed.
async fn removed(space: &Space) {
    space
        .eventually("end of the last release", seconds(120), async || {
            space.is_at_rest().then_some(())
        })
        .await;
}

/// The operator, or the original.
enum Process {
    Own(Operator),
    Original(Child),
}

impl Process {
    fn start(scenario: &Scenario, space: &Space, original: Option<&Path>) -> Self {
        let engine = match scenario.contestant {
            Contestant::Original => {
                let program = original.expect("ORIGINAL_OPERATOR names the program");
                return Self::Original(start_original(program, space));
            }
            Contestant::Helm => "helm",
            Contestant::Native | Contestant::Raw | Contestant::HelmCli => "native",
        };
        let slots = scenario.parallelism.to_string();
        Self::Own(space.operator(&[
            "--engine",
            engine,
            "--max-in-flight",
            &slots,
            "--helm-processes",
            "4",
        ]))
    }

    fn pid(&self) -> u32 {
        match self {
            Self::Own(operator) => operator.pid(),
            Self::Original(child) => child.id(),
        }
    }

    const fn user(&self) -> &'static str {
        match self {
            Self::Own(_) => USER,
            Self::Original(_) => "admin",
        }
    }

    /// Waits until it leads.
    async fn leads(&mut self) {
        let Self::Own(operator) = self else {
            return tokio::time::sleep(seconds(5)).await;
        };
        let limit = Instant::now() + seconds(60);
        while counters::of_operator(operator.http_port(), "flashjob_leader ") != Some(1.0) {
            assert!(
                Instant::now() < limit,
                "the operator leads:\n{}",
                operator.log()
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        // What it lists first is not part of the run.
        tokio::time::sleep(seconds(2)).await;
    }

    fn status_bytes(&self) -> Option<f64> {
        let Self::Own(operator) = self else {
            return None;
        };
        let name = "flashjob_status_written_bytes_total ";
        counters::of_operator(operator.http_port(), name)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Self::Original(child) = self {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The original takes its cluster from KUBECONFIG and has the usual arguments of its framework.
fn start_original(program: &Path, space: &Space) -> Child {
    let log = space.control_plane.directory().join("original.log");
    let log = std::fs::File::create(log).unwrap();
    let child = Command::new(program)
        .env("KUBECONFIG", space.control_plane.kubeconfig("admin"))
        .args(["--metrics-bind-address=0", "--health-probe-bind-address=0"])
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap_or_else(|error| panic!("could not run {}: {error}", program.display()));
    space.control_plane.register("original", child.id());
    child
}
