//! What a registry was asked about the firmware of a round that wants to begin, and what it answered. Kept by the memory of a job:
//! a new leader asks anew.

use jiff::Timestamp;

use crate::{
    api::{Refusal, RegistryAccess, SignatureAuthority},
    provenance::{FirmwareImage, RegistryError, signatures::Signed},
};

/// What an answer depends on: where any of it changes, the registry is asked anew.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Question {
    /// Generation of the job.
    pub generation: i64,
    /// The firmware's reference, as the job names it.
    pub firmware: String,
    /// A class asks for a digest, and the reference has none.
    pub requires_digest: bool,
    /// A class asks for a platform for each device.
    pub requires_platform: bool,
    /// Whose signatures the classes ask for.
    pub checks: Vec<SignatureCheck>,
    /// Name of the Secret whose key signs receipts, where a class asks for them.
    pub receipt_key: Option<String>,
    /// How a class says that the registry is reached.
    pub access: RegistryAccess,
    /// The same about the flash image, where a class asks for its digest.
    pub flash_image: Option<Box<Question>>,
}

impl Question {
    /// Whether a round does not begin where its registry does not answer.
    #[must_use]
    pub fn is_strict(&self) -> bool {
        self.requires_digest
            || self.requires_platform
            || self.enforces()
            || self.receipt_key.is_some()
            || self.flash_image.is_some()
    }

    /// Whether a class lets no round begin without a signature.
    #[must_use]
    pub fn enforces(&self) -> bool {
        self.checks.iter().any(|check| check.enforced)
    }
}

/// Whose signature one class asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureCheck {
    /// Name of the class.
    pub class: String,
    /// A round does not begin without one; else that is only said.
    pub enforced: bool,
    /// Who may sign.
    pub authorities: Vec<SignatureAuthority>,
}

/// What a registry answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Resolved {
    /// The image.
    pub image: FirmwareImage,
    /// What came of each check of signatures, in their order.
    pub signed: Vec<Signed>,
    /// Why receipts cannot be signed, if so.
    pub receipt_fault: Option<String>,
    /// The flash image, where it was asked about.
    pub flash_image: Option<Box<Result<Resolved, RegistryError>>>,
}

/// A question with its answer.
#[derive(Clone, Debug, PartialEq)]
pub struct FirmwareLookup {
    /// What was asked.
    pub question: Question,
    /// When it was asked.
    pub since: Timestamp,
    /// When it was answered, and what; none while the registry is being asked.
    pub answer: Option<(Timestamp, Result<Resolved, RegistryError>)>,
    /// Why the round does not begin, and until when that stands. It stays while the registry is asked again.
    pub refusal: Option<(Refusal, Timestamp)>,
    /// Answers so far.
    pub tries: u32,
}

impl FirmwareLookup {
    /// A question that was just asked, perhaps again.
    #[must_use]
    pub fn asked(question: Question, before: Option<Self>, since: Timestamp) -> Self {
        let before = before.filter(|before| before.question == question);
        let (refusal, tries) = before.map_or((None, 0), |before| (before.refusal, before.tries));
        Self {
            question,
            since,
            answer: None,
            refusal,
            tries,
        }
    }
}
