//! What a text in a spec may look like: one definition for the schema (CEL with a message) and for the operator's own check.
//!
//! Pure. The operator checks again because a stored object may be older than today's schema.

use std::sync::LazyLock;

use regex::Regex;
use schemars::{Schema, json_schema};
use serde_json::json;

/// Most UUIDs that one job may name.
pub const MAX_UUIDS: usize = 5_000;
/// Most devices that one job may select, by name and otherwise.
pub const MAX_DEVICES: usize = 100_000;
/// Most entries of devices of a status that is read: far more than the operator writes.
pub const MAX_DEVICE_ENTRIES: usize = 10_000;
/// Most bytes that a job's chart values may take, as compact JSON.
pub const MAX_VALUES_BYTES: usize = 32 * 1024;
/// Most bytes that a class's chart values may take, as compact JSON.
pub const MAX_CLASS_VALUES_BYTES: usize = 64 * 1024;
/// Most maps and lists that may stand in each other in chart values.
pub const MAX_VALUES_DEPTH: usize = 64;
/// Most conditions of a status that is read.
pub const MAX_CONDITIONS: usize = 100;
/// Most platforms of its firmware that a status names.
pub const MAX_PLATFORMS: usize = 50;
/// Most keys at the top of a job's chart values.
pub const MAX_VALUES_KEYS: usize = 256;

/// Shortest time that a flash is given, in seconds.
pub const MIN_DEADLINE_SECONDS: i64 = 20;

/// Message for a deadline that is too short for any flash.
pub const DEADLINE_TOO_SHORT: &str = "must be at least 20: a flash takes from 20 s to some minutes, and one that is ended before can \
    leave its device half-written";
/// Message for steps that do not grow.
pub const STEPS_GROW: &str = "sizes are cumulative and have to grow";
/// Message for a step that repeats and is not the last one.
pub const REPEAT_LAST: &str = "only the last step may repeat: no other would begin after it";
/// Message for a start and an end between which nothing can start.
pub const TIMES_ORDER: &str = "must be after spec.notBefore: no device could ever start";
/// Message for a requirement without the values that its operator needs.
pub const NO_VALUES: &str = "has no values; add at least one";
/// Message for a requirement with values that its operator does not take.
pub const NEEDLESS_VALUES: &str = "has values, which its operator does not take; remove them";
/// Message for a requirement that compares with an empty value.
pub const EMPTY_VALUE: &str =
    "names an empty value, but an empty property counts as absent; use Exists or DoesNotExist";
/// Message for a value that is not a range of versions.
pub const NOT_A_RANGE: &str = "is not a range of versions; write one such as \">=1.2.0, <2.0.0\"";
/// Message for a version without a comparison operator.
pub const BARE_VERSION: &str = "does not say which versions; write";
/// Message for `from: Selector` without a selector.
pub const SELECTOR_NEEDED: &str = "from: Selector needs one";
/// Message for a selector without `from: Selector`.
pub const SELECTOR_NEEDLESS: &str = "goes with from: Selector alone; write that, or leave it out";
/// Message for a requirement on labels with another operator.
pub const LABEL_OPERATOR: &str =
    "the operator must be one of \"In\", \"NotIn\", \"Exists\", \"DoesNotExist\"";
/// Message for `by: Property` without a property.
pub const PROPERTY_NEEDED: &str = "by: Property needs property, the name of a broker property";
/// Message for a property without `by: Property`.
pub const PROPERTY_NEEDLESS: &str =
    "property goes with by: Property alone; write that, or leave property out";
/// A class that asks about the flash image names one.
pub const FLASH_IMAGE_NEEDED: &str =
    "needs defaults.flashImage: the image of the chart is not known before it is rendered";
/// Message for signatures that are asked of nobody.
pub const AUTHORITY_NEEDED: &str =
    "mode Warn or Enforce needs authorities: name who may sign, or leave mode out";
/// Message for a way to a registry to which nothing is pushed.
pub const REPOSITORY_NEEDED: &str =
    "registry says how repository is reached: name the repository, or leave registry out";
/// Message for a mirror in the place of the repository itself.
pub const NO_MIRROR: &str = "receipts are pushed to repository itself: leave registry.mirror out";
/// Message for an authority that does not sign in exactly one way.
pub const ONE_MEANS: &str = "an authority has either key or keyless";
/// Message for an identity with no issuer, or with two.
pub const ONE_ISSUER: &str = "an identity has either issuer or issuerRegExp";
/// Message for an identity with no subject, or with two.
pub const ONE_SUBJECT: &str = "an identity has either subject or subjectRegExp";
/// Message for a hostPath volume, which reaches the node.
pub const HOST_PATH: &str = "hostPath reaches the node: no class can allow it";
/// Message for a kind without its API version.
pub const NOT_A_KIND: &str = "is not a kind: write group/version/Kind or v1/Kind";

/// What a text must match, and the sentence that says so to a person.
#[derive(Debug)]
pub struct TextRule {
    /// Longest text, in characters.
    pub max_length: usize,
    /// RE2 pattern, anchored at both ends, without apostrophes (it stands in a CEL literal).
    pub pattern: &'static str,
    /// Whether the empty text, which means "absent", is accepted too.
    pub empty_is_absent: bool,
    /// Completes "`spec.<field>` …".
    pub message: &'static str,
    compiled: LazyLock<Option<Regex>>,
}

macro_rules! text_rule {
    ($(#[$doc:meta])* $name:ident, $max:expr, $pattern:expr, $empty:expr, $message:expr) => {
        $(#[$doc])*
        pub static $name: TextRule = TextRule {
            max_length: $max,
            pattern: $pattern,
            empty_is_absent: $empty,
            message: $message,
            compiled: LazyLock::new(|| Regex::new($pattern).ok()),
        };
    };
}

/// References as registries and container runtimes read them: the grammar of github.com/distribution/reference, with whole
/// digests of the kinds that exist.
macro_rules! oci_reference {
    () => {
        concat!(
            "^",
            // Host and port. A name in front of the first slash may be a host.
            r"(?:(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*",
            r"|\[[a-fA-F0-9:]+\])(?::[0-9]{1,5})?/)?",
            // Repository.
            r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*",
            r"(?::[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127})?",
            "(?:@(?:sha256:[a-f0-9]{64}|sha384:[a-f0-9]{96}|sha512:[a-f0-9]{128}))?$",
        )
    };
}

text_rule!(
    /// Where a mirror of a registry is: its host, and what repositories begin with there.
    MIRROR,
    253,
    r"^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?(/[a-z0-9]+([._-]+[a-z0-9]+)*)*$",
    true,
    "must be the host of a registry, with a path or without, such as mirror.example.com/firmware"
);

text_rule!(
    /// A repository of a registry.
    REPOSITORY,
    253,
    r"^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?(/[a-z0-9]+([._-]+[a-z0-9]+)*)+$",
    true,
    "must be a repository of a registry without tag and digest, such as registry.example.com/receipts"
);

text_rule!(
    /// A firmware reference: it becomes an environment variable and a chart value.
    FIRMWARE,
    512,
    oci_reference!(),
    false,
    "must be an OCI reference such as registry.example.com/esp32:1.2.0 or registry.example.com/esp32@sha256:…: no oci:// or https:// \
     before it, the name in lower case, a digest with all of its digits, no spaces or line breaks"
);
text_rule!(
    /// A firmware version: it becomes the release's app version.
    VERSION,
    128,
    "^[A-Za-z0-9][A-Za-z0-9._+-]*$",
    false,
    "must be a version such as 1.2.0: letters, digits and . _ + - only, starting with a letter or digit"
);
text_rule!(
    /// A container image.
    IMAGE,
    512,
    oci_reference!(),
    true,
    "must be a container image such as registry.example.com/flash:1.2.0 or registry.example.com/flash@sha256:…: no https:// before \
     it, the name in lower case, a digest with all of its digits, no spaces or line breaks"
);
text_rule!(
    /// An Instance's uid: it becomes a label value and part of a release name (at most 53 characters).
    UUID,
    47,
    "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
    false,
    "must be the metadata.uid of an Akri Instance, as shown by: kubectl get instances.akri.sh -A -o custom-columns=NAME:.metadata.name,UID:.metadata.uid"
);
text_rule!(
    /// The same as Kubernetes makes it. Only admission asks for that: what is stored already waits for its device like any other.
    UID,
    36,
    "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
    false,
    "must be the metadata.uid of an Akri Instance, as shown by: kubectl get instances.akri.sh -A -o custom-columns=NAME:.metadata.name,UID:.metadata.uid"
);
text_rule!(
    /// Name of an object.
    NAME,
    253,
    "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$",
    true,
    "must be the name of an object: lower case letters, digits, - and ."
);
text_rule!(
    /// Value of a property that has to be exactly this one.
    PROPERTY_VALUE,
    253,
    "[^ ]",
    false,
    "must not be empty: an empty property counts as absent; use matchExpressions with Exists or DoesNotExist"
);
text_rule!(
    /// A JSON Pointer into chart values.
    POINTER,
    253,
    "^(/[^/]+)+$",
    false,
    "must be a JSON Pointer such as /resources/limits, not resources.limits"
);
text_rule!(
    /// A pattern of OCI references.
    PATTERN,
    512,
    "^(?:[a-zA-Z0-9](?:[a-zA-Z0-9./@_-]|:[a-zA-Z0-9._-])*:?[*]?|[*])$",
    false,
    "must be an OCI reference, or the beginning of one followed by *, such as registry.example.com/esp32/*; no oci:// or https:// \
     before it"
);
text_rule!(
    /// A time of day.
    TIME_OF_DAY,
    5,
    "^([01][0-9]|2[0-3]):[0-5][0-9]$",
    false,
    "must be a time of day from 00:00 to 23:59"
);
text_rule!(
    /// Name of a time zone.
    TIME_ZONE,
    64,
    "^[A-Za-z][A-Za-z0-9_+/-]*$",
    true,
    "must be the name of a time zone in the IANA database, such as Europe/Athens or UTC"
);
text_rule!(
    /// A step of a round.
    APPROVED_STEP,
    16,
    "^[1-9][0-9]*[.][1-9][0-9]*$",
    true,
    "must be ROUND.STEP as status.step.id shows it, such as 1.1"
);

impl TextRule {
    /// Whether `text` keeps the rule.
    #[must_use]
    pub fn accepts(&self, text: &str) -> bool {
        if text.is_empty() {
            return self.empty_is_absent;
        }
        // A pattern that does not compile accepts nothing; a test compiles them all.
        text.chars().count() <= self.max_length
            && self
                .compiled
                .as_ref()
                .is_some_and(|regex| regex.is_match(text))
    }

    /// The rule as a structural schema.
    #[must_use]
    pub fn schema(&self) -> Schema {
        let matches = format!("self.matches('{}')", self.pattern.replace('\\', r"\\"));
        let rule = if self.empty_is_absent {
            format!("self == '' || {matches}")
        } else {
            matches
        };
        json_schema!({
            "type": "string",
            "maxLength": self.max_length,
            "x-kubernetes-validations": [json!({ "rule": rule, "message": self.message })],
        })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const ALL: [&TextRule; 12] = [
        &FIRMWARE,
        &VERSION,
        &IMAGE,
        &UUID,
        &UID,
        &NAME,
        &PROPERTY_VALUE,
        &POINTER,
        &PATTERN,
        &TIME_OF_DAY,
        &TIME_ZONE,
        &APPROVED_STEP,
    ];

    #[rstest]
    #[case::tag(&FIRMWARE, "registry.example.com:5000/esp32/fmnist:0.2.0", true)]
    #[case::name_alone(&FIRMWARE, "f", true)]
    #[case::port(&FIRMWARE, "localhost:5000/f", true)]
    #[case::host_in_capitals(&FIRMWARE, "R.IO/esp32:1", true)]
    #[case::address(&FIRMWARE, "192.0.2.1:5000/esp32", true)]
    #[case::address_of_six(&FIRMWARE, "[2001:db8::1]:5000/esp32:1", true)]
    #[case::separators(&FIRMWARE, "r.io/a_b/c__d/e-f/g---h/i.j:V1_x-y.z", true)]
    #[case::digest(&FIRMWARE, &with_digest("sha256", 64), true)]
    #[case::digest_of_512(&FIRMWARE, &with_digest("sha512", 128), true)]
    #[case::tag_and_digest(&FIRMWARE, &with_digest("1.2.0@sha256", 64).replacen('@', ":", 1), true)]
    #[case::short_digest(&FIRMWARE, "x@sha256:abc", false)]
    #[case::digest_that_lacks_a_digit(&FIRMWARE, &with_digest("sha256", 63), false)]
    #[case::digest_that_is_too_long(&FIRMWARE, &with_digest("sha256", 65), false)]
    #[case::digest_in_capitals(&FIRMWARE, &with_digest("sha256", 64).to_uppercase(), false)]
    #[case::unknown_digest(&FIRMWARE, &with_digest("md5", 32), false)]
    #[case::scheme(&FIRMWARE, "oci://r.io/x:1", false)]
    #[case::web_address(&FIRMWARE, "https://r.io/x:1", false)]
    #[case::repository_in_capitals(&FIRMWARE, "r.io/ESP32:1", false)]
    #[case::name_in_capitals(&FIRMWARE, "ESP32:1", false)]
    #[case::port_that_is_a_name(&FIRMWARE, "r.io:http/x", false)]
    #[case::two_tags(&FIRMWARE, "r.io/x:1:2", false)]
    #[case::empty_tag(&FIRMWARE, "r.io/x:", false)]
    #[case::empty_part(&FIRMWARE, "r.io//x", false)]
    #[case::slash_at_the_end(&FIRMWARE, "r.io/x/", false)]
    #[case::parent_directory(&FIRMWARE, "r.io/../x", false)]
    #[case::tag_that_is_too_long(&FIRMWARE, &format!("x:{}", "1".repeat(129)), false)]
    #[case::image_with_a_scheme(&IMAGE, "docker://r.io/x:1", false)]
    #[case::image(&IMAGE, "r.io/flash:1.2.0", true)]
    #[case::pattern(&PATTERN, "r.io:5000/esp32/*", true)]
    #[case::pattern_up_to_the_tag(&PATTERN, "r.io/esp32:*", true)]
    #[case::pattern_with_a_digest(&PATTERN, "r.io/x@sha256:abc*", true)]
    #[case::everything(&PATTERN, "*", true)]
    #[case::pattern_with_a_scheme(&PATTERN, "oci://r.io/*", false)]
    #[case::pattern_with_a_star_inside(&PATTERN, "r.io/*/x", false)]
    #[case::yaml_injection(&FIRMWARE, "x\n  hostNetwork: true", false)]
    #[case::trailing_newline(&FIRMWARE, "x\n", false)]
    #[case::space(&FIRMWARE, "a b", false)]
    #[case::template(&FIRMWARE, "{{ .Values }}", false)]
    #[case::empty(&FIRMWARE, "", false)]
    #[case::option_like(&FIRMWARE, "--set", false)]
    #[case::semver(&VERSION, "1.2.0-rc.1+build.5", true)]
    #[case::dash(&VERSION, "-1", false)]
    #[case::line_break(&VERSION, "1\n2", false)]
    #[case::absent(&IMAGE, "", true)]
    #[case::uid(&UUID, "7e4a6e7b-bee6-4fac-bdea-43d671baaa15", true)]
    #[case::uid_of_kubernetes(&UID, "7e4a6e7b-bee6-4fac-bdea-43d671baaa15", true)]
    #[case::name_of_a_device(&UID, "lamp-1", false)]
    #[case::uid_that_lacks_a_digit(&UID, "7e4a6e7b-bee6-4fac-bdea-43d671baaa1", false)]
    #[case::uid_in_capitals(&UID, "7E4A6E7B-BEE6-4FAC-BDEA-43D671BAAA15", false)]
    #[case::upper(&UUID, "7E4A6E7B", false)]
    #[case::underscore(&UUID, "a_b", false)]
    #[case::dash_at_the_end(&UUID, "a-", false)]
    fn a_text_is_accepted_only_by_its_rule(
        #[case] rule: &TextRule,
        #[case] text: &str,
        #[case] accepted: bool,
    ) {
        assert_eq!(rule.accepts(text), accepted);
    }

    fn with_digest(kind: &str, digits: usize) -> String {
        format!(
            "r.io/x@{kind}:{}",
            "a1".repeat(digits).get(..digits).unwrap()
        )
    }

    #[test]
    fn every_pattern_compiles() {
        for rule in ALL {
            assert!(rule.compiled.is_some(), "{}", rule.pattern);
        }
    }

    #[test]
    fn a_text_longer_than_its_rule_is_refused() {
        for rule in [&FIRMWARE, &VERSION, &IMAGE, &UUID] {
            assert!(rule.accepts(&"a".repeat(rule.max_length)));
            assert!(!rule.accepts(&"a".repeat(rule.max_length + 1)));
        }
    }

    #[test]
    fn a_pattern_fits_into_a_cel_literal() {
        for rule in ALL {
            assert!(!rule.pattern.contains('\''), "{}", rule.pattern);
        }
    }

    #[test]
    fn a_release_name_has_room_for_every_uuid() {
        assert!(crate::names::RELEASE_PREFIX.len() + UUID.max_length <= 53);
    }
}
