//! Values as Go templates see them: typed, with dictionaries that are shared and changed in place.
//!
//! Pure; used by the evaluator and by every function family. The types are those a Helm template can
//! meet; each keeps the name that `typeOf` and `%T` print, because templates branch on it.

use std::fmt;
use std::rc::Rc;

use serde_json::Value as Json;

use super::functions::FunctionError;
use super::octets;

mod container;
mod json;

pub(super) use container::break_cycles;
pub use container::{Dict, DictType, Entries, List, ListType};
pub(super) use json::field_name;

/// Nesting of dictionaries and lists that conversions and printing follow; a cycle made with `set` ends here.
pub const MAX_NESTING: usize = 1_100;

/// A value of the template language.
#[derive(Clone)]
pub enum Value {
    /// No value at all: an untyped `nil`, what a missing key becomes once it leaves a pipeline.
    Nil,
    /// A nil `interface {}` read straight from a map or list: fields of it are an error. The evaluator turns it
    /// into [`Value::Nil`] before any function sees it.
    NilInterface,
    /// `bool`.
    Bool(bool),
    /// `int`: literals, `len`, `int`, range indexes.
    Int(i64),
    /// `int64`: arithmetic of the function library.
    Int64(i64),
    /// `uint64`: parts of a semantic version.
    Uint64(u64),
    /// `uint8`: an element of a byte list.
    Byte(u8),
    /// `float64`: every number that comes from YAML or JSON.
    Float(f64),
    /// `string`.
    String(Rc<str>),
    /// A slice. Never changed in place: templates cannot assign to elements.
    List(List),
    /// A map with string keys, shared by all who hold it and changed in place by `set`, `unset`, `merge`.
    Dict(Dict),
    /// An object with methods or fields of its own, such as a parsed version.
    Object(Rc<dyn Object>),
}

/// Kind of a value, with the names of Go's `reflect.Kind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// No value.
    Invalid,
    /// `bool`
    Bool,
    /// `int`
    Int,
    /// `int64`
    Int64,
    /// `uint64`
    Uint64,
    /// `uint8`
    Uint8,
    /// `float64`
    Float64,
    /// `string`
    String,
    /// Any slice.
    Slice,
    /// Any map.
    Map,
    /// A pointer to a structure.
    Ptr,
    /// A structure.
    Struct,
}

impl Kind {
    /// The name `kindOf` prints.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Int64 => "int64",
            Self::Uint64 => "uint64",
            Self::Uint8 => "uint8",
            Self::Float64 => "float64",
            Self::String => "string",
            Self::Slice => "slice",
            Self::Map => "map",
            Self::Ptr => "ptr",
            Self::Struct => "struct",
        }
    }
}

/// A value with methods or fields of its own.
pub trait Object {
    /// The name `typeOf` prints, such as `*semver.Version`.
    fn type_name(&self) -> &str;
    /// The kind.
    fn kind(&self) -> Kind;
    /// An exported field.
    fn field(&self, name: &str) -> Option<Value>;
    /// Calls a method; `None` if there is none of that name.
    fn call(&self, name: &str, arguments: &[Value]) -> Option<Result<Value, FunctionError>>;
    /// What `{{ }}` and `%v` print.
    fn display(&self) -> String;
    /// As JSON and YAML encode it.
    fn to_json(&self) -> Json;
    /// Whether Go prints it by its own `String` method.
    fn is_stringer(&self) -> bool {
        self.kind() == Kind::Ptr
    }
    /// Fields of a structure as `%v` prints them, hidden ones included.
    fn members(&self) -> Vec<(&'static str, Value)> {
        Vec::new()
    }
    /// Whether [`Object::display`] is what Go prints; if not, printing it is an error.
    fn printable(&self) -> bool {
        true
    }
}

impl Value {
    /// A string.
    #[must_use]
    pub fn string(text: impl AsRef<str>) -> Self {
        let text = text.as_ref();
        if octets::has(text) {
            return Self::String(octets::normal(text.to_owned()).into());
        }
        Self::String(Rc::from(text))
    }

    /// A `[]interface {}`.
    #[must_use]
    pub fn list(items: Vec<Self>) -> Self {
        Self::List(List::new(ListType::Any, items))
    }

    /// A `[]string`.
    #[must_use]
    pub fn strings<S: AsRef<str>>(items: impl IntoIterator<Item = S>) -> Self {
        Self::List(List::new(
            ListType::Strings,
            items.into_iter().map(Self::string).collect(),
        ))
    }

    /// A `map[string]interface {}`.
    #[must_use]
    pub fn dict(entries: Entries) -> Self {
        Self::Dict(Dict::new(entries))
    }

    /// A `[]uint8`.
    #[must_use]
    pub fn bytes(bytes: &[u8]) -> Self {
        Self::List(List::of_bytes(bytes))
    }

    /// The kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Nil | Self::NilInterface => Kind::Invalid,
            Self::Bool(_) => Kind::Bool,
            Self::Int(_) => Kind::Int,
            Self::Int64(_) => Kind::Int64,
            Self::Uint64(_) => Kind::Uint64,
            Self::Byte(_) => Kind::Uint8,
            Self::Float(_) => Kind::Float64,
            Self::String(_) => Kind::String,
            Self::List(_) => Kind::Slice,
            Self::Dict(_) => Kind::Map,
            Self::Object(object) => object.kind(),
        }
    }

    /// The Go type, as `typeOf` and `%T` print it.
    #[must_use]
    pub fn type_name(&self) -> &str {
        match self {
            Self::Nil | Self::NilInterface => "<nil>",
            Self::List(list) => list.kind().name(),
            Self::Dict(dict) => dict.kind().name(),
            Self::Object(object) => object.type_name(),
            _ => self.kind().name(),
        }
    }

    /// Whether there is no value.
    #[must_use]
    pub fn is_nil(&self) -> bool {
        matches!(self, Self::Nil | Self::NilInterface)
    }

    /// What `if`, `and`, `or`, `not` go by: false, zero, empty and nil are false.
    #[must_use]
    pub fn truth(&self) -> bool {
        match self {
            Self::Nil | Self::NilInterface => false,
            Self::Bool(value) => *value,
            Self::Int(value) | Self::Int64(value) => *value != 0,
            Self::Uint64(value) => *value != 0,
            Self::Byte(value) => *value != 0,
            Self::Float(value) => *value != 0.0,
            Self::String(value) => !value.is_empty(),
            Self::List(list) => !list.is_empty(),
            Self::Dict(dict) => !dict.is_empty(),
            Self::Object(_) => true,
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nil => formatter.write_str("nil"),
            Self::NilInterface => formatter.write_str("interface(nil)"),
            other => match other.to_json() {
                Ok(json) => write!(formatter, "{}({json})", other.type_name()),
                Err(_) => formatter.write_str(other.type_name()),
            },
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::string(text)
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(Rc::from(octets::normal(text)))
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}
