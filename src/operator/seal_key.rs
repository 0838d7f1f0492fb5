//! The key of the seals: a Secret in the operator's own namespace, made by the first leader. Reads and writes that Secret alone.
//!
//! Without a key nothing begins: the operator could not tell its own objects from others. It is read once a leadership, and followed
//! after that: a Secret that was deleted is written again, and one that holds another key ends the process, which starts over with it.

use std::{sync::Arc, time::Duration};

use k8s_openapi::{
    ByteString, api::core::v1::Secret, apimachinery::pkg::apis::meta::v1::ObjectMeta,
};

use super::prepare::Prepared;
use crate::{
    cluster::{ApiError, ErrorKind, Reader, Writer},
    names::{LABEL_MANAGED_BY, SEAL_KEY_TYPE},
    seal::{KEY_BYTES, SealKey, Seals},
};

/// Key of the Secret's data that holds what seals now.
pub const CURRENT: &str = "current";
/// Key of the Secret's data that holds what sealed before it was rotated.
pub const PREVIOUS: &str = "previous";
/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Wait before a key that cannot be had is asked for again.
const ASK_AGAIN: Duration = Duration::from_secs(2);
/// How often it is looked whether the Secret is as it was.
const FOLLOW: Duration = Duration::from_secs(30);

/// Why there is no usable key.
#[derive(Debug, thiserror::Error)]
pub enum SealKeyError {
    /// The Secret cannot be read or written.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The Secret holds something else.
    #[error(
        "Secret {namespace}/{name}: data.{field} has to be {KEY_BYTES} bytes; restore it, or delete the Secret: devices in flight \
         then wait as SealUnknown until their objects are gone"
    )]
    Malformed {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// The key of its data.
        field: &'static str,
    },
}

/// The bytes of the keys.
#[derive(Clone, PartialEq, Eq)]
pub struct SealKeys {
    /// What seals.
    pub current: [u8; KEY_BYTES],
    /// What sealed before.
    pub previous: Option<[u8; KEY_BYTES]>,
}

impl SealKeys {
    /// A new key, with none before it.
    #[must_use]
    pub fn generate() -> Self {
        Self {
            current: rand::random(),
            previous: None,
        }
    }

    /// A new key; what sealed until now is still good.
    #[must_use]
    pub fn rotated(&self) -> Self {
        Self {
            current: rand::random(),
            previous: Some(self.current),
        }
    }

    /// The keys in a Secret.
    ///
    /// # Errors
    /// When a key is missing or of another length.
    pub fn of(secret: &Secret) -> Result<Self, SealKeyError> {
        let read = |field: &'static str| {
            let bytes = secret.data.as_ref().and_then(|data| data.get(field))?;
            Some(<[u8; KEY_BYTES]>::try_from(bytes.0.as_slice()).map_err(|_| field))
        };
        let malformed = |field| SealKeyError::Malformed {
            namespace: secret.metadata.namespace.clone().unwrap_or_default(),
            name: secret.metadata.name.clone().unwrap_or_default(),
            field,
        };
        let current = read(CURRENT).unwrap_or(Err(CURRENT)).map_err(malformed)?;
        let previous = read(PREVIOUS).transpose().map_err(malformed)?;
        Ok(Self { current, previous })
    }

    /// The Secret that holds them.
    #[must_use]
    pub fn secret(&self, namespace: &str, name: &str) -> Secret {
        let bytes = |key: &[u8; KEY_BYTES]| ByteString(key.to_vec());
        let mut data =
            std::collections::BTreeMap::from([(CURRENT.to_owned(), bytes(&self.current))]);
        data.extend(
            self.previous
                .as_ref()
                .map(|key| (PREVIOUS.to_owned(), bytes(key))),
        );
        Secret {
            metadata: ObjectMeta {
                name: Some(name.to_owned()),
                namespace: Some(namespace.to_owned()),
                labels: Some(
                    [(LABEL_MANAGED_BY.to_owned(), "flashjob-operator".to_owned())].into(),
                ),
                ..ObjectMeta::default()
            },
            type_: Some(SEAL_KEY_TYPE.to_owned()),
            data: Some(data),
            ..Secret::default()
        }
    }

    /// The keys, ready for use.
    #[must_use]
    pub fn seals(&self) -> Seals {
        Seals::new(
            SealKey::new(&self.current),
            self.previous.as_ref().map(SealKey::new),
        )
    }
}

/// Where the key is kept.
#[derive(Clone)]
pub(super) struct KeyStore {
    reader: Reader,
    writer: Writer,
    namespace: String,
    name: String,
}

impl KeyStore {
    pub(super) fn new(prepared: &Prepared) -> Self {
        Self {
            reader: Reader::new(prepared.clients.read.clone(), PATIENCE),
            writer: prepared.writer.clone(),
            namespace: prepared.namespace.clone(),
            name: prepared.settings.seal_secret.clone(),
        }
    }

    /// The keys; made where there are none. Asks until they can be had: nothing begins before.
    pub(super) async fn obtain(&self) -> SealKeys {
        loop {
            match self.read_or_make().await {
                Ok(keys) => {
                    let seals = Arc::new(keys.seals());
                    tracing::info!(key = seals.key_id(), "key of the seals read");
                    return keys;
                }
                Err(error) => {
                    tracing::error!(error = %error, "no key to seal with; nothing begins before it can be read");
                    tokio::time::sleep(ASK_AGAIN).await;
                }
            }
        }
    }

    /// Returns when the Secret holds other keys than these. One that is gone is written again; while it cannot be read, the keys
    /// that are known go on being good.
    pub(super) async fn changed(&self, keys: &SealKeys) {
        loop {
            tokio::time::sleep(FOLLOW).await;
            match self.read().await {
                Ok(Some(found)) if found == *keys => {}
                Ok(Some(_)) => return,
                Ok(None) => {
                    tracing::warn!("the key of the seals was deleted; it is written again");
                    if let Err(error) = self.write(keys).await {
                        tracing::warn!(error = %error, "the key of the seals could not be written again");
                    }
                }
                Err(error) => {
                    tracing::warn!(error = %error, "the key of the seals cannot be read; the one in memory stays in force");
                }
            }
        }
    }

    async fn read_or_make(&self) -> Result<SealKeys, SealKeyError> {
        if let Some(found) = self.read().await? {
            return Ok(found);
        }
        let keys = SealKeys::generate();
        match self.write(&keys).await {
            // Somebody else made one meanwhile, or the answer to our own was lost.
            Err(error) if error.kind == ErrorKind::AlreadyExists => {}
            Err(error) if !error.is_outcome_unknown() => return Err(error.into()),
            Err(_) | Ok(()) => {}
        }
        // What is stored counts, whatever was sent.
        let stored = self.read().await?;
        stored.ok_or_else(|| {
            let gone = ApiError {
                request: format!("get Secret {}/{}", self.namespace, self.name),
                kind: ErrorKind::NotFound,
                message: "it was deleted as soon as it was made".to_owned(),
            };
            gone.into()
        })
    }

    async fn read(&self) -> Result<Option<SealKeys>, SealKeyError> {
        let found = self.reader.get::<Secret>(&self.namespace, &self.name);
        found.await?.as_ref().map(SealKeys::of).transpose()
    }

    async fn write(&self, keys: &SealKeys) -> Result<(), ApiError> {
        let secret = keys.secret(&self.namespace, &self.name);
        self.writer.create_secret(&secret).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn stored(fields: &[(&str, usize)]) -> Secret {
        let mut secret = SealKeys::generate().secret("system", "seal");
        let data = fields
            .iter()
            .map(|(field, length)| ((*field).to_owned(), ByteString(vec![7; *length])));
        secret.data = Some(data.collect());
        secret
    }

    #[test]
    fn keys_survive_their_way_through_a_secret() {
        let keys = SealKeys::generate().rotated();
        assert!(SealKeys::of(&keys.secret("system", "seal")).is_ok_and(|read| read == keys));
    }

    #[test]
    fn a_rotated_key_keeps_the_one_before_it_and_no_older_one() {
        let first = SealKeys::generate();
        let second = first.rotated();
        assert!(second.previous == Some(first.current) && second.current != first.current);
        assert!(second.rotated().previous == Some(second.current));
    }

    #[rstest]
    #[case::nothing(&[], "data.current")]
    #[case::too_short(&[(CURRENT, 31)], "data.current")]
    #[case::too_long(&[(CURRENT, 33)], "data.current")]
    #[case::only_the_one_before(&[(PREVIOUS, 32)], "data.current")]
    #[case::the_one_before_is_broken(&[(CURRENT, 32), (PREVIOUS, 3)], "data.previous")]
    fn a_secret_that_holds_no_key_is_refused_with_its_name_and_field(
        #[case] fields: &[(&str, usize)],
        #[case] field: &str,
    ) {
        let Err(error) = SealKeys::of(&stored(fields)) else {
            panic!("accepted")
        };
        let wanted = format!("Secret system/seal: {field} has to be 32 bytes");
        assert!(error.to_string().starts_with(&wanted), "{error}");
    }
}
