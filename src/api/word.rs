//! Words of closed sets, as objects store them. A newer version of the operator may know more of them.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{
    AlreadyAtVersion, ConditionType, DevicePhase, EngineName, LimitBy, MismatchPolicy, Phase,
    PropertyOperator, Reason, SignatureMode, StepState, VerificationMode,
};

/// A closed set of words.
pub trait Vocabulary: Copy + FromStr + Into<&'static str> {}

macro_rules! vocabularies {
    ($($set:ty),+ $(,)?) => {
        $(
            impl Vocabulary for $set {}

            impl $set {
                /// The word as the API shows it.
                #[must_use]
                pub fn as_str(self) -> &'static str {
                    self.into()
                }
            }
        )+
    };
}

vocabularies!(
    AlreadyAtVersion,
    ConditionType,
    DevicePhase,
    EngineName,
    LimitBy,
    MismatchPolicy,
    Phase,
    PropertyOperator,
    Reason,
    SignatureMode,
    StepState,
    VerificationMode,
);

/// A word of the set `T`, or one that this version does not know. Either is stored again as it was read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Word<T> {
    /// One that this version knows.
    Known(T),
    /// Any other, the empty one included.
    Unknown(String),
}

impl<T: Vocabulary> Word<T> {
    /// The word, where this version knows it.
    #[must_use]
    pub fn known(&self) -> Option<T> {
        match self {
            Self::Known(word) => Some(*word),
            Self::Unknown(_) => None,
        }
    }

    /// The text of a word that this version does not know, to be bounded.
    pub fn unknown_mut(&mut self) -> Option<&mut String> {
        match self {
            Self::Known(_) => None,
            Self::Unknown(word) => Some(word),
        }
    }

    /// The word as the object shows it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Known(word) => (*word).into(),
            Self::Unknown(word) => word,
        }
    }
}

impl<T> Default for Word<T> {
    fn default() -> Self {
        Self::Unknown(String::new())
    }
}

impl<T: Vocabulary> From<T> for Word<T> {
    fn from(word: T) -> Self {
        Self::Known(word)
    }
}

impl<T: Vocabulary> From<&str> for Word<T> {
    fn from(word: &str) -> Self {
        word.parse()
            .map_or_else(|_| Self::Unknown(word.to_owned()), Self::Known)
    }
}

impl<T: Vocabulary + PartialEq> PartialEq<T> for Word<T> {
    fn eq(&self, other: &T) -> bool {
        matches!(self, Self::Known(word) if word == other)
    }
}

impl<T: Vocabulary> PartialEq<&str> for Word<T> {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl<T: Vocabulary> Deref for Word<T> {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl<T: Vocabulary> fmt::Display for Word<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<T: Vocabulary> Serialize for Word<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de, T: Vocabulary> Deserialize<'de> for Word<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        Ok(word.parse().map_or(Self::Unknown(word), Self::Known))
    }
}

/// Any text: a newer operator must be able to store words that an older CRD does not know.
impl<T> JsonSchema for Word<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        String::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        String::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::Word;
    use crate::api::{DevicePhase, DeviceStatus, Reason};

    #[rstest]
    #[case("Failed", Some(DevicePhase::Failed))]
    #[case("Paused", None)]
    #[case("failed", None)]
    #[case("", None)]
    fn a_word_is_stored_again_as_it_was_read(
        #[case] word: &str,
        #[case] known: Option<DevicePhase>,
    ) {
        let read: Word<DevicePhase> = serde_json::from_value(json!(word)).unwrap();
        assert_eq!(read.known(), known);
        assert_eq!(serde_json::to_value(&read).unwrap(), json!(word));
        assert_eq!(read, Word::from(word));
    }

    #[test]
    fn a_device_of_a_newer_version_survives_a_round_trip() {
        let stored = json!({
            "index": 3, "uuid": "7e4a6e7b-bee6-4fac-bdea-43d671baaa15", "phase": "Paused", "reason": "TooHot", "attempts": 2,
            "earlierFailures": ["Evicted", "TooHot"],
        });
        let device: DeviceStatus = serde_json::from_value(stored.clone()).unwrap();
        assert_eq!(device.earlier_failures[0], Reason::Evicted);
        assert_eq!(serde_json::to_value(&device).unwrap(), stored);
    }
}
