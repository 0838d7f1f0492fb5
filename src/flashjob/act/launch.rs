//! Writes 4 and 5: the Pod, then the record that says it was launched. From write 4 on the device is in flight.

use k8s_openapi::api::core::v1::Pod;

use super::{
    ActionError,
    lookup::get_pod,
    native::rendered,
    record::{put_deployed, put_launched},
    reserve::{admitted_still, recorded},
};
use crate::{
    flash_pod::service_mode::NODE_ADDRESS,
    flashjob::{act::context::Context, observe::objects::Identity},
    names::FLASH_CONTAINER,
};
use helm_release::has_pod;

/// Creates the Pod and marks the record.
///
/// # Errors
/// When the record was altered, the guard refuses, or a write failed. A lost answer is looked up, never repeated blindly.
pub async fn launch(ctx: &Context, identity: &Identity, address: &str) -> Result<(), ActionError> {
    admitted_still(ctx, identity)?;
    let recorded = recorded(ctx, identity)?;
    ctx.engine.launch(ctx, recorded, address).await?;
    tracing::info!("flash started");
    Ok(())
}

/// Write 5, after a crash between 4 and 5.
///
/// # Errors
/// When the record was altered or the write failed.
pub async fn mark_deployed(ctx: &Context, identity: &Identity) -> Result<(), ActionError> {
    let recorded = recorded(ctx, identity)?;
    let stored = &recorded.stored;
    if has_pod(&stored.record.manifest) {
        // helm writes the whole manifest before it creates anything.
        return put_deployed(
            ctx,
            stored,
            stored.record.manifest.clone(),
            stored.record.info.notes.clone(),
        )
        .await;
    }
    let name = ctx
        .cache()
        .ledger
        .attempt(&identity.key)
        .and_then(|attempt| Some(attempt.pod.as_ref()?.sight.name.clone()));
    let Some(name) = name else { return Ok(()) };
    let Some(pod) = get_pod(ctx, &identity.namespace, &name).await? else {
        return Ok(());
    };
    // A Pod whose device dials its node names a field there instead.
    let address = env(&pod, "EXTERNAL_IP").unwrap_or_else(|| NODE_ADDRESS.to_owned());
    let rendered = rendered(ctx, &recorded, Some(&address)).await?;
    put_launched(
        ctx,
        stored,
        (rendered.manifest, rendered.notes),
        Some(&address),
    )
    .await
}

fn env(pod: &Pod, name: &str) -> Option<String> {
    let containers = &pod.spec.as_ref()?.containers;
    let flash = containers
        .iter()
        .find(|container| container.name == FLASH_CONTAINER)?;
    flash
        .env
        .iter()
        .flatten()
        .find(|env| env.name == name)?
        .value
        .clone()
}
