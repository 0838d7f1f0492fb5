//! Texts that many devices share, each kept once: a fleet says the same of most of its devices, and keeping that for each of a hundred
//! thousand would take more memory than everything else. Pure.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

/// Fewest texts after which those that nobody has any more are dropped.
const FEW: usize = 1024;

/// A text of its own.
#[must_use]
pub fn owned(text: Option<&Arc<str>>) -> Option<String> {
    text.map(ToString::to_string)
}

/// What a device says of itself: names and values of its broker properties, in the order of the names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Properties(Arc<[(Arc<str>, Arc<str>)]>);

impl Properties {
    /// The value of a property, if the device has it.
    #[must_use]
    pub fn get(&self, property: &str) -> Option<&Arc<str>> {
        let place = self.0.binary_search_by(|(name, _)| (**name).cmp(property));
        Some(&self.0[place.ok()?].1)
    }

    /// Names and values, in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// The same as a map.
    #[must_use]
    pub fn to_map(&self) -> BTreeMap<String, String> {
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        self.iter().map(owned).collect()
    }

    /// The same, with every text that was seen before shared, but for the value of `own`, which no other device has.
    pub(super) fn shared(&self, own: &str, texts: &mut Texts) -> Self {
        let pairs = self.0.iter();
        let pairs = pairs.map(|(name, value)| {
            let value = if **name == *own {
                Arc::clone(value)
            } else {
                texts.share(value)
            };
            (texts.share(name), value)
        });
        Self(pairs.collect())
    }
}

impl From<&BTreeMap<String, String>> for Properties {
    fn from(map: &BTreeMap<String, String>) -> Self {
        let pairs = map.iter();
        let pairs = pairs.map(|(name, value)| (name.as_str().into(), value.as_str().into()));
        Self(pairs.collect())
    }
}

/// See the module's documentation.
#[derive(Clone, Debug, Default)]
pub(super) struct Texts {
    known: HashSet<Arc<str>>,
    /// How many there may be before it is looked for those that nobody has any more.
    most: usize,
}

impl Texts {
    /// The one copy of a text.
    pub(super) fn share(&mut self, text: &Arc<str>) -> Arc<str> {
        if let Some(known) = self.known.get(text) {
            return Arc::clone(known);
        }
        if self.known.len() >= self.most {
            self.known.retain(|known| Arc::strong_count(known) > 1);
            self.most = FEW.max(2 * self.known.len());
        }
        self.known.insert(Arc::clone(text));
        Arc::clone(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_kept_once_and_no_longer_than_somebody_has_it() {
        let mut texts = Texts::default();
        let first = texts.share(&"esp32s3".into());
        let second = texts.share(&"esp32s3".into());
        assert!(Arc::ptr_eq(&first, &second));
        for number in 0..10 * FEW {
            texts.share(&format!("serial number {number}").into());
        }
        assert!(texts.known.len() <= FEW, "{}", texts.known.len());
        assert!(Arc::ptr_eq(&first, &texts.share(&"esp32s3".into())));
    }

    #[test]
    fn properties_are_found_by_name_and_shared_but_for_the_device_s_own() {
        let map = [("B", "2"), ("A", "1"), ("HOST", "here")];
        let map: BTreeMap<String, String> =
            map.map(|(name, value)| (name.into(), value.into())).into();
        let mut texts = Texts::default();
        let [one, other] = [0, 1].map(|_| Properties::from(&map).shared("HOST", &mut texts));
        assert_eq!((one.to_map(), &one), (map, &other));
        let at = |properties: &Properties, name| properties.get(name).cloned();
        assert_eq!(at(&one, "A").as_deref(), Some("1"));
        assert_eq!(at(&one, "C"), None);
        let same = |name| Arc::ptr_eq(&at(&one, name).unwrap(), &at(&other, name).unwrap());
        assert_eq!([same("A"), same("B"), same("HOST")], [true, true, false]);
    }
}
