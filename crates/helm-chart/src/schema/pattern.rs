//! The keyword that stands for `pattern`: texts against patterns of Go. Pure.

use jsonschema::paths::Location;
use jsonschema::{Keyword, ValidationError};
use regex::{Regex, RegexBuilder};
use serde_json::{Map, Value};

use super::MAX_PATTERN;

/// A pattern of Go.
struct Pattern {
    pattern: Regex,
    written: String,
}

impl Pattern {
    /// Reads the two patterns that `dialect` left in the place of `pattern`.
    fn new(both: &Value) -> Result<Self, String> {
        let text = |index: usize| both.get(index).and_then(Value::as_str).unwrap_or_default();
        let pattern = RegexBuilder::new(text(0))
            .size_limit(MAX_PATTERN)
            .dfa_size_limit(MAX_PATTERN)
            .build()
            .map_err(|_| format!("the pattern {:?} becomes too large", text(1)))?;
        let written = text(1).to_owned();
        Ok(Self { pattern, written })
    }
}

impl<'i> Keyword<'i> for Pattern {
    fn validate(&self, instance: &'i Value) -> Result<(), ValidationError<'i>> {
        if self.is_valid(instance) {
            return Ok(());
        }
        let message = format!("value does not match {:?}", self.written);
        Err(ValidationError::custom(message))
    }

    fn is_valid(&self, instance: &'i Value) -> bool {
        let text = instance.as_str();
        text.is_none_or(|text| self.pattern.is_match(text))
    }
}

/// Makes the keyword from the two patterns that `dialect` left in the place of `pattern`.
pub(super) fn pattern<'a>(
    _: &'a Map<String, Value>,
    both: &'a Value,
    _: Location,
) -> Result<Box<dyn for<'i> Keyword<'i>>, ValidationError<'a>> {
    match Pattern::new(both) {
        Ok(pattern) => Ok(Box::new(pattern)),
        Err(message) => Err(ValidationError::custom(message)),
    }
}
