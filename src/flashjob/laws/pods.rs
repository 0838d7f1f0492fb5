//! Pods of the simulated API server, with the scheduler, the kubelet and the device behind them.

use super::{
    devices::Ending,
    objects::{Api, Event, Flash, bare, pod_name},
    request::{Answer, Refused, Reply},
};
use crate::{
    api::Reason,
    flashjob::{
        fixtures,
        observe::objects::{Address, ContainerSight, Identity, ObservedPod},
        plan::attempt::PodRemoval,
        verdict::Outcome,
    },
    names::TRACKING_FINALIZER,
};

impl Api {
    pub fn create_pod(&mut self, identity: &Identity) -> Result<ObservedPod, Refused> {
        let name = pod_name(identity);
        if self.pods.contains_key(&name) {
            return Err(Refused::AlreadyExists);
        }
        self.check_launch(identity);
        let pod = ObservedPod {
            sight: self.fresh(&bare(identity), &name),
            node: None,
            address: match self.services.get(&name).map(|service| &service.address) {
                Some(Address::Ipv4(address)) => Some(address.clone()),
                _ => None,
            },
            ..fixtures::pod(identity)
        };
        let flash = Flash {
            identity: identity.clone(),
            ran: false,
            result: None,
            taken: false,
            read: false,
            stripped: false,
            address: self
                .services
                .get(&name)
                .map_or(Address::None, |service| service.address.clone()),
        };
        self.flashes.insert(pod.sight.uid.clone(), flash);
        self.pods.insert(name, pod.clone());
        self.tell(2, &Event::Pod(pod.clone()));
        Ok(pod)
    }

    fn change_pod(&mut self, name: &str, change: impl FnOnce(&mut ObservedPod)) {
        let version = self.next();
        let pod = self.pods.get_mut(name).unwrap();
        change(pod);
        pod.sight.version = version;
        let pod = pod.clone();
        if pod.sight.deleting.is_some() && pod.finalizers.is_empty() && pod.ended() {
            self.pods.remove(name);
            self.tell(2, &Event::Gone(pod.sight.uid));
        } else {
            self.tell(2, &Event::Pod(pod));
        }
    }

    /// Deletes a Pod; `how` is none where a person names nothing but the Pod.
    pub fn delete_pod(&mut self, seen: &ObservedPod, how: Option<PodRemoval>) -> Answer {
        let name = &seen.sight.name;
        let Some(pod) = self
            .pods
            .get(name)
            .filter(|pod| pod.sight.uid == seen.sight.uid)
        else {
            return Ok(Reply::Gone);
        };
        if how == Some(PodRemoval::Unstarted) && pod.sight.version != seen.sight.version {
            return Err(Refused::Conflict);
        }
        let now = self.time();
        self.change_pod(name, |pod| {
            pod.sight.deleting.get_or_insert(now);
            if how == Some(PodRemoval::Lost) {
                // Grace 0: the API server no longer waits for the kubelet.
                pod.phase = "Failed".into();
            }
        });
        Ok(if self.pods.contains_key(name) {
            Reply::Deleting
        } else {
            Reply::Gone
        })
    }

    /// Takes the tracking finalizer off, as the operator does or as a person does.
    pub fn untrack(&mut self, seen: &ObservedPod, by_operator: bool) {
        let Some(pod) = self
            .pods
            .get(&seen.sight.name)
            .filter(|pod| pod.sight.uid == seen.sight.uid && pod.tracked())
            .cloned()
        else {
            return;
        };
        if by_operator {
            self.check_untracked(&pod);
        }
        self.change_pod(&seen.sight.name, |pod| {
            pod.finalizers
                .retain(|finalizer| finalizer != TRACKING_FINALIZER);
        });
    }

    /// State and log of an ended Pod.
    pub fn read_log(&mut self, pod: &ObservedPod) -> Reply {
        let exists = self
            .pods
            .get(&pod.sight.name)
            .is_some_and(|known| known.sight.uid == pod.sight.uid);
        let flash = self.flashes.get_mut(&pod.sight.uid).unwrap();
        flash.read = true;
        match flash.result.filter(|_| exists) {
            Some(Outcome::Succeeded) => Reply::Verdict(Outcome::Succeeded, Reason::FirmwareSent),
            Some(Outcome::Failed) if self.retries > 0 => {
                Reply::Verdict(Outcome::Failed, Reason::FlashFailed)
            }
            Some(Outcome::Failed) => Reply::Verdict(Outcome::Failed, Reason::AttestationRefused),
            _ => Reply::Verdict(Outcome::Unknown, Reason::VerdictUnknown),
        }
    }

    /// Scheduler and kubelet take the next step of a Pod; `natural` is how its flash ends if it ends by itself.
    pub fn advance_pod(&mut self, name: &str, natural: Ending) {
        let Some(pod) = self.pods.get(name).cloned() else {
            return;
        };
        if pod.ended() || self.dead.contains(name) {
            return;
        }
        let (uid, now) = (pod.sight.uid.clone(), self.time());
        if pod.node.is_none() {
            return self.change_pod(name, |pod| pod.node = Some("node-a".into()));
        }
        let begun = pod.container == ContainerSight::Running;
        if pod.sight.deleting.is_some() {
            let outcome = if begun {
                Outcome::Unknown
            } else {
                Outcome::Failed
            };
            return self.end_pod(name, Ending { outcome, ..natural }, begun);
        }
        if begun {
            // Without its address the device cannot dial in.
            let served = self.services.get(name).map(|service| &service.address);
            let outcome = if served == Some(&self.flashes[&uid].address) {
                natural.outcome
            } else {
                Outcome::Failed
            };
            return self.end_pod(name, Ending { outcome, ..natural }, true);
        }
        self.flashes.get_mut(&uid).unwrap().ran = true;
        self.change_pod(name, |pod| {
            pod.phase = "Running".into();
            pod.started = Some(now);
            pod.container = ContainerSight::Running;
        });
    }

    fn end_pod(&mut self, name: &str, ending: Ending, begun: bool) {
        let (uid, now) = (self.pods[name].sight.uid.clone(), self.time());
        self.flashes.get_mut(&uid).unwrap().result = Some(ending.outcome);
        if begun {
            self.flashed(&uid, ending);
        }
        self.change_pod(name, |pod| {
            pod.finished = Some(now);
            pod.phase = if ending.outcome == Outcome::Succeeded {
                "Succeeded"
            } else {
                "Failed"
            }
            .into();
            if begun {
                pod.container = ContainerSight::Terminated {
                    exit_code: 0,
                    reason: None,
                };
            }
        });
    }

    /// The node of a Pod is gone; the Pod stays as it was last reported.
    pub fn lose_node(&mut self, name: &str) {
        let alive = |pod: &ObservedPod| pod.node.is_some() && !pod.ended();
        if self.pods.get(name).is_some_and(alive) {
            self.note(|| format!("NODE of {name} is lost"));
            self.dead.insert(name.to_owned());
        }
    }
}
