//! The same writes by the helm command: two `helm upgrade --install` and one `helm uninstall` a device.

use std::{collections::BTreeMap, sync::Arc};

use kube::Api;
use serde_json::{Value, json};

use super::{StepError, until_answered};
use crate::{
    api::Reason,
    cluster::{ApiError, clock::now},
    flashjob::{
        blueprint::{Blueprint, FlashPod},
        context::Context,
    },
    release::{
        Intent, Stored,
        engine::helm::{Helm, Operation, Reason as HelmReason, Uninstall, Upgrade},
    },
};

/// Writes 1 and 2: the release without the Pod.
///
/// # Errors
/// When the guard refuses or helm fails.
pub async fn reserve(
    ctx: &Context,
    helm: &Helm,
    flash_pod: &FlashPod,
    blueprint: &Blueprint,
    revision: u32,
) -> Result<(), StepError> {
    let overrides = &blueprint.merged.overrides;
    upgrade(ctx, helm, flash_pod, &blueprint.intent, &blueprint.release, (overrides, None, revision)).await
}

/// Write 2 again, after a crash.
///
/// # Errors
/// As [`reserve`].
pub async fn reserve_again(
    ctx: &Context,
    helm: &Helm,
    flash_pod: &FlashPod,
    stored: &Stored,
    intent: &Intent,
) -> Result<(), StepError> {
    let revision = ctx.state().next_revision(&stored.record.namespace, &stored.record.name);
    settle(ctx, stored).await?;
    upgrade(ctx, helm, flash_pod, intent, &stored.record.name, (&stored.record.config, None, revision)).await
}

/// Writes 4 and 5: the release with the Pod, as its next revision.
///
/// # Errors
/// As [`reserve`].
pub async fn launch(
    ctx: &Context,
    helm: &Helm,
    flash_pod: &FlashPod,
    stored: &Stored,
    intent: &Intent,
    (address, revision): (&str, u32),
) -> Result<(), StepError> {
    settle(ctx, stored).await?;
    upgrade(ctx, helm, flash_pod, intent, &stored.record.name, (&stored.record.config, Some(address), revision)).await
}

/// helm refuses to upgrade a release that a killed helm left `pending`: without a Pod, that revision is put to `failed`.
async fn settle(ctx: &Context, stored: &Stored) -> Result<(), StepError> {
    if !stored.record.info.status.is_pending() {
        return Ok(());
    }
    let mut record = stored.record.clone();
    record.info.status = crate::release::Status::Failed;
    record.info.last_deployed = Some(now());
    "interrupted before its Pod was created".clone_into(&mut record.info.description);
    super::launch::put(ctx, stored, &record).await
}

async fn upgrade(
    ctx: &Context,
    helm: &Helm,
    flash_pod: &FlashPod,
    intent: &Intent,
    release: &str,
    (overrides, address, revision): (&Value, Option<&str>, u32),
) -> Result<(), StepError> {
    let mut values = overrides.clone();
    if let Some(address) = address {
        values["externalIP"] = json!(address);
    }
    // What helm will render is looked at first: both engines render the same bytes.
    flash_pod.objects(intent, release, revision, &values, None).map_err(StepError::Refused)?;
    let upgrade = Upgrade {
        release: release.to_owned(),
        namespace: intent.job.namespace.clone(),
        revision,
        chart: Arc::new(flash_pod.chart_for(&intent.version)),
        values,
        intent: intent.clone(),
        labels: BTreeMap::new(),
        description: if address.is_some() { "flashing" } else { "waiting for the address of its Service" }.to_owned(),
    };
    let what = if address.is_some() { "launch" } else { "reserve" };
    let done = run(helm, Operation::Upgrade(Box::new(upgrade))).await;
    ctx.metrics.release("helm", what, if done.is_ok() { "ok" } else { "failed" });
    until_answered(|| look(ctx, intent, release)).await?;
    done
}

/// Takes in what helm made, whether it says it succeeded or not: events may be late, and the attempt must not look empty.
async fn look(ctx: &Context, intent: &Intent, release: &str) -> Result<(), ApiError> {
    use k8s_openapi::api::core::v1::{Pod, Secret, Service};
    let namespace = &intent.job.namespace;
    let failed = |error| ApiError::new(format!("look at release {namespace}/{release}"), &error);
    let secrets: Api<Secret> = Api::namespaced(ctx.read.clone(), namespace);
    let selector = kube::api::ListParams::default().labels(&format!("owner=helm,name={release}"));
    let secrets = secrets.list(&selector).await.map_err(failed)?;
    let name = format!("{release}-{}", intent.attempt_id);
    let pods: Api<Pod> = Api::namespaced(ctx.read.clone(), namespace);
    let pod = pods.get_opt(&name).await.map_err(failed)?;
    let services: Api<Service> = Api::namespaced(ctx.read.clone(), namespace);
    let service = services.get_opt(&name).await.map_err(failed)?;
    let mut state = ctx.state();
    for secret in &secrets.items {
        state.see_secret(secret);
    }
    if let Some(pod) = &pod {
        state.see_pod(pod);
    }
    if let Some(service) = &service {
        state.see_service(service);
    }
    Ok(())
}

/// `helm uninstall`; a release that is not there is no failure.
///
/// # Errors
/// When helm fails.
pub async fn uninstall(helm: &Helm, namespace: &str, release: &str) -> Result<(), StepError> {
    let uninstall = Uninstall { release: release.to_owned(), namespace: namespace.to_owned() };
    run(helm, Operation::Uninstall(uninstall)).await
}

async fn run(helm: &Helm, operation: Operation) -> Result<(), StepError> {
    let failed = |reason, message: String| StepError::Helm { reason, message };
    let running = helm.start(operation).await.map_err(|error| failed(Reason::HelmFailed, error.to_string()))?;
    running.await.result.map_err(|failure| {
        let reason = match failure.reason {
            HelmReason::QuotaExceeded => Reason::QuotaExceeded,
            HelmReason::AdmissionDenied => Reason::AdmissionDenied,
            HelmReason::Forbidden => Reason::Forbidden,
            _ => Reason::HelmFailed,
        };
        failed(reason, format!("helm: {}", failure.message))
    })
}
