//! `.Capabilities`: the cluster's versions, and helm's. Pure.

use std::rc::Rc;
use std::sync::Arc;

use serde_json::Value as Json;

use crate::engine::Capabilities;
use crate::engine::functions::FunctionError;
use crate::engine::value::{Kind, List, ListType, Object, Value};

pub(super) struct CapabilitiesValue(pub(super) Arc<Capabilities>);

impl Object for CapabilitiesValue {
    fn type_name(&self) -> &'static str {
        "*common.Capabilities"
    }

    fn kind(&self) -> Kind {
        Kind::Ptr
    }

    fn field(&self, name: &str) -> Option<Value> {
        match name {
            "KubeVersion" => Some(Value::Object(Rc::new(KubeVersion::new(
                &self.0.kube_version,
            )))),
            "APIVersions" => {
                let versions = self.0.api_versions.iter().map(Value::string).collect();
                Some(Value::List(List::new(ListType::VersionSet, versions)))
            }
            "HelmVersion" => Some(Value::Object(Rc::new(HelmVersion(
                self.0.helm_version.clone(),
            )))),
            _ => None,
        }
    }

    fn call(&self, name: &str, _: &[Value]) -> Option<Result<Value, FunctionError>> {
        let copy = || Ok(Value::Object(Rc::new(Self(Arc::clone(&self.0)))));
        (name == "Copy").then(copy)
    }

    fn display(&self) -> String {
        String::new()
    }

    fn to_json(&self) -> Json {
        Json::Null
    }

    fn printable(&self) -> bool {
        false
    }
}

pub(super) struct KubeVersion {
    version: String,
    pub(super) normalized: String,
    major: String,
    minor: String,
}

impl KubeVersion {
    pub(super) fn new(version: &str) -> Self {
        let digits = version.trim_start_matches('v');
        let end = digits
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(digits.len());
        let parts: Vec<&str> = digits[..end].split('.').collect();
        let part = |index: usize| parts.get(index).copied().unwrap_or_default().to_owned();
        Self {
            version: format!("v{digits}"),
            normalized: format!("v{}", digits[..end].trim_end_matches('.')),
            major: part(0),
            minor: part(1),
        }
    }
}

impl Object for KubeVersion {
    fn type_name(&self) -> &'static str {
        "common.KubeVersion"
    }

    fn kind(&self) -> Kind {
        Kind::Struct
    }

    fn field(&self, name: &str) -> Option<Value> {
        match name {
            "Version" => Some(Value::string(&self.version)),
            "Major" => Some(Value::string(&self.major)),
            "Minor" => Some(Value::string(&self.minor)),
            _ => None,
        }
    }

    fn call(&self, name: &str, arguments: &[Value]) -> Option<Result<Value, FunctionError>> {
        let value = match name {
            "GitVersion" => &self.version,
            "String" => &self.normalized,
            _ => return None,
        };
        let given = arguments.len();
        Some(if given == 0 {
            Ok(Value::string(value))
        } else {
            let message = format!("wrong number of args for {name}: want 0 got {given}");
            Err(FunctionError::new(message))
        })
    }

    fn display(&self) -> String {
        self.normalized.clone()
    }

    fn is_stringer(&self) -> bool {
        false
    }

    fn members(&self) -> Vec<(&'static str, Value)> {
        vec![
            ("Version", Value::string(&self.version)),
            ("normalizedVersion", Value::string(&self.normalized)),
            ("Major", Value::string(&self.major)),
            ("Minor", Value::string(&self.minor)),
        ]
    }

    fn to_json(&self) -> Json {
        serde_json::json!({ "Version": self.version, "Major": self.major, "Minor": self.minor })
    }
}

struct HelmVersion(String);

impl Object for HelmVersion {
    fn type_name(&self) -> &'static str {
        "version.BuildInfo"
    }

    fn kind(&self) -> Kind {
        Kind::Struct
    }

    fn field(&self, name: &str) -> Option<Value> {
        (name == "Version").then(|| Value::string(&self.0))
    }

    fn call(&self, name: &str, _: &[Value]) -> Option<Result<Value, FunctionError>> {
        // How the helm program was built is not a property of this engine.
        matches!(
            name,
            "GitCommit" | "GitTreeState" | "GoVersion" | "KubeClientVersion"
        )
        .then(|| {
            let what = format!("{name} says how the helm program was built");
            Err(FunctionError::limit(&what))
        })
    }

    fn display(&self) -> String {
        String::new()
    }

    fn to_json(&self) -> Json {
        Json::Null
    }

    fn printable(&self) -> bool {
        false
    }
}
