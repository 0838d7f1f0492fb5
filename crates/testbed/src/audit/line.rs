//! One line of the API server's audit log, as its policy writes it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

/// A line of the log. `Body` is [`serde_json::Value`], or [`serde::de::IgnoredAny`] for a reader that skips bodies.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Line<Body> {
    /// Id of the request.
    #[serde(rename = "auditID", default)]
    pub audit_id: String,
    /// `RequestReceived`, `ResponseComplete`…
    pub stage: String,
    /// Verb of the API.
    pub verb: String,
    /// Path and query.
    #[serde(rename = "requestURI")]
    pub request_uri: String,
    /// The user whose credentials the request bore.
    pub user: User,
    /// The user as whom that user asked.
    #[serde(default)]
    pub impersonated_user: Option<User>,
    /// What was asked for.
    #[serde(default)]
    pub object_ref: ObjectRef,
    /// The answer.
    #[serde(default)]
    pub response_status: Status,
    /// What authorization and admission noted.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
    /// When the request arrived.
    pub request_received_timestamp: Timestamp,
    /// When this stage was reached.
    pub stage_timestamp: Timestamp,
    /// What was sent, where the policy keeps it.
    #[serde(default)]
    pub request_object: Body,
    /// What was answered, where the policy keeps it.
    #[serde(default)]
    pub response_object: Body,
}

/// A user of the API server.
#[derive(Deserialize)]
pub struct User {
    /// Its name.
    #[serde(default)]
    pub username: String,
    /// What its authenticator added.
    #[serde(default)]
    pub extra: BTreeMap<String, Vec<String>>,
}

/// The object that a request is about; what it does not name is empty.
#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
pub struct ObjectRef {
    /// API group; empty for the core's.
    pub api_group: String,
    /// Plural of the kind.
    resource: String,
    subresource: String,
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
}

impl ObjectRef {
    /// Plural of the kind, with its subresource: `pods/status`.
    pub fn resource(&self) -> String {
        if self.subresource.is_empty() {
            self.resource.clone()
        } else {
            format!("{}/{}", self.resource, self.subresource)
        }
    }
}

/// What a request was answered with.
#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Status {
    /// Status code.
    pub code: i64,
    /// Why it was refused, in the API server's words.
    pub message: String,
}

impl<Body> Line<Body> {
    /// Whether this is the answer to a request, and not its arrival.
    pub fn is_answer(&self) -> bool {
        self.stage == "ResponseComplete"
    }

    /// Id of the token with which it was asked: tells processes of one ServiceAccount apart. Empty for none.
    pub fn credential(&self) -> String {
        let ids = self
            .user
            .extra
            .get("authentication.kubernetes.io/credential-id");
        ids.and_then(|ids| ids.first().cloned()).unwrap_or_default()
    }
}
