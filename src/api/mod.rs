//! The kinds the operator serves and reads: types and schema, no behaviour.
//!
//! Depends on nothing but `names`; every other room depends on it.

mod condition;
pub mod crd;
mod flashjob;
mod instance;
mod lenient;
pub mod rule;
mod schema;
mod selection;
mod status;

pub use condition::{ConditionType, Reason};
pub use flashjob::{FlashJob, FlashJobSpec, MismatchPolicy};
pub use instance::{Instance, InstanceSpec};
pub use selection::{SelectedDevice, SelectionSlice};
pub use status::{
    Counts, DevicePhase, DeviceStatus, Effective, FlashClassRef, FlashJobStatus, Phase,
    PreviousRound, Round, SelectionStatus,
};
