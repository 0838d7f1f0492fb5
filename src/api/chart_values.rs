//! Free-form chart values of a spec: kept as text, bounded while they are read. Pure.
//!
//! A tree of small maps takes some hundred times the memory of its text, so that values which are too many are counted and
//! never built; what is left of them is the complaint.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
    ser,
};
use serde_json::{Map, Value};

use super::rule::{MAX_CLASS_VALUES_BYTES, MAX_VALUES_BYTES, MAX_VALUES_DEPTH};

/// Values of a job.
pub type JobValues = ChartValues<MAX_VALUES_BYTES>;
/// Values of a class.
pub type ClassValues = ChartValues<MAX_CLASS_VALUES_BYTES>;

/// A map of chart values of at most `MAX` bytes as compact JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChartValues<const MAX: usize>(Result<Box<str>, ValuesFault>);

/// Why values were not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValuesFault {
    /// There are too many.
    #[error("{bytes} bytes as JSON, at most {max} are allowed")]
    TooLarge {
        /// How large they are.
        bytes: usize,
        /// How large they may be.
        max: usize,
    },
    /// Maps and lists stand too deep in each other.
    #[error("maps and lists stand deeper in each other than {MAX_VALUES_DEPTH} levels")]
    TooDeep,
}

impl<const MAX: usize> ChartValues<MAX> {
    /// The values as a tree.
    ///
    /// # Errors
    /// Why they were not kept.
    pub fn tree(&self) -> Result<Map<String, Value>, ValuesFault> {
        let text = self.0.as_ref().map_err(|fault| *fault)?;
        // The text was written here, from a map that is not too deep.
        Ok(serde_json::from_str(text).unwrap_or_default())
    }

    /// Why they were not kept, if so.
    #[must_use]
    pub fn fault(&self) -> Option<ValuesFault> {
        self.0.as_ref().err().copied()
    }
}

impl<const MAX: usize> Default for ChartValues<MAX> {
    fn default() -> Self {
        Self(Ok("{}".into()))
    }
}

impl<const MAX: usize> Serialize for ChartValues<MAX> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Never written without them: it would take them from whoever set them.
        let tree = self.tree().map_err(|fault| {
            ser::Error::custom(format!(
                "values that were not kept cannot be written: {fault}"
            ))
        })?;
        tree.serialize(serializer)
    }
}

impl<'de, const MAX: usize> Deserialize<'de> for ChartValues<MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut text = Text {
            max: MAX,
            ..Text::default()
        };
        deserializer.deserialize_map(Top(&mut text))?;
        Ok(Self(text.finish()))
    }
}

/// Compact JSON as it grows: beyond `max` it is counted only.
#[derive(Default)]
struct Text {
    max: usize,
    json: String,
    bytes: usize,
    too_deep: bool,
}

impl Text {
    fn push(&mut self, part: &str) {
        self.bytes += part.len();
        if self.bytes <= self.max {
            self.json.push_str(part);
        } else {
            self.json = String::new();
        }
    }

    fn push_scalar<E: Error>(&mut self, value: &(impl Serialize + ?Sized)) -> Result<(), E> {
        let json = serde_json::to_string(value).map_err(E::custom)?;
        self.push(&json);
        Ok(())
    }

    fn finish(self) -> Result<Box<str>, ValuesFault> {
        if self.too_deep {
            return Err(ValuesFault::TooDeep);
        }
        if self.bytes > self.max {
            return Err(ValuesFault::TooLarge {
                bytes: self.bytes,
                max: self.max,
            });
        }
        Ok(self.json.into())
    }
}

/// The map at the top.
struct Top<'a>(&'a mut Text);

impl<'de> Visitor<'de> for Top<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of chart values")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        Below::new(self.0, 1, "").visit_map(map)
    }
}

/// Whatever stands at some depth; `before` goes before it, if it is there.
struct Below<'a> {
    text: &'a mut Text,
    depth: usize,
    before: &'static str,
}

impl<'a> Below<'a> {
    const fn new(text: &'a mut Text, depth: usize, before: &'static str) -> Self {
        Self {
            text,
            depth,
            before,
        }
    }

    fn scalar<E: Error>(self, value: &(impl Serialize + ?Sized)) -> Result<(), E> {
        self.text.push(self.before);
        self.text.push_scalar(value)
    }
}

/// What goes before an element.
const fn separator(first: bool) -> &'static str {
    if first { "" } else { "," }
}

impl<'de> DeserializeSeed<'de> for Below<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Below<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a chart value")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.scalar(&value)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.scalar(&value)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.scalar(&value)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.scalar(&value)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        self.scalar(value)
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.scalar(&())
    }

    fn visit_none<E: Error>(self) -> Result<(), E> {
        self.scalar(&())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Self {
            text,
            depth,
            before,
        } = self;
        text.push(before);
        text.push("[");
        text.too_deep |= depth > MAX_VALUES_DEPTH;
        if text.too_deep {
            while list.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(());
        }
        let mut first = true;
        while list
            .next_element_seed(Below::new(text, depth + 1, separator(first)))?
            .is_some()
        {
            first = false;
        }
        text.push("]");
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self {
            text,
            depth,
            before,
        } = self;
        text.push(before);
        text.push("{");
        text.too_deep |= depth > MAX_VALUES_DEPTH;
        if text.too_deep {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return Ok(());
        }
        let mut first = true;
        while let Some(key) = map.next_key::<String>()? {
            text.push(separator(first));
            text.push_scalar::<A::Error>(&key)?;
            text.push(":");
            map.next_value_seed(Below::new(text, depth + 1, ""))?;
            first = false;
        }
        text.push("}");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    type Small = ChartValues<64>;

    fn read(text: &str) -> Small {
        serde_json::from_str(text).unwrap()
    }

    #[rstest]
    #[case::empty(json!({}))]
    #[case::everything(json!({"a": [1, -2, 2.5, true, null, "x\n\""], "b": {"c": {}, "d": []}}))]
    #[case::large_numbers(json!({"a": u64::MAX, "b": i64::MIN, "c": 1e300}))]
    fn values_are_what_they_were(#[case] document: Value) {
        let text = document.to_string();
        let values = read(&text);
        assert_eq!(Value::Object(values.tree().unwrap()), document);
        assert_eq!(serde_json::to_string(&values).unwrap(), text);
        assert_eq!(serde_json::from_value::<Small>(document).unwrap(), values);
    }

    #[rstest]
    #[case::at_the_limit(64, None)]
    #[case::one_more(65, Some(ValuesFault::TooLarge { bytes: 65, max: 64 }))]
    #[case::many_more(1_400_000, Some(ValuesFault::TooLarge { bytes: 1_400_000, max: 64 }))]
    fn the_limit_is_asked_in_bytes_of_compact_json(
        #[case] bytes: usize,
        #[case] fault: Option<ValuesFault>,
    ) {
        let overhead = r#"{"a":""}"#.len();
        let text = format!(r#"{{ "a" : "{}" }}"#, "x".repeat(bytes - overhead));
        let values = read(&text);
        assert_eq!(values.fault(), fault);
        assert_eq!(values.tree().err(), fault);
    }

    #[test]
    fn values_that_were_not_kept_are_never_written() {
        let values = read(&json!({"a": "x".repeat(65)}).to_string());
        let error = serde_json::to_string(&values).unwrap_err().to_string();
        assert_eq!(
            error,
            "values that were not kept cannot be written: 73 bytes as JSON, at most 64 are allowed"
        );
    }

    #[rstest]
    #[case::lists("[", "]")]
    #[case::maps(r#"{"":"#, "}")]
    fn what_stands_too_deep_is_refused_however_deep_it_is(#[case] open: &str, #[case] close: &str) {
        let nested = |levels: usize| {
            let (open, close) = (open.repeat(levels), close.repeat(levels));
            let inner = if open.ends_with(':') { "0" } else { "" };
            format!(r#"{{"a":{open}{inner}{close}}}"#)
        };
        let read = |levels| serde_json::from_str::<JobValues>(&nested(levels)).unwrap();
        assert_eq!(read(MAX_VALUES_DEPTH - 1).fault(), None);
        assert_eq!(read(MAX_VALUES_DEPTH).fault(), Some(ValuesFault::TooDeep));
        assert_eq!(read(200_000).fault(), Some(ValuesFault::TooDeep));
    }

    #[test]
    fn anything_but_a_map_is_no_values() {
        let error = serde_json::from_str::<Small>("[1]")
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("invalid type: sequence, expected a map of chart values"),
            "{error}"
        );
    }
}
