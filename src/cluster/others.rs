//! What can be seen of other operators: their leader election Leases, and the Deployment of the original. Reads only; called at the
//! election.

use std::{collections::BTreeSet, fmt::Debug};

use k8s_openapi::api::{apps::v1::Deployment, coordination::v1::Lease};
use kube::{Api, Client, Resource, api::ListParams, core::NamespaceResourceScope};
use serde::de::DeserializeOwned;

use super::{ApiError, ErrorKind};
use crate::names;

/// What was seen.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Traces {
    /// Every leader election Lease, one's own among them.
    pub leases: Vec<Lease>,
    /// Every Deployment that is named like the original's.
    pub deployments: Vec<Deployment>,
    /// Where one may not look.
    pub hidden: Vec<ApiError>,
}

/// Looks for other operators.
#[derive(Clone)]
pub struct Others {
    client: Client,
    /// Where to look where the rights do not reach to the whole cluster.
    namespaces: BTreeSet<String>,
}

impl Others {
    /// Looks through `client` in the whole cluster; where that is not allowed, in the namespaces and in that of the original.
    #[must_use]
    pub fn new(client: Client, namespaces: impl IntoIterator<Item = String>) -> Self {
        let original = names::ORIGINAL_NAMESPACE.to_owned();
        Self {
            client,
            namespaces: namespaces.into_iter().chain([original]).collect(),
        }
    }

    /// Looks once, into etcd and not into a cache.
    ///
    /// # Errors
    /// When the API server did not answer. That it refuses is an answer.
    pub async fn look(&self) -> Result<Traces, ApiError> {
        let mut hidden = Vec::new();
        Ok(Traces {
            leases: self.named("Leases", names::LEASE, &mut hidden).await?,
            deployments: self
                .named("Deployments", names::ORIGINAL_DEPLOYMENT, &mut hidden)
                .await?,
            hidden,
        })
    }

    /// Every object of a kind that has this name.
    async fn named<K>(
        &self,
        kind: &str,
        name: &str,
        hidden: &mut Vec<ApiError>,
    ) -> Result<Vec<K>, ApiError>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + DeserializeOwned
            + Clone
            + Debug,
    {
        let everywhere = Api::all(self.client.clone());
        let what = format!("list {kind} named {name} of all namespaces");
        let refusal = match list(&everywhere, name, what).await {
            Err(error) if error.kind == ErrorKind::Forbidden => error,
            answer => return answer,
        };
        hidden.push(refusal);
        let mut found = Vec::new();
        for namespace in &self.namespaces {
            let api = Api::namespaced(self.client.clone(), namespace);
            let what = format!("list {kind} named {name} of namespace {namespace}");
            match list(&api, name, what).await {
                Err(error) if error.kind == ErrorKind::Forbidden => hidden.push(error),
                answer => found.extend(answer?),
            }
        }
        Ok(found)
    }
}

async fn list<K>(api: &Api<K>, name: &str, what: String) -> Result<Vec<K>, ApiError>
where
    K: Clone + DeserializeOwned + Debug,
{
    let parameters = ListParams::default().fields(&format!("metadata.name={name}"));
    let answer = api.list(&parameters).await;
    answer
        .map(|list| list.items)
        .map_err(|error| ApiError::new(what, &error))
}
