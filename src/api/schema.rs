//! Schema fragments that `schemars` cannot derive as the API server wants them. Pure; used by the types beside it.

use schemars::{Schema, SchemaGenerator, json_schema};

/// A JSON object whose fields the API server keeps as they are.
pub fn free_form(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true })
}
