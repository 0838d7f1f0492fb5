//! Whether nodes reach the registries of images, as far as Pods that are there tell: nobody but a node can try. Pure.

use flashjob_operator::names::LABEL_ATTEMPT;
use k8s_openapi::api::core::v1::{ContainerStateWaiting, ContainerStatus, Pod};

use super::{Check, Facts, Finding};

/// Why a container waits whose image cannot be had.
const REASONS: [&str; 3] = ["ErrImagePull", "ImagePullBackOff", "RegistryUnavailable"];

pub(super) fn finding(facts: &Facts) -> Finding {
    let (check, namespace) = (Check::Registry, &facts.namespace);
    let pods = match &facts.pods {
        Ok(pods) => pods,
        Err(error) => {
            let what = "whether Pods get their images";
            return Finding::unknown(check, what, error);
        }
    };
    let mut waiting: Vec<_> = pods
        .iter()
        .filter_map(|pod| Some((pod, waits(pod)?)))
        .collect();
    // Those of flashes first.
    waiting.sort_by_key(|(pod, _)| !is_of_a_flash(pod));
    let Some((pod, (status, why))) = waiting.first() else {
        let message = match pods.len() {
            0 => {
                format!("namespace {namespace} has no Pod to tell whether nodes reach registries")
            }
            _ => format!("no Pod in namespace {namespace} waits for its image"),
        };
        return Finding::ok(check, message);
    };
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    let many = match waiting.len() {
        1 => "1 Pod waits".to_owned(),
        many => format!("{many} Pods wait"),
    };
    let message = format!(
        "{many} for an image; Pod {name} for {}: {}",
        status.image,
        why.message.as_deref().unwrap_or("no reason is said")
    );
    let next = format!(
        "let the nodes reach that registry, by name, certificate and imagePullSecrets; see: kubectl describe pod {name} -n {namespace}"
    );
    let finding = if is_of_a_flash(pod) {
        Finding::fail
    } else {
        Finding::warn
    };
    finding(check, message, next)
}

/// The container of a Pod that waits for its image.
fn waits(pod: &Pod) -> Option<(&ContainerStatus, &ContainerStateWaiting)> {
    let status = pod.status.as_ref()?;
    let init = status.init_container_statuses.iter().flatten();
    let mut all = init.chain(status.container_statuses.iter().flatten());
    all.find_map(|container| {
        let waiting = container.state.as_ref()?.waiting.as_ref()?;
        let reason = waiting.reason.as_deref()?;
        REASONS.contains(&reason).then_some((container, waiting))
    })
}

fn is_of_a_flash(pod: &Pod) -> bool {
    let labels = pod.metadata.labels.as_ref();
    labels.is_some_and(|labels| labels.contains_key(LABEL_ATTEMPT))
}
