//! The rules of `doctor`: from what is known of a cluster to findings, one for each thing that a flash needs. Pure.

mod addresses;
mod admission;
mod akri;
mod attestation;
mod classes;
mod clock;
mod facts;
mod finding;
mod kinds;
mod operator;
mod registry;
mod rights;
mod secrets;
#[cfg(test)]
mod tests;

pub use facts::{Answer, Asked, Devices, Facts, Purpose, Values};
pub use finding::{Check, Finding, Verdict, lines};

/// What is found, in the order in which things are to be put right.
pub fn findings(facts: &Facts) -> Vec<Finding> {
    let server = match &facts.server {
        Ok(server) => {
            let words = format!("Kubernetes {} answers", server.kube_version);
            Finding::ok(Check::Server, words)
        }
        // Whatever else was asked failed for the same reason.
        Err(error) => {
            let next = "check the kubeconfig and its credentials with: kubectl version".to_owned();
            return vec![Finding::fail(Check::Server, error.to_string(), next)];
        }
    };
    let mut all = vec![server];
    all.extend(kinds::findings(facts));
    all.extend(classes::findings(facts));
    all.extend(admission::finding(facts));
    all.extend(akri::findings(facts));
    all.extend(addresses::findings(facts));
    all.push(addresses::tried(facts));
    all.push(attestation::finding(facts));
    all.push(registry::finding(facts));
    all.extend(secrets::findings(facts));
    all.extend(operator::findings(facts));
    all.extend(rights::findings(facts));
    all.extend(clock::findings(facts));
    all
}
