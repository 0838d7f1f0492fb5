//! Asks a registry who signed an image, and Secrets whom the classes trust.
//!
//! Called by `resolve_firmware` once the image of a round is known.

use super::resolve_firmware::Resolver;
use crate::{
    api::{SignatureAuthority, rule::MAX_PLATFORMS},
    flashjob::observe::firmware::Question,
    provenance::{
        Access, FirmwareImage, Lookup, RegistryError,
        signatures::{Authority, Fault, Identity, Means, Signature, Signed, verify_image},
    },
};

/// Key of a Secret that holds a trusted root.
const TRUSTED_ROOT: &str = "trusted_root.json";

/// What came of each check of a question. Where the class only warns, what cannot be read is said, and keeps no round from beginning.
///
/// # Errors
/// When registry or Secrets cannot be read, and a class lets no round begin without a signature.
pub(super) async fn signed(
    secrets: &Resolver<'_>,
    question: &Question,
    from: (&Lookup, &Access),
    image: &FirmwareImage,
) -> Result<Vec<Signed>, RegistryError> {
    match checked(secrets, question, from, image).await {
        Err(error) if !question.enforces() => {
            let unknown = || Err(Fault::Unknown(error.to_string()));
            Ok(question.checks.iter().map(|_| unknown()).collect())
        }
        other => other,
    }
}

async fn checked(
    secrets: &Resolver<'_>,
    question: &Question,
    (registry, access): (&Lookup, &Access),
    image: &FirmwareImage,
) -> Result<Vec<Signed>, RegistryError> {
    if question.checks.is_empty() {
        return Ok(Vec::new());
    }
    let mut trusted = Vec::new();
    for check in &question.checks {
        let read = authorities(secrets, &check.authorities).await;
        let read = read.map_err(|cause| RegistryError::Unreachable {
            host: image.reference.host.clone(),
            cause: format!("its signatures are not checked: {cause}"),
        });
        trusted.push(read?);
    }
    let digest = image.digest.as_str();
    let of_index = registry.signatures(image, &[digest], access).await?;
    let of_index = of_index.into_iter().next().unwrap_or_default();
    let verify = |platforms: &[_]| -> Vec<Signed> {
        let checks = trusted.iter();
        checks
            .map(|authorities| verify_image((digest, &of_index), platforms, authorities))
            .collect()
    };
    let signed = verify(&[]);
    if signed.iter().all(Result::is_ok) || !image.platforms.is_index() {
        return Ok(signed);
    }
    Ok(verify(&of_platforms(registry, access, image).await?))
}

/// The signatures of each platform of an image; nothing where it has more than are read.
async fn of_platforms<'a>(
    registry: &Lookup,
    access: &Access,
    image: &'a FirmwareImage,
) -> Result<Vec<(&'a str, &'a str, Vec<Signature>)>, RegistryError> {
    let platforms: Vec<_> = image.platforms.iter().collect();
    if platforms.len() > MAX_PLATFORMS {
        return Ok(Vec::new());
    }
    let digests: Vec<_> = platforms.iter().map(|(_, digest)| *digest).collect();
    let signatures = registry.signatures(image, &digests, access).await?;
    let each = platforms.into_iter().zip(signatures);
    Ok(each
        .map(|((kind, digest), signatures)| (kind, digest, signatures))
        .collect())
}

/// Whom a class trusts, with what the Secrets hold that it names.
async fn authorities(
    secrets: &Resolver<'_>,
    named: &[SignatureAuthority],
) -> Result<Vec<Authority>, String> {
    let mut found = Vec::new();
    for authority in named {
        found.push(Authority {
            name: authority.name.clone(),
            means: means(secrets, authority).await?,
            annotations: authority.annotations.clone(),
        });
    }
    Ok(found)
}

async fn means(secrets: &Resolver<'_>, authority: &SignatureAuthority) -> Result<Means, String> {
    if let Some(key) = &authority.key {
        let (data, what) = secrets.secret(&key.secret_name).await?;
        let data = data.iter();
        let keys = Means::keys(data.map(|(name, bytes)| (name.as_str(), bytes.as_slice())));
        return keys.map_err(|fault| format!("{what}: {fault}"));
    }
    let Some(keyless) = &authority.keyless else {
        return Err(format!(
            "the authority {:?} of a FlashClass has neither key nor keyless",
            authority.name
        ));
    };
    let identities = keyless.identities.iter().map(Identity::of);
    let identities: Vec<_> = identities
        .collect::<Result<_, _>>()
        .map_err(|fault| fault.to_string())?;
    let secret = &keyless.trusted_root_secret_name;
    let (root, what) = secrets.secret_data(secret, TRUSTED_ROOT).await?;
    Means::keyless(identities, &root)
        .map_err(|fault| format!("{what}: data[{TRUSTED_ROOT:?}]: {fault}"))
}
