//! Whether the namespace has the Secrets that the administrator's values name: to pull images, for TLS. Pure.

use super::{Answer, Check, Facts, Finding};

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let check = Check::Secrets;
    let (namespace, operator) = (&facts.namespace, &facts.operator_namespace);
    let values = match &facts.values {
        // The operator itself is not known, which is said of it.
        None if !matches!(facts.deployment, Ok(Some(_))) => return Vec::new(),
        None => {
            let message = "the operator is told of no chart values, and so of no Secret".to_owned();
            return vec![Finding::ok(check, message)];
        }
        Some(Err(error)) => {
            return vec![Finding::unknown(check, "which Secrets flashes need", error)];
        }
        Some(Ok(None)) => {
            let message = format!(
                "namespace {operator} lacks the ConfigMap with the chart values: nothing begins"
            );
            let next = "upgrade the operator's chart, which brings it".to_owned();
            return vec![Finding::fail(check, message, next)];
        }
        Some(Ok(Some(values))) => values,
    };
    if let Err(error) = &values.values {
        let message = format!(
            "the chart values in ConfigMap {} cannot be read: {error}",
            values.place
        );
        let next = "correct flashPod.values of the operator's chart".to_owned();
        return vec![Finding::fail(check, message, next)];
    }
    if facts.secrets.is_empty() {
        let message = "the chart values name no Secret".to_owned();
        return vec![Finding::ok(check, message)];
    }
    facts
        .secrets
        .iter()
        .map(|(name, there)| of_one(name, there, namespace))
        .collect()
}

fn of_one(name: &str, there: &Answer<bool>, namespace: &str) -> Finding {
    let check = Check::Secrets;
    match there {
        Ok(true) => Finding::ok(check, format!("Secret {name} is in namespace {namespace}")),
        Ok(false) => {
            let message =
                format!("namespace {namespace} has no Secret {name}, which the chart values name");
            let next =
                format!("create it in namespace {namespace}, as in the others with FlashJobs");
            Finding::fail(check, message, next)
        }
        Err(error) => {
            let what = format!("whether namespace {namespace} has the Secret {name}");
            Finding::unknown(check, &what, error)
        }
    }
}
