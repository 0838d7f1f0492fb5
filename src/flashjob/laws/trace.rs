//! The history of one seed in words, for `make sim` with one seed.

use super::objects::Event;

/// One change of an object.
pub fn event(event: &Event) -> String {
    match event {
        Event::Record(record) => {
            let id = &record.sight.identity.key.id;
            format!("record  {} {id} {:?}", record.sight.name, record.status)
        }
        Event::Service(service) => {
            let going = service.sight.deleting.is_some();
            format!(
                "service {} {:?} deleting {going}",
                service.sight.name, service.address
            )
        }
        Event::Pod(pod) => format!(
            "pod     {} {} bound {} deleting {} tracked {} {:?}",
            pod.sight.name,
            pod.phase,
            pod.node.is_some(),
            pod.sight.deleting.is_some(),
            pod.tracked(),
            pod.container
        ),
        Event::Gone(uid) => format!("gone    {uid}"),
        Event::Job(job) => {
            let round = job.status.round.as_ref().map(|round| round.number);
            let devices = job.status.devices.iter();
            let devices = devices.map(|device| (device.index, &device.phase, &device.reason));
            format!(
                "job     {} generation {} deleting {} round {round:?} ok {:?} failed {:?} {:?}",
                job.uid,
                job.generation,
                job.deleting,
                job.status.completed_indexes,
                job.status.failed_indexes,
                devices.collect::<Vec<_>>()
            )
        }
        Event::JobGone(uid) => format!("gone    job {uid}"),
        Event::Instance(instance) => format!(
            "device  {:?} {:?}",
            instance.metadata.uid,
            instance.spec.broker_properties.get("HOST_ENDPOINT")
        ),
        Event::Forged(forged) => {
            let sight = forged.sight();
            let who = &sight.identity;
            format!(
                "FORGED  {:?} {}/{} of {} {}",
                forged.kind(),
                who.namespace,
                sight.name,
                who.key.job_uid,
                who.key.id
            )
        }
        Event::InstanceGone(uid) => format!("gone    device {uid}"),
    }
}
