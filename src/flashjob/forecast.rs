//! placeholder
pub mod bounds;
