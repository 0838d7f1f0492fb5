//! What a caller may do, as the API server says it: the one place that asks. Asks by reviews, which are stored nowhere.

use flashjob_operator::names::GROUP;
use kube::{api::PostParams, core::Request};
use serde_json::{Value, json};

use super::Caller;

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
        self.review(&json!({
            "verb": "patch", "group": GROUP, "resource": "flashclasses", "name": name,
        }))
        .await
    }

    async fn may(&self, verb: &str, namespace: &str, name: &str) -> bool {
        self.review(&json!({
            "verb": verb, "group": GROUP, "resource": "flashjobs", "namespace": namespace, "name": name,
        }))
        .await
    }

    async fn review(&self, attributes: &Value) -> bool {
        let question = json!({
            "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        });
        let parameters = PostParams::default();
        let request = Request::new(ACCESS).create(&parameters, question.to_string().into_bytes());
        let answer = self.ask(request).await;
        answer.is_ok_and(|answer| answer.object["status"]["allowed"] == true)
    }
}
