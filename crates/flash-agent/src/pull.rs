//! Pulls firmware from a registry: index, manifest, layers, each held against its digest.

use std::path::Path;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::{
    environment::Options,
    http::{HttpError, InvalidUrl, Request, Response, Url, send},
    image::{self, ImageError, MAX_FIRMWARE, Next},
    reference::Reference,
};

const KINDS: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json";
const MAX_DOCUMENT: u64 = 4 << 20;
const MAX_REDIRECTS: usize = 5;

/// Why the firmware could not be pulled.
#[derive(Debug, Error)]
pub enum PullError {
    /// The registry was not reached.
    #[error("the registry does not answer")]
    Http(#[from] HttpError),
    /// It names a place that is not a URL.
    #[error("the registry answers with an address that cannot be used")]
    Url(#[from] InvalidUrl),
    /// It refuses.
    #[error("{url} answers with status {status}")]
    Status {
        /// What was asked for.
        url: String,
        /// The answer.
        status: u16,
    },
    /// It leads from place to place.
    #[error("{0} redirects more than {MAX_REDIRECTS} times")]
    Redirects(String),
    /// What arrived is something else.
    #[error("{0} does not have its digest")]
    Digest(String),
    /// The image is at fault.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The image has layers, but nothing in the folder.
    #[error("no layer has a file below firmware/")]
    NoFile,
}

/// The firmware for the device of these options.
pub fn pull(options: &Options) -> Result<Vec<u8>, PullError> {
    let mut registry = Registry {
        reference: &options.firmware,
        credentials: options
            .docker_config
            .as_deref()
            .and_then(|folder| credentials(folder, &options.firmware.registry)),
        authorization: None,
    };
    let mut document = registry.get("manifests", &options.firmware.version, MAX_DOCUMENT)?;
    let mut next = image::next(&document, &options.device)?;
    if let Next::Manifest(digest) = next {
        document = registry.get("manifests", &digest, MAX_DOCUMENT)?;
        next = image::next(&document, &options.device)?;
    }
    let Next::Layers(layers) = next else {
        return Err(PullError::NoFile);
    };
    for layer in layers {
        let blob = registry.get("blobs", &layer.digest, 2 * MAX_FIRMWARE)?;
        if let Some(firmware) = image::firmware(&layer.media_type, &blob)? {
            return Ok(firmware);
        }
    }
    Err(PullError::NoFile)
}

struct Registry<'a> {
    reference: &'a Reference,
    /// `user:password`, in base64.
    credentials: Option<String>,
    authorization: Option<String>,
}

impl Registry<'_> {
    /// A manifest or a blob. Whatever has a digest has to have that content.
    fn get(&mut self, kind: &str, name: &str, limit: u64) -> Result<Vec<u8>, PullError> {
        let Reference {
            registry,
            repository,
            ..
        } = self.reference;
        let scheme = self.reference.scheme();
        let url: Url = format!("{scheme}://{registry}/v2/{repository}/{kind}/{name}").parse()?;
        let mut response = self.ask(&url, limit)?;
        if response.status == 401 && self.authorization.is_none() {
            let challenge = response.header("www-authenticate").unwrap_or_default();
            self.authorization = self.authorize(challenge)?;
            response = self.ask(&url, limit)?;
        }
        let body = succeeded(&url, response)?;
        let digest = || format!("sha256:{}", hex::encode(Sha256::digest(&body)));
        if name.contains(':') && digest() != name {
            return Err(PullError::Digest(name.to_owned()));
        }
        Ok(body)
    }

    fn ask(&self, url: &Url, limit: u64) -> Result<Response, PullError> {
        let mut place = url.clone();
        for _ in 0..MAX_REDIRECTS {
            let mut headers = vec![("Accept", KINDS)];
            // Never to another host: blobs often lie in a store that must not learn it.
            if let Some(authorization) = &self.authorization
                && place.authority == url.authority
                && place.is_secure == url.is_secure
            {
                headers.push(("Authorization", authorization));
            }
            let request = Request {
                method: "GET",
                url: &place,
                headers: &headers,
                body: &[],
            };
            let response = send(&request, limit)?;
            match (response.status, response.header("location")) {
                (301 | 302 | 303 | 307 | 308, Some(location)) => place = place.join(location)?,
                _ => return Ok(response),
            }
        }
        Err(PullError::Redirects(url.to_string()))
    }

    /// What to send from now on, to a registry that wants to know who is asking.
    fn authorize(&self, challenge: &str) -> Result<Option<String>, PullError> {
        let basic = self
            .credentials
            .as_ref()
            .map(|credentials| format!("Basic {credentials}"));
        let Some(url) = token_url(challenge) else {
            return Ok(basic);
        };
        let url: Url = url.parse()?;
        let headers: Vec<_> = basic
            .iter()
            .map(|basic| ("Authorization", basic.as_str()))
            .collect();
        let request = Request {
            method: "GET",
            url: &url,
            headers: &headers,
            body: &[],
        };
        let token = succeeded(&url, send(&request, MAX_DOCUMENT)?)?;
        let token: Token = serde_json::from_slice(&token).map_err(ImageError::Unreadable)?;
        Ok(Some(format!("Bearer {}", token.token)))
    }
}

fn succeeded(url: &Url, response: Response) -> Result<Vec<u8>, PullError> {
    if response.status == 200 {
        Ok(response.body)
    } else {
        Err(PullError::Status {
            url: url.to_string(),
            status: response.status,
        })
    }
}

#[derive(Deserialize)]
struct Token {
    #[serde(alias = "access_token")]
    token: String,
}

/// Where a token is to be had, for a registry that wants one: `Bearer realm="…",service="…",scope="…"`.
fn token_url(challenge: &str) -> Option<String> {
    let parameters = challenge.strip_prefix("Bearer ")?;
    // A scope has commas in it, but behind its quote only: a/b:pull,push.
    let parameters = parameters.split("\",").filter_map(|parameter| {
        let (name, value) = parameter.trim().split_once("=\"")?;
        Some((name, value.trim_end_matches('"').replace(' ', "%20")))
    });
    let (realm, query): (Vec<_>, Vec<_>) = parameters.partition(|(name, _)| *name == "realm");
    let (_, realm) = realm.into_iter().next()?;
    let query: Vec<_> = query
        .into_iter()
        .filter(|(name, _)| ["service", "scope"].contains(name))
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    Some(format!("{realm}?{}", query.join("&")))
}

#[derive(Deserialize)]
struct DockerConfig {
    #[serde(default)]
    auths: std::collections::BTreeMap<String, Login>,
}

#[derive(Deserialize)]
struct Login {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
}

/// What `docker login` left for a registry, as it is sent.
fn credentials(folder: &Path, registry: &str) -> Option<String> {
    let config = std::fs::read(folder.join("config.json")).ok()?;
    let config: DockerConfig = serde_json::from_slice(&config).ok()?;
    let (_, auth) = config.auths.into_iter().find(|(name, _)| {
        let host = name.trim_start_matches("https://");
        host.split('/').next() == Some(registry)
    })?;
    auth.auth
        .or_else(|| Some(STANDARD.encode(format!("{}:{}", auth.username?, auth.password?))))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::bearer(
        r#"Bearer realm="https://auth.test/token",service="r.test",scope="repository:a/b:pull,push""#,
        Some("https://auth.test/token?service=r.test&scope=repository:a/b:pull,push")
    )]
    #[case::another_order(
        r#"Bearer service="r.test", realm="https://auth.test/token""#,
        Some("https://auth.test/token?service=r.test")
    )]
    #[case::basic(r#"Basic realm="r.test""#, None)]
    #[case::none("", None)]
    fn a_registry_says_where_a_token_is_to_be_had(
        #[case] challenge: &str,
        #[case] want: Option<&str>,
    ) {
        assert_eq!(token_url(challenge).as_deref(), want);
    }
}
