//! The release record as Helm understands it: names, status, times, chart, overrides, manifest. Types without behaviour.
//!
//! Pure. Written by `encode`, read by `decode`, wrapped into a Secret by `secret`.

use std::fmt;

use jiff::Timestamp;
use serde_json::Value;

use super::NoAttachment;
use helm_chart::Chart;

/// One revision of a release, with a caller's own `A` attached.
#[derive(Clone, Debug, PartialEq)]
pub struct Record<A = NoAttachment> {
    /// Release name, see [`super::validate`].
    pub name: String,
    /// Namespace of the release and of its objects.
    pub namespace: String,
    /// Revision, from 1.
    pub version: u32,
    /// How the objects were applied; Helm's next upgrade or rollback does the same.
    pub apply_method: ApplyMethod,
    /// Values merged over the chart's own, an object; what `helm get values` shows.
    pub config: Value,
    /// What was applied, complete: `helm uninstall` and `helm rollback` act on it.
    pub manifest: String,
    /// State and times.
    pub info: Info,
    /// The chart that the manifest was rendered from, without the attachment.
    pub chart: Chart,
    /// Hooks as Helm stored them.
    pub hooks: Vec<Value>,
    /// The caller's own data; none in a record that somebody else wrote.
    pub attachment: Option<A>,
}

/// State and times of a revision.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Info {
    /// When the first revision was written.
    pub first_deployed: Option<Timestamp>,
    /// When this revision was written.
    pub last_deployed: Option<Timestamp>,
    /// When the release was uninstalled.
    pub deleted: Option<Timestamp>,
    /// State, in Helm's words.
    pub status: Status,
    /// One line for people, shown by `helm list` and `helm history`.
    pub description: String,
    /// Rendered NOTES.txt.
    pub notes: String,
}

/// How objects were applied. Absent in a record means client-side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ApplyMethod {
    /// Client-side apply: Helm 3, and old records.
    #[default]
    ClientSide,
    /// Server-side apply: Helm 4.
    ServerSide,
}

/// State of a revision: Helm's closed list. With any other word a release disappears from `helm list`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Status {
    /// Helm does not know; also what an unreadable status becomes.
    #[default]
    Unknown,
    /// Applied.
    Deployed,
    /// Uninstalled, with its history kept.
    Uninstalled,
    /// Replaced by a newer revision.
    Superseded,
    /// The last operation failed.
    Failed,
    /// Being uninstalled.
    Uninstalling,
    /// Being installed.
    PendingInstall,
    /// Being upgraded.
    PendingUpgrade,
    /// Being rolled back.
    PendingRollback,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 9] = [
        Self::Unknown,
        Self::Deployed,
        Self::Uninstalled,
        Self::Superseded,
        Self::Failed,
        Self::Uninstalling,
        Self::PendingInstall,
        Self::PendingUpgrade,
        Self::PendingRollback,
    ];

    /// Helm's word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Deployed => "deployed",
            Self::Uninstalled => "uninstalled",
            Self::Superseded => "superseded",
            Self::Failed => "failed",
            Self::Uninstalling => "uninstalling",
            Self::PendingInstall => "pending-install",
            Self::PendingUpgrade => "pending-upgrade",
            Self::PendingRollback => "pending-rollback",
        }
    }

    /// The status of that word; [`Status::Unknown`] for any other.
    #[must_use]
    pub fn parse(word: &str) -> Self {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str() == word)
            .unwrap_or_default()
    }

    /// Whether an operation is under way or was cut off.
    #[must_use]
    pub const fn is_pending(self) -> bool {
        match self {
            Self::PendingInstall | Self::PendingUpgrade | Self::PendingRollback => true,
            Self::Unknown
            | Self::Deployed
            | Self::Uninstalled
            | Self::Superseded
            | Self::Failed
            | Self::Uninstalling => false,
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
