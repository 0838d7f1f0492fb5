//! The cluster as the person sees it: the only room that makes clients and sends requests.

mod class;
mod connection;
mod desk;
mod evidence;
mod examine;
mod fleet;
mod fleet_watch;
mod leftovers;
mod log;
mod namespace;
mod right;
mod watch;
mod write;

pub use connection::{Cluster, Connection};
pub use evidence::Chosen;
pub use examine::ATTESTATION;
pub use fleet::{Fleet, Unseen};
pub use fleet_watch::Tidings;
pub use right::{help, missing_right};
pub use watch::{Seen, watch_job};
