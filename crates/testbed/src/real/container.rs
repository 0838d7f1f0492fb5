//! Processes of containers on the node, and what is done to them.

use std::{
    path::PathBuf,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;

use super::image::ctr;
use crate::control_plane::run;

/// Takes memory in a control group, where the kernel kills that process first.
const EAT: &str =
    "echo 1000 >\"/proc/$2/oom_score_adj\" && echo $$ >\"$1/cgroup.procs\" && exec tail /dev/zero";

/// The first process of a Pod's first container.
pub fn process(pod: &Value) -> i32 {
    let id = pod["status"]["containerStatuses"][0]["containerID"].as_str();
    let id = id.unwrap().trim_start_matches("containerd://");
    let tasks = run(ctr().args(["tasks", "list"]));
    let mut rows = tasks.lines().map(|row| row.split_whitespace());
    let pid = rows.find_map(|mut row| (row.next() == Some(id)).then(|| row.next())?);
    let pid = pid.unwrap_or_else(|| panic!("no process of {id}:\n{tasks}"));
    pid.parse().unwrap()
}

/// Kills the first process of a Pod's first container.
pub fn kill_in(pod: &Value) {
    kill(Pid::from_raw(process(pod)), Signal::SIGKILL).unwrap();
}

/// Uses up the memory of a Pod's first container, until the kernel kills its first process.
pub fn starve(pod: &Value) {
    let pid = process(pod);
    let mut eater = Command::new("bash")
        .args(["-c", EAT, "eater"])
        .arg(memory_group(pid))
        .arg(pid.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    let is_alive = || kill(Pid::from_raw(pid), None).is_ok();
    while is_alive() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(20));
    }
    // The next container would have no memory either.
    let _ = eater.kill();
    let _ = eater.wait();
    assert!(!is_alive(), "{pid} outlived the memory of its container");
}

/// The control group that counts the memory of a process.
fn memory_group(pid: i32) -> PathBuf {
    let groups = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    let mut fields = groups.lines().map(|line| line.splitn(3, ':'));
    let group = fields.find_map(|mut line| (line.nth(1) == Some("memory")).then(|| line.next())?);
    let group = group.unwrap_or_else(|| panic!("no memory is counted:\n{groups}"));
    PathBuf::from(format!("/sys/fs/cgroup/memory{group}"))
}
