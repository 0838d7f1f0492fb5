//! The FlashJob operator: flashes firmware to fleets of devices, one Helm release per device.

pub mod api;
pub mod cli;
pub mod cluster;
pub mod crash;
pub mod device;
pub mod display;
pub mod flash_pod;
pub mod flashclass;
pub mod flashjob;
pub mod http;
pub mod identifiers;
pub mod names;
pub mod operator;
pub mod provenance;
#[cfg(test)]
mod rooms_tests;
pub mod seal;
pub(crate) mod seam;
pub mod settings;
#[cfg(test)]
mod simulation;
pub mod steer;
pub mod telemetry;
