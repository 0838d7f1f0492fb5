//! Templates of `-o jsonpath=`, in kubectl's dialect: `{.items[*].name}`, `{range .items[*]}{.name}{"\n"}{end}`. Pure.
//!
//! | file | for |
//! |---|---|
//! | `parse` | a text becomes a template; what kubectl knows and this does not is refused in words |
//! | `evaluate` | a template and a document become a text, the one that kubectl prints |

mod evaluate;
mod parse;
#[cfg(test)]
mod tests;

use serde_json::Value;

/// A template that was understood.
#[derive(Clone, Debug, PartialEq)]
pub struct Template(Vec<Part>);

/// What a template consists of.
#[derive(Clone, Debug, PartialEq)]
enum Part {
    /// Printed as it is.
    Text(String),
    /// What the path leads to, with spaces between.
    Path(Path),
    /// The parts once for each thing that the path leads to.
    Range(Path, Vec<Part>),
}

/// A way from a value to values within it.
#[derive(Clone, Debug, Default, PartialEq)]
struct Path(Vec<Step>);

#[derive(Clone, Debug, PartialEq)]
enum Step {
    /// A field; where it is not there, nothing.
    Field(String),
    /// Every item of a list, or every field's value.
    Every,
    /// Every item of a list.
    Items,
    /// One item of a list; from its end where it is negative.
    Item(i64),
    /// Those items of a list that pass the test.
    Those(Path, Test),
}

/// What is asked of an item.
#[derive(Clone, Debug, PartialEq)]
enum Test {
    Exists,
    Equals(Value),
    Differs(Value),
}
