//! The names that other programs see: API group, finalizers, lease, label and annotation keys. The only string constants.
//!
//! Used by every room; depends on none.

/// API group of `FlashJob` and `FlashClass`: the original operator's.
pub const GROUP: &str = "application.flashjob.nbfc.io";
/// Version of the API group.
pub const VERSION: &str = "v1alpha1";
/// Finalizer of a `FlashJob`: the original operator's, so that an upgrade in place adopts running jobs.
pub const FINALIZER: &str = "application.flashjob.nbfc.io/flashjob-finalizer";
/// Leader election Lease: the original operator's, so that two operators never run at once.
pub const LEASE: &str = "338c7440.flashjob.nbfc.io";
/// Name of the original operator's Deployment; many operators have one of that name.
pub const ORIGINAL_DEPLOYMENT: &str = "operator-controller-manager";
/// Namespace into which the original's manifests install it.
pub const ORIGINAL_NAMESPACE: &str = "operator-system";
/// Finalizer of a flash Pod, which keeps it readable, and of its Service, which keeps its address, until the verdict is stored.
pub const TRACKING_FINALIZER: &str = "flashjob.nbfc.io/tracking";
/// Field manager of every write.
pub const FIELD_MANAGER: &str = "flashjob-operator";
/// Field manager of `spec.suspend` of classes, where a person has ordered it.
pub const SUSPEND_MANAGER: &str = "kubectl-flashjob-stop";

/// Annotation of a class: the user who ordered its suspension, as the API server names that user. Written with the order.
pub const ANNOTATION_SUSPENDED_BY: &str = "flashjob.nbfc.io/suspended-by";

/// Annotation of a `FlashJob`: the user who asked for its round. Written by the API server, by the policy [`STAMPS_POLICY`].
pub const ANNOTATION_REQUESTED_BY: &str = "flashjob.nbfc.io/requested-by";
/// Annotation of a `FlashJob`: the user who wrote `spec.approval`. Written by the API server.
pub const ANNOTATION_APPROVED_BY: &str = "flashjob.nbfc.io/approved-by";
/// Annotation of a `FlashJob`: the user who approved the same step before. Written by the API server.
pub const ANNOTATION_APPROVED_BEFORE: &str = "flashjob.nbfc.io/approved-before";
/// Policy of the operator's chart, and its binding, by which the API server stamps who asked and who approved.
pub const STAMPS_POLICY: &str = "flashjob-stamps";

/// Label: uid of the `FlashJob`, on every object of an attempt and on release Secrets.
pub const LABEL_JOB_UID: &str = "flashjob.nbfc.io/job-uid";
/// Label: attempt id, on every object of an attempt and on release Secrets.
pub const LABEL_ATTEMPT: &str = "flashjob.nbfc.io/attempt";
/// Label: revision of the release as the operator last wrote it. A newer revision bearing an older label is foreign work.
pub const LABEL_REVISION: &str = "flashjob.nbfc.io/revision";
/// Label on release Secrets: revision whose verdict the `FlashJob` had stored when it was marked failed; that revision is history.
/// helm copies it to newer revisions, of which it says nothing.
pub const LABEL_SETTLED: &str = "flashjob.nbfc.io/settled";
/// Label on release Secrets: what wrote them, where it was not the operator itself.
pub const LABEL_ENGINE: &str = "flashjob.nbfc.io/engine";
/// Value of [`LABEL_ENGINE`] on what the helm command wrote.
pub const ENGINE_HELM: &str = "helm";
/// Label: number of the round.
pub const LABEL_ROUND: &str = "flashjob.nbfc.io/round";
/// Label on a `ControllerRevision`: what of a round it freezes, where that is not a part of its selection.
pub const LABEL_FROZEN: &str = "flashjob.nbfc.io/frozen";
/// Value of [`LABEL_FROZEN`] on the defaults of a class.
pub const FROZEN_CLASS: &str = "class";
/// Annotation of a `FlashClass`: `"true"` marks the class of jobs that name none, as Kubernetes marks a `StorageClass`.
pub const ANNOTATION_DEFAULT_CLASS: &str = "flashjob.nbfc.io/is-default-class";
/// Label: name of the pool, on a Service that stays and is leased to one attempt after the other.
pub const LABEL_POOL: &str = "flashjob.nbfc.io/pool";
/// Label of the original operator: name of the `FlashJob`, shortened with a hash where it is longer than a label value.
pub const LABEL_APP: &str = "app";
/// Label of the original operator: UUID of the device.
pub const LABEL_UUID: &str = "uuid";
/// Label: what made the object.
pub const LABEL_MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Value of [`LABEL_MANAGED_BY`] that Helm requires, case-sensitive.
pub const MANAGED_BY_HELM: &str = "Helm";
/// Annotation: release that owns the object (Helm's ownership metadata).
pub const ANNOTATION_RELEASE_NAME: &str = "meta.helm.sh/release-name";
/// Annotation: namespace of the release that owns the object (Helm's ownership metadata).
pub const ANNOTATION_RELEASE_NAMESPACE: &str = "meta.helm.sh/release-namespace";
/// Name of the container that flashes.
pub const FLASH_CONTAINER: &str = "flash-container";
/// Prefix of every release name: `flash-<uuid>`.
pub const RELEASE_PREFIX: &str = "flash-";
/// Prefix of the directory that holds the files for helm.
pub const HELM_DIRECTORY_PREFIX: &str = "flashjob-helm-";
/// Annotation: normalised endpoint of the device, on Pod and Service.
pub const ANNOTATION_ENDPOINT: &str = "flashjob.nbfc.io/endpoint";
/// Annotation: name of the `FlashJob`, on Pod and Service.
pub const ANNOTATION_JOB: &str = "flashjob.nbfc.io/job";
/// Annotation of a flash Pod: holder identity of the leader that created it. The policy [`FENCE_POLICY`] compares it with the Lease.
pub const ANNOTATION_LEADER: &str = "flashjob.nbfc.io/leader";
/// Annotation: seal of the Pod of an attempt, see [`crate::seal`].
pub const ANNOTATION_POD_SEAL: &str = "flashjob.nbfc.io/pod-seal";
/// Annotation: seal of the Service of an attempt. It has a name of its own, as the helm engine gives both objects one set of
/// annotations.
pub const ANNOTATION_SERVICE_SEAL: &str = "flashjob.nbfc.io/service-seal";
/// Annotation: seal of a `ControllerRevision`.
pub const ANNOTATION_SEAL: &str = "flashjob.nbfc.io/seal";
/// Label: seal of a release Secret. A label, as helm drops annotations whenever it writes.
pub const LABEL_SEAL: &str = "flashjob.nbfc.io/seal";
/// Type of the Secret that holds the key of the seals.
pub const SEAL_KEY_TYPE: &str = "flashjob.nbfc.io/seal-key";
/// Key of the administrator's values in their `ConfigMap`.
pub const VALUES_KEY: &str = "values.yaml";
/// Policy of the operator's chart, and its binding, by which the API server refuses a deposed leader's Pods.
pub const FENCE_POLICY: &str = "flashjob-operator-fence";
