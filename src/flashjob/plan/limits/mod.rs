//! Limits of classes on devices in flight that share something, such as a gateway. Pure.
//!
//! | file | what it decides |
//! |---|---|
//! | `capacity` | whether there is a place for one more device |
//! | `admission` | for `plan`: which devices may begin, who joins the line, what is said of those that wait |
//! | `recheck` | whether a device that is recorded may still be launched |
//!
//! Counted are all devices that hold a slot, of whatever job and class, by what was frozen when their attempt began. A limit
//! bounds what jobs of its own class start. What an attempt shares is not known where its record is gone or unreadable: it
//! counts on everything. Who waits for a place, and for how long, is in `observe::wait_queue`.

pub mod admission;
pub mod capacity;
pub mod holders;
pub mod recheck;
#[cfg(test)]
mod tests;
