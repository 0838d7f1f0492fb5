//! What a person is offered to choose from, and what is proposed. Pure.

use std::{collections::BTreeMap, fmt};

use flashjob_operator::{display, provenance::reference::ImageReference};

use crate::{
    show::{Line, Tone, table::Columns},
    view::device::DeviceRow,
};

/// Longest name that is proposed.
const MOST: usize = 50;

/// Something to choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// What is meant by it.
    pub value: String,
    label: String,
    /// What is typed is looked for in this: the label may be cut.
    pub searched: String,
}

impl Choice {
    /// No matter which.
    pub fn any() -> Self {
        Self {
            value: String::new(),
            label: "any".to_owned(),
            searched: "any".to_owned(),
        }
    }

    /// What others wrote does not act on the terminal.
    fn of(value: &str, label: &str) -> Self {
        let label = display::line(label, display::LINE).into_owned();
        Self {
            value: value.to_owned(),
            searched: label.clone(),
            label,
        }
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.label)
    }
}

/// The types that devices have, with how many have each. Devices that cannot be flashed are not counted.
pub fn kinds<'a>(
    devices: &'a [DeviceRow],
    of: impl Fn(&'a DeviceRow) -> Option<&'a str>,
) -> Vec<Choice> {
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for kind in usable(devices).filter_map(of) {
        *kinds.entry(kind).or_default() += 1;
    }
    let choice = |(kind, count)| match count {
        1 => Choice::of(kind, &format!("{kind} (1 device)")),
        _ => Choice::of(kind, &format!("{kind} ({count} devices)")),
    };
    kinds.into_iter().map(choice).collect()
}

/// The devices that can be flashed, each on a line of that many columns.
pub fn devices(devices: &[DeviceRow], columns: usize) -> Vec<Choice> {
    let cells = |row: &DeviceRow| {
        let parts = [&row.endpoint, &row.device, &row.application, &row.version];
        let parts = parts.map(|part| part.as_deref().unwrap_or("-"));
        let parts = parts.into_iter().chain([row.uuid.as_str()]);
        parts.map(|part| Line::of(Tone::Plain, part)).collect()
    };
    let lines = Columns::apart(1).more(usable(devices).map(cells).collect());
    let choices = usable(devices).zip(lines).map(|(row, line)| Choice {
        value: row.uuid.clone(),
        searched: line.text(),
        label: line.fit(columns).text(),
    });
    choices.collect()
}

fn usable(devices: &[DeviceRow]) -> impl Iterator<Item = &DeviceRow> {
    devices.iter().filter(|row| row.problem.is_none())
}

/// The version that an image's tag names.
pub fn version_of(firmware: &str) -> Option<String> {
    let reference: ImageReference = firmware.parse().ok()?;
    let tag = reference.tag.filter(|tag| tag != "latest")?;
    Some(tag.strip_prefix('v').unwrap_or(&tag).to_owned())
}

/// A name for a job that brings this version.
pub fn name(of: &str, version: &str) -> String {
    let name = format!("{of}-{version}").to_lowercase();
    let letter = |letter: char| match letter {
        'a'..='z' | '0'..='9' | '.' => letter,
        _ => '-',
    };
    let name: String = name.chars().map(letter).take(MOST).collect();
    name.trim_matches(['-', '.']).to_owned()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn device(number: usize, device: Option<&str>, problem: Option<&str>) -> DeviceRow {
        DeviceRow {
            uuid: format!("u-{number}"),
            instance: format!("i-{number}"),
            namespace: "lab".into(),
            configuration: None,
            endpoint: Some(format!("192.0.2.{number}:80")),
            device: device.map(str::to_owned),
            application: None,
            version: Some("1\u{1b}[2J".into()),
            nodes: Vec::new(),
            problem: problem.map(str::to_owned),
            busy: None,
            last: None,
        }
    }

    fn labels(choices: &[Choice]) -> Vec<String> {
        choices.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn types_and_devices_are_those_that_can_be_flashed() {
        let rows = [
            device(1, Some("esp32"), None),
            device(2, Some("esp32"), None),
            device(3, Some("lamp"), None),
            device(4, None, None),
            device(5, Some("lamp"), Some("no endpoint")),
        ];
        let types = kinds(&rows, |row| row.device.as_deref());
        assert_eq!(labels(&types), ["esp32 (2 devices)", "lamp (1 device)"]);
        let offered = devices(&rows, 80);
        assert_eq!(offered.len(), 4);
        assert_eq!(offered[0].value, "u-1");
        let label = "192.0.2.1:80 esp32 - 1\\u{1b}[2J u-1";
        assert_eq!(offered[0].to_string(), label);
        // In what is cut off something is found all the same.
        let narrow = &devices(&rows, 20)[0];
        assert_eq!(narrow.to_string(), "192.0.2.1:80 esp32 …");
        assert_eq!(narrow.searched, label);
    }

    #[rstest]
    #[case::a_tag("registry.example.com:5000/a/b:1.2.0", Some("1.2.0"))]
    #[case::with_a_v("a/b:v2", Some("2"))]
    #[case::none("registry.example.com:5000/a/b", None)]
    #[case::no_reference("A B", None)]
    fn the_tag_proposes_the_version(#[case] firmware: &str, #[case] version: Option<&str>) {
        assert_eq!(version_of(firmware).as_deref(), version);
    }

    #[rstest]
    #[case("thermo", "1.2.0", "thermo-1.2.0")]
    #[case("Thermo Sensor", "1.2.0+b_1", "thermo-sensor-1.2.0-b-1")]
    #[case("-", "", "")]
    fn a_name_is_one_that_objects_may_have(
        #[case] of: &str,
        #[case] version: &str,
        #[case] expected: &str,
    ) {
        assert_eq!(name(of, version), expected);
    }
}
