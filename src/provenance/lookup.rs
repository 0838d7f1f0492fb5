//! Questions to registries, as few as they need: what was answered a moment ago is not asked again, and only so many are asked at once.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::{sync::Semaphore, time::Instant};

use super::{
    Access, FirmwareImage, ImageReference, Registry, RegistryError,
    signatures::Signature,
    upload::{Artifact, Described},
};

/// How long an answer is good for other jobs: each round asks anew.
const FRESH: Duration = Duration::from_secs(5);
/// How long a registry that did not answer is not asked again about the same image: each question may take its whole time.
const AWAY: Duration = Duration::from_mins(1);
/// Most questions at the same time.
const AT_ONCE: usize = 8;

type Answer = Result<FirmwareImage, RegistryError>;

/// See the module's documentation.
#[derive(Debug)]
pub struct Lookup {
    registry: Registry,
    turns: Semaphore,
    recent: Mutex<HashMap<String, (Instant, Answer)>>,
}

impl Lookup {
    /// Asks by this client.
    #[must_use]
    pub fn new(registry: Registry) -> Self {
        Self {
            registry,
            turns: Semaphore::new(AT_ONCE),
            recent: Mutex::default(),
        }
    }

    /// What the registry serves under a reference, as [`Registry::image`] says, or said a moment ago to whoever had this `access`, whose
    /// `name` says where it comes from.
    ///
    /// # Errors
    /// As that.
    pub async fn image(&self, reference: &str, (name, access): (&str, &Access)) -> Answer {
        let key = format!("{reference} {name}");
        if let Some(answer) = self.recent(&key) {
            return answer;
        }
        // It is never closed.
        let _turn = self.turns.acquire().await;
        // Whoever waited for a turn may have waited for this very answer.
        if let Some(answer) = self.recent(&key) {
            return answer;
        }
        let answer = self.registry.named(reference, access).await;
        let now = Instant::now();
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.retain(|_, (at, answer)| now.duration_since(*at) < good_for(answer));
        recent.insert(key, (now, answer.clone()));
        answer
    }

    /// The signatures of digests of an image, as [`Registry::signatures`] says.
    ///
    /// # Errors
    /// As that.
    pub async fn signatures(
        &self,
        image: &FirmwareImage,
        digests: &[&str],
        access: &Access,
    ) -> Result<Vec<Vec<Signature>>, RegistryError> {
        let _turn = self.turns.acquire().await;
        let reference = &image.reference;
        self.registry.signatures(reference, digests, access).await
    }

    /// What a reference means, as [`Registry::described`] says.
    ///
    /// # Errors
    /// As that.
    pub async fn described(
        &self,
        reference: &ImageReference,
        access: &Access,
    ) -> Result<Option<Described>, RegistryError> {
        let _turn = self.turns.acquire().await;
        self.registry.described(reference, access).await
    }

    /// Stores an artifact, as [`Registry::store`] does.
    ///
    /// # Errors
    /// As that.
    pub async fn store(
        &self,
        repository: &ImageReference,
        artifact: Artifact,
        access: &Access,
    ) -> Result<String, RegistryError> {
        let _turn = self.turns.acquire().await;
        self.registry.store(repository, artifact, access).await
    }

    fn recent(&self, key: &str) -> Option<Answer> {
        let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, answer) = recent.get(key)?;
        (at.elapsed() < good_for(answer)).then(|| answer.clone())
    }
}

fn good_for(answer: &Answer) -> Duration {
    match answer {
        Err(RegistryError::Unreachable { .. }) => AWAY,
        _ => FRESH,
    }
}
