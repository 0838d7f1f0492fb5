//! A request as it comes over the wire, read.

use std::{collections::BTreeMap, time::Duration};

use axum::extract::Query;
use http::{Method, Uri};
use serde_json::Value;

use super::{KINDS, Key};

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Get,
    List,
    Watch,
    Create,
    Replace,
    Apply,
    Merge,
    JsonPatch,
    Delete,
}

/// See the module's documentation.
#[derive(Clone, Debug)]
pub struct Asked {
    pub verb: Verb,
    /// The object; of a list or a watch without a name, and without a namespace where it is about all of them.
    pub key: Key,
    pub subresource: String,
    pub query: BTreeMap<String, String>,
    pub body: Value,
    /// Nothing but metadata is to be answered.
    pub metadata: bool,
}

impl Asked {
    /// Reads a request about an object; none where it is about something else.
    pub fn read(
        method: &Method,
        uri: &Uri,
        (accept, content): (&str, &str),
        body: &[u8],
    ) -> Option<Self> {
        let parts: Vec<&str> = uri.path().trim_matches('/').split('/').collect();
        let (["api", "v1", rest @ ..] | ["apis", _, _, rest @ ..]) = parts.as_slice() else {
            return None;
        };
        let (namespace, rest) = match rest {
            ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (*namespace, rest),
            rest => ("", rest),
        };
        let (plural, name, subresource) = match rest {
            [plural] => (*plural, "", ""),
            [plural, name] => (*plural, *name, ""),
            [plural, name, subresource] => (*plural, *name, *subresource),
            _ => return None,
        };
        KINDS.iter().find(|(known, ..)| *known == plural)?;
        let query: BTreeMap<String, String> = Query::try_from_uri(uri).ok()?.0;
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let watches = query.get("watch").is_some_and(|watch| watch == "true");
        let verb = match (method.as_str(), name) {
            ("GET", "") if watches => Verb::Watch,
            ("GET", "") => Verb::List,
            ("GET", _) => Verb::Get,
            ("POST", _) => Verb::Create,
            ("PUT", _) => Verb::Replace,
            ("DELETE", _) => Verb::Delete,
            ("PATCH", _) if content.contains("apply") => Verb::Apply,
            ("PATCH", _) if content.contains("merge") => Verb::Merge,
            ("PATCH", _) => Verb::JsonPatch,
            _ => return None,
        };
        let made = body["metadata"]["name"].as_str().unwrap_or_default();
        let name = if name.is_empty() { made } else { name };
        Some(Self {
            verb,
            key: Key::new(plural, namespace, name),
            subresource: subresource.to_owned(),
            query,
            body,
            metadata: accept.contains("PartialObjectMetadata"),
        })
    }

    pub fn is_write(&self) -> bool {
        !matches!(self.verb, Verb::Get | Verb::List | Verb::Watch)
    }

    /// How long the API server may carry it out.
    pub fn timeout(&self) -> Option<Duration> {
        let millis = self.query.get("timeout")?.strip_suffix("ms")?;
        millis.parse().ok().map(Duration::from_millis)
    }

    /// Whether a list or a watch is about this object.
    pub fn selects(&self, key: &Key, object: &Value) -> bool {
        let (wanted, meta) = (&self.key, &object["metadata"]);
        let of_place = key.plural == wanted.plural
            && (wanted.namespace.is_empty() || wanted.namespace == key.namespace);
        let labels = self
            .query
            .get("labelSelector")
            .map_or("", String::as_str)
            .split(',')
            .filter(|part| !part.is_empty());
        let mut labels = labels.map(|part| part.split_once('=').unwrap_or((part, "")));
        let bears = |label: &str, value: &str| {
            let found = meta["labels"][label].as_str();
            found.is_some_and(|found| value.is_empty() || found == value)
        };
        let field = self.query.get("fieldSelector");
        let name = field.and_then(|field| field.strip_prefix("metadata.name="));
        of_place
            && name.is_none_or(|name| name == key.name)
            && labels.all(|(label, value)| match label.strip_prefix('!') {
                Some(absent) => !bears(absent, ""),
                None => bears(label, value),
            })
    }
}
