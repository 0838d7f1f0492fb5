//! What helm is about to apply, held against the guard. Writes nothing.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{Plan, failed, start};
use crate::{
    api::Reason,
    chart::{manifest, template::Document},
    flashjob::{
        act::StepError, belief::is_sealed, blueprint::FlashPod, ledger::ObjectKind, memory::Refusal,
    },
    names::{ANNOTATION_POD_SEAL, ANNOTATION_SERVICE_SEAL},
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
    let rendered = rendered.map_err(StepError::Refused)?;
    are_sealed(&rendered.documents, plan)
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
        .map_err(StepError::Refused)?;
    if address == plan.address {
        are_sealed(&documents, plan)?;
    }
    Ok(())
}

/// What helm applies has to bear the seals that are among the values: the operator would not know its own Service and Pod again.
fn are_sealed(documents: &[Document], plan: &Plan<'_>) -> Result<(), StepError> {
    for document in documents {
        let (kind, seal) = match document.object["kind"].as_str() {
            Some("Pod") => (ObjectKind::Pod, ANNOTATION_POD_SEAL),
            Some("Service") => (ObjectKind::Service, ANNOTATION_SERVICE_SEAL),
            _ => continue,
        };
        let metadata = document.object["metadata"].clone();
        let mut meta: ObjectMeta = serde_json::from_value(metadata).unwrap_or_default();
        meta.namespace = Some(plan.intent.job.namespace.clone());
        if !is_sealed(&meta, kind, plan.seals) {
            let message = format!(
                "{}: the {} does not bear what .Values.operator gives: annotations (with {seal}), labels, and the label uuid",
                document.source,
                kind.as_str()
            );
            return Err(StepError::Refused(Refusal {
                reason: Reason::GuardRefused,
                message,
            }));
        }
    }
    Ok(())
}
