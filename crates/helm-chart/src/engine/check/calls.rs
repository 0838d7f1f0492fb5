//! What functions do with a map or list that they are given, as far as it matters whether it holds the root context. Pure.

use std::ops::Range;

/// What comes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// It becomes text.
    Writes,
    /// It is handed to the template whose name stands before it.
    Runs,
    /// Keys and values become a map.
    Pairs,
    /// The arguments become a list.
    List,
    /// A list of it, in another order or at other places.
    Reorders,
    /// One thing in it, by key or place.
    Reads(Positions),
    /// The first thing in it.
    First,
    /// The result may hold what an argument holds.
    Keeps,
    /// The result holds none of it.
    Drops,
}

/// Where the keys of a function stand that reads things by key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Positions {
    /// The first argument.
    First,
    /// The last argument.
    Last,
    /// All but the first argument.
    AfterFirst,
    /// Before a default and the map.
    BeforeDefault,
}

impl Positions {
    /// The keys among so many arguments.
    pub(super) fn keys(self, count: usize) -> Range<usize> {
        match self {
            Self::First => 0..1,
            Self::Last => count.saturating_sub(1)..count,
            Self::AfterFirst => 1..count,
            Self::BeforeDefault => count.saturating_sub(3)..count.saturating_sub(2),
        }
    }

    /// Whether a default holds the root.
    pub(super) fn is_default_held(self, held: &[bool]) -> bool {
        let default = held.len().checked_sub(2).map(|index| held[index]);
        self == Self::BeforeDefault && default == Some(true)
    }
}

/// The effect of a function.
pub(super) fn effect(name: &str) -> Effect {
    match name {
        "cat" | "html" | "join" | "js" | "print" | "printf" | "println" | "quote" | "sortAlpha"
        | "squote" | "toDecimal" | "toString" | "toStrings" | "urlquery" => Effect::Writes,
        "include" => Effect::Runs,
        "dict" | "set" => Effect::Pairs,
        "list" | "tuple" => Effect::List,
        "get" | "index" => Effect::Reads(Positions::Last),
        "pick" => Effect::Reads(Positions::AfterFirst),
        "pluck" => Effect::Reads(Positions::First),
        "dig" => Effect::Reads(Positions::BeforeDefault),
        "and" | "coalesce" | "default" | "omit" | "or" | "required" | "ternary" | "unset" => {
            Effect::Keeps
        }
        _ => of_family(name.strip_prefix("must").unwrap_or(name)),
    }
}

/// The effect of functions that come twice: `toJson` and `mustToJson`.
fn of_family(name: &str) -> Effect {
    match name {
        "toJson" | "ToJson" | "toPrettyJson" | "ToPrettyJson" | "toRawJson" | "ToRawJson"
        | "toYaml" | "ToYaml" | "toYamlPretty" | "ToYamlPretty" => Effect::Writes,
        "append" | "Append" | "chunk" | "Chunk" | "compact" | "Compact" | "concat" | "initial"
        | "Initial" | "last" | "Last" | "prepend" | "Prepend" | "push" | "Push" | "rest"
        | "Rest" | "reverse" | "Reverse" | "slice" | "Slice" | "uniq" | "Uniq" | "values"
        | "without" | "Without" => Effect::Reorders,
        "first" | "First" => Effect::First,
        "deepCopy" | "DeepCopy" | "merge" | "Merge" | "mergeOverwrite" | "MergeOverwrite" => {
            Effect::Keeps
        }
        _ => Effect::Drops,
    }
}
