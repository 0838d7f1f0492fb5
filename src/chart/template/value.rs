//! Values as Go templates see them: typed, with dictionaries that are shared and changed in place.
//!
//! Pure; used by the evaluator and by every function family. The types are those a Helm template can
//! meet; each keeps the name that `typeOf` and `%T` print, because templates branch on it.

use std::cell::{Ref, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::rc::{Rc, Weak};

use serde_json::Value as Json;

use super::functions::FunctionError;

/// Nesting of dictionaries and lists that conversions and printing follow; a cycle made with `set` ends here.
pub const MAX_NESTING: usize = 500;

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

/// Element type of a [`List`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListType {
    /// `[]interface {}`: lists of YAML, `list`, most list functions.
    Any,
    /// `[]string`: `keys`, `splitList`, `.Files.Lines` and the like.
    Strings,
    /// `[]int`: `until`, `untilStep`.
    Ints,
    /// `[]uint8`: file contents.
    Bytes,
    /// `[][]interface {}`: `chunk`.
    Lists,
    /// A nil `[]interface {}`: empty, and `null` in JSON and YAML.
    Nil,
    /// A nil `[]string`.
    NilStrings,
    /// `common.VersionSet`, a `[]string` with the method `Has`.
    VersionSet,
}

impl ListType {
    /// The name `typeOf` prints.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Any | Self::Nil => "[]interface {}",
            Self::Strings | Self::NilStrings => "[]string",
            Self::Ints => "[]int",
            Self::Bytes => "[]uint8",
            Self::Lists => "[][]interface {}",
            Self::VersionSet => "common.VersionSet",
        }
    }
}

/// Type of a [`Dict`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DictType {
    /// `map[string]interface {}`: tables of YAML, `dict`.
    Any,
    /// A nil `map[string]interface {}`: prints and ranges as empty, is `null` in JSON and YAML, cannot be set.
    Nil,
    /// `common.Values`: the root of a template and its `.Values`.
    Values,
    /// `map[string]string`: `split`, `splitn`.
    Strings,
    /// A nil `map[string]string`: `.Chart.Annotations` of a chart that has none; `null` in JSON and YAML.
    NilStrings,
    /// `engine.files`: `.Files`, a map of byte lists with methods.
    Files,
}

impl DictType {
    /// The name `typeOf` prints.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Any | Self::Nil => "map[string]interface {}",
            Self::Values => "common.Values",
            Self::Strings | Self::NilStrings => "map[string]string",
            Self::Files => "engine.files",
        }
    }
}

/// A slice: its element type and its elements.
#[derive(Clone)]
pub struct List {
    kind: ListType,
    items: Rc<Items>,
}

struct Items(Vec<Value>);

impl List {
    /// A list of the given element type; the elements must be of it.
    #[must_use]
    pub fn new(kind: ListType, items: Vec<Value>) -> Self {
        Self {
            kind,
            items: Rc::new(Items(items)),
        }
    }

    /// The element type.
    #[must_use]
    pub fn kind(&self) -> ListType {
        self.kind
    }

    /// The elements.
    #[must_use]
    pub fn items(&self) -> &[Value] {
        &self.items.0
    }

    /// The bytes of a [`ListType::Bytes`] list.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.items()
            .iter()
            .filter_map(|item| {
                if let Value::Byte(byte) = item {
                    Some(*byte)
                } else {
                    None
                }
            })
            .collect()
    }
}

impl Drop for Items {
    fn drop(&mut self) {
        drop_flat(std::mem::take(&mut self.0));
    }
}

/// The content of a dictionary, in Go's order of keys (bytes).
pub type Entries = BTreeMap<Rc<str>, Value>;

/// A map with string keys, shared by reference.
#[derive(Clone)]
pub struct Dict {
    kind: DictType,
    cell: Rc<DictCell>,
}

struct DictCell(RefCell<Entries>);

thread_local! {
    /// Dictionaries that received a container after they were made: the only way to close a cycle.
    static MUTATED: RefCell<Vec<Weak<DictCell>>> = const { RefCell::new(Vec::new()) };
}

/// Empties every dictionary of this thread that could be part of a cycle, so that cycles are freed.
/// For the end of a rendering.
pub(super) fn break_cycles() {
    let cells = MUTATED.with(|mutated| std::mem::take(&mut *mutated.borrow_mut()));
    for cell in cells.iter().filter_map(Weak::upgrade) {
        let entries = std::mem::take(&mut *cell.0.borrow_mut());
        drop(entries);
    }
}

impl Dict {
    /// A new `map[string]interface {}`.
    #[must_use]
    pub fn new(entries: Entries) -> Self {
        Self::typed(DictType::Any, entries)
    }

    /// A new map of the given type.
    #[must_use]
    pub fn typed(kind: DictType, entries: Entries) -> Self {
        Self {
            kind,
            cell: Rc::new(DictCell(RefCell::new(entries))),
        }
    }

    /// The type.
    #[must_use]
    pub fn kind(&self) -> DictType {
        self.kind
    }

    /// The same map under another type, as Go's assignment to a parameter does.
    #[must_use]
    pub fn retyped(&self, kind: DictType) -> Self {
        Self {
            kind,
            cell: Rc::clone(&self.cell),
        }
    }

    /// Read access. Do not hold it while calling anything that may write.
    #[must_use]
    pub fn entries(&self) -> Ref<'_, Entries> {
        self.cell.0.borrow()
    }

    /// The value under a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<Value> {
        self.entries().get(key).cloned()
    }

    /// Number of keys.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries().len()
    }

    /// Whether there is no key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries().is_empty()
    }

    /// Sets a key in place; everybody who holds this map sees it.
    pub fn insert(&self, key: Rc<str>, value: Value) {
        if matches!(value, Value::Dict(_) | Value::List(_)) {
            MUTATED.with(|mutated| mutated.borrow_mut().push(Rc::downgrade(&self.cell)));
        }
        let old = self.cell.0.borrow_mut().insert(key, value);
        drop(old);
    }

    /// Removes a key in place.
    pub fn remove(&self, key: &str) {
        let old = self.cell.0.borrow_mut().remove(key);
        drop(old);
    }

    /// Whether both are the same map, not merely equal ones.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.cell, &other.cell)
    }
}

impl Drop for DictCell {
    fn drop(&mut self) {
        drop_flat(std::mem::take(self.0.get_mut()).into_values().collect());
    }
}

/// Drops nested values without recursion: a template can nest deeper than the stack.
fn drop_flat(mut pending: Vec<Value>) {
    while let Some(value) = pending.pop() {
        match value {
            Value::List(List { mut items, .. }) => {
                if let Some(items) = Rc::get_mut(&mut items) {
                    pending.append(&mut items.0);
                }
            }
            Value::Dict(Dict { mut cell, .. }) => {
                if let Some(cell) = Rc::get_mut(&mut cell) {
                    pending.extend(std::mem::take(cell.0.get_mut()).into_values());
                }
            }
            _ => {}
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
    /// Whether [`Object::display`] is what Go prints; if not, printing it is an error.
    fn printable(&self) -> bool {
        true
    }
}

impl Value {
    /// A string.
    #[must_use]
    pub fn string(text: impl AsRef<str>) -> Self {
        Self::String(Rc::from(text.as_ref()))
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
        Self::List(List::new(
            ListType::Bytes,
            bytes.iter().copied().map(Self::Byte).collect(),
        ))
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
            Self::List(list) => !list.items().is_empty(),
            Self::Dict(dict) => !dict.is_empty(),
            Self::Object(_) => true,
        }
    }

    /// A value of YAML or JSON: every number becomes `float64`.
    #[must_use]
    pub fn from_json(json: &Json) -> Self {
        match json {
            Json::Null => Self::Nil,
            Json::Bool(value) => Self::Bool(*value),
            Json::Number(number) => Self::Float(number.as_f64().unwrap_or(f64::NAN)),
            Json::String(text) => Self::string(text),
            Json::Array(items) => Self::list(items.iter().map(Self::from_json).collect()),
            Json::Object(fields) => Self::dict(
                fields
                    .iter()
                    .map(|(key, value)| (Rc::from(key.as_str()), Self::from_json(value)))
                    .collect(),
            ),
        }
    }

    /// The value as JSON encodes it: whole floats below 1e21 without a fraction, byte lists in base64.
    ///
    /// # Errors
    /// If it nests deeper than [`MAX_NESTING`] (a cycle), or holds a float that JSON has no form for.
    pub fn to_json(&self) -> Result<Json, FunctionError> {
        self.to_json_at(0)
    }

    fn to_json_at(&self, depth: usize) -> Result<Json, FunctionError> {
        if depth > MAX_NESTING {
            return Err(FunctionError::new(
                "value is nested too deeply or contains itself",
            ));
        }
        Ok(match self {
            Self::Nil | Self::NilInterface => Json::Null,
            Self::Bool(value) => Json::Bool(*value),
            Self::Int(value) | Self::Int64(value) => Json::from(*value),
            Self::Uint64(value) => Json::from(*value),
            Self::Byte(value) => Json::from(*value),
            Self::Float(value) => float_to_json(*value)?,
            Self::String(text) => Json::String(text.to_string()),
            Self::List(list) if matches!(list.kind(), ListType::Nil | ListType::NilStrings) => {
                Json::Null
            }
            Self::List(list) if list.kind() == ListType::Bytes => {
                use base64::Engine as _;
                Json::String(base64::engine::general_purpose::STANDARD.encode(list.bytes()))
            }
            Self::List(list) => Json::Array(
                list.items()
                    .iter()
                    .map(|item| item.to_json_at(depth + 1))
                    .collect::<Result<_, _>>()?,
            ),
            Self::Dict(dict) if matches!(dict.kind(), DictType::Nil | DictType::NilStrings) => {
                Json::Null
            }
            Self::Dict(dict) => {
                let entries = dict.entries();
                let fields = entries
                    .iter()
                    .map(|(key, value)| Ok((key.to_string(), value.to_json_at(depth + 1)?)));
                Json::Object(fields.collect::<Result<_, FunctionError>>()?)
            }
            Self::Object(object) if object.printable() && object.kind() != Kind::Struct => {
                object.to_json()
            }
            Self::Object(object) => {
                return Err(FunctionError::new(format!(
                    "encoding a {} is not supported by this engine",
                    object.type_name()
                )));
            }
        })
    }
}

/// A whole number in the range of `i64` becomes an integer, because Go's encoder prints it without fraction.
/// Larger ones stay floats: whoever prints them has to follow Go's rule (exponent from 1e21 on).
#[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
fn float_to_json(value: f64) -> Result<Json, FunctionError> {
    if !value.is_finite() {
        return Err(FunctionError::new(format!(
            "json: unsupported value: {value}"
        )));
    }
    if value.fract() == 0.0
        && value.abs() < 9_007_199_254_740_992.0
        && !(value == 0.0 && value.is_sign_negative())
    {
        return Ok(Json::from(value as i64));
    }
    Ok(Json::from(value))
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
        Self::String(Rc::from(text))
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}
