//! The console as a program on a real control plane, as people with different rights ask it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod actions;
mod asked;
mod browser;
mod conform;
mod devices;
mod events;
mod jobs;
mod packaged;
mod pages;
mod plans;
mod promises;
mod rights;
mod sessions;
mod stop_switch;
