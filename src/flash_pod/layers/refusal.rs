//! Why values are not accepted. The messages end up in conditions: they say path, owner and what to do.

use crate::flash_pod::device_values::RenderError;
use helm_chart::pointer::Pointer;
use helm_chart::text::list;

use super::Layer;

/// Largest `spec.values` of a job, as JSON.
pub const MAX_JOB_VALUES: usize = 32 * 1024;

/// Why a job may not set a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The path is not open to jobs.
    #[error(
        "{path}: a FlashJob may not set this ({} does): remove it from spec.values, or have an administrator add {path} to {opens}",
        owner.words()
    )]
    NotAllowed {
        /// What it set.
        path: Pointer,
        /// Whose it is.
        owner: Layer,
        /// The setting that would open it.
        opens: String,
    },
    /// The path is set by what comes after the job.
    #[error("{path}: set by {} for each device: remove it from spec.values", owner.words())]
    Conflict {
        /// What it set.
        path: Pointer,
        /// Whose it is.
        owner: Layer,
    },
    /// There is too much.
    #[error("values of {bytes} bytes: at most {MAX_JOB_VALUES} are allowed")]
    TooLarge {
        /// How much there is.
        bytes: usize,
    },
    /// The values are not a map.
    #[error("values must be a map")]
    NotAMap,
}

impl Refusal {
    /// The reason of a condition.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Conflict { .. } => "ValueConflict",
            Self::NotAllowed { .. } => "ValueNotAllowed",
            Self::TooLarge { .. } | Self::NotAMap => "ValuesInvalid",
        }
    }
}

/// Why there are no values for a device.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LayersError {
    /// A template has no result for this device.
    #[error(transparent)]
    Render(#[from] RenderError),
    /// A layer is not a map.
    #[error("the values of {layer} must be a map")]
    NotAMap {
        /// Which one.
        layer: Layer,
    },
    /// The job sets what is not its to set.
    #[error("{}", list(.0))]
    Refused(Vec<Refusal>),
}
