//! Flashes on a real node: kubelet, containerd and kube-proxy run the flash image, and devices in networks of their own receive real
//! bytes. `make test-real` runs them as root, in what `tests/control-plane/enclosed.sh` makes.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod enclosure;
mod job;
mod pod;
mod service;
