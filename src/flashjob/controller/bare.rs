//! Looks, once for every leadership, for objects of attempts that lost their labels while nobody looked: no watch brings them. Without
//! that the finalizer of a Service would keep it, and its address, for ever. Reads only; the labels are put back by `act::repair`.
//!
//! Called by the `controller` when everything else was listed. A Pod is asked for by its name before anything is decided without it.

use std::{collections::BTreeSet, time::Duration};

use k8s_openapi::api::core::v1::{Secret, Service};

use crate::{
    cluster::{ApiError, ErrorKind, Reader, Scope},
    flashjob::{
        act::context::Context,
        observe::{
            bare::{record_selector, service_name},
            objects::Identity,
        },
        plan::attempt::adoption,
    },
};

/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// Wait before it is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// Takes Services and records without labels into the ledger. Asks until the API server answers.
pub(crate) async fn find(ctx: &Context) {
    let reader = Reader::new(ctx.read.clone(), PATIENCE);
    while let Err(error) = look(ctx, &reader).await {
        tracing::warn!(error = %error, "cannot see what has lost its labels; nothing starts before");
        tokio::time::sleep(ASK_AGAIN).await;
    }
}

async fn look(ctx: &Context, reader: &Reader) -> Result<(), ApiError> {
    for (identity, name) in without_service(ctx) {
        let found = reader.get::<Service>(&identity.namespace, &name).await;
        if let Some(service) = unless_it_ends(ctx, &identity.namespace, found)?.flatten() {
            ctx.state().see_service_of(&service, &identity);
        }
    }
    for (namespace, uuid) in without_record(ctx) {
        let scope = Scope::of(std::slice::from_ref(&namespace));
        let found = reader.list::<Secret>(&scope, &record_selector(&uuid)).await;
        let found = unless_it_ends(ctx, &namespace, found)?;
        for secret in found.iter().flatten() {
            ctx.state().see_bare_record(secret);
        }
    }
    Ok(())
}

/// Attempts in flight of which no Service is known, with the name that it must have.
fn without_service(ctx: &Context) -> Vec<(Identity, String)> {
    let state = ctx.state();
    let attempts = state.ledger.in_flight();
    let without = attempts.filter(|attempt| attempt.service.is_none());
    let named =
        without.filter_map(|attempt| Some((attempt.identity.clone(), service_name(attempt)?)));
    named.collect()
}

/// Namespace and device of each attempt of which no record is known. The original operator wrote none.
fn without_record(ctx: &Context) -> BTreeSet<(String, String)> {
    let state = ctx.state();
    let attempts = state.ledger.all().map(|(_, attempt)| attempt);
    let without = attempts.filter(|attempt| {
        attempt.records.is_empty() && adoption::pod_of(&attempt.identity).is_none()
    });
    let named = without.map(|attempt| &attempt.identity);
    named
        .map(|who| (who.namespace.clone(), who.uuid.clone()))
        .collect()
}

/// Where the right to read went with the namespace, that namespace's deletion takes the rest.
fn unless_it_ends<T>(
    ctx: &Context,
    namespace: &str,
    found: Result<T, ApiError>,
) -> Result<Option<T>, ApiError> {
    match found {
        Err(error) if error.kind == ErrorKind::Forbidden && ctx.state().is_ending(namespace) => {
            Ok(None)
        }
        found => found.map(Some),
    }
}
