//! What the leader remembers of a job between two passes and may forget in a crash: everything in it is found again or harmless.

use crate::api::Refusal;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::Timestamp;

use super::{firmware::FirmwareLookup, waits::Waits};
use crate::api::Reason;
use crate::flash_pod::pool::Pool;
use crate::flashjob::{spec::intervals::Intervals, verdict::Verdict};
use crate::identifiers::{AttemptId, Uuid};
use crate::provenance::receipts::Signer;

/// See the module's documentation.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// Verdicts that were found, by attempt id, until the stored status holds them.
    pub verdicts: BTreeMap<AttemptId, Found>,
    /// Devices that failed before anything was created for them, by index, until the stored status holds them.
    pub refused: BTreeMap<usize, Found>,
    /// Devices that wait before the next try, by index.
    pub waiting: BTreeMap<usize, Waiting>,
    /// Attempts that are being uninstalled without a verdict, by attempt id: no flash began.
    pub releasing: BTreeSet<AttemptId>,
    /// Attempts of which the API server said that no Pod exists, and whose record never held one, by attempt id.
    pub unlaunched: BTreeSet<AttemptId>,
    /// Attempts whose failure is stored and followed by another attempt, by attempt id.
    pub retried: BTreeSet<AttemptId>,
    /// Attempts whose node was lost, by attempt id.
    pub lost: BTreeSet<AttemptId>,
    /// The latest trouble with an attempt, by attempt id.
    pub trouble: BTreeMap<AttemptId, Trouble>,
    /// The reason last reported about the Service of a flash, by attempt id.
    pub told: BTreeMap<AttemptId, Reason>,
    /// Since when something of an attempt has been waited for, by attempt id.
    pub waits: BTreeMap<AttemptId, Waits>,
    /// When the log of an attempt could first not be read, by attempt id.
    pub unread: BTreeMap<AttemptId, Timestamp>,
    /// When a named device was first missed, by index.
    pub missing_since: BTreeMap<usize, Timestamp>,
    /// How far the devices that have not begun were looked at.
    pub look: PendingLook,
    /// When the status was last written, and how many bytes it had.
    pub written: Option<(Timestamp, usize)>,
    /// When the last status write was refused for its size.
    pub too_large: bool,
    /// Fields of the status that the API server does not store: the CRD is older than the operator.
    pub pruned: BTreeSet<String>,
    /// When a status was last written while such fields were known.
    pub probed: Option<Timestamp>,
    /// The resource version of which it was said that it cannot be read.
    pub unreadable: Option<u64>,
    /// The values of which one device's were accepted: others are refused for what they are.
    pub proven: Option<ValuesOf>,
    /// What the API server has of the job, as `Kind name`, though the operator knows of nothing any more: it keeps a job that is
    /// being deleted.
    pub left: Vec<String>,
    /// Who was said to hold the slots that the job waits for, and when.
    pub slots_said: Option<(Timestamp, String)>,
    /// The latest plan waits for nothing that another job holds.
    pub content: bool,
    /// What the job's values came to when they were tried last.
    pub trial: Option<ValuesTrial>,
    /// What the registry was asked about the firmware of the next round.
    pub firmware: Option<FirmwareLookup>,
    /// The key that signs receipts, as it was read last.
    pub signing_key: Option<SigningKey>,
    /// Every device of the round that is final has its receipt in the log of this process: it opened the round, and nothing was final
    /// then or could not be signed since. Where that is not so, all of them are written at the round's end.
    pub has_receipts: bool,
    /// What became of the artifact with the receipts of the round.
    pub receipts_upload: Option<ReceiptsUpload>,
}

/// How far the devices that have not begun were looked at: a pass looks at those of which there is something to say, at those whose turn
/// it is, and at some of the others by turns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PendingLook {
    /// Index from which the next pass looks at others.
    pub next: usize,
    /// Indexes of those of which the latest plan said something.
    pub told: BTreeSet<usize>,
}

/// An upload of the receipts of a round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptsUpload {
    /// Root of the receipts that it is about.
    pub merkle_root: String,
    /// Uploads that failed so far.
    pub tries: u32,
    /// What is known of it.
    pub state: UploadState,
}

/// How far an upload is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UploadState {
    /// The registry has not answered yet.
    Running,
    /// It is there, under this reference.
    Stored(String),
    /// It failed, and is tried again then.
    Failed(Timestamp),
}

/// A key that signs receipts.
#[derive(Clone, Debug)]
pub struct SigningKey {
    /// Name of its Secret.
    pub secret: String,
    /// When it was read.
    pub read_at: Timestamp,
    /// The key; none where it cannot be used.
    pub signer: Option<Arc<Signer>>,
}

/// Which values: of which spec, under which chart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ValuesOf {
    /// Generation of the job.
    pub generation: i64,
    /// Version of the flash chart with its settings.
    pub chart: u64,
}

/// What the values of a job came to.
#[derive(Clone, Debug, PartialEq)]
pub struct ValuesTrial {
    /// Which values were tried.
    pub of: ValuesOf,
    /// Why they cannot be used, if so.
    pub refusal: Option<Refusal>,
    /// The pool whose Services the devices lease, where they lease any: no more of them begin than it has free.
    pub pool: Option<Pool>,
}

impl ValuesTrial {
    /// Values that cannot be used, for this reason.
    #[must_use]
    pub const fn refused(of: ValuesOf, refusal: Refusal) -> Self {
        Self {
            of,
            refusal: Some(refusal),
            pool: None,
        }
    }
}

impl Memory {
    /// Why the job's values cannot be used, if so.
    #[must_use]
    pub fn values_refusal(&self) -> Option<&Refusal> {
        self.trial.as_ref()?.refusal.as_ref()
    }

    /// The pool whose Services the devices lease, where they lease any.
    #[must_use]
    pub fn pool(&self) -> Option<&Pool> {
        self.trial.as_ref()?.pool.as_ref()
    }

    /// Another round has begun: indexes of the one before mean other devices now.
    pub fn begin_round(&mut self) {
        self.verdicts
            .values_mut()
            .for_each(|found| found.index = None);
        self.refused.clear();
        self.waiting.clear();
        self.missing_since.clear();
        self.look = PendingLook::default();
        self.trial = None;
        self.proven = None;
        self.firmware = None;
        self.has_receipts = false;
        self.receipts_upload = None;
    }

    /// Devices that had failed begin again: what was found of them is over.
    pub fn send_again(&mut self, failed: &Intervals) {
        let other = |index: &usize| !failed.contains(*index);
        self.verdicts
            .retain(|_, found| found.index.as_ref().is_none_or(other));
        self.refused.retain(|index, _| other(index));
        self.waiting.retain(|index, _| other(index));
        self.missing_since.retain(|index, _| other(index));
    }
}

/// A verdict and when it was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Index in the selection; none where the attempt is of another round.
    pub index: Option<usize>,
    /// UUID of the device.
    pub uuid: Uuid,
    /// The verdict.
    pub verdict: Verdict,
    /// When it was found.
    pub at: Timestamp,
}

/// Why a device waits, and until when.
#[derive(Clone, Debug, PartialEq)]
pub struct Waiting {
    /// Why the last try was given up.
    pub reason: Reason,
    /// In words.
    pub message: String,
    /// When the next try may begin.
    pub until: Timestamp,
    /// Tries given up so far.
    pub tries: u32,
}

/// A write that failed, and when it is tried again.
#[derive(Clone, Debug, PartialEq)]
pub struct Trouble {
    /// In one word.
    pub reason: Reason,
    /// In the API server's or helm's own words.
    pub message: String,
    /// When it is tried again.
    pub until: Timestamp,
    /// Tries so far.
    pub tries: u32,
}
