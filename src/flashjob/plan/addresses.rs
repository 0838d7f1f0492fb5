//! Which attempt has which address: what a device was told, what its Service has now, and who waits for an address that another
//! attempt has. Pure.
//!
//! A load balancer may give one address to several Services: where they share one by an annotation, where it is asked for by name,
//! or where a pool hands it out twice. Only Services of flashes are known here. Called by `plan` before write 4, and by `attempts`
//! while a flash runs.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::api::Reason;
use crate::flashjob::{
    observe::{
        ledger::{Attempt, Ledger},
        objects::{Address, AttemptKey, ObservedPod, ObservedService},
        stored,
    },
    plan::attempt::adoption,
    spec::job::Job,
};
use crate::identifiers::{AttemptId, Uuid};
use crate::seam::{Bug, planted};
use helm_release::objects;

/// The address of its Service.
fn served(attempt: &Attempt) -> Option<String> {
    match &attempt.service.as_ref()?.address {
        Address::Ipv4(address) => Some(address.clone()),
        Address::None | Address::Unusable(_) => None,
    }
}

/// Whether an attempt has an address: its device was told it, or is going to be, or its Service has it now.
fn has(attempt: &Attempt, address: &str) -> bool {
    let told = attempt.pod.as_ref().and_then(|pod| pod.address.as_deref());
    told == Some(address)
        || served(attempt).as_deref() == Some(address)
        || attempt.given_address().as_deref() == Some(address)
}

/// Why an attempt may not be launched yet: another one has its address, and came first.
#[must_use]
pub fn in_use(ledger: &Ledger, attempt: &Attempt) -> Option<(Reason, String)> {
    if attempt.pod.is_some() || planted(Bug::SharesAddresses) {
        return None;
    }
    let address = attempt.given_address().or_else(|| served(attempt))?;
    let others = ledger
        .at_address(&address)
        // What a failed release remembers of its address is history.
        .filter(|other| other.holds_slot())
        .filter(|other| has(other, &address));
    let ahead = others.filter(|other| turn(other) < turn(attempt));
    let first = ahead.min_by(|one, other| turn(one).cmp(&turn(other)))?;
    let who = &first.identity;
    let (what, hint) = shared(attempt, &address);
    let message = format!(
        "{what} is in use by the flash of {}{} for FlashJob {}; this one waits until that has ended{hint}",
        who.uuid,
        who.endpoint
            .as_ref()
            .map_or_else(String::new, |endpoint| format!(" ({endpoint})")),
        who.job(),
    );
    Some((Reason::AddressInUse, message))
}

/// What two flashes cannot have at once, and what to do about it.
fn shared(attempt: &Attempt, address: &str) -> (String, &'static str) {
    match attempt.dials_node().as_deref() {
        None => (
            format!("address {address}"),
            ": see whether the load balancer gives out an address twice, or lets Services share it",
        ),
        Some("") => (
            "the port of its node".to_owned(),
            ", for one device at a time is flashed where service.node of the flash chart names no node",
        ),
        Some(node) => (format!("port 4433 of node {node}"), ""),
    }
}

/// Whose turn it is: of what is launched, or is just being written, before all others; then of what began first.
fn turn(attempt: &Attempt) -> (bool, Timestamp, &AttemptKey) {
    let record = attempt.record();
    let launched =
        attempt.pod_seen || attempt.acting || record.is_some_and(|record| record.has_pod);
    let begun = record.map_or(Timestamp::MAX, |record| record.sight.created);
    (!launched, begun, &attempt.identity.key)
}

/// A change of the Service of a flash whose verdict is not stored yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressNews {
    /// Id of the attempt.
    pub id: AttemptId,
    /// Index of its device in the selection; none where the attempt is of an older round.
    pub index: Option<usize>,
    /// UUID of its device.
    pub uuid: Uuid,
    /// In one word.
    pub reason: Reason,
    /// In words.
    pub message: String,
}

/// The news that were not reported yet. `told` has the reason last reported for each attempt id; the stored status may have it, too.
pub fn untold<'a>(
    all: &'a [AddressNews],
    told: &BTreeMap<AttemptId, Reason>,
    job: &Job,
) -> impl Iterator<Item = &'a AddressNews> {
    let is_stored = |news: &AddressNews| {
        let entry = news.index.and_then(|index| stored::entry(job, index));
        let own = entry.filter(|entry| stored::attempt_id(entry).as_ref() == Some(&news.id));
        own.and_then(stored::reason) == Some(news.reason)
    };
    all.iter()
        .filter(move |news| told.get(&news.id) != Some(&news.reason) && !is_stored(news))
}

/// What happened to the address that the device of a flash was told, if anything did. Pods of the original operator are left out, and
/// flashes whose devices dial the node.
#[must_use]
pub fn lost(attempt: &Attempt) -> Option<(Reason, String)> {
    if adoption::pod_of(&attempt.identity).is_some() || attempt.dials_node().is_some() {
        return None;
    }
    let pod = attempt.pod.as_ref()?;
    match &attempt.service {
        Some(service) => changed(attempt, pod, service).or_else(|| deleted(service)),
        None => gone(attempt, pod),
    }
}

fn changed(
    attempt: &Attempt,
    pod: &ObservedPod,
    service: &ObservedService,
) -> Option<(Reason, String)> {
    let told = pod.address.as_ref()?;
    let now = match &service.address {
        Address::Ipv4(now) if now == told => return None,
        Address::Ipv4(other) => format!("has address {other} now"),
        Address::Unusable(what) => format!("has {what} now"),
        Address::None if attempt.given_address().as_ref() == Some(told) => return None,
        Address::None => "has lost its address".to_owned(),
    };
    let message = format!(
        "Service {} {now}, but the device was told {told} and cannot dial in any more",
        service.sight.name
    );
    Some((Reason::AddressLost, message))
}

fn deleted(service: &ObservedService) -> Option<(Reason, String)> {
    service.sight.deleting?;
    let name = &service.sight.name;
    let message = if service.tracked() {
        format!(
            "somebody deleted Service {name}; it stays, and its address with it, until the flash has ended"
        )
    } else {
        format!(
            "somebody deleted Service {name} before the operator could hold it; the device may not be able to dial in any more"
        )
    };
    Some((Reason::ServiceDeleted, message))
}

/// A chart may have no Service: what is not in the manifest was never there.
fn gone(attempt: &Attempt, pod: &ObservedPod) -> Option<(Reason, String)> {
    let name = if let Some(name) = attempt.pool_service() {
        name.to_owned()
    } else {
        let stored = attempt.record()?.stored.as_ref()?;
        let objects = objects(&stored.record.manifest).ok()?;
        let service = objects
            .into_iter()
            .find(|object| object.kind == "Service")?;
        service.name
    };
    let told = pod.address.as_deref().unwrap_or("its address");
    let message =
        format!("Service {name} is gone: the device was told {told} and cannot dial in any more");
    Some((Reason::AddressLost, message))
}

#[cfg(test)]
#[path = "addresses_tests.rs"]
mod tests;
