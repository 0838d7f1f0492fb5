//! Services of pools: they outlast the attempts that lease them, one after the other. Pure; part of the `ledger`.
//!
//! What the labels of such a Service say is who leased it last; its seal proves that. It is that attempt's Service as long as the attempt is
//! not over. A lease ends here alone, without a write: the Service goes on naming its last attempt, whose Pod is gone, until the next lease
//! is written into it.

use std::collections::{BTreeMap, BTreeSet};

use super::{Attempt, Kind, Ledger};
use crate::{
    flash_pod::pool::Pool,
    flashjob::observe::objects::{Address, AttemptKey, Identity, ObservedService},
    seam::{Bug, planted},
};

/// Namespace and name of a Service.
type Place = (String, String);

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct PoolServices {
    /// As they were seen last.
    known: BTreeMap<Place, ObservedService>,
    /// What somebody else has made under the name of one.
    foreign: BTreeSet<Place>,
}

impl PoolServices {
    /// Who leased the Service of this uid last.
    pub(super) fn identity_of(&self, uid: &str) -> Option<&Identity> {
        let mut all = self.known.values();
        all.find(|service| service.sight.uid == uid)
            .map(|service| &service.sight.identity)
    }

    pub(super) fn forget(&mut self, uid: &str) {
        self.known.retain(|_, service| service.sight.uid != uid);
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &ObservedService> {
        self.known.values()
    }
}

fn place_of(service: &ObservedService) -> Place {
    let sight = &service.sight;
    (sight.identity.namespace.clone(), sight.name.clone())
}

/// Under which attempts are found that have this Service, or once had it.
fn lock_of((namespace, name): &Place) -> String {
    format!("service/{namespace}/{name}")
}

impl Ledger {
    /// Takes in a Service of a pool: it is that of the attempt that it names, and no other's.
    pub(super) fn see_pool_service(&mut self, service: ObservedService) -> bool {
        if self.gone.contains(&service.sight.uid) {
            return false;
        }
        let place = place_of(&service);
        let before = self.pool.known.get(&place);
        if before.is_some_and(|before| before.sight.version >= service.sight.version) {
            return false;
        }
        let key = service.sight.identity.key.clone();
        let former = before.map(|before| before.sight.identity.key.clone());
        self.index(&service.sight, Kind::Service);
        self.pool.foreign.remove(&place);
        self.pool.known.insert(place.clone(), service);
        if let Some(former) = former.filter(|former| *former != key) {
            self.detach(&former, &place.1);
        }
        self.give(&place, &key);
        true
    }

    /// Gives an attempt whose record was seen the Service that it has leased.
    pub(super) fn attach(&mut self, key: &AttemptKey) {
        let attempt = self.attempts.get(key);
        let leases = attempt.and_then(|attempt| {
            let name = attempt.pool_service()?.to_owned();
            Some((attempt.identity.namespace.clone(), name))
        });
        if let Some(place) = leases {
            self.index_address(&lock_of(&place), key);
            if self.is_lease_over(key) {
                self.detach(key, &place.1);
            } else {
                self.give(&place, key);
            }
        }
    }

    /// Whether an attempt that was given a Service by an older record of its own turns out to be history: nothing holds the Service any more,
    /// and its newest record locks nothing.
    fn is_lease_over(&self, key: &AttemptKey) -> bool {
        self.attempts.get(key).is_some_and(|attempt| {
            let service = attempt.service.as_ref();
            service.is_some_and(|service| !service.tracked()) && !attempt.locks()
        })
    }

    /// Gives an attempt the Service that names it. One that is held is leased, though nothing else may be left of its attempt.
    fn give(&mut self, place: &Place, key: &AttemptKey) {
        let leased = self.pool.known.get(place);
        let Some(service) = leased.filter(|service| service.sight.identity.key == *key) else {
            return;
        };
        let attempt = self.attempts.get(key);
        let is_over = attempt.is_some_and(|attempt| attempt.lease.is_over);
        let is_leased = service.tracked() || attempt.is_some_and(Attempt::locks);
        if is_over || !is_leased {
            return;
        }
        let service = service.clone();
        self.index_address(&lock_of(place), key);
        if let Address::Ipv4(address) = &service.address {
            self.index_address(address, key);
        }
        let attempt = self.attempt_mut(&service.sight.identity);
        attempt.service_uid = Some(service.sight.uid.clone());
        attempt.service = Some(service);
    }

    /// The attempt has the Service of this name no longer.
    fn detach(&mut self, key: &AttemptKey, name: &str) {
        let held = self.holds(key);
        if let Some(attempt) = self.attempts.get_mut(key) {
            attempt
                .service
                .take_if(|service| service.sight.name == name);
        }
        self.note_freed(key, held);
        self.drop_if_empty(key);
    }

    /// The attempt is over, and its device has stopped dialling: another may lease its Service.
    pub fn end_lease(&mut self, key: &AttemptKey) {
        let held = self.holds(key);
        if let Some(attempt) = self.attempts.get_mut(key) {
            attempt.lease.is_over = true;
            attempt.service = None;
            self.freed = true;
        }
        self.note_freed(key, held);
        self.drop_if_empty(key);
    }

    /// The Service of an attempt is about to be written for it, perhaps once more: somebody may have deleted it before its device was told.
    pub fn begin_lease(&mut self, key: &AttemptKey) {
        if let Some(attempt) = self.attempts.get_mut(key) {
            attempt.lease.is_over = false;
        }
    }

    /// Chooses a Service of the pool for an attempt that is about to be recorded: one with an address, if there is one. None where all of
    /// them are leased.
    pub fn choose_service(&mut self, identity: &Identity, pool: &Pool) -> Option<String> {
        let rank = |place: &Place| match self.pool.known.get(place) {
            Some(service) if matches!(service.address, Address::Ipv4(_)) => 0,
            Some(_) => 1,
            None if !self.pool.foreign.contains(place) => 2,
            None => 3,
        };
        let mut best: Option<(u8, Place)> = None;
        for name in pool.services() {
            let place = (identity.namespace.clone(), name);
            let rank = rank(&place);
            if best.as_ref().is_none_or(|(other, _)| rank < *other) && self.is_free(&place) {
                best = Some((rank, place));
            }
            if matches!(best, Some((0, _))) {
                break;
            }
        }
        let (_, chosen) = best?;
        if let Some(attempt) = self.attempts.get_mut(&identity.key) {
            attempt.lease.chosen = Some(chosen.1.clone());
        }
        self.index_address(&lock_of(&chosen), &identity.key);
        Some(chosen.1)
    }

    /// How many Services of the pool no attempt has.
    #[must_use]
    pub fn free_services(&self, namespace: &str, pool: &Pool) -> usize {
        let places = pool.services().map(|name| (namespace.to_owned(), name));
        places.filter(|place| self.is_free(place)).count()
    }

    fn is_free(&self, place: &Place) -> bool {
        let known = self.pool.known.get(place);
        let is_going = known.is_some_and(|service| service.sight.deleting.is_some());
        !is_going && (self.tenants(place).next().is_none() || planted(Bug::LeasesWhatIsLeased))
    }

    /// The attempts that have this Service, or are about to lease it.
    fn tenants(&self, place: &Place) -> impl Iterator<Item = &Attempt> + use<'_> {
        // One whose record is gone or cannot be read does not say which Service it has; the Service does.
        let last = self.pool.known.get(place);
        let last = last.and_then(|service| self.attempts.get(&service.sight.identity.key));
        let silent = last.filter(|attempt| {
            let has = attempt.service.is_some() || attempt.locks();
            attempt.pool_service().is_none() && !attempt.lease.is_over && has
        });
        let name = place.1.clone();
        let named = self.at_address(&lock_of(place));
        let named = named.filter(move |attempt| attempt.leases(&name));
        silent.into_iter().chain(named)
    }

    /// The attempts that have the Service of this name, or are about to lease it.
    pub fn tenants_of(&self, namespace: &str, name: &str) -> impl Iterator<Item = &Identity> {
        let tenants = self.tenants(&(namespace.to_owned(), name.to_owned()));
        tenants.map(|attempt| &attempt.identity)
    }

    /// Who else has the Service that this attempt is about to lease, if anybody does.
    #[must_use]
    pub fn other_tenant(&self, own: &Identity, name: &str) -> Option<&Identity> {
        if planted(Bug::LeasesWhatIsLeased) {
            return None;
        }
        let mut others = self.tenants(&(own.namespace.clone(), name.to_owned()));
        let other =
            others.find(|attempt| attempt.identity.key != own.key && attempt.service.is_some());
        other.map(|attempt| &attempt.identity)
    }

    /// A Service of a pool as it was seen last.
    #[must_use]
    pub fn pool_service(&self, namespace: &str, name: &str) -> Option<&ObservedService> {
        self.pool
            .known
            .get(&(namespace.to_owned(), name.to_owned()))
    }

    /// Names of the Services of pools in a namespace.
    pub fn services_of_pools<'a>(&'a self, namespace: &'a str) -> impl Iterator<Item = &'a str> {
        let known = self.pool.known.keys();
        let here = known.filter(move |(other, _)| other == namespace);
        here.map(|(_, name)| name.as_str())
    }

    /// Somebody else has made a Service of this name: another is chosen as long as there is one.
    pub fn note_foreign_service(&mut self, namespace: &str, name: &str) {
        let place = (namespace.to_owned(), name.to_owned());
        self.pool.known.remove(&place);
        self.pool.foreign.insert(place);
    }
}
