//! References of OCI images. Pure.

use std::{fmt, str::FromStr};

use thiserror::Error;

/// An image in a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Host and port.
    pub registry: String,
    /// Path in the registry.
    pub repository: String,
    /// A tag, or a digest.
    pub version: String,
}

/// Why a text is not a reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum InvalidReference {
    /// A part is empty.
    #[error("it has an empty part")]
    Empty,
    /// A letter that no part may hold.
    #[error("{0:?} is not allowed in it")]
    Letter(char),
}

impl FromStr for Reference {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let allowed = |letter: char| letter.is_ascii_alphanumeric() || "._-/:@+".contains(letter);
        if let Some(letter) = text.chars().find(|letter| !allowed(*letter)) {
            return Err(InvalidReference::Letter(letter));
        }
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(digest)),
            None => (text, None),
        };
        let (name, tag) = match name.rsplit_once(':') {
            // Behind a slash it is a tag, before one the registry's port.
            Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
            _ => (name, None),
        };
        let version = digest.or(tag).unwrap_or("latest");
        let (registry, repository) = match name.split_once('/') {
            Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => {
                (host, path.to_owned())
            }
            Some(_) => (DOCKER_HUB, name.to_owned()),
            None => (DOCKER_HUB, format!("library/{name}")),
        };
        if [registry, version].contains(&"") || repository.split('/').any(str::is_empty) {
            return Err(InvalidReference::Empty);
        }
        Ok(Self {
            registry: registry.to_owned(),
            repository,
            version: version.to_owned(),
        })
    }
}

/// Where images without a registry are.
const DOCKER_HUB: &str = "index.docker.io";

impl Reference {
    /// `http` for registries on this machine or in a private network that have no certificate, as other clients have it.
    pub fn scheme(&self) -> &'static str {
        let host = self
            .registry
            .rsplit_once(':')
            .map_or(self.registry.as_str(), |(host, _)| host);
        let private = host
            .parse::<std::net::Ipv4Addr>()
            .is_ok_and(|address| address.is_loopback() || address.is_private());
        if private || host == "localhost" || host.rsplit('.').next() == Some("local") {
            "http"
        } else {
            "https"
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let separator = if self.version.contains(':') { '@' } else { ':' };
        write!(
            formatter,
            "{}/{}{separator}{}",
            self.registry, self.repository, self.version
        )
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("registry.test/a/b:1", ("registry.test", "a/b", "1"))]
    #[case("registry.test:5000/a", ("registry.test:5000", "a", "latest"))]
    #[case("localhost/a:2", ("localhost", "a", "2"))]
    #[case("a/b:1", ("index.docker.io", "a/b", "1"))]
    #[case("a", ("index.docker.io", "library/a", "latest"))]
    #[case("r.test/a:1@sha256:0f", ("r.test", "a", "sha256:0f"))]
    fn a_reference_has_three_parts(#[case] text: &str, #[case] want: (&str, &str, &str)) {
        let found: Reference = text.parse().unwrap();
        let parts = (&*found.registry, &*found.repository, &*found.version);
        assert_eq!(parts, want);
    }

    #[rstest]
    #[case("", InvalidReference::Empty)]
    #[case("r.test/", InvalidReference::Empty)]
    #[case("r.test/a//b", InvalidReference::Empty)]
    #[case("r.test/a:", InvalidReference::Empty)]
    #[case("r.test/a b", InvalidReference::Letter(' '))]
    #[case("r.test/a\r\nX: y", InvalidReference::Letter('\r'))]
    fn what_is_not_a_reference_is_refused(#[case] text: &str, #[case] want: InvalidReference) {
        assert_eq!(text.parse::<Reference>(), Err(want));
    }

    #[rstest]
    #[case("127.0.0.1:5000/a", "http")]
    #[case("10.1.2.3/a", "http")]
    #[case("localhost:5000/a", "http")]
    #[case("registry.local/a", "http")]
    #[case("198.51.100.4:5000/a", "https")]
    #[case("registry.test/a", "https")]
    fn only_private_registries_are_asked_in_clear(#[case] text: &str, #[case] want: &str) {
        assert_eq!(text.parse::<Reference>().unwrap().scheme(), want);
    }
}
