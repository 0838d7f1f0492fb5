//! Devices as a table, to which lines are added as they change. Pure.

use std::collections::{HashMap, HashSet};

use flashjob_operator::api::DevicePhase;
use jiff::Timestamp;

use super::device::DeviceRow;
use crate::show::{Line, Tone, age, icon, table::Columns};

/// The table of devices.
pub fn table(devices: &[DeviceRow], wide: bool, now: Timestamp) -> Vec<Line> {
    Table::of(wide).begin(devices, now)
}

/// A table of devices to which lines are added as they change.
#[derive(Clone, Debug)]
pub struct Table {
    columns: Columns,
    wide: bool,
}

impl Table {
    /// An empty one.
    pub fn of(wide: bool) -> Self {
        Self {
            columns: Columns::default(),
            wide,
        }
    }

    /// The titles and the first devices.
    pub fn begin(&mut self, devices: &[DeviceRow], now: Timestamp) -> Vec<Line> {
        let mut titles = vec!["ENDPOINT", "TYPE", "APPLICATION", "VERSION"];
        if self.wide {
            titles.extend(["UUID", "CONFIGURATION", "INSTANCE", "NODES"]);
        }
        // What may be long comes last.
        titles.push("STATE");
        let rows = devices.iter().map(|device| row(device, self.wide, now));
        self.columns.begin(&titles, rows.collect())
    }

    /// What is another than before, as it is shown, and what is no longer there. A device whose Instance has another uid now is there.
    pub fn more(&mut self, before: &[DeviceRow], now: &[DeviceRow], at: Timestamp) -> Vec<Line> {
        let shown = |device: &DeviceRow| row(device, self.wide, at);
        // Two Instances may say that they are at one endpoint.
        let mut known: HashMap<&str, Vec<_>> = HashMap::new();
        for row in before {
            known.entry(place(row)).or_default().push(shown(row));
        }
        let is_known =
            |place: &str, row: &Vec<Line>| known.get(place).is_some_and(|rows| rows.contains(row));
        let other = now.iter().map(|row| (place(row), shown(row)));
        let other = other.filter(|(place, row)| !is_known(place, row));
        let there: HashSet<_> = now.iter().map(place).collect();
        let gone = before.iter().filter(|row| !there.contains(&place(row)));
        let gone = gone.map(|row| {
            shown(&DeviceRow {
                problem: Some("is not there, or not meant any more".to_owned()),
                ..row.clone()
            })
        });
        let rows = other.map(|(_, row)| row).chain(gone).collect();
        self.columns.more(rows)
    }
}

/// What a device is known by: its endpoint, or the UUID where it has none.
fn place(row: &DeviceRow) -> &str {
    row.endpoint.as_deref().unwrap_or(&row.uuid)
}

fn row(device: &DeviceRow, wide: bool, now: Timestamp) -> Vec<Line> {
    let plain = |text: Option<&str>| Line::of(Tone::Plain, text.unwrap_or("-"));
    let mut row = vec![
        plain(device.endpoint.as_deref()),
        plain(device.device.as_deref()),
        plain(device.application.as_deref()),
        plain(device.version.as_deref()),
    ];
    if wide {
        let instance = format!("{}/{}", device.namespace, device.instance);
        row.extend([
            plain(Some(&device.uuid)),
            plain(device.configuration.as_deref()),
            plain(Some(&instance)),
            plain(Some(&device.nodes.join(","))),
        ]);
    }
    row.push(state(device, now));
    row
}

/// What a job does to it, else how the last flash ended.
fn state(device: &DeviceRow, now: Timestamp) -> Line {
    if let Some(problem) = &device.problem {
        return Line::of(icon::BAD.tone, &format!("{} {problem}", icon::BAD.sign));
    }
    if let Some(busy) = &device.busy {
        let words = format!(
            "{} {} by {}/{}",
            icon::BUSY.sign,
            busy.phase,
            busy.namespace,
            busy.job
        );
        return Line::of(icon::BUSY.tone, &words);
    }
    let Some(last) = &device.last else {
        return Line::of(Tone::Faint, "-");
    };
    let failed = last.phase == DevicePhase::Failed.as_str();
    let icon = if failed { icon::BAD } else { icon::GOOD };
    let ended = last
        .finished_at
        .map_or_else(String::new, |ended| age::of(ended, now));
    let why = if failed { &last.reason } else { &last.phase };
    let words = format!("{} {why} {ended} ago", icon.sign);
    Line::of(icon.tone, &words)
}
