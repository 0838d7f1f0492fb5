//! References of images, as a kubelet reads them: `esp32` means `docker.io/library/esp32:latest`. Pure.

use std::{fmt, str::FromStr, sync::LazyLock};

use regex::Regex;
use sha2::{Digest, Sha256};

/// What a reference consists of: host, path, tag, digest.
static REFERENCE: LazyLock<Regex> = LazyLock::new(|| {
    let host =
        r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][-a-zA-Z0-9.]*[a-zA-Z0-9]|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?";
    let name = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*";
    let pattern = format!(
        r"\A(?P<name>(?:{host}/)??{name}(?:/{name})*)(?::(?P<tag>[A-Za-z0-9_][-A-Za-z0-9_.]{{0,127}}))?(?:@(?P<digest>sha256:[0-9a-f]{{64}}|sha512:[0-9a-f]{{128}}))?\z"
    );
    Regex::new(&pattern).expect("the pattern is constant")
});

/// Longest reference, in bytes.
pub const MAX_REFERENCE: usize = 512;

/// A reference with everything that may be left out of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageReference {
    /// The registry, with its port.
    pub host: String,
    /// The repository in it, such as `library/esp32`.
    pub repository: String,
    /// The tag: `latest` where neither tag nor digest is named.
    pub tag: Option<String>,
    /// The digest, such as `sha256:…`.
    pub digest: Option<String>,
}

/// A text that is not a reference.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an image reference such as registry.example.com/esp32:1.2.0")]
pub struct NotAReference(String);

impl ImageReference {
    /// What a registry is asked for: the digest if there is one, else the tag.
    #[must_use]
    pub fn asked(&self) -> &str {
        let asked = self.digest.as_deref().or(self.tag.as_deref());
        asked.unwrap_or("latest")
    }

    /// The same image by digest alone.
    #[must_use]
    pub fn pinned(&self, digest: &str) -> String {
        format!("{}/{}@{digest}", self.host, self.repository)
    }
}

/// The digest of a reference, if it has one.
#[must_use]
pub fn digest_of(reference: &str) -> Option<&str> {
    reference.split_once('@').map(|(_, digest)| digest)
}

/// The digest of bytes by SHA-256.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

/// Whether a text is a digest by SHA-256: what a registry says is asked for again only then.
#[must_use]
pub fn is_sha256(text: &str) -> bool {
    let digits = text.strip_prefix("sha256:").unwrap_or_default();
    digits.len() == 64
        && digits
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// A reference with a digest instead of its tag, its name as it is written: rules about names mean it as before. One that has a digest
/// stays as it is.
#[must_use]
pub fn pin(reference: &str, digest: &str) -> String {
    if digest_of(reference).is_some() {
        return reference.to_owned();
    }
    let name = match reference.rsplit_once(':') {
        // The port of a registry.
        Some((_, after)) if after.contains('/') => reference,
        Some((name, _)) => name,
        None => reference,
    };
    format!("{name}@{digest}")
}

impl FromStr for ImageReference {
    type Err = NotAReference;

    fn from_str(text: &str) -> Result<Self, NotAReference> {
        let error = || NotAReference(text.chars().take(MAX_REFERENCE).collect());
        if text.len() > MAX_REFERENCE {
            return Err(error());
        }
        let parts = REFERENCE.captures(text).ok_or_else(error)?;
        let part = |name: &str| parts.name(name).map(|part| part.as_str().to_owned());
        let name = with_host(&parts["name"]);
        let (host, repository) = name.split_once('/').ok_or_else(error)?;
        let digest = part("digest");
        let latest = digest.is_none().then(|| "latest".to_owned());
        Ok(Self {
            host: host.to_owned(),
            repository: repository.to_owned(),
            tag: part("tag").or(latest),
            digest,
        })
    }
}

impl fmt::Display for ImageReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

/// Puts the default host before a name, or the beginning of one, that has none.
#[must_use]
pub fn with_host(name: &str) -> String {
    match name.split_once('/') {
        Some((host, rest)) if host.contains(['.', ':']) || host == "localhost" => {
            let is_default = matches!(host, "docker.io" | "index.docker.io");
            match (is_default, rest.contains('/')) {
                (false, _) => name.to_owned(),
                (true, true) => format!("docker.io/{rest}"),
                (true, false) => format!("docker.io/library/{rest}"),
            }
        }
        Some(_) => format!("docker.io/{name}"),
        None => format!("docker.io/library/{name}"),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const DIGEST: &str = "sha256:0e4f1ba5bb4d7c80bd3b6ae1c5a3f4e6e0b1cb1ab0bb09ddb5e5b7e7ae1ff42c";

    #[rstest]
    #[case("esp32", "docker.io/library/esp32:latest", "latest")]
    #[case("team/esp32:1", "docker.io/team/esp32:1", "1")]
    #[case("index.docker.io/esp32:1", "docker.io/library/esp32:1", "1")]
    #[case("localhost/esp32:1", "localhost/esp32:1", "1")]
    #[case(
        "registry.example.com:5000/a/b:1.2.0",
        "registry.example.com:5000/a/b:1.2.0",
        "1.2.0"
    )]
    #[case("[2001:db8::1]:5000/esp32:1", "[2001:db8::1]:5000/esp32:1", "1")]
    fn what_is_left_out_is_what_a_kubelet_puts_there(
        #[case] text: &str,
        #[case] full: &str,
        #[case] asked: &str,
    ) {
        let reference: ImageReference = text.parse().unwrap();
        assert_eq!(
            (reference.to_string().as_str(), reference.asked()),
            (full, asked)
        );
    }

    #[test]
    fn a_digest_is_asked_for_whatever_the_tag_says_and_pins_the_image() {
        let text = format!("registry.example.com/esp32:1.2.0@{DIGEST}");
        let reference: ImageReference = text.parse().unwrap();
        assert_eq!(reference.to_string(), text);
        assert_eq!(reference.asked(), DIGEST);
        let bare: ImageReference = format!("r.io/esp32@{DIGEST}").parse().unwrap();
        assert_eq!((bare.tag, bare.digest.as_deref()), (None, Some(DIGEST)));
        let pinned = format!("registry.example.com/esp32@{DIGEST}");
        assert_eq!(reference.pinned(DIGEST), pinned);
    }

    #[rstest]
    #[case("esp32", "esp32@sha256:0")]
    #[case("esp32:1", "esp32@sha256:0")]
    #[case("localhost:5000/esp32", "localhost:5000/esp32@sha256:0")]
    #[case("r.io:5000/team/esp32:1.2", "r.io:5000/team/esp32@sha256:0")]
    #[case("r.io/esp32:1@sha256:1", "r.io/esp32:1@sha256:1")]
    fn a_pinned_reference_keeps_the_name_as_it_is_written(
        #[case] text: &str,
        #[case] pinned: &str,
    ) {
        assert_eq!(pin(text, "sha256:0"), pinned);
    }

    #[rstest]
    #[case("")]
    #[case("oci://r.io/x:1")]
    #[case("r.io/X:1")]
    #[case("r.io/x@sha256:abc")]
    #[case("r.io/../x")]
    #[case("r.io/x:1\n")]
    fn what_is_not_a_reference_is_named(#[case] text: &str) {
        let error = text.parse::<ImageReference>().unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("{text:?} is not an image reference")),
            "{error}"
        );
    }
}
