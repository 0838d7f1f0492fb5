//! Helm releases: the record that Helm 3 and Helm 4 share, and the helm command. One release is one device in flight.
//!
//! The record room (`record`, `intent`, `encode`, `bulk`, `decode`, `secret`, `manifest`, `name`) is pure: no client, no clock, no log;
//! times are parameters. `engine::helm` runs processes and writes temporary files, nothing else. Called by `flashjob`.
//!
//! ```text
//! Record ── encode ──▶ bytes ── secret ──▶ Secret sh.helm.release.v1.<release>.v<revision>
//!        ◀─ decode ──       ◀─ Stored::from_secret ──
//! ```
//!
//! # Where the operator's own data lives
//! A release Secret is also the write-ahead intent of an attempt: frozen device, job, round, attempt, nonce. Helm rewrites the
//! Secret on every upgrade, rollback and uninstall, so the place was chosen by measuring what survives (Helm 3.22 and 4.3,
//! a record with the same mark everywhere):
//!
//! | place | `uninstall` | `rollback` | what else |
//! |---|---|---|---|
//! | extra field of the JSON or of its `info` | lost | lost | Helm decodes into fixed types |
//! | annotation, owner or second key of the Secret | lost | lost | Helm builds the Secret anew |
//! | reserved key in `config` | kept | kept | breaks `helm upgrade --reuse-values` where the chart's schema closes its values |
//! | `chart.metadata.annotations` | kept | kept | printed by `helm get metadata`, readable by templates |
//! | label | kept | kept | 63 characters; a person's `helm upgrade` inherits it |
//! | **file of the chart** | kept | kept | printed by no helm command |
//!
//! So the intent is a chart file, [`INTENT_FILE`]; the helm engine gets it into the record by the same door, as a file in the
//! chart directory that it hands to helm. A person's `helm upgrade` brings a chart without it, and so makes no intent of ours.
//! A `helm rollback` copies it: [`Stored::is_foreign`] tells such a revision by the label `revision`, which only the operator
//! sets to the record's version. Merged overrides are `config`, as Helm means it, and the frozen chart is `chart`.

mod bulk;
mod decode;
mod encode;
pub mod engine;
mod intent;
mod manifest;
mod name;
mod record;
mod secret;
#[cfg(test)]
mod tests;

pub use decode::{DecodeError, MAX_RECORD_BYTES, decode};
pub use encode::encode;
pub(crate) use encode::metadata_json;
pub use intent::{FrozenDevice, INTENT_FILE, InstanceRef, Intent, JobRef, attempt_id};
pub use manifest::{ManifestError, ObjectRef, has_pod, objects, without_pod};
pub use name::{Key, NameError, release_name, validate};
pub use record::{ApplyMethod, Info, Record, Status};
pub use secret::{RESERVED_LABELS, SecretError, Stamp, Stored, secret};
