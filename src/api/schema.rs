//! Schema fragments that `schemars` cannot derive as the API server wants them. Pure; used by the types beside it.
//!
//! A field with its own schema is never `nullable`: the API server then drops an explicit null, so null means absent.

use schemars::{Schema, SchemaGenerator, json_schema};

use super::rule;

/// A JSON object whose fields the API server keeps as they are.
pub fn free_form(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": rule::MAX_VALUES_KEYS,
        "x-kubernetes-preserve-unknown-fields": true,
    })
}

/// UUIDs of Akri Instances.
pub fn uuids(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "maxItems": rule::MAX_UUIDS,
        "items": rule::UUID.schema(),
    })
}

/// A firmware reference.
pub fn firmware(_: &mut SchemaGenerator) -> Schema {
    rule::FIRMWARE.schema()
}

/// A firmware version.
pub fn version(_: &mut SchemaGenerator) -> Schema {
    rule::VERSION.schema()
}

/// A container image, or nothing.
pub fn image(_: &mut SchemaGenerator) -> Schema {
    rule::IMAGE.schema()
}

/// A text that is only compared or ignored: bounded, anything goes (old files hold anything).
pub fn any_text(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "maxLength": 253 })
}

/// The words of `MismatchPolicy`. (The derived schema of an optional enum loses the field's own description.)
pub fn mismatch_policy(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "enum": ["Ignore", "Warn", "Fail"] })
}
