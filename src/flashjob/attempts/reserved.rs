//! Row 8: an attempt that is recorded and not started, from its Service and the wait for its address to the Pod. Pure.
//!
//! Called by `decide`.

use jiff::Timestamp;

use super::{Bounds, Decision, Step, Wish, after, phase_of};
use crate::{
    api::{DevicePhase, Reason},
    flashjob::{
        ledger::Attempt,
        sight::{Address, ServiceSight},
    },
};

/// Row 8: recorded, not started. The gates are asked again; then the Service, its address, the Pod.
pub(super) fn reserved(
    attempt: &Attempt,
    wish: &Wish,
    bounds: &Bounds,
    now: Timestamp,
) -> Decision {
    let phase = phase_of(attempt);
    if let Some((reason, message)) = &wish.closed {
        let decision = Decision::wait(phase, *reason, message.clone());
        return Decision {
            release: Some((*reason, message.clone())),
            ..decision
        };
    }
    let begun = attempt.record().map_or(now, |record| record.sight.created);
    let Some(service) = &attempt.service else {
        return Decision::wait(phase, Reason::Reserved, "the Service is being created")
            .with(Step::ApplyService);
    };
    if service.sight.deleting.is_some() {
        return overdue(
            phase,
            Reason::Reserved,
            "a Service of that name is still being deleted",
            begun,
            bounds,
            now,
        );
    }
    match known_address(attempt).map_or_else(|| service.address.clone(), Address::Ipv4) {
        Address::Ipv4(address) => match &wish.held {
            Some((reason, message)) => Decision::wait(phase, *reason, message.clone()),
            None => Decision::wait(phase, Reason::Reserved, "").with(Step::Launch {
                address: address.clone(),
            }),
        },
        Address::None => overdue(
            phase,
            Reason::AddressPending,
            &address_hint(service),
            begun,
            bounds,
            now,
        ),
        Address::Unusable(what) => {
            let message =
                format!("the load balancer gave {what}: the device needs an IPv4 address");
            overdue(phase, Reason::AddressUnusable, &message, begun, bounds, now)
        }
    }
}

/// The address that the administrator's values or the chart give beforehand: then there is nothing to wait for.
fn known_address(attempt: &Attempt) -> Option<String> {
    let stored = attempt.record()?.stored.as_ref()?;
    let record = &stored.record;
    let given = |values: &serde_json::Value| values.get("externalIP")?.as_str().map(str::to_owned);
    given(&record.config)
        .or_else(|| given(&record.chart.values).filter(|_| stored.chart_proven))
        .filter(|address| !address.is_empty())
}

fn address_hint(service: &ServiceSight) -> String {
    format!("Service {} has no address yet", service.sight.name)
}

/// Waits until the address is overdue, then gives the attempt up: no attempt is consumed.
fn overdue(
    phase: DevicePhase,
    reason: Reason,
    message: &str,
    begun: Timestamp,
    bounds: &Bounds,
    now: Timestamp,
) -> Decision {
    let deadline = after(begun, bounds.address_seconds);
    let decision = Decision::wait(phase, reason, message);
    if now < deadline {
        return decision.until(deadline);
    }
    let message = format!("{message} after {} s", bounds.address_seconds);
    Decision {
        release: Some((reason, message)),
        ..decision
    }
}
