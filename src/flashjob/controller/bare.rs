//! Looks, once for each leadership, for objects of attempts that lost their labels while no operator ran: no watch brings them, and
//! the finalizer of such a Service would keep it, and its address, for ever. Reads only; `act::repair` puts the labels back.
//!
//! The `controller` calls this once everything else is listed. Pods need no look here: the API server is asked for a Pod by its name
//! before anything is decided without it.

use std::{collections::BTreeSet, time::Duration};

use k8s_openapi::api::core::v1::{Secret, Service};

use super::namespaces::unless_it_ends;
use crate::{
    cluster::{ApiError, Reader, Scope},
    flashjob::{
        act::{self, context::Context},
        observe::{
            bare::{record_selector, service_name},
            objects::Identity,
        },
        plan::attempt::adoption,
    },
};

/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Takes Services and records without labels into the ledger. Asks until the API server answers.
pub(crate) async fn find(ctx: &Context) {
    let reader = Reader::new(ctx.read.clone(), PATIENCE);
    let unanswered = "cannot see what has lost its labels; nothing starts before";
    act::ask_on(unanswered, || look(ctx, &reader)).await;
}

async fn look(ctx: &Context, reader: &Reader) -> Result<(), ApiError> {
    for (identity, name) in without_service(ctx) {
        let found = reader.get::<Service>(&identity.namespace, &name).await;
        if let Some(service) = unless_it_ends(ctx, Some(&identity.namespace), found)?.flatten() {
            ctx.state().see_service_of(&service, &identity);
        }
    }
    for (namespace, uuid) in without_record(ctx) {
        let scope = Scope::of(std::slice::from_ref(&namespace));
        let found = reader.list::<Secret>(&scope, &record_selector(&uuid)).await;
        let found = unless_it_ends(ctx, Some(&namespace), found)?;
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
