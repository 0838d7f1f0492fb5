//! The record that helm wrote, found by the seal that helm was given for it. Helm counts revisions from the records that it finds,
//! and those may have come and gone since the operator counted: the record is then sealed anew, under its own name.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Secret;

use super::Plan;
use crate::{
    cluster::ApiError,
    flash_pod::intent::Stored,
    flashjob::{
        act::{context::Context, seal::record_label},
        observe::belief::sealed_intent,
    },
    names::{LABEL_REVISION, LABEL_SEAL},
};
use helm_release::Key;

/// The Secret of this plan among those of its release, sealed for its own name, and its revision. Without one, helm wrote nothing
/// that is known to be its own: the planned revision.
///
/// # Errors
/// When the new seal cannot be written; the next look tries again.
pub(super) async fn renumbered(
    ctx: &Context,
    plan: &Plan<'_>,
    secrets: &mut [Secret],
) -> Result<u32, ApiError> {
    let Some((secret, revision)) = misnumbered(plan, secrets) else {
        return Ok(plan.revision);
    };
    let labels = secret.metadata.labels.get_or_insert_default();
    labels.extend(labels_of(plan, revision));
    tracing::info!(
        name = secret.metadata.name,
        planned = plan.revision,
        "helm numbered this revision differently: sealed under its own name"
    );
    match ctx.writer.replace_secret(secret).await {
        Ok(answer) => {
            *secret = answer;
            Ok(revision)
        }
        Err(error) if error.is_transient() || error.is_not_found() => Err(error),
        // Asking again would not help: the record stays as it is, and its device waits as `SealUnknown`.
        Err(error) => {
            tracing::warn!(error = %error, "a record that helm numbered differently cannot be sealed");
            Ok(plan.revision)
        }
    }
}

/// The labels that depend on the revision.
fn labels_of(plan: &Plan<'_>, revision: u32) -> BTreeMap<String, String> {
    let mut labels = record_label(plan.seals, plan.intent, plan.release, revision);
    labels.insert(LABEL_REVISION.to_owned(), revision.to_string());
    labels
}

/// The one Secret that bears the seal of the planned revision, holds the plan's own content and has another revision's name.
/// With two, one is a copy, and which one cannot be told.
fn misnumbered<'a>(plan: &Plan<'_>, secrets: &'a mut [Secret]) -> Option<(&'a mut Secret, u32)> {
    let given = labels_of(plan, plan.revision);
    let bears = |secret: &&mut Secret| {
        let labels = secret.metadata.labels.as_ref();
        labels.and_then(|labels| labels.get(LABEL_SEAL)) == given.get(LABEL_SEAL)
    };
    let mut bearing = secrets.iter_mut().filter(bears);
    let (Some(secret), None) = (bearing.next(), bearing.next()) else {
        return None;
    };
    let key = Key::parse(secret.metadata.name.as_deref()?)?;
    let is_renumbered = key.release == plan.release && key.revision != plan.revision;
    (is_renumbered && holds_content(plan, secret)).then_some((secret, key.revision))
}

fn holds_content(plan: &Plan<'_>, secret: &Secret) -> bool {
    Stored::from_secret(secret).is_ok_and(|stored| {
        sealed_intent(&stored, plan.seals)
            .is_some_and(|intent| intent.attempt_id == plan.intent.attempt_id)
    })
}

#[cfg(test)]
#[path = "written_tests.rs"]
mod tests;
