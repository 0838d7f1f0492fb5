//! Writes to an existing release record, and what the answer to a write of one means.

use k8s_openapi::api::core::v1::Secret;

use super::{ActionError, altered, seal};
use crate::{
    cluster::clock::now,
    crash::Write,
    flash_pod::intent::{Record, Stored},
    flashjob::{act::context::Context, observe::objects::AttemptKey},
};
use helm_release::Status;

/// Says in the record that the Pod was launched.
///
/// # Errors
/// As [`put`].
pub async fn put_deployed(
    ctx: &Context,
    stored: &Stored,
    manifest: String,
    notes: String,
) -> Result<(), ActionError> {
    put_launched(ctx, stored, (manifest, notes), None).await
}

/// The same, with the address that the Pod was given.
///
/// # Errors
/// As [`put`].
pub async fn put_launched(
    ctx: &Context,
    stored: &Stored,
    (manifest, notes): (String, String),
    address: Option<&str>,
) -> Result<(), ActionError> {
    let now = now();
    let mut record: Record = stored.record.clone();
    record.manifest = manifest;
    if let Some(address) = address {
        // Values and manifest agree: an upgrade by hand that reuses the values must not drop the Pod.
        record.config["externalIP"] = address.into();
    }
    record.info.notes = notes;
    record.info.status = Status::Deployed;
    record.info.last_deployed = Some(now);
    "flashing".clone_into(&mut record.info.description);
    put(ctx, Write::RecordDeployed, stored, (record, true)).await
}

/// Replaces a record, guarded by its resourceVersion. Beside the new one stands whether the Pod is in its manifest.
///
/// # Errors
/// When somebody wrote it since, or the API server refuses.
pub async fn put(
    ctx: &Context,
    write: Write,
    stored: &Stored,
    (record, has_pod): (Record, bool),
) -> Result<(), ActionError> {
    let record = seal::replacing(record, stored, &ctx.seals, pod_uid(ctx, stored).as_deref());
    let mut labelled = stored.clone();
    if let Some(intent) = &record.attachment {
        let label = seal::record_label(&ctx.seals, intent, &record.name, record.version);
        labelled.labels.extend(label);
    }
    let replacement = labelled
        .replace(&record, now())
        .map_err(|error| altered(&format!("cannot be written: {error}")))?;
    let request = ctx.writer.replace_secret(&replacement);
    let answer = ctx.crash.around(write, request).await;
    if let (Err(error), Some(uid)) = (&answer, &replacement.metadata.uid)
        && error.is_not_found()
    {
        ctx.cache().ledger.see_gone(uid);
    }
    let answer = answer?;
    see_written(ctx, &answer, &replacement, (record, has_pod));
    Ok(())
}

/// uid of the Pod of the attempt that a record is of, where it was seen.
fn pod_uid(ctx: &Context, stored: &Stored) -> Option<String> {
    let intent = stored.record.attachment.as_ref()?;
    let key = AttemptKey {
        job_uid: intent.job.uid.clone(),
        id: intent.attempt_id.clone(),
    };
    ctx.cache().ledger.attempt(&key)?.pod_uid.clone()
}

/// Takes in the answer to a write of a record. What it became on the way is read like any other Secret.
pub fn see_written(
    ctx: &Context,
    answer: &Secret,
    sent: &Secret,
    (record, has_pod): (Record, bool),
) {
    if sent.data == answer.data {
        let stored = Stored::written(answer, record);
        ctx.cache().see_written(answer, stored, has_pod);
    } else {
        ctx.cache().see_secret(answer);
    }
}
