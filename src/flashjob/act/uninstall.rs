//! Write 8: what is left of an attempt goes, in order; every DELETE carries the uid.

use super::{ActionError, lease, lookup::get_pod, record::put};
use crate::{
    cluster::{DeleteCondition, Deleted, ErrorKind, ObjectKey},
    crash::Write,
    display,
    flash_pod::intent::{FrozenDevice, JobRef, Stored},
    flashjob::{
        act::context::Context,
        observe::{
            ledger::Attempt,
            objects::{Identity, ObservedPod},
        },
        plan::attempt::{PodRemoval, RecordRemoval, Removal},
    },
    names::{LABEL_ATTEMPT, LABEL_SETTLED, TRACKING_FINALIZER},
    seam::{Bug, planted},
};
use helm_release::{Key, Status, objects};

/// Longest description of a failed release, in bytes: `helm list` shows it.
const MAX_DESCRIPTION: usize = 512;
/// How long the containers beside an ended flash have to end: the grace of the Pod is that of a transfer.
const SIDECAR_GRACE_SECONDS: u32 = 10;

/// Carries out the removals that are due.
///
/// # Errors
/// When the API server or helm refuses one; the rest is due again in the next pass.
pub async fn remove(ctx: &Context, identity: &Identity, due: &Removal) -> Result<(), ActionError> {
    let Some(attempt) = ctx.cache().ledger.attempt(&identity.key).cloned() else {
        return Ok(());
    };
    if attempt.may_have_unseen_pod() && find_pod(ctx, &attempt).await? {
        return Ok(());
    }
    if let Some(how) = due.pod {
        delete_pod(ctx, &attempt, how).await?;
    }
    if due.untrack {
        untrack(ctx, &attempt).await?;
    }
    if due.free {
        free_service(ctx, &attempt).await?;
    }
    if due.service {
        delete_service(ctx, &attempt).await?;
    }
    match &due.record {
        RecordRemoval::Keep => Ok(()),
        RecordRemoval::Delete => {
            delete_others(ctx, &attempt).await?;
            delete_records(ctx, &attempt).await
        }
        RecordRemoval::Fail(description) => {
            delete_others(ctx, &attempt).await?;
            fail_record(ctx, &attempt, description).await
        }
    }
}

/// What the chart has besides Pod and Service goes while the record still names it. The label says that it is the attempt's: a
/// record can be edited by hand.
async fn delete_others(ctx: &Context, attempt: &Attempt) -> Result<(), ActionError> {
    let stored = attempt.record().and_then(|newest| newest.stored.as_ref());
    let Some(others) = stored.and_then(|stored| objects(&stored.record.manifest).ok()) else {
        return Ok(());
    };
    let identity = &attempt.identity;
    let is_seen = |kind: &str| matches!(kind, "Pod" | "Service" | "Secret");
    for other in others.iter().filter(|other| !is_seen(&other.kind)) {
        let (version, namespace) = (&other.api_version, &identity.namespace);
        let key = ObjectKey::new(version, &other.kind, namespace, &other.name);
        ctx.writer
            .delete_labelled(&key, (LABEL_ATTEMPT, identity.key.id.as_str()))
            .await?;
    }
    Ok(())
}

/// Asks the API server itself for the Pod of an attempt; what it has is taken in.
async fn find_pod(ctx: &Context, attempt: &Attempt) -> Result<bool, ActionError> {
    let Some(record) = attempt.record() else {
        return Ok(false);
    };
    let Some(key) = Key::parse(&record.sight.name) else {
        return Ok(false);
    };
    let name = format!("{}-{}", key.release, attempt.identity.key.id);
    let found = get_pod(ctx, &attempt.identity.namespace, &name).await;
    let found = found.map_err(ActionError::Read)?;
    // Its event may have come first; there is a Pod all the same.
    Ok(found.is_some_and(|pod| ctx.cache().see_pod_of(&pod, &attempt.identity)))
}

async fn delete_pod(ctx: &Context, attempt: &Attempt, how: PodRemoval) -> Result<(), ActionError> {
    let Some(pod) = &attempt.pod else {
        return Ok(());
    };
    if how == PodRemoval::Unstarted && pod.may_have_run() {
        // It started since that was decided: it is followed to its end.
        return Ok(());
    }
    let mut condition = DeleteCondition::uid(&pod.sight.uid);
    match how {
        // Its flash has ended; what is left of it, a sidecar, has nothing to finish.
        PodRemoval::Ended if !pod.phase_is_final() => {
            condition.grace_seconds = Some(SIDECAR_GRACE_SECONDS);
        }
        PodRemoval::Ended => {}
        // A start in between changes the version, and the DELETE is refused.
        PodRemoval::Unstarted => condition.resource_version = Some(pod.sight.version.to_string()),
        PodRemoval::Lost => condition.grace_seconds = Some(0),
    }
    let key = ObjectKey::pod(&attempt.identity.namespace, &pod.sight.name);
    let request = ctx.writer.delete(&key, &condition);
    match ctx.crash.around(Write::PodDelete, request).await {
        Ok(Deleted::Deleting) if !planted(Bug::UnlockOnDeleteAccepted) => {}
        Ok(_) => drop(ctx.cache().ledger.see_gone(&pod.sight.uid)),
        Err(error) if how == PodRemoval::Unstarted && error.kind == ErrorKind::Conflict => {
            if goes_unstarted(ctx, attempt, pod).await? {
                return Ok(());
            }
            // It started after all: it is followed to its end.
            ctx.cache()
                .memory(&attempt.identity.key.job_uid)
                .releasing
                .remove(&attempt.identity.key.id);
            return Err(error.into());
        }
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

/// Whether a Pod whose version is not the known one goes without having started: a DELETE of a moment ago changed its version, too,
/// and its event may not have come yet. What the API server has is taken in.
async fn goes_unstarted(
    ctx: &Context,
    attempt: &Attempt,
    known: &ObservedPod,
) -> Result<bool, ActionError> {
    let (identity, sight) = (&attempt.identity, &known.sight);
    let found = get_pod(ctx, &identity.namespace, &sight.name).await;
    let found = found.map_err(ActionError::Read)?;
    let mut cache = ctx.cache();
    let Some(found) = found else {
        cache.ledger.see_gone(&sight.uid);
        return Ok(true);
    };
    cache.see_pod_of(&found, identity);
    let attempt = cache.ledger.attempt(&identity.key);
    let pod = attempt.and_then(|attempt| attempt.pod.as_ref());
    Ok(pod.is_some_and(ends_unstarted))
}

fn ends_unstarted(pod: &ObservedPod) -> bool {
    pod.sight.deleting.is_some() && !pod.may_have_run()
}

/// Takes our finalizer off an object with this uid and these finalizers. One that is not there any more is gone.
async fn take_off_finalizer(
    ctx: &Context,
    write: Write,
    key: &ObjectKey,
    (uid, finalizers): (&str, &[String]),
) -> Result<(), ActionError> {
    let request = ctx
        .writer
        .remove_finalizer(key, uid, finalizers, TRACKING_FINALIZER);
    let is_there = ctx.crash.around(write, request).await?;
    let mut cache = ctx.cache();
    if is_there {
        // Its event may come after the next pass, which would take it off once more.
        cache.ledger.see_untracked(uid);
    } else {
        cache.ledger.see_gone(uid);
    }
    Ok(())
}

async fn untrack(ctx: &Context, attempt: &Attempt) -> Result<(), ActionError> {
    let Some(pod) = &attempt.pod else {
        return Ok(());
    };
    let key = ObjectKey::pod(&attempt.identity.namespace, &pod.sight.name);
    let held = (&*pod.sight.uid, &*pod.finalizers);
    take_off_finalizer(ctx, Write::PodUntrack, &key, held).await
}

/// Before its DELETE, whose answer then says that it is gone.
async fn free_service(ctx: &Context, attempt: &Attempt) -> Result<(), ActionError> {
    let Some(service) = &attempt.service else {
        return Ok(());
    };
    if service.is_of_pool() {
        return lease::let_go(ctx, &attempt.identity, service).await;
    }
    let key = ObjectKey::service(&attempt.identity.namespace, &service.sight.name);
    let held = (&*service.sight.uid, &*service.finalizers);
    take_off_finalizer(ctx, Write::ServiceFree, &key, held).await
}

async fn delete_service(ctx: &Context, attempt: &Attempt) -> Result<(), ActionError> {
    let Some(service) = &attempt.service else {
        return Ok(());
    };
    if service.is_of_pool() {
        ctx.cache().ledger.end_lease(&attempt.identity.key);
        return Ok(());
    }
    let key = ObjectKey::service(&attempt.identity.namespace, &service.sight.name);
    let condition = DeleteCondition::uid(&service.sight.uid);
    let request = ctx.writer.delete(&key, &condition);
    if ctx.crash.around(Write::ServiceDelete, request).await? == Deleted::Gone {
        ctx.cache().ledger.see_gone(&service.sight.uid);
    }
    Ok(())
}

/// The release goes: every revision of this attempt, and older ones that ended, as `helm uninstall` removes a whole release. With
/// either engine the operator deletes them itself, by their uids: helm would read the record once more, and delete whatever
/// somebody has written into it since.
async fn delete_records(ctx: &Context, attempt: &Attempt) -> Result<(), ActionError> {
    let Some(newest) = attempt.record() else {
        return Ok(());
    };
    let Some(key) = Key::parse(&newest.sight.name) else {
        return Ok(());
    };
    let doomed: Vec<(String, String)> = {
        let cache = ctx.cache();
        let records = cache
            .ledger
            .all()
            .flat_map(|(_, other)| other.records.values());
        let of_release = records.filter(|record| {
            record.sight.identity.namespace == attempt.identity.namespace
                && Key::parse(&record.sight.name).is_some_and(|other| other.release == key.release)
        });
        let ended = |status| {
            matches!(
                status,
                Status::Failed | Status::Superseded | Status::Uninstalled
            )
        };
        let goes = of_release.filter(|record| {
            record.sight.identity.key == attempt.identity.key
                || (record.revision < newest.revision && ended(record.status))
        });
        goes.map(|record| (record.sight.name.clone(), record.sight.uid.clone()))
            .collect()
    };
    delete_secrets(ctx, attempt, doomed).await?;
    delete_secrets(ctx, attempt, revisions_by_hand(ctx, attempt, &key)).await?;
    ctx.metrics.release(ctx.engine(), "uninstall", "ok");
    Ok(())
}

async fn delete_secrets(
    ctx: &Context,
    attempt: &Attempt,
    doomed: Vec<(String, String)>,
) -> Result<(), ActionError> {
    for (name, uid) in doomed {
        let condition = DeleteCondition::uid(&uid);
        let namespace = &attempt.identity.namespace;
        let request = ctx.writer.delete_secret(namespace, &name, &condition);
        // A conflict proves nothing: a webhook may answer so, too. If the Secret has another uid, the watch says that ours is gone.
        match ctx.crash.around(Write::RecordDelete, request).await {
            Err(error) if error.is_conflict() && planted(Bug::ConflictIsGone) => {}
            answer => drop(answer?),
        }
        ctx.cache().ledger.see_gone(&uid);
    }
    Ok(())
}

/// Revisions that a person's helm made of this release, with the labels of its attempt: history of the release, and over with it.
fn revisions_by_hand(ctx: &Context, attempt: &Attempt, key: &Key) -> Vec<(String, String)> {
    let cache = ctx.cache();
    let unsealed = &cache.ledger.unsealed;
    let of_release = unsealed.of_release(&attempt.identity.namespace, &key.release);
    let of_job = of_release.filter(|object| object.job_uid == attempt.identity.key.job_uid);
    of_job
        .map(|object| (object.name.clone(), object.uid.clone()))
        .collect()
}

/// The release stays, as `failed`, with its reason: `helm list` shows it until the job goes or another job takes the device.
async fn fail_record(
    ctx: &Context,
    attempt: &Attempt,
    description: &str,
) -> Result<(), ActionError> {
    let newest = attempt.record().filter(|newest| newest.history.is_none());
    let Some(newest) = newest else {
        return Ok(());
    };
    let Some(stored) = &newest.stored else {
        return delete_records(ctx, attempt).await;
    };
    let mut stored = Stored::clone(stored);
    let settled = (LABEL_SETTLED.to_owned(), newest.revision.to_string());
    stored.labels.extend([settled]);
    let mut record = stored.record.clone();
    record.info.status = Status::Failed;
    record.info.last_deployed = Some(crate::cluster::clock::now());
    record.info.description = display::prose(description, MAX_DESCRIPTION).into_owned();
    if let Some(intent) = &record.attachment {
        record.info.notes = failed_notes(&intent.job, &intent.device, &record.info.description);
    }
    put(ctx, Write::RecordFailed, &stored, (record, newest.has_pod)).await?;
    if let Some(key) = Key::parse(&newest.sight.name) {
        delete_secrets(ctx, attempt, revisions_by_hand(ctx, attempt, &key)).await?;
    }
    ctx.metrics.release(ctx.engine(), "fail", "ok");
    Ok(())
}

/// What `helm status` shows of a failed release: the chart's own notes name a Pod that is gone.
fn failed_notes(job: &JobRef, device: &FrozenDevice, description: &str) -> String {
    format!(
        "The flash of {} failed: {description}\n\n\
         Its Pod and Service are gone. The end of its log is in the status of the FlashJob:\n  \
         kubectl flashjob explain -n {} {} {}\n\n\
         The release stays listed until the device is flashed again or the FlashJob is deleted.\n",
        device.endpoint, job.namespace, job.name, device.uuid
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flashjob::fixtures::{at, identity, pod, running};

    #[test]
    fn a_conflict_means_a_start_unless_the_pod_is_being_deleted_and_never_ran() {
        let who = identity(0, "a0");
        let mut waiting = pod(&who);
        assert!(!ends_unstarted(&waiting), "another write changed it");
        waiting.sight.deleting = Some(at(1));
        assert!(ends_unstarted(&waiting), "an earlier DELETE changed it");
        let mut started = running(&who);
        started.sight.deleting = Some(at(1));
        assert!(
            !ends_unstarted(&started),
            "it started before it was deleted"
        );
    }

    #[test]
    fn the_notes_of_a_failed_release_name_what_is_still_there() {
        let job = JobRef {
            name: "lamps".into(),
            namespace: "lab".into(),
            uid: "u".into(),
        };
        let device = FrozenDevice {
            uuid: "uuid-1".into(),
            endpoint: "192.0.2.7:80".into(),
            ..FrozenDevice::default()
        };
        let notes = failed_notes(&job, &device, "TransferFailed");
        for words in [
            "192.0.2.7:80 failed: TransferFailed",
            "explain -n lab lamps uuid-1",
        ] {
            assert!(notes.contains(words), "{notes}");
        }
        assert!(!notes.contains("kubectl logs"), "{notes}");
    }
}
