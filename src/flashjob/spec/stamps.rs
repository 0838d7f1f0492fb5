//! Who asked for the round of a job and who approved its steps, as the API server stamped it. Pure.
//!
//! The stamps are annotations. The policy of the operator's chart writes them from the user of each request and lets nobody else
//! write them; what stood there before it was in force, somebody may have made up.

use jiff::{SignedDuration, Timestamp};

use crate::{
    flashjob::spec::job::Job,
    names::{ANNOTATION_APPROVED_BEFORE, ANNOTATION_APPROVED_BY, ANNOTATION_REQUESTED_BY},
};

/// How long after its creation every API server is sure to follow a policy.
const UPTAKE: SignedDuration = SignedDuration::from_secs(10);

/// Longest name of a user, in bytes.
const LONGEST: usize = 512;

/// See the module's documentation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stamps {
    /// Who created the job, or changed what it flashes since.
    pub requested_by: Option<String>,
    /// Who wrote `spec.approval` last.
    pub approved_by: Option<String>,
    /// Who approved the same step before, if it was somebody else.
    pub approved_before: Option<String>,
}

/// What is known of the policy that stamps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stamping {
    /// Nobody asked the API server.
    #[default]
    NotAsked,
    /// The API server has no such policy, or the operator may not look.
    Absent,
    /// It is there since then.
    Since(Timestamp),
}

impl Stamps {
    /// The stamps of a job.
    ///
    /// # Errors
    /// Why they cannot be believed.
    pub fn of(job: &Job, stamping: Stamping) -> Result<Self, &'static str> {
        let since = match stamping {
            Stamping::Since(since) => since,
            Stamping::NotAsked => return Err("the API server has not been asked yet"),
            Stamping::Absent => {
                return Err(
                    "the API server stamps nobody's name: that needs Kubernetes 1.36 or newer, and admission.stamps of the operator's chart",
                );
            }
        };
        let meta = &job.object.metadata;
        let created = meta.creation_timestamp.as_ref().map(|time| time.0);
        if created.is_none_or(|at| at.duration_since(since) < UPTAKE) {
            return Err(
                "the job is older than the policy flashjob-stamps, so its annotations may be made up: create it anew",
            );
        }
        let stamp = |key: &str| {
            let annotations = meta.annotations.as_ref()?;
            let name = annotations.get(key)?;
            // What is longer is nobody's name, and would fill the status.
            (1..=LONGEST).contains(&name.len()).then(|| name.clone())
        };
        Ok(Self {
            requested_by: stamp(ANNOTATION_REQUESTED_BY),
            approved_by: stamp(ANNOTATION_APPROVED_BY),
            approved_before: stamp(ANNOTATION_APPROVED_BEFORE),
        })
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use rstest::rstest;

    use super::*;
    use crate::flashjob::fixtures::{Scene, at};

    const OLD: &str = "the job is older than the policy flashjob-stamps, so its annotations may be made up: create it anew";

    #[rstest]
    #[case::created_before_every_api_server_follows_it(109, Err(OLD))]
    #[case::created_when_every_one_does(110, Ok(Some("ana")))]
    #[case::created_later(500, Ok(Some("ana")))]
    fn the_names_on_a_job_are_believed_where_it_is_younger_than_the_policy(
        #[case] created: i64,
        #[case] requested_by: Result<Option<&str>, &str>,
    ) {
        let mut job = Scene::new(1).job;
        let meta = &mut job.object.metadata;
        meta.creation_timestamp = Some(Time(at(created)));
        let name = (ANNOTATION_REQUESTED_BY.to_owned(), "ana".to_owned());
        meta.annotations = Some([name].into());
        let stamps = Stamps::of(&job, Stamping::Since(at(100)));
        let requested_by = requested_by.map(|name| Stamps {
            requested_by: name.map(str::to_owned),
            ..Stamps::default()
        });
        assert_eq!(stamps, requested_by);
    }
}
