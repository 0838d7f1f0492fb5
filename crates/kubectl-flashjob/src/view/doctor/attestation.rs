//! Whether the flash image finds the attestation service of the devices. Pure.

use super::{Check, Facts, Finding};
use crate::cluster::ATTESTATION;

pub(super) fn finding(facts: &Facts) -> Finding {
    let check = Check::Attestation;
    let namespace = &facts.namespace;
    if let Some(host) = host(facts) {
        let message =
            format!("the chart values name the attestation service: diceAuth.host {host}");
        return Finding::ok(check, message);
    }
    let unless = "unless the chart value diceAuth.host names another";
    let service = match &facts.attestation {
        Ok(Some(service)) => service,
        Ok(None) => {
            let message = format!(
                "namespace {namespace} has no Service {ATTESTATION}, by which the flash image finds the attestation service, {unless}"
            );
            let next = format!(
                "create it in namespace {namespace}, or set diceAuth.host in flashPod.values"
            );
            return Finding::warn(check, message, next);
        }
        Err(error) => {
            let what = format!("whether namespace {namespace} has the Service {ATTESTATION}");
            return Finding::unknown(check, &what, error);
        }
    };
    let address = service
        .spec
        .as_ref()
        .and_then(|spec| spec.cluster_ip.as_deref());
    match address {
        // Service links tell a Pod of Services with an address alone.
        None | Some("" | "None") => {
            let message = format!(
                "Service {ATTESTATION} in namespace {namespace} has no address of the cluster, {unless}"
            );
            let next = "create it without clusterIP: None, or set diceAuth.host in flashPod.values";
            Finding::warn(check, message, next.to_owned())
        }
        Some(address) => {
            let message =
                format!("Service {ATTESTATION} in namespace {namespace} has address {address}");
            Finding::ok(check, message)
        }
    }
}

/// The host that the administrator's values name.
fn host(facts: &Facts) -> Option<&str> {
    let values = facts.values.as_ref()?.as_ref().ok()?.as_ref()?;
    let host = values.values.as_ref().ok()?.pointer("/diceAuth/host")?;
    host.as_str().filter(|host| !host.is_empty())
}
