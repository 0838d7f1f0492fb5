//! Connections to the API server that nobody's credentials belong to, and clients over them that have one caller's token.

use http::{Request, Response, header::AUTHORIZATION};
use hyper::body::Incoming;
use hyper_util::rt::TokioExecutor;
use kube::{
    Client, Config,
    client::{Body, ConfigExt},
};
use tower::{BoxError, ServiceBuilder, ServiceExt, util::BoxCloneSyncService};

use super::AddressError;
use crate::session::Token;

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
        let header = token.header().clone();
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
