//! The tracking finalizer on a Service that was born without it: of an operator before this one, of the original, or of a chart
//! that leaves it to the operator.

use k8s_openapi::api::core::v1::Service;
use serde_json::{Value, json};

use super::ActionError;
use crate::{
    cluster::{ErrorKind, ObjectKey},
    crash::Write,
    flashjob::{
        act::context::Context,
        observe::objects::{Identity, ObservedService},
    },
    names::TRACKING_FINALIZER,
};

/// Holds the Service of an attempt: from now on its address is kept until its flash has ended, whoever deletes it.
///
/// # Errors
/// When it changed since it was seen, or the API server refuses.
pub async fn hold(ctx: &Context, identity: &Identity) -> Result<(), ActionError> {
    let service = {
        let cache = ctx.cache();
        let attempt = cache.ledger.attempt(&identity.key);
        attempt.and_then(|attempt| attempt.service.clone())
    };
    let Some(service) = service.filter(ObservedService::may_be_held) else {
        return Ok(());
    };
    let key = ObjectKey::service(&identity.namespace, &service.sight.name);
    let patch = patch(&service);
    let request = ctx.writer.merge(&key, &patch);
    match ctx.crash.around(Write::ServiceHold, request).await {
        Ok(answer) => {
            if let Ok(held) = answer.try_parse::<Service>() {
                ctx.cache().see_service(&held);
            }
            Ok(())
        }
        Err(error) if error.kind == ErrorKind::NotFound => {
            ctx.cache().ledger.see_gone(&service.sight.uid);
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}

/// Refused where the Service is another one, or changed since it was seen: a list cannot be merged.
fn patch(service: &ObservedService) -> Value {
    let mut finalizers = service.finalizers.clone();
    finalizers.push(TRACKING_FINALIZER.to_owned());
    json!({"metadata": {
        "uid": service.sight.uid,
        "resourceVersion": service.sight.version.to_string(),
        "finalizers": finalizers,
    }})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flashjob::fixtures::{self, address, identity};

    #[test]
    fn a_service_is_held_as_it_was_seen_and_keeps_what_others_hold_it_by() {
        let others = vec!["service.kubernetes.io/load-balancer-cleanup".to_owned()];
        let service = ObservedService {
            finalizers: others,
            ..fixtures::service(&identity(0, "a"), address())
        };
        let expected = json!({"metadata": {
            "uid": service.sight.uid, "resourceVersion": "2",
            "finalizers": ["service.kubernetes.io/load-balancer-cleanup", "flashjob.nbfc.io/tracking"],
        }});
        assert_eq!(patch(&service), expected);
    }
}
