//! Names of environment variables: what would make the flash image run, trust or reach something else, and the contract's own.

use serde_json::Value;

use super::pod::elements;
use super::shape::{Visit, shorten};
use helm_chart::pointer::Pointer;

/// Loader, shell, resolver and trust of the programs in the image: whoever sets them decides what runs, or whom it believes.
const STEERING: [&str; 9] = [
    "PATH",
    "BASH_ENV",
    "ENV",
    "GLIBC_TUNABLES",
    "GCONV_PATH",
    "HOSTALIASES",
    "OPENSSL_CONF",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
];
/// Whose names begin like this, too.
const LOADER: &str = "LD_";
/// Whose names end like this, too: another way to every registry and device.
const PROXY: &str = "_PROXY";
/// What the flash image is told of its device, its firmware and its attestation: each once, by the chart.
const CONTRACT: [&str; 7] = [
    "FIRMWARE",
    "UUID",
    "DEVICE",
    "APPLICATION_TYPE",
    "VERSION",
    "EXTERNAL_IP",
    "DICE_AUTH_SERVICE_SERVICE_HOST",
];

/// Refuses variables of a Pod that only administrators may set, and a second one of the contract: the last one would count.
pub(super) fn check(visit: &mut Visit<'_>, place: &Pointer, spec: &Value) {
    for kind in ["containers", "initContainers"] {
        for (index, container) in elements(spec, kind) {
            let mut known: Vec<&str> = Vec::new();
            for (variable, env) in elements(container, "env") {
                let name = env.get("name").and_then(Value::as_str).unwrap_or_default();
                let place = place.child(kind).child(index).child("env").child(variable);
                let place = place.child("name");
                let listed = &visit.policy.variables;
                if is_steering(name) && !listed.iter().any(|listed| listed == name) {
                    let message = format!(
                        "variable {:?} is not allowed: an administrator may set it in the values of operator or class",
                        shorten(name)
                    );
                    visit.refuse(&place, message);
                }
                if CONTRACT.contains(&name) && known.contains(&name) {
                    let message = format!("{name} is set before: only the chart sets it, once");
                    visit.refuse(&place, message);
                }
                known.push(name);
            }
        }
    }
}

/// Proxies are read in lower case, too.
fn is_steering(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    STEERING.contains(&name.as_str()) || name.starts_with(LOADER) || name.ends_with(PROXY)
}
