//! Answers a question about firmware: reads the Secrets that classes name, and asks the registry.
//!
//! Called by `firmware` aside of a pass, and by `kubectl flashjob plan` with the rights of a person.

use std::collections::BTreeMap;

use kube::Client;

use super::{context::Context, lookup::get_secret, receipts, signatures};
use crate::{
    api::RegistryAccess,
    flashjob::observe::firmware::{Question, Resolved},
    provenance::{Access, Lookup, RegistryError},
};

/// Key of a Secret that holds logins.
const DOCKER_CONFIG: &str = ".dockerconfigjson";
/// Key of a Secret that holds certificates of authorities.
const AUTHORITIES: &str = "ca.crt";

/// See the module's documentation.
pub struct Resolver<'a> {
    /// Asks registries; none where none may be asked.
    pub registry: Option<&'a Lookup>,
    /// Reads Secrets.
    pub read: Client,
    /// Namespace of the operator, whose Secrets classes name.
    pub namespace: String,
}

impl<'a> Resolver<'a> {
    /// With the rights of the operator.
    pub(super) fn of(ctx: &'a Context) -> Self {
        Self {
            registry: ctx.registry.as_ref(),
            read: ctx.read.clone(),
            namespace: ctx.cache().own_namespace.clone(),
        }
    }

    /// Which image a reference means, whose signatures it has as far as the question asks, and whether receipts can be signed.
    ///
    /// # Errors
    /// When registry or Secrets cannot be read.
    pub async fn answer(&self, question: &Question) -> Result<Resolved, RegistryError> {
        let mut resolved = self.resolved(question).await?;
        if let Some(question) = &question.flash_image {
            let flash_image = self.resolved(question).await;
            resolved.flash_image = Some(Box::new(flash_image));
        }
        Ok(resolved)
    }

    async fn resolved(&self, question: &Question) -> Result<Resolved, RegistryError> {
        let firmware = &question.firmware;
        let unreachable = |cause: String| RegistryError::Unreachable {
            host: firmware.clone(),
            cause,
        };
        let Some(registry) = self.registry else {
            let cause = "the operator asks no registry: --firmware-digest=never";
            return Err(unreachable(cause.to_owned()));
        };
        let access = self.access(&question.access).await.map_err(unreachable)?;
        let name = format!("{:?}", question.access);
        let image = registry.image(firmware, (&name, &access)).await?;
        let signed = signatures::signed(self, question, (registry, &access), &image).await?;
        let receipt_fault = match &question.receipt_key {
            Some(name) => receipts::signer(self, name).await.err(),
            None => None,
        };
        Ok(Resolved {
            image,
            signed,
            receipt_fault,
            flash_image: None,
        })
    }

    /// What the Secrets hold that a class names.
    pub(super) async fn access(&self, asked: &RegistryAccess) -> Result<Access, String> {
        let mut access = Access {
            plain_http: asked.plain_http.unwrap_or_default(),
            mirror: asked.mirror.clone(),
            ..Access::default()
        };
        for name in &asked.pull_secret_names {
            let (file, what) = self.secret_data(name, DOCKER_CONFIG).await?;
            let added = access.credentials.add(&file);
            added.map_err(|fault| format!("{what}: {fault}"))?;
        }
        let Some(name) = &asked.ca_secret_name else {
            return Ok(access);
        };
        let (authorities, what) = self.secret_data(name, AUTHORITIES).await?;
        access
            .trusting(&authorities)
            .map_err(|_| format!("{what}: data[{AUTHORITIES:?}] has to be certificates in PEM"))
    }

    /// The bytes under a key of a Secret of the operator's namespace, and the Secret in words.
    pub(super) async fn secret_data(
        &self,
        name: &str,
        key: &str,
    ) -> Result<(Vec<u8>, String), String> {
        let (mut data, what) = self.secret(name).await?;
        let bytes = data.remove(key);
        let bytes = bytes.ok_or_else(|| format!("{what}: it has no data[{key:?}]"))?;
        Ok((bytes, what))
    }

    /// What a Secret of the operator's namespace holds, and the Secret in words.
    pub(super) async fn secret(
        &self,
        name: &str,
    ) -> Result<(BTreeMap<String, Vec<u8>>, String), String> {
        let namespace = &self.namespace;
        let what = format!("Secret {namespace}/{name}, which a FlashClass names");
        let secret = get_secret(&self.read, namespace, name).await;
        let secret = secret.map_err(|error| format!("{what}: {error}"))?;
        let secret = secret.ok_or_else(|| format!("{what}, does not exist"))?;
        let data = secret.data.unwrap_or_default();
        let data = data.into_iter().map(|(key, bytes)| (key, bytes.0));
        Ok((data.collect(), what))
    }
}
