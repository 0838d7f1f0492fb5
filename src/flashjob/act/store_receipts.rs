//! Stores the receipts of a finished round in the repository that its class names, aside: a pass waits for no registry.
//!
//! Called by `publish_status` once the receipts are signed. Whoever leads next finds the artifact by its tag, and stores nothing twice.

use std::sync::Arc;

use jiff::Timestamp;

use super::{context::Context, receipts, resolve_firmware::Resolver};
use crate::{
    api::{FlashJobStatus, Reason, Receipts, RegistryAccess},
    cluster::clock::now,
    flashjob::{
        observe::{
            memory::{ReceiptsUpload, UploadState},
            selection::Selection,
        },
        plan::firmware::again,
        spec::job::Job,
        status::receipt_lines,
    },
    provenance::{ImageReference, digest_of, receipts::artifact::artifact},
    seam,
};

/// What is stored, and where.
struct Upload {
    job: Arc<Job>,
    status: FlashJobStatus,
    roster: Arc<Selection>,
    receipts: Receipts,
    /// How the registry of the firmware is reached.
    firmware: RegistryAccess,
}

/// Root of the signed receipts whose artifact the status does not name.
fn missing(status: &FlashJobStatus) -> Option<&str> {
    let receipts = status.provenance.as_ref()?.receipts.as_ref()?;
    let missing = receipts.signature.is_some() && receipts.artifact.is_none();
    missing.then_some(receipts.merkle_root.as_str())
}

/// When a status that says nothing new has to be looked at again for the artifact that it lacks; never where that is not asked for, or
/// the registry has not answered yet.
pub(super) fn due(
    ctx: &Context,
    job: &Job,
    wanted: &FlashJobStatus,
    now: Timestamp,
) -> Option<Timestamp> {
    let root = missing(wanted)?;
    let mut cache = ctx.cache();
    cache.terms(job).receipts()?.repository.as_ref()?;
    let upload = cache.memory(&job.uid).receipts_upload.as_ref();
    let upload = upload.filter(|upload| upload.merkle_root == root);
    match upload.map(|upload| &upload.state) {
        None | Some(UploadState::Stored(_)) => Some(now),
        Some(UploadState::Running) => None,
        Some(UploadState::Failed(until)) => Some(*until),
    }
}

/// Names the artifact in a status that lacks it, or begins to store it where that is due.
pub(super) fn follow(ctx: &Arc<Context>, job: &Arc<Job>, wanted: &mut FlashJobStatus) {
    let now = now();
    if due(ctx, job, wanted, now).is_none_or(|due| due > now) {
        return;
    }
    let Some(root) = missing(wanted).map(str::to_owned) else {
        return;
    };
    let before = ctx.cache().memory(&job.uid).receipts_upload.clone();
    let before = before.filter(|before| before.merkle_root == root);
    let tries = before.as_ref().map_or(0, |before| before.tries);
    let Some(UploadState::Stored(reference)) = before.map(|before| before.state) else {
        return begin(ctx, job, wanted, (root, tries));
    };
    let provenance = wanted.provenance.as_mut();
    if let Some(receipts) = provenance.and_then(|known| known.receipts.as_mut()) {
        receipts.artifact = Some(reference);
    }
}

fn begin(
    ctx: &Arc<Context>,
    job: &Arc<Job>,
    status: &FlashJobStatus,
    (merkle_root, tries): (String, u32),
) {
    let upload = {
        let mut cache = ctx.cache();
        let terms = cache.terms(job);
        let asked = terms.receipts().cloned();
        let roster = cache.rosters.get(&job.uid).cloned();
        let (Some(receipts), Some(roster)) = (asked, roster) else {
            return;
        };
        cache.memory(&job.uid).receipts_upload = Some(ReceiptsUpload {
            merkle_root: merkle_root.clone(),
            tries,
            state: UploadState::Running,
        });
        Upload {
            job: Arc::clone(job),
            status: status.clone(),
            roster,
            receipts,
            firmware: terms.registry().cloned().unwrap_or_default(),
        }
    };
    let ctx = Arc::clone(ctx);
    seam::spawn(async move {
        let answer = upload.store(&ctx).await;
        if let Err(why) = &answer {
            let note = format!(
                "{why}; the receipts of this round are in the log, and stored once that is right"
            );
            let reason = Reason::ReceiptsNotStored.as_str();
            ctx.event(&upload.job, None, (true, reason), note);
        }
        let state = match answer {
            Ok(reference) => UploadState::Stored(reference),
            Err(_) => {
                UploadState::Failed(now().checked_add(again(tries)).unwrap_or(Timestamp::MAX))
            }
        };
        let uid = &upload.job.uid;
        {
            let mut cache = ctx.cache();
            if cache.job(uid).is_none() {
                return;
            }
            let known = cache.memory(uid).receipts_upload.as_mut();
            // Devices that were flashed again since have another root.
            let Some(known) = known.filter(|known| known.merkle_root == merkle_root) else {
                return;
            };
            known.tries = tries.saturating_add(1);
            known.state = state;
        }
        ctx.nudge(uid);
    });
}

impl Upload {
    /// Stores it; the reference of the artifact, by its digest.
    async fn store(&self, ctx: &Context) -> Result<String, String> {
        let secrets = Resolver::of(ctx);
        let registry = secrets.registry.ok_or(
            "the receipts are not stored, for the operator asks no registry: --firmware-digest=never",
        )?;
        let key = receipts::signer(&secrets, &self.receipts.key_secret_name).await?;
        let named = self.receipts.repository.as_deref().unwrap_or_default();
        let repository = named.parse::<ImageReference>();
        let repository = repository.map_err(|error| error.to_string())?;
        let subject = match self.firmware_reference() {
            Some(reference) => {
                let access = secrets.access(&self.firmware).await?;
                let found = registry.described(&reference, &access).await;
                found.map_err(|error| error.to_string())?
            }
            None => None,
        };
        let (job, status, roster) = (self.job.clone(), self.status.clone(), self.roster.clone());
        let signed = seam::aside(move || receipt_lines(&job, &status, &roster, &key)).await;
        let (lines, round) = signed
            .ok()
            .flatten()
            .ok_or("the receipts cannot be signed")?;
        let asked = self.receipts.registry.clone().unwrap_or_default();
        let access = secrets.access(&asked).await?;
        let artifact = artifact(lines, &round, subject.as_ref());
        let answer = registry.store(&repository, artifact, &access).await;
        let digest = answer.map_err(|error| format!("the receipts are not stored: {error}"))?;
        Ok(format!("{named}@{digest}"))
    }

    /// The firmware of the round, by its digest.
    fn firmware_reference(&self) -> Option<ImageReference> {
        let provenance = self.status.provenance.as_ref()?;
        digest_of(&provenance.reference)?;
        provenance.reference.parse().ok()
    }
}
