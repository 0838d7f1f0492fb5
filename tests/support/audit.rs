//! The API server's audit log: who wrote what, and how often each Pod was born.

use std::{collections::BTreeMap, path::Path};

use serde_json::Value;

/// One answered request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Verb of the API: `create`, `patch`, `delete`…
    pub verb: String,
    /// Who asked.
    pub user: String,
    /// Status code of the answer.
    pub code: i64,
    /// Path and query.
    pub uri: String,
    /// Plural of the kind, with its subresource: `pods/status`.
    pub resource: String,
    /// Namespace; empty for none.
    pub namespace: String,
    /// Name; empty for none.
    pub name: String,
}

impl Request {
    fn parse(line: &str) -> Option<Self> {
        let event: Value = serde_json::from_str(line).ok()?;
        if event["stage"] != "ResponseComplete" {
            return None;
        }
        let text = |pointer: &str| {
            event
                .pointer(pointer)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let mut resource = text("/objectRef/resource");
        let subresource = text("/objectRef/subresource");
        if !subresource.is_empty() {
            resource = format!("{resource}/{subresource}");
        }
        Some(Self {
            verb: text("/verb"),
            user: text("/user/username"),
            code: event
                .pointer("/responseStatus/code")
                .and_then(Value::as_i64)
                .unwrap_or_default(),
            uri: text("/requestURI"),
            resource,
            namespace: text("/objectRef/namespace"),
            name: text("/objectRef/name"),
        })
    }

    /// Whether it changes something, or would.
    pub fn is_write(&self) -> bool {
        !matches!(self.verb.as_str(), "get" | "list" | "watch") && !self.uri.contains("dryRun=All")
    }

    /// Whether it brought an object into the world; a server-side apply that does so is a patch.
    pub fn is_birth(&self) -> bool {
        self.code == 201 && matches!(self.verb.as_str(), "create" | "patch") && self.is_write()
    }
}

/// The requests so far, in the order of their answers.
#[derive(Debug, Clone)]
pub struct Audit(pub Vec<Request>);

impl Audit {
    /// Reads the log; a line that is being written is left out.
    pub fn read(path: &Path) -> Self {
        let log = std::fs::read_to_string(path)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self(log.lines().filter_map(Request::parse).collect())
    }

    /// How often each Pod of the namespace was born. Names of Pods are unique to an attempt: any number but one is an error.
    pub fn pod_births(&self, namespace: &str) -> BTreeMap<String, usize> {
        let mut births = BTreeMap::new();
        for request in &self.0 {
            if request.resource == "pods" && request.namespace == namespace && request.is_birth() {
                *births.entry(request.name.clone()).or_default() += 1;
            }
        }
        births
    }

    /// Pods born per device: keys are the UUIDs of `flash-<uuid>-<attempt>`.
    pub fn flashes(&self, namespace: &str) -> BTreeMap<String, usize> {
        let mut flashes = BTreeMap::new();
        for (pod, births) in self.pod_births(namespace) {
            let uuid = pod
                .strip_prefix("flash-")
                .and_then(|rest| rest.get(..36))
                .unwrap_or(&pod)
                .to_owned();
            *flashes.entry(uuid).or_default() += births;
        }
        flashes
    }

    /// Writes of a user in a namespace that were answered with success: how many of each verb and resource.
    pub fn writes(&self, user: &str, namespace: &str) -> BTreeMap<(String, String), usize> {
        let mut writes = BTreeMap::new();
        let of = |request: &&Request| request.user == user && request.namespace == namespace;
        for request in self
            .0
            .iter()
            .filter(of)
            .filter(|request| request.is_write() && request.code < 300)
        {
            *writes
                .entry((request.verb.clone(), request.resource.clone()))
                .or_default() += 1;
        }
        writes
    }

    /// Requests of a user that its rights did not allow.
    pub fn forbidden(&self, user: &str) -> Vec<&Request> {
        self.0
            .iter()
            .filter(|request| request.user == user && request.code == 403)
            .collect()
    }
}
