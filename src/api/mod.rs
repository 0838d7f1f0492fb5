//! The kinds the operator serves and reads: types and schema, no behaviour.
//!
//! Depends on nothing but `names`; every other room depends on it.

mod chart_values;
mod class_approvals;
mod class_workload;
mod condition;
pub mod conditions;
pub mod conform;
pub mod crd;
mod device_status;
#[cfg(test)]
mod docs_tests;
mod firmware_verification;
mod flashclass;
mod flashjob;
mod guarded;
mod instance;
mod lenient;
#[cfg(test)]
mod links_tests;
mod phase;
mod provenance;
mod receipts;
mod refusal;
mod rollout;
pub mod rule;
mod schema;
mod selection;
mod status;
pub mod values_schema;
mod word;

pub use chart_values::{ChartValues, ClassValues, JobValues, ValuesFault};
pub use class_approvals::RequireFor;
pub use class_workload::{VerdictMarkers, Workload};
pub use condition::{ConditionType, Reason};
pub use device_status::DeviceStatus;
pub use firmware_verification::{
    AskedSignatures, FirmwareVerification, FlashImageVerification, KeylessSigner, RegistryAccess,
    SignatureAuthority, SignatureMode, SignerIdentity, SigningKeys,
};
pub use flashclass::{
    ClassDefaults, DeviceFilter, FlashClass, FlashClassSpec, FlashClassStatus, InFlightLimit,
    LimitBy, NamespaceRule, NamespacesFrom,
};
pub use flashjob::{FlashJob, FlashJobSpec, MismatchPolicy};
pub use guarded::{Guarded, RawObject, Unreadable, read_part};
pub use instance::{Instance, InstanceSpec};
pub use phase::{DevicePhase, Phase, StepState};
pub use provenance::{FlashImage, Provenance, Unverified};
pub use receipts::{Receipts, RoundReceipts};
pub use refusal::Refusal;
pub use rollout::{
    AlreadyAtVersion, Amount, Approval, Day, Decision, DeviceSelector, PropertyOperator,
    PropertyRequirement, Rerun, RerunDevices, RolloutStep, Verification, VerificationMode, Window,
};
pub use selection::{SelectedDevice, SelectionSlice};
pub use status::{
    Counts, Effective, EffectiveLimit, EngineName, FlashClassRef, FlashJobStatus, NEVER_OBSERVED,
    NotSelectable, PreviousRound, Round, SelectionStatus, StepApproval, StepStatus, StopStatus,
};
pub use word::{Vocabulary, Word};
