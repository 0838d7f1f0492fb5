//! What changed is compared with what was before.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Secret;
use serde_json::Value;

use super::{Flash, Own};
use crate::flash_pod::intent::Stored;
use crate::{
    api::{DevicePhase, FlashJob, Guarded, SelectionSlice},
    flashjob::{
        observe::{
            objects::{AttemptKey, Identity},
            stored,
        },
        spec::job::Job,
    },
    identifiers::JobUid,
    names::{FINALIZER, LABEL_FROZEN, TRACKING_FINALIZER},
    simulation::{
        api::{Actor, Change, Key},
        attempt::{self, has_finalizer, is_deleting, uid},
        world::World,
    },
};

impl World {
    /// Takes a change in, and asks the laws about it.
    pub fn see(&mut self, change: &Change) {
        let by_operator = matches!(change.by, Actor::Operator(..));
        if change.by == Actor::Hostile && change.before.is_none() {
            self.laws.forged.insert(uid(&change.told).to_owned());
        }
        match change.key.plural {
            "flashjobs" => self.see_job(change, by_operator),
            "controllerrevisions" => self.see_slice(change, by_operator),
            "pods" | "services" | "secrets" => self.see_part(change, by_operator),
            _ => {}
        }
    }

    fn see_job(&mut self, change: &Change, by_operator: bool) {
        let uid = JobUid::from(uid(&change.told));
        let lost = |object: &Option<Arc<Value>>| {
            let object = object.as_ref();
            object.is_none_or(|object| !has_finalizer(object, FINALIZER))
        };
        if by_operator && !lost(&change.before) && lost(&change.after) {
            let left = self.left_of(&uid);
            if !left.is_empty() {
                self.broken(|| format!("{left:?} of {uid} are left behind by its finalizer"));
            }
        }
        let Some(after) = &change.after else {
            self.laws.jobs.remove(&uid);
            self.laws.slices.retain(|(owner, _, _), _| *owner != uid);
            return;
        };
        let guarded: Guarded<FlashJob> =
            serde_json::from_value(Value::clone(after)).expect("a FlashJob");
        let job = Arc::new(Job::parse(&guarded).expect("a FlashJob with a name"));
        self.check_verdicts(&job);
        self.note_read_back(&job);
        self.laws.jobs.insert(uid, job);
    }

    /// What a status that is being stored says of devices that are read back.
    fn note_read_back(&mut self, job: &Job) {
        let devices = job.status.devices.iter();
        let verifying = devices.filter(|device| device.is(DevicePhase::Verifying));
        let keys = verifying
            .filter_map(stored::attempt_id)
            .map(|id| AttemptKey {
                job_uid: job.uid.clone(),
                id,
            });
        self.laws.read_back.extend(keys);
    }

    fn see_slice(&mut self, change: &Change, by_operator: bool) {
        let (None, Some(after)) = (&change.before, &change.after) else {
            return;
        };
        if !by_operator || !after["metadata"]["labels"][LABEL_FROZEN].is_null() {
            return;
        }
        let owner = after["metadata"]["labels"][crate::names::LABEL_JOB_UID].as_str();
        let slice: Option<SelectionSlice> = serde_json::from_value(after["data"].clone()).ok();
        if let (Some(owner), Some(slice)) = (owner, slice) {
            let key = (owner.into(), slice.round, slice.first);
            self.laws.slices.insert(key, slice.devices);
        }
    }

    fn see_part(&mut self, change: &Change, by_operator: bool) {
        if by_operator && (change.before.is_none() || self.is_leased(change)) {
            self.see_made(change);
            return;
        }
        let Some(own) = self.laws.own.get(uid(&change.told)).cloned() else {
            return;
        };
        if !by_operator {
            return;
        }
        let Some(before) = &change.before else {
            return;
        };
        match change.key.plural {
            "pods" => {
                let lost = change.after.as_ref();
                let lost = lost.is_none_or(|after| !has_finalizer(after, TRACKING_FINALIZER));
                if has_finalizer(before, TRACKING_FINALIZER) && lost {
                    self.check_untracked(&own, uid(before));
                }
            }
            "services" => {
                let after = change.after.as_ref();
                let deleted = after.is_none_or(|after| is_deleting(after) && !is_deleting(before));
                let freed = has_finalizer(before, TRACKING_FINALIZER)
                    && after.is_none_or(|after| !has_finalizer(after, TRACKING_FINALIZER));
                if deleted || freed {
                    self.check_removal(&own);
                }
                if freed && is_of_pool(&change.key) {
                    // It is nobody's until it is leased again.
                    self.laws.own.remove(uid(&change.told));
                }
            }
            _ if change.after.is_none() => self.check_removal(&own),
            _ => {}
        }
    }

    /// Whether a change gives a Service of a pool to another attempt. Nobody else has it then.
    fn is_leased(&mut self, change: &Change) -> bool {
        if change.key.plural != "services" || !is_of_pool(&change.key) {
            return false;
        }
        let (key, object) = (&change.key, &change.told);
        let Some(after) = attempt::of(key, object).filter(|_| change.after.is_some()) else {
            return false;
        };
        let held = has_finalizer(object, TRACKING_FINALIZER);
        let former = self.laws.own.get(uid(object)).cloned();
        let former = former.filter(|former| former.who.key != after.key);
        if let Some(former) = former {
            self.broken(|| {
                format!(
                    "{} is leased to {after:?} while {:?} has it",
                    key.name, former.who
                )
            });
        }
        held && !self.laws.own.contains_key(uid(object))
    }

    /// The operator made an object of an attempt.
    fn see_made(&mut self, change: &Change) {
        let (key, object) = (&change.key, &change.told);
        let Some(mut who) = attempt::of(key, object) else {
            return;
        };
        match key.plural {
            "secrets" => {
                if let Some(stored) = stored_of(object)
                    && let Some(intent) = &stored.record.attachment
                {
                    let device = &intent.device;
                    who.endpoint = Some(device.endpoint.clone());
                    let shared = device.footprint();
                    self.laws.shared.insert(who.key.clone(), shared);
                }
                self.laws.begun.insert(who.key.clone());
                self.check_begin(&who);
            }
            plural => {
                if !self.laws.begun.contains(&who.key) {
                    self.broken(|| {
                        format!("{plural} for an attempt that no leader began: {who:?}")
                    });
                }
            }
        }
        if key.plural == "pods" {
            self.check_launch(&who);
            let flash = Flash {
                who: who.clone(),
                key: key.clone(),
                ran: false,
                result: None,
                taken: false,
                read: false,
                stripped: false,
                log: String::new(),
            };
            self.laws.flashes.insert(uid(object).to_owned(), flash);
        }
        let own = Own {
            who,
            key: key.clone(),
        };
        self.laws.own.insert(uid(object).to_owned(), own);
    }

    /// The operator deletes neither Service nor record of an attempt whose Pod lives.
    fn check_removal(&mut self, own: &Own) {
        let lives = |(other, _): (&Own, &Arc<Value>)| other.who.key == own.who.key;
        if self.live_pods().any(lives) {
            let who = &own.who;
            self.broken(|| {
                format!(
                    "{} of {who:?} is removed while its Pod lives",
                    own.key.plural
                )
            });
        }
    }

    /// The tracking finalizer goes only after the end was read, and, where the job wants the verdict, stored.
    fn check_untracked(&mut self, own: &Own, pod_uid: &str) {
        let Some(flash) = self.laws.flashes.get(pod_uid) else {
            return;
        };
        if !flash.ran {
            return;
        }
        let unread = !flash.read && !flash.stripped;
        if unread || self.is_unstored(&own.who) {
            let name = own.key.name.clone();
            self.broken(|| format!("{name} is let go before its verdict was stored"));
        }
    }

    /// Whether the job of an attempt wants its verdict and does not have it.
    fn is_unstored(&self, who: &Identity) -> bool {
        let laws = &self.laws;
        let wanted = laws
            .job_in_round(who)
            .filter(|job| !job.deleting && job.round_is_current());
        wanted.is_some_and(|job| {
            laws.index_of(who).is_some_and(|index| {
                let followed = stored::stage(job, index, &who.key.id).is_some();
                !job.finals.contains(index) && !followed
            })
        })
    }
}

fn stored_of(object: &Value) -> Option<Stored> {
    let secret: Secret = serde_json::from_value(object.clone()).ok()?;
    Stored::from_secret(&secret).ok()
}

/// Whether a Service is one of the pool.
pub fn is_of_pool(key: &Key) -> bool {
    key.name.starts_with("flash-pool-")
}
