//! The language in which allowed fields are listed, and the walk that compares an object with a list. Total: no input panics.

use serde_json::{Map, Value};

use helm_chart::pointer::Pointer;
use helm_chart::text;

use super::{Policy, Violation};

/// Longest piece of an object that a message repeats, in characters.
const MAX_REPEATED: usize = 100;

/// What a field may hold. Null is the same as absent, as Kubernetes has it.
pub(super) enum Shape {
    /// Whatever: data that no component acts on beyond the Pod itself.
    Anything,
    Text,
    Integer,
    Bool,
    /// A text or a number: quantities, ports.
    Scalar,
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// A list of such.
    Each(&'static Shape),
    /// A map from any key to such.
    Dict(&'static Shape),
    /// A map with these keys and no others.
    Fields(&'static [Field]),
    /// Such, and a rule that is asked once the outermost type is right.
    Ruled(&'static Shape, Rule),
}

/// A rule that a type cannot say.
pub(super) type Rule = fn(&mut Visit<'_>, &Pointer, &Value);

/// A key that a map may have, or must.
pub(super) struct Field {
    name: &'static str,
    is_required: bool,
    shape: Shape,
}

pub(super) const fn may(name: &'static str, shape: Shape) -> Field {
    Field {
        name,
        is_required: false,
        shape,
    }
}

pub(super) const fn must(name: &'static str, shape: Shape) -> Field {
    Field {
        name,
        is_required: true,
        shape,
    }
}

impl Field {
    pub(super) fn is_named(&self, name: &str) -> bool {
        self.name == name
    }
}

/// One object on its way through the guard.
pub(super) struct Visit<'a> {
    pub(super) policy: &'a Policy,
    object: String,
    pub(super) violations: Vec<Violation>,
}

impl<'a> Visit<'a> {
    pub(super) fn new(policy: &'a Policy, object: String) -> Self {
        Self {
            policy,
            object,
            violations: Vec::new(),
        }
    }

    pub(super) fn refuse(&mut self, place: &Pointer, message: impl Into<String>) {
        let (object, path) = (self.object.clone(), place.clone());
        self.violations.push(Violation {
            object,
            path,
            message: message.into(),
        });
    }

    /// Refuses unless `is_allowed`.
    pub(super) fn require(&mut self, is_allowed: bool, place: &Pointer, message: &str) {
        if !is_allowed {
            self.refuse(place, message);
        }
    }

    /// Refuses a name that is not listed.
    pub(super) fn require_listed(
        &mut self,
        names: &[String],
        name: &str,
        place: &Pointer,
        what: &str,
    ) {
        if !names.iter().any(|listed| listed == name) {
            let name = shorten(name);
            self.refuse(
                place,
                format!("{what} {name:?} is not allowed: an administrator may list it"),
            );
        }
    }

    /// Compares `value` with `shape`.
    pub(super) fn walk(&mut self, shape: &Shape, place: &Pointer, value: &Value) {
        match (shape, value) {
            (_, Value::Null)
            | (Shape::Anything, _)
            | (Shape::Text, Value::String(_))
            | (Shape::Bool, Value::Bool(_))
            | (Shape::Scalar, Value::String(_) | Value::Number(_)) => {}
            (Shape::Integer, Value::Number(number)) if is_whole(number) => {}
            (Shape::OneOf(texts), Value::String(text)) => {
                if !texts.contains(&text.as_str()) {
                    let allowed = texts.join(", ");
                    self.refuse(
                        place,
                        format!("{:?} is not allowed: use {allowed}", shorten(text)),
                    );
                }
            }
            (Shape::Each(item), Value::Array(items)) => {
                for (index, value) in items.iter().enumerate() {
                    self.element(item, &place.child(index), value);
                }
            }
            (Shape::Dict(item), Value::Object(map)) => {
                for (key, value) in map {
                    self.element(item, &place.child(key), value);
                }
            }
            (Shape::Fields(fields), Value::Object(map)) => self.fields(fields, place, map),
            (Shape::Ruled(inner, rule), value) => {
                let before = self.violations.len();
                self.walk(inner, place, value);
                // A rule may rely on the type, and on nothing inside.
                let is_typed = self.violations[before..]
                    .iter()
                    .all(|found| found.path != *place);
                if is_typed {
                    rule(self, place, value);
                }
            }
            (shape, _) => self.refuse(place, format!("must be {}", shape.name())),
        }
    }

    /// Lists and maps hold no nulls.
    fn element(&mut self, shape: &Shape, place: &Pointer, value: &Value) {
        if value.is_null() && !matches!(shape, Shape::Anything) {
            self.refuse(place, format!("must be {}", shape.name()));
        } else {
            self.walk(shape, place, value);
        }
    }

    fn fields(&mut self, fields: &[Field], place: &Pointer, map: &Map<String, Value>) {
        for (key, value) in map {
            match fields.iter().find(|field| field.name == key) {
                Some(field) => self.walk(&field.shape, &place.child(key), value),
                None => self.refuse(&place.child(key), "this field is not allowed"),
            }
        }
        let missing =
            |field: &&Field| field.is_required && map.get(field.name).is_none_or(Value::is_null);
        for field in fields.iter().filter(missing) {
            self.refuse(&place.child(field.name), "is missing");
        }
    }
}

impl Shape {
    fn name(&self) -> &'static str {
        match self {
            Self::Anything => "anything",
            Self::Text | Self::OneOf(_) => "a text",
            Self::Integer => "a whole number",
            Self::Bool => "true or false",
            Self::Scalar => "a text or a number",
            Self::Each(_) => "a list",
            Self::Dict(_) | Self::Fields(_) => "a map",
            Self::Ruled(shape, _) => shape.name(),
        }
    }
}

fn is_whole(number: &serde_json::Number) -> bool {
    number.as_f64().is_some_and(|float| float.fract() == 0.0)
}

/// A text that is short enough to be repeated.
pub(super) fn shorten(text: &str) -> String {
    text::shorten(text, MAX_REPEATED)
}
