//! Seals: how the operator knows which objects it wrote itself. Pure.
//!
//! Labels are for finding: whoever may write in a namespace may write them. A seal is an HMAC-SHA-256 under a key that only the
//! operator has, over what an object is and where it stands: kind, namespace, name, job, round, attempt and device. It can be
//! copied by whoever reads the object, but only onto an object of the same kind, name and namespace; so the uid of what the
//! operator's own write returned is remembered beside it. Keys come from `operator::seal_key`; `observe` verifies, `act` seals.

mod content;
mod digest;

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

pub use digest::{chart_digest, values_digest};

/// Bytes of a key.
pub const KEY_BYTES: usize = 32;
/// Bytes of an HMAC that a seal keeps: 128 bits, so that a seal fits into a label value.
const TAG_BYTES: usize = 16;
/// Bytes of the hash by which a seal names its key.
const KEY_ID_BYTES: usize = 4;

/// A key, ready for use. It is never printed.
#[derive(Clone)]
pub struct SealKey {
    id: String,
    mac: Hmac<Sha256>,
}

impl SealKey {
    /// Makes a key of random bytes.
    #[must_use]
    pub fn new(bytes: &[u8; KEY_BYTES]) -> Self {
        // The name of the key must tell nothing of it: a hash of another use of the same bytes.
        let mut named = keyed(bytes);
        named.update(b"name of this key");
        let id = hex::encode(&named.finalize().into_bytes()[..KEY_ID_BYTES]);
        Self {
            id,
            mac: keyed(bytes),
        }
    }

    /// Names the key in seals: eight hexadecimal digits.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }
}

/// HMAC takes keys of any length; this one is never refused.
fn keyed(bytes: &[u8; KEY_BYTES]) -> Hmac<Sha256> {
    let mut block = [0_u8; 64];
    block[..KEY_BYTES].copy_from_slice(bytes);
    Hmac::new(&block.into())
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealKey({})", self.id)
    }
}

/// What a seal says of an object: what it is, where it stands, and which attempt it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subject<'a> {
    /// Kind of the object.
    pub kind: &'a str,
    /// Its namespace.
    pub namespace: &'a str,
    /// Its name.
    pub name: &'a str,
    /// uid of the `FlashJob`.
    pub job_uid: &'a str,
    /// Attempt id.
    pub attempt_id: &'a str,
    /// Round of the job.
    pub round: i64,
    /// UUID of the device; empty where the name tells it alone.
    pub uuid: &'a str,
    /// Normalised endpoint of the device; empty where the object does not tell.
    pub endpoint: &'a str,
}

/// The keys: one that seals, and the one before it, whose seals are still good.
#[derive(Clone, Debug)]
pub struct Seals {
    current: SealKey,
    previous: Option<SealKey>,
}

impl Seals {
    /// Seals with `current`; accepts what `previous` sealed, too.
    #[must_use]
    pub const fn new(current: SealKey, previous: Option<SealKey>) -> Self {
        Self { current, previous }
    }

    /// Name of the key that seals.
    #[must_use]
    pub fn key_id(&self) -> &str {
        self.current.id()
    }

    /// Seals an object: text that fits into a label value.
    #[must_use]
    pub fn seal(&self, subject: &Subject<'_>) -> String {
        self.sealed(|mac| feed(mac, subject))
    }

    /// Whether the operator sealed an object with exactly this place and attempt.
    #[must_use]
    pub fn is_valid(&self, seal: &str, subject: &Subject<'_>) -> bool {
        self.verifies(seal, |mac| feed(mac, subject))
    }

    fn sealed(&self, feed: impl FnOnce(&mut Hmac<Sha256>)) -> String {
        let mut mac = self.current.mac.clone();
        feed(&mut mac);
        let tag = mac.finalize().into_bytes();
        format!("{}-{}", self.current.id, hex::encode(&tag[..TAG_BYTES]))
    }

    fn verifies(&self, seal: &str, feed: impl FnOnce(&mut Hmac<Sha256>)) -> bool {
        let Some((id, tag)) = seal.split_once('-') else {
            return false;
        };
        let mut tag_bytes = [0_u8; TAG_BYTES];
        if hex::decode_to_slice(tag, &mut tag_bytes).is_err() {
            return false;
        }
        let keys = [Some(&self.current), self.previous.as_ref()];
        let Some(key) = keys.into_iter().flatten().find(|key| key.id == id) else {
            return false;
        };
        let mut mac = key.mac.clone();
        feed(&mut mac);
        mac.verify_truncated_left(&tag_bytes).is_ok()
    }
}

fn feed(mac: &mut Hmac<Sha256>, subject: &Subject<'_>) {
    let Subject {
        kind,
        namespace,
        name,
        job_uid,
        attempt_id,
        round,
        uuid,
        endpoint,
    } = subject;
    for text in [
        "object", kind, namespace, name, job_uid, attempt_id, uuid, endpoint,
    ] {
        feed_bytes(mac, text.as_bytes());
    }
    mac.update(&round.to_be_bytes());
}

/// The length first: ("ab", "c") and ("a", "bc") are two subjects.
fn feed_bytes(mac: &mut Hmac<Sha256>, bytes: &[u8]) {
    mac.update(&(bytes.len() as u64).to_be_bytes());
    mac.update(bytes);
}

/// SHA-256 in hexadecimal.
fn hash(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

#[cfg(test)]
pub(crate) mod tests {
    use rstest::rstest;

    use super::*;

    /// Keys for tests, of one repeated byte.
    pub fn seals(current: u8, previous: Option<u8>) -> Seals {
        let key = |byte| SealKey::new(&[byte; KEY_BYTES]);
        Seals::new(key(current), previous.map(key))
    }

    const SUBJECT: Subject<'_> = Subject {
        kind: "Pod",
        namespace: "lab",
        name: "flash-a-b",
        job_uid: "job",
        attempt_id: "b",
        round: 1,
        uuid: "a",
        endpoint: "192.0.2.1:80",
    };

    #[test]
    fn a_seal_is_good_for_its_subject_and_fits_into_a_label() {
        let seals = seals(1, None);
        let seal = seals.seal(&SUBJECT);
        assert!(seals.is_valid(&seal, &SUBJECT));
        assert_eq!(seal.len(), 41, "{seal}");
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        assert!(seal.bytes().all(fits), "{seal}");
    }

    #[rstest]
    #[case::kind(Subject { kind: "Service", ..SUBJECT })]
    #[case::namespace(Subject { namespace: "other", ..SUBJECT })]
    #[case::name(Subject { name: "flash-a-c", ..SUBJECT })]
    #[case::job(Subject { job_uid: "another", ..SUBJECT })]
    #[case::attempt(Subject { attempt_id: "c", ..SUBJECT })]
    #[case::round(Subject { round: 2, ..SUBJECT })]
    #[case::uuid(Subject { uuid: "b", ..SUBJECT })]
    #[case::endpoint(Subject { endpoint: "192.0.2.2:80", ..SUBJECT })]
    #[case::texts_that_run_together(Subject { namespace: "la", name: "bflash-a-b", ..SUBJECT })]
    fn a_seal_that_was_copied_to_another_subject_is_not_valid(#[case] other: Subject<'_>) {
        let seals = seals(1, None);
        assert!(!seals.is_valid(&seals.seal(&SUBJECT), &other));
    }

    #[test]
    fn a_seal_of_the_key_before_is_good_until_that_key_is_dropped() {
        let old = seals(1, None).seal(&SUBJECT);
        assert!(seals(2, Some(1)).is_valid(&old, &SUBJECT));
        assert!(!seals(3, Some(2)).is_valid(&old, &SUBJECT));
        let new = seals(2, Some(1)).seal(&SUBJECT);
        assert!(seals(3, Some(2)).is_valid(&new, &SUBJECT));
    }

    #[rstest]
    #[case::nothing("")]
    #[case::no_key("-00000000000000000000000000000000")]
    #[case::short_tag("KEY-00")]
    #[case::no_tag("KEY-")]
    #[case::not_hexadecimal("KEY-zz000000000000000000000000000000")]
    #[case::zeros("KEY-00000000000000000000000000000000")]
    fn text_that_is_not_a_seal_is_not_valid(#[case] text: &str) {
        let seals = seals(1, None);
        let text = text.replace("KEY", seals.key_id());
        assert!(!seals.is_valid(&text, &SUBJECT));
    }

    #[test]
    fn a_key_is_never_printed() {
        let printed = format!("{:?}", seals(7, Some(8)));
        assert!(
            !printed.contains("0707") && !printed.contains("7, 7"),
            "{printed}"
        );
        assert!(printed.contains(seals(7, None).key_id()), "{printed}");
    }
}
