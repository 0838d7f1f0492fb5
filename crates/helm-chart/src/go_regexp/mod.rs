//! Go's regular expressions for the `regex` crate: Go's syntax with Go's refusals, translated so that the crate finds the same
//! matches. Pure; used by the functions of templates and by the patterns of a schema.
//!
//! Both look for the leftmost match and prefer the alternatives that come first. The crate departs from that in one place: it moves a
//! prefix that all alternatives share to the front of them, even where the prefix can match in several ways, which changes the order
//! in which they are tried. An alternative that never matches keeps it from doing so.
//!
//! Classes of characters are those of Unicode 15, as in Go. Case folding is the crate's: it knows a handful of letters that came
//! later.

mod class;
mod escape;
mod group;
mod translate;

#[cfg(test)]
mod tests;

pub(crate) use translate::translate;

/// A pattern for the `regex` crate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Translated {
    /// The pattern. Its groups have numbers and no names, as the crate refuses some that Go accepts.
    pub(crate) pattern: String,
    /// Names of groups with their numbers, in order. Several groups may have the same name.
    pub(crate) names: Vec<(String, usize)>,
}

/// Why Go refuses a pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("error parsing regexp: {code}: `{part}`")]
pub(crate) struct Invalid {
    code: &'static str,
    part: String,
}

type Outcome<T> = Result<T, Invalid>;

fn invalid<T>(code: &'static str, part: impl Into<String>) -> Outcome<T> {
    let part = part.into();
    Err(Invalid { code, part })
}

/// Flags that a pattern sets: `(?i)`, `(?m)`, `(?s)`, `(?U)`.
#[allow(clippy::struct_excessive_bools)] // Go has these four flags
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Flags {
    fold: bool,
    multi_line: bool,
    dot_newline: bool,
    lazy: bool,
}
