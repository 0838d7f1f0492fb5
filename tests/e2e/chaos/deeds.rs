//! What a hostile writer did.

use std::{collections::BTreeMap, fmt};

/// Something that she does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Deed {
    /// An object of a flash, with labels and seal, in her own namespace.
    CopiedHome,
    /// The same under another name beside the original.
    CopiedBeside,
    /// A selection, as it was or with other devices, in either namespace.
    CopiedSelection,
    /// A release record that was made up.
    Forged,
    /// Labels of an object of the operator taken off or altered.
    Relabelled,
    /// Labels of a flash put on an object that has nothing to do with it.
    Mislabelled,
    /// A Pod of hers made to look as if it had flashed.
    Faked,
    /// Something of hers deleted.
    Withdrawn,
    /// A write that the API server refused.
    Refused,
}

use Deed::{
    CopiedBeside, CopiedHome, CopiedSelection, Faked, Forged, Mislabelled, Refused, Relabelled,
    Withdrawn,
};

const ALL: [(Deed, &str); 9] = [
    (CopiedHome, "copied into her namespace"),
    (CopiedBeside, "copied beside the original"),
    (CopiedSelection, "selections copied"),
    (Forged, "records forged"),
    (Relabelled, "relabelled"),
    (Mislabelled, "wrong objects labelled"),
    (Faked, "ends faked"),
    (Withdrawn, "withdrawn"),
    (Refused, "refused"),
];

/// How often she did what.
#[derive(Debug, Clone, Default)]
pub struct Deeds(BTreeMap<Deed, usize>);

impl Deeds {
    pub fn count(&mut self, deed: Deed) {
        *self.0.entry(deed).or_default() += 1;
    }

    pub fn add(&mut self, other: Self) {
        for (deed, count) in other.0 {
            *self.0.entry(deed).or_default() += count;
        }
    }

    /// Writes that were carried out.
    pub fn all(&self) -> usize {
        let done = self.0.iter().filter(|(deed, _)| **deed != Refused);
        done.map(|(_, count)| count).sum()
    }

    /// What she never did.
    pub fn never_done(&self) -> Vec<&'static str> {
        let missing = |deed: &Deed| *deed != Refused && !self.0.contains_key(deed);
        let missing = ALL.iter().filter(|(deed, _)| missing(deed));
        missing.map(|(_, words)| *words).collect()
    }
}

impl fmt::Display for Deeds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "hostile writes:")?;
        for (place, (deed, words)) in ALL.iter().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            let count = self.0.get(deed).unwrap_or(&0);
            write!(f, "{comma} {count} {words}")?;
        }
        Ok(())
    }
}
