//! The one client that talks to registries, by the OCI distribution protocol: it reads manifests, and nothing else.
//!
//! Whatever a registry answers costs a bounded time and a bounded memory. Redirects are not followed, and only token services of the
//! registry itself are asked.

use std::{error::Error, net::IpAddr, time::Duration};

use reqwest::{
    Certificate, Client, ClientBuilder, Response, StatusCode, Url,
    header::{ACCEPT, CONTENT_TYPE, HeaderMap, WWW_AUTHENTICATE},
    redirect,
};
use serde::Deserialize;
use sha2::{Digest, Sha256, Sha512};

use super::{
    Access, Login,
    challenge::{self, TokenRequest},
    image::FirmwareImage,
    platforms::Platforms,
    reference::ImageReference,
};

/// Time for all requests that one image needs.
const PATIENCE: Duration = Duration::from_secs(15);
/// Time until a registry accepts a connection.
const CONNECT: Duration = Duration::from_secs(5);
/// Most bytes of a manifest, as the distribution specification advises registries to accept.
const MAX_MANIFEST: usize = 4 * 1024 * 1024;
/// Most bytes of an answer with a token.
const MAX_TOKEN: usize = 64 * 1024;
/// Stands for a registry where all are meant.
const ANY: &str = "(any)";
/// Kinds of manifests, of OCI and of Docker.
const MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, \
     application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json";

/// Why it is not known what a registry serves.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// It does not answer, not now, or not to everybody.
    #[error("registry {host}: {cause}")]
    Unreachable {
        /// The registry.
        host: String,
        /// Why.
        cause: String,
    },
    /// It answers that there is no such image.
    #[error("registry {host} has no image {reference}")]
    Missing {
        /// The registry.
        host: String,
        /// What was asked for.
        reference: String,
    },
    /// Its answer cannot be used.
    #[error("registry {host}: the image {reference} cannot be used: {cause}")]
    Unusable {
        /// The registry.
        host: String,
        /// What was asked for.
        reference: String,
        /// Why.
        cause: String,
    },
}

/// See the module's documentation.
#[derive(Clone, Debug)]
pub struct Registry {
    http: Client,
}

/// What shows a registry that whoever asks may pull.
enum Proof {
    Token(String),
    Login(Login),
}

#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

impl Registry {
    /// A client that asks anonymously, through the proxy of the environment (`HTTPS_PROXY`, `NO_PROXY`) if there is one.
    ///
    /// # Errors
    /// When the system's certificates cannot be used.
    pub fn new() -> Result<Self, RegistryError> {
        Self::of(builder())
    }

    /// The same, which trusts these authorities, too: certificates in PEM.
    ///
    /// # Errors
    /// When they are not certificates.
    pub fn trusting(authorities: &[u8]) -> Result<Self, RegistryError> {
        let authorities =
            Certificate::from_pem_bundle(authorities).map_err(|error| no_client(&error))?;
        if authorities.is_empty() {
            return Err(RegistryError::Unreachable {
                host: ANY.into(),
                cause: "no certificate".into(),
            });
        }
        Self::of(builder().tls_certs_merge(authorities))
    }

    fn of(builder: ClientBuilder) -> Result<Self, RegistryError> {
        // Another part of the process may have chosen it already: it is the same one.
        let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
        let http = builder.build().map_err(|error| no_client(&error))?;
        Ok(Self { http })
    }

    /// The same, of a reference in words.
    ///
    /// # Errors
    /// The same; what is not a reference is at no registry.
    pub async fn named(
        &self,
        reference: &str,
        access: &Access,
    ) -> Result<FirmwareImage, RegistryError> {
        let parsed = reference.parse::<ImageReference>();
        let parsed = parsed.map_err(|error| RegistryError::Unreachable {
            host: "-".into(),
            cause: error.to_string(),
        })?;
        self.image(&parsed, access).await
    }

    /// What the registry serves under a reference now.
    ///
    /// # Errors
    /// When the registry cannot be asked, has no such image, or its answer cannot be used.
    pub async fn image(
        &self,
        reference: &ImageReference,
        access: &Access,
    ) -> Result<FirmwareImage, RegistryError> {
        let client = access.client.as_ref().unwrap_or(self);
        let Ok(answer) = tokio::time::timeout(PATIENCE, client.read(reference, access)).await
        else {
            let cause = format!("no whole answer within {} s", PATIENCE.as_secs());
            return Err(unreachable(reference, cause));
        };
        answer
    }

    async fn read(
        &self,
        reference: &ImageReference,
        access: &Access,
    ) -> Result<FirmwareImage, RegistryError> {
        let base = base(reference, access).map_err(|cause| unreachable(reference, cause))?;
        let login = access.credentials.login(reference);
        let response = self.ask(reference, &base, None).await?;
        let response = if response.status() == StatusCode::UNAUTHORIZED {
            let proof = self
                .proof(reference, &base, response.headers(), login)
                .await?;
            self.ask(reference, &base, Some(&proof)).await?
        } else {
            response
        };
        let status = response.status();
        if status == StatusCode::NOT_FOUND {
            return Err(RegistryError::Missing {
                host: reference.host.clone(),
                reference: reference.to_string(),
            });
        }
        if status != StatusCode::OK {
            return Err(unreachable(reference, refusal(status)));
        }
        let kind = response.headers().get(CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).map(str::to_owned);
        let unusable = |cause| unusable(reference, cause);
        let bytes = body(response, MAX_MANIFEST).await.map_err(unusable)?;
        let digest = digest(&bytes, reference.digest.as_deref()).map_err(unusable)?;
        let platforms = Platforms::parse(&bytes, kind.as_deref());
        let platforms = platforms.map_err(|error| unusable(error.to_string()))?;
        Ok(FirmwareImage {
            reference: reference.clone(),
            digest,
            platforms,
        })
    }

    async fn ask(
        &self,
        reference: &ImageReference,
        base: &Url,
        proof: Option<&Proof>,
    ) -> Result<Response, RegistryError> {
        let path = format!(
            "/v2/{}/manifests/{}",
            reference.repository,
            reference.asked()
        );
        let url = base.join(&path);
        let url = url.map_err(|error| unreachable(reference, error.to_string()))?;
        let request = self.http.get(url).header(ACCEPT, MANIFESTS);
        let request = match proof {
            Some(Proof::Token(token)) => request.bearer_auth(token),
            Some(Proof::Login(Login { user, password })) => {
                request.basic_auth(user, Some(password))
            }
            None => request,
        };
        let answer = request.send().await;
        answer.map_err(|error| unreachable(reference, words(&error)))
    }

    /// What the registry asks for: the login itself, or a token of the service that it names.
    async fn proof(
        &self,
        reference: &ImageReference,
        base: &Url,
        headers: &HeaderMap,
        login: Option<&Login>,
    ) -> Result<Proof, RegistryError> {
        let fail = |cause: String| unreachable(reference, cause);
        let asked = headers.get(WWW_AUTHENTICATE);
        let asked = asked
            .and_then(|header| header.to_str().ok())
            .unwrap_or_default();
        let request = TokenRequest::parse(asked, base, &reference.repository).map_err(fail)?;
        let Some(request) = request else {
            let login = login.filter(|_| challenge::takes_logins(asked)).cloned();
            let refused = || fail(refusal(StatusCode::UNAUTHORIZED));
            return login.map(Proof::Login).ok_or_else(refused);
        };
        let ask = self.http.get(request.url);
        let ask = match login {
            Some(Login { user, password }) => ask.basic_auth(user, Some(password)),
            None => ask,
        };
        let response = ask.send().await;
        let response = response.map_err(|error| fail(words(&error)))?;
        if response.status() != StatusCode::OK {
            return Err(fail(refusal(response.status())));
        }
        let bytes = body(response, MAX_TOKEN).await.map_err(fail)?;
        let token: Option<Token> = serde_json::from_slice(&bytes).ok();
        let token = token.and_then(|token| token.token.or(token.access_token));
        let token = token.ok_or_else(|| fail("its token service answered without a token".into()));
        token.map(Proof::Token)
    }
}

fn builder() -> ClientBuilder {
    Client::builder()
        .connect_timeout(CONNECT)
        .redirect(redirect::Policy::none())
        .user_agent(concat!("flashjob-operator/", env!("CARGO_PKG_VERSION")))
}

fn no_client(error: &reqwest::Error) -> RegistryError {
    RegistryError::Unreachable {
        host: ANY.into(),
        cause: words(error),
    }
}

/// Where a registry answers: by TLS, unless it is on this machine's loopback, or a class says that it has none.
fn base(reference: &ImageReference, access: &Access) -> Result<Url, String> {
    let host = match reference.host.as_str() {
        "docker.io" => "registry-1.docker.io",
        host => host,
    };
    let secure = Url::parse(&format!("https://{host}/")).map_err(|error| error.to_string())?;
    let name = secure.host_str().unwrap_or_default();
    let address = name.trim_matches(['[', ']']).parse::<IpAddr>();
    let loopback = name == "localhost" || address.is_ok_and(|address| address.is_loopback());
    if loopback || access.plain_http {
        return Url::parse(&format!("http://{host}/")).map_err(|error| error.to_string());
    }
    Ok(secure)
}

fn refusal(status: StatusCode) -> String {
    let more = match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            ": it does not show this image to everybody"
        }
        StatusCode::TOO_MANY_REQUESTS => ": it has had too many requests",
        status if status.is_redirection() => ": it sends elsewhere, which is not followed",
        _ => "",
    };
    format!("it answered {status}{more}")
}

/// Reads an answer, and no more than so many bytes of it.
async fn body(mut response: Response, most: usize) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| words(&error))? {
        if bytes.len() + chunk.len() > most {
            return Err(format!("its answer is longer than {most} bytes"));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// The digest of a manifest, which must be the one that was asked for, if any.
fn digest(bytes: &[u8], asked: Option<&str>) -> Result<String, String> {
    let found = match asked {
        Some(asked) if asked.starts_with("sha512:") => {
            format!("sha512:{}", hex::encode(Sha512::digest(bytes)))
        }
        _ => format!("sha256:{}", hex::encode(Sha256::digest(bytes))),
    };
    match asked {
        Some(asked) if asked != found => Err(format!("what it sent is {found}")),
        _ => Ok(found),
    }
}

fn unreachable(reference: &ImageReference, cause: String) -> RegistryError {
    RegistryError::Unreachable {
        host: reference.host.clone(),
        cause,
    }
}

fn unusable(reference: &ImageReference, cause: String) -> RegistryError {
    RegistryError::Unusable {
        host: reference.host.clone(),
        reference: reference.to_string(),
        cause,
    }
}

/// An error with its causes, without the address: that is named already, and may hold what a token service was asked.
fn words(error: &reqwest::Error) -> String {
    let mut text = if error.is_timeout() {
        "no answer in time".to_owned()
    } else if error.is_connect() {
        "no connection".to_owned()
    } else {
        "the request failed".to_owned()
    };
    let mut cause = error.source();
    while let Some(inner) = cause {
        if inner.source().is_none() {
            text = format!("{text}: {inner}");
        }
        cause = inner.source();
    }
    text
}
