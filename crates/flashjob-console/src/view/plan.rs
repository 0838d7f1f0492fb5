//! The plan of a FlashJob that does not exist yet. Pure.

use flashjob_operator::flashjob::forecast::{Answer, Forecast, brief};
use schemars::JsonSchema;
use serde::Serialize;

/// What a FlashJob would do if it were created now.
#[derive(Serialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// In short: whether it would run. What nobody may read cannot be told.
    pub answer: Answer,
    /// Whether the sender may create FlashJobs in this namespace.
    pub may_create: bool,
    /// What a person reads before ordering it, in sentences: what keeps it from starting, approvals, how long it takes.
    pub brief: Vec<String>,
    /// All of it.
    #[serde(flatten)]
    pub forecast: Forecast,
}

impl Plan {
    /// Of a forecast, for somebody who may create the job or not.
    #[must_use]
    pub fn of(forecast: Forecast, may_create: bool) -> Self {
        Self {
            answer: forecast.answer(),
            may_create,
            brief: brief(&forecast),
            forecast,
        }
    }
}
