//! The OpenAPI document: what the routes say of themselves, with the kinds' own schemas. Pure.

use serde_json::{Value, json};
use utoipa::openapi::{Info, OpenApi, OpenApiBuilder, SecurityRequirement, tag::TagBuilder};

use super::kinds::schemas;

/// Name of the scheme by which callers say who they are.
pub const BEARER: &str = "bearer";

const DESCRIPTION: &str = "FlashJobs over HTTP. Every request runs with the token that comes with it, and with the rights of whoever it belongs to: \
     press Authorize and paste the token that you use with the API server.";

/// The document before any route.
#[must_use]
pub fn empty() -> OpenApi {
    let tag = |name: &str, description: &str| {
        let tag = TagBuilder::new().name(name);
        tag.description(Some(description)).build()
    };
    let mut info = Info::new("FlashJob console", env!("CARGO_PKG_VERSION"));
    info.description = Some(DESCRIPTION.to_owned());
    OpenApiBuilder::new()
        .info(info)
        .security(Some([SecurityRequirement::new::<_, [&str; 0], &str>(
            BEARER,
            [],
        )]))
        .tags(Some([
            tag("FlashJobs", "FlashJobs as the API server has them."),
            tag("Actions", "What a person orders of a FlashJob."),
            tag(
                "Devices",
                "Devices, of a FlashJob and as Akri discovered them.",
            ),
            tag("FlashClasses", "What administrators allow."),
            tag("Events", "FlashJobs as they change."),
            tag("Health", "The console itself."),
        ]))
        .build()
}

/// The document as it is served: with the kinds that the API server has.
#[must_use]
pub fn document(routes: &OpenApi) -> Value {
    let mut document = serde_json::to_value(routes).unwrap_or_default();
    let components = &mut document["components"];
    for (name, schema) in schemas() {
        components["schemas"][name] = schema;
    }
    components["securitySchemes"][BEARER] = json!({
        "type": "http", "scheme": "bearer", "description": "The token that you use with the API server.",
    });
    document
}
