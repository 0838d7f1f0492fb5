//! What `doctor` asks about the namespace itself. Reads, and tries a write that is stored nowhere.

use std::collections::BTreeMap;

use flashjob_operator::cluster::ApiError;
use k8s_openapi::api::core::v1::{Namespace, Service, ServicePort, ServiceSpec};
use kube::{
    Api,
    api::{ObjectMeta, PostParams},
};

use super::Cluster;
use crate::view::doctor::Answer;

/// Name of the Service that is tried.
const TRIED: &str = "flashjob-doctor";

impl Cluster {
    /// Asks the API server whether it would take a Service as a flash has one; it is stored nowhere.
    pub(super) async fn try_balanced(&self) -> Answer<()> {
        let namespace = &self.namespace;
        let api: Api<Service> = Api::namespaced(self.write.clone(), namespace);
        let service = Service {
            metadata: ObjectMeta {
                name: Some(TRIED.to_owned()),
                ..ObjectMeta::default()
            },
            spec: Some(ServiceSpec {
                type_: Some("LoadBalancer".to_owned()),
                ports: Some(vec![ServicePort {
                    port: 80,
                    ..ServicePort::default()
                }]),
                ..ServiceSpec::default()
            }),
            ..Service::default()
        };
        let parameters = PostParams {
            dry_run: true,
            ..PostParams::default()
        };
        let answer = api.create(&parameters, &service).await;
        let what = format!("try a Service in namespace {namespace}");
        answer
            .map(drop)
            .map_err(|error| ApiError::new(what, &error))
    }

    /// Labels of the namespace.
    pub(super) async fn labels(&self) -> Answer<BTreeMap<String, String>> {
        let name = &self.namespace;
        let api: Api<Namespace> = Api::all(self.reader.client().clone());
        let found = api.get_metadata_opt(name).await;
        let found =
            found.map_err(|error| ApiError::new(format!("get Namespace {name}"), &error))?;
        Ok(found
            .and_then(|found| found.metadata.labels)
            .unwrap_or_default())
    }
}
