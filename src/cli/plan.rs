//! `flashjob-operator plan`: what a FlashJob would do if it were created now. Reads only; run by a person, with that person's
//! rights.

use std::{path::PathBuf, sync::Arc, time::Duration};

use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, ResourceExt, api::ListParams, core::DeserializeGuard};

use super::{
    Failure, Output, print,
    render::device::{flash_pod, object_in},
};
use crate::{
    api::{FlashClass, FlashJob, Instance},
    chart::template::Capabilities,
    cluster::{ApiError, Clients, ErrorKind, Fence, Reader, Scope, clock::now},
    device::Inventory,
    flashclass::{Class, Classes, Namespaces},
    flashjob::{
        forecast::{self, Cluster},
        job::Job,
    },
    settings::FlashPodSettings,
};

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

    /// Namespace of the operator, which classes may name by "Same".
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
        let namespace = self
            .namespace
            .as_ref()
            .unwrap_or(&clients.default_namespace);
        let guard: DeserializeGuard<FlashJob> = object_in(namespace, &self.file)?;
        let job = Job::parse(&guard)
            .ok_or_else(|| format!("{}: the FlashJob lacks metadata.name", self.file.display()))?;
        if let Err(error) = &job.spec {
            return Err(format!(
                "{}: the FlashJob cannot be used: {error}",
                self.file.display()
            )
            .into());
        }
        let reader = Reader::new(clients.read, PATIENCE);
        let exists = reader
            .get::<DeserializeGuard<FlashJob>>(&job.namespace, &job.name)
            .await
            .is_ok_and(|found| found.is_some());
        let flash_pod = flash_pod(&self.settings, &self.values, Capabilities::default())?;
        let cluster = self.cluster(&reader).await?;
        let mut foretold = forecast::imagine(job, &cluster, &flash_pod, now());
        foretold.exists = exists;
        print(&self.output.show(&foretold, forecast::text)?)
    }

    async fn cluster(&self, reader: &Reader) -> Result<Cluster, ApiError> {
        let mut inventory = Inventory::default();
        let listed = reader
            .list::<DeserializeGuard<Instance>>(&Scope::All, "")
            .await;
        let akri_installed = !matches!(&listed, Err(error) if error.is_not_found());
        let listed = match listed {
            Err(error) if error.is_not_found() => Vec::new(),
            other => other?,
        };
        for guard in listed {
            if let Ok(instance) = &guard.0 {
                inventory.apply(instance);
            }
        }
        Ok(Cluster {
            inventory,
            akri_installed,
            classes: classes(reader).await?,
            namespaces: namespaces(reader).await?,
            own_namespace: self.operator_namespace.clone(),
            max_in_flight: usize::try_from(self.max_in_flight).unwrap_or(usize::MAX),
        })
    }
}

async fn classes(reader: &Reader) -> Result<Classes, ApiError> {
    let api: Api<DeserializeGuard<FlashClass>> = Api::all(reader.client().clone());
    let listed = api.list(&ListParams::default()).await;
    let mut classes = Classes::default();
    match listed.map_err(|error| ApiError::new("list FlashClasses", &error)) {
        Err(error) if error.is_not_found() => return Ok(classes),
        listed => {
            classes.installed = true;
            for class in listed?.items.iter().filter_map(Class::parse) {
                classes.see(class);
            }
        }
    }
    Ok(classes)
}

/// Labels of namespaces. Who may not list them plans as if none had labels.
async fn namespaces(reader: &Reader) -> Result<Namespaces, ApiError> {
    let api: Api<Namespace> = Api::all(reader.client().clone());
    let listed = api.list_metadata(&ListParams::default()).await;
    match listed.map_err(|error| ApiError::new("list Namespaces", &error)) {
        Err(error) if error.kind == ErrorKind::Forbidden => Ok(Namespaces::new()),
        listed => Ok(listed?
            .items
            .into_iter()
            .map(|namespace| (namespace.name_any(), namespace.labels().clone()))
            .collect()),
    }
}
