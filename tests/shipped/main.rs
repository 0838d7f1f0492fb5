//! The operator as it is shipped: its image and its chart on a real node, two replicas, and devices that receive real bytes.
//! `make test-real` runs them as root, in what `tests/control-plane/enclosed.sh` makes.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod console;
mod disturbance;
mod fifty;
mod install;
mod node;
mod pull;
mod rollout;
mod token;
