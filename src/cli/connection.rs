//! The one place in which subcommands make their clients: of the cluster, and as the person, that the command line names.

use std::{path::PathBuf, sync::Arc, time::Duration};

use crate::cluster::{ClientError, Clients, Fence, Target};

/// Which cluster is meant, and as whom.
#[derive(clap::Args, Clone, Debug, Default, PartialEq, Eq)]
pub struct Connection {
    /// Kubeconfig. Unset: that of $KUBECONFIG, else ~/.kube/config, else the service account of the Pod.
    #[arg(long, value_name = "FILE", help_heading = "Cluster")]
    kubeconfig: Option<PathBuf>,

    /// Context of the kubeconfig. Unset: its current one.
    #[arg(long, value_name = "NAME", help_heading = "Cluster")]
    context: Option<String>,
}

impl Connection {
    /// Clients that only read.
    ///
    /// # Errors
    /// When there is no usable configuration.
    pub async fn reading(&self, patience: Duration) -> Result<Clients, ClientError> {
        self.clients(Fence::default(), patience).await
    }

    /// Clients that write, too: with the person's own rights, and without the lease.
    ///
    /// # Errors
    /// When there is no usable configuration.
    pub async fn writing(&self, patience: Duration) -> Result<Clients, ClientError> {
        self.clients(Fence::always_open(), patience).await
    }

    async fn clients(&self, fence: Fence, patience: Duration) -> Result<Clients, ClientError> {
        let target = Target {
            kubeconfig: self.kubeconfig.clone(),
            context: self.context.clone(),
            ..Target::default()
        };
        Clients::connect_to(&target, Arc::new(fence), patience).await
    }
}
