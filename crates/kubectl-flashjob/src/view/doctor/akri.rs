//! Whether Akri is there, and which devices it found in the namespace. Pure.

use flashjob_operator::api::Instance;
use kube::Resource;

use super::{Check, Facts, Finding};
use crate::command_line::PROGRAM;

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let place = format!("{}/{}", Instance::api_version(&()), Instance::kind(&()));
    let served = facts.server.as_ref().map(|server| &server.api_versions);
    if !served.is_ok_and(|served| served.contains(&place)) {
        let message = format!("the cluster does not serve {place}: no device is found");
        let next = "install Akri, see https://docs.akri.sh/user-guide/getting-started";
        return vec![Finding::fail(Check::Akri, message, next.to_owned())];
    }
    let namespace = &facts.namespace;
    let devices = match &facts.devices {
        Ok(devices) => devices,
        Err(error) => {
            let what = format!("Akri is installed; which devices namespace {namespace} has");
            return vec![Finding::unknown(Check::Akri, &what, error)];
        }
    };
    let count = devices.count;
    if count == 0 {
        let message = format!("Akri is installed, and namespace {namespace} has no device");
        let next = format!("look everywhere with: {PROGRAM} devices -A");
        return vec![Finding::warn(Check::Akri, message, next)];
    }
    let Some((instance, why)) = devices.unfit.first() else {
        let message =
            format!("namespace {namespace} has {count} of Akri's Instances, all fit to be flashed");
        return vec![Finding::ok(Check::Akri, message)];
    };
    let message = format!(
        "{} of {count} Instances in namespace {namespace} cannot be flashed; {instance}: {why}",
        devices.unfit.len()
    );
    let next = format!("see all of them with: {PROGRAM} devices -n {namespace} -o wide");
    vec![Finding::warn(Check::Akri, message, next)]
}
