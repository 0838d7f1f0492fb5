//! Reading the one FlashJob that a subcommand is about, and what is around it. Reads only.

use std::net::Ipv4Addr;

use kube::{Api, core::DeserializeGuard};

use super::Failure;
use crate::{
    api::{FlashClass, FlashJob, Guarded, Instance, SelectedDevice},
    cluster::{ApiError, ErrorKind, Reader, Scope},
    device::{self, Inventory, StoredSlice, owned},
    flashjob::{
        explain::{self, DeviceExplanation, Known, Present},
        spec::job::Job,
    },
    identifiers::Uuid,
};

/// The job of this name.
///
/// # Errors
/// When there is none, or it cannot be read.
pub async fn find_job(reader: &Reader, namespace: &str, name: &str) -> Result<Job, Failure> {
    let found = reader.get::<Guarded<FlashJob>>(namespace, name).await?;
    let guard = found.ok_or_else(|| {
        format!(
            "namespace {namespace} has no FlashJob {name}; list them with: kubectl get flashjobs -A"
        )
    })?;
    Job::parse(&guard).ok_or_else(|| format!("FlashJob {namespace}/{name} has no uid").into())
}

/// The slices of all selections of a job.
pub(super) async fn slices(reader: &Reader, job: &Job) -> Result<Vec<StoredSlice>, ApiError> {
    let mut slices = Vec::new();
    let take = |mut revision| slices.extend(StoredSlice::take(&mut revision));
    reader.revisions(&job.namespace, &job.uid, take).await?;
    Ok(slices)
}

/// The frozen selection, if it can be read whole: one with fewer devices than the status counts has lost some.
pub async fn selection(reader: &Reader, job: &Job) -> Option<Vec<SelectedDevice>> {
    let round = job.status.round.as_ref()?;
    let slices = slices(reader, job).await.ok()?;
    let found = device::gather(slices, round.number).ok()?;
    let counted = job.status.selection.as_ref();
    let counted = counted.map_or(0, |selection| selection.count);
    let counted = usize::try_from(counted).unwrap_or(0);
    (found.len() >= counted).then_some(found)
}

/// The class of a job, if it can be read.
pub async fn class(reader: &Reader, job: &Job) -> Option<FlashClass> {
    let stamped = job.status.flash_class.as_ref();
    let spec = job.spec.as_ref().ok();
    let name = stamped
        .map(|class| class.name.as_str())
        .or_else(|| spec?.flash_class_name.as_deref())?;
    let api: Api<FlashClass> = Api::all(reader.client().clone());
    api.get_opt(name).await.ok().flatten()
}

/// A device of a job in plain words, and as it is now as far as Instances can be read. Addresses of the cluster itself, `own`, are no
/// device's.
pub async fn explain_device(
    reader: &Reader,
    known: &Known<'_>,
    uuid: &str,
    own: Vec<Ipv4Addr>,
) -> DeviceExplanation {
    let (inventory, missed) = inventory(reader, &known.job.namespace, own).await;
    let selection = known.selection.unwrap_or_default();
    let uuid = known_as(selection, uuid.into(), &inventory);
    let present = present(selection, &uuid, &inventory);
    let explanation = explain::device(known, &uuid, present.as_ref());
    match missed {
        Some(why) => explanation.without_instances(&why),
        None => explanation,
    }
}

/// Akri's devices, as far as they can be read: of a person without rights to all of them, those of the job's namespace. Why not all, where
/// it is not all.
pub async fn inventory(
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
fn known_as(selection: &[SelectedDevice], uuid: Uuid, inventory: &Inventory) -> Uuid {
    if selection.iter().any(|selected| selected.uuid == uuid) {
        return uuid;
    }
    let device = inventory
        .by_uuid(&uuid)
        .and_then(|device| device.as_ref().ok());
    let endpoint = device.map(|device| device.endpoint.to_string());
    let same = selection
        .iter()
        .find(|selected| endpoint.is_some() && selected.endpoint == endpoint);
    same.map_or(uuid, |selected| selected.uuid.clone())
}

/// The device as it is now: by its uid, else by the endpoint at which it was selected.
fn present(selection: &[SelectedDevice], uuid: &Uuid, inventory: &Inventory) -> Option<Present> {
    let by_uuid = inventory
        .by_uuid(uuid)
        .and_then(|device| device.as_ref().ok());
    let by_endpoint = || {
        let selected = selection.iter().find(|selected| selected.uuid == *uuid)?;
        inventory.by_endpoint(selected.endpoint.as_deref()?)
    };
    let device = by_uuid.or_else(by_endpoint)?;
    Some(Present {
        instance: format!("{}/{}", device.namespace, device.name),
        uuid: device.uuid.to_string(),
        version: owned(device.version.as_ref()),
    })
}
