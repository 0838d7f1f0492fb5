//! The FlashJob controller: observe → plan → act, over every job of the cluster.
//!
//! | file | what it may do |
//! |---|---|
//! | `observe`, `belief`, `sight`, `job`, `ledger`, `state`, `memory`, `remember`, `roster` | parse and keep what was seen |
//! | `choice`, `rerun`, `table`, `attempts`, `addresses`, `adoption`, `pending`, `retry`, `numbering`, `read_back`, `occupied`, `stored`, `pruned`, `plan`, `verdict`, `concern`, `status`, `news`, `unreadable`, `tampered`, `conditions`, `gauge`, `index_set`, `waits`, `blueprint` | decide; pure |
//! | `rollout` | decide about order and pace; pure |
//! | `limits` | decide about what devices in flight share; pure |
//! | `explain`, `forecast` | say what is stored, and what would happen, in plain words; pure |
//! | `act` | write |
//! | `controller`, `namespaces`, `passes`, `reconcile`, `status_write`, `rounds`, `takeover`, `trial`, `sweep`, `workshop`, `context` | wire them together |

mod act;
pub mod addresses;
pub mod adoption;
pub mod attempts;
mod belief;
pub mod blueprint;
pub mod choice;
#[cfg(test)]
mod class_tests;
mod concern;
pub mod conditions;
mod context;
mod controller;
pub mod explain;
#[cfg(test)]
pub(crate) mod fixtures;
pub mod forecast;
mod gauge;
#[cfg(test)]
mod gitops_tests;
pub mod index_set;
#[cfg(test)]
mod input_tests;
pub mod job;
#[cfg(test)]
mod laws;
pub mod ledger;
pub mod limits;
pub mod memory;
mod namespaces;
mod news;
mod numbering;
pub mod observe;
mod occupied;
mod passes;
mod pending;
pub mod plan;
mod pruned;
pub mod read_back;
mod reconcile;
mod remember;
pub mod rerun;
pub mod retry;
pub mod rollout;
pub mod roster;
mod rounds;
pub mod sight;
pub mod state;
pub mod status;
mod status_write;
pub mod stored;
mod sweep;
pub mod table;
mod takeover;
mod tampered;
mod trial;
mod unreadable;
pub mod verdict;
pub mod waits;
mod workshop;

pub use context::{Context, Limits};
pub use controller::run;
