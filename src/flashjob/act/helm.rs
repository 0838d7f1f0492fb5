//! The same writes by the helm command: two `helm upgrade --install` a device. What it made the operator removes itself.
//!
//! An action waits for its helm process, nobody else does. When helm fails, the API server is asked what there is: with a Pod the
//! flash is under way whatever helm says; without one the revision is put to `failed` without the Pod in its manifest, so that
//! nobody takes the attempt for an interrupted flash.

mod check;
mod repair;
mod written;

use std::{borrow::Cow, sync::Arc, time::Duration};

use futures::future::BoxFuture;
use serde_json::{Value, json};

pub use self::repair::never_launched;
use self::{
    check::{check, check_by_helm},
    repair::{look, repair, settle},
};
use super::{
    ActionError,
    engine::{Engine, Recorded, Reservation},
    seal, until_answered,
};
use crate::{
    api::{EngineName, Reason},
    crash::{Side, Write},
    flash_pod::{
        intent::{Intent, Record, Stored},
        service_mode::trial_address,
    },
    flashjob::{act::context::Context, blueprint::FlashPod, observe::objects::Identity},
    names::{ANNOTATION_LEADER, ENGINE_HELM, LABEL_ENGINE},
    seal::{Seals, chart_digest},
};
use helm_chart::Chart;
use helm_release::command::{Failure, Helm, Operation, Outcome, Reason as HelmReason, Upgrade};
use helm_release::{Attachment as _, Status};

/// One upgrade to be made: with the address it creates the Pod.
struct Plan<'a> {
    chart: Chart,
    intent: &'a Intent,
    release: &'a str,
    overrides: Cow<'a, Value>,
    address: Option<&'a str>,
    revision: u32,
    seals: &'a Seals,
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
        let chart = chart_digest(&self.chart);
        let intent = self.seals.seal_content(self.intent, &values, chart, None);
        let mut labels = seal::record_label(self.seals, &intent, self.release, self.revision);
        labels.extend(Intent::labels(Some(&intent), self.revision));
        labels.insert(LABEL_ENGINE.to_owned(), ENGINE_HELM.to_owned());
        Upgrade {
            release: self.release.to_owned(),
            namespace: self.intent.job.namespace.clone(),
            chart: Arc::new(self.chart.clone()),
            values,
            attachment: Some(intent.to_file()),
            labels,
            description: if launches {
                "flashing"
            } else {
                "waiting for the address of its Service"
            }
            .to_owned(),
        }
    }
}

/// The engine that runs the helm program.
#[derive(Clone)]
pub struct HelmCommand(pub Arc<Helm>);

impl Engine for HelmCommand {
    fn name(&self) -> EngineName {
        EngineName::Helm
    }

    fn reserve<'a>(
        &'a self,
        ctx: &'a Context,
        reservation: Reservation<'a>,
    ) -> BoxFuture<'a, Result<(), ActionError>> {
        Box::pin(reserve(ctx, &self.0, reservation))
    }

    fn reserve_again<'a>(
        &'a self,
        ctx: &'a Context,
        recorded: Recorded<'a>,
    ) -> BoxFuture<'a, Result<(), ActionError>> {
        let is_deployed = recorded.stored.record.info.status == Status::Deployed;
        if recorded.intent.pool_service.is_some() && is_deployed {
            // The Service that is missing is not of the release.
            return Box::pin(async { Ok(()) });
        }
        Box::pin(upgrade_recorded(ctx, &self.0, recorded, None))
    }

    fn launch<'a>(
        &'a self,
        ctx: &'a Context,
        recorded: Recorded<'a>,
        address: &'a str,
    ) -> BoxFuture<'a, Result<(), ActionError>> {
        Box::pin(upgrade_recorded(ctx, &self.0, recorded, Some(address)))
    }

    fn stop(&self, grace: Duration) -> BoxFuture<'_, ()> {
        Box::pin(self.0.stop_all(grace))
    }
}

/// The release without the Pod. What only helm can render is tried with an address first, as a whole job is refused for it.
async fn reserve(
    ctx: &Context,
    helm: &Helm,
    reservation: Reservation<'_>,
) -> Result<(), ActionError> {
    let Reservation {
        identity,
        flash_pod,
        blueprint,
        revision,
    } = reservation;
    let plan = Plan {
        chart: flash_pod.chart_for(&blueprint.intent.version),
        intent: &blueprint.intent,
        release: &blueprint.release,
        overrides: Cow::Owned(seal::sealed_values(
            &blueprint.merged.overrides,
            &blueprint.intent,
            &blueprint.release,
            false,
            &ctx.seals,
        )),
        address: None,
        revision,
        seals: &ctx.seals,
    };
    if !flash_pod.native() {
        let trial = trial_address(&plan.overrides, &plan.chart.values);
        check_by_helm(ctx, helm, flash_pod, &plan, Some(trial)).await?;
    }
    upgrade(ctx, helm, flash_pod, identity, &plan).await
}

/// The next revision of a recorded attempt: with an address it has the Pod.
async fn upgrade_recorded(
    ctx: &Context,
    helm: &Helm,
    attempt: Recorded<'_>,
    address: Option<&str>,
) -> Result<(), ActionError> {
    let Recorded {
        identity,
        flash_pod,
        stored,
        intent,
    } = attempt;
    settle(ctx, &stored).await?;
    let plan = recorded(ctx, &stored, &intent, address);
    upgrade(ctx, helm, &flash_pod, identity, &plan).await
}

/// The next upgrade of a recorded attempt, from its record alone, whatever the current chart is.
fn recorded<'a>(
    ctx: &'a Context,
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
    let revision = ctx.cache().next_revision(namespace, name);
    Plan {
        chart: chart.clone(),
        intent,
        release: name,
        overrides: match address {
            Some(_) => {
                let values = seal::sealed_values(config, intent, name, true, &ctx.seals);
                Cow::Owned(led_by(&values, &ctx.leader))
            }
            None => Cow::Borrowed(config),
        },
        address,
        revision,
        seals: &ctx.seals,
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

async fn upgrade(
    ctx: &Context,
    helm: &Helm,
    flash_pod: &Arc<FlashPod>,
    identity: &Identity,
    plan: &Plan<'_>,
) -> Result<(), ActionError> {
    check((ctx, helm), flash_pod, plan).await?;
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
        until_answered(|| look(ctx, identity, plan)).await;
        return Ok(());
    };
    if failure.is_unclear() {
        // A request that helm had sent may still be carried out.
        tokio::time::sleep(ctx.writer.settles_within()).await;
    }
    let revision = until_answered(|| look(ctx, identity, plan)).await;
    repair(ctx, identity, revision, &failure).await
}

/// Lets helm write, to its end; an error means that it was never started.
async fn run(
    ctx: &Context,
    write: Write,
    helm: &Helm,
    operation: Operation,
) -> Result<Outcome, ActionError> {
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
) -> Result<impl Future<Output = Outcome>, ActionError> {
    let started = helm.start(operation).await;
    started.map_err(|error| ActionError::Helm {
        reason: Reason::HelmFailed,
        message: error.to_string(),
    })
}

fn failed(failure: &Failure) -> ActionError {
    let reason = match failure.reason {
        HelmReason::QuotaExceeded => Reason::QuotaExceeded,
        HelmReason::AdmissionDenied | HelmReason::Invalid => Reason::AdmissionDenied,
        HelmReason::Forbidden => Reason::Forbidden,
        _ => Reason::HelmFailed,
    };
    ActionError::Helm {
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
