//! What the person may do with FlashJobs. Pure.

use super::{Answer, Asked, Check, Facts, Finding, Purpose};

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let of_one = |purpose: Purpose| {
        let asked = facts
            .rights
            .iter()
            .filter(|(asked, _)| asked.purpose == purpose);
        of_purpose(purpose, &asked.collect::<Vec<_>>(), &facts.namespace)
    };
    Purpose::ALL.into_iter().map(of_one).collect()
}

fn of_purpose(purpose: Purpose, asked: &[&(Asked, Answer<bool>)], namespace: &str) -> Finding {
    let (check, words, role) = (Check::Rights, purpose.words(), purpose.role());
    let error = asked.iter().find_map(|(_, answer)| answer.as_ref().err());
    if let Some(error) = error {
        return Finding::unknown(check, &format!("whether you may {words}"), error);
    }
    let missing = asked
        .iter()
        .filter(|(_, answer)| !matches!(answer, Ok(true)));
    let missing: Vec<_> = missing.map(|(asked, _)| name(asked)).collect();
    if missing.is_empty() {
        return Finding::ok(check, format!("you may {words} in namespace {namespace}"));
    }
    let message = format!(
        "you may not {words} in namespace {namespace}: you lack the right to {}",
        missing.join(", ")
    );
    let next = format!(
        "ask an administrator to bind the ClusterRole {role} to you in namespace {namespace}"
    );
    // Who only looks needs no more; who may not even look can do nothing.
    match purpose {
        Purpose::See => Finding::fail(check, message, next),
        Purpose::Steer | Purpose::Approve | Purpose::Devices | Purpose::Logs => {
            Finding::warn(check, message, next)
        }
    }
}

fn name(asked: &Asked) -> String {
    match asked.subresource {
        "" => format!("{} {}", asked.verb, asked.resource),
        part => format!("{} {}/{part}", asked.verb, asked.resource),
    }
}
