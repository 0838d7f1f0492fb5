//! Whether an operator runs, leads, and looks at the namespace. Pure.

use flashjob_operator::{
    cli::operator::{DEPLOYMENT, settings_of},
    cluster::{ApiError, Scope},
    names::LEASE,
};
use jiff::SignedDuration;
use k8s_openapi::api::{apps::v1::Deployment, coordination::v1::Lease};

use super::{Check, Facts, Finding};
use crate::show::age;

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let operator = &facts.operator_namespace;
    let place = format!("{operator}/{DEPLOYMENT}");
    let mut all = match &facts.deployment {
        Ok(Some(deployment)) => {
            let mut all = vec![runs(deployment, &place)];
            all.extend(watches(deployment, facts, &place));
            all
        }
        Ok(None) => vec![Finding::fail(
            Check::Operator,
            format!("there is no Deployment {place}"),
            "install the operator's chart, or name the operator's namespace with --operator-namespace".to_owned(),
        )],
        Err(error) => vec![
            Finding::unknown(Check::Operator, "whether the operator runs", error),
            Finding::unknown(Check::Namespaces, "which namespaces it looks at", error),
        ],
    };
    all.insert(1, leads(&facts.lease, facts));
    all
}

fn runs(deployment: &Deployment, place: &str) -> Finding {
    let wanted = deployment.spec.as_ref().and_then(|spec| spec.replicas);
    let wanted = wanted.unwrap_or(1);
    let ready = deployment
        .status
        .as_ref()
        .and_then(|status| status.ready_replicas);
    let ready = ready.unwrap_or(0);
    let message = format!("Deployment {place} has {ready} of {wanted} Pods ready");
    let (name, namespace) = (DEPLOYMENT, place.split('/').next().unwrap_or_default());
    let next = match wanted {
        0 => {
            format!("let it run with: kubectl scale deployment {name} -n {namespace} --replicas=1")
        }
        _ => format!(
            "see why with: kubectl describe pods -n {namespace} -l app.kubernetes.io/name={name}"
        ),
    };
    if ready == 0 {
        Finding::fail(Check::Operator, message, next)
    } else if ready < wanted {
        Finding::warn(Check::Operator, message, next)
    } else {
        Finding::ok(Check::Operator, message)
    }
}

/// Who leads: an operator that has not renewed the Lease for as long as the Lease says has gone, and nobody has taken over.
fn leads(lease: &Result<Option<Lease>, ApiError>, facts: &Facts) -> Finding {
    let place = format!("{}/{LEASE}", facts.operator_namespace);
    let next = || {
        let operator = &facts.operator_namespace;
        format!("see why with: kubectl logs deployment/{DEPLOYMENT} -n {operator}")
    };
    let lease = match lease {
        Ok(lease) => lease.as_ref().and_then(|lease| lease.spec.as_ref()),
        Err(error) => return Finding::unknown(Check::Lease, "whether an operator leads", error),
    };
    let holder = lease.and_then(|lease| lease.holder_identity.as_deref());
    let Some((lease, holder)) = lease.zip(holder.filter(|holder| !holder.is_empty())) else {
        let message = format!("nobody holds the Lease {place}: no operator works");
        return Finding::fail(Check::Lease, message, next());
    };
    let now = facts.now();
    let Some(renewed) = lease.renew_time.as_ref().map(|time| time.0) else {
        let message = format!("{holder} holds the Lease {place} and has never renewed it");
        return Finding::fail(Check::Lease, message, next());
    };
    let ago = age::of(renewed, now);
    let limit = SignedDuration::from_secs(lease.lease_duration_seconds.unwrap_or_default().into());
    if now.duration_since(renewed) > limit {
        let message = format!(
            "{holder}, which holds the Lease {place}, renewed it {ago} ago: no operator works"
        );
        return Finding::fail(Check::Lease, message, next());
    }
    Finding::ok(
        Check::Lease,
        format!("{holder} leads and renewed its Lease {ago} ago"),
    )
}

/// Whether the operator looks at the jobs and the devices of the namespace.
fn watches(deployment: &Deployment, facts: &Facts, place: &str) -> Vec<Finding> {
    let (check, namespace) = (Check::Namespaces, &facts.namespace);
    let settings = match settings_of(deployment) {
        Ok(settings) => settings,
        Err(error) => {
            let message = format!(
                "which namespaces the operator looks at is not known: Deployment {place}: {error}"
            );
            let next = "use the kubectl flashjob of the operator's version".to_owned();
            return vec![Finding::warn(check, message, next)];
        }
    };
    let mut all = Vec::new();
    if !Scope::of(&settings.watch_namespaces).contains(namespace) {
        all.push(Finding::fail(
            check,
            format!("the operator does not look at FlashJobs of namespace {namespace}"),
            format!("add {namespace} to watchNamespaces of the operator's chart, or create them in one of: {}", settings.watch_namespaces.join(", ")),
        ));
    }
    if !Scope::of(&settings.akri_namespaces).contains(namespace) {
        all.push(Finding::warn(
            check,
            format!("the operator does not look at devices of namespace {namespace}"),
            format!("add {namespace} to akri.namespaces of the operator's chart"),
        ));
    }
    if all.is_empty() {
        let message =
            format!("the operator looks at FlashJobs and devices of namespace {namespace}");
        all.push(Finding::ok(check, message));
    }
    all
}
