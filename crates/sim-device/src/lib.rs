//! A simulated device, with the registry and the attestation service that a flash of it needs. See the README.

pub mod attestation;
pub mod device;
pub mod fault;
pub mod firmware;
mod http;
pub mod identity;
pub mod registry;
mod session;
