//! The console as a program on a real control plane, as people with different rights ask it.

mod actions;
mod asked;
mod conform;
mod devices;
mod events;
mod jobs;
mod pages;
mod rights;
