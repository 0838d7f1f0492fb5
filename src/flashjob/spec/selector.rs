//! The selector of a job, and whether the stored selection was taken with it. Pure.

use sha2::{Digest, Sha256};

use super::job::Job;
use crate::api::DeviceSelector;

/// Characters of a selector's fingerprint.
const FINGERPRINT: usize = 16;

/// Whether the stored selection was taken with the selector of the spec.
#[must_use]
pub fn selector_is_current(job: &Job) -> bool {
    let stored = job.status.selection.as_ref();
    stored.and_then(|stored| stored.selector.clone()) == wanted_selector(job).map(fingerprint)
}

/// The selector of a spec that can be read, if it has one.
#[must_use]
pub fn wanted_selector(job: &Job) -> Option<&DeviceSelector> {
    job.spec.as_ref().ok()?.device_selector.as_ref()
}

/// What tells one selector from another.
#[must_use]
pub fn fingerprint(selector: &DeviceSelector) -> String {
    // Text and lists of it always serialize.
    let text = serde_json::to_vec(selector).unwrap_or_default();
    hex::encode(Sha256::digest(text))[..FINGERPRINT].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// It is stored: another one would make every selection of a running fleet one of another selector.
    #[test]
    fn the_fingerprint_of_a_selector_is_the_same_in_every_version() {
        let selector = DeviceSelector {
            configurations: vec!["lamps".into()],
            namespaces: vec!["lab".into()],
            ..DeviceSelector::default()
        };
        let text = r#"{"configurations":["lamps"],"namespaces":["lab"]}"#;
        assert_eq!(serde_json::to_string(&selector).unwrap(), text);
        assert_eq!(fingerprint(&selector), "ee0021e1d9dfe6eb");
        let other = DeviceSelector {
            namespaces: vec!["plant".into()],
            ..selector.clone()
        };
        assert_ne!(fingerprint(&other), fingerprint(&selector));
    }
}
