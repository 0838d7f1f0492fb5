//! All measurements of one run of the benchmark, as JSON.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};

use super::{
    machine::{Machine, commit, load},
    measurement::Measurement,
};

/// Where the table stands in the page about benchmarks.
const BEGIN: &str = "<!-- written by make bench KEEP=1 -->";
const END: &str = "<!-- end -->";

/// See the module's documentation.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Day of the run.
    pub date: Date,
    /// Commit that was measured; `+` where the tree had changes.
    pub commit: String,
    /// Machine.
    pub machine: Machine,
    /// Load of the last minute before the run: figures of a busy machine are worth their ratios only.
    pub load: f64,
    /// Nanoseconds of the micro benchmarks, medians; empty where they were not run.
    pub micro: BTreeMap<String, f64>,
    /// Everything else.
    pub measurements: Vec<Measurement>,
}

impl Report {
    /// An empty report of this machine and commit.
    pub fn begin() -> Self {
        Self {
            date: Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date(),
            commit: commit(),
            machine: Machine::this(),
            load: load(),
            micro: micro(),
            measurements: Vec::new(),
        }
    }

    /// Adds a measurement.
    pub fn add(&mut self, measurement: Measurement) {
        self.measurements.push(measurement);
    }

    /// Writes it as JSON, with the documentation if it is to be kept there; its path.
    pub fn write(&self, keep: bool) -> PathBuf {
        let directory = if keep {
            Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/benchmarks")
        } else {
            Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench")
        };
        let commit = self.commit.trim_end_matches('+');
        let path = directory.join(format!("{}-{commit}.json", self.date));
        std::fs::create_dir_all(directory).unwrap();
        std::fs::write(&path, serde_json::to_string_pretty(self).unwrap() + "\n").unwrap();
        path
    }

    /// Puts the table into the page about benchmarks, in place of the one that is there.
    pub fn publish(table: &str) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/benchmarks.md");
        let page = std::fs::read_to_string(&path).unwrap();
        let (head, rest) = page.split_once(BEGIN).expect("the page has a place for it");
        let (_, tail) = rest.split_once(END).expect("the place has an end");
        std::fs::write(path, format!("{head}{BEGIN}\n{table}\n{END}{tail}")).unwrap();
    }
}

/// What the last run of the micro benchmarks left.
fn micro() -> BTreeMap<String, f64> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent();
    let directory = target.map(|target| target.join("criterion"));
    let entries = directory.and_then(|directory| std::fs::read_dir(directory).ok());
    let median = |entry: std::fs::DirEntry| {
        let file = entry.path().join("new/estimates.json");
        let text = std::fs::read_to_string(file).ok()?;
        let estimates: serde_json::Value = serde_json::from_str(&text).ok()?;
        let median = estimates["median"]["point_estimate"].as_f64()?;
        Some((entry.file_name().to_string_lossy().into_owned(), median))
    };
    let entries = entries.into_iter().flatten().flatten();
    entries.filter_map(median).collect()
}
