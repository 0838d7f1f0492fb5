//! Where the API server is, and which certificate authority vouches for it. Credentials of the configuration are never read.

use std::path::PathBuf;

use http::Uri;
use kube::{
    Config,
    config::{AuthInfo, InClusterError, KubeConfigOptions, Kubeconfig, KubeconfigError},
};

/// Address of the API server for Pods.
const IN_CLUSTER: &str = "https://kubernetes.default.svc";

/// The API server that is meant.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct Address {
    /// Kubeconfig that names the API server and its certificate authority; its credentials are not used. Unset: that of
    /// $KUBECONFIG, else ~/.kube/config, else what a Pod finds.
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,

    /// Context of the kubeconfig. Unset: its current one.
    #[arg(long, value_name = "NAME")]
    pub context: Option<String>,

    /// Address of the API server, instead of a kubeconfig.
    #[arg(long, value_name = "URL", conflicts_with_all = ["kubeconfig", "context"])]
    pub server: Option<Uri>,

    /// Certificate authority of the API server, as PEM. Without --server the API server is kubernetes.default.svc: as for a Pod
    /// without a token.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["kubeconfig", "context"])]
    pub certificate_authority: Option<PathBuf>,
}

/// No API server is known.
#[derive(thiserror::Error, Debug)]
pub enum AddressError {
    /// The kubeconfig cannot be used.
    #[error("cannot use the kubeconfig")]
    Kubeconfig(#[source] Box<KubeconfigError>),
    /// No kubeconfig exists, and the process does not run in a Pod.
    #[error("no API server is known: give --kubeconfig, or --server and --certificate-authority")]
    Nowhere(#[source] Box<InClusterError>),
    /// The kubeconfig names a proxy.
    #[error(
        "the kubeconfig names a proxy ({0}), which is not supported: connect to the API server directly"
    )]
    Proxy(String),
    /// Without TLS, anyone on the network path can read the tokens.
    #[error(
        "the API server's address {0} is not https: anyone on the network path could read the tokens"
    )]
    Plain(String),
    /// The certificates cannot be used.
    #[error("cannot use the certificates of the API server's address")]
    Certificates(#[source] Box<kube::Error>),
}

impl Address {
    /// The configuration without any credentials.
    ///
    /// # Errors
    /// When no API server is named, or it cannot be used.
    pub async fn config(&self) -> Result<Config, AddressError> {
        let config = without_credentials(self.stored().await?);
        if let Some(proxy) = &config.proxy_url {
            return Err(AddressError::Proxy(proxy.to_string()));
        }
        if config.cluster_url.scheme_str() != Some("https") {
            return Err(AddressError::Plain(config.cluster_url.to_string()));
        }
        Ok(config)
    }

    async fn stored(&self) -> Result<Config, AddressError> {
        if self.server.is_some() || self.certificate_authority.is_some() {
            let in_cluster = || Uri::from_static(IN_CLUSTER);
            let mut config = Config::new(self.server.clone().unwrap_or_else(in_cluster));
            config
                .root_cert_file
                .clone_from(&self.certificate_authority);
            return Ok(config);
        }
        let unusable = |error| AddressError::Kubeconfig(Box::new(error));
        let kubeconfig = match &self.kubeconfig {
            Some(path) => Kubeconfig::read_from(path).map_err(unusable)?,
            None => match Kubeconfig::read() {
                Ok(kubeconfig) => kubeconfig,
                Err(error) if self.context.is_some() || !is_absent(&error) => {
                    return Err(unusable(error));
                }
                Err(_) => {
                    let config = Config::incluster();
                    return config.map_err(|error| AddressError::Nowhere(Box::new(error)));
                }
            },
        };
        let options = KubeConfigOptions {
            context: self.context.clone(),
            ..KubeConfigOptions::default()
        };
        let config = Config::from_custom_kubeconfig(anonymous(kubeconfig), &options).await;
        config.map_err(unusable)
    }
}

/// Whether the error means that no kubeconfig exists.
fn is_absent(error: &KubeconfigError) -> bool {
    match error {
        KubeconfigError::FindPath => true,
        KubeconfigError::ReadConfig(cause, _) => cause.kind() == std::io::ErrorKind::NotFound,
        _ => false,
    }
}

/// The kubeconfig without any credentials, so that none can be read, run or sent.
fn anonymous(mut kubeconfig: Kubeconfig) -> Kubeconfig {
    for user in &mut kubeconfig.auth_infos {
        user.auth_info = Some(AuthInfo::default());
    }
    kubeconfig
}

fn without_credentials(mut config: Config) -> Config {
    config.auth_info = AuthInfo::default();
    config.headers.clear();
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    const KUBECONFIG: &str = "
apiVersion: v1
kind: Config
current-context: lab
contexts: [{name: lab, context: {cluster: lab, user: jane, namespace: demo}}]
clusters: [{name: lab, cluster: {server: 'https://192.0.2.1:6443'}}]
users: [{name: jane, user: {token: secret, client-key: /nowhere, exec: {command: /nowhere, apiVersion: client.authentication.k8s.io/v1}}}]
";

    #[tokio::test]
    async fn the_credentials_of_a_kubeconfig_are_never_used() {
        let kubeconfig = Kubeconfig::from_yaml(KUBECONFIG).unwrap();
        let options = KubeConfigOptions::default();
        let config = Config::from_custom_kubeconfig(anonymous(kubeconfig), &options)
            .await
            .unwrap();
        assert_eq!(config.cluster_url, "https://192.0.2.1:6443/");
        assert!(config.auth_info.token.is_none() && config.auth_info.exec.is_none());
        assert!(config.auth_info.client_key.is_none());
    }

    #[tokio::test]
    async fn an_address_over_which_tokens_could_be_read_is_refused() {
        let address = Address {
            server: Some(Uri::from_static("http://192.0.2.1:8080")),
            ..Address::default()
        };
        let error = address.config().await.unwrap_err();
        assert!(error.to_string().contains("is not https"), "{error}");
    }

    #[tokio::test]
    async fn a_pod_without_a_token_needs_the_certificate_authority_alone() {
        let address = Address {
            certificate_authority: Some("/etc/ca.crt".into()),
            ..Address::default()
        };
        let config = address.config().await.unwrap();
        assert_eq!(config.cluster_url, "https://kubernetes.default.svc/");
        assert_eq!(config.root_cert_file, Some("/etc/ca.crt".into()));
    }
}
