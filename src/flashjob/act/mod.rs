//! Carries out plans: ordered writes, each bounded by the client's time-out. The only part of the room that writes.
//!
//! An action runs as a task of its own, so that a slow device or helm process holds up nobody else. Every answer goes into the
//! ledger at once, and the end of an action queues another pass of its job.

mod adopt;
pub(crate) mod context;
pub(crate) mod engine;
pub mod finalize;
pub(crate) mod firmware;
pub(crate) mod follow_spec;
pub(crate) mod helm;
mod hold;
pub mod job;
mod launch;
mod lease;
pub(crate) mod load_selection;
mod lookup;
pub(crate) mod native;
pub(crate) mod open_round;
pub(crate) mod preflight;
pub(crate) mod publish_status;
mod read_verdict;
pub(crate) mod receipts;
mod record;
mod reject;
pub mod repair;
mod reserve;
pub mod resolve_firmware;
pub mod revisions;
mod seal;
mod signatures;
pub mod stamps;
mod store_receipts;
mod uninstall;
pub(crate) mod workshop;

use std::{sync::Arc, time::Duration};

use jiff::SignedDuration;
use tracing::{Instrument, Span};

use super::plan::Begin;
use crate::{
    api::Reason,
    cluster::{ApiError, ErrorKind, clock::now},
    seam,
};
use crate::{
    api::Refusal,
    flashjob::{
        act::context::Context,
        observe::{
            memory::Trouble,
            objects::{AttemptKey, Identity},
        },
        plan::attempt::Action,
        spec::job::Job,
    },
};

/// When the next pass over a job is due, if nothing happens before.
pub(crate) type NextPass = Option<Duration>;

/// First wait after a failed write; doubles to [`MAX_TROUBLE_SECONDS`].
const TROUBLE_SECONDS: i64 = 1;
/// Longest wait between two tries of a write.
const MAX_TROUBLE_SECONDS: i64 = 60;
/// Wait before it is asked again whether something exists.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// Why an action did not do what it was to do.
#[derive(Debug, thiserror::Error)]
pub enum ActionError {
    /// A write failed, or a look that belongs to it.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// Something could not be looked at; nothing was to be written.
    #[error(transparent)]
    Read(ApiError),
    /// The log of an ended flash could not be read for now.
    #[error(transparent)]
    Log(ApiError),
    /// The values, the chart or the stored record cannot be used.
    #[error("{}", .0.message)]
    Refused(Refusal),
    /// A class does not let a flash begin now; it may do so again.
    #[error("{}", .0.message)]
    NotAdmitted(Refusal),
    /// helm failed.
    #[error("{message}")]
    Helm {
        /// In one word.
        reason: Reason,
        /// helm's own words.
        message: String,
    },
}

impl ActionError {
    /// Whether the API server was not reached at all.
    #[must_use]
    pub fn is_unreachable(&self) -> bool {
        matches!(
            self,
            Self::Api(error) | Self::Read(error) | Self::Log(error)
                if error.kind == ErrorKind::Unreachable
        )
    }

    /// Why, in one word.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::Refused(refusal) | Self::NotAdmitted(refusal) => refusal.reason,
            Self::Helm { reason, .. } => *reason,
            // What refuses writes refuses no reads: the kubelet's "not found" and "bad request" come through the API server.
            Self::Read(error) | Self::Log(error)
                if matches!(error.kind, ErrorKind::Forbidden | ErrorKind::Unauthorized) =>
            {
                Reason::Forbidden
            }
            Self::Log(_) => Reason::ReadingVerdict,
            Self::Read(_) => Reason::ApiError,
            Self::Api(error) => match &error.kind {
                ErrorKind::Forbidden | ErrorKind::Unauthorized => Reason::Forbidden,
                ErrorKind::QuotaExceeded => Reason::QuotaExceeded,
                ErrorKind::AdmissionDenied
                | ErrorKind::AdmissionUnavailable
                | ErrorKind::Invalid { .. } => Reason::AdmissionDenied,
                ErrorKind::AlreadyExists => Reason::DeviceBusy,
                _ => Reason::ApiError,
            },
        }
    }
}

/// Asks until the API server answers, whatever keeps it from answering. As long as nobody knows whether a create was carried
/// out, its action goes on, and with it lock and slot are held.
async fn until_answered<T, F>(ask: impl Fn() -> F) -> T
where
    F: Future<Output = Result<T, ApiError>>,
{
    ask_on("not known whether a write took effect, asking again", ask).await
}

/// Asks until the API server answers, and logs this each time that it does not.
pub async fn ask_on<T, F>(unanswered: &str, ask: impl Fn() -> F) -> T
where
    F: Future<Output = Result<T, ApiError>>,
{
    loop {
        match ask().await {
            Ok(answer) => return answer,
            Err(error) => {
                tracing::warn!(error = %error, "{unanswered}");
                tokio::time::sleep(ASK_AGAIN).await;
            }
        }
    }
}

/// Random text for an attempt id.
#[must_use]
pub fn nonce() -> String {
    hex::encode(seam::random::<16>())
}

/// The span of an action: what is logged in it tells the story of one device. Like an error it is never filtered out, so that a
/// warning says whose it is at every level.
fn span(identity: &Identity, step: &'static str) -> Span {
    tracing::error_span!(
        "step",
        step,
        job = identity.job(),
        uuid = identity.uuid.as_str(),
        round = identity.round,
        attempt = identity.key.id.as_str(),
    )
}

/// Starts an action of an attempt that the ledger has marked as acting.
pub fn spawn(ctx: &Arc<Context>, job: &Arc<Job>, identity: Identity, action: Action) {
    start(ctx, Some(Arc::clone(job)), identity, action);
}

/// Starts an action of an attempt whose job is gone.
pub fn spawn_orphan(ctx: &Arc<Context>, identity: Identity, action: Action) {
    start(ctx, None, identity, action);
}

fn start(ctx: &Arc<Context>, job: Option<Arc<Job>>, identity: Identity, action: Action) {
    let ctx = Arc::clone(ctx);
    let span = span(&identity, action.as_str());
    let work = async move {
        let done = counted(&ctx, job.as_deref(), &identity, action).await;
        end(&ctx, &identity.key, &done);
    };
    seam::spawn(work.instrument(span));
}

/// Starts an attempt.
pub fn spawn_begin(
    ctx: &Arc<Context>,
    job: &Arc<Job>,
    identity: Identity,
    begin: Begin,
    nonce: String,
) {
    let (ctx, job) = (Arc::clone(ctx), Arc::clone(job));
    let span = span(&identity, "Reserve");
    let work = async move {
        let flash_pod = ctx.flash_pod_of(&job);
        let version = flash_pod.map_or(0, |flash_pod| flash_pod.version);
        let done = reserve::begin(&ctx, &job, &identity, &begin, &nonce).await;
        if let Err(error) = &done {
            ctx.metrics.release(ctx.engine(), "reserve", "error");
            reject::give_up(&ctx, &job, (&identity, &begin), version, error);
        }
        end(&ctx, &identity.key, &done);
    };
    seam::spawn(work.instrument(span));
}

/// Runs an action and counts its failure, where it is an operation on the release. What succeeds is counted where it is done.
async fn counted(
    ctx: &Arc<Context>,
    job: Option<&Job>,
    identity: &Identity,
    action: Action,
) -> Result<(), ActionError> {
    let operation = match &action {
        Action::ApplyService => Some("reserve"),
        Action::HoldService | Action::Launch { .. } | Action::MarkDeployed => Some("launch"),
        Action::Remove(_) => Some("uninstall"),
        Action::Adopt
        | Action::ReadVerdict
        | Action::ConfirmInterrupted
        | Action::ConfirmUnlaunched
        | Action::CheckNode => None,
    };
    let done = run(ctx, job, identity, action).await;
    if let (Some(operation), Err(_)) = (operation, &done) {
        ctx.metrics.release(ctx.engine(), operation, "error");
    }
    done
}

async fn run(
    ctx: &Arc<Context>,
    job: Option<&Job>,
    identity: &Identity,
    action: Action,
) -> Result<(), ActionError> {
    match action {
        Action::Adopt => adopt::adopt(ctx, job, identity).await,
        Action::ApplyService => reserve::apply_service(ctx, identity).await,
        Action::HoldService => hold::hold(ctx, identity).await,
        Action::Launch { address } => launch::launch(ctx, identity, &address).await,
        Action::MarkDeployed => launch::mark_deployed(ctx, identity).await,
        Action::ReadVerdict => read_verdict::read(ctx, job, identity).await,
        Action::ConfirmInterrupted => read_verdict::confirm_interrupted(ctx, job, identity).await,
        Action::ConfirmUnlaunched => read_verdict::confirm_unlaunched(ctx, identity).await,
        Action::CheckNode => read_verdict::check_node(ctx, identity).await,
        Action::Remove(removal) => uninstall::remove(ctx, identity, &removal).await,
    }
}

/// Ends an action: remembers its trouble, clears its mark and queues a pass of its job.
fn end(ctx: &Context, key: &AttemptKey, done: &Result<(), ActionError>) {
    {
        let mut cache = ctx.cache();
        let memory = cache.memory(&key.job_uid);
        match done {
            Ok(()) => drop(memory.trouble.remove(&key.id)),
            Err(error) => {
                let before = memory.trouble.get(&key.id);
                let before = before.map_or(0, |trouble| trouble.tries);
                // An API server that is away has refused nothing.
                let tries = if error.is_unreachable() {
                    before.max(1)
                } else {
                    before + 1
                };
                let seconds = (TROUBLE_SECONDS << (tries - 1).min(10)).min(MAX_TROUBLE_SECONDS);
                let until = now()
                    .checked_add(SignedDuration::from_secs(seconds))
                    .unwrap_or_else(|_| now());
                let trouble = Trouble {
                    reason: error.reason(),
                    message: error.to_string(),
                    until,
                    tries,
                };
                memory.trouble.insert(key.id.clone(), trouble);
            }
        }
        cache.ledger.end_action(key);
    }
    if let Err(error) = done {
        tracing::warn!(reason = %error.reason(), error = %error, "step failed, trying again");
    }
    ctx.nudge(&key.job_uid);
}

/// Why something that must be in memory is not: a person changed the record by hand.
fn altered(what: &str) -> ActionError {
    ActionError::Refused(Refusal {
        reason: Reason::ForeignRevision,
        message: format!("the release record {what}"),
    })
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use rstest::rstest;

    use super::*;

    const INVALID: ErrorKind = ErrorKind::Invalid { fields: Vec::new() };

    #[rstest]
    #[case::a_write(ActionError::Api, INVALID, Reason::AdmissionDenied)]
    #[case::a_write_that_is_forbidden(ActionError::Api, ErrorKind::Forbidden, Reason::Forbidden)]
    #[case::a_write_over_quota(ActionError::Api, ErrorKind::QuotaExceeded, Reason::QuotaExceeded)]
    #[case::a_write_of_what_exists(ActionError::Api, ErrorKind::AlreadyExists, Reason::DeviceBusy)]
    #[case::a_write_without_answer(ActionError::Api, ErrorKind::Timeout, Reason::ApiError)]
    #[case::a_look(ActionError::Read, INVALID, Reason::ApiError)]
    #[case::a_look_that_is_forbidden(ActionError::Read, ErrorKind::Forbidden, Reason::Forbidden)]
    #[case::a_look_with_an_old_token(ActionError::Read, ErrorKind::Unauthorized, Reason::Forbidden)]
    #[case::a_container_that_is_being_created(ActionError::Log, INVALID, Reason::ReadingVerdict)]
    #[case::a_kubelet_that_is_away(
        ActionError::Log,
        ErrorKind::Unavailable,
        Reason::ReadingVerdict
    )]
    #[case::a_proxy_before_the_kubelet(
        ActionError::Log,
        ErrorKind::AdmissionDenied,
        Reason::ReadingVerdict
    )]
    #[case::a_slow_kubelet(ActionError::Log, ErrorKind::Timeout, Reason::ReadingVerdict)]
    #[case::logs_are_forbidden(ActionError::Log, ErrorKind::Forbidden, Reason::Forbidden)]
    fn a_failure_is_named_after_what_was_tried(
        #[case] tried: fn(ApiError) -> ActionError,
        #[case] kind: ErrorKind,
        #[case] reason: Reason,
    ) {
        let error = ApiError {
            request: "read the log of Pod lab/a".into(),
            kind,
            message: "container \"flash-container\" is waiting to start".into(),
        };
        let error = tried(error);
        assert_eq!(error.reason(), reason);
        assert_eq!(
            error.to_string(),
            "cannot read the log of Pod lab/a: container \"flash-container\" is waiting to start"
        );
    }

    #[rstest]
    #[case(ActionError::Api)]
    #[case(ActionError::Read)]
    #[case(ActionError::Log)]
    fn an_api_server_that_is_away_has_refused_nothing(#[case] tried: fn(ApiError) -> ActionError) {
        let error = |kind| {
            let mut error = ApiError::timeout("get Pod lab/a".to_owned(), ASK_AGAIN);
            error.kind = kind;
            tried(error)
        };
        assert!(error(ErrorKind::Unreachable).is_unreachable());
        assert!(!error(ErrorKind::Timeout).is_unreachable());
    }

    #[tokio::test]
    async fn what_became_of_a_create_is_asked_until_it_is_answered_whatever_the_failure() {
        let asked = Cell::new(0);
        let answer = until_answered(|| async {
            asked.set(asked.get() + 1);
            if asked.get() == 1 {
                let mut error = ApiError::timeout("get Pod lab/a".to_owned(), ASK_AGAIN);
                error.kind = ErrorKind::Unreachable;
                return Err(error);
            }
            Ok("there")
        });
        assert_eq!(answer.await, "there");
        assert_eq!(asked.get(), 2);
    }
}
