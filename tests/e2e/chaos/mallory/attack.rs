//! What she makes: copies, forgeries, faked ends.

use flashjob_operator::names::{ANNOTATION_ENDPOINT, ANNOTATION_JOB, LABEL_JOB_UID};
use helm_release::Status;
use kube::{
    Api,
    api::{ApiResource, DynamicObject, Patch, PatchParams, PostParams},
};
use rand::{Rng, seq::IndexedRandom};
use serde_json::{Value, json};

use super::{Kind, Made, Writer};
use crate::{
    chaos::deeds::Deed,
    hostile::forgery::{Forged, copied},
};

/// Most objects of hers in the jobs' namespace at the same time, and in her own.
const MOST: (usize, usize) = (4, 30);
/// How long they last at most, in milliseconds: there, and in her own namespace.
const LAST: (u64, u64) = (3000, 15_000);
/// No job of anybody.
pub(super) const UNKNOWN: &str = "00000000-0000-0000-0000-000000000666";

pub(super) fn text(object: &Value, part: &str, key: &str) -> String {
    let found = object["metadata"][part][key].as_str();
    found.unwrap_or_default().to_owned()
}

impl Writer {
    pub(super) async fn attack(&mut self) {
        match self.random.random_range(0..100) {
            0..35 => self.copy().await,
            35..50 => self.forge().await,
            50..72 => self.relabel().await,
            72..82 => self.mislabel().await,
            _ => self.fake().await,
        }
    }

    /// Where something is made now, if there is room, and how long it lasts.
    pub(super) fn place(&mut self) -> Option<(String, u64, bool)> {
        let beside = self.random.random_bool(0.5) && !self.rests();
        let (namespace, most, last) = if beside {
            (&self.jobs, MOST.0, LAST.0)
        } else {
            (&self.hers, MOST.1, LAST.1)
        };
        let there = self.made.iter().filter(|made| made.namespace == *namespace);
        (there.count() < most).then(|| (namespace.clone(), last, beside))
    }

    pub(super) fn suffix(&mut self) -> String {
        format!("{:010x}", self.random.random_range(0..1_u64 << 40))
    }

    async fn copy(&mut self) {
        let kinds = [
            Kind::Pod,
            Kind::Pod,
            Kind::Service,
            Kind::Secret,
            Kind::Secret,
            Kind::Selection,
        ];
        let kind = *kinds.choose(&mut self.random).unwrap();
        let Some((namespace, last, beside)) = self.place() else {
            return;
        };
        let Some(real) = self.any_real(kind).await else {
            return;
        };
        let mut copy = copied(&real, &namespace);
        // With it, her copies would outlast her.
        copy["metadata"]
            .as_object_mut()
            .unwrap()
            .remove("finalizers");
        if beside {
            self.rename(kind, &mut copy);
        }
        if kind == Kind::Pod && beside {
            self.keep_off_the_device(&mut copy);
        }
        if kind == Kind::Selection && self.random.random_bool(0.5) {
            // Other devices for the round, or devices for another one.
            copy["data"]["devices"] = json!([]);
            copy["data"]["round"] = json!(self.random.random_range(1..9));
        }
        if self.random.random_bool(0.5) {
            let labels = self.other_labels(kind).await;
            for (key, value) in labels.as_object().unwrap() {
                copy["metadata"]["labels"][key] = value.clone();
            }
        }
        let deed = match kind {
            Kind::Selection => Deed::CopiedSelection,
            _ if beside => Deed::CopiedBeside,
            _ => Deed::CopiedHome,
        };
        self.make(kind, &copy, deed, last).await;
    }

    /// A name that nothing has: of a later revision of the release, of another attempt, or any.
    fn rename(&mut self, kind: Kind, copy: &mut Value) {
        let suffix = self.suffix();
        let name = copy["metadata"]["name"].as_str().unwrap().to_owned();
        let other = match (kind, name.rsplit_once(".v")) {
            (Kind::Secret, Some((release, _))) if self.random.random_bool(0.7) => {
                let revision = self.random.random_range(2..9).to_string();
                let name = format!("{release}.v{revision}");
                copy["metadata"]["labels"]["version"] = json!(revision);
                name
            }
            _ if self.random.random_bool(0.7) => {
                let (release, _) = name.rsplit_once('-').unwrap_or((&name, ""));
                format!("{release}-{suffix}")
            }
            _ => format!("copy-{suffix}"),
        };
        copy["metadata"]["name"] = json!(other);
    }

    /// Whoever may create Pods can flash a device by hand, and nobody can tell: hers stays on no node, or means another device.
    fn keep_off_the_device(&mut self, copy: &mut Value) {
        if self.random.random_bool(0.5) {
            copy["spec"]["nodeSelector"] = json!({"there-is": "no-such-node"});
            return;
        }
        let env = copy.pointer_mut("/spec/containers/0/env");
        for variable in env.and_then(Value::as_array_mut).into_iter().flatten() {
            if variable["name"] == "HOST_ENDPOINT" {
                variable["value"] = json!("198.51.100.9:80");
            }
        }
    }

    async fn forge(&mut self) {
        let Some((namespace, last, _)) = self.place() else {
            return;
        };
        let Some(real) = self.any_real(Kind::Pod).await else {
            return;
        };
        // Its label may be one of hers.
        let name = real["metadata"]["name"].as_str().unwrap();
        let uuid = name.trim_start_matches("flash-").rsplit_once('-');
        let uuid = uuid.map_or(UNKNOWN, |(uuid, _)| uuid).to_owned();
        let known = self.random.random_bool(0.6);
        let job_uid = if known {
            text(&real, "labels", LABEL_JOB_UID)
        } else {
            UNKNOWN.to_owned()
        };
        let statuses = [
            Status::PendingInstall,
            Status::Deployed,
            Status::Failed,
            Status::PendingUpgrade,
        ];
        let forged = Forged {
            job: &text(&real, "annotations", ANNOTATION_JOB),
            job_uid: &job_uid,
            namespace: &namespace,
            uuid: &uuid,
            endpoint: &text(&real, "annotations", ANNOTATION_ENDPOINT),
            revision: self.random.random_range(1..9),
            status: *statuses.choose(&mut self.random).unwrap(),
        };
        let mut secret = forged.secret();
        secret["metadata"]["namespace"] = json!(namespace);
        self.make(Kind::Secret, &secret, Deed::Forged, last).await;
    }

    /// Lets a Pod of hers look as if it had flashed: its end as a kubelet writes it, and a log that says so.
    async fn fake(&mut self) {
        let pods = self.made.iter().filter(|made| made.kind == Kind::Pod);
        let pods: Vec<_> = pods.collect();
        let Some(Made {
            namespace,
            name,
            uid,
            ..
        }) = pods.choose(&mut self.random)
        else {
            return;
        };
        let logs = ApiResource {
            group: "kwok.x-k8s.io".into(),
            version: "v1alpha1".into(),
            api_version: "kwok.x-k8s.io/v1alpha1".into(),
            kind: "Logs".into(),
            plural: "logs".into(),
        };
        let mut log = DynamicObject::new(name, &logs).data(json!({"spec": {"logs": [
            {"containers": ["flash-container"], "logsFile": self.log.path(), "follow": false},
        ]}}));
        let owner = json!([{"apiVersion": "v1", "kind": "Pod", "name": name, "uid": uid}]);
        log.metadata.owner_references = serde_json::from_value(owner).unwrap();
        let kubelet: Api<DynamicObject> =
            Api::namespaced_with(self.kubelet.clone(), namespace, &logs);
        // There already where the same Pod is ended again.
        let _ = kubelet.create(&PostParams::default(), &log).await;
        let ended = json!({"metadata": {"uid": uid}, "status": {"phase": "Succeeded", "containerStatuses": [{
            "name": "flash-container", "image": "i", "imageID": "", "ready": false, "restartCount": 0,
            "state": {"terminated": {"exitCode": 0, "reason": "Completed"}},
        }]}});
        let pods: Api<DynamicObject> =
            Api::namespaced_with(self.kubelet.clone(), namespace, &Kind::Pod.resource());
        let patch = Patch::Merge(&ended);
        let patched = pods
            .patch_status(name, &PatchParams::default(), &patch)
            .await;
        let deed = if patched.is_ok() {
            Deed::Faked
        } else {
            Deed::Refused
        };
        self.deeds.count(deed);
    }
}
