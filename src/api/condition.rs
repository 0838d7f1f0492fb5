//! Condition types and reasons: closed sets, the same words in conditions, device records and events.

use strum::{Display, EnumString, IntoStaticStr, VariantArray};

/// Types of the conditions of a `FlashJob`.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Display,
    EnumString,
    IntoStaticStr,
    VariantArray,
)]
pub enum ConditionType {
    /// The spec can be carried out.
    Accepted,
    /// The job is finished and every device succeeded (kstatus waits for this).
    Ready,
    /// Nothing new starts because the user asked for it.
    Suspended,
    /// The job is being deleted while flashes in progress end.
    Draining,
    /// The job will fail; flashes in progress end first.
    FailureTarget,
    /// Every device succeeded.
    Complete,
    /// The job ended with at least one failed device, or could not start.
    Failed,
    /// The job ended, either way.
    Finished,
    /// The job cannot go on until somebody acts, or has failed (kstatus takes this word for a failure).
    Stalled,
    /// The round flashes one image, known by its digest.
    FirmwareResolved,
    /// Somebody signed the image that the round flashes whom the class trusts.
    FirmwareVerified,
}

/// Why a condition or a device is as it is.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Display,
    EnumString,
    IntoStaticStr,
    VariantArray,
)]
pub enum Reason {
    // Jobs
    /// The spec was accepted.
    SpecAccepted,
    /// The spec cannot be carried out.
    InvalidSpec,
    /// The job names no device.
    NoDevicesSelected,
    /// The job selects more devices than one job may have.
    TooManyDevices,
    /// Devices are waiting or in flight.
    InProgress,
    /// Every device is final and none failed.
    AllSucceeded,
    /// Every device is final and at least one failed.
    DevicesFailed,
    /// Nothing of the kind.
    NotRequested,
    /// The job is not finished.
    NotFinished,
    /// The job is being deleted.
    Deleting,
    /// Akri's Instance kind does not exist in the cluster.
    AkriNotInstalled,
    /// The frozen selection is missing or was altered.
    SelectionLost,
    /// The flash chart cannot be used.
    ChartInvalid,
    /// The job sets a chart value on a path that the administrator did not open.
    ValueNotAllowed,
    /// The job sets a chart value that the device or the operator owns.
    ValueConflict,
    /// The merged values do not match values.schema.json.
    ValuesInvalid,
    /// A template of the chart or of device-values failed.
    RenderFailed,
    /// The rendered objects hold something that is not allowed.
    GuardRefused,
    /// The status does not fit into the object.
    StatusTooLarge,
    /// The API server does not store all of the status: the CRD is older than the operator.
    CRDOutdated,
    /// Everything goes as it should.
    Healthy,
    /// Nothing new starts because the job says so.
    Suspended,
    /// Nothing new starts because the class says so.
    ClassSuspended,
    /// The job names no class and none is marked as the default one, or the class is gone.
    FlashClassNotFound,
    /// The class cannot be used.
    FlashClassInvalid,
    /// The class does not admit jobs of this namespace.
    NamespaceNotAllowed,
    /// The class does not allow this flash image.
    ImageNotAllowed,
    /// The class does not allow this firmware.
    FirmwareNotAllowed,
    /// The digest of the firmware is known, and flashed whatever becomes of its tag.
    DigestPinned,
    /// The registry of the firmware did not answer, or not to everybody.
    FirmwareUnreachable,
    /// The registry has no such firmware.
    FirmwareMissing,
    /// What the registry serves under the firmware's name is not an image that can be flashed.
    FirmwareUnusable,
    /// The firmware has no image for the type of a selected device.
    PlatformMissing,
    /// Somebody signed the firmware whom the class trusts.
    SignatureVerified,
    /// Nobody signed the firmware.
    SignatureMissing,
    /// No signature of the firmware holds.
    SignatureInvalid,
    /// The firmware is signed by somebody whom the class does not trust.
    IdentityMismatch,
    /// The image that flashes is not at its registry, or is not signed by whom the class trusts.
    FlashImageUnusable,
    /// The key that signs receipts cannot be used.
    ReceiptKeyUnusable,
    /// The registry did not take the receipts of a round.
    ReceiptsNotStored,
    /// A device failed in a step that allows no more failures.
    StepFailed,
    /// Somebody denied a step.
    StepDenied,
    /// More devices failed than the job allows.
    MaxFailedDevicesExceeded,
    /// The time in which devices may start has passed.
    Expired,
    /// A step that has been reached was edited.
    StepAlreadyStarted,
    /// The approval names a step of another round.
    ApprovalForOtherRound,
    /// The person who asked for the round approved a step of it, and the class does not let that count.
    ApprovalByRequester,
    /// A window is shorter than a device may take.
    WindowTooShort,
    /// The round of the job began.
    RoundStarted,
    /// A rerun was recorded or acted upon.
    RerunRequested,
    /// A step began.
    StepStarted,
    /// A step ended, with its soak and its approval.
    StepEnded,
    /// What kept the job from starting devices is over.
    Resumed,
    // Devices
    /// The parallelism of the job or of the operator is used up.
    SlotsFull,
    /// The device's turn has not come.
    Queued,
    /// A limit of the class on what devices share is reached.
    GroupFull,
    /// The device's step has not been reached.
    StepNotReached,
    /// The step before is being watched.
    StepSoaking,
    /// The step before waits for somebody to approve it.
    AwaitingApproval,
    /// The class asks who approves, and the API server does not say.
    ApproverUnknown,
    /// No window is open.
    WindowClosed,
    /// The job's time has not come.
    NotBefore,
    /// The class does not allow the device.
    DeviceNotAllowed,
    /// The device has the version already.
    AlreadyAtVersion,
    /// An attempt of the original operator is followed to its end.
    Adopted,
    /// The address is kept until the device must have stopped dialling it.
    CoolingDown,
    /// The device was flashed; its version is being read back.
    Verifying,
    /// The device came back with the expected version.
    Verified,
    /// The device came back with another version.
    VersionMismatch,
    /// The device did not come back in time.
    NotSeen,
    /// Another attempt, job or Instance holds the device.
    DeviceBusy,
    /// No Instance has this UUID.
    DeviceNotFound,
    /// The Instance lacks a property or the property cannot be used.
    DeviceInvalid,
    /// The device differs from what the job expects.
    DeviceMismatch,
    /// The release is recorded; its Service is being created.
    Reserved,
    /// The Service has no address yet.
    AddressPending,
    /// The Service's address is not an IPv4 address.
    AddressUnusable,
    /// Another flash has the Service's address.
    AddressInUse,
    /// The Service of a running flash is gone, or has another address.
    AddressLost,
    /// The Service of a running flash was deleted; its address is kept.
    ServiceDeleted,
    /// The release was uninstalled by somebody before its Pod was created.
    Uninstalled,
    /// The Pod waits to start.
    PodPending,
    /// The Pod did not start in time.
    PodNotStarted,
    /// The Pod cannot be scheduled.
    Unschedulable,
    /// The Pod's image cannot be pulled.
    ImagePullFailed,
    /// The flash is under way.
    Flashing,
    /// The Pod ended and its log is being read.
    ReadingVerdict,
    /// The API server refused a write for a quota.
    QuotaExceeded,
    /// An admission webhook or policy refused a write.
    AdmissionDenied,
    /// The operator lacks a right.
    Forbidden,
    /// A request to the API server failed and is tried again.
    ApiError,
    /// The helm command failed and is tried again.
    HelmFailed,
    /// Waiting before the next try.
    BackOff,
    /// Another UUID of the same endpoint was flashed in this round.
    DuplicateEndpoint,
    /// Somebody else changed the release or its record.
    ForeignRevision,
    /// An object names the device and bears no seal of this operator: whether the device is being flashed is not known.
    SealUnknown,
    // Verdicts
    /// The firmware was sent.
    FirmwareSent,
    /// The device's attestation was refused.
    AttestationRefused,
    /// The transfer broke off.
    TransferFailed,
    /// The firmware image could not be pulled by the flash pod.
    FirmwareNotFound,
    /// The flash pod could not reach the device.
    ContactFailed,
    /// The OTA agent in the flash pod failed.
    AgentFailed,
    /// The flash pod ended with an error that its log does not explain.
    FlashFailed,
    /// The flash did not end in time.
    DeadlineExceeded,
    /// The Pod vanished or was stopped before it gave a verdict.
    Interrupted,
    /// The Pod's log could not be read, or says nothing.
    VerdictUnknown,
    /// The node was lost with the Pod.
    NodeLost,
    /// The Pod was evicted.
    Evicted,
}
