//! What is shown of FlashJobs: values made of what the operator's library says, and their lines. Pure.

mod branch;
pub mod device;
mod device_table;
pub mod doctor;
pub mod document;
mod fields;
#[cfg(test)]
pub mod fixtures;
pub mod release;
mod standing;
mod summary;
mod tree;
mod tree_lines;

pub use fields::document_fields;
pub use standing::{Standing, standing};
pub use summary::{Summary, table};
pub use tree::{Leaf, Tree};
pub use tree_lines::{Look, draw, lines};
