//! What a person may order of a job now, and what will happen then, in words: one button each. Pure.
//!
//! What the job allows is decided by the operator's library, as for the actions themselves.

use flashjob_operator::{
    cluster::other_holders,
    flashjob::spec::job::Job,
    steer::{approve, rerun},
};
use kube::api::DynamicObject;
use serde::Serialize;
use serde_json::{Value, json};

use crate::cluster::Rights;

/// Whether a person says why.
#[derive(Serialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum Reason {
    /// Nobody is asked.
    None,
    /// It may be left out.
    Optional,
    /// It may not.
    Required,
}

/// An order that a person may give.
#[derive(Serialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Order {
    /// The action of the API.
    pub action: &'static str,
    /// What the button says.
    pub label: &'static str,
    /// The question before it is carried out.
    pub question: String,
    /// What will happen.
    pub words: String,
    /// Whether the person has to give a reason.
    pub reason: Reason,
    /// What has to be typed before it is carried out, if anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub typed: Option<String>,
    /// Others have set what this takes back: a person may overrule them.
    pub overrules: bool,
    /// What is sent.
    pub body: String,
}

impl Order {
    fn new(action: &'static str, label: &'static str, question: String, words: String) -> Self {
        Self {
            action,
            label,
            question,
            words,
            reason: Reason::None,
            typed: None,
            overrules: false,
            body: "{}".to_owned(),
        }
    }

    fn with(self, body: &Value) -> Self {
        Self {
            body: body.to_string(),
            ..self
        }
    }
}

/// What the person with these rights may order of the job. `object` is the same job as it is stored, and `own` the field manager of
/// suspensions by this console.
#[must_use]
pub fn orders(job: &Job, object: &DynamicObject, own: &str, rights: Rights) -> Vec<Order> {
    if job.deleting {
        return Vec::new();
    }
    let mut orders = Vec::new();
    if rights.approve {
        orders.extend(approval(job));
        orders.extend(denial(job));
    }
    if rights.change {
        orders.extend(suspension(job));
        orders.extend(resumption(job, object, own));
        orders.extend(retry(job));
        orders.extend(rerun_of_all(job));
    }
    orders
}

fn approval(job: &Job) -> Option<Order> {
    let approval = approve::decide(&job.status, None).ok()?;
    let question = format!("Approve step {} of {}?", approval.step, job.name);
    let words = format!(
        "You approve {}. Once all approvals that the step needs are there, the devices that follow start.",
        approval.what
    );
    let order = Order::new("approve", "Approve", question, words);
    Some(Order {
        reason: Reason::Optional,
        ..order.with(&json!({"step": approval.step}))
    })
}

fn denial(job: &Job) -> Option<Order> {
    if job.finished_at().is_some() || job.status.stop.is_some() {
        return None;
    }
    let denial = approve::decide_against(&job.status, None).ok()?;
    let question = format!("Deny step {} of {}?", denial.step, job.name);
    let words = format!("You deny {}. {}", denial.what, in_flight(job));
    let order = Order::new("deny", "Deny", question, words);
    Some(Order {
        reason: Reason::Required,
        ..order.with(&json!({"step": denial.step}))
    })
}

fn suspension(job: &Job) -> Option<Order> {
    if job.suspended() || job.finished_at().is_some() {
        return None;
    }
    let question = format!("Suspend {}?", job.name);
    let words = format!(
        "No new device starts until somebody resumes it. {}",
        in_flight(job)
    );
    Some(Order::new("suspend", "Suspend", question, words))
}

fn resumption(job: &Job, object: &DynamicObject, own: &str) -> Option<Order> {
    if !job.suspended() {
        return None;
    }
    let question = format!("Resume {}?", job.name);
    let others = other_holders(object, own);
    let words = if others.is_empty() {
        "The job goes on where it was suspended.".to_owned()
    } else {
        format!(
            "{} has suspended it, too. The job stays suspended unless you overrule that.",
            others.join(" and ")
        )
    };
    Some(Order {
        overrules: !others.is_empty(),
        ..Order::new("resume", "Resume", question, words)
    })
}

fn retry(job: &Job) -> Option<Order> {
    let words = rerun::decide(job, rerun::Which::Failed).ok()?;
    let question = format!("Retry {}?", job.name);
    let words = format!("The job {words}.");
    Some(Order::new("retry", "Retry", question, words))
}

fn rerun_of_all(job: &Job) -> Option<Order> {
    let words = rerun::decide(job, rerun::Which::All).ok()?;
    let question = format!("Flash every device of {} again?", job.name);
    let words = format!("The job {words}, those that succeeded included.");
    let selected = job.status.counts.unwrap_or_default().selected;
    let order = Order::new("rerun", "Flash all again", question, words);
    Some(Order {
        typed: Some(selected.to_string()),
        ..order.with(&json!({"all": true}))
    })
}

/// What becomes of the devices in flight.
fn in_flight(job: &Job) -> String {
    match job.status.counts.unwrap_or_default().in_flight {
        0 => "No device is in flight.".to_owned(),
        1 => "1 device is in flight and ends by itself.".to_owned(),
        devices => format!("{devices} devices are in flight and end by themselves."),
    }
}

#[cfg(test)]
#[path = "order_tests.rs"]
mod tests;
