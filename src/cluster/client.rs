//! The clients: one that reads, one that writes behind the fence, one for the lease. Nothing else makes a client.

use std::{net::Ipv4Addr, path::PathBuf, sync::Arc, time::Duration};

use hyper_util::rt::TokioExecutor;
use kube::{
    Client, Config,
    client::{ClientBuilder, ConfigExt},
    config::{AuthInfo, KubeConfigOptions, Kubeconfig, KubeconfigError},
};
use tower::{BoxError, ServiceBuilder};

use super::{
    fence::{Fence, FenceLayer},
    own,
    patience::PatienceLayer,
};

/// How long a read may take, its retries included; a page of a long list takes seconds.
const READ_LIMIT: Duration = Duration::from_secs(20);

/// No client could be made.
#[derive(thiserror::Error, Debug)]
pub enum ClientError {
    /// Neither a kubeconfig nor an in-cluster configuration could be used.
    #[error(
        "no cluster to connect to: set KUBECONFIG, or run in a Pod with a service account token"
    )]
    Config(#[source] Box<kube::config::InferConfigError>),
    /// The kubeconfig, or the context of it, that was named cannot be used.
    #[error("cannot use {0}")]
    Kubeconfig(String, #[source] Box<KubeconfigError>),
    /// The kubeconfig has no user of the name that was given: kube would go on as nobody.
    #[error("cannot use {0}: there is no user of that name")]
    NoUser(String),
    /// The configuration names a proxy, which the writing client does not speak to.
    #[error(
        "the kubeconfig names a proxy ({0}), which is not supported: connect to the API server directly"
    )]
    Proxy(String),
    /// The configuration's credentials or certificates cannot be used.
    #[error("cannot use the credentials or certificates of the cluster configuration")]
    Build(#[source] Box<kube::Error>),
}

/// Which cluster is meant, and as whom, where somebody names it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// The kubeconfig. None: the usual one.
    pub kubeconfig: Option<PathBuf>,
    /// The context of it. None: its current one.
    pub context: Option<String>,
    /// The cluster of it. None: that of the context.
    pub cluster: Option<String>,
    /// The user of it. None: that of the context.
    pub user: Option<String>,
    /// Who somebody is instead of that user.
    pub identity: Identity,
}

/// Who somebody is, beside what the kubeconfig says.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// A token, which takes the place of all other credentials.
    pub token: Option<String>,
    /// The user that is impersonated.
    pub impersonated: Option<String>,
    /// The groups that are impersonated.
    pub groups: Vec<String>,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Identity")
            .field("impersonated", &self.impersonated)
            .field("groups", &self.groups)
            .finish_non_exhaustive()
    }
}

impl Identity {
    fn assume(&self, known: &mut AuthInfo) {
        if let Some(token) = &self.token {
            // A client certificate would go before a token.
            *known = AuthInfo {
                token: Some(token.clone().into()),
                ..AuthInfo::default()
            };
        }
        if let Some(user) = &self.impersonated {
            known.impersonate = Some(user.clone());
        }
        if !self.groups.is_empty() {
            known.impersonate_groups = Some(self.groups.clone());
        }
    }
}

impl Target {
    async fn config(&self) -> Result<Config, ClientError> {
        let mut config = self.stored().await?;
        self.identity.assume(&mut config.auth_info);
        Ok(config)
    }

    /// As the kubeconfig, or the Pod, has it.
    async fn stored(&self) -> Result<Config, ClientError> {
        let named = [&self.context, &self.cluster, &self.user];
        if self.kubeconfig.is_none() && named.iter().all(|name| name.is_none()) {
            let config = Config::infer().await;
            return config.map_err(|error| ClientError::Config(Box::new(error)));
        }
        let unusable = |error| ClientError::Kubeconfig(self.words(), Box::new(error));
        let kubeconfig = match &self.kubeconfig {
            Some(path) => Kubeconfig::read_from(path),
            None => Kubeconfig::read(),
        };
        let options = KubeConfigOptions {
            context: self.context.clone(),
            cluster: self.cluster.clone(),
            user: self.user.clone(),
        };
        let kubeconfig = kubeconfig.map_err(unusable)?;
        let mut users = kubeconfig.auth_infos.iter();
        if let Some(user) = &self.user
            && !users.any(|known| known.name == *user)
        {
            return Err(ClientError::NoUser(self.words()));
        }
        let config = Config::from_custom_kubeconfig(kubeconfig, &options).await;
        config.map_err(unusable)
    }

    fn words(&self) -> String {
        let named = [
            ("context", &self.context),
            ("cluster", &self.cluster),
            ("user", &self.user),
        ];
        let named: Vec<_> = named
            .into_iter()
            .filter_map(|(kind, name)| Some(format!("{kind} {}", name.as_ref()?)))
            .collect();
        let of = if named.is_empty() { "" } else { " of " };
        let file = self.kubeconfig.as_ref();
        let file = file.map(|path| format!(" {}", path.display()));
        format!(
            "{}{of}the kubeconfig{}",
            named.join(" and "),
            file.unwrap_or_default()
        )
    }
}

/// The three clients of a process.
#[derive(Clone)]
pub struct Clients {
    /// Reads and watches; retries by itself, and gives a read up after a while.
    pub read: Client,
    /// Writes; sends nothing unless the fence is open, and never retries.
    pub write: Client,
    /// Reads and writes the Lease; not fenced, never retries.
    pub lease: Client,
    /// Namespace of the kubeconfig's context or of the Pod.
    pub default_namespace: String,
    /// Addresses of the cluster itself, as far as this process is told: none of them is a device's.
    pub own_addresses: Vec<Ipv4Addr>,
}

impl Clients {
    /// The namespace that is meant: the one that was named, else that of the context.
    #[must_use]
    pub fn namespace<'a>(&'a self, named: Option<&'a str>) -> &'a str {
        named.unwrap_or(&self.default_namespace)
    }

    /// Connects as the kubeconfig says, else as the Pod's service account. `timeout` is that of one write.
    ///
    /// # Errors
    /// When there is no usable configuration.
    pub async fn connect(fence: Arc<Fence>, timeout: Duration) -> Result<Self, ClientError> {
        Self::connect_to(&Target::default(), fence, timeout).await
    }

    /// Connects to the cluster that is meant.
    ///
    /// # Errors
    /// When there is no usable configuration.
    pub async fn connect_to(
        target: &Target,
        fence: Arc<Fence>,
        timeout: Duration,
    ) -> Result<Self, ClientError> {
        Self::new(target.config().await?, fence, timeout)
    }

    /// Clients of a known configuration.
    ///
    /// # Errors
    /// When its credentials or certificates cannot be used.
    pub fn new(
        mut config: Config,
        fence: Arc<Fence>,
        timeout: Duration,
    ) -> Result<Self, ClientError> {
        if let Some(proxy) = &config.proxy_url {
            return Err(ClientError::Proxy(proxy.to_string()));
        }
        let built = |error| ClientError::Build(Box::new(error));
        let read = ClientBuilder::try_from(config.clone())
            .map_err(built)?
            .with_layer(&PatienceLayer::new(READ_LIMIT))
            .build();
        config.default_retry = false;
        Ok(Self {
            read,
            write: direct(&config, Some(FenceLayer::new(fence, timeout))).map_err(built)?,
            lease: direct(&config, None).map_err(built)?,
            own_addresses: own::addresses(config.cluster_url.host(), std::env::vars()),
            default_namespace: config.default_namespace,
        })
    }
}

/// A client without retries, with the fence right above the connection: kube's own builder would put it outside of
/// authentication, which may wait for a token.
fn direct(config: &Config, fence: Option<FenceLayer>) -> kube::Result<Client> {
    let connection = hyper_util::client::legacy::Client::builder(TokioExecutor::new())
        .build(config.rustls_https_connector()?);
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .option_layer(fence)
        .map_err(Into::<BoxError>::into)
        .service(connection);
    Ok(Client::new(service, config.default_namespace.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_takes_the_place_of_all_credentials_and_impersonation_is_added() {
        let mut known = AuthInfo {
            client_certificate: Some("cert".into()),
            impersonate: Some("old".into()),
            ..AuthInfo::default()
        };
        let identity = Identity {
            impersonated: Some("jane".into()),
            groups: vec!["flashers".into()],
            ..Identity::default()
        };
        identity.assume(&mut known);
        assert_eq!(known.client_certificate.as_deref(), Some("cert"));
        assert_eq!(known.impersonate.as_deref(), Some("jane"));
        assert_eq!(known.impersonate_groups, Some(vec!["flashers".into()]));
        let identity = Identity {
            token: Some("secret".into()),
            ..Identity::default()
        };
        identity.assume(&mut known);
        assert!(known.client_certificate.is_none() && known.token.is_some());
        assert!(!format!("{identity:?}").contains("secret"));
    }

    #[test]
    fn what_was_named_of_the_kubeconfig_is_named_in_its_refusal() {
        let target = Target {
            kubeconfig: Some("/etc/k".into()),
            context: Some("lab".into()),
            user: Some("jane".into()),
            ..Target::default()
        };
        assert_eq!(
            target.words(),
            "context lab and user jane of the kubeconfig /etc/k"
        );
    }
}
