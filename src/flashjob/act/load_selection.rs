//! The frozen selection of a job's round, as it is stored: read once, and held against what the status says of it.
//!
//! Called by `reconcile` before it plans; waits for nothing but the API server's answers.

use std::sync::Arc;

use super::{context::Context, revisions};
use crate::{
    api::{Reason, Refusal},
    cluster::ApiError,
    device, flashclass,
    flashjob::{
        observe::{
            memory::{ValuesOf, ValuesTrial},
            selection::Selection,
        },
        spec::{job::Job, tampered},
    },
};

/// Reads the frozen selection of the stored round, once.
pub(crate) async fn load_selection(ctx: &Context, job: &Job) -> Result<(), ApiError> {
    let Some(round) = &job.status.round else {
        return Ok(());
    };
    if ctx
        .cache()
        .rosters
        .get(&job.uid)
        .is_some_and(|roster| roster.round == round.number)
    {
        return Ok(());
    }
    let mut found = revisions::list(ctx, job).await?;
    let stored = job.status.selection.as_ref();
    let gathered = device::gather(std::mem::take(&mut found.slices), round.number)
        .map_err(|error| error.to_string())
        .and_then(|devices| {
            let hash = device::hash(&devices);
            // Slices are written before the status that names them: more devices than the status says are a crash in between.
            let known = devices
                .get(..tampered::selected(&job.status))
                .map(device::hash);
            let intact = known.is_some() && known == stored.map(|stored| stored.hash.clone());
            if intact {
                Ok(devices)
            } else {
                Err(format!(
                    "the selection of round {} was altered (hash {hash})",
                    round.number
                ))
            }
        });
    let stamp = job.status.flash_class.as_ref();
    let thawed = stamp.map(|stamp| flashclass::thaw(&found.believed, stamp, round.number));
    let chart = ctx.flash_pod_of(job).map_or(0, |chart| chart.version);
    let mut cache = ctx.cache();
    let lost = match gathered {
        Ok(devices) => {
            let roster = Selection::named_by(&job.status, round.number, devices);
            let before = cache.rosters.insert(job.uid.clone(), Arc::new(roster));
            if before.is_some_and(|before| before.round != round.number) {
                cache.memory(&job.uid).begin_round();
            }
            None
        }
        Err(message) => {
            let roster = Selection::new(round.number, Vec::new());
            cache.rosters.insert(job.uid.clone(), Arc::new(roster));
            Some(message)
        }
    };
    // Without the class's defaults nothing starts either, but what is in flight still has its place in the selection.
    let lost = match thawed {
        Some(Ok(frozen)) => {
            cache.frozen.insert(job.uid.clone(), Arc::new(frozen));
            lost
        }
        Some(Err(message)) => lost.or(Some(message)),
        None => lost,
    };
    if let Some(lost) = lost {
        let message = lost_words(&found.doubt(round.number).unwrap_or(lost), job);
        let refusal = Refusal {
            reason: Reason::SelectionLost,
            message,
        };
        let of = ValuesOf {
            generation: job.generation,
            chart,
        };
        cache.memory(&job.uid).trial = Some(ValuesTrial::refused(of, refusal));
    }
    Ok(())
}

/// The message of a job whose selection is lost.
fn lost_words(why: &str, job: &Job) -> String {
    let Job {
        name, namespace, ..
    } = job;
    format!(
        "{why}; nothing new starts; to select anew: kubectl delete flashjob {name} -n {namespace}, and apply it again"
    )
}
