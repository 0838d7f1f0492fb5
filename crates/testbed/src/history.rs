//! Every status that a FlashJob had, as a watch shows them.

use std::sync::{Arc, Mutex};

use futures::StreamExt;
use jiff::Timestamp;
use kube::{
    Api,
    api::{ApiResource, DynamicObject},
    runtime::watcher,
};
use serde_json::Value;
use tokio::task::JoinSet;

use super::{Space, job::Seen};

/// A status and when it was seen: it was stored before.
#[derive(Debug, Clone)]
pub struct Moment {
    /// When it was seen.
    pub at: Timestamp,
    /// The job without its list of devices.
    pub job: Arc<Seen>,
}

/// The statuses of one job so far.
pub struct History {
    seen: Arc<Mutex<Vec<Moment>>>,
    _watch: JoinSet<()>,
}

impl History {
    /// Follows the job of that name from now on, whether it exists already or not.
    pub fn of(space: &Space, name: &str) -> Self {
        let kind = ApiResource {
            group: "application.flashjob.nbfc.io".into(),
            version: "v1alpha1".into(),
            api_version: "application.flashjob.nbfc.io/v1alpha1".into(),
            kind: "FlashJob".into(),
            plural: "flashjobs".into(),
        };
        let api: Api<DynamicObject> =
            Api::namespaced_with(space.client.clone(), &space.name, &kind);
        let config = watcher::Config::default().fields(&format!("metadata.name={name}"));
        let seen: Arc<Mutex<Vec<Moment>>> = Arc::default();
        let known = seen.clone();
        let mut watch = JoinSet::new();
        watch.spawn(async move {
            let mut events = watcher(api, config).boxed();
            while let Some(event) = events.next().await {
                let Ok(watcher::Event::Apply(job) | watcher::Event::InitApply(job)) = event else {
                    continue;
                };
                let mut job = serde_json::to_value(&job).unwrap();
                if let Some(status) = job["status"].as_object_mut() {
                    status.remove("devices");
                    status.remove("completedUUIDs");
                }
                job["spec"]["uuid"] = Value::Null;
                known.lock().unwrap().push(Moment {
                    at: Timestamp::now(),
                    job: Arc::new(Seen(job)),
                });
            }
        });
        Self {
            seen,
            _watch: watch,
        }
    }

    /// What was seen so far.
    pub fn moments(&self) -> Vec<Moment> {
        self.seen.lock().unwrap().clone()
    }
}
