//! A conversation with one registry about one image: whoever is to be shown a proof is shown it again without being asked.
//!
//! Only the registry itself and token services of it are asked. A redirect is followed for a blob alone, once, without a login, by TLS,
//! and never to an address or a name inside a cluster: what comes back has to have the digest that was asked for.

use std::{error::Error, net::IpAddr};

use reqwest::{
    Client, Method, RequestBuilder, Response, StatusCode, Url,
    header::{ACCEPT, CONTENT_TYPE, HeaderMap, LOCATION, WWW_AUTHENTICATE},
};
use serde::Deserialize;

use super::{
    Access, Login, RegistryError,
    challenge::{self, TokenRequest},
    reference::ImageReference,
    registry::{digest, unreachable, unusable},
};

/// Most bytes of an answer with a token.
const MAX_TOKEN: usize = 64 * 1024;

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

/// What was sent.
pub(super) struct Answer {
    /// All of it.
    pub(super) bytes: Vec<u8>,
    /// What it is said to be.
    pub(super) media_type: Option<String>,
}

/// See the module's documentation.
pub(super) struct Session<'a> {
    pub(super) http: &'a Client,
    /// The image.
    pub(super) reference: &'a ImageReference,
    pub(super) base: Url,
    /// What is asked for, as token services call it.
    pub(super) actions: &'static str,
    login: Option<&'a Login>,
    proof: Option<Proof>,
}

impl<'a> Session<'a> {
    /// Nothing is asked yet.
    ///
    /// # Errors
    /// When the registry's name is not that of a host.
    pub(super) fn begin(
        http: &'a Client,
        reference: &'a ImageReference,
        access: &'a Access,
    ) -> Result<Self, RegistryError> {
        let base = base(reference, access).map_err(|cause| unreachable(reference, cause))?;
        Ok(Self {
            http,
            reference,
            base,
            actions: "pull",
            login: access.credentials.login(reference),
            proof: None,
        })
    }

    /// Path of a manifest by its tag or digest.
    pub(super) fn manifest(asked: &str) -> String {
        format!("manifests/{asked}")
    }

    /// What is under a path of the repository, at most so many bytes; none where there is nothing.
    ///
    /// # Errors
    /// When the registry does not answer, or not to whoever asks.
    pub(super) async fn get(
        &mut self,
        path: &str,
        accept: &str,
        most: usize,
    ) -> Result<Option<Answer>, RegistryError> {
        let response = self.response(path, accept).await?;
        self.read(response, most).await
    }

    /// The blob of this digest, at most so many bytes; none where there is none.
    ///
    /// # Errors
    /// The same, and when it is not what was asked for.
    pub(super) async fn blob(
        &mut self,
        asked: &str,
        most: usize,
    ) -> Result<Option<Vec<u8>>, RegistryError> {
        let mut response = self.response(&format!("blobs/{asked}"), "*/*").await?;
        if response.status().is_redirection() {
            let location = response.headers().get(LOCATION);
            let location = location.and_then(|url| url.to_str().ok()).unwrap_or("");
            let elsewhere = self.base.join(location).ok();
            let elsewhere = elsewhere.filter(|url| may_hold_blobs(url, &self.base));
            let elsewhere = elsewhere.ok_or_else(|| self.fail(refusal(response.status())))?;
            let answer = self.http.get(elsewhere).send().await;
            response = answer.map_err(|error| self.fail(words(&error)))?;
        }
        let Some(answer) = self.read(response, most).await? else {
            return Ok(None);
        };
        digest(&answer.bytes, Some(asked)).map_err(|cause| unusable(self.reference, cause))?;
        Ok(Some(answer.bytes))
    }

    async fn read(&self, response: Response, most: usize) -> Result<Option<Answer>, RegistryError> {
        let status = response.status();
        if status == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        if status != StatusCode::OK {
            return Err(self.fail(refusal(status)));
        }
        let kind = response.headers().get(CONTENT_TYPE);
        let media_type = kind.and_then(|kind| kind.to_str().ok()).map(str::to_owned);
        let bytes = body(response, most).await;
        let bytes = bytes.map_err(|cause| unusable(self.reference, cause))?;
        Ok(Some(Answer { bytes, media_type }))
    }

    async fn response(&mut self, path: &str, accept: &str) -> Result<Response, RegistryError> {
        let request = self.request(Method::GET, path)?.header(ACCEPT, accept);
        self.send(request).await
    }

    /// A request about a path of the repository.
    ///
    /// # Errors
    /// When that is not a path.
    pub(super) fn request(
        &self,
        method: Method,
        path: &str,
    ) -> Result<RequestBuilder, RegistryError> {
        let path = format!("/v2/{}/{path}", self.reference.repository);
        let url = self.base.join(&path);
        let url = url.map_err(|error| self.fail(error.to_string()))?;
        Ok(self.http.request(method, url))
    }

    /// Sends a request, with what the registry asks for.
    ///
    /// # Errors
    /// When the registry does not answer, or its token service does not.
    pub(super) async fn send(
        &mut self,
        request: RequestBuilder,
    ) -> Result<Response, RegistryError> {
        let again = request.try_clone();
        let response = self.once(request).await?;
        let Some(again) = again.filter(|_| self.proof.is_none()) else {
            return Ok(response);
        };
        if response.status() != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        self.proof = Some(self.proof(response.headers()).await?);
        self.once(again).await
    }

    async fn once(&self, request: RequestBuilder) -> Result<Response, RegistryError> {
        let request = match &self.proof {
            Some(Proof::Token(token)) => request.bearer_auth(token),
            Some(Proof::Login(Login { user, password })) => {
                request.basic_auth(user, Some(password))
            }
            None => request,
        };
        let answer = request.send().await;
        answer.map_err(|error| self.fail(words(&error)))
    }

    /// What the registry asks for: the login itself, or a token of the service that it names.
    async fn proof(&self, headers: &HeaderMap) -> Result<Proof, RegistryError> {
        let fail = |cause: String| self.fail(cause);
        let asked = headers.get(WWW_AUTHENTICATE);
        let asked = asked
            .and_then(|header| header.to_str().ok())
            .unwrap_or_default();
        let scope = (self.reference.repository.as_str(), self.actions);
        let request = TokenRequest::parse(asked, &self.base, scope);
        let Some(request) = request.map_err(fail)? else {
            let login = self.login.filter(|_| challenge::takes_logins(asked));
            let refused = || fail(refusal(StatusCode::UNAUTHORIZED));
            return login.cloned().map(Proof::Login).ok_or_else(refused);
        };
        let ask = self.http.get(request.url);
        let ask = match self.login {
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

    pub(super) fn fail(&self, cause: String) -> RegistryError {
        unreachable(self.reference, cause)
    }
}

/// Whether a registry may send there for a blob: to itself, or to a store with a public name. A registry could else make the operator
/// ask addresses of the cluster.
fn may_hold_blobs(url: &Url, registry: &Url) -> bool {
    if url.origin() == registry.origin() {
        return true;
    }
    let name = url.domain().unwrap_or_default().to_lowercase();
    let inside = ["svc", "local", "localhost", "internal"];
    let top = name.trim_end_matches('.').rsplit('.').next();
    url.scheme() == "https"
        && url.port().is_none()
        && url.username().is_empty()
        && name.contains('.')
        && !inside.contains(&top.unwrap_or_default())
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

/// An error with its causes, without the address: that is named already, and may hold what a token service was asked.
pub(super) fn words(error: &reqwest::Error) -> String {
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

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("https://blobs.example.com/a?signature=b", true)]
    #[case("https://registry.example.com:5000/v2/blobs", true)]
    #[case("http://blobs.example.com/a", false)]
    #[case("https://blobs.example.com:8443/a", false)]
    #[case("https://192.0.2.1/a", false)]
    #[case("https://[2001:db8::1]/a", false)]
    #[case("https://kubernetes/a", false)]
    #[case("https://kubernetes.default.svc/a", false)]
    #[case("https://kubernetes.default.svc.cluster.local./a", false)]
    #[case("https://metadata.google.internal/a", false)]
    #[case("https://me@blobs.example.com/a", false)]
    fn blobs_come_from_the_registry_or_from_a_store_with_a_public_name(
        #[case] url: &str,
        #[case] may: bool,
    ) {
        let registry = Url::parse("https://registry.example.com:5000/").unwrap();
        assert_eq!(may_hold_blobs(&Url::parse(url).unwrap(), &registry), may);
    }
}
