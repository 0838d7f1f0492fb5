//! An operator that is started again whenever it ends by itself, as a kubelet does it.

use std::path::{Path, PathBuf};

use super::{Operator, Space};

/// An operator under supervision.
pub struct KeptAlive<'a> {
    /// The process that runs.
    pub operator: Operator,
    /// How often one had ended and was replaced.
    pub restarts: usize,
    space: &'a Space,
    kubeconfig: PathBuf,
    arguments: Vec<&'static str>,
}

impl<'a> KeptAlive<'a> {
    /// Starts the first one.
    pub fn start(space: &'a Space, kubeconfig: &Path, arguments: &[&'static str]) -> Self {
        Self {
            operator: space.operator_as(kubeconfig, "operator", arguments),
            restarts: 0,
            space,
            kubeconfig: kubeconfig.to_owned(),
            arguments: arguments.to_vec(),
        }
    }

    /// Starts another one if the last one has ended.
    pub fn look(&mut self) {
        if self.operator.ended().is_some() {
            self.restarts += 1;
            let space = self.space;
            self.operator = space.operator_again(&self.kubeconfig, "operator", &self.arguments);
        }
    }
}
