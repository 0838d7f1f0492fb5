//! `flashjob-operator explain`: a FlashJob, or one device of it, in plain words. Reads only; run by a person, with that person's
//! rights.

use std::{net::Ipv4Addr, time::Duration};

use kube::{Api, core::DeserializeGuard};

use super::{Failure, Output, connection::Connection, job::find_job, operator, print};
use crate::{
    api::{FlashClass, Instance, SelectedDevice},
    cluster::{ErrorKind, Reader, Scope, clock::now},
    device::{self, Inventory},
    flashjob::{
        explain::{self, Known, Present},
        spec::job::Job,
    },
};

/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// Options of `explain`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  \
    flashjob-operator explain my-job -n demo\n  \
    flashjob-operator explain my-job 7e4a6e7b-bee6-4fac-bdea-43d671baaa15 -n demo\n  \
    flashjob-operator explain my-job -n demo -o yaml\n\n\
    Rights: get flashjobs in the namespace. To say of each device what it waits for, list controllerrevisions there; to show the \
     device as it is now, list instances.akri.sh; to know the class, get flashclasses; to see whether the operator \
     watches the namespace, get its Deployment and ConfigMap. The ClusterRole flashjob-user gives them; explain says \
     \"unknown\" where you may not read something.")]
pub struct Explain {
    /// Name of the FlashJob.
    #[arg(value_name = "JOB")]
    job: String,

    /// UUID of one of its devices: as the job names it, or that of its Instance now.
    #[arg(value_name = "UUID")]
    uuid: Option<String>,

    #[command(flatten)]
    connection: Connection,

    /// Namespace. Unset: that of the kubeconfig's context.
    #[arg(long, short)]
    namespace: Option<String>,

    /// How it is printed.
    #[arg(long, short, value_enum, default_value_t)]
    output: Output,

    /// Namespace of the operator, whose settings say whether it watches the job's.
    #[arg(long, default_value = "flashjob-system", value_name = "NAMESPACE")]
    operator_namespace: String,
}

impl Explain {
    /// Prints what is known.
    ///
    /// # Errors
    /// When the job cannot be read. What else cannot be read is left out.
    pub async fn run(&self) -> Result<(), Failure> {
        let clients = self.connection.reading(PATIENCE).await?;
        let namespace = clients.namespace(self.namespace.as_deref()).to_owned();
        let own = clients.own_addresses;
        let reader = Reader::new(clients.read, PATIENCE);
        let job = find_job(&reader, &namespace, &self.job).await?;
        let selection = selection(&reader, &job).await;
        let class = class(&reader, &job).await;
        let known = Known {
            job: &job,
            selection: selection.as_deref(),
            class: class.as_ref(),
            watched: self.watched(&reader, &job).await,
            now: now(),
        };
        let text = match &self.uuid {
            None => self.output.show(&explain::job(&known), explain::job_text)?,
            Some(uuid) => {
                let (inventory, missed) = inventory(&reader, &namespace, own).await;
                let known_as = known_as(known.selection.unwrap_or_default(), uuid, &inventory);
                let present = present(known.selection.unwrap_or_default(), known_as, &inventory);
                let explanation = explain::device(&known, known_as, present.as_ref());
                let explanation = match missed {
                    Some(why) => explanation.without_instances(&why),
                    None => explanation,
                };
                self.output.show(&explanation, explain::device_text)?
            }
        };
        print(&text)
    }
}

impl Explain {
    /// Whether the operator watches the namespace of the job; asked only of one without a status.
    async fn watched(&self, reader: &Reader, job: &Job) -> Option<bool> {
        if !job.is_unseen() {
            return None;
        }
        let operator = operator::find(reader, &self.operator_namespace)
            .await
            .ok()?;
        Some(operator.settings.scope().contains(&job.namespace))
    }
}

/// The frozen selection, if it can be read whole.
async fn selection(reader: &Reader, job: &Job) -> Option<Vec<SelectedDevice>> {
    let round = job.status.round.as_ref()?;
    let slices = reader.revisions(&job.namespace, &job.uid).await.ok()?;
    device::gather(&slices, round.number).ok()
}

async fn class(reader: &Reader, job: &Job) -> Option<FlashClass> {
    let stamped = job.status.flash_class.as_ref();
    let spec = job.spec.as_ref().ok();
    let name = stamped
        .map(|class| class.name.as_str())
        .or_else(|| spec?.flash_class_name.as_deref())?;
    let api: Api<FlashClass> = Api::all(reader.client().clone());
    api.get_opt(name).await.ok().flatten()
}

/// Akri's devices, as far as they can be read: of a person without rights to all of them, those of the job's namespace. Why not all, where
/// it is not all.
async fn inventory(
    reader: &Reader,
    namespace: &str,
    own: Vec<Ipv4Addr>,
) -> (Inventory, Option<String>) {
    let listed = reader.list::<DeserializeGuard<Instance>>(&Scope::All, "");
    let error = match listed.await {
        Ok(listed) => return (Inventory::of(&listed, own), None),
        Err(error) if error.is_not_found() => return (Inventory::of(&[], own), None),
        Err(error) => error,
    };
    let within = Scope::Namespaces([namespace.to_owned()].into());
    let listed = reader.list::<DeserializeGuard<Instance>>(&within, "");
    let why = match error.kind {
        ErrorKind::Forbidden => "you may not list instances.akri.sh in the whole cluster".into(),
        _ => error.to_string(),
    };
    let inventory = Inventory::of(&listed.await.unwrap_or_default(), own);
    (inventory, Some(why))
}

/// The UUID under which the job knows the device: after a flash its Instance has another one.
fn known_as<'a>(selection: &'a [SelectedDevice], uuid: &'a str, inventory: &Inventory) -> &'a str {
    if selection.iter().any(|selected| selected.uuid == uuid) {
        return uuid;
    }
    let device = inventory
        .by_uuid(uuid)
        .and_then(|device| device.as_ref().ok());
    let endpoint = device.map(|device| device.endpoint.to_string());
    let same = selection
        .iter()
        .find(|selected| endpoint.is_some() && selected.endpoint == endpoint);
    same.map_or(uuid, |selected| &selected.uuid)
}

/// The device as it is now: by its uid, else by the endpoint at which it was selected.
fn present(selection: &[SelectedDevice], uuid: &str, inventory: &Inventory) -> Option<Present> {
    let by_uuid = inventory
        .by_uuid(uuid)
        .and_then(|device| device.as_ref().ok());
    let by_endpoint = || {
        let selected = selection.iter().find(|selected| selected.uuid == uuid)?;
        inventory.by_endpoint(selected.endpoint.as_deref()?)
    };
    let device = by_uuid.or_else(by_endpoint)?;
    Some(Present {
        instance: format!("{}/{}", device.namespace, device.name),
        uuid: device.uuid.clone(),
        version: device.version.clone(),
    })
}
