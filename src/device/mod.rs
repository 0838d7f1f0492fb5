//! From Akri's Instances to devices: which device a UUID means, where it is, and which devices a round has selected. Pure.
//!
//! Fed from watch events by the controller, asked by `flashjob`. A device is known by its endpoint: its uid changes when it restarts.

mod bounds;
mod endpoint;
mod expectation;
mod footprint;
mod instance;
mod inventory;
mod matching;
mod selection;
mod selector;
#[cfg(test)]
mod tests;
mod texts;

pub use bounds::{MAX_DEVICE, MAX_NODES, MAX_PROPERTIES, MAX_PROPERTY, TooLarge};
pub use endpoint::{Endpoint, EndpointError};
pub use expectation::{mismatch, mismatch_selected};
pub use footprint::Footprint;
pub use instance::{Device, DeviceError};
pub use inventory::Inventory;
pub use matching::{matching, not_selectable};
pub use selection::{
    JobRef, SLICE, SLICE_BYTES, SelectionError, StoredSlice, freeze, gather, hash,
    revision_metadata, revisions, select,
};
pub use selector::{Requirements, Selector, SelectorError, matches, selects};
pub use texts::{Properties, owned};
