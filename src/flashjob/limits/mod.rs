//! Limits of classes on devices in flight that share something, such as a gateway. Pure.
//!
//! | file | what it decides |
//! |---|---|
//! | `places` | whether there is a place for one more device |
//! | `line` | who waits for one, and who has waited so long that places are kept for it |
//! | `crowd` | for `plan`: which devices may begin, who joins the line, what is said of those that wait |
//! | `gate` | whether a device that is recorded may still be launched |
//!
//! Counted are all devices that hold a slot, of whatever job and class, by what was frozen when their attempt began. A limit
//! bounds what jobs of its own class start. What an attempt shares is not known where its record is gone or unreadable: it
//! counts on everything.

pub mod crowd;
pub mod gate;
pub mod holders;
pub mod line;
pub mod places;
#[cfg(test)]
mod tests;
