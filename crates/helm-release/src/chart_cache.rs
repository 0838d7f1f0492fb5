//! The part of a record that is the same for every release of a chart, compressed once.
//!
//! Templates, schema, values and files are nine tenths of a record, and compressing them is most of what writing one costs. Deflate
//! blocks that refer to nothing outside can be put side by side (RFC 1951, 3.2.3), and the checksum of the
//! whole follows from those of its parts: the result is one ordinary gzip member.

use std::io::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};
use serde_json::{Value, json};

use helm_chart::{Chart, File};

/// RFC 1952: deflate, no flags, no time, best compression, no operating system.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 255];

/// A part of a text, compressed so that it can stand anywhere.
#[derive(Debug)]
struct Part {
    deflated: Vec<u8>,
    crc: Crc,
}

impl Part {
    /// Compresses text; after the last part nothing follows.
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
fn gzip(before: &str, known: &Part) -> Vec<u8> {
    let before = Part::new(before, false);
    let mut packed = HEADER.to_vec();
    let mut crc = Crc::new();
    for part in [&before, known] {
        packed.extend_from_slice(&part.deflated);
        crc.combine(&part.crc);
    }
    packed.extend_from_slice(&crc.sum().to_le_bytes());
    packed.extend_from_slice(&crc.amount().to_le_bytes());
    packed
}

/// What of a chart does not depend on its metadata, and its part of the record.
#[derive(Debug)]
struct CachedChart {
    /// The chart; its metadata are not part of it.
    chart: Chart,
    /// Name of the file that stands before those of the chart.
    attached: Option<String>,
    part: Part,
}

/// The last one that was needed: many releases of one chart are written one after the other.
static LAST: Mutex<Option<Arc<CachedChart>>> = Mutex::new(None);

/// The gzip of a record whose text is `before`, the fields of its chart but `metadata`, and what closes the record.
pub(super) fn pack(mut before: String, chart: &Chart, attached: Option<&File>) -> Vec<u8> {
    before.push_str(r#""files":["#);
    if let Some(file) = attached {
        before.push_str(&file_json(file).to_string());
    }
    let attached = attached.map(|file| file.name.as_str());
    gzip(&before, &cached(chart, attached).part)
}

/// The same chart, sharing what is equal with the last one that was written: records that are read differ in hardly anything.
pub(super) fn shared(chart: Chart) -> Chart {
    let last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    shared_with(last.as_deref(), chart)
}

fn shared_with(last: Option<&CachedChart>, chart: Chart) -> Chart {
    match last {
        Some(last) if last.is_of(&chart) => Chart {
            metadata: chart.metadata,
            ..last.chart.clone()
        },
        _ => chart,
    }
}

fn cached(chart: &Chart, attached: Option<&str>) -> Arc<CachedChart> {
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    let same = |last: &&Arc<CachedChart>| last.attached.as_deref() == attached && last.is_of(chart);
    if let Some(known) = last.as_ref().filter(same) {
        return Arc::clone(known);
    }
    let new = Arc::new(CachedChart::new(chart, attached));
    *last = Some(Arc::clone(&new));
    new
}

impl CachedChart {
    fn new(chart: &Chart, attached: Option<&str>) -> Self {
        let Chart {
            metadata: _,
            values,
            schema,
            templates,
            files,
        } = chart;
        // That name belongs to the attachment: a chart cannot bring one along.
        let kept = files
            .iter()
            .filter(|file| attached != Some(file.name.as_str()));
        let kept: Vec<String> = kept.map(|file| file_json(file).to_string()).collect();
        let comma = if attached.is_some() && !kept.is_empty() {
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
            attached: attached.map(str::to_owned),
            part: Part::new(&text, true),
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
        let last = CachedChart::new(&chart("one"), Some("example.com/note"));
        let same = shared_with(Some(&last), chart("one"));
        assert!(Arc::ptr_eq(&same.templates, &last.chart.templates));
        assert!(Arc::ptr_eq(&same.values, &last.chart.values));
        for known in [Some(&last), None] {
            assert_eq!(shared_with(known, chart("two")), chart("two"));
        }
    }

    proptest! {
        #[test]
        fn parts_side_by_side_are_one_gzip_member_of_the_whole_text(
            before in ".{0,200}", after in "[a-c]{0,2000}",
        ) {
            let packed = gzip(&before, &Part::new(&after, true));
            let mut text = String::new();
            let mut reader = GzDecoder::new(&packed[..]);
            reader.read_to_string(&mut text).unwrap();
            prop_assert_eq!(text, format!("{before}{after}"));
            prop_assert!(reader.into_inner().is_empty(), "nothing follows the member");
        }
    }
}
