//! Releases of devices, and the rounds of a job. Pure.

use flashjob_operator::{api::FlashJobStatus, cli::history::ReleaseRow, display};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

/// Where in a list a page is.
#[derive(Serialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ListMeta {
    /// Version of the list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_version: Option<String>,
    /// Leads to the next page; absent on the last one.
    #[serde(rename = "continue", skip_serializing_if = "Option::is_none")]
    pub continue_: Option<String>,
    /// How many records of Helm follow, those of others included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remaining_item_count: Option<i64>,
}

impl ListMeta {
    /// As the API server has it.
    #[must_use]
    pub fn of(metadata: &Value) -> Self {
        let text = |field: &str| {
            let text = metadata[field].as_str().filter(|text| !text.is_empty());
            text.map(str::to_owned)
        };
        Self {
            resource_version: text("resourceVersion"),
            continue_: text("continue"),
            remaining_item_count: metadata["remainingItemCount"].as_i64(),
        }
    }
}

/// A page of releases.
#[derive(Serialize, JsonSchema, Clone, Debug)]
pub struct Releases {
    /// Where in the list it is.
    pub metadata: ListMeta,
    /// The releases, each revision by itself.
    pub items: Vec<ReleaseRow>,
}

/// What is known of what a job did.
#[derive(Serialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct JobHistory {
    /// Name of the job.
    pub job: String,
    /// Its namespace.
    pub namespace: String,
    /// Its rounds, the current one first, as far as the status still tells of them: the current one and the one before.
    pub rounds: Vec<RoundEntry>,
    /// Attempts that a Helm release still tells of, newest first. The release of a device that succeeded is gone.
    pub attempts: Vec<ReleaseRow>,
    /// What the sender may not read, or was not read.
    pub not_seen: Vec<String>,
}

/// A round of a job.
#[derive(Serialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct RoundEntry {
    /// Number, from 1.
    pub number: i64,
    /// Firmware.
    pub firmware: String,
    /// Version of it.
    pub version: String,
    /// It is the current one.
    pub current: bool,
    /// Devices of it; not known of a round that is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selected: Option<i64>,
    /// Devices that succeeded.
    pub succeeded: i64,
    /// Devices that failed.
    pub failed: i64,
    /// When it ended or was replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed: Option<String>,
}

/// The rounds that a status tells of, the current one first.
#[must_use]
pub fn rounds(status: &FlashJobStatus) -> Vec<RoundEntry> {
    let time = |time: &Option<Time>| time.as_ref().map(|time| display::time(time.0));
    let counts = status.counts.unwrap_or_default();
    let current = status.round.as_ref().map(|round| RoundEntry {
        number: round.number,
        firmware: round.firmware.clone(),
        version: round.version.clone(),
        current: true,
        selected: Some(counts.selected),
        succeeded: counts.succeeded,
        failed: counts.failed,
        completed: time(&status.completion_time),
    });
    let before = status.previous_round.as_ref().map(|round| RoundEntry {
        number: round.number,
        firmware: round.firmware.clone(),
        version: round.version.clone(),
        current: false,
        selected: None,
        succeeded: round.succeeded,
        failed: round.failed,
        completed: time(&round.completion_time),
    });
    current.into_iter().chain(before).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_current_round_comes_before_the_one_that_it_replaced() {
        let status: FlashJobStatus = serde_json::from_value(json!({
            "round": {"number": 2, "firmware": "f:2", "version": "2"}, "counts": {"selected": 3, "succeeded": 1},
            "previousRound": {"number": 1, "firmware": "f:1", "version": "1", "succeeded": 2, "failed": 1,
                "completionTime": "2026-11-30T00:00:00Z"},
        }))
        .unwrap();
        let rounds = rounds(&status);
        let brief: Vec<_> = rounds
            .iter()
            .map(|round| (round.number, round.current, round.succeeded, round.failed))
            .collect();
        assert_eq!(brief, [(2, true, 1, 0), (1, false, 2, 1)]);
        assert_eq!(rounds[1].completed.as_deref(), Some("2026-11-30T00:00:00Z"));
    }

    #[test]
    fn an_empty_token_leads_nowhere() {
        let metadata = json!({"resourceVersion": "7", "continue": ""});
        assert_eq!(ListMeta::of(&metadata).continue_, None);
    }
}
