//! Whether Services get addresses: each flash needs one of its own. Pure.

use flashjob_operator::{
    cluster::{ApiError, ErrorKind},
    names::LABEL_ATTEMPT,
};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Service;

use super::{Check, Facts, Finding};
use crate::show::age;

/// How long a Service may wait for its address before anything is wrong.
const PATIENCE: SignedDuration = SignedDuration::from_secs(60);

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let services = match &facts.services {
        Ok(services) => services,
        Err(error) => {
            let what = "whether Services get addresses";
            return vec![Finding::unknown(Check::Addresses, what, error)];
        }
    };
    let now = facts.now();
    let mut pending: Vec<_> = services.iter().filter(|one| pends(one, now)).collect();
    // Those of flashes first, then the oldest.
    pending.sort_by_key(|service| (!is_of_a_flash(service), created(service)));
    let Some(first) = pending.first() else {
        let balanced = services.iter().filter(|one| is_balanced(one)).count();
        let message = match balanced {
            0 => "no Service of type LoadBalancer is there to tell whether there are addresses"
                .to_owned(),
            _ => {
                format!("{balanced} Services of type LoadBalancer, and none waits for its address")
            }
        };
        return vec![Finding::ok(Check::Addresses, message)];
    };
    let meta = &first.metadata;
    let name = meta.name.as_deref().unwrap_or_default();
    let namespace = meta.namespace.as_deref().unwrap_or_default();
    let since = created(first)
        .map(|since| age::of(since, now))
        .unwrap_or_default();
    let message = format!(
        "{} of type LoadBalancer got no address; Service {namespace}/{name} has waited for {since}",
        count(pending.len())
    );
    let next = format!(
        "see its events, then give the pool more addresses: kubectl describe service {name} -n {namespace}"
    );
    let finding = if is_of_a_flash(first) {
        Finding::fail
    } else {
        Finding::warn
    };
    vec![finding(Check::Addresses, message, next)]
}

/// Whether the namespace takes a Service of a flash: tried, and nothing created.
pub(super) fn tried(facts: &Facts) -> Finding {
    let (check, namespace) = (Check::Addresses, &facts.namespace);
    let refused = |error: &ApiError, next: String| {
        let message = format!(
            "namespace {namespace} takes no Service of type LoadBalancer: {}",
            error.message
        );
        Finding::fail(check, message, next)
    };
    match &facts.balanced {
        Ok(()) => {
            let message = format!(
                "namespace {namespace} takes a Service of type LoadBalancer: tried, and nothing created"
            );
            Finding::ok(check, message)
        }
        Err(error) => match error.kind {
            ErrorKind::QuotaExceeded => {
                let next = format!("raise it; see: kubectl describe resourcequota -n {namespace}");
                refused(error, next)
            }
            ErrorKind::AdmissionDenied | ErrorKind::Invalid { .. } => {
                let next = "ask whoever set that rule to admit the Services of flashes";
                refused(error, next.to_owned())
            }
            ErrorKind::NamespaceTerminating | ErrorKind::NotFound => {
                let next = format!("create it: kubectl create namespace {namespace}");
                refused(error, next)
            }
            _ => {
                let what =
                    format!("whether namespace {namespace} takes a Service of type LoadBalancer");
                Finding::unknown(check, &what, error)
            }
        },
    }
}

fn count(services: usize) -> String {
    match services {
        1 => "1 Service".to_owned(),
        many => format!("{many} Services"),
    }
}

fn is_balanced(service: &Service) -> bool {
    let kind = service.spec.as_ref().and_then(|spec| spec.type_.as_deref());
    kind == Some("LoadBalancer")
}

fn pends(service: &Service, now: Timestamp) -> bool {
    let balancer = service
        .status
        .as_ref()
        .and_then(|status| status.load_balancer.as_ref());
    let addresses = balancer.and_then(|balancer| balancer.ingress.as_ref());
    let waited = created(service).is_some_and(|since| now.duration_since(since) > PATIENCE);
    let stays = service.metadata.deletion_timestamp.is_none();
    is_balanced(service) && addresses.is_none_or(Vec::is_empty) && waited && stays
}

fn created(service: &Service) -> Option<Timestamp> {
    let created = service.metadata.creation_timestamp.as_ref();
    created.map(|time| time.0)
}

fn is_of_a_flash(service: &Service) -> bool {
    let labels = service.metadata.labels.as_ref();
    labels.is_some_and(|labels| labels.contains_key(LABEL_ATTEMPT))
}
