//! Reads rendered objects as data and allows what is listed, nothing else. Pure.
//!
//! The right to create a `FlashJob` must not become the right to create any Pod. This is asked after every rendering, and again
//! about everything read back from a release record before it is applied: whoever may write Secrets could have forged one.

mod container;
mod environment;
mod image;
mod metadata;
mod pod;
mod policy;
mod security;
mod service;
mod shape;
mod volume;

use std::fmt;

use serde_json::Value;

pub use self::image::{ImagePattern, ImagePatternError};
pub use self::policy::{HostAccess, Kind, Owner, Policy};
use self::shape::{Shape, Visit};
use helm_chart::engine::Document;
use helm_chart::pointer::Pointer;
use helm_chart::text::list;

/// Most objects of one flash.
const MAX_OBJECTS: usize = 16;
/// Most violations that are reported.
const MAX_VIOLATIONS: usize = 50;

/// An object that is to be applied, as a template yielded it or a record holds it.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The template, such as `flash-pod/templates/pod.yaml`.
    pub source: &'a str,
    /// The object.
    pub object: &'a Value,
}

impl<'a> From<&'a Document> for Subject<'a> {
    fn from(document: &'a Document) -> Self {
        Self {
            source: &document.source,
            object: &document.object,
        }
    }
}

/// How far the flash is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The address is not known: the Pod may be missing.
    BeforeAddress,
    /// The address is known: there is exactly one Pod.
    Complete,
}

/// A field that is not allowed, or lacks what it must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The object: its source, kind and name as far as they can be told.
    pub object: String,
    /// The field.
    pub path: Pointer,
    /// What is wrong with it.
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What is wrong with the object as a whole has no path.
        if self.path == Pointer::root() {
            return write!(f, "{}: {}", self.object, self.message);
        }
        write!(f, "{}: {}: {}", self.object, self.path, self.message)
    }
}

/// Why objects may not be applied: every field that is not allowed, up to a bound.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", list(.0))]
pub struct Refused(pub Vec<Violation>);

/// Asks whether objects may be applied.
///
/// # Errors
/// Every field that is not allowed, up to a bound.
pub fn check(objects: &[Subject<'_>], stage: Stage, policy: &Policy) -> Result<(), Refused> {
    let mut violations = Vec::new();
    let mut refuse = |message: String| {
        let (object, path) = ("chart".to_owned(), Pointer::root());
        violations.push(Violation {
            object,
            path,
            message,
        });
    };
    let pods = objects
        .iter()
        .filter(|subject| kind_of(subject.object) == ("v1", "Pod"))
        .count();
    if pods > 1 || (pods == 0 && stage == Stage::Complete) {
        refuse(format!("renders {pods} Pods: a flash is exactly one"));
    }
    if objects.len() > MAX_OBJECTS {
        refuse(format!(
            "renders {} objects: at most {MAX_OBJECTS} are allowed",
            objects.len()
        ));
    }
    for subject in objects.iter().take(MAX_OBJECTS) {
        let mut visit = Visit::new(policy, describe(subject));
        object(&mut visit, subject.object);
        violations.extend(visit.violations);
    }
    violations.truncate(MAX_VIOLATIONS);
    if violations.is_empty() {
        Ok(())
    } else {
        Err(Refused(violations))
    }
}

fn object(visit: &mut Visit<'_>, object: &Value) {
    let root = Pointer::root();
    match kind_of(object) {
        ("v1", "Pod") => {
            visit.walk(&pod::POD, &root, object);
        }
        ("v1", "Service") => {
            visit.walk(&service::SERVICE, &root, object);
        }
        (api_version, kind) if visit.policy.has_kind(api_version, kind) => {
            match object.get("metadata") {
                Some(value) => visit.walk(&metadata::OTHER, &root.child("metadata"), value),
                None => visit.refuse(&root.child("metadata"), "is missing"),
            }
        }
        (api_version, kind) => visit.refuse(
            &root.child("kind"),
            format!("{api_version} {kind} is not allowed: an administrator may add the kind"),
        ),
    }
}

/// `apiVersion` and `kind`; empty where they are missing or no text.
fn kind_of(object: &Value) -> (&str, &str) {
    let text = |key| object.get(key).and_then(Value::as_str).unwrap_or_default();
    (text("apiVersion"), text("kind"))
}

fn describe(subject: &Subject<'_>) -> String {
    let name = subject
        .object
        .pointer("/metadata/name")
        .and_then(Value::as_str);
    let (_, kind) = kind_of(subject.object);
    let name = shape::shorten(name.unwrap_or_default());
    format!("{} {} {name}", subject.source, shape::shorten(kind))
        .trim_end()
        .to_owned()
}

const API_VERSION: Shape = Shape::OneOf(&["v1"]);

#[cfg(test)]
mod tests;
