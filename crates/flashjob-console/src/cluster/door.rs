//! Connections to the API server that nobody's credentials belong to, and clients over them that have one caller's token.

use http::{
    HeaderValue, Request, Response,
    header::{AUTHORIZATION, HeaderMap},
};
use hyper::body::Incoming;
use hyper_util::rt::TokioExecutor;
use kube::{
    Client, Config,
    client::{Body, ConfigExt},
};
use tower::{BoxError, ServiceBuilder, ServiceExt, util::BoxCloneSyncService};

use super::AddressError;

/// What a token begins with in its header.
const SCHEME: &str = "bearer";

/// The token that came with a request.
#[derive(Clone)]
pub struct Token(HeaderValue);

impl std::fmt::Debug for Token {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Token")
    }
}

impl Token {
    /// That of a request: exactly one header of the scheme Bearer.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let mut all = headers.get_all(AUTHORIZATION).iter();
        let (header, None) = (all.next()?, all.next()) else {
            return None;
        };
        let (scheme, token) = header.to_str().ok()?.split_once(' ')?;
        let token = token.trim();
        if !scheme.eq_ignore_ascii_case(SCHEME) || token.is_empty() || token.contains(' ') {
            return None;
        }
        let mut header = HeaderValue::from_str(&format!("Bearer {token}")).ok()?;
        header.set_sensitive(true);
        Some(Self(header))
    }
}

/// The way to the API server, without credentials.
#[derive(Clone)]
pub struct Door(BoxCloneSyncService<Request<Body>, Response<axum::body::Body>, BoxError>);

impl Door {
    /// To the API server of this configuration, of which only address and certificates are used.
    ///
    /// # Errors
    /// When the certificates cannot be used.
    pub fn new(config: &Config) -> Result<Self, AddressError> {
        let connector = config.rustls_https_connector();
        let connector = connector.map_err(|error| AddressError::Certificates(Box::new(error)))?;
        let connection = hyper_util::client::legacy::Client::builder(TokioExecutor::new());
        let service = ServiceBuilder::new()
            .layer(config.base_uri_layer())
            .map_err(Into::<BoxError>::into)
            .map_response(|answer: Response<Incoming>| answer.map(axum::body::Body::new))
            .service(connection.build(connector));
        Ok(Self(BoxCloneSyncService::new(service)))
    }

    /// To an API server that a test plays.
    #[cfg(test)]
    pub fn played(
        play: impl Fn(&Request<Body>) -> Response<axum::body::Body> + Clone + Send + Sync + 'static,
    ) -> Self {
        let service = tower::service_fn(move |request| {
            let answer = play(&request);
            async move { Ok::<_, BoxError>(answer) }
        });
        Self(BoxCloneSyncService::new(service))
    }

    /// A client that sends this token with every request, and never retries.
    #[must_use]
    pub fn client(&self, token: &Token) -> Client {
        let Token(header) = token.clone();
        let service = self
            .0
            .clone()
            .map_request(move |mut request: Request<Body>| {
                request.headers_mut().insert(AUTHORIZATION, header.clone());
                request
            });
        Client::new(service, "default")
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::usual(&["Bearer abc.def"], Some("Bearer abc.def"))]
    #[case::in_small_letters(&["bearer abc"], Some("Bearer abc"))]
    #[case::none(&[], None)]
    #[case::two(&["Bearer a", "Bearer b"], None)]
    #[case::empty(&["Bearer "], None)]
    #[case::of_another_scheme(&["Basic YTpi"], None)]
    #[case::two_words(&["Bearer a b"], None)]
    fn a_token_is_one_header_of_the_scheme_bearer(
        #[case] headers: &[&str],
        #[case] expected: Option<&str>,
    ) {
        let mut map = HeaderMap::new();
        for header in headers {
            map.append(AUTHORIZATION, header.parse().unwrap());
        }
        let token = Token::of(&map);
        let header = token.as_ref().map(|Token(header)| header.to_str().unwrap());
        assert_eq!(header, expected);
        assert!(!format!("{token:?}").contains("abc"));
    }
}
