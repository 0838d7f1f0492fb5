//! The log of a Pod while it is written.

use flashjob_operator::{cluster::ApiError, names::FLASH_CONTAINER};
use futures::{AsyncBufReadExt, Stream, StreamExt};
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, api::LogParams};

use super::Cluster;

impl Cluster {
    /// The lines of a flash Pod's log; with `follow`, those to come, too.
    ///
    /// # Errors
    /// When the API server or the kubelet cannot give it.
    pub async fn log(
        &self,
        namespace: &str,
        pod: &str,
        follow: bool,
    ) -> Result<impl Stream<Item = std::io::Result<String>> + use<>, ApiError> {
        let api: Api<Pod> = Api::namespaced(self.follow.clone(), namespace);
        let parameters = LogParams {
            container: Some(FLASH_CONTAINER.to_owned()),
            follow,
            ..LogParams::default()
        };
        let log = api.log_stream(pod, &parameters).await.map_err(|error| {
            ApiError::new(format!("read the log of Pod {namespace}/{pod}"), &error)
        })?;
        Ok(log.lines().boxed())
    }
}
