//! Receipts of flashes: what a `FlashClass` asks for, and what the status keeps of them. Types only.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    RegistryAccess,
    lenient::{empty_is_absent, null_is_default},
    schema,
};

/// What signs the receipts of the flashes of a class, and where they are kept beside the log.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
#[schemars(transform = schema::receipts, extend("required" = ["keySecretName"]))]
pub struct Receipts {
    /// Secret of the operator's namespace whose key receipt.key holds a private key in PEM (PKCS #8, without a password): ECDSA P-256 or
    /// Ed25519.
    #[serde(deserialize_with = "null_is_default")]
    #[schemars(schema_with = "schema::name")]
    pub key_secret_name: String,
    /// Repository that gets the receipts of every finished round as one OCI artifact that refers to the firmware, such as
    /// registry.example.com/receipts; that of the firmware itself may be it. Unset: the receipts are in the log alone.
    #[serde(
        deserialize_with = "empty_is_absent",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(schema_with = "schema::repository")]
    pub repository: Option<String>,
    /// How the registry of that repository is reached; the login has to be one that may push. Unset: anonymously, by TLS with a
    /// certificate of a public authority.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registry: Option<RegistryAccess>,
}

/// What the receipts of a finished round come to. The receipts themselves are in the operator's log.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
pub struct RoundReceipts {
    /// Devices that are final: one receipt for each.
    pub count: i64,
    /// Tree head by RFC 6962 over them in the order of their indexes, SHA-256 in hexadecimal digits.
    pub merkle_root: String,
    /// Signature of the receipt of the round, in Base64; absent while the key cannot be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
    /// SHA-256 of the public key in DER, in hexadecimal digits.
    #[serde(rename = "keyID", skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    /// The artifact with all receipts of the round, by its digest, where the class names a repository for it; absent until it is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact: Option<String>,
}
