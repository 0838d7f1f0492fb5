//! What came of the waves, as a table.

use super::deeds::Deeds;
use testbed::auditor::Report;

/// What came of some waves.
#[derive(Default)]
pub struct Tally {
    pub operators: usize,
    pub helms: usize,
    pub waves: usize,
    pub deeds: Deeds,
    pub report: Report,
}

impl Tally {
    pub const fn kills(&self) -> usize {
        self.operators + self.helms
    }

    pub fn add(&mut self, other: Self) {
        self.waves += other.waves;
        self.operators += other.operators;
        self.helms += other.helms;
        self.deeds.add(other.deeds);
        self.report.add(other.report);
    }

    pub fn row(&self, name: &str) -> String {
        let Report {
            flashes,
            verdicts,
            violations,
            ..
        } = &self.report;
        format!(
            "{name:<20}{:>8}{flashes:>10}{:>16}{:>12}{:>16}{verdicts:>10}{:>12}",
            self.waves,
            self.operators,
            self.helms,
            self.deeds.all(),
            violations.len()
        )
    }

    pub fn head() -> String {
        format!(
            "{:<20}{:>8}{:>10}{:>16}{:>12}{:>16}{:>10}{:>12}",
            "",
            "waves",
            "flashes",
            "operator kills",
            "helm kills",
            "hostile writes",
            "verdicts",
            "violations"
        )
    }
}
