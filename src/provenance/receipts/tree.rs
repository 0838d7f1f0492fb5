//! The Merkle tree over the leaves of a round, by RFC 6962 (section 2.1). Pure.

use sigstore_merkle::{hash_children, hash_leaf};
use sigstore_verify::types::Sha256Hash;

/// The tree head over these leaves, in hexadecimal digits; that of an empty tree is the hash of nothing.
#[must_use]
pub fn root(leaves: impl IntoIterator<Item = Vec<u8>>) -> String {
    let leaves = leaves.into_iter();
    let hashes: Vec<_> = leaves.map(|leaf| hash_leaf(&leaf)).collect();
    head(&hashes).map_or_else(
        || hex::encode(<sha2::Sha256 as sha2::Digest>::digest(b"")),
        |hash| hash.to_hex(),
    )
}

/// A tree of n leaves is split at the largest power of two that is smaller than n.
fn head(hashes: &[Sha256Hash]) -> Option<Sha256Hash> {
    match hashes {
        [] => None,
        [one] => Some(*one),
        more => {
            let half = more.len().div_ceil(2).next_power_of_two();
            let (left, right) = more.split_at(half);
            Some(hash_children(&head(left)?, &head(right)?))
        }
    }
}
