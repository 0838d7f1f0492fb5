//! The FlashJob operator: flashes firmware to fleets of devices, one Helm release per device.

pub mod api;
pub mod cluster;
pub mod names;
pub mod settings;
pub mod telemetry;
