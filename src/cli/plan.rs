//! `flashjob-operator plan`: what a FlashJob would do if it were created now. Reads only; run by a person, with that person's
//! rights.

use std::{net::Ipv4Addr, path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use k8s_openapi::api::{apps::v1::ControllerRevision, core::v1::Namespace};
use kube::core::DeserializeGuard;

use super::{
    Failure, Output, complain, print,
    render::device::{InvalidSpec, checked, flash_pod},
};
use crate::{
    api::{FlashClass, FlashJob, Guarded, Instance, Round, crd::Kind},
    cluster::{ApiError, Clients, ErrorKind, Fence, Reader, Scope, clock::now},
    device::{self, Inventory},
    flashclass::{Class, Classes, Namespaces},
    flashjob::{
        forecast::{self, Cluster},
        observe::selection::Selection,
        spec::job::Job,
    },
    names::LABEL_JOB_UID,
    settings::FlashPodSettings,
};
use helm_chart::engine::Capabilities;

/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Exit code where something would be refused, or nothing would start until somebody acts.
const REFUSED: u8 = 3;

/// Options of `plan`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  \
    flashjob-operator plan -f job.yaml -n demo\n  \
    flashjob-operator plan -f job.yaml -n demo --values operator-values.yaml --allowed-value-paths /resources\n  \
    flashjob-operator plan -f job.yaml -o json\n\n\
    Exit codes:\n  \
    0  every device would be flashed, or needs no flash\n  \
    1  it cannot be told: the file or the cluster cannot be read\n  \
    2  wrong usage\n  \
    3  something would be refused, is not discovered, or nothing would start until somebody acts")]
pub struct Plan {
    /// File of the FlashJob.
    #[arg(long = "file", short = 'f', value_name = "FILE")]
    file: PathBuf,

    /// Namespace, where the file names none. Unset: that of the kubeconfig's context.
    #[arg(long, short)]
    namespace: Option<String>,

    /// How it is printed.
    #[arg(long, short, value_enum, default_value_t)]
    output: Output,

    /// Chart values of the administrator for all devices. Later files win.
    #[arg(long, value_name = "FILE")]
    values: Vec<PathBuf>,

    /// Devices in flight at the same time, over all FlashJobs: the operator's --max-in-flight.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..), value_name = "COUNT")]
    max_in_flight: u32,

    /// Seconds that an address is kept after a transfer that was cut off: the operator's --cool-down-seconds.
    #[arg(long, default_value_t = 90, value_name = "SECONDS")]
    cool_down_seconds: u32,

    /// Namespace of the operator, which a class may mean.
    #[arg(long, default_value = "flashjob-system", value_name = "NAMESPACE")]
    operator_namespace: String,

    #[command(flatten)]
    settings: FlashPodSettings,
}

impl Plan {
    /// Prints what would happen.
    ///
    /// # Errors
    /// When it cannot be told: a file cannot be read, or the cluster.
    pub async fn run(&self) -> Result<ExitCode, Failure> {
        let clients = Clients::connect(Arc::new(Fence::default()), PATIENCE).await;
        let here = clients.as_ref().ok();
        let here = here.map(|clients| clients.namespace(self.namespace.as_deref()).to_owned());
        let namespace = here.or_else(|| self.namespace.clone());
        let guard = checked(
            Kind::FlashJob,
            namespace.as_deref().unwrap_or("default"),
            &self.file,
        );
        let guard: Guarded<FlashJob> = match guard {
            Err(error) if error.is::<InvalidSpec>() => return Ok(refused(&error.to_string())),
            other => other?,
        };
        let file = self.file.display();
        let job = Job::parse(&guard)
            .ok_or_else(|| format!("{file}: the FlashJob lacks metadata.name"))?;
        let invalid = job.spec.as_ref().err().or(job.invalid.as_ref());
        if let Some(error) = invalid {
            let words = format!("{file}: the FlashJob cannot be used: {error}");
            return Ok(refused(&words));
        }
        let flash_pod = flash_pod(&self.settings, &self.values, Capabilities::default())?;
        let unreachable = |error: Failure| -> Failure {
            format!(
                "{file} is valid by itself. Not checked, for that needs a cluster that can be read: its class, its devices, and what \
                 chart and guard make of their values: {error}"
            )
            .into()
        };
        let clients = clients.map_err(|error| unreachable(error.into()))?;
        let own = clients.own_addresses;
        let reader = Reader::new(clients.read, PATIENCE);
        let cluster = self.cluster(&reader, own).await;
        let mut cluster = cluster.map_err(|error| unreachable(error.into()))?;
        let ask = |values: &_| flash_pod.class_fault(values);
        cluster.classes.check(ask);
        let existing = existing(&reader, &job).await;
        let wanted = job.wanted_round(0);
        let before = existing.as_ref().and_then(|(_, before)| before.as_ref());
        let mut foretold = forecast::imagine(job, before, &cluster, &flash_pod, now());
        foretold.exists = existing.is_some();
        let round = existing.and_then(|(existing, _)| existing.status.round);
        let same = |round: &Round| {
            let number = round.number;
            wanted.as_ref().is_some_and(|wanted| {
                Round {
                    number,
                    ..wanted.clone()
                } == *round
            })
        };
        foretold.current_round = round.filter(same).map(|round| round.number);
        print(&self.output.show(&foretold, forecast::text)?)?;
        Ok(if foretold.would_run() {
            ExitCode::SUCCESS
        } else {
            ExitCode::from(REFUSED)
        })
    }

    async fn cluster(&self, reader: &Reader, own: Vec<Ipv4Addr>) -> Result<Cluster, ApiError> {
        let listed = reader
            .list::<DeserializeGuard<Instance>>(&Scope::All, "")
            .await;
        let akri_installed = !matches!(&listed, Err(error) if error.is_not_found());
        let listed = match listed {
            Err(error) if error.is_not_found() => Vec::new(),
            other => other?,
        };
        Ok(Cluster {
            inventory: Inventory::of(&listed, own),
            akri_installed,
            max_in_flight: usize::try_from(self.max_in_flight).unwrap_or(usize::MAX),
            cool_down_seconds: i64::from(self.cool_down_seconds),
            classes: classes(reader).await?,
            namespaces: namespaces(reader).await?,
            own_namespace: self.operator_namespace.clone(),
        })
    }
}

fn refused(words: &str) -> ExitCode {
    complain(words);
    ExitCode::from(REFUSED)
}

/// The job of that name as it is stored, with the devices that its round froze, as far as they can be read.
async fn existing(reader: &Reader, job: &Job) -> Option<(Job, Option<Selection>)> {
    let found = reader.get::<Guarded<FlashJob>>(&job.namespace, &job.name);
    let stored = Job::parse(&found.await.ok()??)?;
    let round = stored.status.round.as_ref().map(|round| round.number);
    let scope = Scope::of(std::slice::from_ref(&job.namespace));
    let selector = format!("{LABEL_JOB_UID}={}", stored.uid);
    let slices = reader.list::<ControllerRevision>(&scope, &selector).await;
    let devices = slices.ok().zip(round).and_then(|(slices, round)| {
        let devices = device::gather(&slices, round).ok()?;
        let named = Selection::named_by(&stored.status, round, devices);
        // Not those of a slice that somebody altered; which of them bear a seal only the operator can tell.
        let hash = device::hash(named.devices());
        let intact = stored
            .status
            .selection
            .as_ref()
            .is_some_and(|known| known.hash == hash);
        intact.then_some(named)
    });
    Some((stored, devices))
}

/// Every FlashClass.
async fn classes(reader: &Reader) -> Result<Classes, ApiError> {
    let listed = reader.list_all::<Guarded<FlashClass>>().await;
    let mut classes = Classes::default();
    let listed = match listed {
        Err(error) if error.is_not_found() => return Ok(classes),
        other => other?,
    };
    classes.installed = true;
    for class in listed.iter().filter_map(Class::parse) {
        classes.see(class);
    }
    Ok(classes)
}

/// Labels of all namespaces: classes choose namespaces by them. Whoever may not list namespaces sees none of them, and a class
/// that chooses by labels is then said not to admit the job.
async fn namespaces(reader: &Reader) -> Result<Namespaces, ApiError> {
    let listed = match reader.list_all::<Namespace>().await {
        Err(error) if error.kind == ErrorKind::Forbidden => Vec::new(),
        other => other?,
    };
    let labels = |namespace: Namespace| {
        let name = namespace.metadata.name?;
        Some((name, namespace.metadata.labels.unwrap_or_default()))
    };
    Ok(listed.into_iter().filter_map(labels).collect())
}
