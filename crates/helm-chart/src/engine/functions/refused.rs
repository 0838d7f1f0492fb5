//! Functions that Helm has and this engine does not, and why. Pure.

use crate::feature::Feature;

/// Why a function that Helm has is not one of this engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// In words, after the function's name.
    pub why: &'static str,
    /// What has to be allowed before any engine may run it; none where only this engine does not have it.
    pub feature: Option<Feature>,
}

const fn beyond(feature: Feature, why: &'static str) -> Refused {
    let feature = Some(feature);
    Refused { why, feature }
}

const fn missing(why: &'static str) -> Refused {
    Refused { why, feature: None }
}

const RANDOM: Refused = beyond(Feature::Random, "is different at every rendering");
const CLOCK: Refused = beyond(
    Feature::Random,
    "depends on the clock or the time zone of the machine",
);
const CLUSTER: Refused = beyond(Feature::Lookup, "reads the cluster while rendering");
const NETWORK: Refused = beyond(Feature::Lookup, "asks the network while rendering");
const DURATION: Refused = missing("works with Go's duration type, which this engine does not have");
const TOML: Refused = missing("reads or writes TOML, which this engine does not");
const SECRETS: Refused = missing("derives or decrypts secrets, which this engine does not");

/// Functions that exist in Helm and are refused here, with the reason.
const REFUSED: &[(&str, Refused)] = &[
    ("ago", CLOCK),
    ("bcrypt", RANDOM),
    ("buildCustomCert", RANDOM),
    ("date", CLOCK),
    ("dateInZone", CLOCK),
    ("dateModify", CLOCK),
    ("date_in_zone", CLOCK),
    ("date_modify", CLOCK),
    ("decryptAES", SECRETS),
    ("derivePassword", SECRETS),
    ("duration", DURATION),
    ("durationRound", CLOCK),
    ("durationRoundTo", DURATION),
    ("durationTruncateTo", DURATION),
    ("encryptAES", RANDOM),
    ("fromToml", TOML),
    ("genCA", RANDOM),
    ("genCAWithKey", RANDOM),
    ("genPrivateKey", RANDOM),
    ("genSelfSignedCert", RANDOM),
    ("genSelfSignedCertWithKey", RANDOM),
    ("genSignedCert", RANDOM),
    ("genSignedCertWithKey", RANDOM),
    ("getHostByName", NETWORK),
    ("htmlDate", CLOCK),
    ("htmlDateInZone", CLOCK),
    ("htpasswd", RANDOM),
    ("lookup", CLUSTER),
    ("mustDateModify", CLOCK),
    ("mustToDate", CLOCK),
    ("mustToDuration", DURATION),
    ("mustToToml", TOML),
    ("must_date_modify", CLOCK),
    ("now", CLOCK),
    ("randAlpha", RANDOM),
    ("randAlphaNum", RANDOM),
    ("randAscii", RANDOM),
    ("randBytes", RANDOM),
    ("randInt", RANDOM),
    ("randNumeric", RANDOM),
    ("shuffle", RANDOM),
    ("toDate", CLOCK),
    ("toToml", TOML),
    ("unixEpoch", CLOCK),
    ("uuidv4", RANDOM),
];

/// Why a function that Helm has is refused; `None` for a name that Helm does not know either.
#[must_use]
pub fn refused(name: &str) -> Option<Refused> {
    REFUSED
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, reason)| *reason)
}
