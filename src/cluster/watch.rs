//! Watches: what changes in the cluster, as a stream of plain events. Reads only; a stream never ends by itself.
//!
//! Called by the controllers' wiring. Objects that today's types cannot hold arrive as such, and stop nothing.

use std::{fmt::Debug, time::Duration};

use futures::{
    Stream, StreamExt,
    stream::{BoxStream, select_all},
};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Pod, Secret, Service};
use kube::{
    Api, Client, Resource, ResourceExt,
    core::{DeserializeGuard, NamespaceResourceScope},
    runtime::{
        WatchStreamExt,
        utils::Backoff,
        watcher::{self, Config, watcher},
    },
};
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::{
    error::{ApiError, ErrorKind},
    read::Scope,
};
use crate::{
    api::{FlashClass, FlashJob, Guarded, Instance},
    names,
};

/// Pauses after failures grow from here …
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// … to here: a kind that is installed later is seen within seconds.
const LONGEST_PAUSE: Duration = Duration::from_secs(4);
/// So long after a failure the next one is a new one.
const GONE_WELL: Duration = Duration::from_secs(20);

/// Objects in one page of a list whose objects anybody may fill up to the 1.5 MiB that etcd stores: a page is held as text,
/// twice.
const LARGE_PAGE: u32 = 20;

/// What a watch saw.
#[derive(Debug)]
pub enum WatchEvent<K> {
    /// A list begins: what is not seen before `Listed` does not exist any more.
    Restarted,
    /// An object exists in this form: listed, created or changed.
    Seen(K),
    /// The list is complete.
    Listed,
    /// An object was deleted; this is its last form.
    Deleted(K),
    /// The kind does not exist in this cluster; the watch looks again within seconds.
    NotInstalled,
    /// The watch failed and tries again.
    Failed(ApiError),
}

/// An event and the part of the scope that it comes from: a namespace, or the whole cluster.
#[derive(Debug)]
pub struct Watched<K> {
    /// The namespace that is watched; absent for the whole cluster.
    pub part: Option<String>,
    /// What was seen.
    pub event: WatchEvent<K>,
}

/// A stream of events over all parts of a scope.
pub type Watch<K> = BoxStream<'static, Watched<K>>;

/// Every `FlashJob`.
#[must_use]
pub fn flash_jobs(client: &Client, scope: &Scope) -> Watch<Guarded<FlashJob>> {
    watch(client, scope, &Config::default().page_size(LARGE_PAGE))
}

/// Every Instance of Akri.
#[must_use]
pub fn instances(client: &Client, scope: &Scope) -> Watch<DeserializeGuard<Instance>> {
    watch(client, scope, &Config::default())
}

/// Pods of attempts.
#[must_use]
pub fn pods(client: &Client, scope: &Scope) -> Watch<Pod> {
    watch(client, scope, &of_a_job(""))
}

/// Services of attempts.
#[must_use]
pub fn services(client: &Client, scope: &Scope) -> Watch<Service> {
    watch(client, scope, &of_a_job(""))
}

/// Release Secrets of attempts.
#[must_use]
pub fn secrets(client: &Client, scope: &Scope) -> Watch<Secret> {
    watch(client, scope, &of_a_job(",owner=helm"))
}

/// Every `FlashClass`.
#[must_use]
pub fn flash_classes(client: &Client) -> Watch<Guarded<FlashClass>> {
    let config = Config::default().page_size(LARGE_PAGE);
    one_part(Api::all(client.clone()), config, None).boxed()
}

/// One `ConfigMap`: the administrator's chart values.
#[must_use]
pub fn config_map(client: &Client, namespace: &str, name: &str) -> Watch<ConfigMap> {
    let scope = Scope::Namespaces([namespace.to_owned()].into());
    let config = Config::default().fields(&format!("metadata.name={name}"));
    watch(client, &scope, &config)
}

/// Every namespace: few objects, in whatever scope.
#[must_use]
pub fn namespaces(client: &Client) -> Watch<Namespace> {
    one_part(Api::all(client.clone()), Config::default(), None).boxed()
}

fn of_a_job(more: &str) -> Config {
    Config::default().labels(&format!("{}{more}", names::LABEL_JOB_UID))
}

fn watch<K>(client: &Client, scope: &Scope, config: &Config) -> Watch<K>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + Debug
        + DeserializeOwned
        + Send
        + 'static,
{
    let parts = scope.parts().into_iter().map(|part| {
        let api: Api<K> = match &part {
            Some(namespace) => Api::namespaced(client.clone(), namespace),
            None => Api::all(client.clone()),
        };
        one_part(api, config.clone(), part).boxed()
    });
    select_all(parts).boxed()
}

fn one_part<K>(
    api: Api<K>,
    config: Config,
    part: Option<String>,
) -> impl Stream<Item = Watched<K>> + Send
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + 'static,
{
    watcher(api, config)
        .backoff(Pauses::default())
        .map(move |event| Watched {
            part: part.clone(),
            event: plain(event),
        })
}

fn plain<K: Resource<DynamicType = ()>>(
    event: Result<watcher::Event<K>, watcher::Error>,
) -> WatchEvent<K> {
    match event {
        Ok(watcher::Event::Init) => WatchEvent::Restarted,
        Ok(watcher::Event::InitApply(object) | watcher::Event::Apply(object)) => {
            WatchEvent::Seen(slim(object))
        }
        Ok(watcher::Event::InitDone) => WatchEvent::Listed,
        Ok(watcher::Event::Delete(object)) => WatchEvent::Deleted(slim(object)),
        Err(error) => failed(&format!("watch {}", K::plural(&())), &error),
    }
}

/// Drops what nobody reads and what is often half of an object.
fn slim<K: Resource>(mut object: K) -> K {
    object.managed_fields_mut().clear();
    object
}

fn failed<K>(request: &str, error: &watcher::Error) -> WatchEvent<K> {
    let error = match error {
        watcher::Error::InitialListFailed(error)
        | watcher::Error::WatchStartFailed(error)
        | watcher::Error::WatchFailed(error) => ApiError::new(request, error),
        watcher::Error::WatchError(status) => {
            ApiError::new(request, &kube::Error::Api(status.clone()))
        }
        watcher::Error::NoResourceVersion => ApiError {
            request: request.to_owned(),
            kind: ErrorKind::Unavailable,
            message: error.to_string(),
        },
    };
    if error.is_not_found() {
        WatchEvent::NotInstalled
    } else {
        WatchEvent::Failed(error)
    }
}

/// Doubling pauses after failures; they begin anew once a watch has gone well for a while.
///
/// Not at every success, as kube would have it: the beginning of a list counts as one, so that a list which always fails
/// would be asked for without end at the shortest pause.
#[derive(Debug, Default)]
struct Pauses {
    failures: u32,
    latest: Option<Instant>,
}

impl Pauses {
    fn after_failure(&mut self, now: Instant) -> Duration {
        if self
            .latest
            .is_some_and(|latest| now.duration_since(latest) > GONE_WELL)
        {
            self.failures = 0;
        }
        self.latest = Some(now);
        let pause = FIRST_PAUSE * 2u32.pow(self.failures.min(8));
        self.failures = self.failures.saturating_add(1);
        pause.min(LONGEST_PAUSE)
    }
}

impl Iterator for Pauses {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        Some(self.after_failure(Instant::now()))
    }
}

impl Backoff for Pauses {
    fn reset(&mut self) {}
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    #[test]
    fn a_kind_that_does_not_exist_is_no_failure() {
        let missing = Status::failure(
            "the server could not find the requested resource",
            "NotFound",
        )
        .with_code(404);
        let error = watcher::Error::InitialListFailed(kube::Error::Api(missing.boxed()));
        assert!(matches!(
            failed::<Pod>("watch instances", &error),
            WatchEvent::NotInstalled
        ));
        let error = watcher::Error::NoResourceVersion;
        let WatchEvent::Failed(error) = failed::<Pod>("watch pods", &error) else {
            panic!("a failure");
        };
        assert_eq!(error.kind, ErrorKind::Unavailable);
    }

    #[test]
    fn pauses_double_up_to_a_few_seconds_and_begin_anew_after_a_good_while() {
        let mut pauses = Pauses::default();
        let mut now = Instant::now();
        let mut millis = Vec::new();
        for _ in 0..6 {
            let pause = pauses.after_failure(now);
            millis.push(pause.as_millis());
            pauses.reset();
            now += pause;
        }
        assert_eq!(millis, [500, 1000, 2000, 4000, 4000, 4000]);
        assert_eq!(pauses.after_failure(now + GONE_WELL), FIRST_PAUSE);
    }
}
