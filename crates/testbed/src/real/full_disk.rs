//! A full disk below the logs of containers, which is a file system of its own in what `enclosed.sh` makes.

use std::{
    fs::File,
    io::{ErrorKind, Write},
    process::Command,
};

use serde_json::Value;

use super::container::process;
use crate::control_plane::run;

/// Where the kubelet has the logs of containers.
const LOGS: &str = "/var/log";

/// What takes all the room that was left.
const FILLER: &str = "/var/log/filler";

/// No log grows any more, until it is dropped.
pub struct FullDisk(());

impl FullDisk {
    /// Takes all the room there is for logs.
    pub fn of_logs() -> Self {
        let used = run(Command::new("df").args(["--output=used", "--block-size=1K", LOGS]));
        let used: u64 = used.lines().nth(1).unwrap().trim().parse().unwrap();
        resize(&format!("{}k", used + 64));
        let full = Self(());
        let mut filler = File::create(FILLER).unwrap();
        let complaint = loop {
            if let Err(complaint) = filler.write_all(&[b'-'; 512]) {
                break complaint;
            }
        };
        assert_eq!(complaint.kind(), ErrorKind::StorageFull);
        full
    }

    /// Lets the first container of a Pod say what fills the last page of its log: that is the log's already.
    pub fn fill_page_of(&self, pod: &Value) {
        let out = format!("/proc/{}/fd/1", process(pod));
        let mut out = File::options().write(true).open(out).unwrap();
        let mut line = vec![b'-'; 4096];
        line.push(b'\n');
        out.write_all(&line).unwrap();
    }
}

impl Drop for FullDisk {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(FILLER);
        resize("50%");
    }
}

fn resize(size: &str) {
    let options = format!("remount,size={size}");
    run(Command::new("mount").args(["-o", &options, LOGS]));
}
