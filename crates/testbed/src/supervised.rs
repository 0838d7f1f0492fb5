//! An operator under a supervisor, as in a cluster: it is killed at will, and started again when it ends by itself, such as one
//! that could not renew its lease on a busy machine.

use std::path::{Path, PathBuf};

use super::{Operator, Space, seconds};

/// A running operator of a namespace, and how to start it again.
pub struct Supervised<'a> {
    /// How often one had ended by itself and was replaced.
    pub restarts: usize,
    space: &'a Space,
    kubeconfig: PathBuf,
    arguments: Vec<&'a str>,
    operator: Operator,
}

impl<'a> Supervised<'a> {
    /// Starts an operator with these arguments and waits until it leads.
    pub async fn start(space: &'a Space, arguments: &[&'a str]) -> Self {
        let kubeconfig = space.control_plane.operator_kubeconfig();
        Self::start_by(space, kubeconfig, arguments).await
    }

    /// The same with these credentials.
    pub async fn start_by(space: &'a Space, kubeconfig: &Path, arguments: &[&'a str]) -> Self {
        let mut supervised = Self::start_as(space, kubeconfig, arguments);
        supervised.leads(0).await;
        supervised
    }

    /// Starts an operator with these credentials, whether anybody answers or not.
    pub fn start_as(space: &'a Space, kubeconfig: &Path, arguments: &[&'a str]) -> Self {
        Self {
            restarts: 0,
            space,
            kubeconfig: kubeconfig.to_owned(),
            arguments: arguments.to_vec(),
            operator: space.operator_as(kubeconfig, "operator", arguments),
        }
    }

    /// Starts another one if the last one has ended, whether anybody answers or not.
    pub fn look(&mut self) {
        if self.operator.ended().is_some() {
            self.restarts += 1;
            self.start_again();
        }
    }

    /// Waits that many seconds for an answer, and looks after the operator meanwhile.
    pub async fn until<T>(
        &mut self,
        what: &str,
        within: u64,
        mut ask: impl FnMut() -> Option<T>,
    ) -> T {
        let space = self.space;
        space
            .eventually(what, seconds(within), async || {
                self.look();
                ask()
            })
            .await
    }

    /// What operators of this namespace wrote.
    pub fn log(&self) -> String {
        self.operator.log()
    }

    /// Process id.
    pub fn pid(&self) -> u32 {
        self.operator.pid()
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.operator.kill();
    }

    /// Starts the next one and waits until it leads. Its predecessor was killed: its lease is taken away, so that nobody waits for
    /// it to expire (a leader still waits as long as a write may last).
    pub async fn restart(&mut self) {
        self.space.kubectl(&["delete", "leases", "--all"]);
        let before = self.times_led();
        self.start_again();
        self.leads(before).await;
    }

    /// SIGTERM, and waits for its end.
    pub fn terminate(&mut self) {
        self.operator.terminate(seconds(60));
    }

    fn start_again(&mut self) {
        self.operator = self
            .space
            .operator_again(&self.kubeconfig, "operator", &self.arguments);
    }

    fn times_led(&self) -> usize {
        self.log().matches("leading identity=").count()
    }

    /// Waits until operators of this namespace have led more often than that.
    async fn leads(&mut self, before: usize) {
        let space = self.space;
        space
            .eventually("leader", seconds(60), async || {
                self.look();
                (self.times_led() > before).then_some(())
            })
            .await;
    }
}
