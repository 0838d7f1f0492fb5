//! The cluster: the only room that makes clients, reads clocks and sends requests. It decides nothing about devices.
//!
//! Called by `flashjob` (observe, act, controller) and by what a person runs.
//!
//! ```text
//! lease.rs ─ election.rs ─ fence.rs ─ client.rs ─┬─ read.rs, watch.rs
//!   (pure)                        patience.rs ──┘   log.rs
//!                                              ├─ write.rs, events.rs        error.rs: what every failure means
//!                                              └─ others.rs, review.rs, stamps.rs
//! ```

mod client;
pub mod clock;
mod election;
mod error;
mod events;
mod fence;
mod kind;
pub(crate) mod lease;
mod log;
mod others;
mod own;
mod patience;
mod read;
mod review;
mod stamps;
mod suspend;
pub mod watch;
mod write;

pub use client::{ClientError, Clients, Identity, Target};
pub use election::{Election, Leadership, Lost};
pub use error::{ApiError, ErrorKind};
pub use events::{Events, Fact};
#[cfg(test)]
pub(crate) use fence::FenceLayer;
pub use fence::{Fence, NotLeader};
pub use kind::{Kinds, ObjectKey};
pub use lease::LeaseTimes;
pub use others::{Others, Traces};
pub use own::addresses as own_addresses;
#[cfg(test)]
pub(crate) use patience::PatienceLayer;
pub(crate) use read::SLICES;
pub use read::{ClusterVersion, Reader, Scope};
pub use review::{Review, Reviewer, own_name};
pub use stamps::stamping_since;
pub use suspend::{Order, Suspension, list_classes, other_holders, suspend_class};
pub use watch::{WatchEvent, Watched};
pub use write::{DeleteCondition, Deleted, Writer};
