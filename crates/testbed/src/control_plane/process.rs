//! The processes of a control plane: which ones run, how they are killed and started again, and what earlier runs left.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::ControlPlane;

impl ControlPlane {
    /// Lets the control plane stop a process that was started for it, should this one be killed.
    pub fn register(&self, name: &str, pid: u32) {
        let Some(started) = started(pid) else { return };
        let mut pids = std::fs::OpenOptions::new()
            .append(true)
            .open(self.directory.join("pids"))
            .unwrap();
        writeln!(pids, "{name} {pid} {started}").unwrap();
    }

    /// Kills a program of the control plane, such as `kube-apiserver`; with what is returned it can be started again.
    pub fn kill(&self, program: &str) -> Killed {
        let pid = self.pid(program);
        let command = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap();
        let words = command.split(|byte| *byte == 0).map(<[u8]>::to_vec);
        let words = words.map(|word| String::from_utf8(word).unwrap());
        let mut words: Vec<_> = words.collect();
        words.pop();
        let directory = std::fs::read_link(format!("/proc/{pid}/cwd")).unwrap();
        self.signal(program, nix::sys::signal::Signal::SIGKILL);
        // Until it has ended its port is taken.
        while is_running(pid) {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        Killed {
            program: program.to_owned(),
            words,
            directory,
        }
    }

    /// Starts a program again as it was started before, on the same data.
    pub fn revive(&self, killed: &Killed) {
        let log = std::fs::File::options()
            .append(true)
            .open(self.directory.join(format!("{}.log", killed.program)))
            .unwrap();
        let mut child = Command::new(&killed.words[0])
            .args(&killed.words[1..])
            .current_dir(&killed.directory)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.register(&killed.program, child.id());
        std::thread::spawn(move || child.wait());
    }

    /// Process of a program of the control plane, such as `kubelet`.
    pub fn pid(&self, program: &str) -> u32 {
        let pids = std::fs::read_to_string(self.directory.join("pids")).unwrap();
        let fields = pids.lines().map(|line| line.split(' ').collect::<Vec<_>>());
        let mut alive = fields
            .filter(|fields| fields[0] == program)
            .filter_map(|fields| Some((fields[1].parse().ok()?, fields[2].to_owned())))
            .filter(|(pid, since)| started(*pid).as_ref() == Some(since));
        alive
            .next()
            .unwrap_or_else(|| panic!("no {program} runs"))
            .0
    }

    /// Ends a program of the control plane without asking, such as `kube-apiserver`.
    pub fn signal(&self, program: &str, signal: nix::sys::signal::Signal) {
        let pids = std::fs::read_to_string(self.directory.join("pids")).unwrap();
        let fields = pids.lines().map(|line| line.split(' ').collect::<Vec<_>>());
        for fields in fields.filter(|fields| fields[0] == program) {
            let pid: u32 = fields[1].parse().unwrap();
            if started(pid).as_deref() == Some(fields[2]) {
                let pid = nix::unistd::Pid::from_raw(pid.try_into().unwrap());
                nix::sys::signal::kill(pid, signal).unwrap();
            }
        }
    }
}

/// Whether a process has not ended yet; one that nobody has waited for has.
fn is_running(pid: u32) -> bool {
    !matches!(stat_field(pid, 0).as_deref(), None | Some("Z" | "X"))
}

/// A program of a control plane that was killed.
#[derive(Debug)]
pub struct Killed {
    program: String,
    words: Vec<String>,
    directory: PathBuf,
}

/// Removes the state that earlier runs left for people who wanted to see why they failed. Tests on a real node run in a PID namespace of
/// their own and cannot tell which of the other runs are still alive, so each kind of node removes only its own state.
pub(super) fn remove_leftovers(parent: &Path, node: &str) {
    std::fs::create_dir_all(parent).unwrap();
    for entry in std::fs::read_dir(parent).unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with("-real") != (node == "real") {
            continue;
        }
        let owner = name
            .strip_prefix("control-plane-")
            .and_then(|rest| rest.split('-').next());
        let lives = owner
            .and_then(|pid| pid.parse().ok())
            .and_then(started)
            .is_some();
        // One that still runs belongs to another run of the tests, beside this one.
        let runs = || {
            let pids = std::fs::read_to_string(entry.path().join("pids")).unwrap_or_default();
            pids.lines().any(|line| {
                let fields: Vec<_> = line.split(' ').collect();
                fields.len() == 3
                    && fields[1].parse().ok().and_then(started).as_deref() == Some(fields[2])
            })
        };
        if owner.is_some() && !lives && !runs() {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

/// When a process was started, in clock ticks since boot.
fn started(pid: u32) -> Option<String> {
    stat_field(pid, 19)
}

/// A field of what the kernel says of a process, counted from its state, which follows its name.
fn stat_field(pid: u32, number: usize) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(") ")?;
    fields.split(' ').nth(number).map(str::to_owned)
}
