#![doc = include_str!("../README.md")]

mod attachment;
mod chart_cache;
pub mod command;
mod decode;
mod encode;
mod manifest;
mod name;
mod record;
mod secret;
#[cfg(test)]
mod tests;

pub use attachment::{Attachment, NoAttachment};
pub use decode::{DecodeError, MAX_RECORD_BYTES, decode};
pub use encode::encode;
pub use manifest::{ManifestError, ObjectRef, has_pod, objects, without_pod};
pub use name::{Key, NameError, validate};
pub use record::{ApplyMethod, Info, Record, Status};
pub use secret::{RESERVED_LABELS, SECRET_TYPE, SecretError, Stamp, Stored, secret};
