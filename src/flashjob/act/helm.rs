//! The same writes by the helm command: two `helm upgrade --install` and one `helm uninstall` a device.
//!
//! A step waits for its helm process, nobody else does. When helm fails, the API server is asked what there is: with a Pod the
//! flash is under way whatever helm says; without one the revision is put to `failed` without the Pod in its manifest, so that
//! nobody takes the attempt for an interrupted flash.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use k8s_openapi::api::core::v1::{Pod, Secret, Service};
use kube::{Api, api::ListParams};
use serde_json::{Value, json};

use super::{StepError, launch::put, until_answered};
use crate::{
    api::{DevicePhase, Reason},
    chart::{Chart, manifest},
    cluster::{ApiError, clock::now},
    crash::{Side, Write},
    flashjob::{
        blueprint::{Blueprint, FlashPod},
        context::Context,
        job::Job,
        memory::Refusal,
        sight::{Identity, RecordSight},
    },
    names::ANNOTATION_LEADER,
    release::{
        Intent, Record, Status, Stored,
        engine::helm::{
            Failure, Helm, Operation, Outcome, Reason as HelmReason, Template, Uninstall, Upgrade,
        },
        without_pod,
    },
};

/// Stands for an address that is not known yet, when it is tried what a chart makes of one.
const TRIAL_ADDRESS: &str = "192.0.2.1";
/// Longest description of a record.
const MAX_DESCRIPTION: usize = 512;
/// What stands in a record that helm itself put to `failed`.
const HELM_FAILED: &str = "failed: ";

/// One upgrade to be made: with the address it creates the Pod.
struct Plan<'a> {
    chart: Chart,
    intent: &'a Intent,
    release: &'a str,
    overrides: Cow<'a, Value>,
    address: Option<&'a str>,
    revision: u32,
}

impl Plan<'_> {
    fn upgrade(&self) -> Upgrade {
        self.upgrade_at(self.address)
    }

    fn upgrade_at(&self, address: Option<&str>) -> Upgrade {
        let mut values = self.overrides.clone().into_owned();
        if let Some(address) = address {
            values["externalIP"] = json!(address);
        }
        let launches = self.address.is_some();
        Upgrade {
            release: self.release.to_owned(),
            namespace: self.intent.job.namespace.clone(),
            revision: self.revision,
            chart: Arc::new(self.chart.clone()),
            values,
            intent: self.intent.clone(),
            labels: BTreeMap::new(),
            description: if launches {
                "flashing"
            } else {
                "waiting for the address of its Service"
            }
            .to_owned(),
        }
    }
}

/// Writes 1 and 2: the release without the Pod. What only helm can render is tried with an address first, as a whole job is
/// refused for it.
///
/// # Errors
/// When the guard refuses or helm fails.
pub async fn reserve(
    ctx: &Context,
    helm: &Helm,
    flash_pod: &FlashPod,
    identity: &Identity,
    (blueprint, revision): (&Blueprint, u32),
) -> Result<(), StepError> {
    let plan = Plan {
        chart: flash_pod.chart_for(&blueprint.intent.version),
        intent: &blueprint.intent,
        release: &blueprint.release,
        overrides: Cow::Borrowed(&blueprint.merged.overrides),
        address: None,
        revision,
    };
    if !flash_pod.native() {
        check_by_helm(helm, flash_pod, &plan, Some(TRIAL_ADDRESS)).await?;
    }
    upgrade(ctx, helm, flash_pod, identity, &plan).await
}

/// Write 2 again, after a crash.
///
/// # Errors
/// As [`reserve`].
pub async fn reserve_again(
    ctx: &Context,
    helm: &Helm,
    flash_pod: &FlashPod,
    identity: &Identity,
    (stored, intent): (&Stored, &Intent),
) -> Result<(), StepError> {
    settle(ctx, stored).await?;
    upgrade(
        ctx,
        helm,
        flash_pod,
        identity,
        &recorded(ctx, stored, intent, None),
    )
    .await
}

/// Writes 4 and 5: the release with the Pod, as its next revision.
///
/// # Errors
/// As [`reserve`].
pub async fn launch(
    ctx: &Context,
    helm: &Helm,
    flash_pod: &FlashPod,
    identity: &Identity,
    (stored, intent, address): (&Stored, &Intent, &str),
) -> Result<(), StepError> {
    settle(ctx, stored).await?;
    upgrade(
        ctx,
        helm,
        flash_pod,
        identity,
        &recorded(ctx, stored, intent, Some(address)),
    )
    .await?;
    tracing::info!(
        object.namespace = identity.namespace,
        object.name = identity.job_name,
        device = identity.uuid,
        attempt = identity.key.id,
        step = "launch",
        "flash started"
    );
    Ok(())
}

/// The next upgrade of a recorded attempt, from its record alone, whatever the current chart is.
fn recorded<'a>(
    ctx: &Context,
    stored: &'a Stored,
    intent: &'a Intent,
    address: Option<&'a str>,
) -> Plan<'a> {
    let Record {
        name,
        namespace,
        config,
        chart,
        ..
    } = &stored.record;
    let revision = ctx.state().next_revision(namespace, name);
    Plan {
        chart: chart.clone(),
        intent,
        release: name,
        overrides: match address {
            Some(_) => Cow::Owned(led_by(config, &ctx.leader)),
            None => Cow::Borrowed(config),
        },
        address,
        revision,
    }
}

/// The values with which helm creates the Pod: the leader that lets it is among the operator's own annotations.
fn led_by(config: &Value, leader: &str) -> Value {
    let mut values = config.clone();
    let annotations = values.pointer_mut("/operator/annotations");
    if let Some(annotations) = annotations.and_then(Value::as_object_mut) {
        annotations.insert(ANNOTATION_LEADER.to_owned(), json!(leader));
    }
    values
}

/// helm refuses to upgrade a release that a killed helm left `pending`: without a Pod, that revision is put to `failed`.
async fn settle(ctx: &Context, stored: &Stored) -> Result<(), StepError> {
    if !stored.record.info.status.is_pending() {
        return Ok(());
    }
    fail(ctx, stored, "interrupted before its Pod was created").await
}

/// Puts a revision whose Pod never was to `failed`, and takes the Pod out of its manifest.
async fn fail(ctx: &Context, stored: &Stored, description: &str) -> Result<(), StepError> {
    let mut record = stored.record.clone();
    record.manifest = without_pod(&record.manifest);
    record.info.status = Status::Failed;
    record.info.last_deployed = Some(now());
    record.info.description = description.chars().take(MAX_DESCRIPTION).collect();
    put(ctx, Write::RecordSettle, stored, &record).await
}

async fn upgrade(
    ctx: &Context,
    helm: &Helm,
    flash_pod: &FlashPod,
    identity: &Identity,
    plan: &Plan<'_>,
) -> Result<(), StepError> {
    check(helm, flash_pod, plan).await?;
    let what = if plan.address.is_some() {
        "launch"
    } else {
        "reserve"
    };
    let write = if plan.address.is_some() {
        Write::HelmLaunch
    } else {
        Write::HelmReserve
    };
    let upgrade = Operation::Upgrade(Box::new(plan.upgrade()));
    let outcome = run(ctx, write, helm, upgrade).await?;
    let Err(failure) = outcome.result else {
        ctx.metrics.release("helm", what, "ok");
        until_answered(|| look(ctx, plan)).await;
        return Ok(());
    };
    if failure.is_unclear() {
        // A request that helm had sent may still be carried out.
        tokio::time::sleep(ctx.writer.timeout()).await;
    }
    until_answered(|| look(ctx, plan)).await;
    mend(ctx, identity, plan.revision, &failure).await
}

/// Asks the guard about what helm is going to apply: both engines render the same bytes, where native renders the chart at all.
async fn check(helm: &Helm, flash_pod: &FlashPod, plan: &Plan<'_>) -> Result<(), StepError> {
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

async fn check_by_helm(
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

/// Takes in what helm made, whether it says it succeeded or not: events may be late, and the attempt must not look empty.
async fn look(ctx: &Context, plan: &Plan<'_>) -> Result<(), ApiError> {
    let (namespace, release) = (&plan.intent.job.namespace, plan.release);
    let failed = |error| ApiError::new(format!("look at release {namespace}/{release}"), &error);
    let secrets: Api<Secret> = Api::namespaced(ctx.read.clone(), namespace);
    let selector = ListParams::default().labels(&format!("owner=helm,name={release}"));
    let secrets = secrets.list(&selector).await.map_err(failed)?;
    let name = format!("{release}-{}", plan.intent.attempt_id);
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

/// After helm failed: the record says what there is. With a Pod the flash is under way, and helm's failure is no matter.
async fn mend(
    ctx: &Context,
    identity: &Identity,
    revision: u32,
    failure: &Failure,
) -> Result<(), StepError> {
    let (record, launched) = newest(ctx, identity);
    // Of another revision: helm failed before it wrote anything.
    let record = record.filter(|record| record.revision == revision);
    if let Some(stored) = record.as_ref().and_then(|record| record.stored.as_deref()) {
        if launched {
            return super::launch::put_deployed(
                ctx,
                stored,
                stored.record.manifest.clone(),
                stored.record.info.notes.clone(),
            )
            .await;
        }
        fail(ctx, stored, &format!("helm: {}", failure.message)).await?;
    }
    if launched {
        Ok(())
    } else {
        Err(failed(failure))
    }
}

/// The newest record of an attempt, and whether its Pod exists.
fn newest(ctx: &Context, identity: &Identity) -> (Option<RecordSight>, bool) {
    let state = ctx.state();
    let attempt = state.ledger.attempt(&identity.key);
    (
        attempt.and_then(|attempt| attempt.record().cloned()),
        attempt.is_some_and(|attempt| attempt.pod.is_some()),
    )
}

/// Row 6, after a live look that found no Pod: helm itself put the revision to `failed` and no Pod was ever seen, so none was;
/// the operator was stopped before it could say so in the record. True if that is the case and is now said.
///
/// # Errors
/// When the record cannot be written.
pub async fn never_launched(
    ctx: &Context,
    job: Option<&Job>,
    identity: &Identity,
) -> Result<bool, StepError> {
    let flashing = DevicePhase::Flashing.as_str();
    let seen = ctx
        .state()
        .ledger
        .attempt(&identity.key)
        .is_some_and(|attempt| attempt.pod_seen);
    let mut devices = job.into_iter().flat_map(|job| &job.status.devices);
    if seen || devices.any(|device| device.uuid == identity.uuid && device.phase == flashing) {
        return Ok(false);
    }
    let (record, launched) = newest(ctx, identity);
    let record = record
        .filter(|record| record.by_helm && !record.foreign && record.status == Status::Failed);
    let stored = record.and_then(|record| record.stored);
    let Some(stored) =
        stored.filter(|stored| !launched && stored.record.info.description.contains(HELM_FAILED))
    else {
        return Ok(false);
    };
    fail(ctx, &stored, &stored.record.info.description).await?;
    Ok(true)
}

/// `helm uninstall`; a release that is not there is no failure.
///
/// # Errors
/// When helm fails.
pub async fn uninstall(
    ctx: &Context,
    helm: &Helm,
    namespace: &str,
    release: &str,
) -> Result<(), StepError> {
    let uninstall = Uninstall {
        release: release.to_owned(),
        namespace: namespace.to_owned(),
    };
    let uninstall = Operation::Uninstall(uninstall);
    let outcome = run(ctx, Write::HelmUninstall, helm, uninstall).await?;
    outcome.result.map_err(|failure| failed(&failure))
}

/// Lets helm write, to its end; an error means that it was never started.
async fn run(
    ctx: &Context,
    write: Write,
    helm: &Helm,
    operation: Operation,
) -> Result<Outcome, StepError> {
    ctx.crash.reach(write, Side::Before);
    let running = start(helm, operation).await?;
    ctx.crash.reach(write, Side::Started);
    let outcome = running.await;
    ctx.crash.reach(write, Side::After);
    Ok(outcome)
}

/// Starts helm; what it comes to is for the caller to wait for.
async fn start(
    helm: &Helm,
    operation: Operation,
) -> Result<impl Future<Output = Outcome>, StepError> {
    let started = helm.start(operation).await;
    started.map_err(|error| StepError::Helm {
        reason: Reason::HelmFailed,
        message: error.to_string(),
    })
}

fn failed(failure: &Failure) -> StepError {
    let reason = match failure.reason {
        HelmReason::QuotaExceeded => Reason::QuotaExceeded,
        HelmReason::AdmissionDenied | HelmReason::Invalid => Reason::AdmissionDenied,
        HelmReason::Forbidden => Reason::Forbidden,
        _ => Reason::HelmFailed,
    };
    StepError::Helm {
        reason,
        message: format!("helm: {}", failure.message),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::first(json!({"team": "iot"}), json!({"team": "iot", ANNOTATION_LEADER: "b_1"}))]
    #[case::after_another_leader(json!({ANNOTATION_LEADER: "a_1"}), json!({ANNOTATION_LEADER: "b_1"}))]
    #[case::forged(json!("text"), json!("text"))]
    fn helm_is_told_the_leader_that_lets_it_create_the_pod(
        #[case] annotations: Value,
        #[case] expected: Value,
    ) {
        let config = json!({"operator": {"annotations": annotations}});
        let values = led_by(&config, "b_1");
        assert_eq!(values, json!({"operator": {"annotations": expected}}));
    }
}
