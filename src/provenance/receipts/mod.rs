//! Receipts: what proves afterwards that a device was flashed, with which image, and how that ended.
//!
//! In come values of a round and a key; out go signed statements, one for each device and one for the round, whose Merkle root covers
//! them all. They are in-toto statements in DSSE envelopes, so that other tools can read them. Pure over bytes: nothing here reads
//! a Secret, a log or a clock, and no receipt is ever stored in the cluster but the root of a round. [`artifact`] makes one artifact of
//! them all for a registry.

pub mod artifact;
pub mod envelope;
pub mod statement;
pub mod tree;
mod verify;

pub use self::{
    envelope::{KeyError, Signer},
    statement::{
        Details, FlashPredicate, FlashResult, FlashStatement, FlashedDevice, FlashedFirmware,
        JobReference, RoundPredicate, RoundStatement, Statement, Subject,
    },
    verify::{PublicKeys, Report, RoundReport, verify},
};

#[cfg(test)]
mod tests;
