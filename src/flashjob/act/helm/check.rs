//! What helm is about to apply, held against the guard. Writes nothing.

use super::{Plan, failed, start};
use crate::{
    api::Reason,
    chart::manifest,
    flashjob::{act::StepError, blueprint::FlashPod, memory::Refusal},
    release::engine::helm::{Helm, Operation, Reason as HelmReason, Template},
};

/// Asks the guard about what helm is going to apply: both engines render the same bytes, where native renders the chart at all.
pub(super) async fn check(
    helm: &Helm,
    flash_pod: &FlashPod,
    plan: &Plan<'_>,
) -> Result<(), StepError> {
    if !flash_pod.renders(&plan.chart) {
        return check_by_helm(helm, flash_pod, plan, plan.address).await;
    }
    let rendered = flash_pod.rendered(
        &plan.chart,
        (plan.intent, plan.release, plan.revision),
        &plan.overrides,
        plan.address,
    );
    rendered.map(drop).map_err(StepError::Refused)
}

pub(super) async fn check_by_helm(
    helm: &Helm,
    flash_pod: &FlashPod,
    plan: &Plan<'_>,
    address: Option<&str>,
) -> Result<(), StepError> {
    let template = Template {
        upgrade: plan.upgrade_at(address),
        kube_version: flash_pod.capabilities.kube_version.clone(),
        api_versions: flash_pod.capabilities.api_versions.clone(),
    };
    let refused = |reason, message| StepError::Refused(Refusal { reason, message });
    let outcome = start(helm, Operation::Template(Box::new(template)))
        .await?
        .await;
    if let Err(failure) = outcome.result {
        return Err(match failure.reason {
            // Nobody's fault but the moment's.
            HelmReason::Killed | HelmReason::Timeout => failed(&failure),
            HelmReason::SchemaViolation => refused(
                Reason::ValuesInvalid,
                format!("helm template: {}", failure.message),
            ),
            _ => refused(
                Reason::RenderFailed,
                format!("helm template: {}", failure.message),
            ),
        });
    }
    let documents = manifest::read(&outcome.stdout)
        .map_err(|error| refused(Reason::RenderFailed, error.to_string()))?;
    flash_pod
        .guard(&documents, plan.intent, plan.release, address.is_some())
        .map_err(StepError::Refused)
}
