//! A hostile writer: somebody who may write in a namespace makes, copies, changes and deletes objects with the labels of ours.
//!
//! It has no key; what it copies bears the seal of the object that it is a copy of.

use serde_json::{Value, json};

use super::{
    api::{Actor, Key},
    attempt::uid,
    world::{LAB, World},
};
use crate::identifiers::JobUid;
use crate::names::{ANNOTATION_ENDPOINT, LABEL_ATTEMPT, LABEL_JOB_UID, LABEL_ROUND, LABEL_UUID};

/// Most objects that are there at the same time.
const MOST: usize = 6;

impl World {
    /// The hostile writer does something.
    pub fn hostile(&mut self) {
        let forged = self.forgeries();
        match self.chance.draw(4) {
            0 if !forged.is_empty() => {
                let key = self.chance.pick(forged).unwrap();
                self.withdraw(&key);
            }
            1 if !forged.is_empty() => self.change_forgery(forged),
            _ if forged.len() < MOST => self.forge(),
            _ => {}
        }
    }

    fn forgeries(&self) -> Vec<Key> {
        let all = self.api.objects.iter();
        let forged = all.filter(|(_, object)| self.laws.forged.contains(uid(object)));
        forged.map(|(key, _)| key.clone()).collect()
    }

    fn withdraw(&mut self, key: &Key) {
        self.note(|| format!("HOSTILE withdraws {key:?}"));
        self.api.edit(key, Actor::Hostile, |object| {
            object["metadata"]["finalizers"] = json!([]);
        });
        self.api.delete(key, Actor::Hostile, Some(0));
    }

    /// The hostile writer goes, and takes everything along.
    pub fn withdraw_all(&mut self) {
        for key in self.forgeries() {
            self.withdraw(&key);
        }
    }

    /// Touches an object, or gives it the labels of another attempt.
    fn change_forgery(&mut self, forged: Vec<Key>) {
        let key = self.chance.pick(forged).unwrap();
        let other = self.model(key.plural);
        let number = self.api.version;
        self.note(|| format!("HOSTILE changes {key:?}"));
        self.api.edit(&key, Actor::Hostile, |object| {
            object["metadata"]["labels"]["touched"] = json!(number.to_string());
            if let Some(other) = other {
                object["metadata"]["labels"] = other["metadata"]["labels"].clone();
                object["metadata"]["annotations"] = other["metadata"]["annotations"].clone();
            }
        });
    }

    /// An object of ours to be copied.
    fn model(&mut self, plural: &'static str) -> Option<Value> {
        let all = self.own(plural);
        let models: Vec<_> = all.map(|(_, object)| object.clone()).collect();
        let model: std::sync::Arc<Value> = self.chance.pick(models)?;
        Some(Value::clone(&model))
    }

    fn forge(&mut self) {
        let plural = ["pods", "services", "secrets"][self.chance.draw(3)];
        let namespace = [LAB, "evil"][self.chance.draw(2)];
        let number = self.api.version;
        let copied = !self.chance.one_in(3);
        let model = self.model(plural).filter(|_| copied);
        let mut object = match model {
            Some(model) => copy(&model),
            None => self.invented(plural),
        };
        let uuid = object["metadata"]["labels"][LABEL_UUID].clone();
        let uuid = uuid.as_str().unwrap_or("uuid-0").to_owned();
        let name = if plural == "secrets" {
            object["type"] = json!(helm_release::SECRET_TYPE);
            object["metadata"]["labels"]["owner"] = json!("helm");
            format!("sh.helm.release.v1.flash-{uuid}.v{}", 90 + number % 9)
        } else {
            format!("forged-{number}")
        };
        let key = Key::new(plural, namespace, &name);
        if self.api.objects.contains_key(&key) {
            return;
        }
        if plural == "pods" && self.chance.one_in(2) {
            object["status"] = json!({"phase": "Succeeded"});
        }
        self.note(|| format!("HOSTILE makes {key:?}"));
        self.api.make(&key, Actor::Hostile, object);
    }

    /// An object of an attempt that never was, or of nobody's job.
    fn invented(&mut self, plural: &str) -> Value {
        let jobs: Vec<JobUid> = self.laws.jobs.keys().cloned().collect();
        let job = self.chance.pick(jobs).unwrap_or_else(|| "nobody".into());
        let index = self.chance.draw(super::DEVICES);
        let labels = json!({
            LABEL_JOB_UID: job, LABEL_ATTEMPT: format!("f{}", self.api.version), LABEL_ROUND: "1",
            LABEL_UUID: crate::flashjob::fixtures::uuid(index), "status": "deployed",
        });
        let annotations = json!({ANNOTATION_ENDPOINT: crate::flashjob::fixtures::endpoint(index)});
        let mut object = json!({"metadata": {"labels": labels, "annotations": annotations}});
        match plural {
            "pods" => object["spec"] = json!({"containers": []}),
            "services" => object["spec"] = json!({"type": "ClusterIP"}),
            _ => object["data"] = json!({"release": "bm90aGluZw=="}),
        }
        object
    }
}

/// The object under another name: with its labels, its annotations, its seal.
fn copy(model: &Value) -> Value {
    let mut object = model.clone();
    let meta = &model["metadata"];
    object["metadata"] = json!({"labels": meta["labels"], "annotations": meta["annotations"]});
    if let Some(object) = object.as_object_mut() {
        object.remove("status");
    }
    if let Some(spec) = object["spec"].as_object_mut() {
        spec.remove("nodeName");
    }
    object
}
