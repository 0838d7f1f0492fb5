//! Whose a token is and what he may do, as the API server says. Asks by reviews, which are stored nowhere. Called by the gate before
//! the metrics.

use std::{sync::Arc, time::Duration};

use k8s_openapi::api::{
    authentication::v1::{SelfSubjectReview, TokenReview, TokenReviewSpec, UserInfo},
    authorization::v1::{NonResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec},
};
use kube::{Api, Client, api::PostParams};
use tokio::time::timeout;

use super::{ApiError, ClientError, Clients, Fence};

/// The user that the API server takes a client for; none where it does not say.
pub async fn own_name(client: &Client) -> Option<String> {
    let reviews: Api<SelfSubjectReview> = Api::all(client.clone());
    let review = SelfSubjectReview::default();
    let answer = reviews.create(&PostParams::default(), &review).await;
    answer.ok()?.status?.user_info?.username
}

/// What the API server said of somebody who showed a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Review {
    /// He may do it.
    Allowed,
    /// The token is nobody's.
    Unknown,
    /// It is this user's, who may not.
    Forbidden(String),
}

/// Asks the API server who somebody is and what he may do.
#[derive(Clone)]
pub struct Reviewer {
    client: Client,
    limit: Duration,
}

impl std::fmt::Debug for Reviewer {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Reviewer")
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

impl Reviewer {
    /// Asks through this client; each of two questions may take that long.
    #[must_use]
    pub const fn new(client: Client, limit: Duration) -> Self {
        Self { client, limit }
    }

    /// Connects as the operator does. Reviews need no Lease.
    ///
    /// # Errors
    /// When there is no usable configuration.
    pub async fn connect(limit: Duration) -> Result<Self, ClientError> {
        let clients = Clients::connect(Arc::new(Fence::default()), limit).await?;
        Ok(Self::new(clients.lease, limit))
    }

    /// Whether whoever has this token may `get` a path of the API server, which stands for what is to be shown.
    ///
    /// # Errors
    /// When the API server did not say.
    pub async fn may_get(&self, token: &str, path: &str) -> Result<Review, ApiError> {
        let question = TokenReview {
            spec: TokenReviewSpec {
                token: token.to_owned(),
                ..TokenReviewSpec::default()
            },
            ..TokenReview::default()
        };
        let answer = self.ask("review a token", question).await?;
        let status = answer.status.unwrap_or_default();
        let Some(user) = status.user.filter(|_| status.authenticated == Some(true)) else {
            return Ok(Review::Unknown);
        };
        let name = user.username.clone().unwrap_or_default();
        let answer = self
            .ask("review the access to metrics", access(user, path))
            .await?;
        let allowed = answer
            .status
            .is_some_and(|status| status.allowed && status.denied != Some(true));
        Ok(if allowed {
            Review::Allowed
        } else {
            Review::Forbidden(name)
        })
    }

    async fn ask<K>(&self, what: &str, question: K) -> Result<K, ApiError>
    where
        K: kube::Resource<DynamicType = ()>
            + serde::Serialize
            + serde::de::DeserializeOwned
            + Clone
            + std::fmt::Debug,
    {
        let (api, parameters) = (Api::all(self.client.clone()), PostParams::default());
        match timeout(self.limit, api.create(&parameters, &question)).await {
            Ok(answer) => answer.map_err(|error| ApiError::new(what.to_owned(), &error)),
            Err(_) => Err(ApiError::timeout(what.to_owned(), self.limit)),
        }
    }
}

fn access(user: UserInfo, path: &str) -> SubjectAccessReview {
    SubjectAccessReview {
        spec: SubjectAccessReviewSpec {
            non_resource_attributes: Some(NonResourceAttributes {
                path: Some(path.to_owned()),
                verb: Some("get".to_owned()),
            }),
            user: user.username,
            uid: user.uid,
            groups: user.groups,
            extra: user.extra,
            ..SubjectAccessReviewSpec::default()
        },
        ..SubjectAccessReview::default()
    }
}
