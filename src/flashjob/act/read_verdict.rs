//! Write 6, which writes nothing yet: what an ended flash container says, kept in memory until the status holds it.

use std::time::Duration;

use jiff::SignedDuration;
use k8s_openapi::api::core::v1::Node;
use kube::Api;

use super::{ActionError, helm, lookup::get_pod};
use crate::{
    api::Reason,
    cluster::{ApiError, ErrorKind, Reader, clock::now},
    flashjob::{
        act::context::Context,
        observe::{
            memory::Found,
            objects::{ContainerSight, Identity, ObservedPod},
        },
        plan::{addresses, attempt::adoption},
        spec::job::Job,
        verdict::{Ended, Markers, Outcome, Verdict, judge},
    },
    names::FLASH_CONTAINER,
    seam::{Bug, planted},
};

/// How long the reading of a log may take.
const LOG_PATIENCE: Duration = Duration::from_secs(20);
/// How long a log that cannot be read is asked for before the verdict is unknown: a kubelet may be restarted meanwhile.
const UNREAD_LIMIT: SignedDuration = SignedDuration::from_mins(5);
/// The same where nobody will keep the verdict: its job is gone or goes, and waits for it.
const UNKEPT_LIMIT: SignedDuration = SignedDuration::from_secs(20);

/// How long a Pod whose flash container failed may take to say that it was stopped: the kubelet says so last.
const SETTLE_LIMIT: SignedDuration = SignedDuration::from_secs(5);

/// Reads the verdict of an ended flash container.
///
/// # Errors
/// When the log cannot be read for now.
pub async fn read(
    ctx: &Context,
    job: Option<&Job>,
    identity: &Identity,
) -> Result<(), ActionError> {
    let (pod, lost, ends, cause) = {
        let mut cache = ctx.cache();
        let ends = cache.terminating.contains(&identity.namespace);
        let memory = cache.memory(&identity.key.job_uid);
        let lost = memory.lost.contains(&identity.key.id);
        let attempt = cache.ledger.attempt(&identity.key);
        let cause = attempt.and_then(addresses::lost);
        let pod = attempt.and_then(|attempt| attempt.pod.clone());
        let Some(pod) = pod else { return Ok(()) };
        (pod, lost, ends, cause)
    };
    if lost {
        let message = format!(
            "node {} was lost with the Pod; check the device by hand",
            pod.node.unwrap_or_default()
        );
        keep(ctx, job, identity, unknown(Reason::NodeLost, message));
        return Ok(());
    }
    if may_tell_more(&pod) && unread_for(ctx, identity) < SETTLE_LIMIT {
        return Err(ActionError::Helm {
            reason: Reason::ReadingVerdict,
            message: "the flash container failed; whether the Pod says why is awaited".to_owned(),
        });
    }
    let is_kept = job.is_some_and(|job| !job.deleting);
    let log = match log(ctx, &pod).await {
        Ok(log) => Ok(log),
        Err(error) if may_heal(&error, unread_for(ctx, identity), is_kept, ends) => {
            return Err(ActionError::Log(error));
        }
        Err(error) => Err(error.message),
    };
    let (exit_code, container_reason) = match &pod.container {
        ContainerSight::Terminated { exit_code, reason } => (Some(*exit_code), reason.as_deref()),
        ContainerSight::Waiting { .. } | ContainerSight::Running => (None, None),
    };
    let ended = Ended {
        exit_code,
        container_reason,
        phase: &pod.phase,
        pod_reason: pod.reason.as_deref(),
        pod_message: pod.message.as_deref(),
        deleted: pod.sight.deleting.is_some(),
        in_time: pod.ended_in_time(),
        log: log.as_deref().map_err(String::as_str),
    };
    let verdict = judge(&ended, &markers(ctx, identity)).after(cause);
    // By the node's clock alone, where it tells both.
    if let Some(started) = pod.started {
        let ended = pod.finished.unwrap_or_else(now);
        let took = Duration::try_from(ended.duration_since(started)).unwrap_or_default();
        ctx.metrics.flashed(
            if verdict.outcome == Outcome::Succeeded {
                "succeeded"
            } else {
                "failed"
            },
            took,
        );
    }
    keep(ctx, job, identity, verdict);
    Ok(())
}

/// Whether the Pod may yet say why its flash container failed: deadlines and evictions are written when all containers have ended.
fn may_tell_more(pod: &ObservedPod) -> bool {
    let failed =
        matches!(pod.container, ContainerSight::Terminated { exit_code, .. } if exit_code != 0);
    failed && !pod.phase_is_final()
}

/// Whether the log may be read later: the Pod stays as long as its verdict is not stored. A right that is lacking may be given
/// back, unless it went with its namespace (`ends`).
fn may_heal(error: &ApiError, unread: SignedDuration, is_kept: bool, ends: bool) -> bool {
    match error.kind {
        ErrorKind::NotFound => false,
        ErrorKind::Forbidden | ErrorKind::Unauthorized => !ends,
        ErrorKind::Unreachable | ErrorKind::TooManyRequests { .. } => true,
        _ if is_kept => unread < UNREAD_LIMIT,
        _ => unread < UNKEPT_LIMIT,
    }
}

/// How long the log of this attempt has been asked for in vain.
fn unread_for(ctx: &Context, identity: &Identity) -> SignedDuration {
    let (mut cache, now) = (ctx.cache(), now());
    let unread = &mut cache.memory(&identity.key.job_uid).unread;
    let since = *unread.entry(identity.key.id.clone()).or_insert(now);
    now.duration_since(since)
}

async fn log(ctx: &Context, pod: &ObservedPod) -> Result<String, ApiError> {
    let reader = Reader::new(ctx.read.clone(), LOG_PATIENCE);
    let (namespace, name) = (&pod.sight.identity.namespace, &pod.sight.name);
    reader.pod_log(namespace, name, FLASH_CONTAINER).await
}

/// What the log means: the operator's words, with those of the class that the attempt's round began with.
fn markers(ctx: &Context, identity: &Identity) -> Markers {
    let cache = ctx.cache();
    let frozen = cache.frozen.get(&identity.key.job_uid);
    let frozen = frozen.filter(|frozen| frozen.stored.round == identity.round);
    let words = frozen.map(|frozen| &frozen.stored.verdict_markers);
    words.map_or_else(
        || ctx.limits.markers.clone(),
        |words| ctx.limits.markers.with(words),
    )
}

const fn unknown(reason: Reason, message: String) -> Verdict {
    Verdict {
        outcome: Outcome::Unknown,
        reason,
        message,
        log_tail: String::new(),
    }
}

/// Keeps a verdict until the status holds it. One that no status will hold goes to log and event at once.
fn keep(ctx: &Context, job: Option<&Job>, identity: &Identity, mut verdict: Verdict) {
    if verdict.outcome == Outcome::Unknown && planted(Bug::UnknownIsFailed) {
        (verdict.outcome, verdict.reason) = (Outcome::Failed, Reason::FlashFailed);
    }
    tracing::info!(reason = %verdict.reason, "flash ended");
    let mut cache = ctx.cache();
    let roster = cache
        .rosters
        .get(&identity.key.job_uid)
        .filter(|roster| roster.round == identity.round);
    let index = roster.and_then(|roster| roster.index_of(&identity.uuid));
    let note = format!(
        "round {}, device {} ({}): {}",
        identity.round,
        identity.uuid,
        identity.endpoint.as_deref().unwrap_or("unknown endpoint"),
        verdict.message
    );
    let reason = verdict.reason.as_str();
    let uuid = identity.uuid.as_str();
    let found = Found {
        index,
        uuid: identity.uuid.clone(),
        verdict,
        at: now(),
    };
    cache
        .memory(&identity.key.job_uid)
        .verdicts
        .insert(identity.key.id.clone(), found);
    drop(cache);
    if let Some(job) = job.filter(|_| index.is_none()) {
        ctx.event(job, Some(uuid), (true, reason), note);
    }
}

/// Row 6: a Pod once was. The API server itself is asked before the verdict is `Interrupted`.
///
/// # Errors
/// When it cannot be asked.
pub async fn confirm_interrupted(
    ctx: &Context,
    job: Option<&Job>,
    identity: &Identity,
) -> Result<(), ActionError> {
    let name = ctx
        .cache()
        .ledger
        .attempt(&identity.key)
        .and_then(|attempt| {
            Some(format!(
                "{}-{}",
                helm_release::Key::parse(&attempt.record()?.sight.name)?.release,
                identity.key.id
            ))
        });
    let name = name
        .or_else(|| adoption::pod_of(identity))
        .unwrap_or_else(|| {
            format!(
                "{}{}-{}",
                crate::names::RELEASE_PREFIX,
                identity.uuid,
                identity.key.id
            )
        });
    if !planted(Bug::InterruptedWithoutLiveGet)
        && let Some(pod) = get_pod(ctx, &identity.namespace, &name).await?
        && ctx.cache().see_pod_of(&pod, identity)
    {
        return Ok(());
    }
    if helm::never_launched(ctx, job, identity).await? {
        return Ok(());
    }
    let message = format!(
        "Pod {name} vanished before its end was read: the device may be flashed, half-flashed or untouched; check it by hand"
    );
    keep(ctx, job, identity, unknown(Reason::Interrupted, message));
    Ok(())
}

/// Row 6: the record of an attempt that was never seen launched is on its way out. The API server itself is asked before the
/// attempt is given up.
///
/// # Errors
/// When it cannot be asked.
pub async fn confirm_unlaunched(ctx: &Context, identity: &Identity) -> Result<(), ActionError> {
    let name = format!(
        "{}{}-{}",
        crate::names::RELEASE_PREFIX,
        identity.uuid,
        identity.key.id
    );
    let found = get_pod(ctx, &identity.namespace, &name).await?;
    let mut cache = ctx.cache();
    if !found.is_some_and(|pod| cache.see_pod_of(&pod, identity)) {
        let memory = cache.memory(&identity.key.job_uid);
        memory.unlaunched.insert(identity.key.id.clone());
    }
    Ok(())
}

/// A Pod is long past its deadline: is its node lost?
///
/// # Errors
/// When the API server cannot be asked.
pub async fn check_node(ctx: &Context, identity: &Identity) -> Result<(), ActionError> {
    let node = ctx
        .cache()
        .ledger
        .attempt(&identity.key)
        .and_then(|attempt| attempt.pod.as_ref()?.node.clone());
    let Some(name) = node else { return Ok(()) };
    let api: Api<Node> = Api::all(ctx.read.clone());
    let node = api
        .get_opt(&name)
        .await
        .map_err(|error| ActionError::Read(ApiError::new(format!("get Node {name}"), &error)))?;
    if node.as_ref().is_some_and(is_ready) {
        let message = format!(
            "the Pod is past its deadline on a ready node {name}; its kubelet has not ended it yet"
        );
        return Err(ActionError::Helm {
            reason: Reason::Flashing,
            message,
        });
    }
    ctx.cache()
        .memory(&identity.key.job_uid)
        .lost
        .insert(identity.key.id.clone());
    Ok(())
}

fn is_ready(node: &Node) -> bool {
    let conditions = node
        .status
        .as_ref()
        .and_then(|status| status.conditions.as_ref());
    conditions
        .into_iter()
        .flatten()
        .any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::flashjob::fixtures::{identity, running};

    #[rstest]
    #[case::running("Running", ContainerSight::Running, false)]
    #[case::ended_well("Running", ContainerSight::Terminated { exit_code: 0, reason: None }, false)]
    #[case::failed("Running", ContainerSight::Terminated { exit_code: 1, reason: None }, true)]
    #[case::failed_with_its_pod("Failed", ContainerSight::Terminated { exit_code: 1, reason: None }, false)]
    fn a_pod_is_waited_for_only_where_it_may_yet_say_why_its_flash_failed(
        #[case] phase: &str,
        #[case] container: ContainerSight,
        #[case] more: bool,
    ) {
        let mut pod = running(&identity(0, "a"));
        (pod.phase, pod.container) = (phase.to_owned(), container);
        assert_eq!(may_tell_more(&pod), more);
    }

    #[rstest]
    #[case::no_pod(ErrorKind::NotFound, 0, true, false, false)]
    #[case::a_right_that_may_come_back(ErrorKind::Forbidden, 3_600, true, false, true)]
    #[case::a_right_that_went_with_its_namespace(ErrorKind::Forbidden, 0, true, true, false)]
    #[case::no_api_server(ErrorKind::Unreachable, 3_600, true, false, true)]
    #[case::a_kubelet_that_is_restarted(ErrorKind::Unavailable, 299, true, false, true)]
    #[case::a_kubelet_that_stays_away(ErrorKind::Unavailable, 300, true, false, false)]
    #[case::no_answer(ErrorKind::Timeout, 60, true, false, true)]
    #[case::of_a_job_that_goes(ErrorKind::Unavailable, 19, false, false, true)]
    #[case::of_a_job_that_goes_not_for_long(ErrorKind::Unavailable, 20, false, false, false)]
    fn a_log_is_asked_for_as_long_as_it_may_be_read_later(
        #[case] kind: ErrorKind,
        #[case] seconds: i64,
        #[case] is_kept: bool,
        #[case] ends: bool,
        #[case] again: bool,
    ) {
        let error = ApiError {
            request: "read the log".into(),
            kind,
            message: String::new(),
        };
        let unread = SignedDuration::from_secs(seconds);
        assert_eq!(may_heal(&error, unread, is_kept, ends), again);
    }
}
