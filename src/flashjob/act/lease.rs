//! Write 2 where devices share the Services of a pool: the attempt's Service is one that stays, and is patched for it.
//!
//! Each write names the uid and the resource version that were seen last: if another leader or a person has changed the Service since, the
//! operator looks at it first. The record names the Service already, so that a leader after a crash leases the same.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Service;
use serde_json::{Value, json};

use super::{ActionError, engine::Recorded, lookup::find_service, reserve::recorded, seal};
use crate::{
    api::{Reason, Refusal},
    cluster::{ApiError, ErrorKind, ObjectKey},
    crash::Write,
    flash_pod::{intent::Stored, pool},
    flashjob::{
        act::context::Context,
        blueprint::Blueprint,
        observe::{
            belief::is_sealed,
            ledger::ObjectKind,
            objects::{Identity, ObservedService},
        },
    },
    names::TRACKING_FINALIZER,
};
use helm_chart::values::coalesce;

/// Most attempts to write a Service that others keep changing.
const TRIES: usize = 3;

/// Chooses a Service for an attempt that is about to be recorded, where its values name a pool.
///
/// # Errors
/// When all Services of the pool are leased: the device waits.
pub(super) fn choose(
    ctx: &Context,
    identity: &Identity,
    blueprint: Arc<Blueprint>,
) -> Result<Arc<Blueprint>, ActionError> {
    let Some(pool) = &blueprint.pool else {
        return Ok(blueprint);
    };
    let Some(service) = ctx.cache().ledger.choose_service(identity, pool) else {
        return Err(waits(format!(
            "all {} Services of the pool {} in namespace {} are leased (service.pool.size); this device begins when one of them is free",
            pool.size(),
            pool.name(),
            identity.namespace
        )));
    };
    let mut chosen = Blueprint::clone(&blueprint);
    chosen.intent.pool_service = Some(service);
    Ok(Arc::new(chosen))
}

/// Leases the Service that the record of an attempt names, if it names one.
///
/// # Errors
/// When somebody else has the Service or has made one of its name, or the write failed.
pub(super) async fn lease(ctx: &Context, identity: &Identity) -> Result<(), ActionError> {
    let recorded = recorded(ctx, identity)?;
    let Some(name) = recorded.intent.pool_service.clone() else {
        return Ok(());
    };
    let wanted = wanted(&recorded, &name)?;
    let wanted = seal::sealed(&wanted, &ctx.seals);
    for _ in 1..TRIES {
        match write(ctx, identity, &name, &wanted).await {
            Err(ActionError::Api(error)) if is_open(&error) => {
                look(ctx, identity, &name, &wanted).await?;
            }
            answer => return answer,
        }
        if has(ctx, identity) {
            return Ok(());
        }
    }
    write(ctx, identity, &name, &wanted).await
}

fn wanted(recorded: &Recorded<'_>, name: &str) -> Result<Value, ActionError> {
    let Stored { record, .. } = &*recorded.stored;
    let map = |values: &Value| values.as_object().cloned().unwrap_or_default();
    let values = Value::Object(coalesce(&map(&record.chart.values), map(&record.config)));
    pool::leased(&values, &recorded.intent, name).map_err(|message| {
        ActionError::Refused(Refusal {
            reason: Reason::ValuesInvalid,
            message,
        })
    })
}

/// Whether the Service has to be looked at: it is not as it was seen, or nobody knows what became of the write.
fn is_open(error: &ApiError) -> bool {
    error.is_outcome_unknown()
        || matches!(
            error.kind,
            ErrorKind::AlreadyExists | ErrorKind::Conflict | ErrorKind::NotFound
        )
}

fn has(ctx: &Context, identity: &Identity) -> bool {
    let cache = ctx.cache();
    let attempt = cache.ledger.attempt(&identity.key);
    attempt.is_some_and(|attempt| attempt.service.is_some())
}

async fn write(
    ctx: &Context,
    identity: &Identity,
    name: &str,
    wanted: &Value,
) -> Result<(), ActionError> {
    let known = {
        let mut cache = ctx.cache();
        if let Some(tenant) = cache.ledger.other_tenant(identity, name) {
            return Err(leased_already(name, tenant));
        }
        cache.ledger.begin_lease(&identity.key);
        let known = cache.ledger.pool_service(&identity.namespace, name);
        known.cloned()
    };
    if known
        .as_ref()
        .is_some_and(|known| known.sight.deleting.is_some())
    {
        let message = format!("somebody has deleted Service {name}, and it is not gone yet");
        return Err(waits(message));
    }
    let mut wanted = wanted.clone();
    if let Some(known) = &known {
        wanted["metadata"]["uid"] = json!(known.sight.uid);
        wanted["metadata"]["resourceVersion"] = json!(known.sight.version.to_string());
    }
    let request = async {
        match known {
            Some(_) => ctx.writer.apply::<Service>(&wanted).await,
            None => ctx.writer.create::<Service>(&wanted).await,
        }
    };
    let service = ctx.crash.around(Write::ServiceLease, request).await?;
    ctx.cache().see_own_service(&service, identity);
    Ok(())
}

/// Takes the finalizer off a Service of a pool: from now on whoever deletes the Service frees its address. The ledger keeps the answer, so
/// that the next lease names the current resource version.
pub(super) async fn let_go(
    ctx: &Context,
    identity: &Identity,
    service: &ObservedService,
) -> Result<(), ActionError> {
    let key = ObjectKey::service(&identity.namespace, &service.sight.name);
    let (uid, held) = (&service.sight.uid, &service.finalizers);
    let request = ctx
        .writer
        .without_finalizer::<Service>(&key, uid, held, TRACKING_FINALIZER);
    match ctx.crash.around(Write::ServiceFree, request).await? {
        Some(freed) => drop(ctx.cache().see_own_service(&freed, identity)),
        None => drop(ctx.cache().ledger.see_gone(uid)),
    }
    Ok(())
}

fn leased_already(name: &str, tenant: &Identity) -> ActionError {
    waits(format!(
        "Service {name} is leased to the flash of {} for FlashJob {}",
        tenant.uuid,
        tenant.job()
    ))
}

/// The Service cannot be leased now; the attempt waits.
fn waits(message: String) -> ActionError {
    let reason = Reason::AddressInUse;
    ActionError::NotAdmitted(Refusal { reason, message })
}

/// Takes in the Service as the API server has it now.
async fn look(
    ctx: &Context,
    identity: &Identity,
    name: &str,
    wanted: &Value,
) -> Result<(), ActionError> {
    let found = find_service(ctx, wanted).await;
    let mut cache = ctx.cache();
    let known: Option<ObservedService> = cache
        .ledger
        .pool_service(&identity.namespace, name)
        .cloned();
    let Some(found) = found else {
        known.map(|known| cache.ledger.see_gone(&known.sight.uid));
        return Ok(());
    };
    let is_known = |known: &ObservedService| Some(&known.sight.uid) == found.metadata.uid.as_ref();
    if is_sealed(&found.metadata, ObjectKind::Service, &ctx.seals) {
        cache.see_service(&found);
        return Ok(());
    }
    if let Some(known) = known.filter(is_known) {
        // Ours, whatever somebody has written over its seal: the lease writes it anew.
        cache.see_own_service(&found, &known.sight.identity);
        return Ok(());
    }
    if cache.see_service_of(&found, identity) {
        // Ours, without its labels.
        return Ok(());
    }
    cache.ledger.note_foreign_service(&identity.namespace, name);
    Err(waits(format!(
        "Service {}/{name} would be one of the pool, and is not the operator's: delete it, or give the pool another name \
         (service.pool.name)",
        identity.namespace
    )))
}
