//! Whether a class admits FlashJobs of the namespace. Pure; what a class makes of a namespace the operator's own rules say.

use flashjob_operator::{
    api::{FlashJobSpec, NamespacesFrom, Reason},
    flashclass::{Asks, Class, Classes, Facts as Known, Namespaces, beginning},
};

use super::{Check, Facts, Finding};

pub(super) fn finding(facts: &Facts) -> Option<Finding> {
    let classes = facts.classes.as_ref().ok()?;
    // What is wrong with a class that cannot be used is said beside it.
    let usable = || classes.all().filter(|class| class.rules.is_ok());
    usable().next()?;
    let (check, namespace) = (Check::Classes, &facts.namespace);
    let mut namespaces = Namespaces::new();
    match &facts.labels {
        Ok(labels) => drop(namespaces.insert(namespace.clone(), labels.clone())),
        Err(error) if usable().any(|class| by_labels(class)) => {
            let what = format!("whether a class admits FlashJobs of namespace {namespace}");
            return Some(Finding::unknown(check, &what, error));
        }
        Err(_) => {}
    }
    let admits = |class: &Class| admits(class.name(), classes, &namespaces, facts);
    let admitting: Vec<&str> = usable()
        .filter(|class| admits(class))
        .map(|class| class.name())
        .collect();
    let default = classes.default_one().map(|class| class.name());
    Some(match (default, admitting.as_slice()) {
        (_, []) => {
            let message = format!("no FlashClass admits FlashJobs of namespace {namespace}");
            let next = "ask an administrator to widen spec.allowedJobNamespaces of one of them: kubectl get flashclasses";
            Finding::fail(check, message, next.to_owned())
        }
        (Some(default), some) if !some.contains(&default) => {
            let message = format!(
                "the default FlashClass {default} does not admit FlashJobs of namespace {namespace}"
            );
            let next = format!("name another in spec.flashClassName: {}", some.join(", "));
            Finding::warn(check, message, next)
        }
        (_, some) => {
            let names = some.join(", ");
            let message = format!("FlashJobs of namespace {namespace} are admitted by {names}");
            Finding::ok(check, message)
        }
    })
}

fn by_labels(class: &Class) -> bool {
    let rule = class.spec.allowed_job_namespaces.as_ref();
    rule.is_some_and(|rule| rule.from == NamespacesFrom::Selector)
}

fn admits(name: &str, classes: &Classes, namespaces: &Namespaces, facts: &Facts) -> bool {
    let spec = FlashJobSpec {
        flash_class_name: Some(name.to_owned()),
        ..FlashJobSpec::default()
    };
    let asks = Asks {
        namespace: &facts.namespace,
        spec: &spec,
        stamped: None,
    };
    let known = Known {
        classes,
        namespaces,
        own_namespace: &facts.operator_namespace,
    };
    let refusal = beginning(&asks, &known).refusal;
    // What else is wrong with a class, or with a job that says nothing, is said elsewhere.
    refusal.is_none_or(|refusal| refusal.reason != Reason::NamespaceNotAllowed)
}
