//! What a report reads: objects as they are stored, and the ends of logs. Reads only, and no Secret.

use std::fmt::Debug;

use flashjob_operator::cluster::ApiError;
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, Resource,
    api::{DynamicObject, ListParams, LogParams},
    core::ApiResource,
};

use super::Cluster;

/// Most objects of a kind.
const OBJECTS: u32 = 500;
/// Most lines of a log, from its end.
const LINES: i64 = 5000;
/// Most bytes of a log.
const BYTES: i64 = 1 << 20;

/// Objects of a kind.
pub struct Objects {
    /// The first of them.
    pub items: Vec<DynamicObject>,
    /// Whether there are more.
    pub more: bool,
}

/// Which objects of a kind are meant.
#[derive(Clone, Debug, Default)]
pub struct Chosen {
    /// In which namespace; none: of the whole cluster.
    pub namespace: Option<String>,
    /// With these labels.
    pub labels: String,
    /// With these fields.
    pub fields: String,
}

impl Cluster {
    /// Objects of a kind as they are stored.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn objects<K: Resource<DynamicType = ()> + Debug>(
        &self,
        chosen: &Chosen,
    ) -> Result<Objects, ApiError> {
        let resource = ApiResource::erase::<K>(&());
        let client = self.reader.client().clone();
        let (api, place): (Api<DynamicObject>, _) = match &chosen.namespace {
            Some(namespace) => (
                Api::namespaced_with(client, namespace, &resource),
                format!("in namespace {namespace}"),
            ),
            None => (
                Api::all_with(client, &resource),
                "in the whole cluster".to_owned(),
            ),
        };
        let mut parameters = ListParams::default().limit(OBJECTS);
        if !chosen.labels.is_empty() {
            parameters = parameters.labels(&chosen.labels);
        }
        if !chosen.fields.is_empty() {
            parameters = parameters.fields(&chosen.fields);
        }
        let listed = api.list(&parameters).await;
        let listed = listed
            .map_err(|error| ApiError::new(format!("list {} {place}", resource.plural), &error))?;
        let token = listed.metadata.continue_;
        Ok(Objects {
            items: listed.items,
            more: token.is_some_and(|token| !token.is_empty()),
        })
    }

    /// The end of a container's log.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn end_of_log(
        &self,
        namespace: &str,
        pod: &str,
        container: &str,
    ) -> Result<String, ApiError> {
        let api: Api<Pod> = Api::namespaced(self.reader.client().clone(), namespace);
        let parameters = LogParams {
            container: Some(container.to_owned()),
            tail_lines: Some(LINES),
            limit_bytes: Some(BYTES),
            timestamps: true,
            ..LogParams::default()
        };
        let log = api.logs(pod, &parameters).await;
        log.map_err(|error| ApiError::new(format!("read the log of Pod {namespace}/{pod}"), &error))
    }
}
