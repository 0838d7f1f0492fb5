//! What a `FlashClass` asks of firmware before it is flashed. Types and schema only.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr};

use super::{
    lenient::{empty_is_absent, null_is_default},
    schema,
};

/// What is asked of the image that the firmware's registry serves.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
#[schemars(transform = schema::firmware_verification)]
pub struct FirmwareVerification {
    /// Whether the image has to be signed by one of the authorities. Off: nobody asks. Warn: a round with another image says so and goes
    /// on. Enforce: it does not begin. Unset: Off.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::signature_mode")]
    pub mode: Option<SignatureMode>,
    /// The image has to have a platform custom/TYPE for the type of every selected device, or the round does not begin. Unset: false.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::boolean")]
    pub require_platform: Option<bool>,
    /// How the registry is reached. Unset: anonymously, by TLS with a certificate of a public authority.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registry: Option<RegistryAccess>,
    /// Who may sign: a signature of any one of them suffices, on the image index or on each of its platforms custom/TYPE.
    #[serde(
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(length(max = 10))]
    pub authorities: Vec<SignatureAuthority>,
}

impl FirmwareVerification {
    /// What is asked of the image's signatures.
    #[must_use]
    pub fn signatures(&self) -> AskedSignatures<'_> {
        AskedSignatures::new(self.mode, &self.authorities)
    }
}

/// What is asked of the image that flashes.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
#[schemars(transform = schema::firmware_verification)]
pub struct FlashImageVerification {
    /// Whether the image has to be signed by one of the authorities. Off: it is pinned, and nobody asks. Warn: a round with another image
    /// says so and goes on. Enforce: it does not begin. Unset: Off.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::signature_mode")]
    pub mode: Option<SignatureMode>,
    /// How the registry is reached. Unset: anonymously, by TLS with a certificate of a public authority.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registry: Option<RegistryAccess>,
    /// Who may sign: a signature of any one of them on the image, or on its index, suffices.
    #[serde(
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(length(max = 10))]
    pub authorities: Vec<SignatureAuthority>,
}

impl FlashImageVerification {
    /// What is asked of the image's signatures.
    #[must_use]
    pub fn signatures(&self) -> AskedSignatures<'_> {
        AskedSignatures::new(self.mode, &self.authorities)
    }
}

/// What a class asks of the signatures of an image.
#[derive(Clone, Copy, Debug)]
pub struct AskedSignatures<'a> {
    /// What a missing signature means.
    pub mode: SignatureMode,
    /// Who may sign.
    pub authorities: &'a [SignatureAuthority],
}

impl<'a> AskedSignatures<'a> {
    fn new(mode: Option<SignatureMode>, authorities: &'a [SignatureAuthority]) -> Self {
        Self {
            mode: mode.unwrap_or_default(),
            authorities,
        }
    }

    /// Whether signatures are looked at.
    #[must_use]
    pub fn are_checked(&self) -> bool {
        self.mode != SignatureMode::Off
    }

    /// Whether a round does not begin without one.
    #[must_use]
    pub fn are_enforced(&self) -> bool {
        self.mode == SignatureMode::Enforce
    }
}

/// What a missing signature means.
#[derive(
    Serialize,
    Deserialize,
    JsonSchema,
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    EnumString,
    IntoStaticStr,
)]
pub enum SignatureMode {
    /// Nothing: nobody asks for signatures.
    #[default]
    Off,
    /// A condition and an event.
    Warn,
    /// The round does not begin.
    Enforce,
}

/// One who may sign firmware: by a key, or keyless.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
#[schemars(transform = schema::signature_authority, extend("required" = ["name"]))]
pub struct SignatureAuthority {
    /// Name, which the status of jobs shows.
    #[serde(deserialize_with = "null_is_default")]
    #[schemars(schema_with = "schema::authority_name")]
    pub name: String,
    /// It signs with a key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<SigningKeys>,
    /// It signs with a certificate for an identity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keyless: Option<KeylessSigner>,
    /// What has to be written into the signature.
    #[serde(
        deserialize_with = "null_is_default",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    #[schemars(schema_with = "schema::properties")]
    pub annotations: BTreeMap<String, String>,
}

/// Public keys.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["secretName"]))]
pub struct SigningKeys {
    /// Secret of the operator's namespace with public keys in PEM under names that end in .pub: one for each key that is valid now.
    #[serde(deserialize_with = "null_is_default")]
    #[schemars(schema_with = "schema::name")]
    pub secret_name: String,
}

/// Identities under a trusted root.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["identities", "trustedRootSecretName"]))]
pub struct KeylessSigner {
    /// Who may sign.
    #[serde(deserialize_with = "null_is_default")]
    #[schemars(length(min = 1, max = 10))]
    pub identities: Vec<SignerIdentity>,
    /// Secret of the operator's namespace whose key trusted_root.json holds Sigstore's trusted root, or one's own. Nothing of Sigstore is
    /// asked over the network.
    #[serde(deserialize_with = "null_is_default")]
    #[schemars(schema_with = "schema::name")]
    pub trusted_root_secret_name: String,
}

/// An identity in a certificate: of issuer and subject, each by its text or by an expression.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
#[schemars(transform = schema::signer_identity)]
pub struct SignerIdentity {
    /// Who vouches for the subject.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::identity_text")]
    pub issuer: Option<String>,
    /// Regular expression of that; it may match anywhere: begin it with ^ and end it with $.
    #[serde(rename = "issuerRegExp", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::identity_text")]
    pub issuer_reg_exp: Option<String>,
    /// Who signed: a workflow, or an address of mail.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::identity_text")]
    pub subject: Option<String>,
    /// Regular expression of that; it may match anywhere: begin it with ^ and end it with $.
    #[serde(rename = "subjectRegExp", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::identity_text")]
    pub subject_reg_exp: Option<String>,
}

/// How the registry of firmware is reached. Secrets are those of the operator's namespace.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
pub struct RegistryAccess {
    /// Secrets of type kubernetes.io/dockerconfigjson with the login. It is sent to the registry that the Secret names, and to no other.
    #[serde(
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(schema_with = "schema::names")]
    pub pull_secret_names: Vec<String>,
    /// Secret whose key ca.crt holds certificates of authorities, in PEM, that are trusted, too.
    #[serde(
        deserialize_with = "empty_is_absent",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(schema_with = "schema::name")]
    pub ca_secret_name: Option<String>,
    /// Registry that is asked instead of the one that the reference names: its host, and what repositories begin with there, such as
    /// mirror.example.com/firmware. What flash Pods pull keeps the reference's own name. Unset: none.
    #[serde(
        deserialize_with = "empty_is_absent",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(schema_with = "schema::mirror")]
    pub mirror: Option<String>,
    /// Whether it is asked without TLS. Unset: false.
    #[serde(rename = "plainHTTP", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::boolean")]
    pub plain_http: Option<bool>,
}
