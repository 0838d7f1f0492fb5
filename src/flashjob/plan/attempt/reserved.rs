//! Row 8: an attempt that is recorded and not started, from its Service and the wait for its address to the Pod. Pure.
//!
//! Called by `decide`.

use super::{Action, AttemptGoal, Decision, Removal, phase_of};
use crate::{
    api::{DevicePhase, Reason},
    flash_pod::service_mode::NODE_ADDRESS,
    flashjob::observe::{
        ledger::Attempt,
        objects::{Address, ObservedService},
        waits::Deadlines,
    },
};

/// Row 8: recorded, not started. The gates are asked again; then the Service, its address, the Pod.
pub(super) fn reserved(attempt: &Attempt, wish: &AttemptGoal, until: &Deadlines<'_>) -> Decision {
    let phase = phase_of(attempt);
    if let Some((reason, message)) = &wish.closed {
        let decision = Decision::wait(phase, *reason, message.clone());
        return Decision {
            release: Some((*reason, message.clone())),
            ..decision
        };
    }
    let Some(service) = &attempt.service else {
        return Decision::wait(phase, Reason::Reserved, "the Service is being created")
            .with(Action::ApplyService);
    };
    if service.sight.deleting.is_some() {
        let decision = overdue(
            phase,
            Reason::Reserved,
            "a Service of that name is still being deleted",
            until,
        );
        // Nobody was told its address: it goes, and another one is made.
        let mut due = Removal::default();
        if decision.release.is_none() {
            due.release_address(Some(service));
        }
        return due.into_step(decision);
    }
    match attempt
        .given_address()
        .map_or_else(|| service.address.clone(), Address::Ipv4)
    {
        Address::Ipv4(address) => {
            if let Some((reason, message)) = &wish.held {
                return Decision::wait(phase, *reason, message.clone());
            }
            let action = if service.tracked() {
                let on_node = attempt.dials_node().map(|_| NODE_ADDRESS.to_owned());
                Action::Launch {
                    address: on_node.unwrap_or(address),
                }
            } else {
                Action::HoldService
            };
            Decision::wait(phase, Reason::Reserved, "").with(action)
        }
        Address::None => overdue(phase, Reason::AddressPending, &address_hint(service), until),
        Address::Unusable(what) => {
            let message =
                format!("the load balancer gave {what}: the device needs an IPv4 address");
            overdue(phase, Reason::AddressUnusable, &message, until)
        }
    }
}

fn address_hint(service: &ObservedService) -> String {
    format!("Service {} has no address yet", service.sight.name)
}

/// Waits until the address is overdue, then gives the attempt up: no attempt is consumed.
fn overdue(phase: DevicePhase, reason: Reason, message: &str, until: &Deadlines<'_>) -> Decision {
    let deadline = until.address();
    let decision = Decision::wait(phase, reason, message);
    if !until.is_over(deadline) {
        return decision.until(deadline);
    }
    let message = format!("{message} after {} s", until.address_seconds());
    Decision {
        release: Some((reason, message)),
        ..decision
    }
}
