//! Signs receipts and writes them into the log, before the status is stored that makes their devices final: a crash in between
//! repeats them, and loses none.
//!
//! Called by `publish_status`. A key that cannot be used keeps no flash from ending: the receipts are owed, and written once it can.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::{context::Context, publish_status::later, resolve_firmware::Resolver};
use crate::{
    api::{DeviceStatus, FlashJobStatus, Reason},
    cluster::clock::now,
    flashjob::{
        observe::{memory::SigningKey, selection::Selection},
        spec::job::{Finals, Job},
        status::{all_ended, round_receipt, signed_receipts},
    },
    provenance::receipts::Signer,
    telemetry::RECEIPTS,
};

/// Key of a Secret that holds the private key.
const KEY: &str = "receipt.key";
/// How long a key that was read is used before it is read again, and how soon one that could not be used is tried again.
const FRESH: SignedDuration = SignedDuration::from_mins(1);

/// The key in a Secret of the operator's namespace.
///
/// # Errors
/// Why it cannot be used, in words.
pub(super) async fn signer(secrets: &Resolver<'_>, secret: &str) -> Result<Signer, String> {
    let (pem, what) = secrets.secret_data(secret, KEY).await?;
    Signer::from_pem(&pem).map_err(|fault| format!("{what}: data[{KEY:?}] {fault}"))
}

/// Whether the round has ended and the signature of its receipts is not there yet.
fn is_unsigned(status: &FlashJobStatus) -> bool {
    let provenance = status.provenance.as_ref();
    let receipts = provenance.and_then(|known| known.receipts.as_ref());
    receipts.is_some_and(|receipts| receipts.signature.is_none())
}

/// Whether a status that says nothing new has to be written for a signature that it lacks; else when that is tried again.
pub(super) fn due(
    ctx: &Context,
    job: &Job,
    wanted: &FlashJobStatus,
    now: Timestamp,
) -> Option<Timestamp> {
    if !is_unsigned(wanted) {
        return None;
    }
    let mut cache = ctx.cache();
    cache.terms(job).receipt_key()?;
    let key = cache.memory(&job.uid).signing_key.as_ref();
    let again = |key: &SigningKey| later(key.read_at, FRESH.as_secs_f64());
    Some(key.map_or(now, again))
}

/// Writes the receipts of these devices, which a status is about to make final, and that of the round if it has ended. What comes back
/// is the status with the signature of the round.
pub(super) async fn issue(
    ctx: &Context,
    job: &Job,
    mut wanted: FlashJobStatus,
    ended: Vec<DeviceStatus>,
) -> FlashJobStatus {
    let ends = is_unsigned(&wanted);
    let Some((secret, roster)) = asked(ctx, job, &wanted).filter(|_| ends || !ended.is_empty())
    else {
        return wanted;
    };
    let Some(key) = key(ctx, job, &secret).await else {
        ctx.cache().memory(&job.uid).has_receipts = false;
        return wanted;
    };
    let finals = Finals::of(&wanted);
    let ended = if ends && owes(ctx, job) {
        all_ended(&wanted, &roster, &finals, ended)
    } else {
        ended
    };
    for line in signed_receipts(job, &wanted, (&roster, &ended), &key).flatten() {
        tracing::info!(target: RECEIPTS, receipt = %line);
    }
    let round = ends
        .then(|| round_receipt(job, &wanted, &roster, &finals))
        .flatten();
    let Some(Ok((line, signature))) = round.map(|round| key.sign(&round)) else {
        return wanted;
    };
    tracing::info!(target: RECEIPTS, receipt = %line);
    ctx.cache().memory(&job.uid).has_receipts = true;
    if let Some(receipts) = wanted
        .provenance
        .as_mut()
        .and_then(|known| known.receipts.as_mut())
    {
        receipts.signature = Some(signature);
        receipts.key_id = Some(key.id().to_owned());
    }
    wanted
}

/// The Secret whose key signs, and the devices of the round; none where no class asks for receipts.
fn asked(ctx: &Context, job: &Job, wanted: &FlashJobStatus) -> Option<(String, Arc<Selection>)> {
    wanted.provenance.as_ref()?;
    let cache = ctx.cache();
    let secret = cache.terms(job).receipt_key()?.to_owned();
    Some((secret, cache.rosters.get(&job.uid).cloned()?))
}

/// The key, read again from time to time: whoever takes it out of its Secret wants it to be used no more. That it cannot be used is told
/// when it is read.
async fn key(ctx: &Context, job: &Job, secret: &str) -> Option<Arc<Signer>> {
    let known = ctx.cache().memory(&job.uid).signing_key.clone();
    let fresh =
        known.filter(|known| known.secret == secret && now().duration_since(known.read_at) < FRESH);
    if let Some(known) = fresh {
        return known.signer;
    }
    let signer = match signer(&Resolver::of(ctx), secret).await {
        Ok(signer) => Some(Arc::new(signer)),
        Err(why) => {
            let note = format!("{why}; receipts of this round are written once it can be used");
            ctx.event(job, None, (true, Reason::ReceiptKeyUnusable.as_str()), note);
            None
        }
    };
    ctx.cache().memory(&job.uid).signing_key = Some(SigningKey {
        secret: secret.to_owned(),
        read_at: now(),
        signer: signer.clone(),
    });
    signer
}

/// Whether receipts of the round may be missing in the log of this process: another one led when it began, or they could not be signed.
fn owes(ctx: &Context, job: &Job) -> bool {
    !ctx.cache().memory(&job.uid).has_receipts
}
