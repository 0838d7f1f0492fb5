//! Looks, once for every leadership, for what no watch brings: nothing starts before it is in the ledger. Reads only.
//!
//! That is what the original operator left, and what of ours lost its labels while nobody led. Called by the `controller` when
//! everything else was listed; `adoption` and the seals say what is taken, the passes take it over.

use std::{collections::HashMap, sync::Arc, time::Duration};

use k8s_openapi::{
    api::core::v1::{Pod, Service},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};

use kube::{Resource, core::NamespaceResourceScope};
use serde::de::DeserializeOwned;

use crate::flashjob::{
    act::context::Context,
    observe::{belief::seal_of, cache::State, ledger::ObjectKind, objects::Identity},
    plan::attempt::adoption::{self, NotTheOriginals},
    spec::job::Job,
};
use crate::{
    cluster::{ApiError, ErrorKind, Reader, Scope},
    seam::{Bug, planted},
};

/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// Wait before it is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// Whether an object bears a seal of its kind.
type IsSealed = fn(&ObjectMeta) -> bool;
/// How an object that is proved to be of an attempt is taken into the state.
type See<K> = fn(&mut State, &K, &Identity) -> bool;

/// Takes such Pods and Services into the ledger. Asks until the API server answers.
pub(crate) async fn find(ctx: &Context, scope: &Scope) {
    while let Err(error) = look(ctx, scope).await {
        tracing::warn!(error = %error, "cannot see what was left before this operator led; nothing starts before");
        tokio::time::sleep(ASK_AGAIN).await;
    }
}

async fn look(ctx: &Context, scope: &Scope) -> Result<(), ApiError> {
    let reader = Reader::new(ctx.read.clone(), PATIENCE);
    let pod = |meta: &ObjectMeta| !seal_of(meta, ObjectKind::Pod).is_empty();
    let service = |meta: &ObjectMeta| !seal_of(meta, ObjectKind::Service).is_empty();
    if !planted(Bug::LabelsTellAll) {
        let how = (
            ObjectKind::Pod,
            pod as IsSealed,
            State::see_pod_of as See<Pod>,
        );
        unlabelled(ctx, &reader, scope, how).await?;
        let see = State::see_lost_service as See<Service>;
        let how = (ObjectKind::Service, service as IsSealed, see);
        unlabelled(ctx, &reader, scope, how).await?;
    }
    originals(ctx, &reader, scope).await
}

/// Takes in what bears our seal and is not known, as it has lost its labels.
async fn unlabelled<K>(
    ctx: &Context,
    reader: &Reader,
    scope: &Scope,
    (kind, is_sealed, see): (ObjectKind, IsSealed, See<K>),
) -> Result<(), ApiError>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + DeserializeOwned
        + Clone
        + std::fmt::Debug,
{
    for part in scope.parts() {
        let listed = reader.list_metadata::<K>(part.as_deref(), is_sealed).await;
        let sealed = or_ended(ctx, part.as_deref(), listed)?;
        let lost: Vec<(String, Identity)> = {
            let state = ctx.state();
            let proved = sealed
                .iter()
                .map(|object| &object.metadata)
                .filter_map(|meta| Some((meta.name.clone()?, state.sealed_identity(meta, kind)?)));
            proved.collect()
        };
        for (name, identity) in lost {
            let found = reader.get::<K>(&identity.namespace, &name).await?;
            let taken = found.is_some_and(|found| see(&mut ctx.state(), &found, &identity));
            let (kind, namespace) = (kind.as_str(), &identity.namespace);
            tracing::warn!(
                kind,
                object.namespace = namespace,
                object.name = name,
                taken,
                "an object of ours has lost labels"
            );
        }
    }
    Ok(())
}

async fn originals(ctx: &Context, reader: &Reader, scope: &Scope) -> Result<(), ApiError> {
    let services = list::<Service>(ctx, reader, scope).await?;
    let pods = list::<Pod>(ctx, reader, scope).await?;
    let mut state = ctx.state();
    let jobs: HashMap<(String, String), Arc<Job>> = state
        .jobs()
        .map(|job| ((job.namespace.clone(), job.name.clone()), Arc::clone(job)))
        .collect();
    let job_of = |meta: &ObjectMeta| {
        let (namespace, name) = adoption::claimed(meta)?;
        jobs.get(&(namespace.to_owned(), name.to_owned()))
            .map(Arc::as_ref)
    };
    for service in &services {
        let meta = &service.metadata;
        match adoption::service(service, job_of(meta)) {
            Ok(sight) => drop(state.ledger.see_service(sight)),
            Err(why) => left_alone("Service", meta, why),
        }
    }
    for pod in &pods {
        let meta = &pod.metadata;
        match adoption::pod(pod, job_of(meta)) {
            Ok(sight) => drop(state.ledger.see_pod(sight)),
            Err(why) => left_alone("Pod", meta, why),
        }
    }
    Ok(())
}

/// What there is of a kind that may be the original's.
async fn list<K>(ctx: &Context, reader: &Reader, scope: &Scope) -> Result<Vec<K>, ApiError>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + DeserializeOwned
        + Clone
        + std::fmt::Debug,
{
    let mut found = Vec::new();
    for part in scope.parts() {
        let of_part = Scope::of(part.as_slice());
        let listed = reader.list(&of_part, adoption::SELECTOR).await;
        found.extend(or_ended(ctx, part.as_deref(), listed)?);
    }
    Ok(found)
}

/// What was listed. Where the right to list it went with its namespace, that namespace's deletion takes the rest.
fn or_ended<T>(
    ctx: &Context,
    part: Option<&str>,
    listed: Result<Vec<T>, ApiError>,
) -> Result<Vec<T>, ApiError> {
    match listed {
        Err(error)
            if error.kind == ErrorKind::Forbidden
                && part.is_some_and(|name| ctx.state().is_ending(name)) =>
        {
            Ok(Vec::new())
        }
        listed => listed,
    }
}

fn left_alone(kind: &str, meta: &ObjectMeta, why: NotTheOriginals) {
    tracing::debug!(
        kind,
        object.namespace = meta.namespace,
        object.name = meta.name,
        %why,
        "not the original operator's; left alone"
    );
}
