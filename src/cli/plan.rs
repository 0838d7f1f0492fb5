//! `flashjob-operator plan`: what a FlashJob would do if it were created now. Reads only; run by a person, with that person's
//! rights.

use std::{net::Ipv4Addr, path::PathBuf, sync::Arc, time::Duration};

use k8s_openapi::api::core::v1::Namespace;
use kube::core::DeserializeGuard;

use super::{
    Failure, Output, print,
    render::device::{checked, flash_pod},
};
use crate::{
    api::{FlashClass, FlashJob, Guarded, Instance, crd::Kind},
    cluster::{ApiError, Clients, ErrorKind, Fence, Reader, Scope, clock::now},
    device::Inventory,
    flashclass::{Class, Classes, Namespaces},
    flashjob::{
        forecast::{self, Cluster},
        spec::job::Job,
    },
    settings::FlashPodSettings,
};
use helm_chart::engine::Capabilities;

/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Options of `plan`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  \
    flashjob-operator plan -f job.yaml -n demo\n  \
    flashjob-operator plan -f job.yaml -n demo --values operator-values.yaml --allowed-value-paths /resources\n  \
    flashjob-operator plan -f job.yaml -o json")]
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
    /// When a file cannot be used or the devices cannot be read.
    pub async fn run(&self) -> Result<(), Failure> {
        let clients = Clients::connect(Arc::new(Fence::default()), PATIENCE).await?;
        let namespace = clients.namespace(self.namespace.as_deref()).to_owned();
        let guard: Guarded<FlashJob> = checked(Kind::FlashJob, &namespace, &self.file)?;
        let job = Job::parse(&guard)
            .ok_or_else(|| format!("{}: the FlashJob lacks metadata.name", self.file.display()))?;
        if let Err(error) = &job.spec {
            return Err(format!(
                "{}: the FlashJob cannot be used: {error}",
                self.file.display()
            )
            .into());
        }
        let own = clients.own_addresses;
        let reader = Reader::new(clients.read, PATIENCE);
        let exists = reader
            .get::<Guarded<FlashJob>>(&job.namespace, &job.name)
            .await
            .is_ok_and(|found| found.is_some());
        let flash_pod = flash_pod(&self.settings, &self.values, Capabilities::default())?;
        let cluster = self.cluster(&reader, own).await?;
        let mut foretold = forecast::imagine(job, &cluster, &flash_pod, now());
        foretold.exists = exists;
        print(&self.output.show(&foretold, forecast::text)?)
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
