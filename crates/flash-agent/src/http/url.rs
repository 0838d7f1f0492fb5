//! The URLs that are needed: scheme, host, path. Pure.

use std::{fmt, str::FromStr};

use thiserror::Error;

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    /// Over TLS.
    pub is_secure: bool,
    /// Host, and port where it is not the scheme's.
    pub authority: String,
    /// Path and query, with the slash before them.
    pub path: String,
}

/// A text that is not a URL.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0:?} is not an http or https URL")]
pub struct InvalidUrl(String);

impl FromStr for Url {
    type Err = InvalidUrl;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidUrl(text.to_owned());
        let (scheme, rest) = text.split_once("://").ok_or_else(invalid)?;
        let is_secure = match scheme {
            "https" => true,
            "http" => false,
            _ => return Err(invalid()),
        };
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, "/"),
        };
        let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
        if authority.is_empty() || authority.contains('@') || !is_plain(rest) {
            return Err(invalid());
        }
        Ok(Self {
            is_secure,
            authority: authority.to_owned(),
            path: path.to_owned(),
        })
    }
}

impl Url {
    /// The host alone.
    pub fn host(&self) -> &str {
        self.split().0
    }

    /// The port, which is the scheme's where none is named.
    pub fn port(&self) -> u16 {
        let default = if self.is_secure { 443 } else { 80 };
        self.split().1.unwrap_or(default)
    }

    fn split(&self) -> (&str, Option<u16>) {
        match self.authority.rsplit_once(':') {
            Some((host, port)) => match port.parse() {
                Ok(port) => (host, Some(port)),
                Err(_) => (&self.authority, None),
            },
            None => (&self.authority, None),
        }
    }

    /// Where a `Location` header leads from here.
    pub fn join(&self, location: &str) -> Result<Self, InvalidUrl> {
        if location.starts_with('/') {
            Ok(Self {
                path: location.to_owned(),
                ..self.clone()
            })
        } else {
            location.parse()
        }
    }
}

impl fmt::Display for Url {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_secure { "https" } else { "http" };
        write!(formatter, "{scheme}://{}{}", self.authority, self.path)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("http://198.51.100.9/update", ("198.51.100.9", 80, "/update"))]
    #[case("http://198.51.100.9:8080/update", ("198.51.100.9", 8080, "/update"))]
    #[case("https://registry.test", ("registry.test", 443, "/"))]
    #[case("https://registry.test:5000/v2/?a=b", ("registry.test", 5000, "/v2/?a=b"))]
    fn a_url_has_host_port_and_path(#[case] text: &str, #[case] want: (&str, u16, &str)) {
        let url: Url = text.parse().unwrap();
        assert_eq!((url.host(), url.port(), url.path.as_str()), want);
    }

    #[rstest]
    #[case("ftp://registry.test/")]
    #[case("registry.test/a")]
    #[case("http:///a")]
    #[case("http://user@registry.test/")]
    #[case("http://registry.test/a b")]
    #[case("http://registry.test/a\r\nX: y")]
    fn other_urls_are_refused(#[case] text: &str) {
        assert_eq!(text.parse::<Url>(), Err(InvalidUrl(text.to_owned())));
    }

    #[test]
    fn a_location_may_be_a_path_or_a_whole_url() {
        let url: Url = "https://registry.test/v2/a".parse().unwrap();
        let path = url.join("/blobs/b").unwrap();
        assert_eq!(path.to_string(), "https://registry.test/blobs/b");
        let whole = url.join("http://store.test/b").unwrap();
        assert_eq!(whole.to_string(), "http://store.test/b");
    }
}
