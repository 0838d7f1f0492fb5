//! A node under pressure: its kubelet finds that too little memory is free, until it is dropped.

use std::path::PathBuf;

use crate::ControlPlane;

/// Memory of which so much has to be free that no machine has it.
const GREEDY: &str = "evictionHard: {memory.available: \"99%\"}";

/// No threshold, as `real-node.sh` has it.
const CONTENT: &str = "evictionHard: {}";

/// The kubelet evicts a Pod every ten seconds, those first that have more than they asked for.
pub struct Pressure<'a> {
    plane: &'a ControlPlane,
}

impl<'a> Pressure<'a> {
    /// Starts the kubelet again with a threshold.
    pub fn of_memory(plane: &'a ControlPlane) -> Self {
        restart(plane, CONTENT, GREEDY);
        Self { plane }
    }
}

impl Drop for Pressure<'_> {
    fn drop(&mut self) {
        restart(self.plane, GREEDY, CONTENT);
    }
}

fn restart(plane: &ControlPlane, before: &str, after: &str) {
    let file: PathBuf = plane.directory().join("kubelet.yaml");
    let configuration = std::fs::read_to_string(&file).unwrap();
    assert!(configuration.contains(before), "{configuration}");
    let kubelet = plane.kill("kubelet");
    std::fs::write(&file, configuration.replace(before, after)).unwrap();
    plane.revive(&kubelet);
}
