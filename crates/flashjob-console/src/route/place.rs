//! Names of objects as they stand in a path: only such as an object can have, so that no path leads anywhere else. Pure.

use flashjob_operator::names::{GROUP, VERSION};
use kube::core::Request;
use serde::Deserialize;
use utoipa::IntoParams;

/// Longest name of an object.
const MOST: usize = 253;

/// The name of an object or a namespace.
#[derive(Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(try_from = "String")]
pub struct Name(String);

/// A text is not a name.
#[derive(thiserror::Error, Debug)]
#[error(
    "a name has only small letters, digits, '-' and '.', and begins and ends with a letter or a digit"
)]
pub struct NameError;

impl TryFrom<String> for Name {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        let end = |byte: Option<u8>| {
            byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        };
        let plain =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte);
        let is_name = text.len() <= MOST
            && end(text.bytes().next())
            && end(text.bytes().next_back())
            && text.bytes().all(plain);
        is_name.then_some(Self(text)).ok_or(NameError)
    }
}

impl Name {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A path within a namespace.
#[derive(Deserialize, IntoParams, Clone, Debug)]
#[into_params(parameter_in = Path)]
pub struct Namespaced {
    /// Namespace
    #[param(value_type = String)]
    pub namespace: Name,
}

/// A path of one FlashJob.
#[derive(Deserialize, IntoParams, Clone, Debug)]
#[into_params(parameter_in = Path)]
pub struct OfJob {
    /// Namespace
    #[param(value_type = String)]
    pub namespace: Name,
    /// Name of the FlashJob
    #[param(value_type = String)]
    pub name: Name,
}

/// Requests about the FlashJobs of a namespace.
#[must_use]
pub fn jobs(namespace: &Name) -> Request {
    Request::new(format!(
        "/apis/{GROUP}/{VERSION}/namespaces/{}/flashjobs",
        namespace.as_str()
    ))
}

/// Requests about the FlashJobs of all namespaces.
#[must_use]
pub fn all_jobs() -> Request {
    Request::new(format!("/apis/{GROUP}/{VERSION}/flashjobs"))
}

/// Requests about the FlashClasses.
#[must_use]
pub fn classes() -> Request {
    Request::new(format!("/apis/{GROUP}/{VERSION}/flashclasses"))
}

/// Requests about the Instances of a namespace.
#[must_use]
pub fn instances(namespace: &Name) -> Request {
    Request::new(format!(
        "/apis/akri.sh/v0/namespaces/{}/instances",
        namespace.as_str()
    ))
}

/// Requests about the Pods of a namespace.
#[must_use]
pub fn pods(namespace: &Name) -> Request {
    Request::new(format!("/api/v1/namespaces/{}/pods", namespace.as_str()))
}

/// Requests about the Secrets of a namespace.
#[must_use]
pub fn secrets(namespace: &Name) -> Request {
    Request::new(format!("/api/v1/namespaces/{}/secrets", namespace.as_str()))
}

/// Requests about the Services of a namespace.
#[must_use]
pub fn services(namespace: &Name) -> Request {
    Request::new(format!(
        "/api/v1/namespaces/{}/services",
        namespace.as_str()
    ))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::usual("thermo-1.2.0", true)]
    #[case::one_letter("a", true)]
    #[case::none("", false)]
    #[case::the_path_above("..", false)]
    #[case::another_path("a/../../secrets", false)]
    #[case::a_query("a?watch=1", false)]
    #[case::capitals("Thermo", false)]
    #[case::markup("<script>", false)]
    #[case::a_dash_at_the_end("a-", false)]
    fn only_what_an_object_can_be_called_is_a_name(#[case] text: &str, #[case] expected: bool) {
        assert_eq!(Name::try_from(text.to_owned()).is_ok(), expected);
    }

    #[test]
    fn a_name_is_not_too_long() {
        assert!(Name::try_from("a".repeat(253)).is_ok());
        assert!(Name::try_from("a".repeat(254)).is_err());
    }
}
