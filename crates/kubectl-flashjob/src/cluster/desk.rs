//! The console on loopback, as the person who starts it.

use flashjob_console::{cluster::Desk, session::Pass};

use super::Cluster;

impl Cluster {
    /// What answers whoever has the pass with the person's own credentials, and plans by the operator of that namespace.
    pub fn desk(&self, pass: Pass, port: u16, operator_namespace: &str) -> Desk {
        Desk::own(self.follow.clone(), pass, port)
            .with_operator_namespace(operator_namespace)
            .with_own_addresses(&self.own_addresses)
    }
}
