//! The Secret that holds one revision, as Helm's storage driver names and labels it.
//!
//! Pure: times come in, Secrets go out. Helm drops owner references and annotations whenever it writes, so nothing relies on them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::{
    Attachment, DecodeError, Key, NameError, NoAttachment, Record, decode, encode, validate,
};

/// Type of a Secret that holds a release record.
pub const SECRET_TYPE: &str = "helm.sh/release.v1";
/// Labels that are Helm's own; any other label of a release Secret is a user label (`helm list --selector`).
pub const RESERVED_LABELS: [&str; 6] = [
    "owner",
    "name",
    "status",
    "version",
    "createdAt",
    "modifiedAt",
];

/// Key of the record in the Secret's data.
const DATA_KEY: &str = "release";
/// What the API server accepts in all values of a Secret together.
const MAX_SECRET_BYTES: usize = 1 << 20;

/// Why a record cannot become a Secret, or a Secret a record.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The record's name is not a release name.
    #[error("release record cannot be stored")]
    Name(#[source] NameError),
    /// More than a Secret can hold.
    #[error(
        "record of release {release} has {size} bytes and a Secret holds {MAX_SECRET_BYTES}; make the chart smaller"
    )]
    TooLarge {
        /// The release.
        release: String,
        /// Size of the encoded record.
        size: usize,
    },
    /// A user label has one of Helm's own keys.
    #[error("label {key} of release {release} is Helm's own; choose another key")]
    ReservedLabel {
        /// The release.
        release: String,
        /// The key.
        key: String,
    },
    /// Not named as a release Secret is.
    #[error("secret {name} is not named sh.helm.release.v1.<release>.v<revision>")]
    NotARelease {
        /// Name of the Secret.
        name: String,
    },
    /// No record in the Secret.
    #[error("secret {key} has no data.release")]
    NoRecord {
        /// The Secret.
        key: Key,
    },
    /// The record cannot be read.
    #[error("secret {key} holds no readable release record")]
    Decode {
        /// The Secret.
        key: Key,
        /// Which layer failed.
        #[source]
        source: DecodeError,
    },
    /// The record says another release or revision than the Secret's name.
    #[error("secret {key} holds the record of {found}: somebody copied it")]
    Mismatch {
        /// The Secret.
        key: Key,
        /// What the record says.
        found: Key,
    },
}

/// Whether a Secret is new or changed, and when: Helm keeps one of two labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stamp {
    /// Written for the first time.
    Created(Timestamp),
    /// Written again.
    Modified(Timestamp),
}

/// The Secret of a record: Helm's labels, those of the attachment, then `user_labels`.
///
/// # Errors
/// If the release name is not valid, a user label is one of Helm's own, or the record does not fit into a Secret.
pub fn secret<A: Attachment>(
    record: &Record<A>,
    user_labels: &BTreeMap<String, String>,
    stamp: Stamp,
) -> Result<Secret, SecretError> {
    validate(&record.name).map_err(SecretError::Name)?;
    let bytes = encode(record);
    if bytes.len() > MAX_SECRET_BYTES {
        return Err(SecretError::TooLarge {
            release: record.name.clone(),
            size: bytes.len(),
        });
    }
    Ok(Secret {
        metadata: ObjectMeta {
            name: Some(key(record).to_string()),
            namespace: Some(record.namespace.clone()),
            labels: Some(labels(record, user_labels, stamp)?),
            ..ObjectMeta::default()
        },
        type_: Some(SECRET_TYPE.to_owned()),
        data: Some(BTreeMap::from([(DATA_KEY.to_owned(), ByteString(bytes))])),
        ..Secret::default()
    })
}

fn key<A>(record: &Record<A>) -> Key {
    Key {
        release: record.name.clone(),
        revision: record.version,
    }
}

fn labels<A: Attachment>(
    record: &Record<A>,
    user_labels: &BTreeMap<String, String>,
    stamp: Stamp,
) -> Result<BTreeMap<String, String>, SecretError> {
    if let Some(key) = user_labels
        .keys()
        .find(|key| RESERVED_LABELS.contains(&key.as_str()))
    {
        return Err(SecretError::ReservedLabel {
            release: record.name.clone(),
            key: key.clone(),
        });
    }
    let (stamp, time) = match stamp {
        Stamp::Created(time) => ("createdAt", time),
        Stamp::Modified(time) => ("modifiedAt", time),
    };
    let mut labels = user_labels.clone();
    labels.extend(A::labels(record.attachment.as_ref(), record.version));
    labels.extend(
        [
            ("owner", "helm".to_owned()),
            ("name", record.name.clone()),
            ("status", record.info.status.to_string()),
            ("version", record.version.to_string()),
            (stamp, time.as_second().to_string()),
        ]
        .map(|(key, value)| (key.to_owned(), value)),
    );
    Ok(labels)
}

/// A record read from the cluster, with what is needed to write it back or delete it.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored<A = NoAttachment> {
    /// The record; its name, namespace and version are those of the Secret.
    pub record: Record<A>,
    /// User labels: every label that is not Helm's own.
    pub labels: BTreeMap<String, String>,
    /// `metadata.uid`, the precondition of a delete.
    pub uid: String,
    /// `metadata.resourceVersion`, the precondition of an update.
    pub resource_version: String,
    /// `metadata.creationTimestamp`.
    pub created_at: Option<Timestamp>,
    /// Label `modifiedAt`: when anybody last wrote the record.
    pub modified_at: Option<Timestamp>,
    /// Whether the Secret is being deleted.
    pub deleting: bool,
}

impl<A: Attachment> Stored<A> {
    /// Reads a release Secret.
    ///
    /// # Errors
    /// If it is not named as one, holds no readable record, or holds that of another release or revision.
    pub fn from_secret(secret: &Secret) -> Result<Self, SecretError> {
        let meta = &secret.metadata;
        let name = meta.name.clone().unwrap_or_default();
        let key = Key::parse(&name).ok_or(SecretError::NotARelease { name })?;
        let Some(bytes) = secret.data.as_ref().and_then(|data| data.get(DATA_KEY)) else {
            return Err(SecretError::NoRecord { key });
        };
        let mut record = decode(&bytes.0).map_err(|source| SecretError::Decode {
            key: key.clone(),
            source,
        })?;
        let found = Key {
            release: if record.name.is_empty() {
                key.release.clone()
            } else {
                record.name
            },
            revision: if record.version == 0 {
                key.revision
            } else {
                record.version
            },
        };
        if found != key {
            return Err(SecretError::Mismatch { key, found });
        }
        record.name = key.release;
        record.version = key.revision;
        // A record acts on the namespace it is stored in, whatever it says.
        record.namespace = meta.namespace.clone().unwrap_or_default();
        Ok(Self::of(record, meta))
    }

    /// A record that was written as it is: the API server answered with this Secret, and with the bytes that were sent. They need
    /// not be read.
    #[must_use]
    pub fn written(answer: &Secret, record: Record<A>) -> Self {
        Self::of(record, &answer.metadata)
    }

    fn of(record: Record<A>, meta: &ObjectMeta) -> Self {
        let mut labels = meta.labels.clone().unwrap_or_default();
        let modified_at = labels
            .get("modifiedAt")
            .and_then(|seconds| seconds.parse().ok());
        labels.retain(|key, _| !RESERVED_LABELS.contains(&key.as_str()));
        Self {
            record,
            labels,
            uid: meta.uid.clone().unwrap_or_default(),
            resource_version: meta.resource_version.clone().unwrap_or_default(),
            created_at: meta.creation_timestamp.as_ref().map(|time| time.0),
            modified_at: modified_at.and_then(|seconds| Timestamp::from_second(seconds).ok()),
            deleting: meta.deletion_timestamp.is_some(),
        }
    }

    /// The Secret that replaces this one with `record`, refused by the API server if anybody wrote it since.
    ///
    /// # Errors
    /// As [`secret`].
    pub fn replace(&self, record: &Record<A>, now: Timestamp) -> Result<Secret, SecretError> {
        let mut secret = secret(record, &self.labels, Stamp::Modified(now))?;
        secret.metadata.uid = Some(self.uid.clone());
        secret.metadata.resource_version = Some(self.resource_version.clone());
        Ok(secret)
    }
}
