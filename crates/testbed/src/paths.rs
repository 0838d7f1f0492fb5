//! Where the project and what cargo built of it lie.

use std::path::{Path, PathBuf};

/// The project's root, with its charts and scripts.
pub fn root() -> &'static Path {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    crates.and_then(Path::parent).unwrap()
}

/// A script of `tests/control-plane`.
pub fn script(name: &str) -> PathBuf {
    root().join("tests/control-plane").join(name)
}

/// A program of the project, as cargo built it beside the running test or benchmark. Panics where it did not.
pub fn program(name: &str) -> PathBuf {
    let path = profile().join(name);
    let build = "cargo build --workspace --bins";
    assert!(path.exists(), "{name} is not built; {build} does it");
    path
}

/// The program of `kubectl flashjob`.
pub fn plugin() -> PathBuf {
    program("kubectl-flashjob")
}

/// Where tests keep files while they run: cargo's `target/tmp`.
pub fn scratch() -> PathBuf {
    target().join("tmp")
}

/// Cargo's directory of everything that it builds.
pub fn target() -> PathBuf {
    profile().parent().unwrap().to_owned()
}

/// Cargo's directory of a profile: the running program lies in a directory of it.
fn profile() -> PathBuf {
    let running = std::env::current_exe().unwrap();
    running.ancestors().nth(2).unwrap().to_owned()
}
