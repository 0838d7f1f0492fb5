//! The `FlashJobs` of a run: made, and followed to their end by a watch, which costs the API server next to nothing.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures::StreamExt;
use kube::{
    Api, ResourceExt,
    api::{ApiResource, DynamicObject, Patch, PatchParams, PostParams},
    runtime::{WatchStreamExt, watcher},
};
use serde_json::{Value, json};
use tokio::{sync::watch, task::JoinHandle};

use super::measurement::Scenario;
use testbed::{Fleet, Space, job::job};

/// Longest wait for the end of a run.
const LIMIT: Duration = Duration::from_hours(1);

/// The kind.
pub fn kind() -> ApiResource {
    ApiResource {
        group: "application.flashjob.nbfc.io".into(),
        version: "v1alpha1".into(),
        api_version: "application.flashjob.nbfc.io/v1alpha1".into(),
        kind: "FlashJob".into(),
        plural: "flashjobs".into(),
    }
}

/// The jobs of a scenario over a fleet. One job selects its devices, several name theirs.
pub fn of(scenario: &Scenario, fleet: &Fleet, space: &Space) -> Vec<Value> {
    let uuids = fleet.uuids();
    let mut parallelism =
        json!({"parallelism": scenario.parallelism, "activeDeadlineSecondsPerDevice": 600});
    if scenario.pooled {
        parallelism["flashClassName"] = class(scenario, space).into();
    }
    if scenario.jobs == 1 && scenario.contestant != super::measurement::Contestant::Original {
        let mut whole = job("speed", &[], &parallelism);
        whole["spec"]["uuid"] = Value::Null;
        whole["spec"]["deviceSelector"] = json!({"namespaces": [space.name]});
        return vec![whole];
    }
    // Dealt out one by one: a job has at most one device more than another, and there are as many jobs as can have one.
    let part = |number: usize| -> Vec<String> {
        let of_job = uuids.iter().skip(number).step_by(scenario.jobs);
        of_job.cloned().collect()
    };
    (0..scenario.jobs.min(uuids.len()))
        .map(|number| job(&format!("speed-{number}"), &part(number), &parallelism))
        .collect()
}

/// A class whose devices lease the Services of a pool, as many as may be in flight.
fn class(scenario: &Scenario, space: &Space) -> String {
    let name = format!("{}-pool", space.name);
    let values = json!({"service": {"mode": "Pool", "pool": {"size": scenario.parallelism}}});
    space.put_class(&name, &json!({"defaults": {"values": values}}));
    name
}

/// What was seen of the jobs so far.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// Jobs that have finished, and whether each object is still there.
    finished: BTreeMap<String, bool>,
    /// Size of the largest object, as it is stored.
    pub largest: usize,
    /// Devices that have succeeded, by job.
    succeeded: BTreeMap<String, u64>,
}

/// Follows the jobs of a namespace.
pub struct Followed {
    progress: watch::Receiver<Progress>,
    task: JoinHandle<()>,
}

impl Followed {
    /// Begins to follow.
    pub fn begin(space: &Space) -> Self {
        let api: Api<DynamicObject> =
            Api::namespaced_with(space.client.clone(), &space.name, &kind());
        let (sender, progress) = watch::channel(Progress::default());
        let sender = Arc::new(sender);
        let task = tokio::spawn(async move {
            let events = watcher(api, watcher::Config::default()).default_backoff();
            let mut events = events.boxed();
            while let Some(event) = events.next().await {
                let (object, there) = match event {
                    Ok(watcher::Event::Apply(object) | watcher::Event::InitApply(object)) => {
                        (object, true)
                    }
                    Ok(watcher::Event::Delete(object)) => (object, false),
                    _ => continue,
                };
                let size = serde_json::to_vec(&object).map_or(0, |bytes| bytes.len());
                let done = !there || is_finished(&object);
                let succeeded = object.data["status"]["counts"]["succeeded"].as_u64();
                sender.send_modify(|progress| {
                    let of_job = progress.succeeded.entry(object.name_any());
                    *of_job.or_default() = succeeded.unwrap_or_default();
                    progress.finished.insert(object.name_any(), done);
                    progress.largest = progress.largest.max(size);
                });
            }
        });
        Self { progress, task }
    }

    /// Waits until that many devices of all jobs have succeeded.
    pub async fn succeeded(&mut self, devices: usize) -> Progress {
        let devices = u64::try_from(devices).unwrap();
        let done = |progress: &Progress| progress.succeeded.values().sum::<u64>() >= devices;
        let ended = tokio::time::timeout(LIMIT, self.progress.wait_for(done)).await;
        ended.expect("they succeed within an hour").unwrap().clone()
    }

    /// Waits for the end of that many jobs.
    pub async fn finished(&mut self, jobs: usize) -> Progress {
        let done = |progress: &Progress| progress.finished.values().filter(|done| **done).count();
        let wait = self.progress.wait_for(|progress| done(progress) >= jobs);
        let ended = tokio::time::timeout(LIMIT, wait).await;
        ended.expect("the jobs end within an hour").unwrap().clone()
    }
}

impl Drop for Followed {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Finished, for the operator and for the original.
fn is_finished(object: &DynamicObject) -> bool {
    let status = &object.data["status"];
    let conditions = status["conditions"].as_array();
    let finished = conditions
        .into_iter()
        .flatten()
        .any(|condition| condition["type"] == "Finished" && condition["status"] == "True");
    let original = conditions.is_none_or(Vec::is_empty)
        && (status["phase"] == "Completed" || status["phase"] == "Failed");
    finished || original
}

/// Nothing more of the job of this name starts.
pub async fn suspend(space: &Space, name: &str) {
    let api: Api<DynamicObject> = Api::namespaced_with(space.client.clone(), &space.name, &kind());
    let patch = Patch::Merge(json!({"spec": {"suspend": true}}));
    api.patch(name, &PatchParams::default(), &patch)
        .await
        .unwrap();
}

/// Creates a job.
pub async fn create(space: &Space, job: Value) -> DynamicObject {
    let api: Api<DynamicObject> = Api::namespaced_with(space.client.clone(), &space.name, &kind());
    let object: DynamicObject = serde_json::from_value(job).unwrap();
    api.create(&PostParams::default(), &object).await.unwrap()
}
