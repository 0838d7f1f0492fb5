//! Conditions as the API conventions want them: times move only with the status, messages fit. Pure; called by `status`, and where
//! it is decided whether a status is worth a write.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use crate::{
    api::{ConditionType, FlashJobStatus, Reason},
    display,
};

/// Sets one condition. Its `lastTransitionTime` stays unless its status changes.
pub fn set(
    conditions: &mut Vec<Condition>,
    kind: ConditionType,
    holds: bool,
    reason: Reason,
    mut message: String,
    generation: i64,
    now: Timestamp,
) {
    display::shorten(&mut message, display::MESSAGE);
    let mut condition = Condition {
        type_: kind.as_str().to_owned(),
        status: if holds { "True" } else { "False" }.to_owned(),
        reason: reason.as_str().to_owned(),
        message,
        observed_generation: Some(generation),
        last_transition_time: Time(now),
    };
    match conditions
        .iter_mut()
        .find(|known| known.type_ == condition.type_)
    {
        Some(known) => {
            if known.status == condition.status {
                condition.last_transition_time = known.last_transition_time.clone();
            }
            *known = condition;
        }
        None => conditions.push(condition),
    }
}

/// Whether the condition is there and true.
#[must_use]
pub fn holds(conditions: &[Condition], kind: ConditionType) -> bool {
    conditions
        .iter()
        .any(|condition| condition.type_ == kind.as_str() && condition.status == "True")
}

/// Whether two statuses differ in nothing but `nextTime` and the conditions' transition times: then a write says nothing new.
#[must_use]
pub fn same_but_times(a: &FlashJobStatus, b: &FlashJobStatus) -> bool {
    // The long lists first: where they differ, nothing needs to be copied.
    a.devices == b.devices && without_times(a) == without_times(b)
}

fn without_times(status: &FlashJobStatus) -> FlashJobStatus {
    let mut status = FlashJobStatus {
        next_time: None,
        ..status.clone()
    };
    for condition in &mut status.conditions {
        condition.last_transition_time = Time(Timestamp::UNIX_EPOCH);
    }
    status
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: ConditionType = ConditionType::Ready;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn put(conditions: &mut Vec<Condition>, holds: bool, message: &str, second: i64) {
        let reason = if holds {
            Reason::AllSucceeded
        } else {
            Reason::InProgress
        };
        set(
            conditions,
            KIND,
            holds,
            reason,
            message.to_owned(),
            second,
            at(second),
        );
    }

    #[test]
    fn the_transition_time_moves_only_with_the_status() {
        let mut conditions = Vec::new();
        put(&mut conditions, false, "one", 1);
        put(&mut conditions, false, "two", 2);
        assert_eq!(conditions.len(), 1);
        assert_eq!(conditions[0].message, "two");
        assert_eq!(conditions[0].observed_generation, Some(2));
        assert_eq!(conditions[0].last_transition_time, Time(at(1)));
        assert!(!holds(&conditions, KIND));
        put(&mut conditions, true, "two", 3);
        assert_eq!(conditions[0].last_transition_time, Time(at(3)));
        assert_eq!(conditions[0].reason, "AllSucceeded");
        assert!(holds(&conditions, KIND));
        assert!(!holds(&conditions, ConditionType::Failed));
    }

    #[test]
    fn other_conditions_stay_as_they_are() {
        let mut conditions = Vec::new();
        put(&mut conditions, true, "", 1);
        let before = conditions[0].clone();
        set(
            &mut conditions,
            ConditionType::Failed,
            true,
            Reason::DevicesFailed,
            String::new(),
            2,
            at(2),
        );
        assert_eq!(conditions[0], before);
        assert_eq!(conditions[1].type_, "Failed");
    }

    #[test]
    fn a_message_is_one_line_of_bounded_length() {
        let mut conditions = Vec::new();
        put(&mut conditions, true, &"ü".repeat(200_000), 1);
        let message = &conditions[0].message;
        assert!(
            message.len() <= 1024 && message.len() > 1016,
            "{}",
            message.len()
        );
        assert!(message.ends_with("ü…"));
        put(&mut conditions, true, "a\u{1b}[2J\nb", 2);
        assert_eq!(conditions[0].message, "a\\u{1b}[2J b");
    }

    #[test]
    fn times_alone_are_no_difference_and_anything_else_is() {
        let mut one = FlashJobStatus {
            completion_time: Some(Time(at(5))),
            ..FlashJobStatus::default()
        };
        put(&mut one.conditions, true, "m", 1);
        let mut other = one.clone();
        other.next_time = Some(Time(at(9)));
        other.conditions[0].last_transition_time = Time(at(9));
        assert!(same_but_times(&one, &other));
        other.conditions[0].message = "n".into();
        assert!(!same_but_times(&one, &other));
        let later = FlashJobStatus {
            completion_time: Some(Time(at(6))),
            ..one.clone()
        };
        assert!(!same_but_times(&one, &later));
    }
}
