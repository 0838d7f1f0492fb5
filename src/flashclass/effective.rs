//! What holds of a job after the defaults of its class and the operator, under the ceilings of its classes. Pure.
//!
//! The one place where defaults are applied; called by `terms`, published in `status.effective`.

use super::class::Class;
use crate::api::{
    AlreadyAtVersion, ClassDefaults, Effective, EffectiveLimit, EngineName, FlashJobSpec,
    MismatchPolicy, VerificationMode, Word,
};

/// Devices in flight at the same time where nothing is said: MetalLB pools of ten addresses are common.
pub const DEFAULT_PARALLELISM: i32 = 10;
/// Seconds a flash may take where nothing is said.
pub const DEFAULT_ACTIVE_DEADLINE_SECONDS: i64 = 600;
/// Seconds a named device may be missing where nothing is said.
const DEFAULT_DISCOVERY_TIMEOUT_SECONDS: i64 = 300;
/// Retries of one device where nothing is said.
const DEFAULT_BACKOFF_LIMIT: i32 = 0;
/// Seconds in which a device has to come back where nothing is said.
const DEFAULT_VERIFICATION_TIMEOUT_SECONDS: i64 = 300;

/// What the operator itself says, the same for all jobs of a flash chart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OperatorDefaults {
    /// Engine that renders and applies.
    pub engine: Word<EngineName>,
    /// Names of the features that the flash chart uses because the administrator allowed them.
    pub chart_allow: Vec<String>,
    /// Seconds that a Service may wait for its address where its class says nothing.
    pub address_timeout_seconds: i64,
}

/// What holds.
pub(super) fn effective<'a>(
    spec: &FlashJobSpec,
    defaults: &ClassDefaults,
    classes: impl Iterator<Item = &'a Class> + Clone,
    operator: &OperatorDefaults,
) -> Effective {
    let of_job = spec.verification.clone().unwrap_or_default();
    let of_class = defaults.verification.clone().unwrap_or_default();
    let mode = of_job.mode.or(of_class.mode).unwrap_or_default();
    let expected = of_job.expected_version.or(of_class.expected_version);
    Effective {
        parallelism: parallelism(spec, defaults, classes.clone()),
        active_deadline_seconds_per_device: spec
            .active_deadline_seconds_per_device
            .unwrap_or(DEFAULT_ACTIVE_DEADLINE_SECONDS),
        device_discovery_timeout_seconds: spec
            .device_discovery_timeout_seconds
            .unwrap_or(DEFAULT_DISCOVERY_TIMEOUT_SECONDS),
        mismatch_policy: mismatch_policy(spec, defaults, classes.clone()).into(),
        engine: operator.engine.clone(),
        chart_allow: operator.chart_allow.clone(),
        flash_image: flash_image(spec, defaults).cloned(),
        backoff_limit_per_device: spec
            .backoff_limit_per_device
            .or(defaults.backoff_limit_per_device)
            .unwrap_or(DEFAULT_BACKOFF_LIMIT)
            .into(),
        verification: mode.into(),
        expected_version: expected
            .or_else(|| Some(spec.version.clone()))
            .filter(|version| mode != VerificationMode::None && !version.is_empty()),
        verification_timeout_seconds: of_job
            .timeout_seconds
            .or(of_class.timeout_seconds)
            .unwrap_or(DEFAULT_VERIFICATION_TIMEOUT_SECONDS),
        already_at_version: already_at_version(spec, defaults, classes.clone(), mode).into(),
        address_timeout_seconds: defaults
            .address_timeout_seconds
            .unwrap_or(operator.address_timeout_seconds),
        in_flight_limits: classes.flat_map(in_flight_limits).collect(),
    }
}

/// The image of the flash pod, where the job or the defaults set one.
pub(super) fn flash_image<'a>(
    spec: &'a FlashJobSpec,
    defaults: &'a ClassDefaults,
) -> Option<&'a String> {
    let of_job = spec.flashjob_pod_image.as_ref();
    of_job
        .filter(|image| !image.is_empty())
        .or(defaults.flash_image.as_ref())
}

fn in_flight_limits(class: &Class) -> impl Iterator<Item = EffectiveLimit> {
    let limits = class.spec.in_flight_limits.iter();
    limits.map(|limit| EffectiveLimit {
        flash_class: class.name().to_owned(),
        by: limit.by.into(),
        property: limit.property.clone(),
        max: limit.max.into(),
    })
}

fn parallelism<'a>(
    spec: &FlashJobSpec,
    defaults: &ClassDefaults,
    classes: impl Iterator<Item = &'a Class>,
) -> i64 {
    let wanted = spec.parallelism.or(defaults.parallelism);
    let ceilings = classes.filter_map(|class| class.spec.max_parallelism);
    ceilings
        .fold(wanted.unwrap_or(DEFAULT_PARALLELISM), i32::min)
        .into()
}

/// The strictest of what is wanted and what the classes ask for at least.
pub(super) fn mismatch_policy<'a>(
    spec: &FlashJobSpec,
    defaults: &ClassDefaults,
    classes: impl Iterator<Item = &'a Class>,
) -> MismatchPolicy {
    let wanted = spec.mismatch_policy.or(defaults.mismatch_policy);
    let least = classes.filter_map(|class| class.spec.min_mismatch_policy);
    least.fold(wanted.unwrap_or_default(), MismatchPolicy::max)
}

fn already_at_version<'a>(
    spec: &FlashJobSpec,
    defaults: &ClassDefaults,
    mut classes: impl Iterator<Item = &'a Class>,
    mode: VerificationMode,
) -> AlreadyAtVersion {
    if classes.any(|class| class.spec.require_skip == Some(true)) {
        return AlreadyAtVersion::Skip;
    }
    let by_mode = if mode == VerificationMode::Version {
        AlreadyAtVersion::Skip
    } else {
        AlreadyAtVersion::Flash
    };
    let wanted = spec.already_at_version.or(defaults.already_at_version);
    wanted.unwrap_or(by_mode)
}
