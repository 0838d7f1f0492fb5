//! Looks, once for each leadership, for objects of attempts that lost their labels while no operator ran: no watch brings them. Such
//! a flash still holds its slot, and the finalizer of such a Service would keep it, and its address, for ever. Reads only;
//! `act::repair` puts the labels back.
//!
//! The `controller` calls this once everything else is listed, and starts nothing before it has ended.

use std::{collections::BTreeSet, time::Duration};

use k8s_openapi::{api::core::v1::Secret, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use kube::{Resource, core::NamespaceResourceScope};
use serde::de::DeserializeOwned;

use super::namespaces::unless_it_ends;
use crate::{
    cluster::{ApiError, Reader, Scope},
    flashjob::{
        act::{self, context::Context},
        observe::{
            belief::seal_of, cache::Cache, ledger::ObjectKind, objects::Identity,
            unlabelled::record_selector,
        },
        plan::attempt::adoption,
    },
    identifiers::Uuid,
    seam::{Bug, planted},
};

/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is looked for among the objects of a kind.
struct Lost<K> {
    kind: ObjectKind,
    /// Whether an object bears a seal of this kind.
    is_sealed: fn(&ObjectMeta) -> bool,
    /// Takes in an object that is proved to be of an attempt; whether it was taken.
    see: fn(&mut Cache, &K, &Identity) -> bool,
}

/// Takes Pods, Services and records without labels into the ledger. Asks until the API server answers.
pub(crate) async fn find(ctx: &Context, scope: &Scope) {
    if planted(Bug::LabelsTellAll) {
        return;
    }
    let reader = Reader::new(ctx.read.clone(), PATIENCE);
    let unanswered = "cannot see what has lost its labels; nothing starts before";
    act::ask_on(unanswered, || look(ctx, &reader, scope)).await;
}

async fn look(ctx: &Context, reader: &Reader, scope: &Scope) -> Result<(), ApiError> {
    let pods = Lost {
        kind: ObjectKind::Pod,
        is_sealed: |meta| !seal_of(meta, ObjectKind::Pod).is_empty(),
        see: Cache::see_pod_of,
    };
    objects(ctx, reader, scope, pods).await?;
    let services = Lost {
        kind: ObjectKind::Service,
        is_sealed: |meta| !seal_of(meta, ObjectKind::Service).is_empty(),
        see: Cache::see_service_of,
    };
    objects(ctx, reader, scope, services).await?;
    records(ctx, reader).await
}

/// Takes in the objects of a kind that bear our seal and are not known.
async fn objects<K>(
    ctx: &Context,
    reader: &Reader,
    scope: &Scope,
    lost: Lost<K>,
) -> Result<(), ApiError>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + DeserializeOwned
        + Clone
        + std::fmt::Debug,
{
    for part in scope.parts() {
        let part = part.as_deref();
        let listed = reader.list_metadata::<K>(part, lost.is_sealed).await;
        let sealed = unless_it_ends(ctx, part, listed)?.unwrap_or_default();
        for (name, identity) in proved(ctx, lost.kind, sealed.iter().map(|one| &one.metadata)) {
            let found = reader.get::<K>(&identity.namespace, &name).await;
            let found = unless_it_ends(ctx, Some(&identity.namespace), found)?.flatten();
            let taken = found.is_some_and(|found| (lost.see)(&mut ctx.cache(), &found, &identity));
            tracing::warn!(
                kind = lost.kind.as_str(),
                object.namespace = identity.namespace,
                object.name = name,
                taken,
                "an object of a flash has lost its labels"
            );
        }
    }
    Ok(())
}

/// Names of the objects that are of an attempt and not known, with the attempt.
fn proved<'a>(
    ctx: &Context,
    kind: ObjectKind,
    sealed: impl Iterator<Item = &'a ObjectMeta>,
) -> Vec<(String, Identity)> {
    let cache = ctx.cache();
    let proved =
        sealed.filter_map(|meta| Some((meta.name.clone()?, cache.sealed_identity(meta, kind)?)));
    proved.collect()
}

/// Takes in the records of attempts of which none is known. Secrets are listed by their devices: they are many, and of others.
async fn records(ctx: &Context, reader: &Reader) -> Result<(), ApiError> {
    for (namespace, uuid) in without_record(ctx) {
        let scope = Scope::of(std::slice::from_ref(&namespace));
        let found = reader.list::<Secret>(&scope, &record_selector(&uuid)).await;
        let found = unless_it_ends(ctx, Some(&namespace), found)?;
        for secret in found.iter().flatten() {
            ctx.cache().see_unlabelled_record(secret);
        }
    }
    Ok(())
}

/// Namespace and device of each attempt of which no record is known. The original operator wrote none.
fn without_record(ctx: &Context) -> BTreeSet<(String, Uuid)> {
    let cache = ctx.cache();
    let attempts = cache.ledger.all().map(|(_, attempt)| attempt);
    let without = attempts.filter(|attempt| {
        attempt.records.is_empty() && adoption::pod_of(&attempt.identity).is_none()
    });
    let named = without.map(|attempt| &attempt.identity);
    named
        .map(|who| (who.namespace.clone(), who.uuid.clone()))
        .collect()
}
