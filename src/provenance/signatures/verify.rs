//! Holds the signatures of an image against the authorities of a class. Pure.
//!
//! A key alone proves who signed: what a log of signatures says of it is not looked at. Without a key, certificate, logs and time have
//! to hold against the trusted root, offline, before the identity in the certificate means anything.

use std::{collections::BTreeMap, fmt};

use serde_json::Value;
use sigstore_verify::{
    VerificationPolicy, VerificationResult,
    crypto::{KeyAlgorithm, SigningScheme, verify_signature},
    types::{Artifact, ArtifactDigest, Bundle, DerPublicKey, Sha256Hash, SignatureBytes},
};

use super::{
    Authority, Identity, Means, Signature, SimpleSignature,
    authority::{Root, key_in_words},
    bundle::ImageBundle,
};
use crate::display;

/// Longest name of a signer, in bytes.
const MAX_IDENTITY: usize = 512;

/// Who signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    /// Name of the authority in the class.
    pub authority: String,
    /// The key, or subject and issuer of the certificate.
    pub identity: String,
}

/// Why nobody signed who is trusted. The later of two says more.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// There is no signature.
    Missing,
    /// There are signatures, and none holds; of the last, why.
    Invalid(String),
    /// A signature holds, and is somebody else's, or lacks an annotation.
    Stranger(String),
    /// It is not known: signatures or authorities cannot be read.
    Unknown(String),
}

/// What is known of the signers of an image.
pub type Signed = Result<Signer, Fault>;

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("it has no signature"),
            Self::Invalid(why) => write!(f, "no signature holds: {why}"),
            Self::Unknown(why) => write!(f, "its signatures are not known: {why}"),
            Self::Stranger(who) => {
                write!(f, "it is signed, and not by whom the class trusts: {who}")
            }
        }
    }
}

impl Fault {
    /// The same in words of a bounded length, without what cannot be seen: whoever signed may have written them.
    fn shortened(self) -> Self {
        let short = |mut words: String| {
            display::shorten(&mut words, display::MESSAGE);
            words
        };
        match self {
            Self::Missing => Self::Missing,
            Self::Invalid(why) => Self::Invalid(short(why)),
            Self::Stranger(who) => Self::Stranger(short(who)),
            Self::Unknown(why) => Self::Unknown(short(why)),
        }
    }
}

/// Who of the authorities signed the image of this digest; the first in their order.
///
/// # Errors
/// What is wrong with the signature that comes nearest.
pub fn verify(digest: &str, signatures: &[Signature], authorities: &[Authority]) -> Signed {
    let digits = digest.strip_prefix("sha256:").unwrap_or_default();
    let Ok(hash) = Sha256Hash::from_hex(digits) else {
        return Err(Fault::Missing);
    };
    let image = Image { digest, hash };
    let mut nearest = Fault::Missing;
    for authority in authorities {
        for signature in signatures {
            match image.signer(signature, authority) {
                Ok(Some(identity)) => {
                    let identity = display::line(&identity, MAX_IDENTITY).into_owned();
                    let authority = authority.name.clone();
                    return Ok(Signer {
                        authority,
                        identity,
                    });
                }
                Ok(None) => {}
                Err(fault) => nearest = nearest.max(fault.shortened()),
            }
        }
    }
    Err(nearest)
}

/// Who signed an image: its index, or else each of its platforms, with the digest and the signatures of each.
///
/// # Errors
/// What is wrong with the index, or with the first platform that lacks what others have.
pub fn verify_image(
    (digest, signatures): (&str, &[Signature]),
    platforms: &[(&str, &str, Vec<Signature>)],
    authorities: &[Authority],
) -> Signed {
    let of_index = match verify(digest, signatures, authorities) {
        Ok(signer) => return Ok(signer),
        Err(fault) => fault,
    };
    let mut signers: Vec<Signer> = Vec::new();
    for (kind, digest, signatures) in platforms {
        match verify(digest, signatures, authorities) {
            Ok(signer) if signers.contains(&signer) => {}
            Ok(signer) => signers.push(signer),
            Err(fault) if signers.is_empty() => return Err(of_index.max(fault)),
            Err(fault) => {
                let why =
                    format!("of its platforms some are signed, and of custom/{kind}: {fault}");
                return Err(Fault::Invalid(why));
            }
        }
    }
    Signer::all(&signers).ok_or(of_index)
}

impl Signer {
    /// Several as one, each name once; none of nobody.
    #[must_use]
    pub fn all(signers: &[Self]) -> Option<Self> {
        let joined = |texts: Vec<&str>| {
            let mut once: Vec<&str> = Vec::new();
            for text in texts {
                if !once.contains(&text) {
                    once.push(text);
                }
            }
            once.join(", ")
        };
        let authorities = signers.iter().map(|signer| signer.authority.as_str());
        let identities = signers.iter().map(|signer| signer.identity.as_str());
        (!signers.is_empty()).then(|| Self {
            authority: joined(authorities.collect()),
            identity: joined(identities.collect()),
        })
    }
}

struct Image<'a> {
    digest: &'a str,
    hash: Sha256Hash,
}

impl Image<'_> {
    /// Who made this signature, if that is this authority; none where it is about something else than who signs.
    fn signer(
        &self,
        signature: &Signature,
        authority: &Authority,
    ) -> Result<Option<String>, Fault> {
        match signature {
            Signature::Bundle(bytes) => {
                let Some(bundle) = ImageBundle::parse(bytes).map_err(Fault::Invalid)? else {
                    return Ok(None);
                };
                self.bundled(&bundle, authority).map(Some)
            }
            Signature::Simple(simple) => self.simple(simple, authority).map(Some),
        }
    }

    fn bundled(&self, bundle: &ImageBundle, authority: &Authority) -> Result<String, Fault> {
        if !bundle.is_about(&self.hash) {
            return Err(about_another());
        }
        let who = match &authority.means {
            Means::Keys(keys) => {
                let envelope = bundle.envelope().ok_or_else(about_another)?;
                of_keys(keys, &envelope.pae(), &envelope.signature.sig)?
            }
            Means::Keyless { identities, root } => {
                let digest = ArtifactDigest::sha256(self.hash);
                of_certificate(
                    root,
                    &bundle.bundle,
                    Artifact::from_digest(digest),
                    identities,
                )?
            }
        };
        has_annotations(&bundle.annotations(&self.hash), authority, who)
    }

    fn simple(&self, simple: &SimpleSignature, authority: &Authority) -> Result<String, Fault> {
        let claim = simple.claim().map_err(Fault::Invalid)?;
        if claim.digest != self.digest {
            return Err(about_another());
        }
        let who = match &authority.means {
            Means::Keys(keys) => {
                let signature = simple.bytes().map_err(Fault::Invalid)?;
                of_keys(keys, &simple.payload, &SignatureBytes::new(signature))?
            }
            Means::Keyless { identities, root } => {
                let bundle = simple.bundle().map_err(Fault::Invalid)?;
                let payload = Artifact::from_blob(&simple.payload);
                of_certificate(root, &bundle, payload, identities)?
            }
        };
        has_annotations(&claim.annotations, authority, who)
    }
}

fn about_another() -> Fault {
    Fault::Invalid("it is about another image".to_owned())
}

/// The key that a signature was made with.
fn of_keys(
    keys: &[(String, DerPublicKey)],
    signed: &[u8],
    signature: &SignatureBytes,
) -> Result<String, Fault> {
    for (name, key) in keys {
        let Ok(algorithm) = KeyAlgorithm::from_spki(key) else {
            continue;
        };
        let mut schemes = schemes(algorithm).into_iter();
        if schemes.any(|scheme| verify_signature(key, signed, signature, scheme).is_ok()) {
            return Ok(key_in_words(name, key));
        }
    }
    let names: Vec<_> = keys
        .iter()
        .map(|(name, key)| key_in_words(name, key))
        .collect();
    Err(Fault::Invalid(format!(
        "it was not made with {}",
        names.join(" or ")
    )))
}

/// How a key signs. Cosign hashes by SHA-256 whatever the curve.
fn schemes(algorithm: KeyAlgorithm) -> Vec<SigningScheme> {
    let usual = algorithm.default_signing_scheme();
    match algorithm {
        KeyAlgorithm::EcdsaP384 => vec![usual, SigningScheme::EcdsaP384Sha256],
        _ => vec![usual],
    }
}

/// Subject and issuer of the certificate that a signature was made with, if they are meant.
fn of_certificate(
    root: &Root,
    bundle: &Bundle,
    signed: Artifact<'_>,
    identities: &[Identity],
) -> Result<String, Fault> {
    let mut policy = VerificationPolicy::any_identity();
    // A root without logs is one of somebody who keeps none.
    if !root.logs_certificates {
        policy = policy.skip_sct();
    }
    if !root.logs_signatures {
        policy = policy.skip_tlog_unsafe();
    }
    let verified = root.verifier.verify(signed, bundle, &policy);
    let verified = verified.map_err(|error| Fault::Invalid(error.to_string()))?;
    let (issuer, subject) = claims(&verified)
        .ok_or_else(|| Fault::Invalid("its certificate names nobody".to_owned()))?;
    if identities
        .iter()
        .any(|identity| identity.holds(&issuer, &subject))
    {
        return Ok(format!("{subject} of {issuer}"));
    }
    Err(Fault::Stranger(format!("{subject} of {issuer}")))
}

fn claims(verified: &VerificationResult) -> Option<(String, String)> {
    let proven = verified.certificate_verified();
    let issuer = verified.issuer().filter(|_| proven)?;
    let subject = verified.identity()?;
    Some((issuer.to_owned(), subject.as_str().to_owned()))
}

fn has_annotations(
    found: &BTreeMap<String, Value>,
    authority: &Authority,
    who: String,
) -> Result<String, Fault> {
    let lacks = authority.annotations.iter().find(|(name, wanted)| {
        let value = found.get(*name).and_then(Value::as_str);
        value != Some(wanted.as_str())
    });
    match lacks {
        None => Ok(who),
        Some((name, wanted)) => Err(Fault::Stranger(format!(
            "{who}, without the annotation {name}={wanted}"
        ))),
    }
}
