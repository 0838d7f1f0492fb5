//! Writes 4 and 5: the Pod, then the record that says it was launched. From write 4 on the device is in flight.

use k8s_openapi::api::core::v1::{Pod, Secret};
use kube::Api;

use super::{StepError, altered, helm, seal, until_answered};
use crate::flashjob::act::reserve::{admitted_still, intent_of, recorded, recorded_objects};
use crate::{
    cluster::{ApiError, ErrorKind, clock::now},
    crash::Write,
    flashjob::{
        act::context::Context,
        blueprint::Parts,
        observe::objects::{AttemptKey, Identity},
    },
    names::{ANNOTATION_LEADER, FLASH_CONTAINER},
    release::{Record, Status, Stored, has_pod},
};

/// Creates the Pod and marks the record.
///
/// # Errors
/// When the record was altered, the guard refuses, or a write failed. A lost answer is looked up, never repeated blindly.
pub async fn launch(ctx: &Context, identity: &Identity, address: &str) -> Result<(), StepError> {
    admitted_still(ctx, identity)?;
    let (stored, flash_pod) = recorded(ctx, identity)?;
    let intent = intent_of(&stored, identity)?;
    if let Some(helm) = &ctx.helm {
        return helm::launch(ctx, helm, &flash_pod, identity, (&stored, intent, address)).await;
    }
    let rendered = recorded_objects(ctx, &flash_pod, (&stored, intent), Some(address)).await?;
    let parts = Parts::of(&rendered, &stored.record.name, &identity.namespace);
    let pod = parts
        .pod
        .as_ref()
        .ok_or_else(|| altered("renders no Pod although its address is known"))?;
    create_pod(ctx, identity, pod).await?;
    tracing::info!(
        object.namespace = identity.namespace,
        object.name = identity.job_name,
        device = identity.uuid,
        attempt = identity.key.id,
        step = "launch",
        "flash started"
    );
    put_launched(
        ctx,
        &stored,
        (rendered.manifest, rendered.notes),
        Some(address),
    )
    .await
}

/// Write 4, exactly once: the name is the attempt's own, so an object that exists is ours or nobody's.
async fn create_pod(
    ctx: &Context,
    identity: &Identity,
    pod: &serde_json::Value,
) -> Result<(), StepError> {
    let pod = seal::sealed(&marked(pod, &ctx.leader), &ctx.seals);
    let request = ctx.writer.create::<Pod>(&pod);
    let created = match ctx.crash.around(Write::PodCreate, request).await {
        Ok(created) => created,
        Err(error) if error.kind == ErrorKind::AlreadyExists || error.is_outcome_unknown() => {
            let name = pod["metadata"]["name"].as_str().unwrap_or_default();
            let asked = until_answered(|| get_pod(ctx, &identity.namespace, name)).await;
            let found = asked.filter(|found| seal::is_as_posted(found, &pod, &ctx.seals));
            found.ok_or(error)?
        }
        Err(error) => return Err(error.into()),
    };
    ctx.state().see_own_pod(&created, identity);
    ctx.metrics.release("native", "launch", "ok");
    Ok(())
}

/// The Pod with the leader that asks for it. The record does not have it: another leader may create the Pod from this one's record.
fn marked(pod: &serde_json::Value, leader: &str) -> serde_json::Value {
    let mut pod = pod.clone();
    pod["metadata"]["annotations"][ANNOTATION_LEADER] = leader.into();
    pod
}

/// The Pod as the API server has it now.
///
/// # Errors
/// When it cannot be asked.
pub async fn get_pod(ctx: &Context, namespace: &str, name: &str) -> Result<Option<Pod>, ApiError> {
    let api: Api<Pod> = Api::namespaced(ctx.read.clone(), namespace);
    api.get_opt(name)
        .await
        .map_err(|error| ApiError::new(format!("get Pod {namespace}/{name}"), &error))
}

/// Write 5, after a crash between 4 and 5.
///
/// # Errors
/// When the record was altered or the write failed.
pub async fn mark_deployed(ctx: &Context, identity: &Identity) -> Result<(), StepError> {
    let (stored, flash_pod) = recorded(ctx, identity)?;
    let intent = intent_of(&stored, identity)?;
    if has_pod(&stored.record.manifest) {
        // helm writes the whole manifest before it creates anything.
        return put_deployed(
            ctx,
            &stored,
            stored.record.manifest.clone(),
            stored.record.info.notes.clone(),
        )
        .await;
    }
    let name = ctx
        .state()
        .ledger
        .attempt(&identity.key)
        .and_then(|attempt| Some(attempt.pod.as_ref()?.sight.name.clone()));
    let Some(name) = name else { return Ok(()) };
    let Some(pod) = get_pod(ctx, &identity.namespace, &name).await? else {
        return Ok(());
    };
    let address = env(&pod, "EXTERNAL_IP").unwrap_or_default();
    let rendered = recorded_objects(ctx, &flash_pod, (&stored, intent), Some(&address)).await?;
    put_launched(
        ctx,
        &stored,
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

/// Says in the record that the Pod was launched.
///
/// # Errors
/// As [`put`].
pub async fn put_deployed(
    ctx: &Context,
    stored: &Stored,
    manifest: String,
    notes: String,
) -> Result<(), StepError> {
    put_launched(ctx, stored, (manifest, notes), None).await
}

async fn put_launched(
    ctx: &Context,
    stored: &Stored,
    (manifest, notes): (String, String),
    address: Option<&str>,
) -> Result<(), StepError> {
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
) -> Result<(), StepError> {
    let record = seal::replacing(record, stored, &ctx.seals, pod_uid(ctx, stored).as_deref());
    let mut labelled = stored.clone();
    if let Some(intent) = &record.intent {
        let label = seal::record_label(&ctx.seals, intent, &record.name, record.version);
        labelled.labels.extend(label);
    }
    let replacement = labelled
        .replace(&record, now())
        .map_err(|error| altered(&format!("cannot be written: {error}")))?;
    let request = ctx.writer.replace_secret(&replacement);
    let answer = ctx.crash.around(write, request).await?;
    see_written(ctx, &answer, &replacement, (record, has_pod));
    Ok(())
}

/// uid of the Pod of the attempt that a record is of, where it was seen.
fn pod_uid(ctx: &Context, stored: &Stored) -> Option<String> {
    let intent = stored.record.intent.as_ref()?;
    let key = AttemptKey {
        job_uid: intent.job.uid.clone(),
        id: intent.attempt_id.clone(),
    };
    ctx.state().ledger.attempt(&key)?.pod_uid.clone()
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
        ctx.state().see_written(answer, stored, has_pod);
    } else {
        ctx.state().see_secret(answer);
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    #[rstest]
    #[case::none(json!({"name": "flash-a"}), json!({ANNOTATION_LEADER: "b_1"}))]
    #[case::others(json!({"annotations": {"team": "iot"}}), json!({"team": "iot", ANNOTATION_LEADER: "b_1"}))]
    #[case::forged(json!({"annotations": {ANNOTATION_LEADER: "a_1"}}), json!({ANNOTATION_LEADER: "b_1"}))]
    fn a_pod_bears_the_leader_that_creates_it_whatever_was_rendered(
        #[case] metadata: Value,
        #[case] annotations: Value,
    ) {
        let pod = json!({"kind": "Pod", "metadata": metadata});
        assert_eq!(marked(&pod, "b_1")["metadata"]["annotations"], annotations);
    }
}
