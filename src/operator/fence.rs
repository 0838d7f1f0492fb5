//! Proves that the API server itself refuses a deposed leader's Pods, by the policy `flashjob-operator-fence` of the operator's chart.
//!
//! Asks by dry run, so nothing is created. Called by `run` when the lease is won and `--fence` is set, before anything is started.

use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::{
    cluster::{ApiError, ErrorKind, Fact, Writer},
    names::{ANNOTATION_LEADER, FENCE_POLICY, LABEL_JOB_UID, LEASE},
};

/// Reason of the event that says that the fence does not hold.
const FENCE_BROKEN: &str = "FenceBroken";
/// How long the API server gets to take up the lease's new holder, and a policy that was installed just now.
const PATIENCE: Duration = Duration::from_secs(15);
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(250);

/// What the API server does instead of refusing exactly the Pods of other leaders.
#[derive(thiserror::Error, Debug, Clone, PartialEq, Eq)]
pub enum Unproved {
    /// It would let another leader create a Pod.
    #[error("in namespace {0} it would let another leader create a Pod")]
    LetsOthers(String),
    /// It would refuse this leader's Pod.
    #[error("it would refuse the Pods of this leader, too: {0}")]
    RefusesLeader(ApiError),
    /// It could not be asked, or something else than the fence refused.
    #[error("it could not be asked: {0}")]
    Unclear(ApiError),
}

/// The fence was asked for and does not hold: nothing may be started.
#[derive(thiserror::Error, Debug, Clone, PartialEq, Eq)]
#[error(
    "FenceBroken: no flash is started, because the API server does not fence operators that no longer lead: {0}. Look at \
     `kubectl get validatingadmissionpolicy,validatingadmissionpolicybinding {FENCE_POLICY} -o yaml`: both must be as the \
     operator's chart makes them with admission.fence.enable, the binding with validationActions [Deny] and this operator's Lease. \
     If they are, restart the API server: once the last binding that named a Lease is gone, it sees no Lease change any more \
     (kubernetes#130887). Without --fence the operator starts unfenced"
)]
pub struct FenceBroken(#[from] pub Unproved);

impl FenceBroken {
    /// The event that says so, about the Lease.
    #[must_use]
    pub fn fact(&self, lease_namespace: &str, uid: Option<String>) -> Fact {
        Fact {
            about: ObjectReference {
                api_version: Some("coordination.k8s.io/v1".into()),
                kind: Some("Lease".into()),
                name: Some(LEASE.into()),
                namespace: Some(lease_namespace.into()),
                uid,
                ..ObjectReference::default()
            },
            related: None,
            warning: true,
            reason: FENCE_BROKEN,
            action: "Lead",
            note: self.to_string(),
        }
    }
}

/// The namespaces in which the operator may have the right to create Pods.
#[must_use]
pub fn places(watched: &[String], own: &str) -> Vec<String> {
    if watched.is_empty() {
        vec![own.to_owned()]
    } else {
        watched.to_vec()
    }
}

/// Asks until the API server refuses exactly another leader's Pod in one of the namespaces, for a bounded time.
///
/// # Errors
/// What it did instead, at last.
pub async fn prove(writer: &Writer, places: &[String], leader: &str) -> Result<(), FenceBroken> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match prove_once(writer, places, leader).await {
            Ok(()) => {
                tracing::info!(policy = FENCE_POLICY, "the API server fences other leaders");
                return Ok(());
            }
            Err(unproved) if Instant::now() >= deadline => return Err(unproved.into()),
            Err(unproved) => tracing::debug!(reason = %unproved, "the fence is not proved yet"),
        }
        sleep(PAUSE).await;
    }
}

/// One try, in the first namespace in which Pods can be asked for.
async fn prove_once(writer: &Writer, places: &[String], leader: &str) -> Result<(), Unproved> {
    let mut shown = Ok(());
    for place in places {
        let other = format!("{leader}-deposed");
        let answer = writer.try_create(&probe(place, &other)).await;
        shown = refuses_other(place, answer);
        match &shown {
            Ok(()) => {
                let answer = writer.try_create(&probe(place, leader)).await;
                return lets_leader(answer);
            }
            Err(Unproved::Unclear(error)) if is_elsewhere(&error.kind) => {}
            Err(_) => return shown,
        }
    }
    shown
}

/// Whether another namespace may tell more.
const fn is_elsewhere(kind: &ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::Forbidden
            | ErrorKind::NotFound
            | ErrorKind::NamespaceTerminating
            | ErrorKind::AdmissionDenied
    )
}

/// What the answer to another leader's Pod shows.
fn refuses_other(place: &str, answer: Result<(), ApiError>) -> Result<(), Unproved> {
    match answer {
        Ok(()) => Err(Unproved::LetsOthers(place.to_owned())),
        Err(error) if is_by_fence(&error) => Ok(()),
        // Quotas are asked last: the fence has let it pass.
        Err(error) if error.kind == ErrorKind::QuotaExceeded => {
            Err(Unproved::LetsOthers(place.to_owned()))
        }
        Err(error) => Err(Unproved::Unclear(error)),
    }
}

/// What the answer to this leader's Pod shows, after the fence has refused the same Pod of another one.
fn lets_leader(answer: Result<(), ApiError>) -> Result<(), Unproved> {
    match answer {
        Ok(()) => Ok(()),
        Err(error) if error.kind == ErrorKind::QuotaExceeded => Ok(()),
        Err(error) if is_by_fence(&error) => Err(Unproved::RefusesLeader(error)),
        Err(error) => Err(Unproved::Unclear(error)),
    }
}

fn is_by_fence(error: &ApiError) -> bool {
    error.kind == ErrorKind::AdmissionDenied
        && error
            .message
            .contains(&format!("ValidatingAdmissionPolicy '{FENCE_POLICY}'"))
}

/// A Pod that every rule lets pass but the fence: Pod Security *restricted*, and the operator's confinement.
fn probe(namespace: &str, leader: &str) -> Value {
    let little = json!({"cpu": "10m", "memory": "16Mi", "ephemeral-storage": "16Mi"});
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": "flash-fence-probe", "namespace": namespace,
            "labels": {LABEL_JOB_UID: "fence-probe"}, "annotations": {ANNOTATION_LEADER: leader},
        },
        "spec": {
            "restartPolicy": "Never", "automountServiceAccountToken": false,
            "securityContext": {"runAsNonRoot": true, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{
                "name": "probe", "image": "fence-probe.invalid/none:1",
                "resources": {"requests": little, "limits": little},
                "securityContext": {
                    "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]},
                },
            }],
        },
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn error(kind: ErrorKind, message: &str) -> ApiError {
        ApiError {
            request: "try Pod a/flash-fence-probe".into(),
            kind,
            message: message.into(),
        }
    }

    fn by(policy: &str) -> ApiError {
        let message =
            format!("ValidatingAdmissionPolicy '{policy}' with binding 'x' denied request: no");
        error(ErrorKind::AdmissionDenied, &message)
    }

    #[test]
    fn only_a_refusal_that_names_the_policy_shows_that_others_are_refused() {
        let lets = Err(Unproved::LetsOthers("a".into()));
        assert_eq!(refuses_other("a", Err(by(FENCE_POLICY))), Ok(()));
        assert_eq!(refuses_other("a", Ok(())), lets);
        let quota = error(ErrorKind::QuotaExceeded, "exceeded quota");
        assert_eq!(refuses_other("a", Err(quota)), lets);
        for other in [
            by("flashjob-operator-confinement"),
            by("flashjob-operator-fence-of-others"),
            error(ErrorKind::Forbidden, "no right"),
            error(ErrorKind::Unavailable, "'flashjob-operator-fence'"),
        ] {
            let unclear = Err(Unproved::Unclear(other.clone()));
            assert_eq!(refuses_other("a", Err(other)), unclear);
        }
    }

    #[test]
    fn a_fence_that_refuses_everybody_does_not_hold_and_a_quota_says_nothing_of_it() {
        assert_eq!(lets_leader(Ok(())), Ok(()));
        let quota = error(ErrorKind::QuotaExceeded, "exceeded quota");
        assert_eq!(lets_leader(Err(quota)), Ok(()));
        let refused = by(FENCE_POLICY);
        assert_eq!(
            lets_leader(Err(refused.clone())),
            Err(Unproved::RefusesLeader(refused))
        );
        let timeout = error(ErrorKind::Timeout, "no answer");
        assert_eq!(
            lets_leader(Err(timeout.clone())),
            Err(Unproved::Unclear(timeout))
        );
    }

    #[rstest]
    #[case::everywhere(&[], &["own"])]
    #[case::watched(&["b", "a"], &["b", "a"])]
    fn it_is_asked_where_pods_are_created(#[case] watched: &[&str], #[case] expected: &[&str]) {
        let watched: Vec<String> = watched.iter().map(|&name| name.into()).collect();
        assert_eq!(places(&watched, "own"), expected);
    }

    #[test]
    fn the_message_says_why_and_what_to_do() {
        let broken = FenceBroken(Unproved::LetsOthers("fleet".into()));
        let text = broken.to_string();
        assert!(
            text.starts_with("FenceBroken: no flash is started"),
            "{text}"
        );
        for part in [
            "in namespace fleet",
            "kubectl get",
            "kubernetes#130887",
            "--fence",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let fact = broken.fact("system", Some("uid".into()));
        assert_eq!((fact.warning, fact.reason), (true, "FenceBroken"));
        assert!(text.len() < 1024, "an event's note is cut there");
    }
}
