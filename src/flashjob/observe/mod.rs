//! Objects of the cluster become what the leader keeps of them: sealed objects in the ledger, what it remembers of a job, the frozen
//! selection, who waits. [`Observed`] is all of it that a plan is made from.
//!
//! This room parses and keeps; it calls nothing, and decides only what is believed. An object is ours because it bears our seal or
//! because we know its uid, never because of its labels.

pub(crate) mod belief;
pub mod bounds;
pub mod cache;
pub mod firmware;
pub mod ledger;
pub mod memory;
pub mod objects;
mod observed;
pub mod parse;
pub(crate) mod pruned;
pub mod selection;
pub(crate) mod status_locks;
pub mod stored;
pub(crate) mod unlabelled;
pub mod wait_queue;
pub mod waits;

pub use observed::{Derived, Observed, World};
