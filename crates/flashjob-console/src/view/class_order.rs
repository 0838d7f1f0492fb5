//! What a person may order of a class: to stop it, or to let it go on. Pure.

use flashjob_operator::{
    cluster::other_holders,
    names::SUSPEND_MANAGER,
    steer::stop::{InFlight, is_suspended},
};
use kube::api::DynamicObject;

use super::order::{Order, Reason};

/// The order that the class, as it is stored, allows now. `in_flight` is what of its jobs is under way, where that is known.
#[must_use]
pub fn class_order(class: &DynamicObject, in_flight: Option<InFlight>) -> Order {
    let name = class.metadata.name.as_deref().unwrap_or_default();
    if is_suspended(class) {
        let others = other_holders(class, SUSPEND_MANAGER);
        let words = if others.is_empty() {
            "Jobs of the class go on where they were stopped.".to_owned()
        } else {
            format!(
                "{} has suspended it, too. The class stays suspended unless you overrule that.",
                others.join(" and ")
            )
        };
        return Order {
            action: "resume",
            label: "Let it go on",
            question: format!("Let FlashClass {name} go on?"),
            words,
            reason: Reason::None,
            typed: Some(name.to_owned()),
            overrules: !others.is_empty(),
            body: "{}".to_owned(),
        };
    }
    let ends = match in_flight {
        Some(in_flight) => in_flight.ends(),
        None => "what is in flight ends by itself".to_owned(),
    };
    Order {
        action: "stop",
        label: "Stop",
        question: format!("Stop FlashClass {name}?"),
        words: format!(
            "Nothing new of any FlashJob of this class starts until somebody lets it go on; {ends}."
        ),
        reason: Reason::None,
        typed: Some(name.to_owned()),
        overrules: false,
        body: "{}".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::view::fixtures::stored;

    #[test]
    fn a_class_that_goes_on_can_be_stopped_by_typing_its_name() {
        let in_flight = InFlight {
            jobs: 2,
            devices: 5,
        };
        let order = class_order(&stored(&json!({}), &[]), Some(in_flight));
        assert_eq!(
            (order.action, order.typed.as_deref()),
            ("stop", Some("thermo"))
        );
        assert!(
            order
                .words
                .ends_with("; 5 devices of 2 FlashJobs are in flight and end by themselves."),
            "{order:?}"
        );
        let order = class_order(&stored(&json!({}), &[]), None);
        assert!(
            order.words.ends_with("; what is in flight ends by itself."),
            "{order:?}"
        );
    }

    #[test]
    fn a_class_that_others_have_stopped_as_well_goes_on_only_against_them() {
        let order = class_order(&stored(&json!({"suspend": true}), &[SUSPEND_MANAGER]), None);
        assert_eq!((order.action, order.overrules), ("resume", false));
        let order = class_order(
            &stored(&json!({"suspend": true}), &[SUSPEND_MANAGER, "flux"]),
            None,
        );
        assert!(
            order.overrules && order.words.starts_with("flux has suspended it"),
            "{order:?}"
        );
    }
}
