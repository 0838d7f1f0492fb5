//! All devices that Akri shows now, found by uid and by endpoint. Pure; fed from watch events in their order.

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;

use super::{
    footprint::Footprint,
    instance::{Device, DeviceError},
};
use crate::api::Instance;

/// See the module's documentation. An Instance that is being deleted counts as gone.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    devices: HashMap<String, Result<Device, DeviceError>>,
    /// By normalised endpoint: creation time and uid, oldest first.
    by_endpoint: HashMap<String, BTreeSet<(Option<Timestamp>, String)>>,
    /// When Instances appeared that nobody had listed before, by uid and by the operator's clock.
    appeared: HashMap<String, Timestamp>,
}

impl Inventory {
    /// Takes up an Instance as it is now.
    pub fn apply(&mut self, instance: &Instance) {
        let Some(uid) = instance.metadata.uid.as_deref() else {
            return;
        };
        if instance.metadata.deletion_timestamp.is_some() {
            self.delete(uid);
            return;
        }
        let device = match self.forget(uid) {
            Some(Ok(before)) => Device::parse(&with_known(instance, &before)),
            Some(Err(_)) | None => Device::parse(instance),
        };
        if let Ok(device) = &device {
            self.by_endpoint
                .entry(device.endpoint.to_string())
                .or_default()
                .insert((device.created, uid.to_owned()));
        }
        self.devices.insert(uid.to_owned(), device);
    }

    /// Takes up an Instance that comes as an event of its own, at this time: one that was not known has just been found.
    pub fn apply_news(&mut self, instance: &Instance, now: Timestamp) {
        let uid = instance.metadata.uid.as_deref().unwrap_or_default();
        if !self.devices.contains_key(uid) {
            self.appeared.insert(uid.to_owned(), now);
        }
        self.apply(instance);
    }

    /// When a device was found, by the operator's clock where that is known, else by the API server's.
    #[must_use]
    pub fn found_at(&self, device: &Device) -> Option<Timestamp> {
        let appeared = self.appeared.get(&device.uuid).copied();
        appeared.or(device.created)
    }

    /// Forgets the Instance of this uid.
    pub fn delete(&mut self, uid: &str) {
        self.appeared.remove(uid);
        self.forget(uid);
    }

    /// Replaces everything by what a complete list holds.
    pub fn replace_all(&mut self, instances: Vec<Instance>) {
        let mut listed = Self::default();
        for instance in instances {
            let uid = instance.metadata.uid.as_deref().unwrap_or_default();
            match self.devices.get(uid) {
                Some(Ok(before)) => listed.apply(&with_known(&instance, before)),
                Some(Err(_)) | None => listed.apply(&instance),
            }
        }
        *self = listed;
    }

    /// The device of this uid, or why it cannot be flashed.
    #[must_use]
    pub fn by_uuid(&self, uuid: &str) -> Option<&Result<Device, DeviceError>> {
        self.devices.get(uuid)
    }

    /// The device at this normalised endpoint: the newest, in whatever namespace and Configuration.
    #[must_use]
    pub fn by_endpoint(&self, endpoint: &str) -> Option<&Device> {
        let (_, uid) = self.by_endpoint.get(endpoint)?.last()?;
        self.devices.get(uid)?.as_ref().ok()
    }

    /// What the device at this normalised endpoint shares with others, over all of its Instances.
    #[must_use]
    pub fn footprint(&self, endpoint: &str) -> Footprint {
        let uids = self.by_endpoint.get(endpoint).into_iter().flatten();
        uids.filter_map(|(_, uid)| self.devices.get(uid)?.as_ref().ok())
            .collect()
    }

    /// Every device that can be flashed, in no order.
    pub fn devices(&self) -> impl Iterator<Item = &Device> {
        self.devices
            .values()
            .filter_map(|device| device.as_ref().ok())
    }

    /// Number of Instances.
    #[must_use]
    pub fn len(&self) -> usize {
        self.devices.len()
    }

    /// Whether there is no Instance.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.devices.is_empty()
    }

    fn forget(&mut self, uid: &str) -> Option<Result<Device, DeviceError>> {
        let known = self.devices.remove(uid)?;
        if let Ok(device) = &known {
            let endpoint = device.endpoint.to_string();
            if let Some(at) = self.by_endpoint.get_mut(&endpoint) {
                at.remove(&(device.created, uid.to_owned()));
                if at.is_empty() {
                    self.by_endpoint.remove(&endpoint);
                }
            }
        }
        Some(known)
    }
}

/// Akri empties properties between two probes: an empty property is no news, so what was known of it stays.
fn with_known(instance: &Instance, before: &Device) -> Instance {
    let mut instance = instance.clone();
    for (property, value) in &mut instance.spec.broker_properties {
        if value.trim().is_empty()
            && let Some(known) = before.properties.get(property)
        {
            value.clone_from(known);
        }
    }
    instance
}
