//! Lists and dictionaries: shared, typed, and dropped without recursion. Pure.

use std::cell::{OnceCell, Ref, RefCell};
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};

use super::Value;

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

enum Items {
    Any(Vec<Value>),
    /// A file, of which hardly any template looks at a single byte: elements are made when they are asked for.
    Bytes(Vec<u8>, OnceCell<Vec<Value>>),
}

impl List {
    /// A list of the given element type; the elements must be of it.
    #[must_use]
    pub fn new(kind: ListType, items: Vec<Value>) -> Self {
        Self {
            kind,
            items: Rc::new(Items::Any(items)),
        }
    }

    /// A [`ListType::Bytes`] list.
    #[must_use]
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self {
            kind: ListType::Bytes,
            items: Rc::new(Items::Bytes(bytes.to_vec(), OnceCell::new())),
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
        match &*self.items {
            Items::Any(items) => items,
            Items::Bytes(bytes, items) => {
                items.get_or_init(|| bytes.iter().copied().map(Value::Byte).collect())
            }
        }
    }

    /// How many elements there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match &*self.items {
            Items::Any(items) => items.len(),
            Items::Bytes(bytes, _) => bytes.len(),
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One element.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Value> {
        match &*self.items {
            Items::Any(items) => items.get(index).cloned(),
            Items::Bytes(bytes, _) => bytes.get(index).copied().map(Value::Byte),
        }
    }

    /// The bytes of a [`ListType::Bytes`] list.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        match &*self.items {
            Items::Any(items) => items
                .iter()
                .filter_map(|item| match item {
                    Value::Byte(byte) => Some(*byte),
                    _ => None,
                })
                .collect(),
            Items::Bytes(bytes, _) => bytes.clone(),
        }
    }
}

impl Drop for Items {
    fn drop(&mut self) {
        if let Self::Any(items) = self {
            drop_flat(std::mem::take(items));
        }
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
pub(in crate::engine) fn break_cycles() {
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
                if let Some(Items::Any(items)) = Rc::get_mut(&mut items) {
                    pending.append(items);
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
