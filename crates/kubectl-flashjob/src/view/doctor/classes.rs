//! Whether there are FlashClasses that can be used. Pure.

use flashjob_operator::{
    api::ConditionType,
    flashclass::{Class, Classes},
    names::ANNOTATION_DEFAULT_CLASS,
};

use super::{Check, Facts, Finding};

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let classes = match &facts.classes {
        Ok(classes) => classes,
        Err(error) => {
            return vec![Finding::unknown(
                Check::Classes,
                "which classes there are",
                error,
            )];
        }
    };
    if classes.all().next().is_none() {
        let next = "let the operator's chart create the class default: flashClass.create=true";
        let message = "there is no FlashClass, so nothing is flashed".to_owned();
        return vec![Finding::fail(Check::Classes, message, next.to_owned())];
    }
    let mut all = vec![default_one(classes)];
    all.extend(classes.all().filter_map(|class| {
        let is_default = classes
            .default_one()
            .is_some_and(|one| one.name() == class.name());
        problem(class, is_default)
    }));
    all
}

fn default_one(classes: &Classes) -> Finding {
    match classes.default_one() {
        Some(class) => {
            let message = format!("FlashClass {} is the default one", class.name());
            Finding::ok(Check::Classes, message)
        }
        None => Finding::warn(
            Check::Classes,
            "no FlashClass is the default one: every FlashJob has to name its class".to_owned(),
            format!(
                "mark one with: kubectl annotate flashclass NAME {ANNOTATION_DEFAULT_CLASS}=true"
            ),
        ),
    }
}

/// Why the jobs of a class do not go on.
fn problem(class: &Class, is_default: bool) -> Option<Finding> {
    let name = class.name();
    let conditions = class
        .stored
        .iter()
        .flat_map(|stored| &stored.status.conditions);
    let accepted = conditions
        .filter(|condition| condition.type_ == ConditionType::Accepted.as_str())
        .find(|condition| condition.observed_generation == Some(class.reference.generation));
    let refused = accepted.filter(|condition| condition.status != "True");
    let why = class.rules.as_ref().err().cloned();
    let why = why.or_else(|| refused.map(|condition| condition.message.clone()));
    if let Some(why) = why {
        let message = format!("FlashClass {name} is not accepted: {why}");
        let next = format!("correct it with: kubectl edit flashclass {name}");
        let finding = if is_default {
            Finding::fail
        } else {
            Finding::warn
        };
        return Some(finding(Check::Classes, message, next));
    }
    if let Some(suspension) = class.suspension() {
        let next = format!("look at it with: kubectl get flashclass {name} -o yaml");
        return Some(Finding::warn(Check::Classes, suspension, next));
    }
    accepted.is_none().then(|| {
        let message = format!("no operator has looked at FlashClass {name} as it is now");
        let next = "look at the lines about the operator below".to_owned();
        Finding::warn(Check::Classes, message, next)
    })
}
