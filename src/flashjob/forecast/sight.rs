//! What could not be seen of a cluster, and how sure a forecast is without it. Pure.

use schemars::JsonSchema;
use serde::Serialize;

use super::{Fate, Forecast};
use crate::flashclass::Terms;

/// Something that decides about a job, and that a person may not be allowed to read.
#[derive(Serialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum Part {
    /// The operator's settings, and the chart values of the administrator.
    Settings,
    /// The classes.
    Classes,
    /// Labels of namespaces.
    Namespaces,
    /// Akri's Instances.
    Instances,
    /// The job of that name as it is stored, with the devices that its round froze.
    Stored,
    /// Who signed the firmware: keys and trusted roots are Secrets of the operator's namespace.
    Signatures,
}

/// A part that could not be seen, or not all of it.
#[derive(Serialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct NotSeen {
    /// The part.
    pub part: Part,
    /// Why, and what is not told without it.
    pub message: String,
}

/// The answer, in short.
#[derive(Serialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Every device would be flashed, or needs no flash.
    WouldRun,
    /// Something would be refused, or somebody is waited for.
    Refused,
    /// Nothing that can be seen stops it, and not everything can be seen.
    CannotTell,
}

/// Classes that let no round begin without a signature, which a forecast does not look for.
pub(super) fn unchecked_signatures(terms: &Terms) -> impl Iterator<Item = NotSeen> {
    let asked = terms.signatures();
    let enforced = asked.filter(|(_, asked)| asked.are_enforced());
    enforced.map(|(class, asked)| {
        let names: Vec<_> = asked
            .authorities
            .iter()
            .map(|authority| authority.name.as_str())
            .collect();
        NotSeen {
            part: Part::Signatures,
            message: format!(
                "FlashClass {class} lets a round begin only with firmware that is signed by {}: whether it is was not looked at here",
                names.join(" or ")
            ),
        }
    })
}

/// Whether one of these parts was not seen.
pub(super) fn lacks(not_seen: &[NotSeen], parts: &[Part]) -> bool {
    not_seen.iter().any(|one| parts.contains(&one.part))
}

impl Forecast {
    /// The answer, in short. What is refused is refused whatever could not be seen.
    #[must_use]
    pub fn answer(&self) -> Answer {
        let any = |fate: Fate| self.devices.iter().any(|device| device.fate == fate);
        let awaited = any(Fate::Awaited) && !self.may_be_discovered();
        let image = self.image.as_ref();
        let unfit = image.is_some_and(|image| image.refusal.is_some());
        if self.refusal.is_some() || unfit || any(Fate::Refused) || awaited {
            Answer::Refused
        } else if self.not_seen.is_empty() {
            Answer::WouldRun
        } else {
            Answer::CannotTell
        }
    }

    /// Whether a device that was not found may be there all the same.
    pub(super) fn may_be_discovered(&self) -> bool {
        lacks(&self.not_seen, &[Part::Instances, Part::Stored])
    }
}
