//! The FlashJob controller. A job comes in as it is stored; what follows is written to the cluster and to its status.
//!
//! | room | what comes in, what goes out |
//! |---|---|
//! | `spec` | a FlashJob as users wrote it becomes a job without options; pure |
//! | `verdict` | an ended Pod and its log become a verdict; pure |
//! | `observe` | objects of the cluster become what the leader keeps: ledger, memory, selection; calls nothing |
//! | `blueprint` | job, device and chart become the values and objects of one attempt; pure |
//! | `plan` | what was observed becomes what is to be done and said; pure |
//! | `status` | observation and plan become the status to store, events and metrics; pure |
//! | `explain`, `forecast` | a stored status, or a job that is not created yet, in plain words; pure |
//! | `act` | carries out a plan: the only room here that writes |
//! | `controller` | watches, queues and passes: wires the rooms together and decides nothing |
//!
//! A room imports only rooms above it (`src/rooms_tests.rs`).

pub mod act;
pub mod blueprint;
#[cfg(test)]
mod class_tests;
pub(crate) mod controller;
pub mod explain;
#[cfg(test)]
pub(crate) mod fixtures;
pub mod forecast;
#[cfg(test)]
mod gitops_tests;
#[cfg(test)]
mod input_tests;
pub mod observe;
pub mod plan;
pub mod spec;
pub mod status;
pub mod verdict;

pub use act::{
    context::{Context, Limits},
    engine::Engine,
    helm::HelmCommand,
    native::Native,
};
pub use controller::run;
