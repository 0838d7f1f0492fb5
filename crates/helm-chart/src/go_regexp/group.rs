//! The parts of a pattern that is being translated. Pure.

use super::Flags;
use super::class::NOTHING;

/// A part of a pattern, as the crate writes it.
#[derive(Debug, Default)]
pub(super) struct Item {
    pub(super) text: String,
    /// Whether an operator behind it would apply to all of it.
    pub(super) atom: bool,
    /// Whether it can match at a place in only one way.
    pub(super) fixed: bool,
    /// Most copies that its repetitions ask for.
    pub(super) copies: u32,
    pub(super) height: u32,
}

/// An open group, or the whole pattern.
#[derive(Debug, Default)]
pub(super) struct Group {
    /// `(` or `(?:`
    pub(super) opening: &'static str,
    /// Whether Go counts it as a level.
    pub(super) level: bool,
    /// Flags to return to.
    pub(super) flags: Flags,
    /// Alternatives that are complete.
    pub(super) alternatives: Vec<Item>,
    /// The parts of the alternative that is not complete.
    pub(super) items: Vec<Item>,
}

impl Group {
    /// Completes an alternative.
    pub(super) fn next(&mut self) {
        let height = self.items.iter().map(|item| item.height).max().unwrap_or(0);
        let joined = Item {
            text: self.items.iter().map(|item| item.text.as_str()).collect(),
            atom: false,
            fixed: self.items.iter().all(|item| item.fixed),
            copies: self.items.iter().map(|item| item.copies).max().unwrap_or(0),
            height: height + u32::from(self.items.len() != 1),
        };
        self.items.clear();
        self.alternatives.push(joined);
    }

    /// The complete group as a part of the pattern around it.
    pub(super) fn close(mut self) -> Item {
        self.next();
        let several = self.alternatives.len() > 1;
        let fixed = self.alternatives.iter().all(|item| item.fixed);
        let texts: Vec<&str> = self
            .alternatives
            .iter()
            .map(|item| item.text.as_str())
            .collect();
        let mut text = format!("{}{}", self.opening, texts.join("|"));
        if several && !fixed {
            text.push('|');
            text.push_str(NOTHING);
        }
        if !self.opening.is_empty() {
            text.push(')');
        }
        let height = self.alternatives.iter().map(|item| item.height).max();
        Item {
            text,
            atom: !self.opening.is_empty(),
            fixed: fixed && !several,
            copies: self
                .alternatives
                .iter()
                .map(|item| item.copies)
                .max()
                .unwrap_or(0),
            height: height.unwrap_or(0) + u32::from(several) + u32::from(self.level),
        }
    }
}
