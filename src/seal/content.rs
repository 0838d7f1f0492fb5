//! The seal over what a release record holds: the intent, and the values and the chart that the attempt is rendered from. Pure.
//!
//! It travels inside the intent, which helm carries along as a file of the chart: an annotation would be lost whenever helm
//! writes. Status, description and manifest of a record are helm's to change, and prove nothing.

use hmac::Hmac;
use serde_json::Value;
use sha2::Sha256;

use super::{Seals, feed_bytes, values_digest};
use crate::flash_pod::intent::{ContentSeal, Intent};

impl Seals {
    /// The intent with the seal of what it is recorded with; `chart` is the chart's digest.
    #[must_use]
    pub fn seal_content(
        &self,
        intent: &Intent,
        values: &Value,
        chart: String,
        pod_uid: Option<&str>,
    ) -> Intent {
        let mut content = ContentSeal {
            values: values_digest(values),
            chart,
            pod_uid: pod_uid.map(str::to_owned),
            seal: String::new(),
        };
        content.seal = self.sealed(|mac| feed(mac, intent, &content));
        Intent {
            seal: Some(content),
            ..intent.clone()
        }
    }

    /// Whether the operator wrote this intent with these values.
    #[must_use]
    pub fn is_content_valid(&self, intent: &Intent, values: &Value) -> bool {
        intent.seal.as_ref().is_some_and(|content| {
            content.values == values_digest(values)
                && self.verifies(&content.seal, |mac| feed(mac, intent, content))
        })
    }
}

fn feed(mac: &mut Hmac<Sha256>, intent: &Intent, content: &ContentSeal) {
    let bare = Intent {
        seal: None,
        ..intent.clone()
    };
    let ContentSeal {
        values,
        chart,
        pod_uid,
        seal: _,
    } = content;
    feed_bytes(mac, b"content");
    // Types of text, numbers and sorted maps: always written the same way, and never a failure.
    feed_bytes(mac, &serde_json::to_vec(&bare).unwrap_or_default());
    for text in [values, chart, pod_uid.as_deref().unwrap_or_default()] {
        feed_bytes(mac, text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::{
        flash_pod::intent::{FrozenDevice, JobRef, attempt_id},
        seal::tests::seals,
    };

    fn intent() -> Intent {
        Intent {
            job: JobRef {
                name: "lamps".into(),
                namespace: "lab".into(),
                uid: "u".into(),
            },
            round: 1,
            attempt: 1,
            nonce: "n".into(),
            attempt_id: attempt_id(&"u".into(), 1, 1, "n"),
            index: 0,
            firmware: "r.example/fw:1".into(),
            version: "1".into(),
            device: FrozenDevice {
                uuid: "d".into(),
                endpoint: "192.0.2.1".into(),
                ..FrozenDevice::default()
            },
            pool_service: None,
            seal: None,
        }
    }

    fn sealed() -> Intent {
        let chart = "digest of the chart".to_owned();
        seals(1, None).seal_content(&intent(), &json!({"n": 1}), chart, Some("uid"))
    }

    #[test]
    fn a_sealed_intent_is_valid_with_the_values_that_it_was_sealed_with() {
        let written = serde_json::to_value(sealed()).unwrap();
        let read: Intent = serde_json::from_value(written).unwrap();
        // helm writes numbers of values as floats.
        assert!(seals(1, None).is_content_valid(&read, &json!({"n": 1.0})));
        assert!(!seals(1, None).is_content_valid(&read, &json!({"n": 2})));
        assert!(!seals(2, None).is_content_valid(&read, &json!({"n": 1})));
    }

    #[rstest]
    #[case::firmware(|intent: &mut Intent| intent.firmware = "r.example/evil:1".into())]
    #[case::endpoint(|intent: &mut Intent| intent.device.endpoint = "192.0.2.9".into())]
    #[case::namespace(|intent: &mut Intent| intent.job.namespace = "other".into())]
    #[case::service_of_a_pool(|intent: &mut Intent| intent.pool_service = Some("flash-pool-0".into()))]
    #[case::no_seal(|intent: &mut Intent| intent.seal = None)]
    #[case::chart(|intent: &mut Intent| intent.seal.as_mut().unwrap().chart.push('0'))]
    #[case::pod(|intent: &mut Intent| intent.seal.as_mut().unwrap().pod_uid = Some("mine".into()))]
    #[case::no_pod(|intent: &mut Intent| intent.seal.as_mut().unwrap().pod_uid = None)]
    fn an_intent_that_was_edited_is_not_valid(#[case] edit: fn(&mut Intent)) {
        let mut intent = sealed();
        edit(&mut intent);
        assert!(!seals(1, None).is_content_valid(&intent, &json!({"n": 1})));
    }
}
