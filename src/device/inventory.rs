//! All devices that Akri shows now, found by uid and by endpoint. Pure; fed from watch events in their order.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::Ipv4Addr,
};

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::DeserializeGuard;

use super::{
    bounds,
    endpoint::Endpoint,
    footprint::Footprint,
    instance::{Device, DeviceError},
    texts::Texts,
};
use crate::api::Instance;
use crate::identifiers::Uuid;

/// See the module's documentation. An Instance that is being deleted counts as gone.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    devices: HashMap<Uuid, Result<Device, DeviceError>>,
    /// By endpoint: creation time and uid, oldest first.
    by_endpoint: HashMap<Endpoint, Vec<(Option<Timestamp>, Uuid)>>,
    /// What a selector asks for, of Instances that stand for no device that can be flashed.
    unusable: HashMap<Uuid, Traits>,
    /// Addresses of the cluster itself: no device is there.
    cluster: BTreeSet<Ipv4Addr>,
    /// When Instances appeared that nobody had listed before, by uid and by the operator's clock.
    appeared: HashMap<Uuid, Timestamp>,
    /// What devices share.
    texts: Texts,
}

impl Inventory {
    /// All Instances of a list, in a cluster with these addresses of its own.
    #[must_use]
    pub fn of(
        listed: &[DeserializeGuard<Instance>],
        own: impl IntoIterator<Item = Ipv4Addr>,
    ) -> Self {
        let mut inventory = Self::default();
        inventory.refuse(own);
        for guard in listed {
            inventory.see(guard);
        }
        inventory
    }

    /// Takes up an Instance as it is now, whether it can be read or not.
    pub fn see(&mut self, guard: &DeserializeGuard<Instance>) {
        match &guard.0 {
            Ok(instance) => self.apply(instance),
            Err(invalid) => self.apply_unreadable(&invalid.metadata, &invalid.error),
        }
    }

    /// No device is at these addresses: they are of the cluster itself. Said before the first Instance is taken up.
    pub fn refuse(&mut self, addresses: impl IntoIterator<Item = Ipv4Addr>) {
        self.cluster.extend(addresses);
    }

    /// Takes up an Instance as it is now.
    pub fn apply(&mut self, instance: &Instance) {
        let Some(uid) = instance.metadata.uid.as_deref().map(Uuid::from) else {
            return;
        };
        if instance.metadata.deletion_timestamp.is_some() {
            self.delete(&uid);
            return;
        }
        let device = match self.forget(&uid) {
            Some(Ok(before)) => Device::parse(&with_known(instance, &before)),
            Some(Err(_)) | None => Device::parse(instance),
        };
        let device = device.and_then(|device| self.outside_the_cluster(device));
        let device = device.map(|device| device.shared(&mut self.texts));
        match &device {
            Ok(device) => {
                let at = self.by_endpoint.entry(device.endpoint).or_default();
                // Hardly ever more than one.
                at.reserve_exact(1);
                at.push((device.created, uid.clone()));
                at.sort_unstable();
            }
            Err(_) => drop(self.unusable.insert(uid.clone(), Traits::of(instance))),
        }
        self.devices.insert(uid, device);
    }

    /// Takes up an Instance that cannot be read, for this reason.
    pub fn apply_unreadable(&mut self, metadata: &ObjectMeta, error: &str) {
        let Some(uid) = metadata.uid.as_deref().map(Uuid::from) else {
            return;
        };
        self.forget(&uid);
        if metadata.deletion_timestamp.is_none() {
            let error = DeviceError::unreadable(metadata, error);
            self.unusable.insert(uid.clone(), Traits::unread(metadata));
            self.devices.insert(uid, Err(error));
        }
    }

    fn outside_the_cluster(&self, device: Device) -> Result<Device, DeviceError> {
        if self.cluster.contains(&device.endpoint.address()) {
            return Err(DeviceError::of_the_cluster(&device));
        }
        Ok(device)
    }

    /// An Instance comes as an event of its own, at this time: one that was not known has just been found.
    pub fn note_appeared(&mut self, uid: &Uuid, now: Timestamp) {
        if !self.devices.contains_key(uid) {
            self.appeared.insert(uid.clone(), now);
        }
    }

    /// When a device was found, by the operator's clock where that is known, else by the API server's.
    #[must_use]
    pub fn found_at(&self, device: &Device) -> Option<Timestamp> {
        let appeared = self.appeared.get(&device.uuid).copied();
        appeared.or(device.created)
    }

    /// Forgets the Instance of this uid.
    pub fn delete(&mut self, uid: &Uuid) {
        self.appeared.remove(uid);
        self.forget(uid);
    }

    /// Replaces everything by what a complete list holds.
    pub fn replace_all(&mut self, instances: Vec<Instance>) {
        let mut listed = Self {
            cluster: self.cluster.clone(),
            ..Self::default()
        };
        for instance in instances {
            let uid = instance.metadata.uid.as_deref().unwrap_or_default();
            match self.devices.get(&uid.into()) {
                Some(Ok(before)) => listed.apply(&with_known(&instance, before)),
                Some(Err(_)) | None => listed.apply(&instance),
            }
        }
        *self = listed;
    }

    /// The device of this uid, or why it cannot be flashed.
    #[must_use]
    pub fn by_uuid(&self, uuid: &Uuid) -> Option<&Result<Device, DeviceError>> {
        self.devices.get(uuid)
    }

    /// The device at this normalised endpoint: the newest, in whatever namespace and Configuration.
    #[must_use]
    pub fn by_endpoint(&self, endpoint: &str) -> Option<&Device> {
        let (_, uid) = self.at(endpoint).last()?;
        self.devices.get(uid)?.as_ref().ok()
    }

    /// What the device at this normalised endpoint shares with others, over all of its Instances.
    #[must_use]
    pub fn footprint(&self, endpoint: &str) -> Footprint {
        let uids = self.at(endpoint).iter();
        uids.filter_map(|(_, uid)| self.devices.get(uid)?.as_ref().ok())
            .collect()
    }

    /// The Instances at a normalised endpoint, oldest first.
    fn at(&self, endpoint: &str) -> &[(Option<Timestamp>, Uuid)] {
        let endpoint = endpoint.parse::<Endpoint>().ok();
        let known = endpoint.and_then(|endpoint| self.by_endpoint.get(&endpoint));
        known.map_or(&[], Vec::as_slice)
    }

    /// Every device that can be flashed, in no order.
    pub fn devices(&self) -> impl Iterator<Item = &Device> {
        self.devices
            .values()
            .filter_map(|device| device.as_ref().ok())
    }

    /// Every Instance that is not a device that can be flashed: what a selector asks for, and why it cannot, in no order.
    pub(super) fn unusable(&self) -> impl Iterator<Item = (&Traits, &DeviceError)> {
        self.unusable.iter().filter_map(|(uid, traits)| {
            let error = self.devices.get(uid)?.as_ref().err()?;
            Some((traits, error))
        })
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

    fn forget(&mut self, uid: &Uuid) -> Option<Result<Device, DeviceError>> {
        self.unusable.remove(uid);
        let known = self.devices.remove(uid)?;
        if let Ok(device) = &known
            && let Some(at) = self.by_endpoint.get_mut(&device.endpoint)
        {
            at.retain(|(_, other)| other != uid);
            if at.is_empty() {
                self.by_endpoint.remove(&device.endpoint);
            }
        }
        Some(known)
    }
}

/// What a selector asks of an Instance.
#[derive(Clone, Debug, Default)]
pub(super) struct Traits {
    /// Its namespace.
    pub(super) namespace: String,
    /// Akri Configuration that found it.
    pub(super) configuration: Option<String>,
    /// Its properties, but for those that are larger than they may be; none where it cannot be read.
    pub(super) properties: Option<BTreeMap<String, String>>,
}

impl Traits {
    fn of(instance: &Instance) -> Self {
        let spec = &instance.spec;
        let configuration = spec.configuration_name.clone();
        Self {
            configuration: configuration
                .filter(|name| !name.is_empty() && name.len() <= bounds::MAX_NAME),
            properties: Some(bounds::within(&spec.broker_properties)),
            ..Self::unread(&instance.metadata)
        }
    }

    fn unread(metadata: &ObjectMeta) -> Self {
        Self {
            namespace: metadata.namespace.clone().unwrap_or_default(),
            ..Self::default()
        }
    }
}

/// Akri empties properties between two probes: an empty property says nothing, so its last value stays.
fn with_known(instance: &Instance, before: &Device) -> Instance {
    let mut instance = instance.clone();
    for (property, value) in &mut instance.spec.broker_properties {
        if value.trim().is_empty()
            && let Some(known) = before.properties.get(property)
        {
            known.as_ref().clone_into(value);
        }
    }
    instance
}
