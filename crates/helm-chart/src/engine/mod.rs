//! Go templates as Helm evaluates them: `gotmpl` parses, the code here scans, checks and evaluates.
//!
//! Pure. A chart is compiled once ([`Program::compile`] names everything that this engine does not render exactly)
//! and rendered per device ([`Program::render`]), with output byte-equal to Helm's. Called by the engines and by the
//! `render` subcommand.
//!
//! ```text
//! chart ─ survey.rs
//! text ─ scan.rs ─ structure.rs ─ gotmpl ─ source.rs ─ check.rs ─┬─ evaluate.rs ─ blocks.rs ─ pipeline.rs ─ call.rs ─ functions/
//!                                                                └─ context.rs, format.rs, value.rs
//! ```

mod blocks;
mod call;
mod capabilities;
mod check;
pub(crate) mod context;
mod describe;
mod error;
mod evaluate;
pub mod format;
pub mod functions;
mod glob;
mod literal;
mod methods;
pub mod number;
pub(crate) mod octets;
mod pipeline;
mod program;
mod scan;
mod source;
mod structure;
mod survey;
pub mod value;

#[cfg(test)]
mod budget_tests;
#[cfg(test)]
mod fuzz_tests;
#[cfg(test)]
mod limits_tests;
#[cfg(test)]
mod stack_tests;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use capabilities::Capabilities;
pub use error::{
    Bound, CompileError, Forbidden, Frame, Problem, Remedy, RenderError, RenderErrorKind,
};
pub use program::{Document, Hook, Program, Rendered};

/// `.Release`; its `Service` is always `Helm`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// Release name.
    pub name: String,
    /// Namespace of the release.
    pub namespace: String,
    /// Revision, from 1.
    pub revision: u32,
    /// Whether this is the first revision.
    pub is_install: bool,
    /// Whether this is an upgrade or rollback.
    pub is_upgrade: bool,
}

/// What an element of a list is charged as, in bytes: itself, and what little it points to.
pub const ELEMENT: usize = 64;
/// What an entry of a map is charged as.
const ENTRY: usize = 2 * ELEMENT;

/// Bounds of one rendering. A template that reaches one fails; the process is never at risk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Templates within templates: `include`, `tpl`, `template`.
    pub depth: usize,
    /// Blocks, parentheses and templates within each other, all together.
    pub nesting: usize,
    /// Nodes, commands and arguments evaluated, and the work of functions.
    pub steps: u64,
    /// Bytes written and made, intermediate ones included; [`ELEMENT`] for each element of a list, more for an entry of a map.
    pub size: usize,
    /// How long it may take: the last line, should something cost more than its steps say.
    pub time: Duration,
    /// Stack of the rendering in bytes; has to hold `nesting` levels.
    pub stack: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            depth: 1_000,
            nesting: 6_000,
            steps: 5_000_000,
            size: 32 << 20,
            time: Duration::from_secs(10),
            stack: 128 << 20,
        }
    }
}
