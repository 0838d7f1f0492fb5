//! The ways to bring a release into the cluster. They render and apply; record model, verdicts and ledger belong to the operator.
//!
//! `helm` runs the helm command. Called by `flashjob::act`.

pub mod helm;

pub use helm::{
    Failure, Helm, HelmError, Operation, Outcome, Reason as HelmReason, Running,
    Settings as HelmSettings, StartError, Template, Uninstall, Upgrade,
};
