//! What she does with labels: takes them off, alters them, puts them on the wrong objects.

use std::time::{Duration, Instant};

use flashjob_operator::names::{LABEL_ATTEMPT, LABEL_JOB_UID, LABEL_ROUND, LABEL_UUID};
use kube::api::{Patch, PatchParams};
use rand::{Rng, seq::IndexedRandom};
use serde_json::{Value, json};

use super::{
    Altered, Kind, Writer,
    attack::{UNKNOWN, text},
};
use crate::chaos::deeds::Deed;

/// Labels by which the operator finds its objects.
const LABELS: [&str; 4] = [LABEL_JOB_UID, LABEL_ATTEMPT, LABEL_ROUND, LABEL_UUID];
/// Most objects whose labels she has changed at the same time.
const MOST_ALTERED: usize = 3;

impl Writer {
    /// Some of the four labels, each with the value of another flash or one that nothing has.
    pub(super) async fn other_labels(&mut self, kind: Kind) -> Value {
        let other = self.any_real(kind).await.unwrap_or_default();
        let mut labels = json!({});
        for key in LABELS {
            if self.random.random_bool(0.4) {
                labels[key] = json!(self.other_value(&other, key));
            }
        }
        labels
    }

    fn other_value(&mut self, other: &Value, key: &str) -> String {
        let of_another = text(other, "labels", key);
        if self.random.random_bool(0.6) && !of_another.is_empty() {
            return of_another;
        }
        match key {
            LABEL_ROUND => self.random.random_range(2..9).to_string(),
            LABEL_ATTEMPT => self.suffix(),
            _ => UNKNOWN.to_owned(),
        }
    }

    /// Takes labels off an object of the operator, or alters them.
    pub(super) async fn relabel(&mut self) {
        if self.altered.len() >= MOST_ALTERED || self.rests() {
            return;
        }
        let kinds = [Kind::Pod, Kind::Service, Kind::Secret];
        let kind = *kinds.choose(&mut self.random).unwrap();
        let Some(real) = self.any_real(kind).await else {
            return;
        };
        let uid = real["metadata"]["uid"].as_str().unwrap();
        // What is changed already is not what it has to become again.
        if self.altered.iter().any(|altered| altered.uid == uid) {
            return;
        }
        let mut labels = self.other_labels(kind).await;
        if self.random.random_bool(0.5) {
            labels
                .as_object_mut()
                .unwrap()
                .values_mut()
                .for_each(|value| *value = Value::Null);
        }
        let before: serde_json::Map<_, _> = labels
            .as_object()
            .unwrap()
            .keys()
            .map(|key| (key.clone(), real["metadata"]["labels"][key].clone()))
            .collect();
        let name = real["metadata"]["name"].as_str().unwrap();
        let patch = json!({"metadata": {"uid": uid, "labels": labels}});
        let api = self.api(kind, &self.jobs);
        let patch = Patch::Merge(&patch);
        // Carried out or not: what was there is put back.
        let patched = api.patch(name, &PatchParams::default(), &patch).await;
        let deed = if patched.is_ok() {
            Deed::Relabelled
        } else {
            Deed::Refused
        };
        self.deeds.count(deed);
        let lasts = Duration::from_millis(self.random.random_range(500..5000));
        self.altered.push(Altered {
            kind,
            name: name.to_owned(),
            uid: uid.to_owned(),
            labels: before.into(),
            until: Instant::now() + lasts,
        });
    }

    /// Puts the labels of a flash on something that has nothing to do with it.
    pub(super) async fn mislabel(&mut self) {
        let Some((namespace, last, _)) = self.place() else {
            return;
        };
        let Some(real) = self.any_real(Kind::Pod).await else {
            return;
        };
        let name = format!("any-{}", self.suffix());
        let meta = json!({"name": name, "namespace": namespace});
        let (kind, object) = match self.random.random_range(0..3) {
            0 => (
                Kind::Pod,
                json!({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": {
                    "nodeSelector": {"there-is": "no-such-node"}, "containers": [{"name": "any", "image": "registry.example.com/any:1"}],
                }}),
            ),
            1 => (
                Kind::Service,
                json!({"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": {"ports": [{"port": 80}]}}),
            ),
            _ => (
                Kind::Secret,
                json!({"apiVersion": "v1", "kind": "Secret", "metadata": meta, "type": "helm.sh/release.v1"}),
            ),
        };
        if !self.make(kind, &object, Deed::Mislabelled, last).await {
            return;
        }
        let labels = json!({"metadata": {"labels": real["metadata"]["labels"], "annotations": real["metadata"]["annotations"]}});
        let api = self.api(kind, &namespace);
        let patch = Patch::Merge(&labels);
        if api
            .patch(&name, &PatchParams::default(), &patch)
            .await
            .is_err()
        {
            self.deeds.count(Deed::Refused);
        }
    }
}
