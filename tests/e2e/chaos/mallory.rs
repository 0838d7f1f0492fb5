//! A hostile writer beside a wave: a user who may `edit` its namespace and one of her own, where she has a job, too. What only
//! others may, she does as whoever may: the end of a Pod as a kubelet, copies of a selection as what brings back a backup.
//!
//! She does not do to real objects what rightly interrupts a flash: she deletes none, takes no finalizer off, and leaves selections
//! alone. She may keep a device from being begun for as long as she likes; so that waves end, she leaves the jobs' namespace alone
//! for a while from time to time. What she made in the jobs' namespace keeps its device waiting (`SealUnknown`), so she takes it back within seconds, and
//! puts labels back that the operator, killed meanwhile, could not. Her choices follow from a seed.

mod attack;
mod labels;

use std::{
    collections::HashSet,
    io::Write as _,
    time::{Duration, Instant},
};

use flashjob_operator::names::LABEL_JOB_UID;
use k8s_openapi::api::{
    apps::v1::ControllerRevision,
    core::v1::{Pod, Secret, Service},
};
use kube::{
    Api, Client, Config, ResourceExt,
    api::{
        ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams,
        Preconditions,
    },
    config::{KubeConfigOptions, Kubeconfig},
};
use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use serde_json::{Value, json};
use tokio::{sync::oneshot, task::JoinHandle};

use super::deeds::{Deed, Deeds};
use crate::hostile::editor::Editor;
use testbed::{ControlPlane, Space, ask::background};

/// Wait between two deeds, in milliseconds.
const PAUSE: std::ops::Range<u64> = 40..160;
/// How long she attacks, and how long she then writes in her own namespace alone: time enough for helm to begin a flash.
const SPELLS: (Duration, Duration) = (Duration::from_secs(20), Duration::from_secs(15));
/// What a flash image logs that sent its firmware.
const GOOD_LOG: [&str; 3] = [
    "Verified device",
    "Firmware sent to IoT",
    "`apply_ota()` returned",
];

/// A hostile writer at work.
pub struct Mallory {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Deeds>,
}

impl Mallory {
    /// Lets her begin: beside the jobs of the one namespace, with the other one for her own.
    pub fn start(jobs: &Space, hers: &Space, seed: u64) -> Self {
        let (stop, stopped) = oneshot::channel();
        let (plane, user) = (jobs.control_plane, Editor::name(hers));
        let (jobs, hers) = (jobs.name.clone(), hers.name.clone());
        let task = background().spawn(async move {
            let writer = Writer {
                user: impersonated(plane, user).await,
                kubelet: plane.client("admin").await,
                jobs,
                hers,
                random: StdRng::seed_from_u64(seed),
                log: log(),
                made: Vec::new(),
                altered: Vec::new(),
                own: HashSet::new(),
                begin: Instant::now(),
                deeds: Deeds::default(),
            };
            writer.work(stopped).await
        });
        Self { stop, task }
    }

    /// Lets her end, and take everything back.
    pub async fn stop(self) -> Deeds {
        // Gone only if she panicked, which shows in the next line.
        let _ = self.stop.send(());
        self.task.await.unwrap()
    }
}

async fn impersonated(plane: &ControlPlane, user: String) -> Client {
    let kubeconfig = Kubeconfig::read_from(plane.kubeconfig("admin")).unwrap();
    let options = KubeConfigOptions::default();
    let config = Config::from_custom_kubeconfig(kubeconfig, &options).await;
    let mut config = config.unwrap();
    config.auth_info.impersonate = Some(user);
    Client::try_from(config).unwrap()
}

/// A log of a flash that went well, as container runtimes write it.
fn log() -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let now = jiff::Timestamp::now().strftime("%FT%T.%9fZ").to_string();
    for line in GOOD_LOG {
        writeln!(file, "{now} stdout F {line}").unwrap();
    }
    file
}

/// Kinds of objects that flashes consist of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Pod,
    Service,
    Secret,
    Selection,
}

impl Kind {
    fn resource(self) -> ApiResource {
        match self {
            Self::Pod => ApiResource::erase::<Pod>(&()),
            Self::Service => ApiResource::erase::<Service>(&()),
            Self::Secret => ApiResource::erase::<Secret>(&()),
            Self::Selection => ApiResource::erase::<ControllerRevision>(&()),
        }
    }
}

/// Something that she made, and when she takes it back.
struct Made {
    kind: Kind,
    namespace: String,
    name: String,
    uid: String,
    until: Instant,
}

/// Labels that she changed on an object of the operator, and when she puts them back.
struct Altered {
    kind: Kind,
    name: String,
    uid: String,
    labels: Value,
    until: Instant,
}

struct Writer {
    user: Client,
    /// What no editor may: the end of a Pod, as a kubelet would write it.
    kubelet: Client,
    jobs: String,
    hers: String,
    random: StdRng,
    log: tempfile::NamedTempFile,
    made: Vec<Made>,
    altered: Vec<Altered>,
    /// uids of everything that she ever made.
    own: HashSet<String>,
    begin: Instant,
    deeds: Deeds,
}

impl Writer {
    async fn work(mut self, mut stopped: oneshot::Receiver<()>) -> Deeds {
        loop {
            let pause = Duration::from_millis(self.random.random_range(PAUSE));
            if tokio::time::timeout(pause, &mut stopped).await.is_ok() {
                break;
            }
            self.take_back(Instant::now()).await;
            self.attack().await;
        }
        while !self.made.is_empty() || !self.altered.is_empty() {
            let at_last = Instant::now() + Duration::from_hours(1);
            self.take_back(at_last).await;
        }
        self.deeds
    }

    /// Whether she leaves the jobs' namespace alone.
    fn rests(&self) -> bool {
        let (attack, rest) = (SPELLS.0.as_millis(), SPELLS.1.as_millis());
        self.begin.elapsed().as_millis() % (attack + rest) > attack
    }

    fn api(&self, kind: Kind, namespace: &str) -> Api<DynamicObject> {
        Api::namespaced_with(self.user.clone(), namespace, &kind.resource())
    }

    /// Objects of the operator in the jobs' namespace, as far as they have its label.
    async fn real(&self, kind: Kind) -> Vec<Value> {
        let labelled = ListParams::default().labels(LABEL_JOB_UID);
        let listed = self.api(kind, &self.jobs).list(&labelled).await;
        let listed = listed.map(|list| list.items).unwrap_or_default();
        let real = listed.into_iter().filter(|object| {
            let uid = object.uid().unwrap_or_default();
            !self.own.contains(&uid) && object.metadata.deletion_timestamp.is_none()
        });
        let resource = kind.resource();
        let typed = real.map(|object| {
            let mut value = serde_json::to_value(object).unwrap();
            value["apiVersion"] = json!(resource.api_version);
            value["kind"] = json!(resource.kind);
            value
        });
        typed.collect()
    }

    async fn any_real(&mut self, kind: Kind) -> Option<Value> {
        let real = self.real(kind).await;
        real.choose(&mut self.random).cloned()
    }

    /// Creates an object, to be taken back after that many milliseconds at most; whether it was made.
    async fn make(&mut self, kind: Kind, object: &Value, deed: Deed, most: u64) -> bool {
        let namespace = object["metadata"]["namespace"].as_str().unwrap().to_owned();
        let parsed: DynamicObject = serde_json::from_value(object.clone()).unwrap();
        let api = self.api(kind, &namespace);
        let Ok(created) = api.create(&PostParams::default(), &parsed).await else {
            self.deeds.count(Deed::Refused);
            return false;
        };
        let uid = created.uid().unwrap_or_default();
        self.own.insert(uid.clone());
        let lasts = Duration::from_millis(self.random.random_range(most / 8..most));
        self.made.push(Made {
            kind,
            namespace,
            name: created.name_any(),
            uid,
            until: Instant::now() + lasts,
        });
        self.deeds.count(deed);
        true
    }

    /// Deletes what she made, and puts back labels that she changed, where the time for it has come.
    async fn take_back(&mut self, now: Instant) {
        let made = std::mem::take(&mut self.made).into_iter();
        let (due, kept): (Vec<_>, _) = made.partition(|made| made.until <= now);
        self.made = kept;
        for made in due {
            if self.withdraw(&made).await {
                self.deeds.count(Deed::Withdrawn);
            } else {
                self.made.push(made);
            }
        }
        let altered = std::mem::take(&mut self.altered).into_iter();
        let (due, kept): (Vec<_>, _) = altered.partition(|altered| altered.until <= now);
        self.altered = kept;
        for altered in due {
            if !self.put_back(&altered).await {
                self.altered.push(altered);
            }
        }
    }

    /// Whether it is gone.
    async fn withdraw(&self, made: &Made) -> bool {
        let parameters = DeleteParams {
            grace_period_seconds: Some(0),
            preconditions: Some(Preconditions {
                uid: Some(made.uid.clone()),
                resource_version: None,
            }),
            ..DeleteParams::default()
        };
        let api = self.api(made.kind, &made.namespace);
        is_settled(&api.delete(&made.name, &parameters).await)
    }

    /// Whether the labels are there again, or the object is gone.
    async fn put_back(&self, altered: &Altered) -> bool {
        let patch = json!({"metadata": {"uid": altered.uid, "labels": altered.labels}});
        let api = self.api(altered.kind, &self.jobs);
        let patch = Patch::Merge(&patch);
        let patched = api
            .patch(&altered.name, &PatchParams::default(), &patch)
            .await;
        is_settled(&patched)
    }
}

/// Carried out, or the object of that uid is not there any more.
fn is_settled<T>(answer: &Result<T, kube::Error>) -> bool {
    match answer {
        Ok(_) => true,
        Err(kube::Error::Api(status)) => status.is_not_found() || status.is_conflict(),
        Err(_) => false,
    }
}
