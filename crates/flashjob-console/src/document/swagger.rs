//! The page that shows the document: Swagger UI, all of whose files are in this program.

use axum::{Router, http::HeaderValue, http::header::CONTENT_SECURITY_POLICY};
use tower_http::set_header::SetResponseHeaderLayer;
use utoipa_swagger_ui::{Config, SwaggerUi};

/// Where the page is.
pub const PAGE: &str = "/docs";
/// Its style sheet has small pictures within itself.
const POLICY: &str = "default-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// The page, over the document at that address.
pub fn swagger<S: Clone + Send + Sync + 'static>(document: &'static str) -> Router<S> {
    let config = Config::from(document)
        .try_it_out_enabled(true)
        .persist_authorization(false)
        // The other layout has a field for somebody else's document, and a picture with a style that the policy forbids.
        .use_base_layout()
        // It would send the document's address to somebody else's server.
        .validator_url("none");
    let policy = HeaderValue::from_static(POLICY);
    Router::from(SwaggerUi::new(PAGE).config(config)).layer(SetResponseHeaderLayer::overriding(
        CONTENT_SECURITY_POLICY,
        policy,
    ))
}
