//! The directory in which the files for helm are kept: one a process, below the system's directory for temporary files.
//!
//! It goes with the process. What a process left that was killed goes when the next one starts: each holds a lock in its own,
//! which the kernel takes from the dead. Process ids would not do: in a container every process has the same.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::MetadataExt as _,
    path::Path,
};

use tempfile::TempDir;

const LOCK: &str = "lock";

/// A directory of this process, locked for as long as it is needed.
pub(super) struct Directory {
    // Fields are dropped in this order: the directory goes while its lock is held.
    files: TempDir,
    _lock: File,
}

impl Directory {
    /// Makes a directory below `parent` and removes those of this prefix that dead processes left there.
    pub(super) fn create(parent: &Path, prefix: &str) -> io::Result<Self> {
        let files = tempfile::Builder::new().prefix(prefix).tempdir_in(parent)?;
        let draft = files.path().join("lock.draft");
        let lock = File::create(&draft)?;
        lock.lock()?;
        // By this name it is known only once it is held.
        fs::rename(draft, files.path().join(LOCK))?;
        let owner = fs::symlink_metadata(files.path())?.uid();
        if let Err(error) = sweep(parent, prefix, owner) {
            tracing::warn!(directory = %parent.display(), error = %error, "files of earlier helm processes could not be looked for");
        }
        Ok(Self { files, _lock: lock })
    }

    pub(super) fn path(&self) -> &Path {
        self.files.path()
    }
}

/// Removes what dead processes of this user left below `parent`.
fn sweep(parent: &Path, prefix: &str, owner: u32) -> io::Result<()> {
    for entry in fs::read_dir(parent)? {
        let entry = entry?;
        let named = entry.file_name().to_string_lossy().starts_with(prefix);
        // Not of what a link leads to: anybody may write into this directory.
        let ours = named
            && entry
                .metadata()
                .is_ok_and(|found| found.is_dir() && found.uid() == owner);
        if let Some(_held) = ours.then(|| abandoned(&entry.path())).flatten() {
            match fs::remove_dir_all(entry.path()) {
                Ok(()) => {
                    tracing::info!(directory = %entry.path().display(), "removed what a killed process left");
                }
                Err(error) => {
                    tracing::warn!(directory = %entry.path().display(), error = %error, "cannot remove what a killed process left");
                }
            }
        }
    }
    Ok(())
}

/// The lock of a directory whose owner is dead; none while it lives, or before it has its lock.
fn abandoned(directory: &Path) -> Option<File> {
    let lock = File::open(directory.join(LOCK)).ok()?;
    lock.try_lock().ok()?;
    Some(lock)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PREFIX: &str = "example-helm-";

    fn names(parent: &Path) -> Vec<String> {
        let entries = fs::read_dir(parent).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn what_a_killed_process_left_goes_and_what_others_use_stays() {
        let parent = tempfile::tempdir().unwrap();
        let killed = parent.path().join(format!("{PREFIX}killed"));
        fs::create_dir_all(killed.join("chart-x/templates")).unwrap();
        fs::write(killed.join(LOCK), "").unwrap();
        fs::create_dir(parent.path().join(format!("{PREFIX}starting"))).unwrap();
        fs::create_dir(parent.path().join("else")).unwrap();
        fs::write(parent.path().join("else").join(LOCK), "").unwrap();
        let link = parent.path().join(format!("{PREFIX}link"));
        std::os::unix::fs::symlink(parent.path().join("else"), link).unwrap();
        let first = Directory::create(parent.path(), PREFIX).unwrap();
        let second = Directory::create(parent.path(), PREFIX).unwrap();
        assert!(first.path().is_dir() && second.path().is_dir());
        assert!(!killed.exists());
        drop((first, second));
        let kept = ["else", "example-helm-link", "example-helm-starting"];
        assert_eq!(names(parent.path()), kept);
    }

    #[test]
    fn a_lock_ends_with_its_process_even_if_it_is_killed() {
        let parent = tempfile::tempdir().unwrap();
        let theirs = parent.path().join(format!("{PREFIX}theirs"));
        fs::create_dir(&theirs).unwrap();
        fs::write(theirs.join(LOCK), "").unwrap();
        let mut owner = std::process::Command::new("flock")
            .arg(theirs.join(LOCK))
            .args(["--command", "echo held; exec sleep 600"])
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut held = [0; 5];
        io::Read::read_exact(owner.stdout.as_mut().unwrap(), &mut held).unwrap();
        drop(Directory::create(parent.path(), PREFIX).unwrap());
        assert!(theirs.exists(), "its owner lives");
        // flock(1) passes the lock on to what it runs: both have to die.
        let children = format!("/proc/{0}/task/{0}/children", owner.id());
        let child = fs::read_to_string(children).unwrap();
        for pid in [owner.id().to_string(), child.trim().to_owned()] {
            let pid = nix::unistd::Pid::from_raw(pid.parse().unwrap());
            nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
        }
        owner.wait().unwrap();
        while theirs.exists() {
            drop(Directory::create(parent.path(), PREFIX).unwrap());
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
}
