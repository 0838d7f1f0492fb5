//! The functions a template may call, by family, each with the parameter types Go would check.
//!
//! Pure; called by the evaluator only.
//!
//! To add a family: write `functions/<family>.rs` with
//!
//! ```text
//! pub(super) const FUNCTIONS: &[(&str, Function)] = &[
//!     ("trunc", Function::new(&[Param::Int, Param::String], trunc)),          // func(int, string)
//!     ("quote", Function::variadic(&[], Param::Any, quote)),                  // func(...interface{})
//! ];
//! fn trunc(call: &mut Call<'_>, arguments: &[Value]) -> Result<Value, FunctionError> { … }
//! ```
//!
//! and name it in `FAMILIES`. The parameter list is the Go signature. Before a function runs, the evaluator has
//! checked the number of arguments and brought each to its type, so `Param::Int` is always `Value::Int`,
//! `Param::Dict` always `Value::Dict`; `Param::Any` may be anything but `Value::NilInterface` (nil is `Value::Nil`).
//! The helpers of [`Call`] read arguments. Whatever may produce much text or many elements calls
//! [`Call::charge`], [`Call::elements`] or [`Call::entries`] with the size first, and whatever
//! looks at its arguments more than once calls [`Call::work`]; `budget_tests.rs` wants to know of it. A message of [`FunctionError`] is what Go's function returns as error; the
//! evaluator puts `error calling NAME:` and the position before it.
//! What is not implemented exactly belongs in `refused.rs` with its reason: the chart is then refused when compiled.

mod builtin;
mod cases;
mod compare;
mod core;
mod cutting;
mod data;
mod decimals;
mod defaults;
mod dicts;
mod durations;
mod encoding;
mod equality;
mod letters;
mod lists;
mod math;
mod naming;
mod numbers;
mod paths;
mod pattern;
mod ranges;
mod refused;
mod regexes;
mod strings;
mod support;
mod urls;
mod versions;
mod weight;

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::LazyLock;

use super::error::{Bound, NO_MISTAKE, RenderError, RenderErrorKind};
use super::evaluate::State;
use super::value::{Dict, List, Value};
use super::{ELEMENT, ENTRY};

pub(super) use encoding::base_32;
pub(super) use pattern::{Pattern, pattern_steps};
pub use refused::{Refused, refused};
pub(super) use support::nil_pointer;
pub(super) use weight::weigh;

/// Bytes of text that a function looks at for the price of a step.
pub(super) const BYTES_OF_STEP: usize = 256;

/// Why a function failed.
#[derive(Debug)]
pub enum FunctionError {
    /// The function's own message.
    Message(String),
    /// A template run by the function failed (`include`, `tpl`), or a bound was reached.
    Render(Box<RenderError>),
}

impl FunctionError {
    /// A plain message, worded as Helm words it.
    pub fn new(message: impl Into<String>) -> Self {
        Self::Message(message.into())
    }

    /// A limit of this engine. It is not a message, because functions may swallow those.
    pub(super) fn limit(what: &str) -> Self {
        let message = format!("{what}; {NO_MISTAKE}");
        let error = RenderError::new(RenderErrorKind::Unsupported, message);
        Self::Render(Box::new(error))
    }

    /// A bound that a function would go beyond.
    pub(super) fn bound(bound: Bound) -> Self {
        Self::Render(Box::new(RenderError::bound(bound)))
    }
}

/// Type of a parameter, as in the function's Go signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Param {
    /// `interface {}`
    Any,
    /// `bool`
    Bool,
    /// `int`
    Int,
    /// `int64`
    Int64,
    /// `float64`
    Float,
    /// `string`
    String,
    /// `map[string]interface {}`; nil arrives as an empty map of type `DictType::Nil`
    Dict,
    /// `[]interface {}`; nil arrives as an empty list
    List,
}

/// The code of a function.
pub type Body = fn(&mut Call<'_>, &[Value]) -> Result<Value, FunctionError>;

/// A function: its Go signature and its code.
#[derive(Clone, Copy)]
pub struct Function {
    /// Types of the fixed parameters.
    pub params: &'static [Param],
    /// Type of the repeated last parameter, if any.
    pub variadic: Option<Param>,
    /// The code.
    pub body: Body,
}

impl Function {
    /// A function with exactly these parameters.
    #[must_use]
    pub const fn new(params: &'static [Param], body: Body) -> Self {
        Self {
            params,
            variadic: None,
            body,
        }
    }

    /// A function whose last parameter repeats.
    #[must_use]
    pub const fn variadic(params: &'static [Param], rest: Param, body: Body) -> Self {
        Self {
            params,
            variadic: Some(rest),
            body,
        }
    }
}

/// What a function may use while it runs.
pub struct Call<'a> {
    /// The function's name as written in the template.
    pub name: &'a str,
    pub(super) state: &'a mut State,
}

impl Call<'_> {
    /// Accounts for `size` bytes or elements about to be produced.
    ///
    /// # Errors
    /// If the rendering's bound is exceeded; hand it on with `?`.
    pub fn charge(&mut self, size: usize) -> Result<(), FunctionError> {
        self.state.charge(size).map_err(FunctionError::Render)
    }

    /// Accounts for elements of a list about to be made.
    ///
    /// # Errors
    /// If the rendering's bound is exceeded; hand it on with `?`.
    pub fn elements(&mut self, count: usize) -> Result<(), FunctionError> {
        self.charge(count.saturating_mul(ELEMENT))
    }

    /// Accounts for entries of a map about to be made.
    ///
    /// # Errors
    /// If the rendering's bound is exceeded; hand it on with `?`.
    pub fn entries(&mut self, count: usize) -> Result<(), FunctionError> {
        self.charge(count.saturating_mul(ENTRY))
    }

    /// Accounts for work from which nothing comes out. The evaluator has accounted for looking at the arguments once.
    ///
    /// # Errors
    /// If the rendering's bound is exceeded; hand it on with `?`.
    pub fn work(&mut self, steps: usize) -> Result<(), FunctionError> {
        self.state.spend(steps).map_err(FunctionError::Render)
    }

    /// Accounts for a step of work.
    ///
    /// # Errors
    /// If the rendering's bound is exceeded; hand it on with `?`.
    pub fn step(&mut self) -> Result<(), FunctionError> {
        self.work(1)
    }
}

/// The text of a `Param::String` argument.
#[must_use]
pub fn text(arguments: &[Value], index: usize) -> Rc<str> {
    match arguments.get(index) {
        Some(Value::String(text)) => Rc::clone(text),
        _ => Rc::from(""),
    }
}

/// The number of a `Param::Int` or `Param::Int64` argument.
#[must_use]
pub fn integer(arguments: &[Value], index: usize) -> i64 {
    match arguments.get(index) {
        Some(Value::Int(value) | Value::Int64(value)) => *value,
        _ => 0,
    }
}

/// The map of a `Param::Dict` argument.
#[must_use]
pub fn dict(arguments: &[Value], index: usize) -> Dict {
    match arguments.get(index) {
        Some(Value::Dict(dict)) => dict.clone(),
        _ => Dict::new(super::value::Entries::new()),
    }
}

/// The list of a `Param::List` argument.
#[must_use]
pub fn list(arguments: &[Value], index: usize) -> List {
    match arguments.get(index) {
        Some(Value::List(list)) => list.clone(),
        _ => List::new(super::value::ListType::Any, Vec::new()),
    }
}

const FAMILIES: &[&[(&str, Function)]] = &[
    builtin::FUNCTIONS,
    cases::FUNCTIONS,
    core::FUNCTIONS,
    cutting::FUNCTIONS,
    data::FUNCTIONS,
    decimals::FUNCTIONS,
    defaults::FUNCTIONS,
    dicts::FUNCTIONS,
    durations::FUNCTIONS,
    encoding::FUNCTIONS,
    lists::FUNCTIONS,
    math::FUNCTIONS,
    naming::FUNCTIONS,
    paths::FUNCTIONS,
    regexes::FUNCTIONS,
    strings::FUNCTIONS,
    urls::FUNCTIONS,
    versions::FUNCTIONS,
];

/// Every function that this engine has, `and` and `or` included.
pub fn names() -> impl Iterator<Item = &'static str> {
    let own = FAMILIES
        .iter()
        .flat_map(|family| family.iter())
        .map(|(name, _)| *name);
    own.chain(["and", "or"])
}

/// The function of that name, if this engine has it.
#[must_use]
pub fn lookup(name: &str) -> Option<Function> {
    static TABLE: LazyLock<HashMap<&str, Function>> = LazyLock::new(|| {
        FAMILIES
            .iter()
            .flat_map(|family| family.iter())
            .copied()
            .collect()
    });
    TABLE.get(name).copied()
}
