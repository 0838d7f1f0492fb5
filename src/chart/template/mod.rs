//! Go templates as Helm evaluates them: `gotmpl` parses, the code here scans, checks and evaluates.
//!
//! Pure. A chart is compiled once ([`Program::compile`] names everything that this engine does not render exactly)
//! and rendered per device ([`Program::render`]), with output byte-equal to Helm's. Called by the engines and by the
//! `render` subcommand.
//!
//! ```text
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
mod pipeline;
mod program;
mod scan;
mod source;
mod structure;
pub mod value;

#[cfg(test)]
mod tests;

pub use capabilities::Capabilities;
pub use error::{Bound, CompileError, Frame, Problem, RenderError, RenderErrorKind};
pub use program::{Document, Program, Rendered};

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

/// Bounds of one rendering. A template that reaches one fails; the process is never at risk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Templates within templates: `include`, `tpl`, `template`.
    pub depth: usize,
    /// Blocks, parentheses and templates within each other, all together.
    pub nesting: usize,
    /// Nodes, commands and arguments evaluated.
    pub steps: u64,
    /// Bytes written and elements made, intermediate ones included.
    pub size: usize,
    /// Stack of the rendering in bytes; has to hold `nesting` levels.
    pub stack: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            depth: 1_000,
            nesting: 6_000,
            steps: 5_000_000,
            size: 64 << 20,
            stack: 128 << 20,
        }
    }
}
