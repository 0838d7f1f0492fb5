//! `FlashClass`: what administrators say of a kind of device, and what that makes of a job.
//!
//! | file | what it may do |
//! |---|---|
//! | `class`, `rules` | parse and check a class; pure |
//! | `resolve` | which classes hold for a job; pure |
//! | `terms`, `effective`, `chart` | what they make of it; pure |
//! | `rights` | kinds that a class opens and the operator may not write; pure |
//! | `freeze` | the defaults of a round, and what it asks of approvals, stored and read back; pure |
//! | `pace` | what it adds to the order and pace of a job; pure |
//!
//! A class is asked about a job by `flashjob`: once a pass, and again right before the first write of an attempt and its Pod. Watching classes and writing their
//! status is the work of `flashjob::controller::classes`.

mod chart;
mod class;
mod effective;
mod freeze;
mod limit;
mod pace;
mod resolve;
pub(crate) mod rights;
mod rules;
mod terms;
#[cfg(test)]
mod tests;

pub use class::{Class, Classes, StoredStatus};
pub use effective::{DEFAULT_ACTIVE_DEADLINE_SECONDS, DEFAULT_PARALLELISM, OperatorDefaults};
pub use freeze::{Frozen, freeze, is_frozen_class, revision, store_beside, thaw};
pub use limit::{Group, Limit};
pub use pace::{ApprovalRules, ClassPace, ClassSteps};
pub use resolve::{Asks, Facts, Namespaces, named_class};
pub use rights::explained;
pub use rules::Rules;
pub use terms::{Terms, beginning, terms};
