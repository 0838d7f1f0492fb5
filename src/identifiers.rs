//! What names a job, an attempt and a device, as types: none is taken for another one, nor for any other text.
//!
//! Made where texts come in: from an object's metadata and labels, and out of a stored record. Used by every room below; depends on none.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

/// A text that names one thing, shared by all who keep it. Stored as the text itself.
macro_rules! identifier {
    ($(#[$documentation:meta])* $name:ident) => {
        $(#[$documentation])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Whether it names nothing.
            #[must_use]
            pub fn is_empty(&self) -> bool {
                self.0.is_empty()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text.into())
            }
        }

        impl From<$name> for String {
            fn from(identifier: $name) -> Self {
                identifier.as_str().to_owned()
            }
        }
    };
}

identifier! {
    /// The uid of a `FlashJob`: a job of the same name made later has another one.
    JobUid
}

identifier! {
    /// The id of an attempt, see [`crate::flash_pod::intent::attempt_id`]. Empty where an object does not tell.
    AttemptId
}

identifier! {
    /// A device as a job names it: the uid that its Instance had then. It names the release of the device.
    Uuid
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;

    #[test]
    fn an_identifier_is_stored_and_shown_as_its_text_and_sorted_by_it() {
        let ids = ["b", "", "a"].map(AttemptId::from);
        let stored = json!(ids);
        assert_eq!(stored, json!(["b", "", "a"]));
        assert_eq!(
            serde_json::from_value::<[AttemptId; 3]>(stored).unwrap(),
            ids
        );
        let numbered: BTreeMap<_, _> = ids.iter().cloned().zip(0..).collect();
        assert_eq!(numbered.into_values().collect::<Vec<_>>(), [1, 2, 0]);
        assert_eq!(format!("{}/{:>3}", JobUid::from("job"), ids[2]), "job/  a");
    }
}
