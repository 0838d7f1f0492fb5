//! JSON Pointers (RFC 6901): how values are named in settings, errors and explanations. Pure.
//!
//! Pointers are compared by segment, so `/resources` covers `/resources/limits` and not `/resourcesExtra`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// A place in a document: the keys on the way to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pointer(Vec<String>);

/// A text that is not a JSON Pointer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not a JSON Pointer: write it as /key/key, with ~1 for a slash and ~0 for a tilde inside a key"
)]
pub struct PointerError {
    /// The text.
    pub text: String,
}

impl Pointer {
    /// The whole document.
    #[must_use]
    pub fn root() -> Self {
        Self::default()
    }

    /// The place called `key` inside this one.
    #[must_use]
    pub fn child(&self, key: impl fmt::Display) -> Self {
        let mut segments = Vec::with_capacity(self.0.len() + 1);
        segments.extend_from_slice(&self.0);
        segments.push(key.to_string());
        Self(segments)
    }

    /// The keys, outermost first.
    #[must_use]
    pub fn segments(&self) -> &[String] {
        &self.0
    }

    /// The places that hold this one, innermost first, without the whole document.
    pub fn ancestors(&self) -> impl Iterator<Item = Self> {
        (1..self.0.len())
            .rev()
            .map(|length| Self(self.0[..length].to_vec()))
    }

    /// Whether this place is `ancestor` or lies inside it.
    #[must_use]
    pub fn is_within(&self, ancestor: &Self) -> bool {
        self.0.starts_with(&ancestor.0)
    }

    /// Whether one of the two places holds the other, or they are the same.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.is_within(other) || other.is_within(self)
    }

    /// What `document` holds here. Lists are not entered: a list is one value.
    #[must_use]
    pub fn get<'a>(&self, document: &'a Value) -> Option<&'a Value> {
        self.0
            .iter()
            .try_fold(document, |value, key| value.as_object()?.get(key))
    }

    /// Removes from `document` what it holds here, and each map that this leaves empty.
    pub fn remove(&self, document: &mut Value) {
        remove(document, &self.0);
    }
}

fn remove(value: &mut Value, segments: &[String]) {
    let (Some(map), Some((key, rest))) = (value.as_object_mut(), segments.split_first()) else {
        return;
    };
    if let Some(child) = map.get_mut(key) {
        remove(child, rest);
        if rest.is_empty() || child.as_object().is_some_and(serde_json::Map::is_empty) {
            map.remove(key);
        }
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|key| write!(f, "/{}", key.replace('~', "~0").replace('/', "~1")))
    }
}

impl FromStr for Pointer {
    type Err = PointerError;

    fn from_str(text: &str) -> Result<Self, PointerError> {
        let error = || PointerError {
            text: text.to_owned(),
        };
        if text.is_empty() {
            return Ok(Self::root());
        }
        let keys = text.strip_prefix('/').ok_or_else(error)?;
        let keys: Option<Vec<String>> = keys.split('/').map(unescape).collect();
        keys.map(Self).ok_or_else(error)
    }
}

/// The key that a segment stands for; none if a tilde begins no escape.
fn unescape(segment: &str) -> Option<String> {
    let mut parts = segment.split('~');
    let mut key = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        key.push(match part.as_bytes().first()? {
            b'0' => '~',
            b'1' => '/',
            _ => return None,
        });
        key.push_str(&part[1..]);
    }
    Some(key)
}

impl Serialize for Pointer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Pointer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case("", &[])]
    #[case("/", &[""])]
    #[case("/a/b", &["a", "b"])]
    #[case("/a~1b/c~0d/~01", &["a/b", "c~d", "~1"])]
    fn a_pointer_is_read_as_rfc_6901_says(#[case] text: &str, #[case] segments: &[&str]) {
        let pointer: Pointer = text.parse().unwrap();
        assert_eq!(pointer.segments(), segments);
        assert_eq!(pointer.to_string(), text);
    }

    #[rstest]
    #[case("a")]
    #[case("a/b")]
    #[case("/a~")]
    #[case("/a~2b")]
    fn other_texts_are_refused(#[case] text: &str) {
        assert!(text.parse::<Pointer>().is_err());
    }

    #[rstest]
    #[case("/resources/limits", "/resources", true)]
    #[case("/resources", "/resources", true)]
    #[case("/resourcesExtra", "/resources", false)]
    #[case("/resources", "/resources/limits", false)]
    #[case("/anything", "", true)]
    fn pointers_are_matched_by_segment(#[case] a: &str, #[case] b: &str, #[case] within: bool) {
        let (a, b): (Pointer, Pointer) = (a.parse().unwrap(), b.parse().unwrap());
        assert_eq!(a.is_within(&b), within);
    }

    #[test]
    fn removing_a_value_removes_the_maps_it_leaves_empty() {
        let mut document = json!({"a": {"b": {"c": 1}}, "d": {"e": 1, "f": 2}});
        for path in ["/a/b/c", "/d/e", "/nope/x"] {
            path.parse::<Pointer>().unwrap().remove(&mut document);
        }
        assert_eq!(document, json!({"d": {"f": 2}}));
    }

    proptest! {
        #[test]
        fn every_list_of_keys_survives_printing_and_reading(keys in prop::collection::vec(".*", 0..4)) {
            let pointer = keys.iter().fold(Pointer::root(), |p, key| p.child(key));
            prop_assert_eq!(pointer.to_string().parse::<Pointer>().unwrap(), pointer);
        }
    }
}
