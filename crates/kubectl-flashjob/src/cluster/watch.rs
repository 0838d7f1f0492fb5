//! One FlashJob as it changes, through lost connections and expired versions.

use flashjob_operator::{
    api::{FlashJob, Guarded},
    cluster::{ApiError, ErrorKind},
    flashjob::spec::job::Job,
};
use futures::{Stream, StreamExt};
use kube::{
    Api, Error,
    runtime::{WatchStreamExt, watcher},
};

use super::Cluster;

/// What a watch saw.
pub enum Seen {
    /// The job as it is now.
    Job(Box<Job>),
    /// There is none.
    Gone,
    /// The connection was lost, for this reason; it is tried again.
    Lost(String),
}

/// The job of this name as it changes.
///
/// An error is one that trying again does not heal.
pub fn watch_job(
    cluster: &Cluster,
    name: &str,
) -> impl Stream<Item = Result<Seen, ApiError>> + use<> {
    let client = cluster.reader.client().clone();
    let api: Api<Guarded<FlashJob>> = Api::namespaced(client, &cluster.namespace);
    let what = format!("watch FlashJob {}/{name}", cluster.namespace);
    let changes = watcher::watch_object(api, name).default_backoff();
    changes.filter_map(move |change| {
        let seen = match change {
            Ok(Some(guard)) => Job::parse(&guard).map(|job| Ok(Seen::Job(Box::new(job)))),
            Ok(None) => Some(Ok(Seen::Gone)),
            Err(error) => failed(&what, error),
        };
        std::future::ready(seen)
    })
}

/// What a failure of a watch means.
fn failed(what: &str, error: watcher::Error) -> Option<Result<Seen, ApiError>> {
    let error = match error {
        watcher::Error::InitialListFailed(error)
        | watcher::Error::WatchStartFailed(error)
        | watcher::Error::WatchFailed(error) => error,
        watcher::Error::WatchError(status) => Error::Api(status),
        watcher::Error::NoResourceVersion => return None,
    };
    let lost = lost(ApiError::new(what, &error));
    lost.map(|why| why.map(Seen::Lost)).transpose()
}

/// Why a connection was lost, if trying again can help; absent if only a version has expired, as versions do.
///
/// # Errors
/// When trying again cannot help.
pub(super) fn lost(error: ApiError) -> Result<Option<String>, ApiError> {
    match error.kind {
        ErrorKind::Gone => Ok(None),
        ErrorKind::Forbidden | ErrorKind::NotFound | ErrorKind::Unauthorized => Err(error),
        _ => Ok(Some(error.to_string())),
    }
}
