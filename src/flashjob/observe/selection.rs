//! The frozen selection of a round, indexed: which device has which index. Pure.

use std::collections::{HashMap, HashSet};

use crate::{
    api::{FlashJobStatus, SelectedDevice},
    device::Endpoint,
    flashjob::spec::tampered,
    identifiers::Uuid,
};

/// See the module's documentation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selection {
    /// Round that selected these devices.
    pub round: i64,
    devices: Vec<SelectedDevice>,
    by_uuid: HashMap<Uuid, usize>,
    /// Endpoints with the indexes of the devices that are frozen there, in order.
    by_endpoint: Vec<(Endpoint, usize)>,
    /// Whether any endpoint is that of several devices.
    has_twins: bool,
}

impl Selection {
    /// Indexes the devices of a round, in the order of their indexes.
    #[must_use]
    pub fn new(round: i64, devices: Vec<SelectedDevice>) -> Self {
        let by_uuid = devices
            .iter()
            .enumerate()
            .map(|(index, device)| (device.uuid.clone(), index))
            .collect();
        let endpoints = devices.iter().enumerate();
        let mut by_endpoint: Vec<_> = endpoints
            .filter_map(|(index, device)| Some((endpoint_of(device)?, index)))
            .collect();
        by_endpoint.sort_unstable();
        by_endpoint.shrink_to_fit();
        let mut pairs = by_endpoint.windows(2);
        let has_twins = pairs.any(|pair| pair[0].0 == pair[1].0);
        Self {
            round,
            devices,
            by_uuid,
            by_endpoint,
            has_twins,
        }
    }

    /// The devices of a round that its status names, of those that are `stored`. A slice is written before the status that names its
    /// devices: until then they are not selected, and a status that spoke of them would contradict its own count.
    #[must_use]
    pub fn named_by(status: &FlashJobStatus, round: i64, mut stored: Vec<SelectedDevice>) -> Self {
        stored.truncate(tampered::selected(status));
        Self::new(round, stored)
    }

    /// The devices, by index.
    #[must_use]
    pub fn devices(&self) -> &[SelectedDevice] {
        &self.devices
    }

    /// Index of the device that the job named by this UUID.
    #[must_use]
    pub fn index_of(&self, uuid: &Uuid) -> Option<usize> {
        self.by_uuid.get(uuid).copied()
    }

    /// Indexes of all devices frozen at this endpoint.
    pub fn at_endpoint(&self, endpoint: &str) -> impl Iterator<Item = usize> {
        let endpoint = endpoint.parse::<Endpoint>().ok();
        let known = self.by_endpoint.as_slice();
        let from = known.partition_point(|(other, _)| Some(*other) < endpoint);
        let at = known[from..].iter();
        at.take_while(move |(other, _)| Some(*other) == endpoint)
            .map(|(_, index)| *index)
    }

    /// Indexes of other devices that are frozen at the endpoint of this one.
    pub fn twins(&self, index: usize, endpoint: &str) -> impl Iterator<Item = usize> {
        let frozen = self
            .devices
            .get(index)
            .and_then(|device| device.endpoint.as_deref());
        // Hardly any selection has some: every device would be looked up in every pass.
        let alone = !self.has_twins && frozen == Some(endpoint);
        let others = (!alone).then(|| self.at_endpoint(endpoint));
        others
            .into_iter()
            .flatten()
            .filter(move |other| *other != index)
    }

    /// The roster with what is stored beyond it: a slice may have been written and its status refused, or never sent.
    #[must_use]
    pub fn with_stored(&self, stored: Vec<SelectedDevice>) -> Self {
        if stored.len() > self.devices.len() && stored.starts_with(&self.devices) {
            Self::new(self.round, stored)
        } else {
            self.clone()
        }
    }

    /// UUIDs of the list that are not selected yet, in order, once each.
    #[must_use]
    pub fn missing(&self, uuids: &[String]) -> Vec<Uuid> {
        let mut seen = HashSet::new();
        uuids
            .iter()
            .map(|uuid| Uuid::from(uuid.as_str()))
            .filter(|uuid| !self.by_uuid.contains_key(uuid) && seen.insert(uuid.clone()))
            .collect()
    }

    /// Devices of the next round, with what this one knew of those that are known no more: after a flash a device has
    /// another uid, and is found by its endpoint.
    #[must_use]
    pub fn recall(&self, next: Vec<SelectedDevice>) -> Vec<SelectedDevice> {
        let known = |device: &SelectedDevice| {
            self.index_of(&device.uuid)
                .map(|index| self.devices[index].clone())
        };
        next.into_iter()
            .map(|device| {
                if device.endpoint.is_none() {
                    known(&device).unwrap_or(device)
                } else {
                    device
                }
            })
            .collect()
    }
}

/// Where a device is frozen; none where that is not known, or nothing that the operator wrote.
fn endpoint_of(device: &SelectedDevice) -> Option<Endpoint> {
    device.endpoint.as_deref()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::api::SelectionStatus;

    #[test]
    fn uuids_that_are_not_selected_yet_are_appended_once_in_order() {
        let device = |uuid: &str| SelectedDevice {
            uuid: uuid.into(),
            endpoint: Some("192.0.2.1:80".into()),
            ..SelectedDevice::default()
        };
        let roster = Selection::new(1, vec![device("a"), device("b")]);
        let list: Vec<String> = ["c", "a", "d", "c"].map(String::from).into();
        assert_eq!(roster.missing(&list), ["c", "d"].map(Uuid::from));
        assert_eq!(roster.index_of(&"b".into()), Some(1));
        let at = |endpoint| roster.at_endpoint(endpoint).collect::<Vec<_>>();
        assert_eq!(at("192.0.2.1:80"), [0, 1]);
        assert_eq!(at("192.0.2.2:80"), [0; 0]);
        assert_eq!(at("nowhere"), [0; 0]);
    }

    #[test]
    fn a_slice_whose_status_was_refused_belongs_to_the_selection_and_anything_else_does_not() {
        let device = |uuid: &str| SelectedDevice {
            uuid: uuid.into(),
            ..SelectedDevice::default()
        };
        let roster = Selection::new(3, vec![device("a"), device("b")]);
        let more = vec![device("a"), device("b"), device("c")];
        let with = roster.with_stored(more.clone());
        assert_eq!((with.round, with.devices()), (3, more.as_slice()));
        let wanted: Vec<String> = ["a", "c", "d"].map(String::from).into();
        assert_eq!(
            with.missing(&wanted),
            [Uuid::from("d")],
            "c is not stored twice"
        );
        assert_eq!(roster.with_stored(vec![device("a")]), roster);
        let other = vec![device("x"), device("b"), device("c")];
        assert_eq!(roster.with_stored(other), roster);
    }

    #[rstest]
    #[case::a_slice_that_no_status_names(2, &["a", "b"])]
    #[case::all_of_them(3, &["a", "b", "c"])]
    #[case::more_than_there_are(4, &["a", "b", "c"])]
    #[case::nonsense(-1, &[])]
    fn a_device_is_selected_once_the_status_counts_it(#[case] count: i64, #[case] wanted: &[&str]) {
        let selection = SelectionStatus {
            count,
            ..SelectionStatus::default()
        };
        let status = FlashJobStatus {
            selection: Some(selection),
            ..FlashJobStatus::default()
        };
        let stored = ["a", "b", "c"].map(|uuid| SelectedDevice {
            uuid: uuid.into(),
            ..SelectedDevice::default()
        });
        let roster = Selection::named_by(&status, 1, stored.to_vec());
        let named: Vec<&str> = roster
            .devices()
            .iter()
            .map(|device| device.uuid.as_str())
            .collect();
        assert_eq!(named, wanted);
        let uuids: Vec<String> = ["a", "b", "c"].map(String::from).into();
        assert_eq!(
            roster.missing(&uuids).len(),
            3 - wanted.len(),
            "the spec's others are appended"
        );
    }

    #[test]
    fn the_next_round_recalls_where_a_device_was_that_its_uid_names_no_more() {
        let device = |uuid: &str, endpoint: Option<&str>| SelectedDevice {
            uuid: uuid.into(),
            endpoint: endpoint.map(Into::into),
            ..SelectedDevice::default()
        };
        let before = Selection::new(
            1,
            vec![
                device("a", Some("192.0.2.1:80")),
                device("b", Some("192.0.2.2:80")),
                device("c", None),
            ],
        );
        let next = before.recall(vec![
            device("a", None),
            device("b", Some("192.0.2.9:80")),
            device("c", None),
            device("d", None),
        ]);
        let endpoints: Vec<_> = next
            .iter()
            .map(|device| device.endpoint.as_deref())
            .collect();
        assert_eq!(
            endpoints,
            [Some("192.0.2.1:80"), Some("192.0.2.9:80"), None, None]
        );
        assert_eq!(next[0].uuid, "a".into());
    }
}
