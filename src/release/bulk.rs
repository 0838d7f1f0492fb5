//! The part of a record that is the same for every device of a chart, compressed once.
//!
//! Templates, schema, values and files are nine tenths of a record, and compressing them is most of what a device costs the
//! operator. Deflate blocks that refer to nothing outside can be put side by side (RFC 1951, 3.2.3), and the checksum of the
//! whole follows from those of its parts: the result is one ordinary gzip member.

use std::io::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};
use serde_json::{Value, json};

use super::INTENT_FILE;
use crate::chart::{Chart, File};

/// RFC 1952: deflate, no flags, no time, best compression, no operating system.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 255];

/// A stretch of text, compressed so that it can stand anywhere.
#[derive(Debug)]
struct Stretch {
    deflated: Vec<u8>,
    crc: Crc,
}

impl Stretch {
    /// Compresses text; after the last stretch nothing follows.
    fn new(text: &str, last: bool) -> Self {
        let mut deflate = DeflateEncoder::new(Vec::new(), Compression::best());
        let mut crc = Crc::new();
        crc.update(text.as_bytes());
        // Writing into memory cannot fail; what could not be finished would be refused by every reader.
        let written = deflate.write_all(text.as_bytes());
        let deflated = if last {
            written.and_then(|()| deflate.finish())
        } else {
            // Ends on a byte, in a block that is not the final one.
            let flushed = written.and_then(|()| deflate.flush());
            flushed.map(|()| std::mem::take(deflate.get_mut()))
        };
        let deflated = deflated.unwrap_or_default();
        Self { deflated, crc }
    }
}

/// The gzip of three texts, one after the other; that in the middle is known already.
fn gzip(before: &str, middle: &Stretch, after: &str) -> Vec<u8> {
    let (before, after) = (Stretch::new(before, false), Stretch::new(after, true));
    let mut packed = HEADER.to_vec();
    let mut crc = Crc::new();
    for stretch in [&before, middle, &after] {
        packed.extend_from_slice(&stretch.deflated);
        crc.combine(&stretch.crc);
    }
    packed.extend_from_slice(&crc.sum().to_le_bytes());
    packed.extend_from_slice(&crc.amount().to_le_bytes());
    packed
}

/// What of a chart does not depend on the device or the firmware, and its part of the record.
#[derive(Debug)]
struct Bulk {
    values: Value,
    schema: Option<Vec<u8>>,
    templates: Vec<File>,
    files: Vec<File>,
    stretch: Stretch,
}

/// The last one that was needed: nearly always every device has the same chart.
static LAST: Mutex<Option<Arc<Bulk>>> = Mutex::new(None);

/// The gzip of a record whose text is `before`, the fields of its chart but `metadata`, and what closes the record.
pub(super) fn pack(before: &str, chart: &Chart, intent: Option<&File>) -> Vec<u8> {
    let bulk = bulk_of(chart, intent.is_some());
    let mut after = String::new();
    if let Some(intent) = intent {
        if !bulk.files.is_empty() {
            after.push(',');
        }
        after.push_str(&file_json(intent).to_string());
    }
    after.push_str("]}}");
    gzip(before, &bulk.stretch, &after)
}

fn bulk_of(chart: &Chart, has_intent: bool) -> Arc<Bulk> {
    // The intent's place belongs to the intent: a chart cannot bring one along.
    let kept = |file: &&File| !has_intent || file.name != INTENT_FILE;
    let same = |last: &Arc<Bulk>| {
        last.templates == chart.templates
            && last.files.iter().eq(chart.files.iter().filter(kept))
            && last.schema == chart.schema
            && last.values == chart.values
    };
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = last.as_ref().filter(|last| same(last)) {
        return Arc::clone(known);
    }
    let bulk = Arc::new(Bulk::new(chart, chart.files.iter().filter(kept)));
    *last = Some(Arc::clone(&bulk));
    bulk
}

impl Bulk {
    fn new<'a>(chart: &Chart, files: impl Iterator<Item = &'a File>) -> Self {
        let Chart {
            values,
            schema,
            templates,
            ..
        } = chart;
        let files: Vec<File> = files.cloned().collect();
        let listed: Vec<String> = files
            .iter()
            .map(|file| file_json(file).to_string())
            .collect();
        let text = format!(
            r#""schema":{},"templates":{},"values":{},"files":[{}"#,
            json!(schema.as_ref().map(|schema| STANDARD.encode(schema))),
            templates.iter().map(file_json).collect::<Value>(),
            super::encode::object_or_empty(values),
            listed.join(",")
        );
        Self {
            values: values.clone(),
            schema: schema.clone(),
            templates: templates.clone(),
            files,
            stretch: Stretch::new(&text, false),
        }
    }
}

fn file_json(file: &File) -> Value {
    json!({"name": file.name, "data": STANDARD.encode(&file.data)})
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn stretches_side_by_side_are_one_gzip_member_of_the_whole_text(
            before in ".{0,200}", middle in "[a-c]{0,2000}", after in ".{0,200}",
        ) {
            let packed = gzip(&before, &Stretch::new(&middle, false), &after);
            let mut text = String::new();
            let mut reader = GzDecoder::new(&packed[..]);
            reader.read_to_string(&mut text).unwrap();
            prop_assert_eq!(text, format!("{before}{middle}{after}"));
            prop_assert!(reader.into_inner().is_empty(), "nothing follows the member");
        }
    }
}
