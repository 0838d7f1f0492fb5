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
use helm_chart::{Chart, File};

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

/// The gzip of two texts, one after the other; the latter is known already.
fn gzip(before: &str, known: &Stretch) -> Vec<u8> {
    let before = Stretch::new(before, false);
    let mut packed = HEADER.to_vec();
    let mut crc = Crc::new();
    for stretch in [&before, known] {
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
    /// The chart; its metadata are not part of it.
    chart: Chart,
    /// Whether a file stands before those of the chart.
    after_intent: bool,
    stretch: Stretch,
}

/// The last one that was needed: nearly always every device has the same chart.
static LAST: Mutex<Option<Arc<Bulk>>> = Mutex::new(None);

/// The gzip of a record whose text is `before`, the fields of its chart but `metadata`, and what closes the record.
pub(super) fn pack(mut before: String, chart: &Chart, intent: Option<&File>) -> Vec<u8> {
    before.push_str(r#""files":["#);
    if let Some(intent) = intent {
        before.push_str(&file_json(intent).to_string());
    }
    gzip(&before, &bulk_of(chart, intent.is_some()).stretch)
}

/// The same chart, sharing what is equal with the last one that was written: records that are read differ in hardly anything.
pub(super) fn shared(chart: Chart) -> Chart {
    let last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    shared_with(last.as_deref(), chart)
}

fn shared_with(last: Option<&Bulk>, chart: Chart) -> Chart {
    match last {
        Some(last) if last.is_of(&chart) => Chart {
            metadata: chart.metadata,
            ..last.chart.clone()
        },
        _ => chart,
    }
}

fn bulk_of(chart: &Chart, after_intent: bool) -> Arc<Bulk> {
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    let same = |last: &&Arc<Bulk>| last.after_intent == after_intent && last.is_of(chart);
    if let Some(known) = last.as_ref().filter(same) {
        return Arc::clone(known);
    }
    let bulk = Arc::new(Bulk::new(chart, after_intent));
    *last = Some(Arc::clone(&bulk));
    bulk
}

impl Bulk {
    fn new(chart: &Chart, after_intent: bool) -> Self {
        let Chart {
            metadata: _,
            values,
            schema,
            templates,
            files,
        } = chart;
        // The intent's place belongs to the intent: a chart cannot bring one along.
        let kept = files
            .iter()
            .filter(|file| !after_intent || file.name != INTENT_FILE);
        let kept: Vec<String> = kept.map(|file| file_json(file).to_string()).collect();
        let comma = if after_intent && !kept.is_empty() {
            ","
        } else {
            ""
        };
        let text = format!(
            r#"{comma}{}],"schema":{},"templates":{},"values":{}}}}}"#,
            kept.join(","),
            json!(schema.as_ref().map(|schema| STANDARD.encode(schema))),
            templates.iter().map(file_json).collect::<Value>(),
            super::encode::object_or_empty(values),
        );
        Self {
            chart: chart.clone(),
            after_intent,
            stretch: Stretch::new(&text, true),
        }
    }

    /// Whether it is made of what this chart has: at once where both share it, else by comparing.
    fn is_of(&self, chart: &Chart) -> bool {
        let known = &self.chart;
        known.templates == chart.templates
            && known.files == chart.files
            && known.schema == chart.schema
            && known.values == chart.values
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
    use helm_chart::Metadata;

    fn chart(text: &str) -> Chart {
        let file = |name: &str| File {
            name: name.into(),
            data: text.into(),
        };
        Chart {
            metadata: Metadata {
                name: "c".into(),
                version: "0.1.0".into(),
                api_version: "v2".into(),
                app_version: Some(text.into()),
                kube_version: None,
                raw: json!({}),
            },
            values: json!({"a": 1}).into(),
            schema: Some(b"{}".as_slice().into()),
            templates: Arc::new(vec![file("templates/pod.yaml")]),
            files: Arc::new(vec![file("device-values.yaml")]),
        }
    }

    #[test]
    fn a_chart_that_is_read_shares_what_it_has_in_common_with_the_last_one_and_keeps_what_differs()
    {
        let last = Bulk::new(&chart("one"), true);
        let same = shared_with(Some(&last), chart("one"));
        assert!(Arc::ptr_eq(&same.templates, &last.chart.templates));
        assert!(Arc::ptr_eq(&same.values, &last.chart.values));
        for known in [Some(&last), None] {
            assert_eq!(shared_with(known, chart("two")), chart("two"));
        }
    }

    proptest! {
        #[test]
        fn stretches_side_by_side_are_one_gzip_member_of_the_whole_text(
            before in ".{0,200}", after in "[a-c]{0,2000}",
        ) {
            let packed = gzip(&before, &Stretch::new(&after, true));
            let mut text = String::new();
            let mut reader = GzDecoder::new(&packed[..]);
            reader.read_to_string(&mut text).unwrap();
            prop_assert_eq!(text, format!("{before}{after}"));
            prop_assert!(reader.into_inner().is_empty(), "nothing follows the member");
        }
    }
}
