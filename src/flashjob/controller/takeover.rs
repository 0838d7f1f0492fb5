//! Looks, once for every leadership, for what the original operator left: nothing starts before it is in the ledger. Reads only.
//!
//! Called by the `controller` when everything else was listed; `adoption` says what is taken, the passes take it over.

use std::{collections::HashMap, sync::Arc, time::Duration};

use k8s_openapi::{
    api::core::v1::{Pod, Service},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};

use kube::{Resource, core::NamespaceResourceScope};
use serde::de::DeserializeOwned;

use super::namespaces::unless_it_ends;
use crate::cluster::{ApiError, Reader, Scope};
use crate::flashjob::{
    act::{self, context::Context},
    plan::attempt::adoption::{self, NotTheOriginals},
    spec::job::Job,
};

/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Takes the original's Pods and Services into the ledger. Asks until the API server answers.
pub(crate) async fn find(ctx: &Context, scope: &Scope) {
    let unanswered = "cannot see what the original operator left; nothing starts before";
    act::ask_on(unanswered, || look(ctx, scope)).await;
}

async fn look(ctx: &Context, scope: &Scope) -> Result<(), ApiError> {
    let reader = Reader::new(ctx.read.clone(), PATIENCE);
    let services = list::<Service>(ctx, &reader, scope).await?;
    let pods = list::<Pod>(ctx, &reader, scope).await?;
    let mut cache = ctx.cache();
    let jobs: HashMap<(String, String), Arc<Job>> = cache
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
            Ok(sight) => drop(cache.ledger.see_service(sight)),
            Err(why) => left_alone("Service", meta, why),
        }
    }
    for pod in &pods {
        let meta = &pod.metadata;
        match adoption::pod(pod, job_of(meta)) {
            Ok(sight) => drop(cache.ledger.see_pod(sight)),
            Err(why) => left_alone("Pod", meta, why),
        }
    }
    Ok(())
}

/// What there is of a kind, but in namespaces that end.
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
        found.extend(
            unless_it_ends(ctx, part.as_deref(), listed)?
                .into_iter()
                .flatten(),
        );
    }
    Ok(found)
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
