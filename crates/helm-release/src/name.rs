//! Names of releases and of the Secrets that hold them.
//!
//! Pure. Asked before a name is stored or given to helm.

use std::fmt;

/// Longest release name that Helm accepts.
const MAX_NAME: usize = 53;
/// What the name of every release Secret begins with.
const SECRET_PREFIX: &str = "sh.helm.release.v1.";

/// Why a release name is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Longer than Helm's limit.
    #[error("release name {name:?} has {length} characters; Helm allows {MAX_NAME}")]
    TooLong {
        /// The name.
        name: String,
        /// Its length.
        length: usize,
    },
    /// Not a DNS subdomain.
    #[error(
        "release name {name:?} is not lower case letters, digits, '-' and '.', beginning and ending with a letter or digit"
    )]
    Malformed {
        /// The name.
        name: String,
    },
}

/// Checks a release name by Helm's rule.
///
/// # Errors
/// If Helm would refuse the name.
pub fn validate(name: &str) -> Result<(), NameError> {
    if name.len() > MAX_NAME {
        return Err(NameError::TooLong {
            name: name.to_owned(),
            length: name.len(),
        });
    }
    if name.split('.').all(is_label) {
        return Ok(());
    }
    Err(NameError::Malformed {
        name: name.to_owned(),
    })
}

/// `[a-z0-9]([-a-z0-9]*[a-z0-9])?`
fn is_label(label: &str) -> bool {
    let bytes = label.as_bytes();
    let alphanumeric = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    bytes.first().is_some_and(alphanumeric)
        && bytes.last().is_some_and(alphanumeric)
        && bytes.iter().all(|byte| alphanumeric(byte) || *byte == b'-')
}

/// Release and revision: what the name of a release Secret says, readable when its content is not.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// Release name.
    pub release: String,
    /// Revision, from 1.
    pub revision: u32,
}

impl Key {
    /// Reads the name of a Secret; none if it is not that of a release Secret.
    #[must_use]
    pub fn parse(secret_name: &str) -> Option<Self> {
        let (release, revision) = secret_name.strip_prefix(SECRET_PREFIX)?.rsplit_once(".v")?;
        let number: u32 = revision.parse().ok()?;
        let canonical = number > 0 && number.to_string() == revision && validate(release).is_ok();
        canonical.then(|| Self {
            release: release.to_owned(),
            revision: number,
        })
    }
}

impl fmt::Display for Key {
    /// The name of the Secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SECRET_PREFIX}{}.v{}", self.release, self.revision)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("flash-7e4a6e7b-bee6-4fac-bdea-43d671baaa15", true)]
    #[case("a", true)]
    #[case("a.b-c.d", true)]
    #[case(&"a".repeat(53), true)]
    #[case(&"a".repeat(54), false)]
    #[case("", false)]
    #[case("-a", false)]
    #[case("a-", false)]
    #[case("a..b", false)]
    #[case("A", false)]
    #[case("a_b", false)]
    #[case("ä", false)]
    #[case("a\n", false)]
    fn a_release_name_is_what_helm_accepts(#[case] name: &str, #[case] accepted: bool) {
        assert_eq!(validate(name).is_ok(), accepted, "{name:?}");
    }

    #[rstest]
    #[case("sh.helm.release.v1.flash-a.v12", Some(("flash-a", 12)))]
    #[case("sh.helm.release.v1.a.v1.v2", Some(("a.v1", 2)))]
    #[case("sh.helm.release.v1.a.v0", None)]
    #[case("sh.helm.release.v1.a.v01", None)]
    #[case("sh.helm.release.v1.a.v+1", None)]
    #[case("sh.helm.release.v1..v1", None)]
    #[case("sh.helm.release.v1.a", None)]
    #[case("a.v1", None)]
    fn a_secret_name_says_release_and_revision(
        #[case] name: &str,
        #[case] expected: Option<(&str, u32)>,
    ) {
        let key = Key::parse(name);
        assert_eq!(
            key.as_ref().map(|key| (key.release.as_str(), key.revision)),
            expected
        );
        if let Some(key) = key {
            assert_eq!(key.to_string(), name);
        }
    }
}
