//! Helm releases and the history of a device, for a terminal. Pure.

use flashjob_operator::cli::history::{History, ReleaseRow};
use jiff::Timestamp;

use crate::show::{Line, Tone, age, table::lines};

/// State of a release, in its colour.
fn status(of: &ReleaseRow) -> Line {
    let tone = match of.status.as_str() {
        "deployed" => Tone::Busy,
        "failed" => Tone::Bad,
        _ => Tone::Faint,
    };
    let foreign = if of.foreign { " (foreign)" } else { "" };
    Line::of(tone, &format!("{}{foreign}", of.status))
}

fn age_of(of: &ReleaseRow, now: Timestamp) -> Line {
    let age = of.updated_at.map(|updated| age::of(updated, now));
    Line::of(Tone::Plain, &age.unwrap_or_default())
}

/// The table of releases.
pub fn table(releases: &[ReleaseRow], wide: bool, now: Timestamp) -> Vec<Line> {
    let mut titles = vec!["ENDPOINT", "STATUS", "JOB", "VERSION", "UPDATED"];
    if wide {
        titles.extend(["RELEASE", "REVISION"]);
    }
    titles.push("DESCRIPTION");
    let plain = |text: &str| Line::of(Tone::Plain, text);
    let rows = releases.iter().map(|row| {
        let mut cells = vec![
            plain(&row.endpoint),
            status(row),
            plain(&row.job),
            plain(&row.version),
            age_of(row, now),
        ];
        if wide {
            cells.extend([plain(&row.release), plain(&row.revision.to_string())]);
        }
        cells.push(plain(&row.description));
        cells
    });
    lines(&titles, rows.collect())
}

/// The lines of a history.
pub fn history(of: &History, now: Timestamp) -> Vec<Line> {
    let plain = |text: &str| Line::of(Tone::Plain, text);
    let endpoint = of
        .endpoint
        .as_ref()
        .map(|endpoint| format!(" at {endpoint}"));
    let title = format!("Device {}{}", of.device, endpoint.unwrap_or_default());
    let mut all = vec![Line::of(Tone::Strong, &title), Line::default()];
    if of.verdicts.is_empty() {
        all.push(plain("No FlashJob has an entry for it."));
    } else {
        let titles = [
            "JOB", "ROUND", "VERSION", "PHASE", "REASON", "ATTEMPTS", "ENDED",
        ];
        let rows = of.verdicts.iter().map(|verdict| {
            let round = verdict.round.map(|round| round.to_string());
            let ended = verdict
                .finished_at
                .map(|ended| age::of(ended, now) + " ago");
            vec![
                plain(&verdict.job),
                plain(&round.unwrap_or_default()),
                plain(verdict.version.as_deref().unwrap_or_default()),
                plain(&verdict.phase),
                plain(&verdict.reason),
                plain(&verdict.attempts.to_string()),
                plain(&ended.unwrap_or_else(|| "-".to_owned())),
            ]
        });
        all.extend(lines(&titles, rows.collect()));
    }
    if !of.attempts.is_empty() {
        all.push(Line::default());
        let titles = [
            "REVISION",
            "STATUS",
            "JOB",
            "ROUND.ATTEMPT",
            "VERSION",
            "UPDATED",
            "DESCRIPTION",
        ];
        let rows = of.attempts.iter().map(|row| {
            vec![
                plain(&row.revision.to_string()),
                status(row),
                plain(&row.job),
                plain(&format!("{}.{}", row.round, row.attempt)),
                plain(&row.version),
                age_of(row, now),
                plain(&row.description),
            ]
        });
        all.extend(lines(&titles, rows.collect()));
    }
    for words in &of.not_seen {
        all.push(Line::of(Tone::Patient, &format!("Not seen: {words}")));
    }
    all
}

#[cfg(test)]
#[path = "release_tests.rs"]
mod tests;
