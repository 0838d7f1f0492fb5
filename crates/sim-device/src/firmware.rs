//! Firmware images: a head with the version, a payload, and the hash of all before it. Pure.

use sha2::{Digest, Sha256};
use thiserror::Error;

const MAGIC: &[u8; 4] = b"SIM1";
const VERSION: usize = 16;
const HASH: usize = 32;

/// Why a device does not boot an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Corrupt {
    /// Its head or its end is missing.
    #[error("too short")]
    Short,
    /// It is something else.
    #[error("not an image")]
    Magic,
    /// Its bytes are others.
    #[error("another hash")]
    Hash,
}

/// An image of that size at least, of bytes that a seed decides.
pub fn build(version: &str, size: usize, seed: u64) -> Vec<u8> {
    let mut image = MAGIC.to_vec();
    let mut name = [0; VERSION];
    let length = version.len().min(VERSION);
    name[..length].copy_from_slice(&version.as_bytes()[..length]);
    image.extend(name);
    let mut state = seed | 1;
    while image.len() + HASH < size {
        // Xorshift: it does not compress, and is the same everywhere.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        image.extend(state.to_le_bytes());
    }
    let hash = Sha256::digest(&image);
    image.extend(hash);
    image
}

/// The version of an image that is whole.
pub fn version(image: &[u8]) -> Result<String, Corrupt> {
    let end = image.len().checked_sub(HASH).ok_or(Corrupt::Short)?;
    let (body, hash) = image.split_at(end);
    let head = body.strip_prefix(MAGIC).ok_or(Corrupt::Magic)?;
    let name = head.get(..VERSION).ok_or(Corrupt::Short)?;
    if Sha256::digest(body).as_slice() != hash {
        return Err(Corrupt::Hash);
    }
    let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
    Ok(String::from_utf8_lossy(name).into_owned())
}

/// Its hash, as people compare it.
pub fn hash(image: &[u8]) -> String {
    hex::encode(Sha256::digest(image))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_tells_its_version() {
        let image = build("2.0.1", 10_000, 7);
        assert!(image.len() >= 10_000 && image.len() < 10_100);
        assert_eq!(version(&image).as_deref(), Ok("2.0.1"));
        assert_ne!(hash(&image), hash(&build("2.0.1", 10_000, 8)));
    }

    #[test]
    fn an_image_that_lost_or_changed_a_byte_does_not_boot() {
        let mut image = build("2", 500, 7);
        assert_eq!(version(&image[..image.len() - 1]), Err(Corrupt::Hash));
        assert_eq!(version(&image[..20]), Err(Corrupt::Short));
        image[100] ^= 1;
        assert_eq!(version(&image), Err(Corrupt::Hash));
        image[0] = 0;
        assert_eq!(version(&image), Err(Corrupt::Magic));
    }
}
