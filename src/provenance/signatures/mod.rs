//! Who signed an image: the signatures that its registry keeps beside it, held against the authorities of a class.
//!
//! In come signatures, in both of cosign's formats, and authorities; out goes who signed, or why nobody did who is trusted.
//! `fetch` talks to the registry; the rest is pure over bytes. A signature counts only for the digest that it names, and says
//! nothing that is believed before it is verified.

mod authority;
mod bundle;
pub(super) mod fetch;
#[cfg(test)]
pub(crate) mod fixtures;
mod identity;
mod simple;
#[cfg(test)]
mod tests;
mod verify;

pub use self::{
    authority::{Authority, AuthorityError, Means},
    identity::{Identity, IdentityError, Rule},
    simple::SimpleSignature,
    verify::{Fault, Signed, Signer, verify_image},
};

pub(crate) use self::authority::public_key;

/// A signature as a registry keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signature {
    /// A bundle of Sigstore's, in JSON: what cosign 3 makes.
    Bundle(Vec<u8>),
    /// Simple signing with everything beside it: what cosign 2 makes.
    Simple(SimpleSignature),
}
