//! A FlashClass as people read it: whether it can be used, whether it is stopped, what it limits, and when it lets devices start. Pure.

use flashjob_operator::{
    api::{Day, FlashClass, InFlightLimit, LimitBy, RequireFor, Window},
    display,
    flashjob::explain::span,
    names::{ANNOTATION_DEFAULT_CLASS, ANNOTATION_SUSPENDED_BY},
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use serde::Serialize;

/// A class in words.
#[derive(Serialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ClassFacts {
    /// Its name.
    pub name: String,
    /// Jobs that name no class use it.
    pub is_default: bool,
    /// Why it cannot be used, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// The stop switch is on: nothing new of its jobs starts.
    pub stopped: bool,
    /// Who has stopped it, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped_by: Option<String>,
    /// Since when it is stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped_since: Option<String>,
    /// Jobs of the class that are not finished.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active_jobs: Option<i64>,
    /// What it limits, a sentence each.
    pub limits: Vec<String>,
    /// When it lets devices start, a sentence each; none: always.
    pub windows: Vec<String>,
}

/// The class in words.
#[must_use]
pub fn class(class: &FlashClass) -> ClassFacts {
    let annotations = class.metadata.annotations.as_ref();
    let annotation = |name: &str| annotations.and_then(|all| all.get(name));
    let status = class.status.as_ref();
    let conditions = status.map(|status| status.conditions.as_slice());
    let conditions = conditions.unwrap_or_default();
    let accepted = condition(conditions, "Accepted").filter(|found| found.status == "False");
    let suspended = condition(conditions, "Suspended").filter(|found| found.status == "True");
    let stopped = class.spec.suspend == Some(true);
    let by = annotation(ANNOTATION_SUSPENDED_BY).filter(|_| stopped);
    ClassFacts {
        name: class.metadata.name.clone().unwrap_or_default(),
        is_default: annotation(ANNOTATION_DEFAULT_CLASS).is_some_and(|text| text == "true"),
        refused: accepted.map(|found| found.message.clone()),
        stopped,
        stopped_by: by.map(|by| display::prose(by, display::NAME).into_owned()),
        stopped_since: suspended
            .filter(|_| stopped)
            .map(|found| display::time(found.last_transition_time.0)),
        active_jobs: status.and_then(|status| status.active_jobs),
        limits: limits(class),
        windows: class.spec.windows.iter().map(window).collect(),
    }
}

fn condition<'a>(all: &'a [Condition], kind: &str) -> Option<&'a Condition> {
    all.iter().find(|found| found.type_ == kind)
}

fn limits(class: &FlashClass) -> Vec<String> {
    let spec = &class.spec;
    let mut said = Vec::new();
    if let Some(most) = spec.max_parallelism {
        said.push(format!("At most {most} devices of one job in flight."));
    }
    if let Some(most) = spec.max_first_step_devices {
        said.push(format!("At most {most} devices in a job's first step."));
    }
    said.extend(spec.in_flight_limits.iter().map(shared));
    let approvals = spec.approvals.as_ref();
    let before = match approvals.and_then(|asked| asked.require_for) {
        None | Some(RequireFor::None) => None,
        Some(RequireFor::FirstStep) => Some("The first step of every job has to be approved."),
        Some(RequireFor::EveryStep) => Some("Every step of every job has to be approved."),
    };
    said.extend(before.map(str::to_owned));
    if let Some(people) = approvals
        .and_then(|asked| asked.required)
        .filter(|required| *required > 1)
    {
        said.push(format!("{people} people have to approve a step."));
    }
    if approvals.is_some_and(|asked| asked.not_requester == Some(true)) {
        said.push("The approval of the person who asked for the round does not count.".to_owned());
    }
    if !spec.allowed_firmware.is_empty() {
        let allowed = spec.allowed_firmware.iter();
        let allowed: Vec<_> = allowed
            .map(|text| display::prose(text, display::PHRASE))
            .collect();
        said.push(format!("Firmware: {}.", allowed.join(", ")));
    }
    said
}

fn shared(limit: &InFlightLimit) -> String {
    let InFlightLimit { by, property, max } = limit;
    let what = match by {
        LimitBy::Configuration => "for each Akri Configuration".to_owned(),
        LimitBy::Node => "for each node".to_owned(),
        LimitBy::Property => {
            let property = property.as_deref().unwrap_or_default();
            let property = display::prose(property, display::NAME);
            format!("for each value of {property}")
        }
    };
    format!("At most {max} devices in flight {what}, counted over all jobs.")
}

/// A window in words: `Mon, Fri from 22:00 for 4 h (Europe/Athens)`.
fn window(window: &Window) -> String {
    let days: Vec<_> = window.days.iter().map(|day| day_name(*day)).collect();
    let days = if days.is_empty() {
        "Every day".to_owned()
    } else {
        days.join(", ")
    };
    let zone = window.time_zone.as_deref().unwrap_or("UTC");
    format!(
        "{days} from {} for {} ({})",
        display::prose(&window.start, display::NAME),
        span(window.duration_seconds),
        display::prose(zone, display::NAME)
    )
}

const fn day_name(day: Day) -> &'static str {
    match day {
        Day::Mon => "Mon",
        Day::Tue => "Tue",
        Day::Wed => "Wed",
        Day::Thu => "Thu",
        Day::Fri => "Fri",
        Day::Sat => "Sat",
        Day::Sun => "Sun",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_class_says_in_words_what_it_limits_and_when() {
        let stored = json!({
            "metadata": {"name": "esp32", "annotations": {ANNOTATION_DEFAULT_CLASS: "true", ANNOTATION_SUSPENDED_BY: "jane"}},
            "spec": {
                "suspend": true, "maxParallelism": 5, "inFlightLimits": [{"by": "Property", "property": "GATEWAY", "max": 2}],
                "approvals": {"requireFor": "FirstStep", "required": 2},
                "windows": [{"days": ["Mon", "Fri"], "start": "22:00", "durationSeconds": 14400, "timeZone": "Europe/Athens"},
                            {"start": "02:00", "durationSeconds": 90}],
            },
            "status": {"activeJobs": 3, "conditions": [{"type": "Suspended", "status": "True", "reason": "Suspended", "message": "",
                "lastTransitionTime": "2026-11-30T00:00:00Z"}]},
        });
        let facts = class(&serde_json::from_value(stored).unwrap());
        assert!(facts.is_default && facts.stopped);
        assert_eq!(facts.stopped_by.as_deref(), Some("jane"));
        assert_eq!(facts.stopped_since.as_deref(), Some("2026-11-30T00:00:00Z"));
        assert_eq!(
            facts.limits,
            [
                "At most 5 devices of one job in flight.",
                "At most 2 devices in flight for each value of GATEWAY, counted over all jobs.",
                "The first step of every job has to be approved.",
                "2 people have to approve a step.",
            ]
        );
        assert_eq!(
            facts.windows,
            [
                "Mon, Fri from 22:00 for 4 h (Europe/Athens)",
                "Every day from 02:00 for 1 min 30 s (UTC)"
            ]
        );
    }

    #[test]
    fn a_class_that_limits_nothing_says_nothing() {
        let stored = json!({"metadata": {"name": "any", "annotations": {ANNOTATION_SUSPENDED_BY: "jane"}}, "spec": {}});
        let facts = class(&serde_json::from_value(stored).unwrap());
        let expected = ClassFacts {
            name: "any".to_owned(),
            ..ClassFacts::default()
        };
        assert_eq!(facts, expected);
    }
}
