//! End-to-end tests: a real control plane, the operator as a process, simulated devices. One binary, so that they share the
//! control plane.

#![allow(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a test that cannot go on panics"
)]

// Tests begin in the order of their names: what takes minutes had better not come last.
mod admission;
mod adoption;
mod api;
mod api_nulls;
mod bad_input;
mod chaos;
mod cli_explain;
mod cli_firmware;
mod cli_users;
mod cluster;
mod compat;
mod crash_points;
mod documents;
mod faults;
mod fence;
mod firmware;
mod flash_image;
mod flash_pod_values;
mod helm_engine;
mod host_port;
mod hostile;
mod http;
mod kills;
mod leadership;
mod main_job;
mod migration;
mod one_device_writes;
mod outdated_crd;
mod pool;
mod receipts;
mod rivals;
mod rollout_approvals;
mod rollout_batches;
mod rollout_class;
mod rollout_class_approvals;
mod rollout_class_rules;
mod rollout_limits;
mod rollout_proof;
mod rollout_retries;
mod rollout_schedule;
mod rollout_selection;
mod rollout_steps;
mod rollout_verification;
mod signatures;
mod simulation;
mod verdicts;
