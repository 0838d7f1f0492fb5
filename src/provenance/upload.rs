//! Stores an artifact in a repository, by the OCI distribution protocol.
//!
//! Blobs first, then the manifest by its digest, then what makes it found by its subject, and its tag last: where the tag is there,
//! nothing is missing. Whatever was stored before, repeating it changes nothing.

use std::time::Duration;

use reqwest::{
    Method, StatusCode,
    header::{CONTENT_TYPE, LOCATION},
};
use serde_json::{Value, json};

use super::{
    Access, ImageReference, Registry, RegistryError,
    reference::sha256,
    registry::{MANIFESTS, MAX_MANIFEST, in_time, manifest},
    session::Session,
};

/// Time for all requests of one artifact.
const PATIENCE: Duration = Duration::from_mins(2);
/// What a registry answers that lists by itself what refers to an image (distribution specification 1.1).
const LISTS_REFERRERS: &str = "oci-subject";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// What is stored.
#[derive(Clone, Debug)]
pub struct Artifact {
    /// Tag that it gets.
    pub tag: String,
    /// What it is.
    pub kind: &'static str,
    /// Everything that the manifest names.
    pub blobs: Vec<Vec<u8>>,
    /// The manifest, of the media type [`Artifact::MANIFEST`].
    pub manifest: Vec<u8>,
    /// Digest of the image that it refers to.
    pub subject: Option<String>,
}

impl Artifact {
    /// Media type of the manifest.
    pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
}

/// A manifest that a registry has, without what is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// What it is said to be.
    pub media_type: String,
    /// Its digest.
    pub digest: String,
    /// Its length in bytes.
    pub size: usize,
}

impl Described {
    /// As other manifests name it.
    #[must_use]
    pub fn descriptor(&self) -> Value {
        json!({"mediaType": self.media_type, "digest": self.digest, "size": self.size})
    }
}

impl Registry {
    /// Stores an artifact in the repository of `reference`, unless its tag is there; the digest of its manifest.
    ///
    /// # Errors
    /// When the registry does not answer, or does not take it.
    pub async fn store(
        &self,
        repository: &ImageReference,
        artifact: Artifact,
        access: &Access,
    ) -> Result<String, RegistryError> {
        in_time(repository, PATIENCE, async {
            let mut session = Session::begin(self.client(access), repository, access)?;
            session.actions = "pull,push";
            let path = Session::manifest(&artifact.tag);
            if let Some(stored) = session.get(&path, MANIFESTS, MAX_MANIFEST).await? {
                return Ok(sha256(&stored.bytes));
            }
            for blob in artifact.blobs {
                session.store_blob(blob).await?;
            }
            let digest = sha256(&artifact.manifest);
            let listed = session
                .store_manifest(&digest, Artifact::MANIFEST, artifact.manifest.clone())
                .await?;
            if let Some(subject) = artifact.subject.as_ref().filter(|_| !listed) {
                session
                    .refer(subject, (artifact.kind, artifact.manifest.len()), &digest)
                    .await?;
            }
            session
                .store_manifest(&artifact.tag, Artifact::MANIFEST, artifact.manifest.clone())
                .await?;
            Ok(digest)
        })
        .await
    }

    /// The manifest that a reference means; none where its registry has none.
    ///
    /// # Errors
    /// When the registry cannot be asked, or its answer cannot be used.
    pub async fn described(
        &self,
        reference: &ImageReference,
        access: &Access,
    ) -> Result<Option<Described>, RegistryError> {
        let asked = access.asked(reference);
        in_time(&asked, PATIENCE, async {
            let mut session = Session::begin(self.client(access), &asked, access)?;
            let found = manifest(&mut session).await?;
            Ok(found.map(|(answer, digest)| Described {
                media_type: answer.media_type.unwrap_or_else(|| INDEX.to_owned()),
                digest,
                size: answer.bytes.len(),
            }))
        })
        .await
    }
}

impl Session<'_> {
    /// Stores a blob that is not there yet.
    async fn store_blob(&mut self, bytes: Vec<u8>) -> Result<(), RegistryError> {
        let digest = sha256(&bytes);
        let look = self.request(Method::HEAD, &format!("blobs/{digest}"))?;
        if self.send(look).await?.status() == StatusCode::OK {
            return Ok(());
        }
        let request = self.request(Method::POST, "blobs/uploads/")?;
        let begun = self.send(request).await?;
        if begun.status() != StatusCode::ACCEPTED {
            return Err(self.fail(refusal(begun.status())));
        }
        let location = begun.headers().get(LOCATION);
        let location = location.and_then(|url| url.to_str().ok()).unwrap_or("");
        let place = self.base.join(location).ok();
        // Elsewhere the login would be shown to somebody else.
        let place = place.filter(|url| url.origin() == self.base.origin());
        let Some(mut place) = place else {
            return Err(self.fail("it wants the upload elsewhere, which is not done".to_owned()));
        };
        place.query_pairs_mut().append_pair("digest", &digest);
        let request = self.http.put(place).body(bytes);
        let request = request.header(CONTENT_TYPE, "application/octet-stream");
        let stored = self.send(request).await?;
        self.created(stored.status())
    }

    /// Stores a manifest under a tag or its digest; whether the registry lists it by its subject.
    async fn store_manifest(
        &mut self,
        name: &str,
        media_type: &str,
        bytes: Vec<u8>,
    ) -> Result<bool, RegistryError> {
        let request = self.request(Method::PUT, &Session::manifest(name))?;
        let request = request.header(CONTENT_TYPE, media_type).body(bytes);
        let stored = self.send(request).await?;
        self.created(stored.status())?;
        Ok(stored.headers().contains_key(LISTS_REFERRERS))
    }

    /// Adds the artifact to the tag by which those find it who know its subject, as clients do for a registry that does not list
    /// referrers (distribution specification 1.1, "Referrers Tag Schema").
    async fn refer(
        &mut self,
        subject: &str,
        (kind, size): (&str, usize),
        digest: &str,
    ) -> Result<(), RegistryError> {
        let tag = subject.replacen(':', "-", 1);
        let path = Session::manifest(&tag);
        let before = self.get(&path, INDEX, MAX_MANIFEST).await?;
        let mut index = match before {
            Some(before) => serde_json::from_slice(&before.bytes)
                .map_err(|_| self.fail(format!("what its tag {tag} names is not an index")))?,
            None => json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": []}),
        };
        let Some(all) = index.get_mut("manifests").and_then(Value::as_array_mut) else {
            return Err(self.fail(format!("what its tag {tag} names is not an index")));
        };
        if all.iter().any(|one| one["digest"] == digest) {
            return Ok(());
        }
        all.push(json!({
            "mediaType": Artifact::MANIFEST, "digest": digest, "size": size, "artifactType": kind,
        }));
        let bytes = index.to_string().into_bytes();
        self.store_manifest(&tag, INDEX, bytes).await?;
        Ok(())
    }

    fn created(&self, status: StatusCode) -> Result<(), RegistryError> {
        if status == StatusCode::CREATED {
            return Ok(());
        }
        Err(self.fail(refusal(status)))
    }
}

fn refusal(status: StatusCode) -> String {
    let more = match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            ": whoever asks may not push to this repository"
        }
        StatusCode::TOO_MANY_REQUESTS => ": it has had too many requests",
        _ => "",
    };
    format!("it answered {status} to an upload{more}")
}

#[cfg(test)]
#[path = "upload_tests.rs"]
mod tests;
