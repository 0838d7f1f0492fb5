//! The console on loopback, as the person who starts it.

use flashjob_console::{cluster::Desk, session::Pass};

use super::Cluster;

impl Cluster {
    /// A desk that serves anyone with the pass, using this person's own credentials, and plans by the settings of the operator in that namespace.
    pub fn desk(&self, pass: Pass, port: u16, operator_namespace: &str) -> Desk {
        Desk::own(self.follow.clone(), pass, port)
            .with_operator_namespace(operator_namespace)
            .with_own_addresses(&self.own_addresses)
    }
}
