//! Which firmware exactly: what a registry serves under a reference, by digest, and for which kinds of device.
//!
//! In comes the reference of a FlashJob; out goes the digest with the platforms of the image index, or why it is not known.
//! Everything but [`registry`] and [`upload`] is pure over bytes. It writes nothing to a registry but the receipts of a round, where a
//! class names a repository for them, and never asks a host that the reference does not name, but for the registry's own token service.

mod access;
pub mod credentials;
pub mod image;
pub mod lookup;
pub mod platforms;
pub mod receipts;
pub mod reference;
pub mod registry;

mod challenge;
#[cfg(test)]
pub(crate) mod fixtures;
#[cfg(test)]
mod registry_tests;
mod session;
pub mod signatures;
pub mod upload;

pub use self::{
    access::Access,
    credentials::{Credentials, Login},
    image::{FirmwareImage, Shortage},
    lookup::Lookup,
    platforms::{Platforms, folded},
    reference::{ImageReference, digest_of, is_sha256, pin},
    registry::{Registry, RegistryError},
};
