//! Which approvals a FlashClass asks for. Types and schema only.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema;

/// Which steps have to be approved, and by whom. With required or notRequester an approval counts only where the API server
/// says whose it is: spec.approvedStep does not.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
pub struct ClassApprovals {
    /// Steps that begin only once somebody has approved, whether the job asks for it or not: None, only where the job asks;
    /// FirstStep, the first one, so that no device is flashed before; EveryStep, each. Frozen when a round begins. Unset: None.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::require_for")]
    pub require_for: Option<RequireFor>,
    /// How many people have to approve a step before the next one begins. Unset: 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 2))]
    pub required: Option<i32>,
    /// The approval of the person who asked for the round does not count. Unset: false.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::boolean")]
    pub not_requester: Option<bool>,
    /// Once a round has begun, raising maxFailedDevices takes the verb approve, too, and so does a rerun after a stop. Unset: false.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::boolean")]
    pub guard_failure_limits: Option<bool>,
}

/// Steps that a class lets begin only once somebody has approved.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RequireFor {
    /// None beyond those before which the job asks for an approval.
    #[default]
    None,
    /// The first one.
    FirstStep,
    /// Each of them.
    EveryStep,
}
