//! Asks the registry of a firmware what the operator would ask, as far as a person may read the Secrets that the classes name.

use k8s_openapi::api::core::v1::Secret;
use kube::Api;

use crate::{
    api::{RegistryAccess, SignatureAuthority},
    cluster::Reader,
    flashjob::{
        act::resolve_firmware::Resolver,
        forecast::{self, Forecast, NotSeen, Part},
        observe::firmware::Question,
    },
    provenance::{Lookup, Registry},
};

/// Puts into the forecast what the registry says; the Secrets that classes name are in the operator's namespace.
pub async fn ask_registry(reader: &Reader, operator_namespace: &str, foretold: &mut Forecast) {
    let read = reader.client().clone();
    let Some(question) = foretold.question.clone() else {
        return;
    };
    let secrets = Secrets {
        api: Api::namespaced(read.clone(), operator_namespace),
        namespace: operator_namespace,
    };
    let (mut question, mut not_seen) = secrets.as_far_as_readable(question).await;
    if let Some(flash_image) = question.flash_image.take() {
        let (flash_image, more) = secrets.as_far_as_readable(*flash_image).await;
        question.flash_image = Some(Box::new(flash_image));
        not_seen.extend(more);
    }
    let registry = Registry::new().map(Lookup::new);
    let found = match &registry {
        Ok(registry) => {
            let resolver = Resolver {
                registry: Some(registry),
                read,
                namespace: operator_namespace.to_owned(),
            };
            resolver.answer(&question).await
        }
        Err(error) => Err(error.clone()),
    };
    if found.is_ok() {
        // They were looked at, but for those that may not be.
        foretold.not_seen.retain(|one| one.part != Part::Signatures);
        foretold.not_seen.extend(not_seen);
    }
    foretold.image = Some(forecast::firmware(&question, &found, &foretold.devices));
}

/// Secrets of the operator's namespace, which a person may read or not.
struct Secrets<'a> {
    api: Api<Secret>,
    namespace: &'a str,
}

impl Secrets<'_> {
    /// The question without what only Secrets answer that may not be read, and what is not known for that.
    async fn as_far_as_readable(&self, mut question: Question) -> (Question, Vec<NotSeen>) {
        let mut not_seen = Vec::new();
        let mut miss = |name: &str, what: &str| {
            let message = format!("you may not get Secret {}/{name}: {what}", self.namespace);
            let part = Part::Signatures;
            not_seen.push(NotSeen { part, message });
        };
        let access = question.access.clone();
        let names = access
            .pull_secret_names
            .iter()
            .chain(&access.ca_secret_name);
        for name in names {
            if self.is_forbidden(name).await {
                miss(name, "the registry is asked without it");
                question.access = RegistryAccess {
                    plain_http: access.plain_http,
                    mirror: access.mirror.clone(),
                    ..RegistryAccess::default()
                };
            }
        }
        let mut checks = Vec::new();
        for check in std::mem::take(&mut question.checks) {
            match self.first_forbidden(&check.authorities).await {
                Some(name) => {
                    let what = format!(
                        "who signed {} is not known to you, and FlashClass {} asks",
                        question.firmware, check.class
                    );
                    miss(&name, &what);
                }
                None => checks.push(check),
            }
        }
        question.checks = checks;
        if let Some(name) = question.receipt_key.clone()
            && self.is_forbidden(&name).await
        {
            miss(&name, "whether receipts can be signed is not known");
            question.receipt_key = None;
        }
        (question, not_seen)
    }

    async fn first_forbidden(&self, authorities: &[SignatureAuthority]) -> Option<String> {
        for authority in authorities {
            let key = authority.key.as_ref().map(|key| &key.secret_name);
            let root = authority.keyless.as_ref();
            let root = root.map(|keyless| &keyless.trusted_root_secret_name);
            if let Some(name) = key.or(root)
                && self.is_forbidden(name).await
            {
                return Some(name.clone());
            }
        }
        None
    }

    async fn is_forbidden(&self, name: &str) -> bool {
        let answer = self.api.get_opt(name).await;
        matches!(answer, Err(kube::Error::Api(status)) if status.code == 403)
    }
}
