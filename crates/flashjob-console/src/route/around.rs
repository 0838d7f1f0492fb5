//! A FlashJob and what is around it, as far as the caller may read it. Reads only.

use flashjob_operator::{
    api::{FlashClass, SelectedDevice},
    cli::job::{class, selection},
    cluster::clock::now,
    flashjob::explain::Known,
};

use super::place::{OfJob, jobs};
use crate::{
    cluster::{Caller, Found},
    problem::Problem,
};

/// What was read of a job and around it, as far as the caller may.
pub struct Around {
    /// The job.
    pub found: Found,
    /// The frozen selection of its round.
    pub selection: Option<Vec<SelectedDevice>>,
    /// Its class.
    pub class: Option<FlashClass>,
}

impl Around {
    /// Reads what may be read.
    ///
    /// # Errors
    /// When the job cannot be read.
    pub async fn of(caller: &Caller, place: &OfJob) -> Result<Self, Problem> {
        let found = caller
            .job(&jobs(&place.namespace), place.name.as_str())
            .await?;
        let reader = caller.reader();
        let selection = selection(&reader, &found.job).await;
        let class = class(&reader, &found.job).await;
        Ok(Self {
            found,
            selection,
            class,
        })
    }

    /// As the operator's library explains it.
    #[must_use]
    pub fn known(&self) -> Known<'_> {
        Known {
            job: &self.found.job,
            selection: self.selection.as_deref(),
            class: self.class.as_ref(),
            watched: None,
            now: now(),
        }
    }

    /// What could not be read, in words.
    #[must_use]
    pub fn unseen(&self) -> Option<String> {
        let begun = self.found.job.status.round.is_some();
        let namespace = &self.found.job.namespace;
        (begun && self.selection.is_none()).then(|| {
            format!(
                "the job's selection cannot be read, so that devices that its status does not list have no UUID here: it takes the right \
                 to list controllerrevisions in namespace {namespace}"
            )
        })
    }
}
