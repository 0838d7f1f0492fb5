//! What happens in a flash Pod: firmware is pulled, its device is told to fetch it, attests, and receives it. See the README for the
//! contract that this keeps.
//!
//! `environment`, `reference`, `image`, `protocol` and `date` are pure; `http`, `pull`, `attestation` and `transfer` do what they
//! say over the network; `run` is the order of it all.

mod attestation;
mod date;
pub mod environment;
mod http;
mod image;
mod log;
mod protocol;
mod pull;
mod reference;
pub mod run;
mod tls;
mod transfer;

pub use self::log::Log;
