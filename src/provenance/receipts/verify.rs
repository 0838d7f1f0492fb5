//! Checks receipts offline: each signature, and that none of a round is missing. Pure over bytes.
//!
//! A file of receipts is what the operator wrote into its log, with whatever else is in that log, or the envelopes alone, one a line.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::Value;
use sigstore_verify::{
    crypto::{KeyAlgorithm, verify_signature},
    types::{DerPublicKey, DsseEnvelope},
};

use super::{
    FlashStatement, JobReference, RoundStatement,
    envelope::{IN_TOTO, key_id},
    statement::{FLASH, ROUND},
    tree::root,
};
use crate::{display, provenance::signatures::public_key};

/// Longest line that is read: a receipt of a round with 100 000 devices fits.
const MAX_LINE: usize = 1024 * 1024;
/// Field of the log that holds an envelope.
const FIELD: &str = "receipt";
/// Most missing receipts that are named.
const MAX_NAMED: usize = 10;
/// Longest fault, in bytes: a stranger may have written the line.
const MAX_FAULT: usize = 256;

/// Public keys whose receipts are believed, each with its id.
#[derive(Clone, Debug, Default)]
pub struct PublicKeys(Vec<(String, DerPublicKey)>);

impl PublicKeys {
    /// Adds the key in this PEM.
    ///
    /// # Errors
    /// When it is not a public key, in words.
    pub fn add(&mut self, pem: &str) -> Result<(), String> {
        let key = public_key(pem)
            .ok_or("it has to be a public key in PEM, such as `openssl pkey -pubout` prints")?;
        self.0.push((key_id(key.as_bytes()), key));
        Ok(())
    }
}

/// What a file of receipts proves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Receipts of devices that hold.
    pub receipts: usize,
    /// Lines that hold a receipt which is not believed, from 1, each with why.
    pub faults: Vec<(usize, String)>,
    /// Rounds that receipts are of.
    pub rounds: Vec<RoundReport>,
}

/// What a file proves of one round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoundReport {
    /// The job.
    pub job: JobReference,
    /// Number of the round.
    pub round: i64,
    /// Devices with a receipt that holds.
    pub devices: usize,
    /// The root over all receipts of the round.
    ///
    /// # Errors
    /// Why it is not known that these are all.
    pub whole: Result<String, String>,
}

#[derive(Default)]
struct Found {
    of_devices: BTreeMap<usize, Vec<FlashStatement>>,
    of_round: Option<RoundStatement>,
}

/// Checks every receipt in a text against these keys.
#[must_use]
pub fn verify(text: &[u8], keys: &PublicKeys) -> Report {
    let mut report = Report::default();
    let mut rounds: BTreeMap<(JobReference, i64), Found> = BTreeMap::new();
    for (number, line) in (1..).zip(text.split(|byte| *byte == b'\n')) {
        let Some(envelope) = envelope(line) else {
            continue;
        };
        match believed(&envelope, keys) {
            Ok(Receipt::Flash(statement)) => {
                report.receipts += 1;
                let of = &statement.predicate;
                let found = rounds.entry((of.job.clone(), of.round)).or_default();
                let same = found.of_devices.entry(of.index).or_default();
                same.push(*statement);
            }
            Ok(Receipt::Round(statement)) => {
                let of = &statement.predicate;
                let found = rounds.entry((of.job.clone(), of.round)).or_default();
                found.of_round = Some(*statement);
            }
            Err(why) => report
                .faults
                .push((number, display::line(&why, MAX_FAULT).into_owned())),
        }
    }
    let rounds = rounds.into_iter();
    report.rounds = rounds
        .map(|((job, round), found)| RoundReport {
            job,
            round,
            devices: found.of_devices.len(),
            whole: whole(&found),
        })
        .collect();
    report
}

/// The envelope in a line, as JSON: the line itself, a field of a log in JSON, or a field of a log for people.
fn envelope(line: &[u8]) -> Option<String> {
    let line = std::str::from_utf8(line.get(..line.len().min(MAX_LINE))?).ok()?;
    if let Ok(value) = serde_json::from_str::<Value>(line) {
        let held = value.get(FIELD).and_then(Value::as_str);
        let bare = value.get("payloadType").map(|_| line);
        return held.or(bare).map(str::to_owned);
    }
    let (_, rest) = line.split_once("receipt={")?;
    Some(format!("{{{rest}"))
}

enum Receipt {
    Flash(Box<FlashStatement>),
    Round(Box<RoundStatement>),
}

fn believed(envelope: &str, keys: &PublicKeys) -> Result<Receipt, String> {
    let envelope: DsseEnvelope = serde_json::from_str(envelope.trim_end())
        .map_err(|error| format!("it is not a signed envelope: {error}"))?;
    if envelope.payload_type != IN_TOTO {
        return Err("it does not hold an in-toto statement".to_owned());
    }
    let named = envelope.signature.keyid.as_str();
    let key = keys.0.iter().find(|(id, _)| id == named);
    let (_, key) = key.ok_or_else(|| format!("it is signed with another key: {named}"))?;
    let algorithm = KeyAlgorithm::from_spki(key).map_err(|error| error.to_string())?;
    let scheme = algorithm.default_signing_scheme();
    verify_signature(key, &envelope.pae(), &envelope.signature.sig, scheme)
        .map_err(|_| "its signature does not hold: it was altered".to_owned())?;
    let payload = envelope.payload.as_bytes();
    let kind: Value = serde_json::from_slice(payload).map_err(|error| error.to_string())?;
    match kind["predicateType"].as_str() {
        Some(FLASH) => {
            let statement: FlashStatement = read(payload)?;
            let holds = statement.is(FLASH);
            let receipt = Receipt::Flash(Box::new(statement));
            holds
                .then_some(receipt)
                .ok_or_else(|| "it is not about one image".to_owned())
        }
        Some(ROUND) => read(payload).map(|statement| Receipt::Round(Box::new(statement))),
        _ => Err("it is a statement of another kind".to_owned()),
    }
}

fn read<T: DeserializeOwned>(payload: &[u8]) -> Result<T, String> {
    serde_json::from_slice(payload)
        .map_err(|error| format!("its statement cannot be read, a newer version may: {error}"))
}

/// The root of a round whose receipts are all there.
fn whole(found: &Found) -> Result<String, String> {
    let Some(round) = &found.of_round else {
        return Err(
            "the receipt of the round is not there: whether these are all is not known".to_owned(),
        );
    };
    let round = &round.predicate;
    let mut leaves = Vec::new();
    let mut missing = Vec::new();
    for (index, letter) in round
        .results
        .chars()
        .enumerate()
        .filter(|(_, letter)| *letter != '-')
    {
        let same = found.of_devices.get(&index).map_or(&[][..], Vec::as_slice);
        let receipt = same
            .iter()
            .find(|one| one.predicate.result.letter() == letter);
        match receipt {
            Some(receipt) => leaves.push(receipt.leaf()),
            None => missing.push(index),
        }
    }
    if !missing.is_empty() {
        let named: Vec<_> = missing
            .iter()
            .take(MAX_NAMED)
            .map(ToString::to_string)
            .collect();
        let more = if missing.len() > MAX_NAMED {
            ", …"
        } else {
            ""
        };
        return Err(format!(
            "{} of {} receipts are missing, those of the indexes {}{more}",
            missing.len(),
            round.count,
            named.join(", ")
        ));
    }
    let (count, root) = (leaves.len(), root(leaves));
    if count == round.count && root == round.merkle_root {
        Ok(root)
    } else {
        Err(format!(
            "the receipts make the root {root}, and the round was signed with {}",
            round.merkle_root
        ))
    }
}
