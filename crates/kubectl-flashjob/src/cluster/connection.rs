//! The options by which kubectl is told which cluster is meant, and as whom; and the clients made of them.

use std::{net::Ipv4Addr, path::PathBuf, sync::Arc, time::Duration};

use flashjob_operator::{
    cli::{
        plan::{Asking, Given},
        terminal::Failure,
    },
    cluster::{Clients, Fence, Identity, Reader, Target},
};
use kube::Client;

use crate::show::duration;

/// How long one request may take where nobody says.
const PATIENCE: Duration = Duration::from_secs(30);
/// As good as no limit.
const FOR_EVER: Duration = Duration::from_hours(168);

/// Which cluster is meant, and as whom: the options that kubectl has.
#[derive(clap::Args, Clone, Debug, Default)]
#[command(next_help_heading = "Options of kubectl")]
pub struct Connection {
    /// Kubeconfig. Unset: that of $KUBECONFIG, else ~/.kube/config.
    #[arg(long, global = true, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,

    /// Context of the kubeconfig. Unset: its current one.
    #[arg(long, global = true, value_name = "NAME")]
    context: Option<String>,

    /// Cluster of the kubeconfig. Unset: that of the context.
    #[arg(long, global = true, value_name = "NAME")]
    cluster: Option<String>,

    /// User of the kubeconfig. Unset: that of the context.
    #[arg(long, global = true, value_name = "NAME")]
    user: Option<String>,

    /// User to impersonate.
    #[arg(long = "as", global = true, value_name = "USER")]
    impersonated: Option<String>,

    /// Group to impersonate, beside a user; may be given several times.
    #[arg(
        long = "as-group",
        global = true,
        value_name = "GROUP",
        requires = "impersonated"
    )]
    groups: Vec<String>,

    /// Token that takes the place of the user's credentials.
    #[arg(long, global = true, value_name = "TOKEN", hide_env_values = true)]
    token: Option<String>,

    /// How long one request may take, such as 30s; 0 means no limit.
    #[arg(long, global = true, value_name = "TIME", value_parser = duration::parse)]
    request_timeout: Option<Duration>,

    /// Namespace. Unset: that of the context.
    #[arg(long, short, global = true, value_name = "NAME")]
    pub namespace: Option<String>,
}

/// A cluster, and the person who asks it.
pub struct Cluster {
    /// Reads, each within the time that a request may take.
    pub reader: Reader,
    /// Namespace that is meant.
    pub namespace: String,
    /// Addresses of the cluster itself: no device is there.
    pub own_addresses: Vec<Ipv4Addr>,
    pub(super) write: Client,
    pub(super) follow: Client,
    pub(super) patience: Duration,
}

impl Cluster {
    /// Asks what a job would do by the operator of that namespace, and by what is given in the place of its settings.
    pub fn asking<'a>(&'a self, operator_namespace: &'a str, given: Given) -> Asking<'a> {
        Asking {
            reader: &self.reader,
            own_addresses: self.own_addresses.clone(),
            operator_namespace,
            given: Some(given),
        }
    }
}

impl Connection {
    /// Connects as the options say.
    ///
    /// # Errors
    /// When no configuration can be used.
    pub async fn connect(&self) -> Result<Cluster, Failure> {
        let patience = match self.request_timeout {
            Some(Duration::ZERO) => FOR_EVER,
            Some(limit) => limit,
            None => PATIENCE,
        };
        let fence = Arc::new(Fence::always_open());
        let clients = Clients::connect_to(&self.target(), fence, patience).await?;
        let namespace = clients.namespace(self.namespace.as_deref()).to_owned();
        Ok(Cluster {
            reader: Reader::new(clients.read, patience),
            namespace,
            own_addresses: clients.own_addresses,
            write: clients.write,
            // The only one that does not give up an answer that goes on and on.
            follow: clients.lease,
            patience,
        })
    }

    fn target(&self) -> Target {
        Target {
            kubeconfig: self.kubeconfig.clone(),
            context: self.context.clone(),
            cluster: self.cluster.clone(),
            user: self.user.clone(),
            identity: Identity {
                token: self.token.clone(),
                impersonated: self.impersonated.clone(),
                groups: self.groups.clone(),
            },
        }
    }
}
