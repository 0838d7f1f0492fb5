//! Who approved a step, and whether that is enough for the class. Pure; called by `pace`.
//!
//! Where no class asks, an approval is what stands in the spec. Where one does, it is a person's: the API server stamps who asked
//! for the round and who approved (`templates/stamps.yaml` of the operator's chart), and a name counts only where it did.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::{
    api::{Decision, FlashJobSpec, Reason, StepApproval, StepStatus},
    display,
    flashclass::ApprovalRules,
    flashjob::spec::{
        stamps::Stamps,
        step_state::{number_of, parse_id},
        tampered::MAX_APPROVALS,
    },
};

/// What is asked about.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The spec.
    pub spec: &'a FlashJobSpec,
    /// Number of the round.
    pub round: i64,
    /// The step of this round, as it is stored.
    pub stored: Option<&'a StepStatus>,
    /// What the classes ask.
    pub rules: Option<&'a ApprovalRules>,
    /// Who it was, or why nobody knows.
    pub stamps: Result<&'a Stamps, &'a str>,
    /// The current time.
    pub now: Timestamp,
}

/// What is approved.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Approvals {
    /// Number of the newest step that is approved, with those before it; 0 where none is.
    pub through: usize,
    /// The people who approved, as it should be stored.
    pub people: Vec<StepApproval>,
    /// What a step that waits for approval still lacks, where a class asks for more than one that stands in the spec.
    pub lacks: Option<Lack>,
}

/// What the class still asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lack {
    /// In one word.
    pub reason: Reason,
    /// In words.
    pub words: String,
    /// Somebody's approval does not count.
    pub refused: bool,
}

/// Finds out what is approved.
#[must_use]
pub fn approvals(asked: &Asked<'_>) -> Approvals {
    let mut people = asked
        .stored
        .map_or_else(Vec::new, |step| step.approvals.clone());
    // Where nobody is known now, those who were known stay.
    if asked.stamps.is_ok() {
        people.retain(|person| !asked.is_out(&person.by));
    }
    for (by, reason) in asked.stamped() {
        if !asked.is_out(by) {
            take(&mut people, (by, asked.step(), reason), asked);
        }
    }
    let through = match asked.rules {
        None => asked.written(),
        // Where nobody is known, nothing goes on by what was.
        Some(rules) if asked.stamps.is_ok() => asked.agreed(rules, &people),
        Some(_) => 0,
    };
    Approvals {
        lacks: asked.rules.map(|rules| asked.lack(rules, &people)),
        through,
        people,
    }
}

/// Takes in a person's approval of a step. Where there is no room for another, who approved an earlier step makes it.
fn take(
    people: &mut Vec<StepApproval>,
    (by, step, reason): (&str, usize, Option<&str>),
    asked: &Asked<'_>,
) {
    let number = |person: &StepApproval| asked.of_round(&person.step);
    let is_known = |person: &StepApproval| person.by == by;
    if let Some(known) = people.iter().position(is_known) {
        if number(&people[known]) >= step {
            return;
        }
        people.remove(known);
    } else if people.len() >= MAX_APPROVALS {
        let first = people.iter().enumerate().min_by_key(|(_, one)| number(one));
        match first.filter(|(_, one)| number(one) < step) {
            Some((place, _)) => drop(people.remove(place)),
            None => return,
        }
    }
    people.push(StepApproval {
        by: by.to_owned(),
        step: format!("{}.{step}", asked.round),
        at: Some(Time(asked.now)),
        reason: reason.map(str::to_owned),
    });
}

impl<'a> Asked<'a> {
    /// Number of the step of this round that `spec.approval` approves; 0 where it approves none.
    fn step(&self) -> usize {
        let approval = self.spec.approval.as_ref();
        let approval = approval.filter(|approval| approval.decision == Decision::Approve);
        approval.map_or(0, |approval| self.of_round(&approval.step))
    }

    fn of_round(&self, id: &str) -> usize {
        let found = parse_id(id).filter(|(round, _)| *round == self.round);
        found.map_or(0, |(_, step)| step)
    }

    /// The newest step that the spec approves: by either field.
    fn written(&self) -> usize {
        let field = self.spec.approved_step.as_deref();
        self.step().max(field.map_or(0, |id| self.of_round(id)))
    }

    /// Who the API server says approved what stands in the spec: the person before first.
    fn stamped(&self) -> impl Iterator<Item = (&'a str, Option<&'a str>)> {
        let approval = self.spec.approval.as_ref();
        let stamps = self.stamps.ok().filter(|_| self.step() > 0);
        let reason = approval.and_then(|approval| approval.reason.as_deref());
        let both = stamps.map(|stamps| {
            let before = stamps.approved_before.as_deref().map(|by| (by, None));
            let by = stamps.approved_by.as_deref().map(|by| (by, reason));
            [before, by]
        });
        both.into_iter().flatten().flatten()
    }

    /// Whether this person's approval does not count, for he asked for the round.
    fn is_out(&self, by: &str) -> bool {
        let asks = self.rules.is_some_and(|rules| rules.not_requester);
        asks && self.requester().is_none_or(|requester| requester == by)
    }

    fn requester(&self) -> Option<&'a str> {
        self.stamps.ok()?.requested_by.as_deref()
    }

    /// Number of the newest step that as many people approved as the classes ask.
    fn agreed(&self, rules: &ApprovalRules, people: &[StepApproval]) -> usize {
        let mut steps: Vec<usize> = people
            .iter()
            .map(|person| self.of_round(&person.step))
            .collect();
        steps.sort_unstable_by(|a, b| b.cmp(a));
        let nth = rules.required.max(1) - 1;
        steps.get(nth).copied().unwrap_or(0)
    }

    fn lack(&self, rules: &ApprovalRules, people: &[StepApproval]) -> Lack {
        let class = &rules.class;
        let unknown = match self.stamps {
            Err(why) => Some(why.to_owned()),
            Ok(stamps) if rules.not_requester && stamps.requested_by.is_none() => {
                Some("nobody is stamped as the one who asked for the round".to_owned())
            }
            Ok(_) => None,
        };
        if let Some(why) = unknown {
            return Lack {
                reason: Reason::ApproverUnknown,
                words: format!(
                    "FlashClass {class} asks who approves (spec.approvals), and that is not known: {why}"
                ),
                refused: false,
            };
        }
        let mut stamped = self.stamped();
        let refused = stamped.find(|(by, _)| self.is_out(by)).map(|(by, _)| by);
        let mut words = Vec::new();
        if let Some(by) = refused {
            let by = display::prose(by, display::NAME);
            words.push(format!(
                "the approval of {by} does not count, for {by} asked for this round (FlashClass {class}: spec.approvals.notRequester)"
            ));
        } else if self.written() > self.step() {
            words.push(format!(
                "spec.approvedStep does not say who approves and does not count (FlashClass {class}: spec.approvals)"
            ));
        }
        if rules.required > 1 {
            let number = self.stored.map_or(1, number_of);
            let of_step = |person: &&StepApproval| self.of_round(&person.step) >= number;
            let names: Vec<_> = people
                .iter()
                .filter(of_step)
                .map(|person| display::prose(&person.by, display::NAME))
                .collect();
            let names = if names.is_empty() {
                "nobody yet".to_owned()
            } else {
                names.join(", ")
            };
            words.push(format!(
                "FlashClass {class} asks for {} people, approved by {names}",
                rules.required
            ));
        }
        Lack {
            reason: Reason::AwaitingApproval,
            words: words.join("; "),
            refused: refused.is_some(),
        }
    }
}

#[cfg(test)]
#[path = "approvals_tests.rs"]
mod tests;
