//! Processes of containers on the node.

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;

use super::image::ctr;
use crate::control_plane::run;

/// Kills the first process of a Pod's first container, as the kernel does when memory runs out.
pub fn kill_in(pod: &Value) {
    let id = pod["status"]["containerStatuses"][0]["containerID"].as_str();
    let id = id.unwrap().trim_start_matches("containerd://");
    let tasks = run(ctr().args(["tasks", "list"]));
    let mut rows = tasks.lines().map(|row| row.split_whitespace());
    let pid = rows.find_map(|mut row| (row.next() == Some(id)).then(|| row.next())?);
    let pid = pid.unwrap_or_else(|| panic!("no process of {id}:\n{tasks}"));
    kill(Pid::from_raw(pid.parse().unwrap()), Signal::SIGKILL).unwrap();
}
