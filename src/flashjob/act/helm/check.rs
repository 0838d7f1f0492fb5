//! What helm is about to apply, held against the guard. Writes nothing.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{Plan, failed, start};
use crate::{
    api::{Reason, Refusal},
    flashjob::{
        act::{ActionError, context::Context},
        blueprint::FlashPod,
        observe::{belief::is_sealed, ledger::ObjectKind},
    },
    names::{ANNOTATION_POD_SEAL, ANNOTATION_SERVICE_SEAL},
};
use helm_chart::{engine::Document, manifest};
use helm_release::command::{Helm, Operation, Reason as HelmReason, Template};

/// Asks the guard about what helm is going to apply: both engines render the same bytes, where native renders the chart at all.
pub(super) async fn check(
    (ctx, helm): (&Context, &Helm),
    flash_pod: &Arc<FlashPod>,
    plan: &Plan<'_>,
) -> Result<(), ActionError> {
    let rendered = {
        let (flash_pod, chart) = (Arc::clone(flash_pod), plan.chart.clone());
        let (intent, release) = (plan.intent.clone(), plan.release.to_owned());
        let (revision, overrides) = (plan.revision, plan.overrides.clone().into_owned());
        let address = plan.address.map(str::to_owned);
        let work = move || {
            if !flash_pod.renders(&chart)? {
                return Ok(None);
            }
            let of = (&intent, release.as_str(), revision);
            let rendered = flash_pod.rendered(&chart, of, &overrides, address.as_deref())?;
            Ok(Some(rendered.documents))
        };
        ctx.workshop.run(work).await.map_err(ActionError::Refused)?
    };
    let Some(documents) = rendered else {
        return check_by_helm(ctx, helm, flash_pod, plan, plan.address).await;
    };
    are_sealed(&documents, plan)
}

pub(super) async fn check_by_helm(
    ctx: &Context,
    helm: &Helm,
    flash_pod: &Arc<FlashPod>,
    plan: &Plan<'_>,
    address: Option<&str>,
) -> Result<(), ActionError> {
    let template = Template {
        upgrade: plan.upgrade_at(address),
        is_upgrade: plan.revision > 1,
        kube_version: flash_pod.capabilities.kube_version.clone(),
        api_versions: flash_pod.capabilities.api_versions.clone(),
    };
    let refused = |reason, message| ActionError::Refused(Refusal { reason, message });
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
    let (flash_pod, intent) = (Arc::clone(flash_pod), plan.intent.clone());
    let (release, complete) = (plan.release.to_owned(), address.is_some());
    let work = move || {
        let documents = manifest::read(&outcome.stdout).map_err(|error| Refusal {
            reason: Reason::RenderFailed,
            message: error.to_string(),
        })?;
        flash_pod.guard(&documents, &intent, &release, complete)?;
        Ok(documents)
    };
    let documents = ctx.workshop.run(work).await.map_err(ActionError::Refused)?;
    if address == plan.address {
        are_sealed(&documents, plan)?;
    }
    Ok(())
}

/// What helm applies has to bear the seals that are among the values: the operator would not know its own Service and Pod again.
fn are_sealed(documents: &[Document], plan: &Plan<'_>) -> Result<(), ActionError> {
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
            return Err(ActionError::Refused(Refusal {
                reason: Reason::GuardRefused,
                message,
            }));
        }
    }
    Ok(())
}
