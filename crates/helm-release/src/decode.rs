//! Bytes as a record: what Helm 3, Helm 4 or anybody else stored.
//!
//! Pure and lenient: a field that is missing or of another type becomes its default, as one odd record must not hide the others.
//! Bounded: a record larger than [`MAX_RECORD_BYTES`] is refused before it fills memory. Fields that this does not know are dropped.

use std::io::Read as _;
use std::sync::Arc;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use flate2::read::MultiGzDecoder;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{ApplyMethod, Attachment, Info, Record, Status, chart_cache};
use helm_chart::{Chart, File, Metadata};

/// Largest record accepted, decompressed. A Secret holds 1 MiB, which text may have been eight times before.
pub const MAX_RECORD_BYTES: usize = 8 << 20;

const GZIP_MAGIC: [u8; 3] = [0x1f, 0x8b, 0x08];
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Why stored bytes are not a record.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The outer layer is not base64.
    #[error("release record is not base64")]
    Base64(#[source] base64::DecodeError),
    /// The middle layer is broken.
    #[error("release record is not gzip")]
    Gzip(#[source] std::io::Error),
    /// More than [`MAX_RECORD_BYTES`].
    #[error("release record is larger than {MAX_RECORD_BYTES} bytes")]
    TooLarge,
    /// The inner layer is not JSON.
    #[error("release record is not JSON")]
    Json(#[source] serde_json::Error),
    /// JSON, but not an object.
    #[error("release record is not a JSON object")]
    NotAnObject,
}

/// Reads the bytes of `data.release`.
///
/// # Errors
/// If a layer cannot be undone or the record is too large. A record without name or version is not an error here: its Secret says both.
pub fn decode<A: Attachment>(bytes: &[u8]) -> Result<Record<A>, DecodeError> {
    if bytes.len() > 2 * MAX_RECORD_BYTES {
        return Err(DecodeError::TooLarge);
    }
    let text: Vec<u8> = bytes
        .iter()
        .copied()
        .filter(|byte| !matches!(byte, b'\r' | b'\n'))
        .collect();
    let packed = BASE64.decode(text).map_err(DecodeError::Base64)?;
    let json = if packed.starts_with(&GZIP_MAGIC) {
        unpack(&packed)?
    } else {
        packed
    };
    if json.len() > MAX_RECORD_BYTES {
        return Err(DecodeError::TooLarge);
    }
    let document: Value = serde_json::from_slice(&json).map_err(DecodeError::Json)?;
    if !document.is_object() {
        return Err(DecodeError::NotAnObject);
    }
    Ok(record(&document))
}

fn unpack(packed: &[u8]) -> Result<Vec<u8>, DecodeError> {
    let mut json = Vec::new();
    let limit = MAX_RECORD_BYTES as u64 + 1;
    MultiGzDecoder::new(packed)
        .take(limit)
        .read_to_end(&mut json)
        .map_err(DecodeError::Gzip)?;
    Ok(json)
}

fn record<A: Attachment>(document: &Value) -> Record<A> {
    let mut chart = chart(&document["chart"]);
    let at = chart.files.iter().position(|file| file.name == A::FILE);
    let attachment = at.and_then(|at| A::from_bytes(&chart.files[at].data));
    if let (Some(at), Some(_)) = (at, &attachment) {
        // Not part of the chart. One that cannot be read stays where it is, so that writing the record back keeps it.
        Arc::make_mut(&mut chart.files).remove(at);
    }
    Record {
        name: text(&document["name"]),
        namespace: text(&document["namespace"]),
        version: document["version"]
            .as_u64()
            .and_then(|version| u32::try_from(version).ok())
            .unwrap_or(0),
        apply_method: match document["apply_method"].as_str() {
            Some("ssa") => ApplyMethod::ServerSide,
            _ => ApplyMethod::ClientSide,
        },
        config: object_or_empty(&document["config"]),
        manifest: text(&document["manifest"]),
        info: info(&document["info"]),
        chart: chart_cache::shared(chart),
        hooks: document["hooks"].as_array().cloned().unwrap_or_default(),
        attachment,
    }
}

fn info(info: &Value) -> Info {
    Info {
        first_deployed: time(&info["first_deployed"]),
        last_deployed: time(&info["last_deployed"]),
        deleted: time(&info["deleted"]),
        status: info["status"]
            .as_str()
            .map_or(Status::Unknown, Status::parse),
        description: text(&info["description"]),
        notes: text(&info["notes"]),
    }
}

fn chart(chart: &Value) -> Chart {
    let metadata = &chart["metadata"];
    Chart {
        metadata: Metadata {
            name: text(&metadata["name"]),
            version: text(&metadata["version"]),
            api_version: text(&metadata["apiVersion"]),
            app_version: metadata["appVersion"].as_str().map(str::to_owned),
            kube_version: metadata["kubeVersion"].as_str().map(str::to_owned),
            raw: object_or_empty(metadata),
        },
        values: Arc::new(object_or_empty(&chart["values"])),
        schema: chart["schema"]
            .as_str()
            .and_then(|schema| BASE64.decode(schema).ok())
            .filter(|schema| !schema.is_empty())
            .map(Arc::from),
        templates: Arc::new(files(&chart["templates"])),
        files: Arc::new(files(&chart["files"])),
    }
}

fn files(list: &Value) -> Vec<File> {
    let entries = list.as_array().into_iter().flatten();
    entries
        .filter_map(|entry| {
            let name = entry["name"].as_str()?.to_owned();
            let data = BASE64
                .decode(entry["data"].as_str().unwrap_or_default())
                .ok()?;
            Some(File { name, data })
        })
        .collect()
}

/// Helm 3 writes no time as "", Go as the year 1.
fn time(value: &Value) -> Option<Timestamp> {
    let time: Timestamp = value.as_str()?.parse().ok()?;
    (time > Timestamp::UNIX_EPOCH).then_some(time)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn object_or_empty(value: &Value) -> Value {
    if value.is_object() {
        value.clone()
    } else {
        json!({})
    }
}
