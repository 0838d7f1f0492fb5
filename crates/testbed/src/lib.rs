//! What the end-to-end tests stand on: one control plane for all of them, a namespace for each, the operator as a process
//! with the rights that its chart gives it, simulated devices, and the API server's audit log.
//!
//! ```no_run
//! use testbed::{Params, Space, seconds};
//! # async fn run(job: &str) {
//! let space = Space::new("healthy-fleet").await;
//! let fleet = space.fleet(Params { devices: 3, ..Params::default() }).await;
//! let operator = space.operator(&[]);
//! space.apply(job);
//! space.eventually("the job to finish", seconds(60), async || space.job("job").is("Finished").then_some(())).await;
//! # }
//! ```

pub mod ask;
mod asking;
pub mod audit;
pub mod auditor;
pub mod control_plane;
pub mod documents;
pub mod etcd;
pub mod fleet;
pub mod history;
pub mod image_registry;
pub mod job;
pub mod operator;
pub mod paths;
pub mod proxy;
pub mod real;
pub mod schema;
pub mod sigstore;
pub mod space;
pub mod supervised;

use std::time::Duration;

pub use asking::Asking;
pub use control_plane::ControlPlane;
pub use fleet::{Fleet, MAX_ADDRESSES, Outcome, Params};
pub use image_registry::{Cosign, ImageRegistry};
pub use operator::Operator;
pub use paths::plugin;
pub use proxy::{Faults, Proxy};
pub use sigstore::{CertificateIdentity, Sigstore};
pub use space::{Space, healthy};
pub use supervised::Supervised;

/// That many seconds.
pub const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}
