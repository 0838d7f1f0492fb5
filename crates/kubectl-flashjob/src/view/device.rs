//! Devices as the plugin lists them: the rows are the operator's library's.

pub use flashjob_operator::cli::fleet::{DeviceRow, rows};

pub use super::device_table::{Table, table};

#[cfg(test)]
#[path = "device_tests.rs"]
mod tests;
