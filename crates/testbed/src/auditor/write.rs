//! One line of the audit log: a write, who asked for it, and what it left.

use serde_json::Value;

use super::history::{Moment, label};
use crate::audit::line::Line;

/// A write that was carried out, or may have been.
pub struct Write {
    /// `create`, `update`, `patch`, `delete`, `deletecollection`.
    pub verb: String,
    /// Who asked, or as whom was asked.
    pub user: String,
    /// Id of the token with which it was asked; empty for none.
    pub credential: String,
    /// Plural of the kind, with its subresource.
    pub resource: String,
    /// Namespace.
    pub namespace: String,
    /// Name; empty for a create and a `deletecollection`.
    pub name: String,
    /// Whether it is not known if it was carried out: its asker was gone, or the store failed.
    pub unclear: bool,
    /// Whether it brought the object into the world.
    pub birth: bool,
    /// The object as the write left it; what was asked for where the outcome is unclear.
    pub object: Value,
    /// When.
    pub moment: Moment,
}

impl Write {
    /// Reads one line; none where it is not the answer to a write that was carried out, or may have been.
    pub fn parse(line: &str) -> Option<Self> {
        let line: Line<Value> = serde_json::from_str(line).ok()?;
        let code = line.response_status.code;
        let reads = ["get", "list", "watch"].contains(&line.verb.as_str());
        if !line.is_answer()
            || reads
            || line.request_uri.contains("dryRun=All")
            || (300..500).contains(&code)
        {
            return None;
        }
        let (credential, resource) = (line.credential(), line.object_ref.resource());
        let unclear = code >= 500;
        let is_object = |value: &Value| value.pointer("/metadata/uid").is_some();
        let object = if is_object(&line.response_object) {
            line.response_object
        } else {
            line.request_object
        };
        let version = Some(&object).filter(|object| is_object(object) && !unclear);
        let version = version.and_then(|object| {
            object
                .pointer("/metadata/resourceVersion")?
                .as_str()?
                .parse()
                .ok()
        });
        // A patch that makes an object asks for the whole of it; others do not say what kind it is.
        let may_be_born = unclear && object["kind"].is_string();
        let at = line.object_ref;
        let named = object.pointer("/metadata/name").and_then(Value::as_str);
        Some(Self {
            birth: (code == 201 || may_be_born) && matches!(line.verb.as_str(), "create" | "patch"),
            name: if at.name.is_empty() {
                named.unwrap_or_default().to_owned()
            } else {
                at.name
            },
            resource,
            verb: line.verb,
            credential,
            user: line.impersonated_user.unwrap_or(line.user).username,
            namespace: at.namespace,
            unclear,
            object,
            moment: Moment {
                version,
                received: line.request_received_timestamp,
                answered: line.stage_timestamp,
                audit_id: line.audit_id,
            },
        })
    }

    /// A text in the object.
    pub fn text(&self, pointer: &str) -> Option<String> {
        Some(self.object.pointer(pointer)?.as_str()?.to_owned())
    }

    /// A label of the object.
    pub fn label(&self, key: &str) -> Option<String> {
        label(&self.object, key)
    }

    /// Whether an operator asked for it: the program itself, or helm with its rights.
    pub fn is_of_operator(&self) -> bool {
        is_operator(&self.user)
    }
}

/// Whether this user is the operator's ServiceAccount.
pub fn is_operator(user: &str) -> bool {
    user.ends_with(":flashjob-operator")
}
