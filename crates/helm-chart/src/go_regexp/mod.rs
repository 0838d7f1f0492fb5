//! Go's regular expressions for the `regex` crate: Go's syntax with Go's refusals, written out so that the crate finds what Go
//! finds. Pure; used by the functions of templates and by the patterns of a schema.
//!
//! Both look for the leftmost match and prefer the alternatives that come first. The crate departs from that in one place: it takes
//! a prefix that all alternatives share out of them, even where the prefix can match in several ways, which changes the order in
//! which they are tried. An alternative that never matches keeps it from doing so.
//!
//! Classes of characters are those of Unicode 15, as in Go. Case folding is the crate's: it knows a handful of letters that came
//! later.

mod class;
mod escape;
mod translate;

#[cfg(test)]
mod tests;

pub(crate) use translate::translate;

/// A pattern for the `regex` crate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Translated {
    /// The pattern. Its groups have numbers and no names, as the crate refuses some that Go accepts.
    pub(crate) pattern: String,
    /// Names of groups with their numbers, in order. Go lets several have the same.
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

/// Settings that a pattern changes: `(?i)`, `(?m)`, `(?s)`, `(?U)`.
#[allow(clippy::struct_excessive_bools)] // they are four flags
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Flags {
    fold: bool,
    multi_line: bool,
    dot_newline: bool,
    lazy: bool,
}
