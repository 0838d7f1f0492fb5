//! Reads that go to the API server and not to a cache: start-up lists, live looks before a decision, and Pod logs.

use std::{collections::BTreeSet, future::Future, time::Duration};

use http::{Request, header};
use jiff::{Timestamp, fmt::rfc2822::DateTimeParser};
use k8s_openapi::{
    api::{apps::v1::ControllerRevision, core::v1::Pod},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{
    Api, Client, Resource,
    api::{ListParams, LogParams, ObjectList},
    client::Body,
    core::{NamespaceResourceScope, PartialObjectMeta},
    discovery::Discovery,
};
use serde::de::DeserializeOwned;

use super::{error::ApiError, log::end_of};
use crate::{identifiers::JobUid, names};

/// Objects in one page of a list.
const PAGE: u32 = 500;
/// Slices of selections in one page of a list: each may have half a MiB.
pub(crate) const SLICES: u32 = 10;
/// Most bytes of a log that are kept, from its end.
const LOG_LIMIT: usize = 1024 * 1024;
/// Most lines of a log that are read, from its end.
const LOG_LINES: i64 = 10_000;

/// Which namespaces are looked at.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Scope {
    /// All of them, also those that come later.
    #[default]
    All,
    /// These.
    Namespaces(BTreeSet<String>),
}

impl Scope {
    /// All namespaces if none is named.
    #[must_use]
    pub fn of(namespaces: &[String]) -> Self {
        if namespaces.is_empty() {
            Self::All
        } else {
            Self::Namespaces(namespaces.iter().cloned().collect())
        }
    }

    /// Whether objects of this namespace are looked at.
    #[must_use]
    pub fn contains(&self, namespace: &str) -> bool {
        match self {
            Self::All => true,
            Self::Namespaces(names) => names.contains(namespace),
        }
    }

    /// The parts that are read separately: a namespace each, or the whole cluster.
    #[must_use]
    pub fn parts(&self) -> Vec<Option<String>> {
        match self {
            Self::All => vec![None],
            Self::Namespaces(names) => names.iter().cloned().map(Some).collect(),
        }
    }
}

/// What the API server is and serves, as Helm's `.Capabilities` has it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClusterVersion {
    /// `v1.36.3`.
    pub kube_version: String,
    /// `v1`, `apps/v1`, `apps/v1/Deployment`, …, sorted.
    pub api_versions: Vec<String>,
}

/// Reads from the cluster.
#[derive(Clone)]
pub struct Reader {
    client: Client,
    timeout: Duration,
}

impl Reader {
    /// Reads through `client` ([`super::Clients::read`]) and gives one request up after `timeout`.
    #[must_use]
    pub fn new(client: Client, timeout: Duration) -> Self {
        Self { client, timeout }
    }

    /// The client, for watches.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Every object of a kind that bears the labels, page by page, from etcd and not from a cache.
    ///
    /// # Errors
    /// When a page cannot be read.
    pub async fn list<K>(&self, scope: &Scope, labels: &str) -> Result<Vec<K>, ApiError>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + DeserializeOwned
            + Clone
            + std::fmt::Debug,
    {
        let mut found = Vec::new();
        for namespace in scope.parts() {
            let api: Api<K> = self.api(namespace.as_deref());
            found.extend(self.list_from(api, namespace.as_deref(), labels).await?);
        }
        Ok(found)
    }

    /// Metadata of every object of a kind, whatever its labels, page by page, from etcd; others than those to keep are dropped
    /// with their page.
    ///
    /// # Errors
    /// When a page cannot be read.
    pub async fn list_metadata<K>(
        &self,
        namespace: Option<&str>,
        keep: fn(&ObjectMeta) -> bool,
    ) -> Result<Vec<PartialObjectMeta<K>>, ApiError>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + DeserializeOwned
            + Clone
            + std::fmt::Debug,
    {
        let api: Api<K> = self.api(namespace);
        let page = |asked: ListParams| {
            let api = api.clone();
            async move {
                let mut page = api.list_metadata(&asked).await?;
                page.items.retain(|object| keep(&object.metadata));
                Ok(page)
            }
        };
        self.pages(&listed::<K>(namespace), "", page).await
    }

    /// Every object of a kind that has no namespace, page by page.
    ///
    /// # Errors
    /// When a page cannot be read.
    pub async fn list_all<K>(&self) -> Result<Vec<K>, ApiError>
    where
        K: Resource<DynamicType = ()> + DeserializeOwned + Clone + std::fmt::Debug,
    {
        self.list_from(Api::all(self.client.clone()), None, "")
            .await
    }

    async fn list_from<K>(
        &self,
        api: Api<K>,
        namespace: Option<&str>,
        labels: &str,
    ) -> Result<Vec<K>, ApiError>
    where
        K: Resource<DynamicType = ()> + DeserializeOwned + Clone + std::fmt::Debug,
    {
        let page = |asked: ListParams| {
            let api = api.clone();
            async move { api.list(&asked).await }
        };
        self.pages(&listed::<K>(namespace), labels, page).await
    }

    async fn pages<T: Clone, F: Future<Output = kube::Result<ObjectList<T>>>>(
        &self,
        what: &str,
        labels: &str,
        list: impl Fn(ListParams) -> F,
    ) -> Result<Vec<T>, ApiError> {
        let mut found = Vec::new();
        let mut asked = ListParams::default().labels(labels).limit(PAGE);
        loop {
            let page = Box::pin(list(asked.clone()));
            let page = self.bounded(what.to_owned(), page).await?;
            found.extend(page.items);
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => asked = asked.continue_token(&token),
                None => return Ok(found),
            }
        }
    }

    /// One object, live; absent where it does not exist.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn get<K>(&self, namespace: &str, name: &str) -> Result<Option<K>, ApiError>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + DeserializeOwned
            + Clone
            + std::fmt::Debug,
    {
        let api: Api<K> = self.api(Some(namespace));
        let what = format!("get {} {namespace}/{name}", K::kind(&()));
        self.bounded(what, async { api.get_opt(name).await }).await
    }

    /// Hands over the slices of the frozen selections of a job, one after the other: all of them may have more than fits into memory.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn revisions(
        &self,
        namespace: &str,
        job_uid: &JobUid,
        mut take: impl FnMut(ControllerRevision),
    ) -> Result<(), ApiError> {
        let api: Api<ControllerRevision> = self.api(Some(namespace));
        let labels = format!("{}={job_uid}", names::LABEL_JOB_UID);
        let mut asked = ListParams::default().labels(&labels).limit(SLICES);
        loop {
            let page = Box::pin(api.list(&asked));
            let what = listed::<ControllerRevision>(Some(namespace));
            let page = self.bounded(what, page).await?;
            page.items.into_iter().for_each(&mut take);
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => asked = asked.continue_token(&token),
                None => return Ok(()),
            }
        }
    }

    /// The end of a container's log; at most 1 MiB, broken characters replaced.
    ///
    /// # Errors
    /// When the API server or the kubelet cannot give it.
    pub async fn pod_log(
        &self,
        namespace: &str,
        name: &str,
        container: &str,
    ) -> Result<String, ApiError> {
        let api: Api<Pod> = self.api(Some(namespace));
        let parameters = LogParams {
            container: Some(container.to_owned()),
            tail_lines: Some(LOG_LINES),
            ..LogParams::default()
        };
        let what = format!("read the log of Pod {namespace}/{name}");
        let bytes = self
            .bounded(what, async {
                let log = api.log_stream(name, &parameters).await?;
                end_of(log, LOG_LIMIT)
                    .await
                    .map_err(kube::Error::ReadEvents)
            })
            .await?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Version of the API server.
    ///
    /// # Errors
    /// When it cannot be reached.
    pub async fn kube_version(&self) -> Result<String, ApiError> {
        let what = "get the version of the API server".to_owned();
        let info = self
            .bounded(what, async { self.client.apiserver_version().await })
            .await?;
        Ok(info.git_version)
    }

    /// The time of the API server's clock. Times that the cluster reports are compared with it, not with the operator's own clock.
    /// None if the answer does not say.
    ///
    /// # Errors
    /// When it cannot be reached.
    pub async fn time(&self) -> Result<Option<Timestamp>, ApiError> {
        let answer = self
            .bounded("ask the API server for its time".to_owned(), async {
                let request = Request::get("/version").body(Body::empty());
                self.client
                    .send(request.map_err(kube::Error::HttpError)?)
                    .await
            })
            .await?;
        let date = answer.headers().get(header::DATE);
        Ok(date.and_then(|date| date_of(date.to_str().ok()?)))
    }

    /// Version and API of the API server.
    ///
    /// # Errors
    /// When it cannot be reached.
    pub async fn cluster_version(&self) -> Result<ClusterVersion, ApiError> {
        let discovery = self
            .bounded("discover the API".to_owned(), async {
                Discovery::new(self.client.clone()).run_aggregated().await
            })
            .await?;
        let mut versions = BTreeSet::new();
        for group in discovery.groups() {
            for version in group.versions() {
                for (resource, _) in group.versioned_resources(version) {
                    versions.insert(format!("{}/{}", resource.api_version, resource.kind));
                    versions.insert(resource.api_version);
                }
            }
        }
        Ok(ClusterVersion {
            kube_version: self.kube_version().await?,
            api_versions: versions.into_iter().collect(),
        })
    }

    fn api<K>(&self, namespace: Option<&str>) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        match namespace {
            Some(namespace) => Api::namespaced(self.client.clone(), namespace),
            None => Api::all(self.client.clone()),
        }
    }

    async fn bounded<T>(
        &self,
        what: String,
        request: impl Future<Output = kube::Result<T>>,
    ) -> Result<T, ApiError> {
        match tokio::time::timeout(self.timeout, request).await {
            Ok(answer) => answer.map_err(|error| ApiError::new(what, &error)),
            Err(_) => Err(ApiError::timeout(what, self.timeout)),
        }
    }
}

/// The time of an HTTP date.
fn date_of(text: &str) -> Option<Timestamp> {
    DateTimeParser::new().parse_timestamp(text).ok()
}

/// A list of a kind, in words.
fn listed<K: Resource<DynamicType = ()>>(namespace: Option<&str>) -> String {
    let place = namespace.unwrap_or("the cluster");
    format!("list {} in {place}", K::plural(&()))
}

#[cfg(test)]
mod tests {
    use http::Response;

    use super::*;

    #[tokio::test]
    async fn the_api_server_s_time_is_that_of_its_answer() {
        let date = "Sun, 29 Nov 2026 00:15:49 GMT";
        let service = tower::service_fn(move |request: Request<Body>| async move {
            assert_eq!(request.uri().path(), "/version");
            Response::builder()
                .header(header::DATE, date)
                .body(Body::empty())
        });
        let reader = Reader::new(Client::new(service, "default"), Duration::from_secs(5));
        let expected: Timestamp = "2026-11-29T00:15:49Z".parse().unwrap();
        assert_eq!(reader.time().await, Ok(Some(expected)));
        assert_eq!(date_of("yesterday"), None);
    }

    #[test]
    fn no_namespace_means_all_of_them() {
        assert_eq!(Scope::of(&[]).parts(), [None]);
        assert!(Scope::of(&[]).contains("any"));
    }

    #[test]
    fn each_named_namespace_is_read_once() {
        let scope = Scope::of(&["b".into(), "a".into(), "b".into()]);
        assert_eq!(scope.parts(), [Some("a".to_owned()), Some("b".to_owned())]);
        assert!(scope.contains("a") && !scope.contains("c"));
    }
}
