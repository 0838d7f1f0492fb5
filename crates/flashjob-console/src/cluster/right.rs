//! What a caller may do, as the API server says it: the one place that asks. Asks by reviews, which are stored nowhere.

use flashjob_operator::names::GROUP;
use kube::{api::PostParams, core::Request};
use serde_json::{Value, json};

use super::Caller;
use crate::problem::Problem;

/// Where the API server says what somebody may do.
const ACCESS: &str = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";

/// What a person may do to a FlashJob.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rights {
    /// Change it: the verb patch.
    pub change: bool,
    /// Approve and deny steps of it: the verb approve, besides.
    pub approve: bool,
}

impl Caller {
    /// What the caller may do to this FlashJob. Where the API server does not say, nothing: a button is missing then, and no right is
    /// given, for the API server decides about each action itself.
    pub async fn rights(&self, namespace: &str, name: &str) -> Rights {
        let (change, approve) = tokio::join!(
            self.may("patch", namespace, name),
            self.may("approve", namespace, name)
        );
        Rights {
            change,
            approve: change && approve,
        }
    }

    /// Whether the caller may stop this FlashClass and let it go on, likewise.
    pub async fn may_stop(&self, name: &str) -> bool {
        let attributes = json!({
            "verb": "patch", "group": GROUP, "resource": "flashclasses", "name": name,
        });
        self.review(&attributes).await.unwrap_or(false)
    }

    /// Whether the caller may create FlashJobs in this namespace. Where the API server does not say, no.
    pub async fn may_create(&self, namespace: &str) -> bool {
        self.may("create", namespace, "").await
    }

    async fn may(&self, verb: &str, namespace: &str, name: &str) -> bool {
        self.allowed(verb, namespace, name).await.unwrap_or(false)
    }

    /// Whether the API server would let the caller do this to a FlashJob.
    ///
    /// # Errors
    /// When it does not say: it does not know the caller, or is not reached.
    pub async fn allowed(&self, verb: &str, namespace: &str, name: &str) -> Result<bool, Problem> {
        self.review(&json!({
            "verb": verb, "group": GROUP, "resource": "flashjobs", "namespace": namespace, "name": name,
        }))
        .await
    }

    async fn review(&self, attributes: &Value) -> Result<bool, Problem> {
        let question = json!({
            "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        });
        let parameters = PostParams::default();
        let request = Request::new(ACCESS).create(&parameters, question.to_string().into_bytes());
        let answer = self.ask(request).await?;
        Ok(answer.object["status"]["allowed"] == true)
    }
}
